// SPDX-License-Identifier: Apache-2.0

package traces

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
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

// made is a span of the tests.
type made struct {
	trace, id, parent int
	service, host     string
	name              string
	kind              ptrace.SpanKind
	start             time.Time
	duration          time.Duration
	failed            bool
	attrs             map[string]string
	env               string
}

func traceID(n int) pcommon.TraceID {
	return pcommon.TraceID{1, byte(n >> 16), byte(n >> 8), byte(n)}
}
func spanID(n int) pcommon.SpanID { return pcommon.SpanID{2, byte(n >> 16), byte(n >> 8), byte(n)} }

func hexTrace(n int) string { id := traceID(n); return hex.EncodeToString(id[:]) }

// tracesOf are the spans, each with a resource of its own.
func tracesOf(spans []made) ptrace.Traces {
	td := ptrace.NewTraces()
	for _, m := range spans {
		rs := td.ResourceSpans().AppendEmpty()
		res := rs.Resource().Attributes()
		res.PutStr("service.name", m.service)
		if m.host != "" {
			res.PutStr("host.name", m.host)
		}
		if m.env != "" {
			res.PutStr("deployment.environment.name", m.env)
		}
		sp := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		sp.SetTraceID(traceID(m.trace))
		sp.SetSpanID(spanID(m.id))
		if m.parent != 0 {
			sp.SetParentSpanID(spanID(m.parent))
		}
		sp.SetName(m.name)
		sp.SetKind(m.kind)
		sp.SetStartTimestamp(pcommon.NewTimestampFromTime(m.start))
		sp.SetEndTimestamp(pcommon.NewTimestampFromTime(m.start.Add(m.duration)))
		if m.failed {
			sp.Status().SetCode(ptrace.StatusCodeError)
		}
		for k, v := range m.attrs {
			sp.Attributes().PutStr(k, v)
		}
	}
	return td
}

func put(t *testing.T, s *Store, id string, spans ...made) {
	t.Helper()
	n, err := s.AppendTraces(t.Context(), storage.BatchID(id), storagetest.Requests(t, tenant.Default, tracesOf(spans)))
	require.NoError(t, err)
	require.Equal(t, len(spans), n)
}

