// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/strata-apm/strata/collector/otlptest"
)

func TestOptions(t *testing.T) {
	opts := Options{Endpoint: "x"}
	require.NoError(t, opts.setDefaults())
	require.InDelta(t, 5, opts.Rate, 0)
	require.Equal(t, 10*time.Second, opts.MetricInterval)
	require.NotZero(t, opts.Seed)
	require.NotNil(t, opts.Logger)
	for want, opts := range map[string]Options{
		"no endpoint": {}, "must not be negative": {Endpoint: "x", Rate: -1}, `unknown incident "fire"`: {Endpoint: "x", Incidents: []Incident{{Name: "fire"}}},
	} {
		_, err := Run(t.Context(), opts)
		require.ErrorContains(t, err, want)
	}
	for _, opts := range []Options{{Endpoint: "x", Traces: -1}, {Endpoint: "x", Backfill: -1}} {
		require.Error(t, opts.setDefaults())
	}
	_, err := Run(t.Context(), Options{Endpoint: otlptest.New(t).Addr, Control: "10.0.0.1:1"})
	require.ErrorContains(t, err, "not a loopback address")
}

// TestKey: the key goes with every request, and no key is no header.
func TestKey(t *testing.T) {
	for key, want := range map[string][]string{"strata_x": {"Bearer strata_x"}, "": nil} {
		sink := otlptest.New(t)
		_, err := Run(t.Context(), Options{Endpoint: sink.Addr, Key: key, Traces: 1, Rate: 100, Seed: 1})
		require.NoError(t, err)
		require.Equal(t, want, sink.Header().Get("authorization"))
	}
}

// TestRefused: data that a server refuses for good are counted as failed, and nothing of them as sent.
func TestRefused(t *testing.T) {
	sink := otlptest.New(t)
	sink.Refuse(status.Error(codes.PermissionDenied, "no"))
	sum, err := Run(t.Context(), Options{Endpoint: sink.Addr, Traces: 3, Rate: 1000, Seed: 9})
	require.Error(t, err)
	require.Equal(t, 3, sum.Traces)
	require.Zero(t, sum.Spans+sum.LogRecords+sum.DataPoints)
	require.Positive(t, sum.Failed)
	require.Equal(t, uint64(9), sum.Seed)
}

// TestDuration: a run ends after its duration.
func TestDuration(t *testing.T) {
	begin := time.Now()
	_, sum := run(t, Options{Rate: 100, Duration: 100 * time.Millisecond})
	require.GreaterOrEqual(t, time.Since(begin), 100*time.Millisecond)
	require.Positive(t, sum.Traces)
}

// TestSchedule: an incident is on from its time for its length; it stays as it is at the run's end.
func TestSchedule(t *testing.T) {
	for name, c := range map[string]struct {
		incident Incident
		on       map[time.Duration]bool
	}{
		"at once, for good":   {Incident{Name: ErrorBurst}, map[time.Duration]bool{0: true, time.Hour: true}},
		"later, for good":     {Incident{Name: ErrorBurst, After: time.Minute}, map[time.Duration]bool{59 * time.Second: false, 61 * time.Second: true, time.Hour: true}},
		"later, for a while":  {Incident{Name: ErrorBurst, After: time.Minute, For: time.Minute}, map[time.Duration]bool{0: false, 90 * time.Second: true, 121 * time.Second: false}},
		"after the run's end": {Incident{Name: ErrorBurst, After: 2 * time.Hour}, map[time.Duration]bool{time.Hour: false}},
	} {
		for at, want := range c.on {
			synctest.Test(t, func(t *testing.T) {
				sw := newSwitches()
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan struct{})
				go func() { defer close(done); sw.schedule(ctx, c.incident) }()
				time.Sleep(at) // The clock of the bubble.
				synctest.Wait()
				require.Equal(t, want, sw.active(ErrorBurst), "%s, after %s", name, at)
				require.False(t, sw.active(SlowDatabase))
				cancel()
				<-done
				require.Equal(t, want, sw.active(ErrorBurst), "%s: as it was at the end", name)
			})
		}
	}
}

