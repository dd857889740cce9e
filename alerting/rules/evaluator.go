// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	promrules "github.com/prometheus/prometheus/rules"
	promstorage "github.com/prometheus/prometheus/storage"
	"golang.org/x/sync/errgroup"

	"github.com/strata-apm/strata/internal/lease"
	"github.com/strata-apm/strata/storage"
)

const (
	// ReportInterval is how often the rule manager reports an alert that goes on firing, and a resolved one for 15 minutes after its end
	// (Prometheus' alert generator specification).
	ReportInterval = time.Minute
	// outageTolerance is how long the server may be away for pending time to be restored.
	outageTolerance = time.Hour
	// resolvedRetention is for how long the rule manager keeps alerts that have ended.
	resolvedRetention = 15 * time.Minute
	// maxConcurrentEvals bounds the rules that are evaluated beside the regular ones, as Prometheus does.
	maxConcurrentEvals = 4
)

// Options are given by alerting. Fields without a default are required.
type Options struct {
	Engine     promql.QueryEngine
	Queryable  promstorage.Queryable
	Appendable promstorage.Appendable
	// Parser must allow what Engine understands.
	Parser parser.Parser
	// Groups are the rule groups of the API.
	Groups storage.RuleStore
	// Versions is nil where no other process changes the groups.
	Versions storage.RuleVersions
	Leases   *lease.Manager
	// Files are globs of Prometheus rule files.
	Files []string
	// BuiltIn are rule files that come with the program, by name.
	BuiltIn map[string]string
	// EvaluationInterval is for groups that name none.
	EvaluationInterval time.Duration
	// PollInterval is how often groups that another process has changed are looked for.
	PollInterval time.Duration
	// LeaseTTL is within what time a copy that dies has been replaced.
	LeaseTTL time.Duration
	// ForGracePeriod is how long a restored alert stays pending at least.
	ForGracePeriod time.Duration
	// ExternalURL and ExternalLabels are for the rules' templates.
	ExternalURL    *url.URL
	ExternalLabels labels.Labels
	// TakeUp is called before a rule group is evaluated for the first time under a lease. After an error the group is not evaluated.
	TakeUp func(context.Context) error
	// Notify takes what a group reports, which it was evaluated for under the lease by.
	Notify     func(ctx context.Context, by lease.Grant, alerts []*promrules.Alert)
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

func (o *Options) validate() error {
	if o.Engine == nil || o.Queryable == nil || o.Appendable == nil || o.Parser == nil || o.Groups == nil || o.Leases == nil || o.ExternalURL == nil ||
		o.TakeUp == nil || o.Notify == nil || o.Logger == nil || o.Registerer == nil {
		return errors.New("rules: an option is missing")
	}
	if o.EvaluationInterval <= 0 || o.PollInterval <= 0 {
		return errors.New("rules: an interval is not positive")
	}
	return nil
}

// Evaluator evaluates the rule groups whose leases this copy has. Made by New, loaded once by Load, then run once by Run.
type Evaluator struct {
	opts      Options
	loader    *loader
	manager   *promrules.Manager
	takeovers *takeovers
	counts    *counts
	started   time.Time       // set by Run before anything is evaluated
	first     map[string]bool // leases of the groups that were there at the start; not changed after Load
	// stopEvals ends evaluations under way, which the manager would wait for.
	stopEvals context.CancelFunc

	reloadMu sync.Mutex // One reload at a time.
	seen     string     // State of the rule files at the last reload; guarded by reloadMu.
	loaded   bool       // Load has loaded the rules; guarded by reloadMu.
	version  string     // Version of the catalog's rules at the last reload; guarded by reloadMu.

	leasesMu sync.Mutex
	leases   []string // of the rule groups; guarded by leasesMu
}

// New returns an evaluator that does nothing until it is loaded and run.
func New(opts Options) (*Evaluator, error) {
	if err := opts.validate(); err != nil {
		return nil, err
	}
	c, err := newCounts(opts.Registerer)
	if err != nil {
		return nil, err
	}
	e := &Evaluator{opts: opts, counts: c, loader: newLoader(opts.Parser, opts.BuiltIn, opts.Logger), takeovers: newTakeovers(), first: make(map[string]bool)}
	// The manager wants its context at construction; Run ends it.
	ctx, cancel := context.WithCancel(context.Background())
	e.stopEvals = cancel
	e.manager = promrules.NewManager(&promrules.ManagerOptions{
		NameValidationScheme: model.UTF8Validation,
		ExternalURL:          opts.ExternalURL,
		QueryFunc:            e.guarded(withKept(promrules.EngineQueryFunc(opts.Engine, opts.Queryable))),
		NotifyFunc: func(ctx context.Context, _ string, alerts ...*promrules.Alert) {
			opts.Notify(ctx, grantOf(ctx), alerts)
		},
		Context:            ctx,
		Appendable:         opts.Appendable,
		Queryable:          opts.Queryable,
		Logger:             opts.Logger,
		Registerer:         opts.Registerer,
		OutageTolerance:    outageTolerance,
		ForGracePeriod:     opts.ForGracePeriod,
		ResendDelay:        ReportInterval,
		MaxConcurrentEvals: maxConcurrentEvals,
		GroupLoader:        e.loader,
		Parser:             opts.Parser,
	})
	return e, nil
}

// Manager is the rule manager, for Prometheus' own API (its RulesRetriever).
func (e *Evaluator) Manager() *promrules.Manager { return e.manager }

// Warnings describes rule sources that do not load, empty when all do.
func (e *Evaluator) Warnings() []string { return e.loader.warnings() }

// State tells of the rules that this process has read from files or that come with it.
func (e *Evaluator) State() State { return loadedRules{e.loader} }

// Leases names the leases of the groups that are loaded.
func (e *Evaluator) Leases() []string {
	e.leasesMu.Lock()
	defer e.leasesMu.Unlock()
	return slices.Clone(e.leases)
}

// Run evaluates until ctx ends.
func (e *Evaluator) Run(ctx context.Context) error {
	defer e.stopEvals()
	e.started = time.Now()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { e.manager.Run(); return nil })
	g.Go(func() error { return e.poll(ctx) })
	g.Go(func() error {
		<-ctx.Done()
		e.stopEvals()
		e.manager.Stop()
		return nil
	})
	return g.Wait() // They return none.
}

