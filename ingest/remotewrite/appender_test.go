// SPDX-License-Identifier: Apache-2.0

package remotewrite

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/metadata"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/tsdbutil"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/ingest/writer"
	"github.com/strata-apm/strata/internal/ledger"
)

type discardMetadata struct{}

func (discardMetadata) Set(string, metadata.Metadata) {}

// drain appends what came on the bus since the last time as a writer does.
func (f *fixture) drain(t *testing.T, db *tsdb.DB) {
	t.Helper()
	translator := writer.NewRemoteWriteTranslator(discardMetadata{})
	recs := f.bus.Records(bus.TopicRemoteWrite)
	for _, r := range recs[f.drained:] {
		source, items, ok := intake.RecordItem(r.Headers)
		require.True(t, ok)
		require.Equal(t, "rules", source)
		app := db.AppenderV2(t.Context())
		n, rejected, err := translator.Append(t.Context(), app, bus.Message{Record: r})
		require.NoError(t, err)
		require.Empty(t, rejected)
		require.EqualValues(t, items, n)
		require.NoError(t, app.Commit())
	}
	f.drained = len(recs)
}

func openDB(t *testing.T) *tsdb.DB {
	t.Helper()
	opts := tsdb.DefaultOptions()
	opts.EnableExemplarStorage, opts.MaxExemplars = true, 100
	opts.OutOfOrderTimeWindow = time.Hour.Milliseconds()
	db, err := tsdb.Open(t.TempDir(), slog.New(slog.DiscardHandler), nil, opts, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// contents are all samples, as text in which every NaN is told from the others.
func contents(t *testing.T, db *tsdb.DB) map[string][]string {
	t.Helper()
	q, err := db.Querier(math.MinInt64, math.MaxInt64)
	require.NoError(t, err)
	defer func() { _ = q.Close() }()
	out := map[string][]string{}
	set := q.Select(context.Background(), true, nil, labels.MustNewMatcher(labels.MatchRegexp, "__name__", ".+"))
	for set.Next() {
		var list []string
		it := set.At().Iterator(nil)
		for typ := it.Next(); typ != chunkenc.ValNone; typ = it.Next() {
			if typ == chunkenc.ValFloat {
				at, v := it.At()
				list = append(list, fmt.Sprintf("%d %x", at, math.Float64bits(v)))
				continue
			}
			at, fh := it.AtFloatHistogram(nil)
			list = append(list, fmt.Sprintf("%d %s %x", at, fh, math.Float64bits(fh.Sum)))
		}
		require.NoError(t, it.Err())
		out[set.At().Labels().String()] = list
	}
	require.NoError(t, set.Err())
	return out
}

const ruleFile = `
groups:
- name: g
  rules:
  - record: job:up:sum
    expr: sum by (job) (up)
  - record: latency:rate
    expr: sum(rate(latency[5m]))
  - alert: Down
    expr: up == 0
    for: 2m
    labels: {severity: page}
`

// TestRulesWriteTheSameByTheBus evaluates Prometheus's own rules twice, into a tsdb and onto the bus, and compares what is stored: values,
// histograms, the series of alerts and the stale markers of what ends.
func TestRulesWriteTheSameByTheBus(t *testing.T) {
	f := newFixture(t)
	direct, byBus := openDB(t), openDB(t)
	appendable := NewAppendable(f.intake, "rules")
	source := openDB(t)
	begin := time.Now().Add(-20 * time.Minute).Truncate(time.Minute)
	for i := range 20 {
		app := source.AppenderV2(t.Context())
		at := begin.Add(time.Duration(i) * time.Minute).UnixMilli()
		for j, job := range []string{"a", "b"} {
			v := float64(1)
			if j == 1 && i > 5 {
				v = 0
			}
			if j == 1 && i > 15 {
				v = math.Float64frombits(value.StaleNaN)
			}
			_, err := app.Append(0, labels.FromStrings("__name__", "up", "job", job), 0, at, v, nil, nil, storage.AOptions{})
			require.NoError(t, err)
		}
		_, err := app.Append(0, labels.FromStrings("__name__", "latency"), 0, at, 0, tsdbutil.GenerateTestHistogram(int64(i)), nil, storage.AOptions{})
		require.NoError(t, err)
		require.NoError(t, app.Commit())
	}
	file := filepath.Join(t.TempDir(), "rules.yml")
	require.NoError(t, os.WriteFile(file, []byte(ruleFile), 0o600))
	for _, app := range []storage.Appendable{direct, appendable} {
		engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute, Parser: parser.NewParser(parser.Options{})})
		m := rules.NewManager(&rules.ManagerOptions{
			QueryFunc: rules.EngineQueryFunc(engine, source), NotifyFunc: func(context.Context, string, ...*rules.Alert) {}, Context: t.Context(),
			Appendable: app, Queryable: source, Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(), Parser: parser.NewParser(parser.Options{}),
		})
		groups, errs := m.LoadGroups(time.Minute, labels.EmptyLabels(), "", nil, false, file)
		require.Empty(t, errs)
		for _, g := range groups {
			for _, r := range g.Rules() {
				if alert, ok := r.(*rules.AlertingRule); ok {
					alert.SetRestored(true) // Until then it writes nothing.
				}
			}
			for i := range 20 {
				g.Eval(t.Context(), begin.Add(time.Duration(i)*time.Minute))
				f.drain(t, byBus)
			}
			for _, r := range g.Rules() {
				require.NoError(t, r.LastError(), r.Name())
			}
		}
	}
	want, got := contents(t, direct), contents(t, byBus)
	require.Equal(t, want, got)
	require.Len(t, got, 6, "two sums, a rate, the alert pending and firing, its state")
	stale := strconv.FormatUint(value.StaleNaN, 16)
	require.Contains(t, got[`{__name__="ALERTS", alertname="Down", alertstate="firing", job="b", severity="page"}`][8], stale)
	require.NotContains(t, got[`{__name__="ALERTS", alertname="Down", alertstate="firing", job="b", severity="page"}`][7], stale)
}

