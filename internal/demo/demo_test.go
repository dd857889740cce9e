// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/goleak"

	"github.com/strata-apm/strata/collector/otlptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type receivedSpan struct {
	ptrace.Span
	service string
}

func received(sink *otlptest.Sink) map[pcommon.TraceID]map[pcommon.SpanID]receivedSpan {
	out := make(map[pcommon.TraceID]map[pcommon.SpanID]receivedSpan)
	for _, td := range sink.Traces() {
		for _, rs := range td.ResourceSpans().All() {
			service, _ := rs.Resource().Attributes().Get("service.name")
			for _, ss := range rs.ScopeSpans().All() {
				for _, sp := range ss.Spans().All() {
					if out[sp.TraceID()] == nil {
						out[sp.TraceID()] = make(map[pcommon.SpanID]receivedSpan)
					}
					out[sp.TraceID()][sp.SpanID()] = receivedSpan{sp, service.Str()}
				}
			}
		}
	}
	return out
}

func run(t *testing.T, opts Options) (*otlptest.Sink, Summary) {
	t.Helper()
	sink := otlptest.New(t)
	opts.Endpoint = sink.Addr
	sum, err := Run(t.Context(), opts)
	require.NoError(t, err)
	require.Zero(t, sum.Failed)
	return sink, sum
}

func TestRunCountsAndCorrelation(t *testing.T) {
	sink, sum := run(t, Options{Rate: 1000, Traces: 300, Seed: 7, MetricInterval: time.Hour})
	traces := received(sink)
	require.Equal(t, 300, sum.Traces)
	require.Len(t, traces, sum.Traces)
	spans, services := 0, make(map[string]bool)
	for id, trace := range traces {
		roots := 0
		for _, sp := range trace {
			spans++
			services[sp.service] = true
			require.GreaterOrEqual(t, sp.EndTimestamp(), sp.StartTimestamp())
			if sp.ParentSpanID().IsEmpty() {
				roots++
				continue
			}
			parent, ok := trace[sp.ParentSpanID()]
			require.True(t, ok, "span %s of trace %s has no parent", sp.Name(), id)
			require.GreaterOrEqual(t, sp.StartTimestamp(), parent.StartTimestamp())
		}
		require.Equal(t, 1, roots)
	}
	require.EqualValues(t, sum.Spans, spans)
	require.Len(t, services, len(serviceDefs()))

	logs := 0
	for _, ld := range sink.Logs() {
		logs += ld.LogRecordCount()
		for _, rl := range ld.ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				for _, lr := range sl.LogRecords().All() {
					require.Contains(t, traces[lr.TraceID()], lr.SpanID())
				}
			}
		}
	}
	require.EqualValues(t, sum.LogRecords, logs)
	require.Positive(t, logs)

	points, exemplars := 0, 0
	hosts := make(map[string]bool)
	for _, md := range sink.Metrics() {
		points += md.DataPointCount()
		for _, rm := range md.ResourceMetrics().All() {
			host, _ := rm.Resource().Attributes().Get("host.name")
			hosts[host.Str()] = true
			for _, m := range rm.ScopeMetrics().At(0).Metrics().All() {
				if m.Name() == "http.server.request.duration" {
					for _, dp := range m.Histogram().DataPoints().All() {
						exemplars += dp.Exemplars().Len()
					}
				}
			}
		}
	}
	require.EqualValues(t, sum.DataPoints, points)
	require.Len(t, hosts, 3)
	require.Positive(t, exemplars)
}

func TestRunIsRepeatable(t *testing.T) {
	first, a := run(t, Options{Rate: 1000, Traces: 50, Seed: 42})
	second, b := run(t, Options{Rate: 1000, Traces: 50, Seed: 42})
	require.Equal(t, a.Spans, b.Spans)
	require.Equal(t, a.LogRecords, b.LogRecords)
	again := received(second)
	for id, spans := range received(first) {
		require.Len(t, again[id], len(spans))
	}
}

func TestRunBackfill(t *testing.T) {
	sink, sum := run(t, Options{Rate: 1, Traces: 1, Backfill: 10 * time.Minute, Seed: 1})
	require.Greater(t, sum.Traces, 500)
	oldest := time.Now()
	for _, trace := range received(sink) {
		for _, sp := range trace {
			if at := sp.StartTimestamp().AsTime(); at.Before(oldest) {
				oldest = at
			}
		}
	}
	require.InDelta(t, 600, time.Since(oldest).Seconds(), 30)
}

