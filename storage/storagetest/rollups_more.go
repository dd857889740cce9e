// SPDX-License-Identifier: Apache-2.0

package storagetest

import (
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/rollup"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

// rollupsTenants: rollups of one name that belong to two tenants, and two of one tenant, know nothing of each other.
func (s *suite) rollupsTenants(t *testing.T) {
	day := s.day()
	hidden := func(rank uint8) []storage.RollupHidden {
		return []storage.RollupHidden{{Hidden: rollup.Hidden{Time: day, Dimensions: [][]rollup.Register{{{Index: 7, Rank: rank}}}}, Expires: day.AddDate(1, 0, 0)}}
	}
	batch := []storage.RollupRows{
		{Tenant: "team-a", State: "rollup@1", Rows: []storage.RollupRow{rollupRow(day, 1, "x")}, Hidden: hidden(1)},
		{Tenant: "team-b", State: "rollup@1", Rows: []storage.RollupRow{rollupRow(day, 2, "x")}, Hidden: hidden(2)},
		{Tenant: "team-a", State: "rollup@2", Rows: []storage.RollupRow{rollupRow(day, 4, "x")}, Hidden: hidden(3)},
		{Tenant: "team-a", State: "rollup@1", Rows: []storage.RollupRow{rollupRow(day, 8, "x")}},
	}
	require.NoError(t, s.Store.AppendRollups(t.Context(), storage.BatchID(t.Name()), batch))
	for range 2 {
		for _, c := range []struct {
			owner tenant.ID
			state string
			count uint64
			rank  uint8
		}{{"team-a", "rollup@1", 9, 1}, {"team-b", "rollup@1", 2, 2}, {"team-a", "rollup@2", 4, 3}, {"team-b", "rollup@2", 0, 0}, {"team-c", "rollup@1", 0, 0}} {
			q := minutes(t, day, 0)
			q.State = c.state
			rows, err := s.Store.RollupRows(t.Context(), c.owner, q)
			require.NoError(t, err)
			folded, err := s.Store.RollupHidden(t.Context(), c.owner, c.state, q.Range)
			require.NoError(t, err)
			_, n, err := s.Store.RollupBytes(t.Context(), c.owner, c.state)
			require.NoError(t, err)
			if c.count == 0 {
				require.Empty(t, rows)
				require.Empty(t, folded)
				require.Zero(t, n)
				continue
			}
			require.Equal(t, []string{fmt.Sprintf(`000 ["x"] %d`, c.count)}, counts(rows, 1))
			require.Equal(t, c.rank, folded[0].Dimensions[0][0].Rank)
			require.Positive(t, n)
		}
		s.Merge(t)
	}
}

func (s *suite) rollupsHidden(t *testing.T) {
	day := s.day()
	var want [2][2][]rollup.Register
	g := randomRollups(2, day)
	for i := range 5 {
		var batch []storage.RollupHidden
		for hour := range 2 {
			h := storage.RollupHidden{Hidden: rollup.Hidden{Time: day.Add(time.Duration(hour) * time.Hour), Dimensions: make([][]rollup.Register, 3)}, Expires: day.AddDate(1, 0, i)}
			for n, d := range []int{0, 2} { // Of dimension 1 nothing is folded.
				h.Dimensions[d] = g.registers(4)
				want[hour][n] = addRegisters(want[hour][n], h.Dimensions[d])
			}
			batch = append(batch, h)
		}
		id := storage.BatchID(t.Name() + strconv.Itoa(i))
		require.NoError(t, s.Store.AppendRollups(t.Context(), id, []storage.RollupRows{{Tenant: tenant.Default, State: t.Name(), Hidden: batch}}))
	}
	for _, hours := range []int{1, 2} {
		got, err := s.Store.RollupHidden(t.Context(), tenant.Default, t.Name(), storage.TimeRange{Start: day, End: day.Add(time.Duration(hours) * time.Hour)})
		require.NoError(t, err)
		require.Len(t, got, hours)
		for hour, h := range got {
			require.Equal(t, day.Add(time.Duration(hour)*time.Hour), h.Time)
			require.Len(t, h.Dimensions, rollup.MaxDimensions)
			require.Equal(t, want[hour][0], h.Dimensions[0])
			require.Empty(t, h.Dimensions[1])
			require.Equal(t, want[hour][1], h.Dimensions[2])
		}
		s.Merge(t)
	}
}

// rollupsMany: as many combinations as a rollup may have, in one batch, and answers that are too long.
func (s *suite) rollupsMany(t *testing.T) {
	day := s.day()
	const combinations = 10_000
	var rows []storage.RollupRow
	for i := range combinations {
		r := rollupRow(day, uint64(i), strconv.Itoa(i%100), strconv.Itoa(i/100), fmt.Sprintf("%05d", i))
		r.Inputs = []rollup.Input{{Count: 1, Sum: float64(i), Min: float64(i), Max: float64(i), Sketch: []rollup.Bucket{{Index: int32(i), Count: 1}}}}
		rows = append(rows, r)
	}
	s.putRollups(t, "1", rows...)
	q := minutes(t, day, 2)
	q.Inputs = []int{0}
	got := s.askRollups(t, q)
	require.Len(t, got, combinations)
	for i, r := range got {
		require.Equal(t, rows[i].Values[2], r.Values[2])
		require.Equal(t, rows[i].Count, r.Count)
		require.Equal(t, rows[i].Inputs, r.Inputs)
	}
	q.Limit = combinations
	require.Len(t, s.askRollups(t, q), combinations, "as many as the limit")
	q.Limit--
	_, err := s.Store.RollupRows(t.Context(), tenant.Default, q)
	require.ErrorIs(t, err, storage.ErrLimit)
	bytes, n, err := s.Store.RollupBytes(t.Context(), tenant.Default, t.Name())
	require.NoError(t, err)
	require.EqualValues(t, combinations, n)
	require.Greater(t, bytes, n, "a row takes more than a byte")
	require.Less(t, bytes, 1000*n)
}

// rollupsDrop: what is dropped is gone at once, and nothing else is.
func (s *suite) rollupsDrop(t *testing.T) {
	day := s.day()
	hidden := []storage.RollupHidden{{Hidden: rollup.Hidden{Time: day, Dimensions: [][]rollup.Register{{{Index: 7, Rank: 1}}}}, Expires: day.AddDate(1, 0, 0)}}
	var batch []storage.RollupRows
	for _, owner := range []tenant.ID{"team-a", "team-b"} {
		for _, state := range []string{`it's \1`, `it's \2`} {
			batch = append(batch, storage.RollupRows{Tenant: owner, State: state, Rows: []storage.RollupRow{rollupRow(day, 1, "x"), rollupRow(day, 1, "y")}, Hidden: hidden})
		}
	}
	require.NoError(t, s.Store.AppendRollups(t.Context(), storage.BatchID(t.Name()), batch))
	for range 2 { // The second time there is nothing.
		require.NoError(t, s.Store.DropRollup(t.Context(), "team-a", `it's \1`))
		for _, b := range batch {
			q := minutes(t, day, 0)
			q.State = b.State
			rows, err := s.Store.RollupRows(t.Context(), b.Tenant, q)
			require.NoError(t, err)
			folded, err := s.Store.RollupHidden(t.Context(), b.Tenant, b.State, q.Range)
			require.NoError(t, err)
			_, n, err := s.Store.RollupBytes(t.Context(), b.Tenant, b.State)
			require.NoError(t, err)
			if b.Tenant == "team-a" && b.State == `it's \1` {
				require.Empty(t, rows)
				require.Empty(t, folded)
				require.Zero(t, n)
				continue
			}
			require.Len(t, rows, 2)
			require.Len(t, folded, 1)
			require.EqualValues(t, 2, n)
		}
		s.Merge(t)
	}
}

// rollupsRandom compares the store with a model, over random rows in random batches.
func (s *suite) rollupsRandom(t *testing.T) {
	const batches, queries = 25, 300
	g := randomRollups(3, s.day())
	var model rollupModel
	for i := range batches {
		var batch []storage.RollupRows
		for n := range 1 + g.IntN(3) {
			r := storage.RollupRows{Tenant: []tenant.ID{"team-a", "team-b"}[g.IntN(2)], State: "random@" + strconv.Itoa(n%2)}
			for range g.IntN(60) {
				r.Rows = append(r.Rows, g.row())
			}
			batch = append(batch, r)
		}
		require.NoError(t, s.Store.AppendRollups(t.Context(), storage.BatchID(t.Name()+strconv.Itoa(i)), batch))
		model.batches = append(model.batches, batch...)
	}
	for i := range queries {
		if i == queries/2 {
			s.Merge(t)
		}
		owner, q := []tenant.ID{"team-a", "team-b"}[g.IntN(2)], g.query("random@"+strconv.Itoa(g.IntN(2)))
		got, err := s.Store.RollupRows(t.Context(), owner, q)
		require.NoError(t, err)
		require.Equal(t, model.ask(owner, q), got, "%+v", q)
	}
}

func (s *suite) rollupsBadRequests(t *testing.T) {
	day := s.day()
	for name, change := range map[string]func(*storage.RollupQuery){
		"range":        func(q *storage.RollupQuery) { q.Range.Start, q.Range.End = q.Range.End, q.Range.Start },
		"no step":      func(q *storage.RollupQuery) { q.Step = 0 },
		"no seconds":   func(q *storage.RollupQuery) { q.Step, q.Every = time.Millisecond, 0 },
		"not multiple": func(q *storage.RollupQuery) { q.Every = 90 * time.Second },
		"negative":     func(q *storage.RollupQuery) { q.Every = -time.Minute },
		"group":        func(q *storage.RollupQuery) { q.Group = []int{0, 5} },
		"group twice":  func(q *storage.RollupQuery) { q.Group = []int{1, 1} },
		"inputs":       func(q *storage.RollupQuery) { q.Inputs = []int{-1} },
		"dimension":    func(q *storage.RollupQuery) { q.Where = []storage.RollupCondition{{Dimension: 5}} },
	} {
		q := minutes(t, day, 0)
		change(&q)
		_, err := s.Store.RollupRows(t.Context(), tenant.Default, q)
		require.ErrorIs(t, err, storage.ErrBadQuery, name)
	}
	_, err := s.Store.RollupHidden(t.Context(), tenant.Default, t.Name(), storage.TimeRange{})
	require.ErrorIs(t, err, storage.ErrBadQuery)
	for _, err := range []error{
		func() error { _, err := s.Store.RollupRows(t.Context(), "", minutes(t, day)); return err }(),
		s.Store.DropRollup(t.Context(), "", t.Name()),
	} {
		require.ErrorIs(t, err, storage.ErrInvalid, "of no tenant")
	}
	good := rollupRow(day, 1, "a")
	for name, change := range map[string]func(*storage.RollupRows){
		"tenant":     func(r *storage.RollupRows) { r.Tenant = "" },
		"state":      func(r *storage.RollupRows) { r.State = "" },
		"step":       func(r *storage.RollupRows) { r.Rows[1].Step = 1500 * time.Millisecond },
		"unaligned":  func(r *storage.RollupRows) { r.Rows[1].Time = day.Add(time.Second) },
		"time":       func(r *storage.RollupRows) { r.Rows[1].Time = time.Time{} },
		"dimensions": func(r *storage.RollupRows) { r.Rows[1].Values = make([]string, 6) },
		"inputs":     func(r *storage.RollupRows) { r.Rows[1].Inputs = make([]rollup.Input, 257) },
		"hidden":     func(r *storage.RollupRows) { r.Hidden[0].Dimensions = make([][]rollup.Register, 6) },
	} {
		bad := storage.RollupRows{Tenant: tenant.Default, State: t.Name(), Rows: []storage.RollupRow{good, good}, Hidden: []storage.RollupHidden{{Hidden: rollup.Hidden{Time: day}}}}
		change(&bad)
		err := s.Store.AppendRollups(t.Context(), storage.BatchID(t.Name()+name), []storage.RollupRows{{Tenant: tenant.Default, State: t.Name(), Rows: []storage.RollupRow{good}}, bad})
		require.ErrorIs(t, err, storage.ErrInvalid, name)
	}
	require.Empty(t, s.askRollups(t, minutes(t, day, 0)), "nothing of a batch that is refused")
	err = s.Store.AppendRollups(t.Context(), "", []storage.RollupRows{{Tenant: tenant.Default, State: t.Name(), Rows: []storage.RollupRow{good}}})
	require.ErrorIs(t, err, storage.ErrInvalid, "no id")
}

// rollupsCrash kills the store's process while batches are stored, which lie in several partitions and two tables; all are sent again.
func (s *suite) rollupsCrash(t *testing.T) {
	day := s.day()
	const batches = 30
	put := func(i uint16) error {
		var rows []storage.RollupRow
		for n := range 50 {
			r := rollupRow(day.Add(time.Duration(n)*time.Minute), 1, strconv.Itoa(n%7))
			r.Expires = day.AddDate(0, n%5, 9)
			rows = append(rows, r)
		}
		hidden := storage.RollupHidden{Hidden: rollup.Hidden{Time: day, Dimensions: [][]rollup.Register{{{Index: i, Rank: 1}}}}, Expires: day.AddDate(1, 0, 0)}
		batch := []storage.RollupRows{{Tenant: tenant.Default, State: t.Name(), Rows: rows, Hidden: []storage.RollupHidden{hidden}}}
		return s.Store.AppendRollups(t.Context(), storage.BatchID(fmt.Sprint(t.Name(), i)), batch)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range uint16(batches) {
			require.NoError(t, put(i))
		}
	})
	for range 2 {
		time.Sleep(100 * time.Millisecond)
		s.Crash(t)
	}
	wg.Wait()
	for i := range uint16(batches) {
		require.NoError(t, put(i))
	}
	q := minutes(t, day)
	q.Every = 0
	rows := s.askRollups(t, q)
	require.Len(t, rows, 1)
	require.EqualValues(t, batches*50, rows[0].Count)
	got, err := s.Store.RollupHidden(t.Context(), tenant.Default, t.Name(), q.Range)
	require.NoError(t, err)
	require.Len(t, got[0].Dimensions[0], batches)
}
