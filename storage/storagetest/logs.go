// SPDX-License-Identifier: Apache-2.0

package storagetest

import (
	"context"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/signal"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

// RunLogs runs the suite for log records.
func RunLogs(t *testing.T, open Open) {
	t.Helper()
	s := &suite{Harness: open(t)}
	t.Run("RoundTrip", s.logRoundTrip)
	t.Run("Empty", s.logEmpty)
	t.Run("Nasty", s.logNasty)
	t.Run("Filters", s.logFilters)
	t.Run("Words", s.logWords)
	t.Run("KeysTwice", s.keysTwice)
	t.Run("Paths", s.paths)
	t.Run("Integers", s.integers)
	t.Run("Events", s.events)
	t.Run("Origins", s.origins)
	t.Run("ShortIDs", s.shortIDs)
	t.Run("Paging", s.logPaging)
	t.Run("Histogram", s.logHistogram)
	t.Run("Facets", s.logFacets)
	t.Run("Fields", s.logFields)
	t.Run("Replay", s.logReplay)
	t.Run("ReplayOverDays", s.logReplayOverDays)
	t.Run("SameBatchTwiceAtOnce", s.logTwiceAtOnce)
	t.Run("Huge", s.logHuge)
	t.Run("BadRequests", s.logBadRequests)
	t.Run("Cancel", s.logCancel)
	t.Run("Crash", s.logCrash)
}

func (s *suite) putLogs(t *testing.T, id string, ld []plog.Logs) {
	t.Helper()
	want := 0
	for _, l := range ld {
		want += l.LogRecordCount()
	}
	n, err := s.Store.AppendLogs(t.Context(), storage.BatchID(t.Name()+"-"+id), Requests(t, tenant.Default, ld...))
	require.NoError(t, err)
	require.Equal(t, want, n)
}

func (s *suite) getLogs(t *testing.T, day time.Time, f search.Filter) []storage.Log {
	t.Helper()
	page, err := s.Store.SearchLogs(t.Context(), storage.LogSearch{Selection: storage.Selection{Tenant: tenant.Default, Filter: f, Range: dayOf(day)}, Ascending: true, Limit: 10_000})
	require.NoError(t, err)
	require.Empty(t, page.NextCursor)
	return page.Logs
}

func (s *suite) countLogs(t *testing.T, r storage.TimeRange) int {
	t.Helper()
	h, err := s.Store.LogHistogram(t.Context(), storage.Selection{Tenant: tenant.Default, Range: r}, 10)
	require.NoError(t, err)
	return int(h.Total) //nolint:gosec // A count of the few rows that were written.
}

func (s *suite) logRoundTrip(t *testing.T) {
	day := s.day()
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	res := rl.Resource().Attributes()
	res.PutStr("service.name", "shop")
	res.PutStr("host.name", "h1")
	sl := rl.ScopeLogs().AppendEmpty()
	sl.Scope().SetName("scope")
	sl.Scope().SetVersion("2")
	rec := sl.LogRecords().AppendEmpty()
	at := day.Add(time.Minute + 123456789*time.Nanosecond)
	rec.SetTimestamp(pcommon.NewTimestampFromTime(at))
	rec.SetObservedTimestamp(pcommon.NewTimestampFromTime(at.Add(time.Second)))
	rec.SetSeverityNumber(plog.SeverityNumberWarn2)
	rec.SetSeverityText("WARNING")
	rec.SetEventName("ev")
	rec.SetTraceID(traceID(7))
	rec.SetSpanID(spanID(8))
	body := rec.Body().SetEmptyMap()
	body.PutInt("n", 1)
	a := rec.Attributes()
	a.PutStr("s", "v")
	a.PutInt("i", -42)
	a.PutDouble("d", 1.5)
	a.PutBool("b", true)
	a.PutEmpty("e")
	a.PutEmptySlice("l").AppendEmpty().SetStr("x")
	a.PutEmptyMap("m").PutStr("k", "v")
	a.PutEmptyBytes("bytes").FromRaw([]byte{1, 2, 255})
	bare := sl.LogRecords().AppendEmpty()
	bare.SetObservedTimestamp(pcommon.NewTimestampFromTime(at.Add(time.Second)))
	s.putLogs(t, "1", []plog.Logs{ld})

	got := s.getLogs(t, day, nil)
	require.Len(t, got, 2)
	require.NotEmpty(t, got[0].ID)
	require.NotEqual(t, got[0].ID, got[1].ID)
	tid, sid := traceID(7), spanID(8)
	want := storage.Log{
		ID: got[0].ID, Time: at, ObservedTime: at.Add(time.Second), SeverityNumber: 14, SeverityText: "WARNING", Service: "shop", Host: "h1",
		Body: `{"n":1}`, TraceID: hex.EncodeToString(tid[:]), SpanID: hex.EncodeToString(sid[:]), EventName: "ev",
		Attributes: map[string]string{}, Resource: map[string]string{"service.name": "shop", "host.name": "h1"},
		Scope: storage.Scope{Name: "scope", Version: "2"},
	}
	for k, v := range rec.Attributes().All() {
		want.Attributes[k] = v.AsString()
	}
	require.Equal(t, want, got[0])
	require.Equal(t, at.Add(time.Second), got[1].Time, "a record without a time has the one it was observed at")
	require.Empty(t, got[1].TraceID)
	require.Empty(t, got[1].Body)
}

func (s *suite) logEmpty(t *testing.T) {
	day := s.day()
	s.putLogs(t, "none", nil)
	s.putLogs(t, "no records", []plog.Logs{plog.NewLogs()})
	require.Empty(t, s.getLogs(t, day, nil))
	h, err := s.Store.LogHistogram(t.Context(), storage.Selection{Tenant: tenant.Default, Range: dayOf(day)}, 60)
	require.NoError(t, err)
	require.Len(t, h.Buckets, 60)
	require.Zero(t, h.Total)
}

func (s *suite) logNasty(t *testing.T) {
	day := s.day()
	var specs []logSpec
	for i, text := range nasty() {
		specs = append(specs, logSpec{service: text, body: text, time: day.Add(time.Duration(i) * time.Second), attrs: map[string]string{text: text}})
	}
	s.putLogs(t, "1", logs(specs...))
	got := s.getLogs(t, day, nil)
	require.Len(t, got, len(specs))
	for i, text := range nasty() {
		require.Equal(t, text, got[i].Body)
		require.Equal(t, text, got[i].Service)
		require.Equal(t, map[string]string{text: text}, got[i].Attributes)
		for name, f := range map[string]search.Filter{
			"service": equals(field(search.FieldService), text), "attribute": equals(attr(text), text),
			"body": equals(field(search.FieldBody), text), "exists": search.Exists{Field: attr(text)},
			"anywhere": equals(search.Field{Kind: search.FieldAnywhere, Name: text}, text),
			"both":     search.All{Of: []search.Filter{equals(attr(text), text, "other"), search.Contains{Text: text}}},
		} {
			found := s.getLogs(t, day, f)
			require.Len(t, found, 1, "%s %q", name, text)
			require.Equal(t, text, found[0].Body, name)
		}
	}
}

func (s *suite) logFilters(t *testing.T) {
	day := s.day()
	at := func(i int) time.Time { return day.Add(time.Duration(i) * time.Second) }
	s.putLogs(t, "1", logs(
		logSpec{service: "a", body: "Card declined for user 42", time: at(0), severity: 17, attrs: map[string]string{"tier": "gold", "ms": "12.5"}},
		logSpec{service: "b", body: "card accepted", time: at(1), severity: 9, attrs: map[string]string{"tier": "silver", "ms": "700"}},
		logSpec{service: "b", body: "discarded 100% of_it", time: at(2), severity: 5, attrs: map[string]string{"ms": "n/a"}},
		logSpec{service: "c", body: "", time: at(3)},
	))
	for name, c := range map[string]struct {
		f    search.Filter
		want []string
	}{
		"word":             {search.Contains{Text: "CARD"}, []string{"a", "b"}},
		"word is whole":    {search.Contains{Text: "decline"}, nil},
		"phrase":           {search.Contains{Text: "card declined"}, []string{"a"}},
		"phrase reordered": {search.Contains{Text: "declined card"}, nil},
		"punctuation":      {search.Contains{Text: "100% of_it"}, []string{"b"}},
		"no wildcard":      {search.Contains{Text: "100_ of"}, nil},
		"service":          {equals(field(search.FieldService), "a"), []string{"a"}},
		"services":         {equals(field(search.FieldService), "a", "c"), []string{"a", "c"}},
		"wildcard":         {search.Equals{Field: field(search.FieldBody), Values: []search.Pattern{{"", "eclin", ""}}}, []string{"a"}},
		"prefix":           {search.Equals{Field: attr("tier"), Values: []search.Pattern{{"sil", ""}}}, []string{"b"}},
		"level":            {equals(field(search.FieldLevel), "error"), []string{"a"}},
		"levels above":     {search.Compare{Field: field(search.FieldLevel), Op: search.GreaterOrEqual, Value: 9}, []string{"a", "b"}},
		"levels below":     {search.Compare{Field: field(search.FieldLevel), Op: search.Less, Value: 9}, []string{"b"}},
		"number":           {search.Compare{Field: attr("ms"), Op: search.Greater, Value: 12}, []string{"a", "b"}},
		"number below":     {search.Compare{Field: attr("ms"), Op: search.LessOrEqual, Value: 12.5}, []string{"a"}},
		"exists":           {search.Exists{Field: attr("tier")}, []string{"a", "b"}},
		"not":              {search.Not{Of: equals(attr("tier"), "gold")}, []string{"b", "b", "c"}},
		"or":               {search.Any{Of: []search.Filter{equals(attr("tier"), "gold"), equals(field(search.FieldService), "c")}}, []string{"a", "c"}},
		"and nothing":      {search.All{}, []string{"a", "b", "b", "c"}},
		"or nothing":       {search.Any{}, nil},
		"resource":         {equals(search.Field{Kind: search.FieldResource, Name: "service.name"}, "a"), []string{"a"}},
		"anywhere":         {equals(search.Field{Kind: search.FieldAnywhere, Name: "service.name"}, "a"), []string{"a"}},
		"absent is empty":  {equals(attr("tier"), ""), []string{"b", "c"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, l := range s.getLogs(t, day, c.f) {
				got = append(got, l.Service)
			}
			require.Equal(t, c.want, got)
		})
	}
}

func (s *suite) logPaging(t *testing.T) {
	day := s.day()
	// Every ten records share a timestamp, over both batches, and an hour is wider than the first piece a search looks at.
	const n = 500
	for batch := range 2 {
		var specs []logSpec
		for i := range n / 2 {
			specs = append(specs, logSpec{service: "p" + strconv.Itoa(i%3), body: fmt.Sprint(batch, "-", i), time: day.Add(time.Duration(i/5) * 71 * time.Second / 2)})
		}
		s.putLogs(t, strconv.Itoa(batch), logs(specs...))
	}
	for _, ascending := range []bool{false, true} {
		seen := map[string]bool{}
		q := storage.LogSearch{Selection: storage.Selection{Tenant: tenant.Default, Range: dayOf(day)}, Ascending: ascending, Limit: 7}
		var last time.Time
		for pages := 0; ; pages++ {
			require.Less(t, pages, n)
			page, err := s.Store.SearchLogs(t.Context(), q)
			require.NoError(t, err)
			for _, l := range page.Logs {
				require.False(t, seen[l.ID], "a record came twice")
				seen[l.ID] = true
				if !last.IsZero() && ascending {
					require.False(t, l.Time.Before(last))
				} else if !last.IsZero() {
					require.False(t, l.Time.After(last))
				}
				last = l.Time
			}
			if page.NextCursor == "" {
				break
			}
			require.Len(t, page.Logs, 7)
			q.Cursor = page.NextCursor
		}
		require.Len(t, seen, n)
	}
}

func (s *suite) logHistogram(t *testing.T) {
	day := s.day()
	var specs []logSpec
	for i := range 100 {
		specs = append(specs, logSpec{service: "h", body: "x", time: day.Add(time.Duration(i) * 30 * time.Second), severity: []plog.SeverityNumber{0, 9, 17}[i%3]})
	}
	s.putLogs(t, "1", logs(specs...))
	h, err := s.Store.LogHistogram(t.Context(), storage.Selection{Tenant: tenant.Default, Range: dayOf(day)}, 60)
	require.NoError(t, err)
	require.Equal(t, time.Minute, h.Step)
	require.EqualValues(t, 100, h.Total)
	require.Len(t, h.Buckets, 60)
	require.Equal(t, day, h.Buckets[0].Start.UTC())
	require.EqualValues(t, 2, h.Buckets[0].Total)
	require.Equal(t, map[string]uint64{"": 1, "info": 1}, h.Buckets[0].Levels)
	require.Zero(t, h.Buckets[59].Total)
	short, err := s.Store.LogHistogram(t.Context(), storage.Selection{Tenant: tenant.Default, Range: storage.TimeRange{Start: day, End: day.Add(time.Second)}}, 100)
	require.NoError(t, err)
	require.EqualValues(t, 1, short.Buckets[0].Total)
	require.EqualValues(t, 1, short.Total)
}

func (s *suite) logFacets(t *testing.T) {
	day := s.day()
	s.putLogs(t, "1", logs(
		logSpec{service: "f1", body: "x", time: day, severity: 17}, logSpec{service: "f1", body: "x", time: day, severity: 9},
		logSpec{service: "f2", body: "y", time: day, severity: 9},
	))
	facets, err := s.Store.LogFacets(t.Context(), storage.Selection{Tenant: tenant.Default, Range: dayOf(day), Filter: search.Contains{Text: "x"}})
	require.NoError(t, err)
	got := map[string][]storage.FacetValue{}
	for _, f := range facets {
		got[f.Field] = f.Values
	}
	require.Equal(t, []storage.FacetValue{{Value: "f1", Count: 2}}, got[search.FieldService])
	require.Equal(t, []storage.FacetValue{{Value: "error", Count: 1}, {Value: "info", Count: 1}}, got[search.FieldLevel])
	require.Empty(t, got[search.FieldHost])
}

func (s *suite) logFields(t *testing.T) {
	day := s.day()
	s.putLogs(t, "1", logs(
		logSpec{service: "one", body: "x", time: day, attrs: map[string]string{"user.id": "Bob", "user.tier": "gold"}},
		logSpec{service: "two", body: "x", time: day, attrs: map[string]string{"user.id": "alice"}},
	))
	keys, err := s.Store.AttributeKeys(t.Context(), storage.FieldQuery{Tenant: tenant.Default, Signal: signal.Logs, Text: "user", Range: dayOf(day)})
	require.NoError(t, err)
	require.Equal(t, []string{"user.id", "user.tier"}, keys)
	values, err := s.Store.FieldValues(t.Context(), storage.FieldQuery{Tenant: tenant.Default, Signal: signal.Logs, Text: "B", Range: dayOf(day)}, attr("user.id"))
	require.NoError(t, err)
	require.Equal(t, []string{"Bob"}, values)
	values, err = s.Store.FieldValues(t.Context(), storage.FieldQuery{Tenant: tenant.Default, Signal: signal.Logs, Text: "", Range: dayOf(day)}, field(search.FieldService))
	require.NoError(t, err)
	require.Equal(t, []string{"one", "two"}, values)
}

func (s *suite) logReplay(t *testing.T) {
	day := s.day()
	batch := logs(logSpec{service: "r", body: "one", time: day}, logSpec{service: "r", body: "two", time: day})
	for range 3 {
		s.putLogs(t, "1", batch)
	}
	before := s.getLogs(t, day, nil)
	require.Len(t, before, 2)
	s.putLogs(t, "2", batch) // Another batch with the same rows is no replay.
	require.Len(t, s.getLogs(t, day, nil), 4)
}

func (s *suite) logReplayOverDays(t *testing.T) {
	days := []time.Time{s.day(), s.day(), s.day()}
	var specs []logSpec
	for i := range 300 {
		specs = append(specs, logSpec{service: "d", body: strconv.Itoa(i), time: days[i%3].Add(time.Duration(i) * time.Millisecond)})
	}
	for range 3 {
		s.putLogs(t, "1", logs(specs...))
	}
	for _, d := range days {
		require.Len(t, s.getLogs(t, d, nil), 100)
	}
}

func (s *suite) logTwiceAtOnce(t *testing.T) {
	day := s.day()
	var specs []logSpec
	for i := range 2000 {
		specs = append(specs, logSpec{service: "c", body: strings.Repeat("x", 100), time: day.Add(time.Duration(i) * time.Millisecond)})
	}
	batch := logs(specs...)
	var wg sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = s.Store.AppendLogs(t.Context(), storage.BatchID(t.Name()), Requests(t, tenant.Default, batch...))
		})
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	require.Equal(t, 2000, s.countLogs(t, dayOf(day)))
}

