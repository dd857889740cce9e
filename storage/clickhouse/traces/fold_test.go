// SPDX-License-Identifier: Apache-2.0

package traces

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/signal"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/clickhousetest"
	"github.com/strata-apm/strata/storage/clickhouse/client"
	"github.com/strata-apm/strata/storage/clickhouse/timerange"
	"github.com/strata-apm/strata/storage/skew"
	"github.com/strata-apm/strata/storage/storagetest"
	"github.com/strata-apm/strata/tenant"
)

func TestFoldTrace(t *testing.T) {
	root := summaryRow{service: "front", spans: 2, errors: 1, start: 100, end: 200, roots: 1, rootStart: 100, rootEnd: 200, rootName: "GET /", firstName: "GET /", hosts: 1}
	inner := summaryRow{service: "back", spans: 3, start: 120, end: 150, firstName: "handle", hosts: 1}
	with := func(r summaryRow, change func(*summaryRow)) summaryRow { change(&r); return r }
	for name, c := range map[string]struct {
		rows        []summaryRow
		root        string
		missing     bool
		start, last int64
		crooked     bool
	}{
		"one service":             {[]summaryRow{root}, "front GET /", false, 100, 200, false},
		"two services":            {[]summaryRow{inner, root}, "front GET /", false, 100, 200, false},
		"no root":                 {[]summaryRow{inner}, "back handle", true, 120, 150, false},
		"no root, two services":   {[]summaryRow{inner, with(inner, func(r *summaryRow) { r.service, r.start, r.firstName = "mail", 110, "send" })}, "mail send", true, 110, 150, true},
		"no root, two hosts":      {[]summaryRow{with(inner, func(r *summaryRow) { r.hosts = 2 })}, "back handle", true, 120, 150, true},
		"before its root":         {[]summaryRow{root, with(inner, func(r *summaryRow) { r.start = 90 })}, "front GET /", false, 90, 200, true},
		"after its root":          {[]summaryRow{root, with(inner, func(r *summaryRow) { r.end = 210 })}, "front GET /", false, 100, 210, true},
		"after its root, alone":   {[]summaryRow{with(root, func(r *summaryRow) { r.end = 300 })}, "front GET /", false, 100, 300, false}, // One clock.
		"after it, on two hosts":  {[]summaryRow{with(root, func(r *summaryRow) { r.end, r.hosts = 300, 2 })}, "front GET /", false, 100, 300, true},
		"two roots, first counts": {[]summaryRow{root, with(inner, func(r *summaryRow) { r.roots, r.rootStart, r.rootEnd, r.rootName = 1, 95, 250, "other" })}, "back other", false, 100, 200, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := foldTrace("id", slices.Clone(c.rows))
			require.Equal(t, c.root, f.summary.RootService+" "+f.summary.RootName)
			require.Equal(t, c.missing, f.summary.RootMissing)
			require.Equal(t, "id", f.position.TraceID)
			require.Equal(t, timerange.UnixNano(c.start), f.summary.Start)
			require.Equal(t, time.Duration(c.last-c.start), f.summary.Duration)
			require.Equal(t, c.crooked, f.crooked)
			spans, errors := 0, 0
			for _, s := range f.summary.Services {
				spans, errors = spans+s.Spans, errors+s.Errors
			}
			require.Equal(t, []int{f.summary.Spans, f.summary.Errors}, []int{spans, errors}, "the services' shares are all of it")
		})
	}
}

