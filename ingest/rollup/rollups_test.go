// SPDX-License-Identifier: Apache-2.0

package rollup_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	ingest "github.com/strata-apm/strata/ingest/rollup"
	"github.com/strata-apm/strata/rollup"
	"github.com/strata-apm/strata/signal"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse"
	"github.com/strata-apm/strata/storage/clickhouse/engine/enginetest"
	"github.com/strata-apm/strata/tenant"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

func store(tb testing.TB) *clickhouse.Store {
	tb.Helper()
	sup := enginetest.Start(tb, tb.TempDir())
	s, err := clickhouse.Open(tb.Context(), clickhouse.Default(), clickhouse.Options{Dial: sup.DialContext})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	return s
}

// definitions is a catalog of what a test says.
type definitions struct {
	list    []storage.Rollup
	version atomic.Int64
	err     error
}

func (d *definitions) ListRollups(context.Context) ([]storage.Rollup, error) {
	return slices.Clone(d.list), d.err
}

func (d *definitions) RollupsVersion(context.Context) (string, error) {
	return strconv.FormatInt(d.version.Load(), 10), d.err
}

func (d *definitions) put(owner tenant.ID, id string, version int, definition string) {
	d.list = slices.DeleteFunc(d.list, func(r storage.Rollup) bool { return r.Tenant == owner && r.ID == id })
	d.list = append(d.list, storage.Rollup{ID: id, Tenant: owner, Name: id, Version: version, Definition: definition})
	d.version.Add(1)
}

const byRoute = `{"name":"routes","source":"spans","filter":"kind:server","dimensions":["service","route"],
	"measures":[{"func":"count"},{"func":"sum","field":"attr.bytes"},{"func":"p95","field":"duration"},{"func":"distinct","field":"attr.user"}],
	"step":"10s","retention":"30d","budget":{"values":%d}}`

func open(tb testing.TB, s ingest.States, d *definitions, now func() time.Time) *ingest.Rollups {
	tb.Helper()
	r, err := ingest.New(ingest.Options{Definitions: d, States: s, Logger: slog.New(slog.DiscardHandler), Now: now})
	require.NoError(tb, err)
	return r
}

// spans is a request of n spans within the minute from at on, and how many of them are servers', by route, with the bytes that they sent.
func spans(tb testing.TB, rnd *rand.Rand, n int, at time.Time, routes int) (body []byte, counts map[string]uint64, bytes float64) {
	tb.Helper()
	counts = map[string]uint64{}
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "shop")
	ss := rs.ScopeSpans().AppendEmpty().Spans()
	for range n {
		s := ss.AppendEmpty()
		start := at.Add(time.Duration(rnd.IntN(60_000)) * time.Millisecond)
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Duration(1+rnd.IntN(1000)) * time.Millisecond)))
		s.SetTraceID(pcommon.TraceID{byte(rnd.Uint32()), 1})
		s.SetSpanID(pcommon.SpanID{byte(rnd.Uint32()), 1})
		route := "/r" + strconv.Itoa(int(float64(routes)*rnd.Float64()*rnd.Float64()*rnd.Float64()))
		s.Attributes().PutStr("http.route", route)
		sent := rnd.IntN(10_000)
		s.Attributes().PutInt("bytes", int64(sent))
		s.Attributes().PutStr("user", "u"+strconv.Itoa(rnd.IntN(500)))
		s.SetKind(ptrace.SpanKindClient)
		if rnd.IntN(3) > 0 {
			s.SetKind(ptrace.SpanKindServer)
			counts[route]++
			bytes += float64(sent)
		}
	}
	body, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	require.NoError(tb, err)
	return body, counts, bytes
}