func (s *suite) logHuge(t *testing.T) {
	day := s.day()
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", "huge")
	recs := rl.ScopeLogs().AppendEmpty().LogRecords()
	const n = 100_000
	recs.EnsureCapacity(n)
	for i := range n {
		rec := recs.AppendEmpty()
		rec.SetTimestamp(pcommon.NewTimestampFromTime(day.Add(time.Duration(i) * time.Millisecond)))
		rec.Body().SetStr(strings.Repeat("huge ", 100) + strconv.Itoa(i))
	}
	for range 2 {
		s.putLogs(t, "1", []plog.Logs{ld})
	}
	require.Equal(t, n, s.countLogs(t, dayOf(day)))
}

func (s *suite) logBadRequests(t *testing.T) {
	day := s.day()
	sel := storage.Selection{Tenant: tenant.Default, Range: dayOf(day)}
	deep := search.Filter(search.Contains{Text: "x"})
	for range 20_000 {
		deep = search.Not{Of: deep}
	}
	for name, q := range map[string]storage.LogSearch{
		"cursor":        {Selection: sel, Limit: 1, Cursor: "%%%"},
		"other cursor":  {Selection: sel, Limit: 1, Cursor: "W10"},
		"range":         {Selection: storage.Selection{Tenant: tenant.Default, Range: storage.TimeRange{Start: day, End: day}}, Limit: 1},
		"unknown field": {Selection: storage.Selection{Tenant: tenant.Default, Range: dayOf(day), Filter: equals(field("nope"), "x")}, Limit: 1},
		"span field":    {Selection: storage.Selection{Tenant: tenant.Default, Range: dayOf(day), Filter: equals(field(search.FieldDuration), "1")}, Limit: 1},
		"too deep":      {Selection: storage.Selection{Tenant: tenant.Default, Range: dayOf(day), Filter: deep}, Limit: 1},
	} {
		_, err := s.Store.SearchLogs(t.Context(), q)
		require.ErrorIs(t, err, storage.ErrBadQuery, name)
	}
	_, err := s.Store.AppendLogs(t.Context(), "", Requests(t, tenant.Default, logs(logSpec{service: "x", body: "x", time: day})...))
	require.ErrorIs(t, err, storage.ErrInvalid, "a batch needs an id")
}