// Abandon ends what Load began where Run is not called. Nothing is evaluated.
func (e *Evaluator) Abandon() {
	e.stopEvals()
	var wg sync.WaitGroup
	wg.Go(e.manager.Run) // Groups that were loaded wait for it, also to be stopped.
	e.manager.Stop()
	wg.Wait()
}

// StillActive says whether an alert that has not been reported for a while may still be one: its rule cannot be evaluated now, was not
// evaluated yet, or has it pending again after a restart. Only a rule that works and does not have it, or no rule at all, ends it. is is
// asked of the labels of a rule's alerts, without external ones.
func (e *Evaluator) StillActive(leaseName, name string, is func(labels.Labels) bool) bool {
	for _, g := range e.manager.RuleGroups() {
		if LeaseName(g.File(), g.Name()) != leaseName {
			continue
		}
		for _, r := range g.AlertingRules() {
			active := func(al *promrules.Alert) bool { return is(al.Labels) }
			if r.Name() == name && (r.Health() != promrules.HealthGood || slices.ContainsFunc(r.ActiveAlerts(), active)) {
				return true
			}
		}
	}
	return false
}

// counts are the metrics of evaluation beside Prometheus' own.
type counts struct {
	takeovers prometheus.Counter
	broken    prometheus.Gauge
}

func newCounts(reg prometheus.Registerer) (*counts, error) {
	c := &counts{
		takeovers: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "strata", Subsystem: "alerting", Name: "takeovers_total", Help: "Rule groups taken over from another copy, or after a gap.",
		}),
		broken: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: "strata", Subsystem: "alerting", Name: "rule_sources_broken", Help: "Rule files and groups that do not load.",
		}),
	}
	for _, col := range []prometheus.Collector{c.takeovers, c.broken} {
		if err := reg.Register(col); err != nil {
			return nil, fmt.Errorf("register metrics of rules: %w", err)
		}
	}
	return c, nil
}
