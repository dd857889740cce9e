// SPDX-License-Identifier: Apache-2.0

package writer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/goleak"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/ingest/bus/embedded"
	"github.com/strata-apm/strata/ingest/counted"
	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/internal/ledger"
	"github.com/strata-apm/strata/signal"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/metrics"
	"github.com/strata-apm/strata/tenant"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type fixture struct {
	dir    string
	bus    *embedded.Bus
	ledger *ledger.Ledger
}

func newFixture(t *testing.T, dir string) *fixture {
	t.Helper()
	f := &fixture{dir: dir}
	var err error
	f.ledger, err = ledger.Open(filepath.Join(dir, "ledger"), slog.New(slog.DiscardHandler), time.Now)
	require.NoError(t, err)
	f.bus, err = embedded.Open(filepath.Join(dir, "bus"), embedded.Options{
		Topics: []string{signal.Logs.Topic(), signal.Metrics.Topic()},
		OnDurable: func(topic string, offset int64, headers []bus.Header) {
			f.ledger.Accepted(topic+"/0", offset, counted.Item(topic, headers))
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.bus.Close() })
	return f
}

func (f *fixture) options(topic string) Options {
	return Options{
		Topic: topic, Ledger: f.ledger, Logger: slog.New(slog.DiscardHandler), Tracer: noop.NewTracerProvider().Tracer(""),
		Quarantine: NewQuarantine(filepath.Join(f.dir, "quarantine")), Linger: 5 * time.Millisecond,
	}
}

func (f *fixture) produce(t *testing.T, topic string, n int) {
	t.Helper()
	for i := range n {
		require.NoError(t, f.bus.Produce(t.Context(), topic, bus.Record{
			Value: fmt.Appendf(nil, "%d", i), Headers: []bus.Header{{Key: intake.HeaderSource, Value: "s"}, {Key: intake.HeaderItems, Value: "1"}},
		}))
	}
}

// run runs the writer until done says so.
func (f *fixture) run(t *testing.T, topic string, handle func(context.Context, bus.Partition) error, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	end := make(chan error, 1)
	go func() { end <- f.bus.Consume(ctx, topic, handle) }()
	require.Eventually(t, done, 20*time.Second, 2*time.Millisecond)
	cancel()
	require.NoError(t, <-end)
}

// onceSink is a store that knows batch ids, and fails or dies as told.
type onceSink struct {
	mu      sync.Mutex
	batches map[storage.BatchID][]string
	rows    []string
	fail    func(call int) error // before anything is stored
	crash   func(call int) bool  // after it is stored, before the answer
	calls   int
}

var errCrash = errors.New("the process died here")

func (s *onceSink) Store(_ context.Context, id storage.BatchID, msgs []bus.Message) ([]ledger.Outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.fail != nil {
		if err := s.fail(s.calls); err != nil {
			return nil, err
		}
	}
	var rows []string
	var out []ledger.Outcome
	for _, m := range msgs {
		rows = append(rows, string(m.Value))
		out = append(out, outcome(signal.Logs.Topic(), m, 1))
	}
	if old, seen := s.batches[id]; seen {
		if !slices.Equal(old, rows) {
			return nil, fmt.Errorf("batch %s has other rows than before: %v, then %v", id, old, rows)
		}
	} else {
		s.batches[id] = rows
		s.rows = append(s.rows, rows...)
	}
	if s.crash != nil && s.crash(s.calls) {
		return nil, errCrash
	}
	return out, nil
}

func (s *onceSink) stored() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.rows)
}

func TestStoreAwayDelaysAndLosesNothing(t *testing.T) {
	f := newFixture(t, t.TempDir())
	f.produce(t, signal.Logs.Topic(), 50)
	sink := &onceSink{batches: map[storage.BatchID][]string{}, fail: func(call int) error {
		if call < 4 {
			return fmt.Errorf("%w: restarting", storage.ErrUnavailable)
		}
		return nil
	}}
	f.run(t, signal.Logs.Topic(), NewBatches(f.options(signal.Logs.Topic()), sink).Handle, func() bool { return f.bus.Stats()[0].Committed == 50 })
	require.Equal(t, 50, sink.stored())
	require.Equal(t, int64(50), f.ledger.Totals()[signal.Logs].Stored)
}