func (s *suite) logCancel(t *testing.T) {
	if s.Running == nil {
		t.Log("this engine cannot say what it runs")
		return
	}
	day := s.day()
	var specs []logSpec
	for i := range 120_000 {
		specs = append(specs, logSpec{service: "slow", body: strings.Repeat("a", 60), time: day.Add(time.Duration(i) * time.Microsecond)})
	}
	s.putLogs(t, "1", logs(specs...))
	// A hundred wildcards over every body keep an engine busy for seconds, a piece of the rows at a time.
	var slow search.Any
	for i := range 150 {
		slow.Of = append(slow.Of, search.Equals{Field: field(search.FieldBody), Values: []search.Pattern{{"", "a", "b" + strconv.Itoa(i), ""}}})
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := s.Store.SearchLogs(ctx, storage.LogSearch{Selection: storage.Selection{Tenant: tenant.Default, Range: dayOf(day), Filter: slow}, Limit: 10})
		done <- err
	}()
	eventually(t, 10*time.Second, "the query never ran", func() bool { return s.Running(t) > 0 })
	cancel()
	require.Error(t, <-done)
	// Within a second on a machine that does nothing else; left alone it would go on for much longer than this.
	eventually(t, 3*time.Second, "the query must stop", func() bool { return s.Running(t) == 0 })
}