// TestSumUp: what is summed up of spans that were read is what the engine sums up.
func TestSumUp(t *testing.T) {
	c, _ := clickhousetest.Open(t)
	s := New(c)
	td := ptrace.NewTraces()
	at := time.Now().Add(-time.Hour).Truncate(time.Second)
	add := func(trace byte, service, host, name string, parent byte, start, length time.Duration, failed bool) {
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", service)
		if host != "" {
			rs.Resource().Attributes().PutStr("host.name", host)
		}
		sp := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		sp.SetTraceID([16]byte{trace})
		sp.SetSpanID([8]byte{byte(td.ResourceSpans().Len())})
		if parent != 0 {
			sp.SetParentSpanID([8]byte{parent})
		}
		sp.SetName(name)
		sp.SetStartTimestamp(pcommon.NewTimestampFromTime(at.Add(start)))
		sp.SetEndTimestamp(pcommon.NewTimestampFromTime(at.Add(start + length)))
		if failed {
			sp.Status().SetCode(ptrace.StatusCodeError)
		}
	}
	add(1, "front", "a", "GET /", 0, time.Millisecond, 20*time.Millisecond, false)
	add(1, "front", "b", "call", 1, 3*time.Millisecond, 30*time.Millisecond, true)
	add(1, "back", "b", "handle", 2, 2*time.Millisecond, time.Millisecond, true)
	add(1, "back", "b", "late root", 0, 9*time.Millisecond, time.Millisecond, false)
	add(2, "back", "", "alone", 9, 0, 0, false)
	add(2, "front", "a", "first", 9, -time.Millisecond, time.Hour, false)
	_, err := s.AppendTraces(t.Context(), "batch", storagetest.Requests(t, tenant.Default, td))
	require.NoError(t, err)
	ids := []string{pcommon.TraceID([16]byte{1}).String(), pcommon.TraceID([16]byte{2}).String(), pcommon.TraceID([16]byte{3}).String()}
	where, err := s.traceExtent(t.Context(), tenant.Default, ids)
	require.NoError(t, err)
	require.Equal(t, uint64(6), where.spans)
	w := traceWalk{store: s, q: storage.TraceSearch{Selection: storage.Selection{Tenant: tenant.Default}}}
	want, err := w.readSums(t.Context(), ids, where)
	require.NoError(t, err)
	got, err := w.readSpans(t.Context(), ids, where)
	require.NoError(t, err)
	require.Len(t, got, 2)
	for id := range got {
		require.ElementsMatch(t, want[id].rows, got[id].rows, id)
	}
	require.Len(t, got[ids[0]].spans, 4)
	require.Nil(t, got[ids[1]].spans, "a span does not say its host")
}

func TestTracePositions(t *testing.T) {
	in := []tracePosition{{1, "a"}, {2, "a"}, {2, "b"}, {1, "b"}, {math.MinInt64, "z"}}
	slices.SortFunc(in, func(a, b tracePosition) int {
		switch {
		case a.before(b):
			return -1
		case b.before(a):
			return 1
		}
		return 0
	})
	require.Equal(t, []tracePosition{{2, "b"}, {2, "a"}, {1, "b"}, {1, "a"}, {math.MinInt64, "z"}}, in)
	require.False(t, in[0].before(in[0]))
}

func TestWalkIsFull(t *testing.T) {
	w := traceWalk{limit: 2}
	require.False(t, w.enough())
	w.pending = []string{"a", "b", "c"}
	require.True(t, w.enough())
	require.False(t, w.full(), "pending ones may turn out to be of an earlier page")
	w.found = make([]foundTrace, 3)
	require.True(t, w.full())
}

// caller is a client span on host a that waits 100 ms, and its server span on host b that took 50 ms, off by a while.
func caller(off time.Duration) []skew.Span {
	const start = int64(time.Hour)
	return []skew.Span{
		{ID: "1", Service: "front", Host: "a", Kind: "client", Start: start, Duration: int64(100 * time.Millisecond)},
		{ID: "2", Parent: "1", Service: "back", Host: "b", Kind: "server", Start: start + int64(25*time.Millisecond+off), Duration: int64(50 * time.Millisecond)},
		{ID: "3", Parent: "2", Service: "back", Host: "b", Kind: "internal", Start: start + int64(30*time.Millisecond+off), Duration: int64(time.Millisecond)},
	}
}

func TestStraighten(t *testing.T) {
	for _, off := range []time.Duration{0, 5 * time.Minute, -5 * time.Minute} {
		s := straighten(caller(off))
		require.Equal(t, int64(time.Hour), s.start)
		require.Equal(t, int64(time.Hour+100*time.Millisecond), s.end)
		if off == 0 {
			require.Empty(t, s.moved)
			require.Empty(t, s.skews)
			continue
		}
		require.Equal(t, []storage.ClockSkew{{Service: "back", Host: "b", By: -off, Spans: 2}}, s.skews)
		require.Len(t, s.moved, 2)

		trace := storage.Trace{}
		for _, sp := range caller(off) {
			trace.Spans = append(trace.Spans, storage.Span{
				ID: sp.ID, Parent: sp.Parent, Kind: sp.Kind, Service: sp.Service, Start: timerange.UnixNano(sp.Start), Duration: time.Duration(sp.Duration),
				Events: []storage.SpanEvent{{Time: timerange.UnixNano(sp.Start)}},
			})
		}
		s.apply(&trace)
		require.Equal(t, timerange.UnixNano(int64(time.Hour)), trace.Start)
		require.Equal(t, 100*time.Millisecond, trace.Duration)
		for _, sp := range trace.Spans {
			require.WithinRange(t, sp.Start, trace.Start, trace.Start.Add(trace.Duration))
			require.Equal(t, sp.Start, sp.Events[0].Time, "events move with their span")
			require.Equal(t, sp.Service == "back", sp.Skew != 0)
		}
	}
}

