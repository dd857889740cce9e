// SPDX-License-Identifier: Apache-2.0

package alerting

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	promrules "github.com/prometheus/prometheus/rules"
	"golang.org/x/sync/errgroup"

	"github.com/strata-apm/strata/alerting/httpapi"
	"github.com/strata-apm/strata/alerting/notify"
	"github.com/strata-apm/strata/alerting/rules"
	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/internal/lease"
)

// copyPrefix begins the names of the leases by which copies know of each other, one for each that lives.
const copyPrefix = "alerting/"

// Alerting runs rules and notifiers, beside other copies on the same catalog. Made by New, run once by Run.
type Alerting struct {
	opts   Options
	leases *lease.Manager
	rules  *rules.Evaluator
	notify *notify.Pipeline
	api    *httpapi.API
	held   *prometheus.GaugeVec // leases by kind
	ready  atomic.Bool

	mu      sync.Mutex
	orphans []string // leases of groups that are gone while notifiers still believe in their alerts; guarded by mu
}

// New returns alerting that does nothing until Run.
func New(opts Options) (*Alerting, error) {
	if err := opts.setDefaults(); err != nil {
		return nil, err
	}
	a := &Alerting{opts: opts, leases: lease.New(lease.Options{
		Store: opts.Store.Leases, Holder: opts.Holder, Presence: copyPrefix, Kinds: []string{rules.LeasePrefix, notify.LeasePrefix},
		Replaced: opts.LeaseTTL, Logger: opts.Logger,
	})}
	a.held = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: "strata", Subsystem: "alerting", Name: "leases_held", Help: "Rule groups and notifiers that this copy acts for.",
	}, []string{"kind"})
	if err := opts.Registerer.Register(a.held); err != nil {
		return nil, fmt.Errorf("register metrics of alerting: %w", err)
	}
	var err error
	if a.notify, err = a.newPipeline(); err != nil {
		return nil, err
	}
	if a.rules, err = a.newEvaluator(); err != nil {
		return nil, err
	}
	if a.api, err = a.newAPI(); err != nil {
		return nil, err
	}
	return a, nil
}

func (a *Alerting) newPipeline() (*notify.Pipeline, error) {
	o := a.opts
	return notify.New(notify.Options{
		Notifiers: o.Store.Notifiers, Queue: o.Store.Queue, Log: o.Store.Log, Types: o.Types, Leases: a.leases, RulePrefix: rules.LeasePrefix,
		ReportInterval: rules.ReportInterval, RepeatInterval: o.RepeatInterval, PollInterval: o.PollInterval, Retry: o.retry,
		ExternalURL: o.ExternalURL, ExternalLabels: o.ExternalLabels, Logger: o.Logger, Registerer: o.Registerer, Now: o.now,
	})
}

func (a *Alerting) newEvaluator() (*rules.Evaluator, error) {
	o := a.opts
	return rules.New(rules.Options{
		Engine: o.Engine, Queryable: o.Queryable, Appendable: o.Appendable, Parser: o.Parser, Groups: o.Store.Rules, Versions: o.Store.Versions,
		Leases: a.leases, Files: o.RuleFiles, BuiltIn: o.BuiltIn, EvaluationInterval: o.EvaluationInterval, PollInterval: o.PollInterval,
		LeaseTTL: o.LeaseTTL, ForGracePeriod: o.ForGracePeriod, ExternalURL: o.ExternalURL, ExternalLabels: o.ExternalLabels,
		TakeUp: a.takeUp, Notify: a.report, Logger: o.Logger, Registerer: o.Registerer,
	})
}

// newAPI is the API of a process that runs rules: what is changed is effective when the call returns.
func (a *Alerting) newAPI() (*httpapi.API, error) {
	o := a.opts
	return httpapi.New(httpapi.Options{
		Rules: o.Store.Rules, Notifiers: o.Store.Notifiers, Queue: o.Store.Queue, Log: o.Store.Log, State: a.rules.State(), Types: o.Types,
		Parser: o.Parser, EvaluationInterval: o.EvaluationInterval, ExternalURL: o.ExternalURL, Logger: o.Logger, Watcher: watcher{a},
	})
}

// report hands on what a rule group reports.
func (a *Alerting) report(ctx context.Context, by lease.Grant, alerts []*promrules.Alert) {
	a.notify.Notify(ctx, by, alerts)
}

// takeUp reads what was told of the rule groups that are new to this copy.
func (a *Alerting) takeUp(ctx context.Context) error {
	return a.notify.TakeUp(ctx, a.ruleLeases())
}

// Manager is the rule manager, for Prometheus' own API (its RulesRetriever).
func (a *Alerting) Manager() *promrules.Manager { return a.rules.Manager() }