// The same range must be cut again after a crash between the insert and the commit, though more has arrived meanwhile.
func TestCrashAfterInsertCutsTheSameRangeAgain(t *testing.T) {
	dir := t.TempDir()
	sink := &onceSink{batches: map[storage.BatchID][]string{}}
	total := 0
	for round := range 6 {
		f := newFixture(t, dir)
		f.produce(t, signal.Logs.Topic(), 10+round)
		total += 10 + round
		ctx, cancel := context.WithCancel(t.Context())
		w := NewBatches(f.options(signal.Logs.Topic()), crashing{sink, cancel})
		err := f.bus.Consume(ctx, signal.Logs.Topic(), w.Handle)
		require.NoError(t, err)
		cancel()
		require.NoError(t, f.bus.Close())
	}
	f := newFixture(t, dir)
	f.run(t, signal.Logs.Topic(), NewBatches(f.options(signal.Logs.Topic()), sink).Handle, func() bool { return f.bus.Stats()[0].Committed == int64(total) })
	require.Len(t, sink.rows, total)
	require.Equal(t, int64(total), f.ledger.Totals()[signal.Logs].Stored)
}

// crashing stores the batch and then behaves as if the process had died: no answer, no commit.
type crashing struct {
	*onceSink
	die context.CancelFunc
}

func (c crashing) Store(ctx context.Context, id storage.BatchID, msgs []bus.Message) ([]ledger.Outcome, error) {
	if _, err := c.onceSink.Store(ctx, id, msgs); err != nil {
		return nil, err
	}
	c.die()
	return nil, fmt.Errorf("%w: %w", storage.ErrUnavailable, errCrash)
}