// TestControlServed: the control server serves on loopback until the context ends.
func TestControlServed(t *testing.T) {
	sw := newSwitches()
	for _, addr := range []string{"127.0.0.1", "example.com:1", "0.0.0.0:0", "127.0.0.1:99999"} {
		_, err := listenControl(t.Context(), addr, sw)
		require.ErrorContains(t, err, "demo control", addr)
	}
	c, err := listenControl(t.Context(), "127.0.0.1:0", sw)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- c.run(ctx) }()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	do := func(method, path string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+c.addr()+path, nil)
		require.NoError(t, err)
		resp, err := client.Do(req)
		require.NoError(t, err)
		defer func() { _ = resp.Body.Close() }()
		b, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, string(b)
	}
	code, _ := do(http.MethodPut, "/incidents/slow-database")
	require.Equal(t, http.StatusNoContent, code)
	require.True(t, sw.active(SlowDatabase))
	code, text := do(http.MethodGet, "/incidents")
	require.Equal(t, http.StatusOK, code)
	require.JSONEq(t, `{"slow-database":true,"failing-dependency":false,"memory-leak":false,"error-burst":false}`, text)
	code, _ = do(http.MethodPost, "/incidents/slow-database")
	require.Equal(t, http.StatusMethodNotAllowed, code)
	cancel()
	require.NoError(t, <-done)
	closed := &controlServer{lis: c.lis, srv: &http.Server{ReadHeaderTimeout: time.Second}}
	require.ErrorContains(t, closed.run(t.Context()), "demo control", "a port that is gone")
}

// TestIDs: ids are repeatable by the seed, never zero, and of different seeds not the same.
func TestIDs(t *testing.T) {
	a, b, other := newIDGenerator(1), newIDGenerator(1), newIDGenerator(2)
	seen := map[string]bool{}
	for range 1000 {
		trace, span := a.NewIDs(t.Context())
		sameTrace, sameSpan := b.NewIDs(t.Context())
		otherTrace, _ := other.NewIDs(t.Context())
		require.Equal(t, trace, sameTrace)
		require.Equal(t, span, sameSpan)
		require.NotEqual(t, trace, otherTrace)
		require.True(t, trace.IsValid() && span.IsValid())
		child := a.NewSpanID(t.Context(), trace)
		require.Equal(t, child, b.NewSpanID(t.Context(), trace))
		seen[trace.String()], seen[span.String()], seen[child.String()] = true, true, true
	}
	require.Len(t, seen, 3000)
}

// TestLeak: the heap saws while nothing leaks, and a restart frees what has leaked.
func TestLeak(t *testing.T) {
	var l leak
	for range 1000 {
		l.request(false)
		require.Less(t, l.heap(), int64(heapBase+96<<20))
		require.Less(t, l.pauses(), int64(5))
	}
	l.request(true)
	l.request(true)
	require.Equal(t, int64(2*leakPerCall), l.leaked.Load())
	l.request(false)
	require.Zero(t, l.leaked.Load(), "the incident is over")
}

func TestDataPoints(t *testing.T) {
	ints, floats := make([]metricdata.DataPoint[int64], 2), make([]metricdata.DataPoint[float64], 3)
	for _, c := range []struct {
		data metricdata.Aggregation
		want int
	}{
		{metricdata.Gauge[int64]{DataPoints: ints}, 2},
		{metricdata.Gauge[float64]{DataPoints: floats}, 3},
		{metricdata.Sum[int64]{DataPoints: ints}, 2},
		{metricdata.Sum[float64]{DataPoints: floats}, 3},
		{metricdata.Histogram[int64]{DataPoints: make([]metricdata.HistogramDataPoint[int64], 4)}, 4},
		{metricdata.Histogram[float64]{DataPoints: make([]metricdata.HistogramDataPoint[float64], 5)}, 5},
		{nil, 0},
	} {
		rm := &metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{{Data: c.data}, {Data: c.data}}}}}
		require.Equal(t, 2*c.want, dataPoints(rm))
	}
}

// exporters stand for those of the SDK; they fail with err and note what they are given.
type exporters struct {
	metric.Exporter
	err      error
	requests []int
	ctx      context.Context //nolint:containedctx // The test looks at it.
}

func (e *exporters) ExportSpans(_ context.Context, spans []trace.ReadOnlySpan) error {
	e.requests = append(e.requests, len(spans))
	return e.err
}