// Ready says whether the rules have been loaded and are evaluated.
func (a *Alerting) Ready() bool { return a.ready.Load() }

// Warnings describes rule sources that do not load, empty when all do.
func (a *Alerting) Warnings() []string { return a.rules.Warnings() }

// Routes is the table of the API's routes.
func (a *Alerting) Routes() []httpx.Route { return a.api.Routes() }

// Reload reads all rules again. It is for SIGHUP; files that change and edits through the API need no call. Before Run has loaded the
// rules it does nothing.
func (a *Alerting) Reload(ctx context.Context) error { return a.rules.Reload(ctx) }

// Run evaluates rules and delivers notifications until ctx ends, then releases its leases. It loads the rules first; a catalog that
// does not answer then is an error.
func (a *Alerting) Run(ctx context.Context) error {
	if err := a.begin(ctx); err != nil {
		a.rules.Abandon()
		return err
	}
	a.ready.Store(true)
	defer a.leases.Release(ctx)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return a.rules.Run(ctx) })
	g.Go(func() error { return a.leases.Run(ctx, owner{a}) })
	g.Go(func() error { return a.notify.Run(ctx) })
	g.Go(func() error { return a.housekeep(ctx) })
	return g.Wait()
}

// begin loads what there is and gets the first leases, so that nothing has to wait that is free.
func (a *Alerting) begin(ctx context.Context) error {
	if err := a.rules.Load(ctx); err != nil {
		return err
	}
	if err := a.findOrphans(ctx); err != nil {
		return err
	}
	if err := a.notify.Load(ctx); err != nil {
		return err
	}
	a.leases.Tick(ctx, owner{a})
	return a.takeUp(ctx)
}

// housekeep reloads rule files that changed and resolves alerts that nobody reports any more.
func (a *Alerting) housekeep(ctx context.Context) error {
	ticker := time.NewTicker(a.opts.ReloadInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		err := a.rules.ReloadChanged(ctx)
		if err == nil {
			err = a.findOrphans(ctx)
		}
		if err != nil && ctx.Err() == nil {
			a.opts.Logger.Error("rules not reloaded", "error", err)
		}
		a.notify.Sweep(ctx, a.ruleLeases(), a.rules.StillActive)
	}
}

// ruleLeases lists the rule groups that this copy may act for now.
func (a *Alerting) ruleLeases() []lease.Grant {
	if !a.leases.Alone() {
		return a.leases.Having(rules.LeasePrefix)
	}
	var out []lease.Grant
	for _, name := range a.wanted() {
		if g, ok := a.leases.Grant(name); ok && strings.HasPrefix(name, rules.LeasePrefix) {
			out = append(out, g)
		}
	}
	return out
}

// wanted names the leases there are to have.
func (a *Alerting) wanted() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Concat(a.rules.Leases(), a.orphans, a.notify.Leases())
}

// findOrphans looks for alerts that notifiers believe in and no rule group is left to end: their leases are wanted as well.
func (a *Alerting) findOrphans(ctx context.Context) error {
	orphans, err := a.notify.Orphans(ctx, a.rules.Leases())
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.orphans = orphans
	return nil
}

// owner is what this copy's leases are for.
type owner struct{ *Alerting }

// Wanted implements lease.Owner.
func (o owner) Wanted() []string { return o.wanted() }

// LetGo implements lease.Owner. Evaluations end by themselves, at their next query.
func (o owner) LetGo(names []string) { o.notify.LetGo(names) }

// Changed implements lease.Owner.
func (o owner) Changed(held []string) {
	for _, kind := range []string{rules.LeasePrefix, notify.LeasePrefix} {
		n := 0
		for _, name := range held {
			if strings.HasPrefix(name, kind) {
				n++
			}
		}
		o.held.WithLabelValues(strings.TrimSuffix(kind, "/")).Set(float64(n))
	}
	o.notify.LeasesChanged()
}

// watcher makes changes by the API effective at once.
type watcher struct{ *Alerting }

// RulesChanged implements httpapi.Watcher. When it fails the change is stored all the same and the next look at the files does it.
func (w watcher) RulesChanged(ctx context.Context) {
	if err := w.Reload(ctx); err != nil {
		w.rules.Invalidate()
		w.opts.Logger.Error("rules not reloaded after a change", "error", err)
	}
}

// NotifiersChanged implements httpapi.Watcher.
func (w watcher) NotifiersChanged(ctx context.Context) { w.notify.NotifiersChanged(ctx) }

// NotificationsDropped implements httpapi.Watcher.
func (w watcher) NotificationsDropped(notifier string, n int) { w.notify.Dropped(notifier, n) }