// The clock that moved most spans is told first, and of one the largest correction.
func TestStraightenTellsTheLargest(t *testing.T) {
	spans := caller(time.Minute)
	for i, sp := range caller(2 * time.Minute) {
		sp.ID, sp.Start = sp.ID+"x", sp.Start+int64(time.Second)
		if i > 0 {
			sp.Parent += "x"
			sp.Service = "mail"
		}
		spans = append(spans, sp)
	}
	spans = append(spans, skew.Span{ID: "4", Parent: "3x", Service: "mail", Host: "b", Kind: "internal", Start: spans[5].Start, Duration: 1})
	require.Equal(t, []storage.ClockSkew{{Service: "mail", Host: "b", By: -2 * time.Minute, Spans: 3}, {Service: "back", Host: "b", By: -time.Minute, Spans: 2}}, straighten(spans).skews)
}

func TestHostOf(t *testing.T) {
	order := []string{"host.name", "host.id", "k8s.node.name", "k8s.pod.name", "container.id"}
	attrs := map[string]string{}
	require.Empty(t, hostOf(attrs))
	for _, key := range slices.Backward(order) {
		attrs[key] = key
		require.Equal(t, key, hostOf(attrs), "the name that is nearest to the host's counts")
	}
	attrs["host.name"] = ""
	require.Equal(t, "host.id", hostOf(attrs))
}

func TestExtentWhere(t *testing.T) {
	st := client.For(tenant.Default)
	require.Equal(t, "0", extent{}.where(st), "no trace is nowhere, not everywhere")
	r := storage.TimeRange{Start: time.Unix(1, 0), End: time.Unix(2, 0)}
	require.Equal(t, 2, strings.Count(extent{ranges: []storage.TimeRange{r, r}}.where(st), "Timestamp >= "))
}

func TestScopesAndResourcesAreListedOnce(t *testing.T) {
	r := traceRead{byHash: map[uint64]int{}}
	a := storage.Scope{Name: "a"}
	for i, s := range []storage.Scope{a, {Name: "a", Version: "1"}, {Name: "a", SchemaURL: "u"}, {Name: "a", Attributes: map[string]string{"k": "v"}}} {
		require.Equal(t, i, r.scope(s))
	}
	require.Zero(t, r.scope(a))
	require.Equal(t, 3, r.scope(storage.Scope{Name: "a", Attributes: map[string]string{"k": "v"}}))
	require.Len(t, r.trace.Scopes, 4)

	require.Equal(t, 0, r.resource(&spanRow{hash: 7}))
	require.Equal(t, 1, r.resource(&spanRow{hash: 8}))
	require.Equal(t, 0, r.resource(&spanRow{hash: 7}))
	require.Equal(t, []map[string]string{{}, {}}, r.trace.Resources, "one that arrived after the list was read is empty")
	small := traceRead{whole: true}
	require.Equal(t, 0, small.resource(&spanRow{resource: map[string]string{"a": "1"}}))
	require.Equal(t, 1, small.resource(&spanRow{}))
	require.Equal(t, 0, small.resource(&spanRow{resource: map[string]string{"a": "1"}}))
}

func TestSum(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	r := traceRead{trace: storage.Trace{Spans: []storage.Span{
		{Service: "b", Start: at(10), Duration: time.Second}, {Service: "a", Start: at(11), Duration: 20 * time.Second, Status: "error"}, {Service: "b", Start: at(12), Duration: time.Second, Status: "ok"},
	}}}
	r.sum()
	require.Equal(t, at(10), r.trace.Start)
	require.Equal(t, 21*time.Second, r.trace.Duration)
	require.Equal(t, []int{3, 1}, []int{r.trace.SpanCount, r.trace.Errors})
	require.Equal(t, []storage.ServiceShare{{Name: "b", Spans: 2}, {Name: "a", Spans: 1, Errors: 1}}, r.trace.Services)
}

func TestSpanBytes(t *testing.T) {
	sp := storage.Span{
		Name: "12", StatusMessage: "345", Attributes: map[string]string{"a": "bc"}, Events: []storage.SpanEvent{{Name: "e", Attributes: map[string]string{"f": "g"}}},
		Links: []storage.SpanLink{{Attributes: map[string]string{"h": "i"}}},
	}
	require.Equal(t, 13, spanBytes(&sp))
}