func (e *exporters) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	e.ctx = ctx
	e.requests = append(e.requests, dataPoints(rm))
	return e.err
}

func (e *exporters) Shutdown(context.Context) error { return e.err }

// logExporter is exporters for logs.
type logExporter struct {
	err      error
	requests []int
	ended    bool
}

func (e *logExporter) Export(_ context.Context, records []log.Record) error {
	e.requests = append(e.requests, len(records))
	return e.err
}

func (e *logExporter) ForceFlush(context.Context) error { return nil }

func (e *logExporter) Shutdown(context.Context) error { e.ended = true; return nil }

// TestCounts: the result of an export decides whether its data count as sent or as failed.
func TestCounts(t *testing.T) {
	for _, failed := range []error{nil, errors.New("no")} {
		var c counts
		e := &exporters{err: failed}
		spans := tracetest.SpanStubs{{Name: "a"}, {Name: "b"}}.Snapshots()
		require.Equal(t, failed, (&spanExporter{SpanExporter: e, within: until(t.Context()), counts: &c}).ExportSpans(t.Context(), spans))
		m := &metricExporter{Exporter: e, within: until(t.Context()), counts: &c}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		points := &metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{{Data: metricdata.Gauge[int64]{DataPoints: make([]metricdata.DataPoint[int64], 3)}}}}}}
		require.Equal(t, failed, m.Export(ctx, points))
		require.NoError(t, m.Export(ctx, &metricdata.ResourceMetrics{}))
		require.Equal(t, []int{2, 3}, e.requests, "nothing is not sent")
		_, bounded := e.ctx.Deadline()
		require.True(t, bounded, "a shutdown does not cut an export, its own time does")
		require.NoError(t, m.Shutdown(t.Context()), "it outlives each of its readers")
		want := Summary{Spans: 2, DataPoints: 3}
		if failed != nil {
			want = Summary{Failed: 5}
		}
		require.Equal(t, want, c.summary())
	}
}

// TestLogBuffer: full batches are sent at once, others after a while; the end sends the rest, and failed batches are counted and not kept.
func TestLogBuffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c counts
		e := &logExporter{}
		b := &logBuffer{exporter: e, within: until(t.Context()), counts: &c, flushed: time.Now()}
		require.True(t, b.Enabled(t.Context(), log.EnabledParameters{}))
		emit := func(n int) {
			for range n {
				_ = b.OnEmit(t.Context(), &log.Record{})
			}
		}
		emit(logBatch - 1)
		require.Empty(t, e.requests)
		emit(1)
		require.Equal(t, []int{logBatch}, e.requests)
		emit(3)
		time.Sleep(logInterval + time.Millisecond) // The clock of the bubble.
		emit(1)
		require.Equal(t, []int{logBatch, 4}, e.requests)
		emit(2)
		require.NoError(t, b.ForceFlush(t.Context()))
		require.NoError(t, b.ForceFlush(t.Context()))
		require.Equal(t, []int{logBatch, 4, 2}, e.requests)
		e.err = errors.New("no")
		emit(5)
		require.ErrorIs(t, b.close(t.Context()), e.err)
		require.True(t, e.ended, "also one that failed holds nothing any more")
		e.err, e.ended = nil, false
		require.NoError(t, b.Shutdown(t.Context()))
		require.NoError(t, b.close(t.Context()))
		require.True(t, e.ended)
		require.Equal(t, Summary{LogRecords: logBatch + 6, Failed: 5}, c.summary())
	})
}

func TestParseIncidentForms(t *testing.T) {
	for text, want := range map[string]Incident{
		"memory-leak": {Name: MemoryLeak}, "memory-leak@0s": {Name: MemoryLeak}, "failing-dependency@90s": {Name: FailingDependency, After: 90 * time.Second},
		"error-burst@1h+1ms": {Name: ErrorBurst, After: time.Hour, For: time.Millisecond},
	} {
		got, err := ParseIncident(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"@1m", "Memory-Leak", "memory-leak@", "memory-leak@1m+", "memory-leak@+1m", "memory-leak @1m"} {
		_, err := ParseIncident(text)
		require.Error(t, err, text)
	}
	_, err := ParseIncident("fire")
	for _, n := range IncidentNames() {
		require.ErrorContains(t, err, string(n), "the error names what there is")
	}
}
