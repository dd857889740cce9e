// SPDX-License-Identifier: Apache-2.0

package alerting

import (
	"errors"
	"log/slog"
	"net/url"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	promstorage "github.com/prometheus/prometheus/storage"

	"github.com/strata-apm/strata/alerting/notify"
	"github.com/strata-apm/strata/alerting/receiver"
	"github.com/strata-apm/strata/storage"
)

// Store is what alerting keeps in the catalog.
type Store struct {
	Rules     storage.RuleStore
	Notifiers storage.NotifierStore
	Queue     storage.NotificationQueue
	Log       storage.NotificationLog
	// Leases and Versions are for several processes on one catalog. Without leases this one evaluates and delivers everything;
	// without versions it does not see rules that another process changes.
	Leases   storage.LeaseStore
	Versions storage.RuleVersions
}

// Catalog is a catalog that has everything.
type Catalog interface {
	storage.RuleStore
	storage.RuleVersions
	storage.NotifierStore
	storage.NotificationQueue
	storage.NotificationLog
	storage.LeaseStore
}

// StoreOf takes everything from one catalog, which other processes may share.
func StoreOf(c Catalog) Store {
	return Store{Rules: c, Notifiers: c, Queue: c, Log: c, Leases: c, Versions: c}
}

// Options are given by the program. Fields without a default are required.
type Options struct {
	Engine     promql.QueryEngine
	Queryable  promstorage.Queryable
	Appendable promstorage.Appendable
	// Parser must allow what Engine understands; nil is Prometheus' default.
	Parser parser.Parser
	Store  Store
	// Types are the kinds of notifiers there are.
	Types receiver.Types
	// RuleFiles are globs of Prometheus rule files.
	RuleFiles []string
	// BuiltIn are rule files that come with the program, by name. They are read-only.
	BuiltIn map[string]string
	// EvaluationInterval is for groups that name none; 0 means 15 s.
	EvaluationInterval time.Duration
	// RepeatInterval is how often a notifier is reminded of alerts that go on firing; 0 means 4 h. A change is told at once.
	RepeatInterval time.Duration
	// ReloadInterval is how often rule files are looked at; 0 means 15 s.
	ReloadInterval time.Duration
	// PollInterval is how often rules and notifiers that another process has changed are looked for; 0 means 3 s.
	PollInterval time.Duration
	// LeaseTTL is how long after this copy dies the others have taken over its rule groups and notifiers, at most; 0 means 15 s.
	LeaseTTL time.Duration
	// Holder names this copy among those that share the catalog. Two that run must not have the same; one that is started again
	// with the same needs not wait until its leases run out. Empty means a random one.
	Holder string
	// ForGracePeriod is how long a restored alert stays pending at least; 0 means 10 min.
	ForGracePeriod time.Duration
	// ExternalURL is how people reach the server; links in notifications start with it.
	ExternalURL *url.URL
	// ExternalLabels are added to every alert that is sent.
	ExternalLabels labels.Labels
	Logger         *slog.Logger
	Registerer     prometheus.Registerer

	// retry and now replace the schedule of delivery and the clock of notifications in tests.
	retry notify.Retry
	now   func() time.Time
}

func (o *Options) setDefaults() error {
	s := o.Store
	if o.Engine == nil || o.Queryable == nil || o.Appendable == nil || o.Logger == nil || s.Rules == nil || s.Notifiers == nil || s.Queue == nil || s.Log == nil {
		return errors.New("alerting: an option is missing")
	}
	if o.Parser == nil {
		o.Parser = parser.NewParser(parser.Options{})
	}
	if o.ExternalURL == nil {
		o.ExternalURL = &url.URL{Scheme: "http", Host: "127.0.0.1:7080"}
	}
	if o.Registerer == nil {
		o.Registerer = prometheus.NewRegistry()
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&o.EvaluationInterval, 15 * time.Second},
		{&o.RepeatInterval, 4 * time.Hour},
		{&o.ReloadInterval, 15 * time.Second},
		{&o.ForGracePeriod, 10 * time.Minute},
		{&o.PollInterval, 3 * time.Second},
		{&o.LeaseTTL, 15 * time.Second},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if o.Holder == "" {
		o.Holder = ulid.Make().String()
	}
	return nil
}
