// SPDX-License-Identifier: Apache-2.0

package storagetest

import (
	"encoding/hex"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

// RunTraces runs the suite for spans.
func RunTraces(t *testing.T, open Open) {
	t.Helper()
	s := &suite{Harness: open(t)}
	t.Run("RoundTrip", s.traceRoundTrip)
	t.Run("NotFound", s.traceNotFound)
	t.Run("Nasty", s.traceNasty)
	t.Run("Filters", s.traceFilters)
	t.Run("Names", s.spanNames)
	t.Run("Summary", s.traceSummary)
	t.Run("Paging", s.tracePaging)
	t.Run("SpanPaging", s.spanPaging)
	t.Run("Facets", s.traceFacets)
	t.Run("Replay", s.traceReplay)
	t.Run("SameBatchTwiceAtOnce", s.traceTwiceAtOnce)
	t.Run("Services", s.services)
	t.Run("Service", s.service)
	t.Run("Dependencies", s.dependencies)
	t.Run("Links", s.links)
	t.Run("LinksOfSample", s.linksOfSample)
	t.Run("LinksBetween", s.linksBetween)
	t.Run("TopologyBadRequests", s.topologyBadRequests)
	t.Run("ClockSkew", s.clockSkew)
	t.Run("UnknownService", s.unknownService)
	t.Run("BadRequests", s.traceBadRequests)
	t.Run("Crash", s.traceCrash)
}

func (s *suite) putSpans(t *testing.T, id string, td []ptrace.Traces) {
	t.Helper()
	want := 0
	for _, l := range td {
		want += l.SpanCount()
	}
	n, err := s.Store.AppendTraces(t.Context(), storage.BatchID(t.Name()+"-"+id), Requests(t, tenant.Default, td...))
	require.NoError(t, err)
	require.Equal(t, want, n)
}

func (s *suite) findTraces(t *testing.T, day time.Time, f search.Filter) []storage.TraceSummary {
	t.Helper()
	page, err := s.Store.SearchTraces(t.Context(), storage.TraceSearch{Selection: storage.Selection{Tenant: tenant.Default, Filter: f, Range: dayOf(day)}, Limit: 1000})
	require.NoError(t, err)
	require.Empty(t, page.NextCursor)
	return page.Traces
}

func hexTrace(n int) string { id := traceID(n); return hex.EncodeToString(id[:]) }
func hexSpan(n int) string  { id := spanID(n); return hex.EncodeToString(id[:]) }

func (s *suite) traceRoundTrip(t *testing.T) {
	day := s.day()
	at := day.Add(time.Second + 987654321*time.Nanosecond)
	td := spans(
		spanSpec{
			trace: 1, id: 1, service: "front", name: "GET /", start: at, duration: 50 * time.Millisecond, kind: ptrace.SpanKindServer,
			attrs: map[string]string{"k": "v"}, resource: map[string]string{"host.name": "h1"},
		},
		spanSpec{
			trace: 1, id: 2, parent: 1, service: "back", name: "work", start: at.Add(time.Millisecond), duration: 10 * time.Millisecond,
			kind: ptrace.SpanKindInternal, failed: true,
		},
	)
	sp := td[0].ResourceSpans().At(1).ScopeSpans().At(0).Spans().At(0)
	sp.Status().SetMessage("it broke")
	e := sp.Events().AppendEmpty()
	e.SetName("exception")
	e.SetTimestamp(pcommon.NewTimestampFromTime(at.Add(2 * time.Millisecond)))
	e.Attributes().PutInt("code", 7)
	l := sp.Links().AppendEmpty()
	l.SetTraceID(traceID(99))
	l.SetSpanID(spanID(98))
	l.Attributes().PutStr("why", "batch")
	backwards := td[0].ResourceSpans().At(0).ScopeSpans().At(0).Spans().AppendEmpty()
	backwards.SetTraceID(traceID(1))
	backwards.SetSpanID(spanID(3))
	backwards.SetParentSpanID(spanID(1))
	backwards.SetName("backwards")
	backwards.SetStartTimestamp(pcommon.NewTimestampFromTime(at.Add(3 * time.Millisecond)))
	backwards.SetEndTimestamp(pcommon.NewTimestampFromTime(at))
	s.putSpans(t, "1", td)

	got, err := s.Store.Trace(t.Context(), storage.TraceQuery{Tenant: tenant.Default, TraceID: hexTrace(1), Limit: 100})
	require.NoError(t, err)
	require.Equal(t, hexTrace(1), got.TraceID)
	require.Equal(t, at, got.Start)
	require.Equal(t, 50*time.Millisecond, got.Duration)
	require.Equal(t, 3, got.SpanCount)
	require.Equal(t, 1, got.Errors)
	require.Equal(t, []storage.ServiceShare{{Name: "front", Spans: 2}, {Name: "back", Spans: 1, Errors: 1}}, got.Services)
	require.Empty(t, got.NextCursor)
	require.Equal(t, []storage.Scope{{Name: "suite", Version: "1"}}, got.Scopes)
	require.Len(t, got.Spans, 3)
	root, child := got.Spans[0], got.Spans[1]
	require.Equal(t, map[string]string{"service.name": "front", "host.name": "h1"}, got.Resources[root.Resource])
	require.Equal(t, storage.Span{
		ID: hexSpan(1), Name: "GET /", Kind: "server", Service: "front", Start: at, Duration: 50 * time.Millisecond,
		Status: "unset", Resource: root.Resource, Attributes: map[string]string{"k": "v"},
	}, root)
	require.Equal(t, storage.Span{
		ID: hexSpan(2), Parent: hexSpan(1), Name: "work", Kind: "internal", Service: "back", Start: at.Add(time.Millisecond),
		Duration: 10 * time.Millisecond, Status: "error", StatusMessage: "it broke", Resource: child.Resource, Attributes: map[string]string{},
		Events: []storage.SpanEvent{{Name: "exception", Time: at.Add(2 * time.Millisecond), Attributes: map[string]string{"code": "7"}}},
		Links:  []storage.SpanLink{{TraceID: hexTrace(99), SpanID: hexSpan(98), Attributes: map[string]string{"why": "batch"}}},
	}, child)
	require.Zero(t, got.Spans[2].Duration, "an end before the start is no duration")

	short := strings.TrimLeft(hexTrace(1), "0")
	for _, id := range []string{short, strings.ToUpper(short), hexTrace(1)[:8] + "-" + hexTrace(1)[8:]} {
		same, err := s.Store.Trace(t.Context(), storage.TraceQuery{Tenant: tenant.Default, TraceID: id, Limit: 100})
		require.NoError(t, err, id)
		require.Equal(t, got, same, id)
		require.Len(t, s.findTraces(t, day, equals(field(search.FieldTrace), id)), 1, id)
	}
	require.Len(t, s.findTraces(t, day, equals(field(search.FieldSpan), strings.TrimLeft(hexSpan(2), "0"))), 1)

	upper, err := s.Store.Trace(t.Context(), storage.TraceQuery{Tenant: tenant.Default, TraceID: "0" + hexTrace(1)[1:], Limit: 1})
	require.ErrorIs(t, err, storage.ErrNotFound, "%v", upper)
}

func (s *suite) traceNotFound(t *testing.T) {
	_, err := s.Store.Trace(t.Context(), storage.TraceQuery{Tenant: tenant.Default, TraceID: hexTrace(424242), Limit: 10})
	require.ErrorIs(t, err, storage.ErrNotFound)
	for _, id := range []string{"", "-", "zz", "' OR 1=1 --", hexTrace(1) + "00"} {
		_, err := s.Store.Trace(t.Context(), storage.TraceQuery{Tenant: tenant.Default, TraceID: id, Limit: 10})
		require.ErrorIs(t, err, storage.ErrInvalid, id)
	}
}

func (s *suite) traceNasty(t *testing.T) {
	day := s.day()
	var specs []spanSpec
	for i, text := range nasty() {
		specs = append(specs, spanSpec{
			trace: 1000 + i, id: 1, service: text, name: text, start: day.Add(time.Duration(i) * time.Second), duration: time.Second,
			attrs: map[string]string{text: text}, resource: map[string]string{"r" + text: text},
		})
	}
	s.putSpans(t, "1", spans(specs...))
	for i, text := range nasty() {
		tr, err := s.Store.Trace(t.Context(), storage.TraceQuery{Tenant: tenant.Default, TraceID: hexTrace(1000 + i), Limit: 10})
		require.NoError(t, err)
		require.Equal(t, text, tr.Spans[0].Name)
		require.Equal(t, map[string]string{text: text}, tr.Spans[0].Attributes)
		require.Equal(t, text, tr.Resources[0]["r"+text])
		found := s.findTraces(t, day, search.All{Of: []search.Filter{
			equals(attr(text), text), equals(field(search.FieldService), text), equals(field(search.FieldName), text),
			equals(search.Field{Kind: search.FieldResource, Name: "r" + text}, text),
		}})
		require.Len(t, found, 1, "%q", text)
		require.Equal(t, text, found[0].RootService)
		_, err = s.Store.Service(t.Context(), storage.ServiceQuery{Tenant: tenant.Default, Name: text, Range: dayOf(day), Points: 10})
		require.NoError(t, err, "%q", text)
		_, err = s.Store.HostServices(t.Context(), storage.HostQuery{Tenant: tenant.Default, Host: text, Range: dayOf(day)})
		require.NoError(t, err, "%q", text)
	}
}

func (s *suite) traceFilters(t *testing.T) {
	day := s.day()
	s.putSpans(t, "1", spans(
		spanSpec{
			trace: 1, id: 1, service: "a", name: "GET /cart", start: day, duration: 700 * time.Millisecond, kind: ptrace.SpanKindServer,
			attrs: map[string]string{"http.request.method": "GET", "http.route": "/cart", "http.response.status_code": "503", "url.full": "http://x/cart?q=1"}, failed: true,
		},
		spanSpec{
			trace: 1, id: 2, parent: 1, service: "b", name: "SELECT", start: day, duration: time.Millisecond, kind: ptrace.SpanKindClient,
			attrs: map[string]string{"db.system": "redis", "server.address": "cache-1"},
		},
		spanSpec{
			trace: 2, id: 3, service: "b", name: "job", start: day.Add(time.Second), duration: 20 * time.Millisecond,
			resource: map[string]string{"deployment.environment": "prod", "host.name": "h9"}, attrs: map[string]string{"messaging.system": "kafka"},
		},
	))
	for name, c := range map[string]struct {
		f    search.Filter
		want []string
	}{
		"all":         {nil, []string{hexTrace(2), hexTrace(1)}},
		"service":     {equals(field(search.FieldService), "a"), []string{hexTrace(1)}},
		"name":        {search.Contains{Text: "get /ca"}, []string{hexTrace(1)}},
		"duration":    {search.Compare{Field: field(search.FieldDuration), Op: search.Greater, Value: 5e8}, []string{hexTrace(1)}},
		"http status": {search.Compare{Field: field(search.FieldHTTPStatus), Op: search.GreaterOrEqual, Value: 500}, []string{hexTrace(1)}},
		"status":      {equals(field(search.FieldHTTPStatus), "503"), []string{hexTrace(1)}},
		"below 500":   {search.Compare{Field: field(search.FieldHTTPStatus), Op: search.Less, Value: 500}, nil},
		"error":       {equals(field(search.FieldStatus), "error"), []string{hexTrace(1)}},
		"kind":        {equals(field(search.FieldKindOfSpan), "client"), []string{hexTrace(1)}},
		"method":      {equals(field(search.FieldMethod), "GET"), []string{hexTrace(1)}},
		"route":       {search.Equals{Field: field(search.FieldRoute), Values: []search.Pattern{{"/c", "t"}}}, []string{hexTrace(1)}},
		"url":         {search.Equals{Field: field(search.FieldURL), Values: []search.Pattern{{"", "/cart", ""}}}, []string{hexTrace(1)}},
		"db":          {equals(field(search.FieldDB), "redis"), []string{hexTrace(1)}},
		"peer":        {equals(field(search.FieldPeer), "cache-1"), []string{hexTrace(1)}},
		"messaging":   {search.Exists{Field: field(search.FieldMessaging)}, []string{hexTrace(2)}},
		"env":         {equals(field(search.FieldEnvironment), "prod"), []string{hexTrace(2)}},
		"host":        {equals(field(search.FieldHost), "h9"), []string{hexTrace(2)}},
		"root":        {equals(field(search.FieldRoot), "true"), []string{hexTrace(2), hexTrace(1)}},
		"not root":    {equals(field(search.FieldRoot), "false"), []string{hexTrace(1)}},
		"trace":       {equals(field(search.FieldTrace), hexTrace(2)), []string{hexTrace(2)}},
		"span":        {equals(field(search.FieldSpan), hexSpan(2)), []string{hexTrace(1)}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, tr := range s.findTraces(t, day, c.f) {
				got = append(got, tr.TraceID)
			}
			require.Equal(t, c.want, got)
		})
	}
}