// errorSpans counts the spans with an error by service.
func errorSpans(sink *otlptest.Sink) map[string]int {
	out := make(map[string]int)
	for _, trace := range received(sink) {
		for _, sp := range trace {
			if sp.Status().Code() == ptrace.StatusCodeError {
				out[sp.service]++
			}
		}
	}
	return out
}

func TestIncidents(t *testing.T) {
	quiet, _ := run(t, Options{Rate: 2000, Traces: 300, Seed: 3})
	require.Empty(t, errorSpans(quiet))
	for name, service := range map[IncidentName]string{SlowDatabase: "inventory", FailingDependency: "payment", ErrorBurst: "recommendation"} {
		t.Run(string(name), func(t *testing.T) {
			opts := Options{Seed: 3}
			opts.Endpoint = "set below"
			require.NoError(t, opts.setDefaults())
			sw := newSwitches()
			sw.set(name, true)
			sink := otlptest.New(t)
			opts.Endpoint = sink.Addr
			out, err := newOutput(t.Context(), opts)
			require.NoError(t, err)
			s, err := newShop(out, opts, sw)
			require.NoError(t, err)
			for range 300 {
				s.visit(time.Now())
			}
			require.NoError(t, out.close(t.Context()))
			require.Positive(t, errorSpans(sink)[service])
		})
	}
}

func TestMemoryLeak(t *testing.T) {
	var l leak
	l.request(false)
	before := l.heap()
	highest, slowest := before, int64(0)
	for range 2000 {
		l.request(true)
		require.Less(t, l.heap(), int64(heapLimit)+128<<20)
		highest, slowest = max(highest, l.heap()), max(slowest, l.pauses())
	}
	require.Greater(t, highest, 3*before)
	require.Greater(t, slowest, int64(200), "collections hurt before the restart")
}

func TestParseIncident(t *testing.T) {
	got, err := ParseIncident("slow-database@2m+5m")
	require.NoError(t, err)
	require.Equal(t, Incident{Name: SlowDatabase, After: 2 * time.Minute, For: 5 * time.Minute}, got)
	got, err = ParseIncident("error-burst")
	require.NoError(t, err)
	require.Equal(t, Incident{Name: ErrorBurst}, got)
	for _, bad := range []string{"", "fire", "slow-database@x", "slow-database@1m+x"} {
		_, err := ParseIncident(bad)
		require.Error(t, err, bad)
	}
}

func TestControl(t *testing.T) {
	sw := newSwitches()
	h := controlHandler(sw)
	do := func(method, path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, nil))
		return w
	}
	require.Equal(t, http.StatusNoContent, do("PUT", "/incidents/memory-leak").Code)
	require.True(t, sw.active(MemoryLeak))
	var all map[IncidentName]bool
	require.NoError(t, json.Unmarshal(do("GET", "/incidents").Body.Bytes(), &all))
	require.Equal(t, map[IncidentName]bool{MemoryLeak: true, SlowDatabase: false, FailingDependency: false, ErrorBurst: false}, all)
	require.Equal(t, http.StatusNoContent, do("DELETE", "/incidents/memory-leak").Code)
	require.False(t, sw.active(MemoryLeak))
	require.Equal(t, http.StatusNotFound, do("PUT", "/incidents/fire").Code)
	_, err := listenControl(t.Context(), "0.0.0.0:0", sw)
	require.ErrorContains(t, err, "loopback")
}

// TestRunServed: the control server and the schedule end with the run, and the end of the context is not an error.
func TestRunServed(t *testing.T) {
	sink := otlptest.New(t)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	sum, err := Run(ctx, Options{
		Endpoint: sink.Addr, Control: "127.0.0.1:0", Incidents: []Incident{{Name: ErrorBurst, After: 10 * time.Millisecond}, {Name: MemoryLeak, After: time.Hour}},
	})
	require.NoError(t, err)
	require.Positive(t, sum.Traces)
}

func TestRunStopsWhileTheServerIsAway(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	for name, traces := range map[string]int{"while it produces": 0, "while it sends what is left": 1} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			began := time.Now()
			sum, err := Run(ctx, Options{Endpoint: l.Addr().String(), Rate: 50, Traces: traces, StopTimeout: 100 * time.Millisecond})
			require.ErrorContains(t, err, "did not take what was left in time")
			require.Less(t, time.Since(began), 5*time.Second)
			require.Positive(t, sum.Failed)
			require.Zero(t, sum.Spans+sum.LogRecords+sum.DataPoints)
		})
	}
}
