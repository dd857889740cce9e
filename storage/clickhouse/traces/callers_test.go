// SPDX-License-Identifier: Apache-2.0

package traces

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/clickhousetest"
	"github.com/strata-apm/strata/storage/storagetest"
	"github.com/strata-apm/strata/tenant"
)

// calls are n calls of back by a service, in traces from first on, a fifth of them failed.
func calls(first, n int, by string, at time.Time) []made {
	var out []made
	for i := range n {
		trace := first + i
		start := at.Add(time.Duration(i) * time.Millisecond)
		out = append(out,
			made{trace: trace, id: 2*trace + 1, service: by, host: "h", name: "call", kind: ptrace.SpanKindClient, start: start, duration: 9 * time.Millisecond, env: "prod"},
			made{trace: trace, id: 2*trace + 2, parent: 2*trace + 1, service: "back", host: "h", name: "serve", kind: ptrace.SpanKindServer, start: start, duration: 5 * time.Millisecond, failed: i%5 == 0, env: "prod"},
		)
	}
	return out
}

func TestCallers(t *testing.T) {
	c, _ := clickhousetest.Open(t)
	s := New(c)
	at := time.Now().UTC().Truncate(time.Hour).Add(-2 * time.Hour)
	ask := func(t *testing.T, rng storage.TimeRange, env string) storage.ServiceDetail {
		t.Helper()
		got, err := s.Service(t.Context(), storage.ServiceQuery{Tenant: tenant.Default, Name: "back", Range: rng, Environment: env, Points: 1})
		require.NoError(t, err)
		return got
	}
	whole := storage.TimeRange{Start: at, End: at.Add(time.Hour)}
	put(t, s, "web", calls(0, 30, "web", at)...)
	put(t, s, "app", calls(1000, 10, "app", at)...)
	own := calls(2000, 5, "back", at) // A service that calls itself is no caller of itself.
	put(t, s, "own", own...)
	orphan := made{trace: 3000, id: 9001, parent: 9000, service: "back", host: "h", name: "serve", kind: ptrace.SpanKindServer, start: at, duration: time.Millisecond, env: "prod"}
	put(t, s, "orphan", orphan)
	got := ask(t, whole, "")
	require.Equal(t, []storage.Caller{{Service: "web", Calls: 30, Errors: 6}, {Service: "app", Calls: 10, Errors: 2}}, got.Callers)
	require.Empty(t, got.Warnings)
	require.Equal(t, uint64(46), got.Summary.Requests)

	put(t, s, "web again", calls(0, 30, "web", at)[0], calls(0, 30, "web", at)[2]) // Callers that are stored twice are one.
	require.Equal(t, uint64(30), ask(t, whole, "").Callers[0].Calls)
	require.Empty(t, ask(t, whole, "prod").Warnings)
	_, err := s.Service(t.Context(), storage.ServiceQuery{Tenant: tenant.Default, Name: "back", Range: whole, Environment: "test", Points: 1})
	require.ErrorIs(t, err, storage.ErrNotFound)

	// More requests than are followed: the newest tell the shares, which are scaled to all.
	put(t, s, "many", calls(10_000, callerSample, "batch", at.Add(30*time.Minute))...)
	got = ask(t, whole, "")
	require.Len(t, got.Callers, 1, "the newest requests are all of one caller")
	require.Equal(t, "batch", got.Callers[0].Service)
	require.Equal(t, got.Summary.Requests, got.Callers[0].Calls)
	require.InDelta(t, float64(got.Summary.Requests)/5, float64(got.Callers[0].Errors), 2)
	require.Equal(t, []string{"callers are estimated from the newest 2000 requests"}, got.Warnings)
	require.Len(t, ask(t, storage.TimeRange{Start: at, End: at.Add(10 * time.Minute)}, "").Callers, 2)
}

