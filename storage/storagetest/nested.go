// SPDX-License-Identifier: Apache-2.0

package storagetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

// twice is attributes as they come, of pairs of key and value: a wire format allows a key to be there twice.
func twice(t *testing.T, pairs ...string) pcommon.Map {
	t.Helper()
	var list []string
	for pair := range slices.Chunk(pairs, 2) {
		list = append(list, fmt.Sprintf(`{"key":%q,"value":{"stringValue":%q}}`, pair[0], pair[1]))
	}
	out, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces([]byte(`{"resourceSpans":[{"resource":{"attributes":[` + strings.Join(list, ",") + `]}}]}`))
	require.NoError(t, err)
	got := out.ResourceSpans().At(0).Resource().Attributes()
	require.Equal(t, len(list), got.Len())
	return got
}

// oneLog is a batch of one record at the time, made by fill.
func oneLog(at time.Time, fill func(rl plog.ResourceLogs, sl plog.ScopeLogs, rec plog.LogRecord)) []plog.Logs {
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	sl := rl.ScopeLogs().AppendEmpty()
	rec := sl.LogRecords().AppendEmpty()
	rec.SetTimestamp(pcommon.NewTimestampFromTime(at))
	fill(rl, sl, rec)
	return []plog.Logs{ld}
}

// keysTwice: the last of a key's values is shown and found, the others are neither.
func (s *suite) keysTwice(t *testing.T) {
	day := s.day()
	for i, many := range []bool{false, true} {
		at := day.Add(time.Duration(i) * 10 * time.Minute)
		s.putLogs(t, at.String(), oneLog(at, func(rl plog.ResourceLogs, sl plog.ScopeLogs, rec plog.LogRecord) {
			twice(t, "K", "first", "X", "other", "K", "last").MoveTo(rec.Attributes())
			twice(t, "K", "first", "K", "last").MoveTo(rl.Resource().Attributes())
			twice(t, "K", "first", "K", "last").MoveTo(sl.Scope().Attributes())
			for n := range 50 {
				if many {
					rec.Attributes().PutInt("more."+string(rune('0'+n)), int64(n))
				}
			}
		}))
		r := storage.TimeRange{Start: at, End: at.Add(time.Minute)}
		find := func(f search.Filter) []storage.Log {
			page, err := s.Store.SearchLogs(t.Context(), storage.LogSearch{Selection: storage.Selection{Tenant: tenant.Default, Filter: f, Range: r}, Limit: 10})
			require.NoError(t, err)
			return page.Logs
		}
		for _, kind := range []search.FieldKind{search.FieldAttribute, search.FieldResource, search.FieldAnywhere} {
			got := find(equals(search.Field{Kind: kind, Name: "K"}, "last"))
			require.Len(t, got, 1)
			require.Equal(t, "last", got[0].Attributes["K"])
			require.Equal(t, "other", got[0].Attributes["X"])
			require.Equal(t, map[string]string{"K": "last"}, got[0].Resource)
			require.Equal(t, map[string]string{"K": "last"}, got[0].Scope.Attributes)
			require.Empty(t, find(equals(search.Field{Kind: kind, Name: "K"}, "first")))
		}
	}
	td := ptrace.NewTraces()
	sp := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	sp.SetTraceID(traceID(7100))
	sp.SetSpanID(spanID(1))
	sp.SetStartTimestamp(pcommon.NewTimestampFromTime(day))
	sp.SetEndTimestamp(pcommon.NewTimestampFromTime(day))
	twice(t, "K", "first", "K", "last").MoveTo(sp.Attributes())
	twice(t, "K", "first", "K", "last").MoveTo(sp.Events().AppendEmpty().Attributes())
	twice(t, "K", "first", "K", "last").MoveTo(sp.Links().AppendEmpty().Attributes())
	s.putSpans(t, "1", []ptrace.Traces{td})
	require.Len(t, s.findTraces(t, day, equals(attr("K"), "last")), 1)
	require.Empty(t, s.findTraces(t, day, equals(attr("K"), "first")))
	got, err := s.Store.Trace(t.Context(), storage.TraceQuery{Tenant: tenant.Default, TraceID: hexTrace(7100), Limit: 10})
	require.NoError(t, err)
	last := map[string]string{"K": "last"}
	require.Equal(t, last, got.Spans[0].Attributes)
	require.Equal(t, last, got.Spans[0].Events[0].Attributes)
	require.Equal(t, last, got.Spans[0].Links[0].Attributes)
}