// TestTotalsAreThoseOfTheRecords: at every step visible and other together are what was sent, whatever was folded and however often a batch comes again, also after a
// restart; values that are admitted are exact.
func TestTotalsAreThoseOfTheRecords(t *testing.T) {
	s, d := store(t), &definitions{}
	d.put("a", "01", 1, fmt.Sprintf(byRoute, 20))
	d.put("b", "01", 1, fmt.Sprintf(byRoute, 20))
	now := time.Now().UTC().Truncate(time.Hour).Add(30 * time.Minute)
	minute := 0
	clock := func() time.Time { return now.Add(time.Duration(minute+1) * time.Minute) }
	r := open(t, s, d, clock)
	rnd := rand.New(rand.NewPCG(1, 2))
	want, bytes := map[string]uint64{}, 0.0
	const batches = 12
	for i := range batches {
		minute = i
		if i == batches/2 {
			r = open(t, s, d, clock) // A restart.
		}
		body, counts, sent := spans(t, rnd, 1500, now.Add(time.Duration(i)*time.Minute), 200)
		for route, n := range counts {
			want[route] += n
		}
		bytes += sent
		id := storage.BatchID(fmt.Sprintf("strata.traces-0-%d-%d", i, i))
		batch := []storage.Owned[[]byte]{{Tenant: "a", Data: body}}
		append := r.Derived(signal.Traces).Append
		require.NoError(t, append(t.Context(), id, batch))
		if i%3 == 0 { // As after a crash before the position moved: other values may be admitted by now.
			require.NoError(t, open(t, s, d, clock).Derived(signal.Traces).Append(t.Context(), id, batch))
		}
	}
	total := uint64(0)
	for _, n := range want {
		total += n
	}
	for _, step := range []time.Duration{10 * time.Second, time.Minute, time.Hour} {
		q := storage.RollupQuery{
			State: "01.1", Step: step, Group: []int{1}, Inputs: []int{0, 1, 2},
			Range: storage.TimeRange{Start: now.Truncate(time.Hour), End: now.Truncate(time.Hour).Add(2 * time.Hour)},
		}
		rows, err := s.RollupRows(t.Context(), "a", q)
		require.NoError(t, err)
		got, sent, folded := uint64(0), 0.0, uint64(0)
		for _, row := range rows {
			got += row.Count
			sent += row.Inputs[0].Sum
			if row.Folded != 0 {
				folded += row.Count
			} else {
				require.LessOrEqual(t, row.Count, want[row.Values[1]], row.Values[1])
			}
		}
		require.Equal(t, total, got, "of %s", step)
		require.InDelta(t, bytes, sent, 0)
		require.NotZero(t, folded)
		require.LessOrEqual(t, len(rows), 31, "20 values, a quarter of them exchanged at most in each of two processes, and other")
		others, err := s.RollupRows(t.Context(), "b", q)
		require.NoError(t, err)
		require.Empty(t, others, "another tenant's rollup of the same id")
	}
	hidden, err := s.RollupHidden(t.Context(), "a", "01.1", storage.TimeRange{Start: now.Truncate(time.Hour), End: now.Truncate(time.Hour).Add(2 * time.Hour)})
	require.NoError(t, err)
	require.NotEmpty(t, hidden)
	seen := rollup.Distinct(hidden[0].Dimensions[1])
	require.InDelta(t, len(want), seen, float64(len(want))/2, "most values were folded at least once")
}