func (s *suite) traceSummary(t *testing.T) {
	day := s.day()
	s.putSpans(t, "1", spans(
		spanSpec{trace: 10, id: 1, service: "a", name: "root", start: day.Add(time.Second), duration: time.Second},
		spanSpec{trace: 10, id: 2, parent: 1, service: "b", name: "early", start: day, duration: time.Millisecond, failed: true},
		spanSpec{trace: 11, id: 3, parent: 77, service: "b", name: "orphan", start: day.Add(2 * time.Second), duration: time.Millisecond},
	))
	// Spans of one trace may come in different batches.
	s.putSpans(t, "2", spans(spanSpec{trace: 10, id: 4, parent: 1, service: "b", name: "late", start: day.Add(5 * time.Second), duration: time.Second}))
	got := s.findTraces(t, day, equals(field(search.FieldService), "b"))
	require.Equal(t, []storage.TraceSummary{
		{
			TraceID: hexTrace(10), Start: day, Duration: 6 * time.Second, RootService: "a", RootName: "root", Spans: 3, Errors: 1, MatchedSpans: 2,
			Services: []storage.ServiceShare{{Name: "b", Spans: 2, Errors: 1}, {Name: "a", Spans: 1}},
		},
		{
			TraceID: hexTrace(11), Start: day.Add(2 * time.Second), Duration: time.Millisecond, RootService: "b", RootName: "orphan", RootMissing: true, Spans: 1,
			MatchedSpans: 1, Services: []storage.ServiceShare{{Name: "b", Spans: 1}},
		},
	}, got)
}

