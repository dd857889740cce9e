// SPDX-License-Identifier: Apache-2.0

package alerting

import (
	"errors"
	"log/slog"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	promstorage "github.com/prometheus/prometheus/storage"

	"github.com/strata-apm/strata/storage"
)

// Store is what alerting keeps in the catalog.
type Store struct {
	Rules     storage.RuleStore
	Notifiers storage.NotifierStore
	Queue     storage.NotificationQueue
	Log       storage.NotificationLog
}

// Options are given by the program. Fields without a default are required.
type Options struct {
	Engine     promql.QueryEngine
	Queryable  promstorage.Queryable
	Appendable promstorage.Appendable
	// Parser must allow what Engine understands; nil is Prometheus' default.
	Parser parser.Parser
	Store  Store
	// RuleFiles are globs of Prometheus rule files.
	RuleFiles []string
	// EvaluationInterval is for groups that name none; 0 means 15 s.
	EvaluationInterval time.Duration
	// RepeatInterval is how often a notifier is reminded of alerts that go on firing; 0 means 4 h. A change is told at once.
	RepeatInterval time.Duration
	// ReloadInterval is how often rule files are looked at; 0 means 15 s.
	ReloadInterval time.Duration
	// ForGracePeriod is how long a restored alert stays pending at least; 0 means 10 min.
	ForGracePeriod time.Duration
	// ExternalURL is how people reach the server; links in notifications start with it.
	ExternalURL *url.URL
	// ExternalLabels are added to every alert that is sent.
	ExternalLabels labels.Labels
	Version        string
	Logger         *slog.Logger
	Registerer     prometheus.Registerer

	// retry and now replace the schedule of delivery and the clock of the dispatcher in tests.
	retry retryPolicy
	now   func() time.Time
}

const (
	// resendDelay is how often the rule manager hands on an alert that goes on firing, and a resolved one for 15 minutes after its
	// end (Prometheus' alert generator specification). The dispatcher tells notifiers of changes only, and what it missed it sees
	// again within this time.
	resendDelay = time.Minute
	// outageTolerance is how long the server may be away for pending time to be restored.
	outageTolerance = time.Hour
)

func (o *Options) setDefaults() error {
	if o.Engine == nil || o.Queryable == nil || o.Appendable == nil || o.Store.Rules == nil || o.Store.Notifiers == nil ||
		o.Store.Queue == nil || o.Store.Log == nil || o.Logger == nil {
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
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if o.retry == (retryPolicy{}) {
		o.retry = defaultRetry()
	}
	if o.now == nil {
		o.now = time.Now
	}
	return nil
}