// TestSeriesOfSteps: a range that begins within a step has that step, and every request is in the step of its minute.
func TestSeriesOfSteps(t *testing.T) {
	c, _ := clickhousetest.Open(t)
	s := New(c)
	hour := time.Now().UTC().Truncate(time.Hour).Add(-2 * time.Hour)
	var spans []made
	for minute := range 30 {
		spans = append(spans, made{
			trace: minute, id: minute + 1, service: "a", name: "op", kind: ptrace.SpanKindServer, start: hour.Add(time.Duration(minute)*time.Minute + 30*time.Second), duration: time.Second, failed: minute%2 == 0,
		})
	}
	put(t, s, "minutes", spans...)
	rng := storage.TimeRange{Start: hour.Add(7 * time.Minute), End: hour.Add(23 * time.Minute)}
	one, err := s.Service(t.Context(), storage.ServiceQuery{Tenant: tenant.Default, Name: "a", Range: rng, Points: 4})
	require.NoError(t, err)
	require.Equal(t, 5*time.Minute, one.Step)
	list, err := s.Services(t.Context(), storage.ServicesQuery{Tenant: tenant.Default, Range: rng, Points: 4})
	require.NoError(t, err)
	require.Len(t, list.Services, 1)
	want := []uint64{3, 5, 5, 3} // The minutes 7 to 22.
	for _, series := range [][]storage.ServicePoint{one.Summary.Series, list.Services[0].Series} {
		require.Len(t, series, len(want))
		total, errors := uint64(0), uint64(0)
		for i, p := range series {
			require.Equal(t, hour.Add(time.Duration(5+5*i)*time.Minute), p.Start)
			require.Equal(t, want[i], p.Requests, i)
			total, errors = total+p.Requests, errors+p.Errors
		}
		require.Equal(t, one.Summary.Requests, total, "the series is all of the sum")
		require.Equal(t, one.Summary.Errors, errors)
	}
	require.Equal(t, uint64(8), one.Summary.Errors)
	require.Equal(t, []storage.Operation{{Name: "op", Kind: "server", Requests: 16, Errors: 8, Total: 16 * time.Second, Latency: one.Operations[0].Latency}}, one.Operations)
	require.InEpsilon(t, 1e9, *one.Operations[0].Latency.P95, 0.02)
}

// TestLinksAreCut: each list of the topology is cut by itself and says by how much; its counts are not.
func TestLinksAreCut(t *testing.T) {
	c, _ := clickhousetest.Open(t)
	s := New(c)
	at := time.Now().UTC().Truncate(time.Hour).Add(-2 * time.Hour)
	var spans []made
	for i := range 12 { // Services in a row, each on a host of its own, each calling the next.
		spans = append(spans,
			made{trace: 1, id: 2*i + 1, parent: 2 * i, service: fmt.Sprintf("s%02d", i), host: fmt.Sprint("h", i), name: "serve", kind: ptrace.SpanKindServer, start: at, duration: time.Second, env: "prod"},
			made{
				trace: 1, id: 2*i + 2, parent: 2*i + 1, service: fmt.Sprintf("s%02d", i), host: fmt.Sprint("h", i), name: "call", kind: ptrace.SpanKindClient, start: at, duration: time.Second, env: "prod",
				attrs: map[string]string{"rpc.system": "grpc", "server.address": fmt.Sprint("h", i+1), "server.port": "80"},
			})
	}
	put(t, s, "row", spans...)
	q := storage.TopologyQuery{Tenant: tenant.Default, Range: storage.TimeRange{Start: at, End: at.Add(time.Minute)}, Limit: 5, MaxSpans: 1000}
	links, err := s.Links(t.Context(), q)
	require.NoError(t, err)
	require.True(t, links.Whole)
	require.Equal(t, []int{5, 5, 5}, []int{len(links.Calls), len(links.Peers), len(links.Placements)})
	require.Equal(t, []uint64{6, 7, 7}, []uint64{links.CallsCut, links.PeersCut, links.PlacementsCut})
	require.Len(t, links.Requests, 12)
	deps, err := s.Dependencies(t.Context(), q)
	require.NoError(t, err)
	require.Len(t, deps.Dependencies, 5)
	require.Equal(t, uint64(7), deps.Cut)

	q.Limit = 100
	whole, err := s.Links(t.Context(), q)
	require.NoError(t, err)
	require.Equal(t, links.Calls, whole.Calls[:5], "the first ones of the same order")
	require.Equal(t, links.Peers, whole.Peers[:5])
	require.Equal(t, []uint64{0, 0, 0}, []uint64{whole.CallsCut, whole.PeersCut, whole.PlacementsCut})
	require.Len(t, whole.Calls, 11)

	q.MaxSpans = 6 // A quarter of the minute's spans.
	part, err := s.Links(t.Context(), q)
	require.NoError(t, err)
	require.False(t, part.Whole)
	require.Equal(t, at.Add(45*time.Second), part.Sample.Start)
	require.Empty(t, part.Calls, "the spans are at the beginning of the minute")
	q.Environment = "test"
	none, err := s.Links(t.Context(), q)
	require.NoError(t, err)
	require.True(t, none.Whole)
	require.Empty(t, none.Requests)
}