// random makes traces whose spans often begin at the same moment, last equally long and have one host.
func random(rnd *rand.Rand, from time.Time, traces int) []made {
	var out []made
	for trace := range traces {
		for id := range 1 + rnd.IntN(6) {
			m := made{
				trace: trace, id: 100*trace + id + 1, service: []string{"a", "b", "c"}[rnd.IntN(3)], host: "h", name: []string{"GET", "PUT"}[rnd.IntN(2)], kind: ptrace.SpanKindServer,
				start: from.Add(time.Duration(rnd.IntN(20)) * 3 * time.Minute), duration: time.Duration(1+rnd.IntN(4)) * time.Second, failed: rnd.IntN(4) == 0,
			}
			if id > 0 {
				m.parent = 100*trace + 1 + rnd.IntN(id)
			}
			out = append(out, m)
		}
	}
	rnd.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// expected is the order in which a search finds traces: by the key of the best matching span, then by id.
func expected(spans []made, order storage.TraceOrder, fits func(made) bool) []string {
	keys := map[int]int64{}
	for _, m := range spans {
		if !fits(m) {
			continue
		}
		key := m.start.UnixNano()
		if order == storage.SlowestFirst {
			key = int64(m.duration)
		}
		keys[m.trace] = max(keys[m.trace], key)
	}
	var traces []int
	for trace := range keys {
		traces = append(traces, trace)
	}
	slices.SortFunc(traces, func(a, b int) int { return cmp.Or(-cmp.Compare(keys[a], keys[b]), -cmp.Compare(a, b)) })
	var out []string
	for _, trace := range traces {
		out = append(out, hexTrace(trace))
	}
	return out
}

// TestPagesOfTraces compares every page of every size with the model: each trace once, in order, with the numbers of the whole trace.
func TestPagesOfTraces(t *testing.T) {
	c, _ := clickhousetest.Open(t)
	s := New(c)
	from := time.Now().UTC().Truncate(time.Hour).Add(-3 * time.Hour)
	spans := random(rand.New(rand.NewPCG(1, 2)), from, 25)
	for i := 0; i < len(spans); i += 40 {
		put(t, s, fmt.Sprint("pages", i), spans[i:min(i+40, len(spans))]...)
	}
	byTrace := map[string][]made{}
	for _, m := range spans {
		byTrace[hexTrace(m.trace)] = append(byTrace[hexTrace(m.trace)], m)
	}
	all := storage.TimeRange{Start: from, End: from.Add(time.Hour)}
	for name, c := range map[string]struct {
		query string
		rng   storage.TimeRange
		fits  func(made) bool
	}{
		"all":       {"", all, func(made) bool { return true }},
		"a service": {"service:a", all, func(m made) bool { return m.service == "a" }},
		"errors":    {"status:error -service:b", all, func(m made) bool { return m.failed && m.service != "b" }},
		"none":      {"service:nobody", all, func(made) bool { return false }},
		"part of it": {"name:GET", storage.TimeRange{Start: from.Add(6 * time.Minute), End: from.Add(21 * time.Minute)}, func(m made) bool {
			return m.name == "GET" && !m.start.Before(from.Add(6*time.Minute)) && m.start.Before(from.Add(21*time.Minute))
		}},
		"last moment": {"", storage.TimeRange{Start: from.Add(57 * time.Minute), End: from.Add(57*time.Minute + 1)}, func(m made) bool { return m.start.Equal(from.Add(57 * time.Minute)) }},
	} {
		for _, order := range []storage.TraceOrder{storage.NewestFirst, storage.SlowestFirst} {
			limits := []int{7, 1000}
			if name == "errors" { // The fewest pages of one.
				limits = []int{0, 1, 2}
			}
			for _, limit := range limits {
				t.Run(fmt.Sprintf("%s/%d/%d", name, order, limit), func(t *testing.T) {
					filter, err := search.Parse("traces", c.query)
					require.NoError(t, err)
					q := storage.TraceSearch{Selection: storage.Selection{Tenant: tenant.Default, Filter: filter, Range: c.rng}, Order: order, Limit: limit}
					var found []string
					for {
						page, err := s.SearchTraces(t.Context(), q)
						require.NoError(t, err)
						require.LessOrEqual(t, len(page.Traces), max(1, limit))
						for _, sum := range page.Traces {
							found = append(found, sum.TraceID)
							checkSummary(t, sum, byTrace[sum.TraceID], c.fits)
						}
						if q.Cursor = page.NextCursor; q.Cursor == "" {
							break
						}
						require.Len(t, page.Traces, max(1, limit), "a page that has another one behind it is full")
					}
					require.Equal(t, expected(spans, order, c.fits), found)
				})
			}
		}
	}
}

func checkSummary(t *testing.T, sum storage.TraceSummary, spans []made, fits func(made) bool) {
	t.Helper()
	errors, matched := 0, 0
	start, end := spans[0].start, spans[0].start
	for _, m := range spans {
		if m.failed {
			errors++
		}
		if fits(m) {
			matched++
		}
		if m.start.Before(start) {
			start = m.start
		}
		if e := m.start.Add(m.duration); e.After(end) {
			end = e
		}
	}
	require.Equal(t, []int{len(spans), errors, matched}, []int{sum.Spans, sum.Errors, sum.MatchedSpans})
	require.Equal(t, start, sum.Start)
	require.Equal(t, end.Sub(start), sum.Duration)
	require.False(t, sum.RootMissing)
}

func TestSearchErrors(t *testing.T) {
	c, _ := clickhousetest.Open(t)
	s := New(c)
	now := time.Now()
	whole := storage.TimeRange{Start: now.Add(-time.Hour), End: now}
	search1 := func(change func(*storage.TraceSearch)) error {
		q := storage.TraceSearch{Selection: storage.Selection{Tenant: tenant.Default, Range: whole}, Limit: 1}
		change(&q)
		_, err := s.SearchTraces(t.Context(), q)
		return err
	}
	for name, change := range map[string]func(*storage.TraceSearch){
		"cursor":          func(q *storage.TraceSearch) { q.Cursor = "%%%" },
		"cursor of JSON":  func(q *storage.TraceSearch) { q.Cursor = "eyJLZXkiOiJ4In0" },
		"range backwards": func(q *storage.TraceSearch) { q.Range.End = q.Range.Start.Add(-1) },
		"empty range":     func(q *storage.TraceSearch) { q.Range.End = q.Range.Start },
		"far range":       func(q *storage.TraceSearch) { q.Range.End = time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC) },
		"no such field":   func(q *storage.TraceSearch) { q.Filter = search.Exists{Field: search.Field{Name: search.FieldBody}} },
	} {
		require.ErrorIs(t, search1(change), storage.ErrBadQuery, name)
	}
	require.ErrorIs(t, search1(func(q *storage.TraceSearch) { q.Tenant = "" }), storage.ErrInvalid)
	require.NoError(t, search1(func(*storage.TraceSearch) {}))
	for name, q := range map[string]storage.TraceQuery{"no id": {TraceID: "x"}, "empty": {}, "long": {TraceID: strings.Repeat("a", 33)}} {
		q.Tenant = tenant.Default
		_, err := s.Trace(t.Context(), q)
		require.ErrorIs(t, err, storage.ErrInvalid, name)
	}
	_, err := s.Trace(t.Context(), storage.TraceQuery{Tenant: tenant.Default, TraceID: "ab", Cursor: "%%%"})
	require.ErrorIs(t, err, storage.ErrBadQuery)
	_, err = s.Trace(t.Context(), storage.TraceQuery{Tenant: tenant.Default, TraceID: "ab"})
	require.ErrorIs(t, err, storage.ErrNotFound)
	_, err = s.Trace(t.Context(), storage.TraceQuery{TraceID: "ab"})
	require.ErrorIs(t, err, storage.ErrInvalid, "no tenant")
	_, err = s.AppendTraces(t.Context(), "id", storagetest.Requests(t, "", tracesOf([]made{{trace: 1, id: 1, start: now}})))
	require.ErrorIs(t, err, storage.ErrInvalid)
}

