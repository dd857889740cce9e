// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/rules"
	"golang.org/x/sync/errgroup"

	"github.com/strata-apm/strata/alerting/receiver"
	"github.com/strata-apm/strata/internal/lease"
	"github.com/strata-apm/strata/storage"
)

// LeasePrefix begins the name of the lease of a notifier; its id follows.
const LeasePrefix = "notifier/"

// Options are given by alerting. Fields without a default are required.
type Options struct {
	Notifiers storage.NotifierStore
	Queue     storage.NotificationQueue
	Log       storage.NotificationLog
	// Types are the kinds of notifiers there are.
	Types  receiver.Types
	Leases *lease.Manager
	// RulePrefix begins the names of leases of rule groups; the keys of groups of alerts leave it out.
	RulePrefix string
	// ReportInterval is how often an alert that goes on firing is reported again, and how soon a decision that was not stored is made again.
	ReportInterval time.Duration
	// RepeatInterval is how often a notifier is reminded of alerts that go on firing.
	RepeatInterval time.Duration
	// PollInterval is how often notifiers that another process has changed are looked for.
	PollInterval time.Duration
	// Retry is the zero value for 1 s to 5 min.
	Retry Retry
	// ExternalURL is how people reach the server; links in notifications start with it.
	ExternalURL *url.URL
	// ExternalLabels are added to every alert that is sent.
	ExternalLabels labels.Labels
	Logger         *slog.Logger
	Registerer     prometheus.Registerer
	// Now is the clock by which alerts and notifications grow old; nil is time.Now.
	Now func() time.Time
}

// validity is how long an alert is believed after it was last reported, at least.
func (o *Options) validity() time.Duration { return missedReports * o.ReportInterval }

// Pipeline takes what rules report and delivers what has to be said, beside other copies on the same catalog. Safe for concurrent use, but
// for Run, which is called once.
type Pipeline struct {
	dispatcher *dispatcher
	delivery   *delivery
}

// New returns a pipeline that stores decisions, and delivers once it is run.
func New(opts Options) (*Pipeline, error) {
	if opts.Notifiers == nil || opts.Queue == nil || opts.Log == nil || opts.Leases == nil || opts.ExternalURL == nil || opts.Logger == nil || opts.Registerer == nil ||
		opts.ReportInterval <= 0 || opts.RepeatInterval <= 0 || opts.PollInterval <= 0 {
		return nil, errors.New("notifications: an option is missing")
	}
	if opts.Retry == (Retry{}) {
		opts.Retry = defaultRetry()
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	c, err := newCounts(opts.Registerer)
	if err != nil {
		return nil, err
	}
	d := newDelivery(opts, c)
	return &Pipeline{dispatcher: newDispatcher(opts, c, d), delivery: d}, nil
}

// Load reads the notifiers, so that Leases knows of them.
func (p *Pipeline) Load(ctx context.Context) error {
	_, _, err := p.delivery.load(ctx)
	return err
}

// Run delivers until ctx ends.
func (p *Pipeline) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return p.delivery.run(ctx, p.dispatcher.tell) })
	g.Go(func() error { return p.delivery.watchQueue(ctx) })
	return g.Wait() // They return none.
}

// Notify takes what a rule group reports under its lease. When it returns, what had to be told is stored, or is decided again at the next
// report.
func (p *Pipeline) Notify(ctx context.Context, by lease.Grant, alerts []*rules.Alert) {
	p.dispatcher.notify(ctx, by, alerts)
}

// TakeUp reads what other copies and runs have told of the rule groups that this copy may act for now and did not before.
func (p *Pipeline) TakeUp(ctx context.Context, having []lease.Grant) error {
	return p.dispatcher.adopt(ctx, having)
}

// StillActive says whether a rule may still have an alert that it has not reported for a while. The rule group is known by its lease, the rule
// by its name, and the alert by is, which is asked of an alert's labels.
type StillActive func(ruleLease, rule string, is func(labels.Labels) bool) bool

// Sweep ends alerts that no rule has any more. having are the rule groups that this copy may act for.
func (p *Pipeline) Sweep(ctx context.Context, having []lease.Grant, stillActive StillActive) {
	p.dispatcher.sweep(ctx, having, stillActive)
}

// Orphans names the leases of rule groups beyond those given in whose alerts notifiers still believe.
func (p *Pipeline) Orphans(ctx context.Context, groups []string) ([]string, error) {
	keys, err := p.dispatcher.opts.Log.NotifiedKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("read notification log: %w", err)
	}
	var orphans []string
	for _, key := range keys {
		name, ok := p.dispatcher.opts.leaseOfKey(key)
		if ok && !slices.Contains(groups, name) && !slices.Contains(orphans, name) {
			orphans = append(orphans, name)
		}
	}
	return orphans, nil
}

// Leases names the leases of all enabled notifiers.
func (p *Pipeline) Leases() []string { return p.delivery.names() }

// LetGo ends delivery under leases that are about to be released, and returns when it has ended.
func (p *Pipeline) LetGo(leases []string) { p.delivery.letGo(leases) }

// LeasesChanged makes delivery follow the leases that this copy has now.
func (p *Pipeline) LeasesChanged() { p.delivery.refresh() }

// NotifiersChanged makes delivery follow the notifiers of the catalog, and tells those that are new of what fires already.
func (p *Pipeline) NotifiersChanged(ctx context.Context) {
	p.delivery.refresh()
	p.dispatcher.tell(ctx)
}

// Dropped counts notifications that were given up because their notifier was switched off.
func (p *Pipeline) Dropped(notifier string, n int) {
	p.delivery.counts.dropped.WithLabelValues(notifier, dropDisabled).Add(float64(n))
}