// TestRestartKeepsTheValues: what was admitted before a restart is so after it, though other values come first.
func TestRestartKeepsTheValues(t *testing.T) {
	s, d := store(t), &definitions{}
	d.put("a", "01", 1, fmt.Sprintf(byRoute, 2))
	now := time.Now().UTC().Truncate(time.Hour).Add(30 * time.Minute)
	send := func(r *ingest.Rollups, n int, routes ...string) {
		td := ptrace.NewTraces()
		ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
		for _, route := range routes {
			for range 5 {
				span := ss.AppendEmpty()
				span.SetKind(ptrace.SpanKindServer)
				span.SetStartTimestamp(pcommon.NewTimestampFromTime(now))
				span.Attributes().PutStr("http.route", route)
			}
		}
		body, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
		require.NoError(t, err)
		require.NoError(t, r.Derived(signal.Traces).Append(t.Context(), storage.BatchID(fmt.Sprintf("strata.traces-0-%d-%d", n, n)), []storage.Owned[[]byte]{{Tenant: "a", Data: body}}))
	}
	clock := func() time.Time { return now }
	send(open(t, s, d, clock), 1, "/cart", "/pay")
	send(open(t, s, d, clock), 2, "/new", "/pay", "/cart")
	rows, err := s.RollupRows(t.Context(), "a", storage.RollupQuery{
		State: "01.1", Step: time.Hour, Group: []int{1}, Range: storage.TimeRange{Start: now.Truncate(time.Hour), End: now.Truncate(time.Hour).Add(time.Hour)},
	})
	require.NoError(t, err)
	got := map[string]uint64{}
	for _, row := range rows {
		got[row.Values[1]+strconv.Itoa(int(row.Folded))] = row.Count
	}
	require.Equal(t, map[string]uint64{"/cart0": 10, "/pay0": 10, "2": 5}, got)
}

// TestChangedDefinitionsNeverMix: a new version begins empty, a rollup that is paused or deleted counts nothing, and one that cannot be used does not stop the others.
func TestChangedDefinitionsNeverMix(t *testing.T) {
	s, d := store(t), &definitions{}
	d.put("a", "01", 1, fmt.Sprintf(byRoute, 20))
	d.put("a", "02", 1, `{"name":"broken"`)
	now := time.Now().UTC()
	r := open(t, s, d, func() time.Time { return now })
	rnd := rand.New(rand.NewPCG(1, 3))
	count := func(state string) uint64 {
		rows, err := s.RollupRows(t.Context(), "a", storage.RollupQuery{
			State: state, Step: time.Hour, Range: storage.TimeRange{Start: now.Add(-2 * time.Hour), End: now.Add(2 * time.Hour)},
		})
		require.NoError(t, err)
		n := uint64(0)
		for _, row := range rows {
			n += row.Count
		}
		return n
	}
	send := func(n int) (servers uint64) {
		body, counts, _ := spans(t, rnd, 100, now, 10)
		for _, n := range counts {
			servers += n
		}
		require.NoError(t, r.Refresh(t.Context()))
		require.NoError(t, r.Derived(signal.Traces).Append(t.Context(), storage.BatchID(fmt.Sprintf("strata.traces-0-%d-%d", n, n)), []storage.Owned[[]byte]{{Tenant: "a", Data: body}}))
		return servers
	}
	first := send(1)
	require.Equal(t, first, count("01.1"))
	d.put("a", "01", 2, fmt.Sprintf(byRoute, 30))
	second := send(2)
	require.Equal(t, []uint64{first, second}, []uint64{count("01.1"), count("01.2")})
	d.list[len(d.list)-1].Paused = true
	d.version.Add(1)
	send(3)
	require.Equal(t, []uint64{first, second}, []uint64{count("01.1"), count("01.2")})
	d.list = nil
	d.version.Add(1)
	send(4)
	require.Equal(t, []uint64{first, second}, []uint64{count("01.1"), count("01.2")})
}