// TestPagesOfOneTrace: spans that are stored several times, with one start, one id or all alike, are each on one page.
func TestPagesOfOneTrace(t *testing.T) {
	c, _ := clickhousetest.Open(t)
	s := New(c)
	at := time.Now().UTC().Truncate(time.Hour).Add(-time.Hour)
	var spans []made
	for i := range 9 {
		spans = append(spans, made{trace: 1, id: i/3 + 1, service: []string{"a", "b"}[i%2], name: fmt.Sprint("op", i%3), start: at.Add(time.Duration(i/5) * time.Second), duration: time.Second, kind: ptrace.SpanKind(i % 2)})
	}
	put(t, s, "first", spans...)
	put(t, s, "again", spans...) // A batch that was sent again under another id.
	put(t, s, "third", spans[:4]...)
	want, err := s.Trace(t.Context(), storage.TraceQuery{Tenant: tenant.Default, TraceID: hexTrace(1), Limit: 1000})
	require.NoError(t, err)
	require.Len(t, want.Spans, 22)
	require.Empty(t, want.NextCursor)
	require.Equal(t, 22, want.SpanCount)
	for _, limit := range []int{1, 2, 5, 21, 22, 23} {
		q := storage.TraceQuery{Tenant: tenant.Default, TraceID: strings.ToUpper(hexTrace(1)), Limit: limit}
		var got []storage.Span
		for pages := 0; ; pages++ {
			require.Less(t, pages, 30)
			page, err := s.Trace(t.Context(), q)
			require.NoError(t, err)
			require.Equal(t, 22, page.SpanCount, "the totals are those of the whole trace")
			require.Equal(t, want.Duration, page.Duration)
			require.ElementsMatch(t, want.Services, page.Services)
			for i := range page.Spans {
				page.Spans[i].Resource, page.Spans[i].Scope = 0, 0 // They are numbered by page.
			}
			got = append(got, page.Spans...)
			if q.Cursor = page.NextCursor; q.Cursor == "" {
				break
			}
		}
		expect := slices.Clone(want.Spans)
		for i := range expect {
			expect[i].Resource, expect[i].Scope = 0, 0
		}
		require.Equal(t, expect, got, "limit %d", limit)
	}
}