func (s *suite) tracePaging(t *testing.T) {
	day := s.day()
	const n = 130
	var specs []spanSpec
	for i := range n {
		at := day.Add(time.Duration(i/4) * 100 * time.Second) // four traces start together
		specs = append(specs, spanSpec{trace: 2000 + i, id: 1, service: "p", name: "x", start: at, duration: time.Duration(1+i/3) * time.Millisecond},
			spanSpec{trace: 2000 + i, id: 2, parent: 1, service: "p", name: "x", start: at.Add(time.Duration(i%7) * 20 * time.Second), duration: time.Microsecond})
	}
	s.putSpans(t, "1", spans(specs...))
	for _, order := range []storage.TraceOrder{storage.NewestFirst, storage.SlowestFirst} {
		seen := map[string]bool{}
		var last time.Duration
		q := storage.TraceSearch{Selection: storage.Selection{Tenant: tenant.Default, Range: storage.TimeRange{Start: day, End: day.Add(2 * time.Hour)}}, Order: order, Limit: 9}
		for pages := 0; ; pages++ {
			require.Less(t, pages, n)
			page, err := s.Store.SearchTraces(t.Context(), q)
			require.NoError(t, err)
			for _, tr := range page.Traces {
				require.False(t, seen[tr.TraceID], "a trace came twice")
				seen[tr.TraceID] = true
				require.Equal(t, 2, tr.Spans)
			}
			if order == storage.SlowestFirst {
				require.True(t, pages == 0 || page.Traces[0].Duration > 0)
				last = page.Traces[0].Duration
			}
			if page.NextCursor == "" {
				break
			}
			require.Len(t, page.Traces, 9)
			q.Cursor = page.NextCursor
		}
		require.Len(t, seen, n)
		_ = last
	}
}

