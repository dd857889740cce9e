// SPDX-License-Identifier: Apache-2.0

package alerting

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/rules"
	"golang.org/x/sync/errgroup"

	"github.com/strata-apm/strata/alerting/webhook"
	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/internal/lease"
)

// maxConcurrentEvals bounds the rules that are evaluated beside the regular ones, as Prometheus does.
const maxConcurrentEvals = 4

// Alerting runs rules and notifiers, beside other copies on the same catalog. Made by New, run once by Run.
type Alerting struct {
	opts       Options
	loader     *loader
	manager    *rules.Manager
	leases     *lease.Manager
	gate       *gate
	dispatcher *dispatcher
	delivery   *delivery
	counts     *counts
	api        *API
	started    time.Time
	first      map[string]bool // leases of the groups that were there at the start; not changed after
	// stopEvals ends evaluations under way, which the manager would wait for.
	stopEvals context.CancelFunc
	ready     atomic.Bool

	reloadMu sync.Mutex // One reload at a time.
	seen     string     // State of the rule files at the last reload; guarded by reloadMu.
	loaded   bool       // Run has loaded the rules; guarded by reloadMu.
	version  string     // Version of the catalog's rules at the last reload; guarded by reloadMu.

	namesMu sync.Mutex
	groups  []string // leases of the rule groups; guarded by namesMu
	orphans []string // leases of groups that are gone while notifiers still believe in their alerts; guarded by namesMu
}

// New returns alerting that does nothing until Run.
func New(opts Options) (*Alerting, error) {
	if err := opts.setDefaults(); err != nil {
		return nil, err
	}
	c, err := newCounts(opts.Registerer)
	if err != nil {
		return nil, err
	}
	a := &Alerting{opts: opts, counts: c, loader: newLoader(opts.Parser, opts.BuiltIn, opts.Logger), gate: newGate(), first: make(map[string]bool)}
	a.leases = lease.New(lease.Options{
		Store: opts.Store.Leases, Holder: opts.Holder, Presence: copyPrefix, Kinds: []string{rulesPrefix, notifierPrefix}, Replaced: opts.LeaseTTL, Logger: opts.Logger,
	})
	a.delivery = newDelivery(opts, c, a.leases, webhook.NewSender(opts.Version))
	a.dispatcher = newDispatcher(opts, c, a.delivery, a.leases)
	a.api = a.newAPI()
	// The manager wants its context at construction; Run ends it.
	ctx, cancel := context.WithCancel(context.Background())
	a.stopEvals = cancel
	a.manager = rules.NewManager(&rules.ManagerOptions{
		NameValidationScheme: model.UTF8Validation,
		ExternalURL:          opts.ExternalURL,
		QueryFunc:            a.guarded(withKept(rules.EngineQueryFunc(opts.Engine, opts.Queryable))),
		NotifyFunc:           a.dispatcher.notify,
		Context:              ctx,
		Appendable:           opts.Appendable,
		Queryable:            opts.Queryable,
		Logger:               opts.Logger,
		Registerer:           opts.Registerer,
		OutageTolerance:      outageTolerance,
		ForGracePeriod:       opts.ForGracePeriod,
		ResendDelay:          resendDelay,
		MaxConcurrentEvals:   maxConcurrentEvals,
		GroupLoader:          a.loader,
		Parser:               opts.Parser,
	})
	return a, nil
}

// Manager is the rule manager, for Prometheus' own API (its RulesRetriever).
func (a *Alerting) Manager() *rules.Manager { return a.manager }

// Ready says whether the rules have been loaded and are evaluated.
func (a *Alerting) Ready() bool { return a.ready.Load() }

// Warnings describes rule sources that do not load, empty when all do.
func (a *Alerting) Warnings() []string { return a.loader.warnings() }

// Routes is the table of the API's routes.
func (a *Alerting) Routes() []httpx.Route { return a.api.Routes() }

