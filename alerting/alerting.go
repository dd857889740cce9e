// SPDX-License-Identifier: Apache-2.0

package alerting

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/rules"
	"golang.org/x/sync/errgroup"

	"github.com/strata-apm/strata/alerting/webhook"
)

// maxConcurrentEvals bounds the rules that are evaluated beside the regular ones, as Prometheus does.
const maxConcurrentEvals = 4

// Alerting runs rules and notifiers. Made by New, run once by Run.
type Alerting struct {
	opts       Options
	loader     *loader
	manager    *rules.Manager
	dispatcher *dispatcher
	delivery   *delivery
	counts     *counts
	// stopEvals ends evaluations under way, which the manager would wait for.
	stopEvals context.CancelFunc
	ready     atomic.Bool

	reloadMu sync.Mutex // One reload at a time.
	seen     string     // State of the rule files at the last reload; guarded by reloadMu.
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
	a := &Alerting{opts: opts, counts: c, loader: newLoader(opts.Parser, opts.Logger)}
	a.delivery = newDelivery(opts, c, webhook.NewSender(opts.Version))
	a.dispatcher = newDispatcher(opts, c, a.delivery, a.stillActive)
	a.delivery.onGone = a.dispatcher.forget
	// The manager wants its context at construction; Run ends it.
	ctx, cancel := context.WithCancel(context.Background())
	a.stopEvals = cancel
	a.manager = rules.NewManager(&rules.ManagerOptions{
		NameValidationScheme: model.UTF8Validation,
		ExternalURL:          opts.ExternalURL,
		QueryFunc:            rules.EngineQueryFunc(opts.Engine, opts.Queryable),
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

// Run evaluates rules and delivers notifications until ctx ends. It loads the rules first; a catalog that does not answer then is an
// error.
func (a *Alerting) Run(ctx context.Context) error {
	defer a.stopEvals()
	if err := a.dispatcher.restore(ctx); err != nil {
		return err
	}
	if err := a.Reload(ctx); err != nil {
		return err
	}
	a.ready.Store(true)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { a.manager.Run(); return nil })
	g.Go(func() error { return a.delivery.run(ctx) })
	g.Go(func() error { return a.housekeep(ctx) })
	g.Go(func() error {
		<-ctx.Done()
		a.stopEvals()
		a.manager.Stop()
		return nil
	})
	return g.Wait()
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
		if err := a.reloadChanged(ctx); err != nil && ctx.Err() == nil {
			a.opts.Logger.Error("rules not reloaded", "error", err)
		}
		a.dispatcher.sweep(ctx)
	}
}

// Reload reads all rules again. It is for SIGHUP; files that change and edits through the API need no call.
func (a *Alerting) Reload(ctx context.Context) error {
	a.reloadMu.Lock()
	defer a.reloadMu.Unlock()
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
	groups, err := a.opts.Store.Rules.ListRuleGroups(ctx)
	if err != nil {
		return fmt.Errorf("load rules: %w", err)
	}
	ids := a.loader.begin(a.opts.RuleFiles, groups)
	err = a.manager.Update(a.opts.EvaluationInterval, ids, a.opts.ExternalLabels, a.opts.ExternalURL.String(), nil)
	a.counts.ruleProblems.Set(float64(len(a.loader.warnings())))
	if err != nil {
		return fmt.Errorf("load rules: %w", err)
	}
	a.seen = state
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
func (a *Alerting) stillActive(name string, fp model.Fingerprint) bool {
	for _, r := range a.manager.AlertingRules() {
		if r.Name() != name {
			continue
		}
		if r.Health() != rules.HealthGood {
			return true
		}
		for _, alert := range r.ActiveAlerts() {
			if fingerprint(a.withExternal(alert.Labels)) == fp {
				return true
			}
		}
	}
	return false
}

func (a *Alerting) withExternal(ls labels.Labels) labels.Labels {
	return withExternal(ls, a.opts.ExternalLabels)
}