func (s *suite) spanPaging(t *testing.T) {
	day := s.day()
	const n = 1000
	var specs []spanSpec
	for i := range n {
		id := i + 1
		if i < 20 {
			id = 1 // twenty spans that share everything
		}
		specs = append(specs, spanSpec{trace: 3, id: id, service: "s", name: strconv.Itoa(i), start: day.Add(time.Duration(max(0, i-20)/5) * time.Millisecond), duration: 1})
	}
	s.putSpans(t, "1", spans(specs...))
	seen := map[string]bool{}
	q := storage.TraceQuery{Tenant: tenant.Default, TraceID: hexTrace(3), Limit: 7}
	for pages := 0; ; pages++ {
		require.Less(t, pages, n)
		tr, err := s.Store.Trace(t.Context(), q)
		require.NoError(t, err)
		require.Equal(t, n, tr.SpanCount)
		for _, sp := range tr.Spans {
			seen[sp.Name] = true
		}
		if tr.NextCursor == "" {
			break
		}
		require.Len(t, tr.Spans, 7)
		q.Cursor = tr.NextCursor
	}
	require.Len(t, seen, n)
}

func (s *suite) traceFacets(t *testing.T) {
	day := s.day()
	s.putSpans(t, "1", spans(
		spanSpec{trace: 1, id: 1, service: "a", name: "x", start: day, failed: true, kind: ptrace.SpanKindServer, attrs: map[string]string{"http.response.status_code": "500"}},
		spanSpec{trace: 1, id: 2, service: "b", name: "x", start: day, kind: ptrace.SpanKindClient},
	))
	facets, err := s.Store.TraceFacets(t.Context(), storage.Selection{Tenant: tenant.Default, Range: dayOf(day)})
	require.NoError(t, err)
	got := map[string][]storage.FacetValue{}
	for _, f := range facets {
		got[f.Field] = f.Values
	}
	require.Equal(t, []storage.FacetValue{{Value: "a", Count: 1}, {Value: "b", Count: 1}}, got[search.FieldService])
	require.Equal(t, []storage.FacetValue{{Value: "x", Count: 2}}, got[search.FieldName])
	require.Equal(t, []storage.FacetValue{{Value: "error", Count: 1}, {Value: "unset", Count: 1}}, got[search.FieldStatus])
	require.Equal(t, []storage.FacetValue{{Value: "500", Count: 1}}, got[search.FieldHTTPStatus])
}