// paths: what is within a map is found by its path, beside an attribute that is so named, which comes first.
func (s *suite) paths(t *testing.T) {
	day := s.day()
	s.putLogs(t, "1", oneLog(day, func(rl plog.ResourceLogs, _ plog.ScopeLogs, rec plog.LogRecord) {
		m := rec.Attributes().PutEmptyMap("map")
		m.PutStr("what", "x")
		m.PutInt("n", 9007199254740993)
		inner := m.PutEmptyMap("in")
		inner.PutStr("http.method", "GET")
		inner.PutEmptyMap("deep").PutBool("yes", true)
		m.PutStr("hidden", "nested")
		rec.Attributes().PutStr("map.hidden", "own")
		rl.Resource().Attributes().PutEmptyMap("os").PutStr("名", "linux")
	}))
	anywhere := func(name string) search.Field { return search.Field{Kind: search.FieldAnywhere, Name: name} }
	resource := search.Field{Kind: search.FieldResource, Name: "os.名"}
	for name, c := range map[string]struct {
		f    search.Filter
		want bool
	}{
		"equal":              {equals(attr("map.what"), "x"), true},
		"not":                {search.Not{Of: equals(attr("map.what"), "x")}, false},
		"other":              {equals(attr("map.what"), "y"), false},
		"one of":             {equals(attr("map.what"), "y", "x"), true},
		"anywhere":           {equals(anywhere("map.what"), "x"), true},
		"exists":             {search.Exists{Field: attr("map.what")}, true},
		"map exists":         {search.Exists{Field: attr("map.in")}, true},
		"deep map exists":    {search.Exists{Field: attr("map.in.deep")}, true},
		"not there":          {search.Exists{Field: attr("map.nothing")}, false},
		"wildcard":           {search.Equals{Field: attr("map.in.http.method"), Values: []search.Pattern{{"G", ""}}}, true},
		"deep":               {equals(attr("map.in.deep.yes"), "true"), true},
		"greater":            {search.Compare{Field: attr("map.n"), Op: search.Greater, Value: 9007199254740992, Integer: "9007199254740992"}, true},
		"not greater":        {search.Compare{Field: attr("map.n"), Op: search.Greater, Value: 9007199254740992, Integer: "9007199254740993"}, false},
		"own name first":     {equals(attr("map.hidden"), "own"), true},
		"and not the path":   {equals(attr("map.hidden"), "nested"), false},
		"resource":           {equals(resource, "linux"), true},
		"resource anywhere":  {equals(anywhere("os.名"), "linux"), true},
		"no record's":        {equals(attr("os.名"), "linux"), false},
		"resource exists":    {search.Exists{Field: resource}, true},
		"absent is empty":    {equals(attr("map.nothing"), ""), true},
		"present is nothing": {equals(attr("map.what"), ""), false},
	} {
		require.Equal(t, c.want, len(s.getLogs(t, day, c.f)) == 1, name)
	}
	got := s.getLogs(t, day, nil)[0]
	require.JSONEq(t, `{"what":"x","n":9007199254740993,"in":{"http.method":"GET","deep":{"yes":true}},"hidden":"nested"}`, got.Attributes["map"])
	require.Contains(t, got.Attributes["map"], "9007199254740993")
	require.Len(t, got.Attributes, 2)
}

// integers beyond 2^53 compare as themselves.
func (s *suite) integers(t *testing.T) {
	day := s.day()
	values := []string{"-9007199254740993", "-9007199254740992", "9007199254740992", "9007199254740993", "18446744073709551614", "18446744073709551615", "9007199254740993.5", "text", "1e30"}
	var specs []logSpec
	for i, v := range values {
		specs = append(specs, logSpec{service: v, body: "x", time: day.Add(time.Duration(i) * time.Second), attrs: map[string]string{"id": v}})
	}
	s.putLogs(t, "1", logs(specs...))
	for _, c := range []struct {
		op      search.CompareOp
		value   float64
		integer string
		want    []string
	}{
		{search.Greater, 9007199254740993, "9007199254740993", []string{"18446744073709551614", "18446744073709551615", "9007199254740993.5", "1e30"}},
		{search.Greater, 9007199254740992, "9007199254740992", []string{"9007199254740993", "18446744073709551614", "18446744073709551615", "9007199254740993.5", "1e30"}},
		{search.GreaterOrEqual, 18446744073709551615, "18446744073709551615", []string{"18446744073709551615", "1e30"}},
		{search.Less, -9007199254740992, "-9007199254740992", []string{"-9007199254740993"}},
		{search.LessOrEqual, -9007199254740993, "-9007199254740993", []string{"-9007199254740993"}},
	} {
		var got []string
		for _, l := range s.getLogs(t, day, search.Compare{Field: attr("id"), Op: c.op, Value: c.value, Integer: c.integer}) {
			got = append(got, l.Attributes["id"])
		}
		require.Equal(t, c.want, got, "%s %s", c.op, c.integer)
	}
	require.Len(t, s.getLogs(t, day, equals(attr("id"), "9007199254740993")), 1)
}