func TestScaled(t *testing.T) {
	by := map[string]*storage.Caller{"a": {Service: "a", Calls: 100, Errors: 10}, "b": {Service: "b", Calls: 100}, "c": {Service: "c", Calls: 300, Errors: 1}}
	require.Equal(t, []storage.Caller{{Service: "c", Calls: 300, Errors: 1}, {Service: "a", Calls: 100, Errors: 10}, {Service: "b", Calls: 100}}, scaled(by, 500, 10_000), "all requests were followed")
	require.Equal(t, []storage.Caller{{Service: "c", Calls: 1500, Errors: 5}, {Service: "a", Calls: 500, Errors: 50}, {Service: "b", Calls: 500}}, scaled(by, callerSample, 5*callerSample))
	require.Equal(t, uint64(300), scaled(by, callerSample, callerSample/2)[0].Calls, "fewer requests than were followed: the counts stay")
	require.Empty(t, scaled(nil, 0, 0))
}

func TestSeries(t *testing.T) {
	at := time.Date(2024, 1, 1, 10, 7, 30, 0, time.UTC)
	for _, c := range []struct {
		length time.Duration
		points int
		step   time.Duration
		n      int
	}{
		{time.Hour, 60, time.Minute, 61}, {time.Hour, 6, 10 * time.Minute, 7}, {10 * time.Second, 100, time.Minute, 1}, {time.Hour, 0, 2 * time.Minute, 31}, {time.Hour, -1, 2 * time.Minute, 31}, {24 * time.Hour, 24, time.Hour, 25},
	} {
		r := storage.TimeRange{Start: at, End: at.Add(c.length)}
		require.Equal(t, c.step, seriesStep(r, c.points))
		points := emptySeries(r, c.step)
		require.Len(t, points, c.n)
		require.False(t, points[0].Start.After(r.Start), "the first step holds the range's beginning")
		require.True(t, points[len(points)-1].Start.Before(r.End))
	}
}

func TestQuantiles(t *testing.T) {
	q := toQuantiles([]float64{1, math.NaN(), math.Inf(1)})
	require.InDelta(t, 1, *q.P50, 0)
	require.Nil(t, q.P95)
	require.Nil(t, q.P99)
	require.Equal(t, storage.Quantiles{}, toQuantiles(nil))
}

func TestCutAndRest(t *testing.T) {
	var warnings []string
	cut(&warnings, 5, 5, "things")
	cut(&warnings, 5, 3, "things") // Counted before more were listed.
	require.Empty(t, warnings)
	cut(&warnings, 5, 7, "things")
	require.Equal(t, []string{"5 of 7 things are listed"}, warnings)
	require.Equal(t, uint64(2), rest(7, 5))
	require.Zero(t, rest(3, 5))
}

func TestKindsAndStatuses(t *testing.T) {
	var kinds, statuses []string
	for i := range 7 {
		kinds = append(kinds, kindText(ptrace.SpanKind(i)))
	}
	for i := range 4 {
		statuses = append(statuses, statusText(ptrace.StatusCode(i)))
	}
	require.Equal(t, "Unspecified Internal Server Client Producer Consumer Unspecified", strings.Join(kinds, " "))
	require.Equal(t, "Unset Ok Error Unset", strings.Join(statuses, " "))
}

// TestIndexOfAttributes: a search for a value reads the granules that have it, whether the key is said to be a span's own or may be its
// resource's too.
func TestIndexOfAttributes(t *testing.T) {
	c, _ := clickhousetest.Open(t)
	s := New(c)
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "shop")
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	for i := range 10_000 {
		sp := spans.AppendEmpty()
		sp.SetName("GET /")
		sp.SetTraceID([16]byte{1, byte(i >> 8), byte(i)})
		sp.SetSpanID([8]byte{1})
		sp.SetStartTimestamp(pcommon.NewTimestampFromTime(time.Now().Add(time.Duration(i) * time.Millisecond)))
		sp.Attributes().PutInt("user.id", int64(i))
		sp.Attributes().PutEmptyMap("order").PutInt("number", int64(i))
	}
	_, err := s.AppendTraces(t.Context(), "batch", storagetest.Requests(t, tenant.Default, td))
	require.NoError(t, err)
	for _, name := range []string{"attr.user.id", "attr.order.number", "user.id", "order.number"} {
		st := client.For(tenant.Default)
		f, err := search.Parse(signal.Traces, name+":5000")
		require.NoError(t, err)
		fits, err := newCompiler(st).Compile(f)
		require.NoError(t, err)
		var plan []string
		require.NoError(t, c.Each(t.Context(), "explain", "EXPLAIN indexes = 1 SELECT count() FROM {db}."+table+" WHERE "+st.OfTenant()+" AND "+fits, st, func(scan func(...any) error) error {
			var line string
			err := scan(&line)
			plan = append(plan, line)
			return err
		}))
		require.Contains(t, strings.Join(plan, "\n"), "Granules: 1/10", name)
	}
}