func (s *suite) requests(t *testing.T, day time.Time, service string) uint64 {
	t.Helper()
	list, err := s.Store.Services(t.Context(), storage.ServicesQuery{Tenant: tenant.Default, Range: dayOf(day), Points: 30})
	require.NoError(t, err)
	for _, sv := range list.Services {
		if sv.Name == service {
			return sv.Requests
		}
	}
	return 0
}

func (s *suite) traceReplay(t *testing.T) {
	days := []time.Time{s.day(), s.day()}
	var specs []spanSpec
	for i := range 100 {
		specs = append(specs, spanSpec{trace: 5000 + i, id: 1, service: "replay", name: "x", start: days[i%2], duration: time.Second, kind: ptrace.SpanKindServer})
	}
	for range 3 {
		s.putSpans(t, "1", spans(specs...))
		for _, d := range days {
			require.EqualValues(t, 50, s.requests(t, d, "replay"), "the counts per minute must not be doubled by a replay")
		}
	}
	tr, err := s.Store.Trace(t.Context(), storage.TraceQuery{Tenant: tenant.Default, TraceID: hexTrace(5001), Limit: 10})
	require.NoError(t, err)
	require.Len(t, tr.Spans, 1)
}

func (s *suite) traceTwiceAtOnce(t *testing.T) {
	day := s.day()
	var specs []spanSpec
	for i := range 1000 {
		specs = append(specs, spanSpec{trace: 6000, id: i + 1, service: "once", name: "x", start: day, duration: time.Second, kind: ptrace.SpanKindServer})
	}
	td := spans(specs...)
	var wg sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = s.Store.AppendTraces(t.Context(), storage.BatchID(t.Name()), Requests(t, tenant.Default, td...))
		})
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	tr, err := s.Store.Trace(t.Context(), storage.TraceQuery{Tenant: tenant.Default, TraceID: hexTrace(6000), Limit: 10})
	require.NoError(t, err)
	require.Equal(t, 1000, tr.SpanCount)
	require.EqualValues(t, 1000, s.requests(t, day, "once"))
}