// TestAppenderKeepsEverything writes each kind of sample that an appender takes, exemplars too.
func TestAppenderKeepsEverything(t *testing.T) {
	f := newFixture(t)
	appendable := NewAppendable(f.intake, "rules")
	now := time.Now().UnixMilli()
	fill := func(app storage.Appender) {
		ls := func(name string) labels.Labels { return labels.FromStrings("__name__", name) }
		_, err := app.Append(0, ls("f"), now, math.SmallestNonzeroFloat64)
		require.NoError(t, err)
		_, err = app.Append(0, ls("f"), now+1, math.Float64frombits(value.StaleNaN))
		require.NoError(t, err)
		_, err = app.AppendExemplar(0, ls("f"), exemplar.Exemplar{Labels: labels.FromStrings("trace_id", "x"), Value: 3, Ts: now, HasTs: true})
		require.NoError(t, err)
		_, err = app.AppendHistogram(0, ls("h"), now, tsdbutil.GenerateTestHistogram(3), nil)
		require.NoError(t, err)
		_, err = app.AppendHistogram(0, ls("fh"), now, nil, tsdbutil.GenerateTestCustomBucketsFloatHistogram(3))
		require.NoError(t, err)
	}
	app := appendable.Appender(t.Context())
	fill(app)
	require.NoError(t, app.Commit())
	require.Equal(t, 1, f.bus.Len())
	db := openDB(t)
	f.drain(t, db)
	got := contents(t, db)
	require.Len(t, got, 3)
	require.Equal(t, []string{fmt.Sprintf("%d 1", now), fmt.Sprintf("%d %x", now+1, value.StaleNaN)}, got[`{__name__="f"}`])
	eq, err := db.ExemplarQuerier(t.Context())
	require.NoError(t, err)
	found, err := eq.Select(0, math.MaxInt64, []*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, "__name__", "f")})
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Equal(t, "x", found[0].Exemplars[0].Labels.Get("trace_id"))

	app = appendable.Appender(t.Context())
	fill(app)
	require.NoError(t, app.Rollback())
	require.NoError(t, appendable.Appender(t.Context()).Commit(), "nothing was appended")
	require.Equal(t, 1, f.bus.Len())
}

// TestErrorOfTheBusIsTheErrorOfCommit: a rule whose result could not be written must say so.
func TestErrorOfTheBusIsTheErrorOfCommit(t *testing.T) {
	f := newFixture(t)
	appendable := NewAppendable(f.intake, "rules")
	for _, want := range []error{bus.ErrFull, bus.ErrUnavailable, bus.ErrFailed, context.Canceled} {
		f.bus.Fail(fmt.Errorf("test: %w", want))
		app := appendable.Appender(t.Context())
		_, err := app.Append(0, labels.FromStrings("__name__", "x"), time.Now().UnixMilli(), 1)
		require.NoError(t, err)
		require.ErrorIs(t, app.Commit(), want)
	}
	require.Equal(t, int64(4), refused(f.bus.Ledger, "rules"))
}

// refused is what the ledger counts as refused from a source.
func refused(l *ledger.Ledger, source string) int64 {
	var n int64
	for _, row := range l.Rows(time.Time{}, time.Now().Add(time.Minute)) {
		if row.Source == source {
			for _, count := range row.Refused {
				n += count
			}
		}
	}
	return n
}