func (s *suite) logCrash(t *testing.T) {
	if s.Crash == nil {
		t.Log("this engine has no process of its own")
		return
	}
	day := s.day()
	const batches, rows = 30, 200
	make1 := func(b int) []plog.Logs {
		var specs []logSpec
		for i := range rows {
			specs = append(specs, logSpec{service: "k", body: fmt.Sprint(b, ".", i), time: day.Add(time.Duration(b*rows+i) * time.Millisecond)})
		}
		return logs(specs...)
	}
	stop := make(chan struct{})
	killed := make(chan struct{})
	go func() {
		defer close(killed)
		for range 4 { // more would only test how long an engine that keeps dying is left alone
			select {
			case <-stop:
				return
			case <-time.After(700 * time.Millisecond):
				s.Crash(t)
			}
		}
	}()
	for b := range batches {
		s.putLogs(t, strconv.Itoa(b), make1(b))
		if b%5 == 4 {
			s.putLogs(t, strconv.Itoa(b-3), make1(b-3)) // what a writer replays after its own crash
			time.Sleep(300 * time.Millisecond)
		}
	}
	close(stop)
	<-killed
	s.putLogs(t, "0", make1(0)) // also waits until the engine is back
	got := s.getLogs(t, day, nil)
	require.Len(t, got, batches*rows)
	seen := map[string]bool{}
	for _, l := range got {
		require.False(t, seen[l.Body], l.Body)
		seen[l.Body] = true
	}
}