// Run evaluates rules and delivers notifications until ctx ends, then releases its leases. It loads the rules first; a catalog that
// does not answer then is an error.
func (a *Alerting) Run(ctx context.Context) error {
	defer a.stopEvals()
	if err := a.begin(ctx); err != nil {
		return err
	}
	a.started = time.Now()
	a.ready.Store(true)
	defer a.leases.Release(ctx)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { a.manager.Run(); return nil })
	g.Go(func() error { return a.leases.Run(ctx, owner{a}) })
	g.Go(func() error { return a.delivery.run(ctx, a.dispatcher.tell) })
	g.Go(func() error { return a.delivery.watchQueue(ctx) })
	g.Go(func() error { return a.housekeep(ctx) })
	g.Go(func() error { return a.poll(ctx) })
	g.Go(func() error {
		<-ctx.Done()
		a.stopEvals()
		a.manager.Stop()
		return nil
	})
	return g.Wait()
}

// begin loads what there is and gets the first leases, so that nothing has to wait that is free.
func (a *Alerting) begin(ctx context.Context) error {
	if err := a.firstLoad(ctx); err != nil {
		return err
	}
	if err := a.findOrphans(ctx); err != nil {
		return err
	}
	if _, _, err := a.delivery.load(ctx); err != nil {
		return err
	}
	a.leases.Tick(ctx, owner{a})
	return a.dispatcher.adopt(ctx, a.ruleLeases())
}

func (a *Alerting) firstLoad(ctx context.Context) error {
	a.reloadMu.Lock()
	defer a.reloadMu.Unlock()
	// Prometheus restores pending time of the groups of the first load only, and whether or not they are evaluated. The gate does
	// it instead, for each group that this copy begins to evaluate; so the first load is one of nothing.
	if err := a.manager.Update(a.opts.EvaluationInterval, nil, a.opts.ExternalLabels, a.opts.ExternalURL.String(), a.evaluate); err != nil {
		return fmt.Errorf("load no rules: %w", err)
	}
	a.loaded = true
	if err := a.reload(ctx, a.fileState()); err != nil {
		return err
	}
	for _, name := range a.wanted() {
		a.first[name] = true
	}
	return nil
}

// owner is what this copy's leases are for.
type owner struct{ *Alerting }

// Wanted implements lease.Owner.
func (o owner) Wanted() []string { return o.wanted() }

// LetGo implements lease.Owner. Evaluations end by themselves, at their next query.
func (o owner) LetGo(names []string) { o.delivery.letGo(names) }

// Changed implements lease.Owner.
func (o owner) Changed(held []string) {
	o.counts.held(held)
	o.delivery.refresh()
}

// ruleLeases lists the rule groups that this copy may act for now.
func (a *Alerting) ruleLeases() []lease.Grant {
	if !a.leases.Alone() {
		return a.leases.Having(rulesPrefix)
	}
	var out []lease.Grant
	for _, name := range a.wanted() {
		if g, ok := a.leases.Grant(name); ok && strings.HasPrefix(name, rulesPrefix) {
			out = append(out, g)
		}
	}
	return out
}

// wanted names the leases there are to have.
func (a *Alerting) wanted() []string {
	a.namesMu.Lock()
	defer a.namesMu.Unlock()
	return slices.Concat(a.groups, a.orphans, a.delivery.names())
}

// findOrphans looks for alerts that notifiers believe in and no rule group is left to end: their leases are wanted as well.
func (a *Alerting) findOrphans(ctx context.Context) error {
	keys, err := a.opts.Store.Log.NotifiedKeys(ctx)
	if err != nil {
		return fmt.Errorf("read notification log: %w", err)
	}
	a.namesMu.Lock()
	defer a.namesMu.Unlock()
	a.orphans = nil
	for _, key := range keys {
		lease, ok := leaseOfKey(key)
		if ok && !slices.Contains(a.groups, lease) && !slices.Contains(a.orphans, lease) {
			a.orphans = append(a.orphans, lease)
		}
	}
	return nil
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
		err := a.reloadChanged(ctx)
		if err == nil {
			err = a.findOrphans(ctx)
		}
		if err != nil && ctx.Err() == nil {
			a.opts.Logger.Error("rules not reloaded", "error", err)
		}
		a.dispatcher.sweep(ctx, a.ruleLeases(), a.stillActive)
	}
}