// events: a log record's event name is found wherever its sender put it; of spans, any of their events.
func (s *suite) events(t *testing.T) {
	day := s.day()
	s.putLogs(t, "1", oneLog(day, func(_ plog.ResourceLogs, _ plog.ScopeLogs, rec plog.LogRecord) { rec.SetEventName("user.login") }))
	s.putLogs(t, "2", oneLog(day, func(_ plog.ResourceLogs, _ plog.ScopeLogs, rec plog.LogRecord) {
		rec.Attributes().PutStr("event.name", "user.logout")
	}))
	event := field(search.FieldEvent)
	require.Len(t, s.getLogs(t, day, equals(event, "user.login")), 1)
	require.Len(t, s.getLogs(t, day, search.Equals{Field: event, Values: []search.Pattern{{"user.", ""}}}), 2)
	require.Len(t, s.getLogs(t, day, search.Not{Of: equals(event, "user.login")}), 1)
	require.Len(t, s.getLogs(t, day, search.Exists{Field: event}), 2)
	td := spans(spanSpec{trace: 7200, id: 1, service: "e", name: "n", start: day, duration: time.Second})
	sp := td[0].ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	sp.Events().AppendEmpty().SetName("first")
	sp.Events().AppendEmpty().SetName("exception")
	s.putSpans(t, "3", td)
	require.Len(t, s.findTraces(t, day, equals(event, "exception")), 1)
	require.Len(t, s.findTraces(t, day, search.Equals{Field: event, Values: []search.Pattern{{"", "cept", ""}}}), 1)
	require.Empty(t, s.findTraces(t, day, equals(event, "nothing")))
	require.Len(t, s.findTraces(t, day, search.Exists{Field: event}), 1)
}

// origins: what a sender says of the scope, the schemas and the flags comes back.
func (s *suite) origins(t *testing.T) {
	day := s.day()
	want := storage.Scope{Name: "lib", Version: "3", SchemaURL: "https://scope", Attributes: map[string]string{"lang": "go"}}
	s.putLogs(t, "1", oneLog(day, func(rl plog.ResourceLogs, sl plog.ScopeLogs, rec plog.LogRecord) {
		rl.SetSchemaUrl("https://resource")
		sl.SetSchemaUrl(want.SchemaURL)
		fillScope(sl.Scope(), want)
		rec.SetFlags(plog.LogRecordFlags(1))
	}))
	rec := s.getLogs(t, day, nil)[0]
	require.Equal(t, want, rec.Scope)
	require.Equal(t, "https://resource", rec.ResourceSchemaURL)
	require.EqualValues(t, 1, rec.Flags)

	td := spans(spanSpec{trace: 7300, id: 1, service: "o", name: "n", start: day}, spanSpec{trace: 7300, id: 2, parent: 1, service: "o", name: "n", start: day})
	rs := td[0].ResourceSpans().At(1)
	rs.SetSchemaUrl("https://resource")
	rs.ScopeSpans().At(0).SetSchemaUrl(want.SchemaURL)
	fillScope(rs.ScopeSpans().At(0).Scope(), want)
	rs.ScopeSpans().At(0).Spans().At(0).SetFlags(0x301)
	s.putSpans(t, "2", td)
	got, err := s.Store.Trace(t.Context(), storage.TraceQuery{Tenant: tenant.Default, TraceID: hexTrace(7300), Limit: 10})
	require.NoError(t, err)
	require.Equal(t, []storage.Scope{{Name: "suite", Version: "1"}, want}, got.Scopes)
	require.Equal(t, []int{0, 1}, []int{got.Spans[0].Scope, got.Spans[1].Scope})
	require.Equal(t, "https://resource", got.Spans[1].ResourceSchemaURL)
	require.EqualValues(t, 0x301, got.Spans[1].Flags)
}

func fillScope(to pcommon.InstrumentationScope, s storage.Scope) {
	to.SetName(s.Name)
	to.SetVersion(s.Version)
	for k, v := range s.Attributes {
		to.Attributes().PutStr(k, v)
	}
}

// shortIDs: an id of 64 bits is stored with zeros before it and found without them.
func (s *suite) shortIDs(t *testing.T) {
	day := s.day()
	td := spans(spanSpec{trace: 1, id: 1, service: "short", name: "n", start: day})
	sp := td[0].ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	sp.SetTraceID(pcommon.TraceID{8: 0x46, 9: 0x3a, 15: 0xad})
	s.putSpans(t, "1", td)
	for _, id := range []string{"463a0000000000ad", "463A0000000000AD", "0000000000000000463a0000000000ad", "00000000-0000-0000-463a-0000000000ad"} {
		got, err := s.Store.Trace(t.Context(), storage.TraceQuery{Tenant: tenant.Default, TraceID: id, Limit: 10})
		require.NoError(t, err, id)
		require.Equal(t, "0000000000000000463a0000000000ad", got.TraceID)
		require.Len(t, s.findTraces(t, day, equals(field(search.FieldTrace), id)), 1, id)
	}
}