// TestStoredSpans reads back what a block holds of odd spans.
func TestStoredSpans(t *testing.T) {
	c, _ := clickhousetest.Open(t)
	s := New(c)
	at := time.Now().UTC().Truncate(time.Hour).Add(-time.Hour)
	td := tracesOf([]made{{trace: 1, id: 1, service: "a", name: "", kind: ptrace.SpanKind(9), start: at, duration: -time.Second}})
	rs := td.ResourceSpans().At(0)
	rs.SetSchemaUrl("https://resource")
	ss := rs.ScopeSpans().At(0)
	ss.SetSchemaUrl("https://scope")
	ss.Scope().SetName("lib")
	ss.Scope().Attributes().PutStr("k", "v")
	sp := ss.Spans().At(0)
	sp.SetFlags(0x301)
	sp.TraceState().FromRaw("a=b")
	sp.Status().SetMessage("why")
	sp.Attributes().PutEmptyMap("m").PutStr("n", "deep")
	sp.Attributes().PutEmptyBytes("raw").FromRaw([]byte{1})
	e := sp.Events().AppendEmpty()
	e.SetName("exception")
	e.SetTimestamp(pcommon.NewTimestampFromTime(at.Add(time.Millisecond)))
	e.Attributes().PutStr("exception.type", "E")
	sp.Events().AppendEmpty()
	l := sp.Links().AppendEmpty()
	l.SetTraceID(traceID(7))
	l.SetSpanID(spanID(8))
	l.Attributes().PutInt("n", 5)
	_, err := s.AppendTraces(t.Context(), "odd", storagetest.Requests(t, tenant.Default, td))
	require.NoError(t, err)
	trace, err := s.Trace(t.Context(), storage.TraceQuery{Tenant: tenant.Default, TraceID: hexTrace(1), Limit: 10})
	require.NoError(t, err)
	got := trace.Spans[0]
	require.Zero(t, got.Duration, "a clock that went back makes no span of 584 years")
	require.Equal(t, []string{"unspecified", "unset", "why", "https://resource"}, []string{got.Kind, got.Status, got.StatusMessage, got.ResourceSchemaURL})
	require.Equal(t, uint32(0x301), got.Flags)
	require.Equal(t, map[string]string{"m": `{"n":"deep"}`, "raw": "AQ=="}, got.Attributes)
	require.Equal(t, []storage.Scope{{Name: "lib", SchemaURL: "https://scope", Attributes: map[string]string{"k": "v"}}}, trace.Scopes)
	require.Equal(t, storage.SpanEvent{Name: "exception", Time: at.Add(time.Millisecond), Attributes: map[string]string{"exception.type": "E"}}, got.Events[0])
	require.Equal(t, time.Unix(0, 0).UTC(), got.Events[1].Time)
	link := traceID(7)
	require.Equal(t, []storage.SpanLink{{TraceID: link.String(), SpanID: spanID(8).String(), Attributes: map[string]string{"n": "5"}}}, got.Links)
	for query, want := range map[string]int{"attr.m.n:deep": 1, "attr.m.n:x": 0, "event:exception": 1, "event:*": 1, "duration:0s": 1, "kind:unspecified": 1, "scope:lib": 1} {
		f, err := search.Parse("traces", query)
		require.NoError(t, err)
		found, err := s.SearchTraces(t.Context(), storage.TraceSearch{Selection: storage.Selection{Tenant: tenant.Default, Filter: f, Range: storage.TimeRange{Start: at, End: at.Add(1)}}, Limit: 1})
		require.NoError(t, err)
		require.Len(t, found.Traces, want, query)
	}
}