// TestLargeTrace is one that is not read whole: its totals, its resources and its clocks are those of all spans, on every page.
func TestLargeTrace(t *testing.T) {
	c, _ := clickhousetest.Open(t)
	s := New(c)
	const behind = 10 * time.Minute
	at := time.Now().UTC().Truncate(time.Hour).Add(-time.Hour)
	spans := []made{{trace: 1, id: 1, service: "front", host: "a", name: "root", kind: ptrace.SpanKindServer, start: at, duration: time.Minute}}
	for i := range smallTrace {
		call := made{trace: 1, id: 10 + 2*i, parent: 1, service: "front", host: "a", name: "call", kind: ptrace.SpanKindClient, start: at.Add(time.Duration(i) * 10 * time.Millisecond), duration: 10 * time.Millisecond}
		served := made{
			trace: 1, id: 11 + 2*i, parent: 10 + 2*i, service: "back", host: "b", name: "serve", kind: ptrace.SpanKindServer, start: call.start.Add(2*time.Millisecond - behind), duration: 6 * time.Millisecond,
			failed: i%10 == 0,
		}
		spans = append(spans, call, served)
	}
	put(t, s, "large", spans...)
	q := storage.TraceQuery{Tenant: tenant.Default, TraceID: hexTrace(1), Limit: 800}
	seen, pages := map[string]bool{}, 0
	for ; pages == 0 || q.Cursor != ""; pages++ {
		page, err := s.Trace(t.Context(), q)
		require.NoError(t, err)
		require.Equal(t, []int{2*smallTrace + 1, smallTrace / 10}, []int{page.SpanCount, page.Errors})
		require.Equal(t, at, page.Start)
		require.Equal(t, time.Minute, page.Duration, "once the clocks agree")
		require.Equal(t, []storage.ClockSkew{{Service: "back", Host: "b", By: behind, Spans: smallTrace}}, page.Skews)
		require.Len(t, page.Resources, 2)
		for _, sp := range page.Spans {
			require.False(t, seen[sp.ID])
			seen[sp.ID] = true
			require.Equal(t, map[string]string{"service.name": sp.Service, "host.name": map[string]string{"front": "a", "back": "b"}[sp.Service]}, page.Resources[sp.Resource])
			if sp.Service == "back" {
				require.Equal(t, behind, sp.Skew)
			}
			require.WithinRange(t, sp.Start, at, at.Add(time.Minute))
		}
		q.Cursor = page.NextCursor
	}
	require.Equal(t, 3, pages)
	require.Len(t, seen, 2*smallTrace+1)

	page, err := s.SearchTraces(t.Context(), storage.TraceSearch{Selection: storage.Selection{Tenant: tenant.Default, Range: storage.TimeRange{Start: at.Add(-time.Hour), End: at.Add(time.Hour)}}, Limit: 1})
	require.NoError(t, err)
	require.Equal(t, at, page.Traces[0].Start, "the list says the same as the trace")
	require.Equal(t, time.Minute, page.Traces[0].Duration)
}

// TestExtents: parts of a trace that lie hours apart are all read, and what lies between them in other traces is not taken for theirs.
func TestExtents(t *testing.T) {
	c, _ := clickhousetest.Open(t)
	s := New(c)
	at := time.Now().UTC().Truncate(time.Hour).Add(-10 * time.Hour)
	span := func(trace, id int, after time.Duration) made {
		return made{trace: trace, id: id, parent: min(id-1, 1), service: "a", host: "h", name: "op", start: at.Add(after), duration: 3 * time.Second}
	}
	put(t, s, "one", span(1, 1, 0), span(1, 2, 500*time.Millisecond))
	put(t, s, "late", span(1, 3, 7*time.Hour))
	put(t, s, "other", span(2, 4, time.Hour), span(2, 5, time.Hour))
	put(t, s, "of another tenant", span(3, 6, 2*time.Hour))

	e, err := s.traceExtent(t.Context(), tenant.Default, []string{hexTrace(1)})
	require.NoError(t, err)
	require.Equal(t, uint64(3), e.spans)
	require.Equal(t, at, e.ranges[0].Start.UTC())
	require.False(t, e.ranges[len(e.ranges)-1].End.Before(at.Add(7*time.Hour+time.Second)))
	e, err = s.traceExtent(t.Context(), tenant.Default, []string{hexTrace(2), hexTrace(1), hexTrace(99), "') OR 1=1 --"})
	require.NoError(t, err)
	require.Equal(t, uint64(5), e.spans)
	e, err = s.traceExtent(t.Context(), "nobody", []string{hexTrace(1)})
	require.NoError(t, err)
	require.Empty(t, e.ranges)
	_, err = s.traceExtent(t.Context(), "", []string{hexTrace(1)})
	require.ErrorIs(t, err, storage.ErrInvalid)

	trace, err := s.Trace(t.Context(), storage.TraceQuery{Tenant: tenant.Default, TraceID: hexTrace(1), Limit: 10})
	require.NoError(t, err)
	require.Len(t, trace.Spans, 3)
	require.Equal(t, 7*time.Hour+3*time.Second, trace.Duration)
}