func TestRefusedBatchIsKeptAsideAndCounted(t *testing.T) {
	f := newFixture(t, t.TempDir())
	f.produce(t, signal.Logs.Topic(), 3)
	sink := &onceSink{batches: map[storage.BatchID][]string{}, fail: func(int) error { return errors.New("no such column") }}
	f.run(t, signal.Logs.Topic(), NewBatches(f.options(signal.Logs.Topic()), sink).Handle, func() bool { return f.bus.Stats()[0].Committed == 3 })
	tot := f.ledger.Totals()[signal.Logs]
	require.Equal(t, map[string]int64{"refused_by_store": 3}, tot.Rejected)
	files, err := os.ReadDir(filepath.Join(f.dir, "quarantine"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
}

func metricsRequest(t *testing.T, fill func(pmetric.MetricSlice)) bus.Record {
	t.Helper()
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", "svc")
	rm.Resource().Attributes().PutStr("service.instance.id", "i-1")
	rm.Resource().Attributes().PutStr("host.name", "web-1")
	rm.Resource().Attributes().PutStr("build", "7")
	fill(rm.ScopeMetrics().AppendEmpty().Metrics())
	body, err := pmetricotlp.NewExportRequestFromMetrics(md).MarshalProto()
	require.NoError(t, err)
	return bus.Record{Value: body, Headers: []bus.Header{{Key: intake.HeaderSource, Value: "s"}, {Key: intake.HeaderItems, Value: strconv.Itoa(md.DataPointCount())}}}
}

// TestEveryPointKindRoundTrips writes one point of each kind through the bus into a real tsdb and reads it back with PromQL.
func TestEveryPointKindRoundTrips(t *testing.T) {
	f := newFixture(t, t.TempDir())
	now := time.Now().Truncate(time.Millisecond)
	ts := pcommon.NewTimestampFromTime(now)
	cumulative := pmetric.AggregationTemporalityCumulative
	rec := metricsRequest(t, func(ms pmetric.MetricSlice) {
		g := ms.AppendEmpty()
		g.SetName("queue.length")
		g.SetUnit("{request}")
		g.SetDescription("Requests that wait.")
		g.SetEmptyGauge()
		for i, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1), math.SmallestNonzeroFloat64, 1.5} {
			dp := g.Gauge().DataPoints().AppendEmpty()
			dp.SetTimestamp(ts)
			dp.SetDoubleValue(v)
			dp.Attributes().PutInt("i", int64(i))
		}
		c := ms.AppendEmpty()
		c.SetName("http.requests")
		c.SetEmptySum().SetIsMonotonic(true)
		c.Sum().SetAggregationTemporality(cumulative)
		dp := c.Sum().DataPoints().AppendEmpty()
		dp.SetTimestamp(ts)
		dp.SetIntValue(42)
		e := dp.Exemplars().AppendEmpty()
		e.SetTimestamp(ts)
		e.SetDoubleValue(1)
		e.SetTraceID(pcommon.TraceID{1})
		h := ms.AppendEmpty()
		h.SetName("latency")
		h.SetUnit("s")
		h.SetEmptyHistogram().SetAggregationTemporality(cumulative)
		hp := h.Histogram().DataPoints().AppendEmpty()
		hp.SetTimestamp(ts)
		hp.SetCount(10)
		hp.SetSum(5)
		hp.ExplicitBounds().FromRaw([]float64{0.1, 1})
		hp.BucketCounts().FromRaw([]uint64{2, 5, 3})
		x := ms.AppendEmpty()
		x.SetName("size")
		x.SetEmptyExponentialHistogram().SetAggregationTemporality(cumulative)
		xp := x.ExponentialHistogram().DataPoints().AppendEmpty()
		xp.SetTimestamp(ts)
		xp.SetScale(2)
		xp.SetCount(6)
		xp.SetSum(12)
		xp.SetZeroCount(1)
		xp.Positive().SetOffset(1)
		xp.Positive().BucketCounts().FromRaw([]uint64{2, 3})
		s := ms.AppendEmpty()
		s.SetName("rpc")
		s.SetEmptySummary()
		sp := s.Summary().DataPoints().AppendEmpty()
		sp.SetTimestamp(ts)
		sp.SetCount(4)
		sp.SetSum(8)
		q := sp.QuantileValues().AppendEmpty()
		q.SetQuantile(0.5)
		q.SetValue(2)
	})
	store, md := f.writeMetrics(t, rec)
	query := func(expr string) promql.Vector {
		v := instant(t, store, expr, now)
		require.NotEmpty(t, v, "%s; there is %v", expr, instant(t, store, `count by (__name__, host_name) ({__name__=~".+"})`, now))
		return v
	}

	require.InDelta(t, 42, query(`http_requests_total{job="svc",instance="i-1",host_name="web-1"}`)[0].F, 0)
	require.InDelta(t, 1.5, query(`queue_length{i="5"}`)[0].F, 0)
	require.True(t, math.IsNaN(query(`queue_length{i="0"}`)[0].F))
	require.False(t, value.IsStaleNaN(query(`queue_length{i="0"}`)[0].F))
	require.True(t, math.IsInf(query(`queue_length{i="1"}`)[0].F, 1))
	require.True(t, math.Signbit(query(`queue_length{i="3"}`)[0].F))
	require.InDelta(t, math.SmallestNonzeroFloat64, query(`queue_length{i="4"}`)[0].F, 0)
	require.InDelta(t, 7, query(`latency_seconds_bucket{le="1"}`)[0].F, 0)
	require.InDelta(t, 10, query(`latency_seconds_bucket{le="+Inf"}`)[0].F, 0)
	require.InDelta(t, 5, query(`latency_seconds_sum`)[0].F, 0)
	native := query(`size`)[0].H
	require.InDelta(t, 6, native.Count, 0)
	require.InDelta(t, 12, native.Sum, 0)
	require.Equal(t, int32(2), native.Schema)
	require.InDelta(t, 2, query(`rpc{quantile="0.5"}`)[0].F, 0)
	require.InDelta(t, 4, query(`rpc_count`)[0].F, 0)
	require.Equal(t, "7", query(`target_info{job="svc"}`)[0].Metric.Get("build"))

	eq, err := store.ExemplarQuerier(t.Context())
	require.NoError(t, err)
	ex, err := eq.Select(now.Add(-time.Minute).UnixMilli(), now.Add(time.Minute).UnixMilli(),
		[]*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, "__name__", "http_requests_total")})
	require.NoError(t, err)
	require.Len(t, ex, 1)
	require.Equal(t, "01000000000000000000000000000000", ex[0].Exemplars[0].Labels.Get("trace_id"))
	meta, ok := md.GetMetadata("queue_length")
	require.True(t, ok)
	require.Equal(t, "Requests that wait.", meta.Help)
	require.Equal(t, int64(10), f.ledger.Totals()[signal.Metrics].Stored)
}

