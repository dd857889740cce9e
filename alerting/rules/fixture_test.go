// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	promrules "github.com/prometheus/prometheus/rules"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/strata-apm/strata/internal/lease"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/catalog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const simpleGroup = `
name: shop
interval: 50ms
rules:
- alert: Broken
  expr: broken > 0
  labels: {severity: page}
  annotations: {summary: "{{ $labels.instance }} has {{ $value }}"}
`

// fixture is an evaluator on a real tsdb and a real catalog, which survive a restart of it.
type fixture struct {
	*Evaluator
	t    *testing.T
	db   *tsdb.DB
	cat  *catalog.Catalog
	opts Options
	reg  *prometheus.Registry
	stop func()

	mu      sync.Mutex
	reports []promrules.Alert // guarded by mu
	takeUps int               // guarded by mu
	refuse  error             // what TakeUp answers; guarded by mu
	by      lease.Grant       // of the last report; guarded by mu
}

func newFixture(t *testing.T, edits ...func(*Options)) *fixture {
	t.Helper()
	db, err := tsdb.Open(t.TempDir(), nil, nil, tsdb.DefaultOptions(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	cat, err := catalog.Open(t.Context(), filepath.Join(t.TempDir(), "catalog.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cat.Close()) })
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute, EnableAtModifier: true})
	t.Cleanup(func() { require.NoError(t, engine.Close()) })
	f := &fixture{t: t, db: db, cat: cat, stop: func() {}}
	f.opts = Options{
		Engine: engine, Queryable: db, Appendable: db, Parser: parser.NewParser(parser.Options{}), Groups: cat,
		EvaluationInterval: 50 * time.Millisecond, PollInterval: 20 * time.Millisecond, LeaseTTL: 15 * time.Second, ForGracePeriod: 10 * time.Minute,
		ExternalURL: &url.URL{Scheme: "http", Host: "strata.example"}, TakeUp: f.takeUp, Notify: f.report, Logger: slog.New(slog.DiscardHandler),
		Leases: lease.New(lease.Options{Replaced: 15 * time.Second}),
	}
	for _, e := range edits {
		e(&f.opts)
	}
	f.build()
	return f
}

// build makes the evaluator as a start of the program does.
func (f *fixture) build() {
	f.t.Helper()
	f.reg = prometheus.NewRegistry()
	opts := f.opts
	opts.Registerer = f.reg
	var err error
	f.Evaluator, err = New(opts)
	require.NoError(f.t, err)
}

func (f *fixture) start() {
	f.t.Helper()
	require.NoError(f.t, f.Load(f.t.Context()))
	ctx, cancel := context.WithCancel(context.WithoutCancel(f.t.Context()))
	done := make(chan error, 1)
	e := f.Evaluator
	go func() { done <- e.Run(ctx) }()
	f.stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(f.t, <-done)
	})
	f.t.Cleanup(f.stop)
}

// restart is a stop and a start with what was stored.
func (f *fixture) restart() {
	f.t.Helper()
	f.stop()
	f.build()
	f.start()
}

func (f *fixture) takeUp(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.takeUps++
	return f.refuse
}

func (f *fixture) report(_ context.Context, by lease.Grant, alerts []*promrules.Alert) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.by = by
	for _, al := range alerts {
		f.reports = append(f.reports, *al)
	}
}

// reported lists the alerts that were reported.
func (f *fixture) reported() []promrules.Alert {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]promrules.Alert(nil), f.reports...)
}

// sample writes one sample at the given time, or a millisecond later when there is one.
func (f *fixture) sample(at time.Time, value float64, name string, pairs ...string) {
	f.t.Helper()
	for {
		app := f.db.Appender(f.t.Context())
		_, err := app.Append(0, labels.FromStrings(append([]string{"__name__", name}, pairs...)...), at.UnixMilli(), value)
		if errors.Is(err, promstorage.ErrDuplicateSampleForTimestamp) {
			require.NoError(f.t, app.Rollback())
			at = at.Add(time.Millisecond)
			continue
		}
		require.NoError(f.t, err)
		require.NoError(f.t, app.Commit())
		return
	}
}

// group stores a rule group, loads it when the evaluator has loaded before, and returns its id.
func (f *fixture) group(text string) string {
	f.t.Helper()
	g, err := ParseGroup(text, f.opts.Parser)
	require.NoError(f.t, err)
	id := ulid.Make().String()
	require.NoError(f.t, f.cat.CreateRuleGroup(f.t.Context(), storage.RuleGroup{ID: id, Name: g.Name, YAML: text, CreatedAt: time.Now(), UpdatedAt: time.Now()}))
	require.NoError(f.t, f.Reload(f.t.Context()))
	return id
}

func (f *fixture) rule(name string) *promrules.AlertingRule {
	for _, r := range f.Manager().AlertingRules() {
		if r.Name() == name {
			return r
		}
	}
	return nil
}

func (f *fixture) eventually(what string, ok func() bool) {
	f.t.Helper()
	require.Eventually(f.t, ok, 10*time.Second, 10*time.Millisecond, what)
}

// metric is the value of a counter or gauge without labels.
func (f *fixture) metric(name string) float64 {
	f.t.Helper()
	families, err := f.reg.Gather()
	require.NoError(f.t, err)
	for _, mf := range families {
		if mf.GetName() == name {
			return mf.GetMetric()[0].GetCounter().GetValue() + mf.GetMetric()[0].GetGauge().GetValue()
		}
	}
	f.t.Fatalf("no metric %s", name)
	return 0
}