// poll reloads the rules when another process has changed them in the catalog.
func (a *Alerting) poll(ctx context.Context) error {
	if a.opts.Store.Versions == nil {
		return nil
	}
	ticker := time.NewTicker(a.opts.PollInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		version, err := a.opts.Store.Versions.RulesVersion(ctx)
		if err == nil {
			err = a.reloadTo(ctx, version)
		}
		if err != nil && ctx.Err() == nil {
			a.opts.Logger.Error("rules of the catalog not looked at", "error", err)
		}
	}
}

func (a *Alerting) reloadTo(ctx context.Context, version string) error {
	a.reloadMu.Lock()
	defer a.reloadMu.Unlock()
	if version == a.version {
		return nil
	}
	return a.reload(ctx, a.fileState())
}

// Reload reads all rules again. It is for SIGHUP; files that change and edits through the API need no call. Before Run has loaded the
// rules it does nothing: the manager would wait for groups that do not run yet.
func (a *Alerting) Reload(ctx context.Context) error {
	a.reloadMu.Lock()
	defer a.reloadMu.Unlock()
	if !a.loaded {
		return nil
	}
	return a.reload(ctx, a.fileState())
}

func (a *Alerting) reloadChanged(ctx context.Context) error {
	a.reloadMu.Lock()
	defer a.reloadMu.Unlock()
	state := a.fileState()
	if state == a.seen {
		return nil
	}
	return a.reload(ctx, state)
}

// reload does the work; reloadMu is held.
func (a *Alerting) reload(ctx context.Context, state string) error {
	version := ""
	if a.opts.Store.Versions != nil { // Before the rules, so that a change in between is seen as one.
		var err error
		if version, err = a.opts.Store.Versions.RulesVersion(ctx); err != nil {
			return fmt.Errorf("load rules: %w", err)
		}
	}
	groups, err := a.opts.Store.Rules.ListRuleGroups(ctx)
	if err != nil {
		return fmt.Errorf("load rules: %w", err)
	}
	ids := a.loader.begin(a.opts.RuleFiles, groups)
	err = a.manager.Update(a.opts.EvaluationInterval, ids, a.opts.ExternalLabels, a.opts.ExternalURL.String(), a.evaluate)
	a.counts.ruleProblems.Set(float64(len(a.loader.warnings())))
	if err != nil {
		return fmt.Errorf("load rules: %w", err)
	}
	var names []string
	for _, g := range a.manager.RuleGroups() {
		names = append(names, ruleLease(g.File(), g.Name()))
	}
	a.namesMu.Lock()
	a.groups = names
	a.namesMu.Unlock()
	a.leases.Kick()
	a.seen, a.version = state, version
	return nil
}

// fileState changes when a rule file appears, goes, or is written.
func (a *Alerting) fileState() string {
	var b strings.Builder
	for _, pattern := range a.opts.RuleFiles {
		files, _ := filepath.Glob(pattern) // A bad pattern is reported by the loader.
		for _, f := range files {
			if info, err := os.Stat(f); err == nil {
				fmt.Fprintf(&b, "%s %d %d\n", f, info.Size(), info.ModTime().UnixNano())
			}
		}
	}
	return b.String()
}

// stillActive says whether an alert that has not been reported for a while may still be one: its rule cannot be evaluated now, was not
// evaluated yet, or has it pending again after a restart. Only a rule that works and does not have it, or no rule at all, ends it.
func (a *Alerting) stillActive(leaseName, name string, fp model.Fingerprint) bool {
	for _, g := range a.manager.RuleGroups() {
		if ruleLease(g.File(), g.Name()) != leaseName {
			continue
		}
		for _, r := range g.AlertingRules() {
			if r.Name() == name && (r.Health() != rules.HealthGood || a.active(r, fp)) {
				return true
			}
		}
	}
	return false
}

func (a *Alerting) active(r *rules.AlertingRule, fp model.Fingerprint) bool {
	return slices.ContainsFunc(r.ActiveAlerts(), func(alert *rules.Alert) bool {
		return fingerprint(withExternal(alert.Labels, a.opts.ExternalLabels)) == fp
	})
}