// TestLogs: logs have rollups of their own, and records of any time are counted.
func TestLogs(t *testing.T) {
	s, d := store(t), &definitions{}
	d.put("a", "01", 1, `{"name":"levels","source":"logs","dimensions":["level"],"measures":[{"func":"count"},{"func":"last","field":"attr.n"}],"step":"1m","retention":"5y"}`)
	d.put("a", "02", 1, fmt.Sprintf(byRoute, 20))
	r := open(t, s, d, time.Now)
	ld := plog.NewLogs()
	recs := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for i, at := range []pcommon.Timestamp{0, 1_700_000_000_000_000_000, 1_700_000_001_000_000_000, 1 << 63} {
		l := recs.AppendEmpty()
		l.SetTimestamp(at)
		l.SetSeverityNumber(plog.SeverityNumberError)
		l.Attributes().PutInt("n", int64(i))
	}
	body, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
	require.NoError(t, err)
	require.NoError(t, r.Derived(signal.Logs).Append(t.Context(), "strata.logs-0-1-1", []storage.Owned[[]byte]{{Tenant: "a", Data: body}}))
	at := time.Unix(1_700_000_000, 0)
	rows, err := s.RollupRows(t.Context(), "a", storage.RollupQuery{State: "01.1", Step: time.Hour, Group: []int{0}, Inputs: []int{0}, Range: storage.TimeRange{Start: at.Add(-time.Hour), End: at.Add(time.Hour)}})
	require.NoError(t, err)
	require.Len(t, rows, 1)
	require.Equal(t, []any{"error", uint64(2), 2.0}, []any{rows[0].Values[0], rows[0].Count, rows[0].Inputs[0].Last})
}

// TestCatalogAway: a batch waits for definitions that were never read, and does not when they were.
func TestCatalogAway(t *testing.T) {
	s, d := store(t), &definitions{err: errors.New("gone")}
	r := open(t, s, d, time.Now)
	body, _, _ := spans(t, rand.New(rand.NewPCG(1, 4)), 10, time.Now(), 3)
	batch := []storage.Owned[[]byte]{{Tenant: "a", Data: body}}
	err := r.Derived(signal.Traces).Append(t.Context(), "strata.traces-0-1-1", batch)
	require.ErrorIs(t, err, storage.ErrUnavailable)
	d.err = nil
	require.NoError(t, r.Derived(signal.Traces).Append(t.Context(), "strata.traces-0-1-1", batch))
	d.err = errors.New("gone again")
	require.Error(t, r.Refresh(t.Context()))
	require.NoError(t, r.Derived(signal.Traces).Append(t.Context(), "strata.traces-0-2-2", batch))
}

// slowList is a catalog whose first list takes until it is told.
type slowList struct {
	*definitions
	first chan struct{}
	calls atomic.Int64
}

func (d *slowList) ListRollups(ctx context.Context) ([]storage.Rollup, error) {
	list, err := d.definitions.ListRollups(ctx)
	if d.calls.Add(1) == 1 {
		<-d.first
	}
	return list, err
}

// TestAnOlderListDoesNotReplaceANewerOne: a refresh that read the catalog before a change ends before one that read it after.
func TestAnOlderListDoesNotReplaceANewerOne(t *testing.T) {
	s, d := store(t), &slowList{definitions: &definitions{}, first: make(chan struct{})}
	r, err := ingest.New(ingest.Options{Definitions: d, States: s, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	var refreshes sync.WaitGroup
	refreshes.Go(func() { assert.NoError(t, r.Refresh(t.Context())) })
	require.Eventually(t, func() bool { return d.calls.Load() == 1 }, time.Minute, time.Millisecond)
	d.put("a", "01", 1, fmt.Sprintf(byRoute, 20))
	refreshes.Go(func() { assert.NoError(t, r.Refresh(t.Context())) })
	close(d.first)
	refreshes.Wait()
	now := time.Now()
	body, counts, _ := spans(t, rand.New(rand.NewPCG(1, 5)), 10, now, 1)
	require.NoError(t, r.Derived(signal.Traces).Append(t.Context(), "strata.traces-0-1-1", []storage.Owned[[]byte]{{Tenant: "a", Data: body}}))
	rows, err := s.RollupRows(t.Context(), "a", storage.RollupQuery{
		State: "01.1", Step: time.Hour, Range: storage.TimeRange{Start: now.Add(-2 * time.Hour), End: now.Add(2 * time.Hour)},
	})
	require.NoError(t, err)
	got := uint64(0)
	for _, row := range rows {
		got += row.Count
	}
	require.Equal(t, counts["/r0"], got)
}