func (s *suite) traceBadRequests(t *testing.T) {
	day := s.day()
	sel := storage.Selection{Tenant: tenant.Default, Range: dayOf(day)}
	for name, q := range map[string]storage.TraceSearch{
		"cursor":    {Selection: sel, Limit: 1, Cursor: "%%%"},
		"range":     {Selection: storage.Selection{Tenant: tenant.Default, Range: storage.TimeRange{Start: day, End: day.Add(-1)}}, Limit: 1},
		"far range": {Selection: storage.Selection{Tenant: tenant.Default, Range: storage.TimeRange{Start: day, End: day.AddDate(5000, 0, 0)}}, Limit: 1},
		"log field": {Selection: storage.Selection{Tenant: tenant.Default, Range: dayOf(day), Filter: equals(field(search.FieldLevel), "info")}, Limit: 1},
	} {
		_, err := s.Store.SearchTraces(t.Context(), q)
		require.ErrorIs(t, err, storage.ErrBadQuery, name)
	}
	_, err := s.Store.Service(t.Context(), storage.ServiceQuery{Tenant: tenant.Default, Name: "nobody", Range: dayOf(day)})
	require.ErrorIs(t, err, storage.ErrNotFound)
}

func (s *suite) traceCrash(t *testing.T) {
	if s.Crash == nil {
		t.Log("this engine has no process of its own")
		return
	}
	day := s.day()
	const batches, rows = 12, 100
	for b := range batches {
		var specs []spanSpec
		for i := range rows {
			specs = append(specs, spanSpec{trace: 7000 + b, id: i + 1, service: "crash", name: "x", start: day.Add(time.Duration(i) * time.Millisecond), duration: 1, kind: ptrace.SpanKindServer})
		}
		td := spans(specs...)
		if b%4 == 3 {
			go func() {
				time.Sleep(time.Duration(b) * time.Millisecond)
				s.Crash(t)
			}()
		}
		for range 2 {
			s.putSpans(t, strconv.Itoa(b), td)
		}
	}
	time.Sleep(50 * time.Millisecond)
	s.putSpans(t, "end", spans(spanSpec{trace: 7000, id: 999, service: "crash-end", name: "x", start: day}))
	require.EqualValues(t, batches*rows, s.requests(t, day, "crash"))
}