// A flood of new series is cut off at the bound and counted; the series that exist go on.
func TestSeriesLimitKeepsKnownSeriesFlowing(t *testing.T) {
	f := newFixture(t, t.TempDir())
	cfg := metrics.DefaultConfig()
	cfg.MaxSeries = 50
	store, err := metrics.Open(filepath.Join(f.dir, "metrics"), cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	require.NoError(t, err)
	t.Cleanup(func() { _ = store.Close() })
	now := time.Now().Truncate(time.Millisecond)
	points := func(name string, n int, at time.Time) bus.Record {
		return metricsRequest(t, func(ms pmetric.MetricSlice) {
			m := ms.AppendEmpty()
			m.SetName(name)
			m.SetEmptyGauge()
			for i := range n {
				p := m.Gauge().DataPoints().AppendEmpty()
				p.SetTimestamp(pcommon.NewTimestampFromTime(at))
				p.SetDoubleValue(float64(i))
				p.Attributes().PutInt("i", int64(i))
			}
		})
	}
	require.NoError(t, f.bus.Produce(t.Context(), signal.Metrics.Topic(),
		points("known", 20, now.Add(-time.Second)), points("flood", 40, now), points("flood2", 1000, now), points("known", 20, now)))
	w := NewSamples(f.options(signal.Metrics.Topic()), oneTenant(store, metrics.NewMetadata()), func(md MetadataSink) Translator {
		return NewOTLPTranslator(md, Translation{Lookback: 5 * time.Minute})
	})
	f.run(t, signal.Metrics.Topic(), w.Handle, func() bool { return f.bus.Stats()[1].Committed == 4 })
	require.InDelta(t, 20, instant(t, store, "count(known)", now)[0].F, 0)
	require.InDelta(t, 40, instant(t, store, "sum(count_over_time(known[1m]))", now)[0].F, 0)
	require.Empty(t, instant(t, store, "flood2", now))
	require.Equal(t, map[string]int64{"series_limit": 1000}, f.ledger.Totals()[signal.Metrics].Rejected)
}

// oneTenant is the store of every tenant.
func oneTenant(store SampleStore, md MetadataSink) SampleStores {
	return func(tenant.ID) (SampleStore, MetadataSink, error) { return store, md, nil }
}

// writeMetrics puts recs on the bus and runs the writer into a fresh tsdb until all are stored.
func (f *fixture) writeMetrics(t *testing.T, recs ...bus.Record) (*metrics.Store, *metrics.Metadata) {
	t.Helper()
	store, err := metrics.Open(filepath.Join(f.dir, "metrics"), metrics.DefaultConfig(), slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	require.NoError(t, err)
	t.Cleanup(func() { _ = store.Close() })
	require.NoError(t, f.bus.Produce(t.Context(), signal.Metrics.Topic(), recs...))
	md := metrics.NewMetadata()
	w := NewSamples(f.options(signal.Metrics.Topic()), oneTenant(store, md), func(md MetadataSink) Translator { return NewOTLPTranslator(md, Translation{Lookback: 5 * time.Minute}) })
	next := f.bus.Stats()[1].Next
	f.run(t, signal.Metrics.Topic(), w.Handle, func() bool { return f.bus.Stats()[1].Committed == next })
	return store, md
}

func instant(t *testing.T, store *metrics.Store, expr string, at time.Time) promql.Vector {
	t.Helper()
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute})
	defer func() { _ = engine.Close() }()
	q, err := engine.NewInstantQuery(t.Context(), store, nil, expr, at)
	require.NoError(t, err)
	defer q.Close()
	vec, err := q.Exec(t.Context()).Vector()
	require.NoError(t, err, expr)
	return slices.Clone(vec)
}

// A stale marker ends a series at once; a conflicting or late sample is counted and takes no other sample with it.
func TestStaleDuplicateAndLateSamples(t *testing.T) {
	f := newFixture(t, t.TempDir())
	now := time.Now().Truncate(time.Millisecond)
	gauge := func(name string, at time.Time, v float64, stale bool) bus.Record {
		return metricsRequest(t, func(ms pmetric.MetricSlice) {
			m := ms.AppendEmpty()
			m.SetName(name)
			p := m.SetEmptyGauge().DataPoints().AppendEmpty()
			p.SetTimestamp(pcommon.NewTimestampFromTime(at))
			p.SetDoubleValue(v)
			p.SetFlags(p.Flags().WithNoRecordedValue(stale))
		})
	}
	store, _ := f.writeMetrics(t,
		gauge("gone", now.Add(-2*time.Second), 1, false), gauge("gone", now.Add(-time.Second), 0, true),
		gauge("twice", now, 1, false), gauge("twice", now, 1, false), gauge("twice", now, 2, false),
		gauge("late", now, 1, false), gauge("late", now.Add(-time.Hour), 2, false), gauge("late", now.Add(-3*time.Hour), 3, false),
	)
	require.Empty(t, instant(t, store, "gone", now))
	require.InDelta(t, 1, instant(t, store, "twice", now)[0].F, 0)
	require.InDelta(t, 2, instant(t, store, "late", now.Add(-time.Hour))[0].F, 0)
	tot := f.ledger.Totals()[signal.Metrics]
	require.Equal(t, map[string]int64{"duplicate_timestamp": 1, "too_old": 1}, tot.Rejected)
	require.Equal(t, int64(6), tot.Stored)
}
