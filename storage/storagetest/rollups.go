// SPDX-License-Identifier: Apache-2.0

package storagetest

import (
	"fmt"
	"math"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/rollup"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

// RunRollups runs the suite for states of rollups.
func RunRollups(t *testing.T, open Open) {
	t.Helper()
	s := &suite{Harness: open(t)}
	t.Run("AddUp", s.rollupsAddUp)
	t.Run("Once", s.rollupsOnce)
	t.Run("Folded", s.rollupsFolded)
	t.Run("Nasty", s.rollupsNasty)
	t.Run("Conditions", s.rollupsConditions)
	t.Run("Numbers", s.rollupsNumbers)
	t.Run("Last", s.rollupsLast)
	t.Run("Sketches", s.rollupsSketches)
	t.Run("Late", s.rollupsLate)
	t.Run("Expired", s.rollupsExpired)
	t.Run("Tenants", s.rollupsTenants)
	t.Run("Hidden", s.rollupsHidden)
	t.Run("ManyAndLimit", s.rollupsMany)
	t.Run("Drop", s.rollupsDrop)
	t.Run("Random", s.rollupsRandom)
	t.Run("BadRequests", s.rollupsBadRequests)
	t.Run("Crash", s.rollupsCrash)
}

// rollupRow is a row of one minute that expires in far future.
func rollupRow(at time.Time, count uint64, values ...string) storage.RollupRow {
	return storage.RollupRow{Row: rollup.Row{Step: time.Minute, Time: at, Values: values, Count: count}, Expires: at.AddDate(1, 0, 0)}
}

// putRollups stores rows of the default tenant under the test's name.
func (s *suite) putRollups(t *testing.T, id string, rows ...storage.RollupRow) {
	t.Helper()
	batch := []storage.RollupRows{{Tenant: tenant.Default, State: t.Name(), Rows: rows}}
	require.NoError(t, s.Store.AppendRollups(t.Context(), storage.BatchID(t.Name()+"-"+id), batch))
}

// minutes asks for the minutes of the test's rollup from a time on, two hours long, grouped by dimensions.
func minutes(t *testing.T, from time.Time, group ...int) storage.RollupQuery {
	t.Helper()
	return storage.RollupQuery{State: t.Name(), Range: storage.TimeRange{Start: from, End: from.Add(2 * time.Hour)}, Step: time.Minute, Every: time.Minute, Group: group}
}

func (s *suite) askRollups(t *testing.T, q storage.RollupQuery) []rollup.Row {
	t.Helper()
	rows, err := s.Store.RollupRows(t.Context(), tenant.Default, q)
	require.NoError(t, err)
	return rows
}

// counts are rows as texts: the folded dimensions, the first values and the count.
func counts(rows []rollup.Row, dimensions int) []string {
	out := []string{}
	for _, r := range rows {
		out = append(out, fmt.Sprintf("%03b %q %d", r.Folded, r.Values[:dimensions], r.Count))
	}
	return out
}

func (s *suite) rollupsAddUp(t *testing.T) {
	day := s.day()
	in := func(v float64) []rollup.Input { return []rollup.Input{{Count: 1, Sum: v, Min: v, Max: v}} }
	var answers [][]rollup.Row
	for order, values := range [][]float64{{1, 2, 4}, {4, 1, 2}, {2, 4, 1}} {
		at := day.Add(time.Duration(order) * 10 * time.Minute)
		for i, v := range values {
			a, b := rollupRow(at, uint64(v), "a"), rollupRow(at, 10, "b")
			a.Inputs, b.Inputs = in(v), in(-v)
			s.putRollups(t, fmt.Sprint(order, i), a, b, a)
		}
		q := minutes(t, at, 0)
		q.Inputs, q.Range.End = []int{0}, at.Add(time.Minute)
		rows := s.askRollups(t, q)
		require.Equal(t, []string{`000 ["a"] 14`, `000 ["b"] 30`}, counts(rows, 1))
		require.Equal(t, rollup.Input{Count: 6, Sum: 14, Min: 1, Max: 4}, rows[0].Inputs[0])
		require.Equal(t, rollup.Input{Count: 3, Sum: -7, Min: -4, Max: -1}, rows[1].Inputs[0])
		require.Equal(t, at, rows[0].Time)
		require.Equal(t, time.Minute, rows[0].Step)
		s.Merge(t)
		require.Equal(t, rows, s.askRollups(t, q), "after parts are merged")
		rows[0].Time, rows[1].Time = day, day
		answers = append(answers, rows)
	}
	require.Equal(t, answers[0], answers[1])
	require.Equal(t, answers[0], answers[2])
}

func (s *suite) rollupsOnce(t *testing.T) {
	day := s.day()
	long := rollupRow(day, 1, "long")
	long.Expires = day.AddDate(3, 0, 0)
	batch := []storage.RollupRows{{
		Tenant: tenant.Default, State: t.Name(), Rows: []storage.RollupRow{rollupRow(day, 1, "a"), rollupRow(day.Add(time.Minute), 1, "a"), long},
		Hidden: []storage.RollupHidden{{Hidden: rollup.Hidden{Time: day, Dimensions: [][]rollup.Register{{{Index: 1, Rank: 1}}}}, Expires: long.Expires}},
	}}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			require.NoError(t, s.Store.AppendRollups(t.Context(), storage.BatchID(t.Name()), batch))
		})
	}
	wg.Wait()
	q := minutes(t, day, 0)
	q.Every = 0
	require.Equal(t, []string{`000 ["a"] 2`, `000 ["long"] 1`}, counts(s.askRollups(t, q), 1))
	require.NoError(t, s.Store.AppendRollups(t.Context(), storage.BatchID(t.Name()+"/2"), batch))
	require.Equal(t, []string{`000 ["a"] 4`, `000 ["long"] 2`}, counts(s.askRollups(t, q), 1), "another id")
	require.NoError(t, s.Store.AppendRollups(t.Context(), storage.BatchID(t.Name()+"/3"), nil), "a batch of nothing")
}

func (s *suite) rollupsFolded(t *testing.T) {
	day := s.day()
	folded := func(count uint64, bits uint8, values ...string) storage.RollupRow {
		r := rollupRow(day, count, values...)
		r.Folded = bits
		return r
	}
	s.putRollups(t, "1", rollupRow(day, 1, "", "x"), rollupRow(day, 2, "__other__", "x"), folded(4, 1, "", "x"), folded(8, 3, "", ""), folded(16, 2, "", ""), rollupRow(day, 32))
	require.Equal(t, []string{
		`000 ["" ""] 32`, `010 ["" ""] 16`, `011 ["" ""] 8`, `000 ["" "x"] 1`, `001 ["" "x"] 4`, `000 ["__other__" "x"] 2`,
	}, counts(s.askRollups(t, minutes(t, day, 0, 1)), 2))
	require.Equal(t, []string{`000 ["" ""] 49`, `001 ["" ""] 12`, `000 ["__other__" ""] 2`}, counts(s.askRollups(t, minutes(t, day, 0)), 2))
	require.Equal(t, []string{`000 ["" ""] 32`, `010 ["" ""] 24`, `000 ["" "x"] 7`}, counts(s.askRollups(t, minutes(t, day, 1)), 2))
	require.Equal(t, []string{`000 ["" ""] 63`}, counts(s.askRollups(t, minutes(t, day)), 2), "and none of it is lost")
}

func (s *suite) rollupsNasty(t *testing.T) {
	day := s.day()
	var rows []storage.RollupRow
	for i, text := range nasty() {
		rows = append(rows, rollupRow(day, uint64(i+1), text))
	}
	s.putRollups(t, "1", rows...)
	for i, text := range nasty() {
		q := minutes(t, day, 0)
		q.Where = []storage.RollupCondition{{Values: []string{text}}}
		got := s.askRollups(t, q)
		require.Len(t, got, 1, "%q", text)
		require.Equal(t, text, got[0].Values[0])
		require.Equal(t, uint64(i+1), got[0].Count)
	}
}

func (s *suite) rollupsConditions(t *testing.T) {
	day := s.day()
	folded := rollupRow(day, 8, "", "y")
	folded.Folded = 1
	s.putRollups(t, "1", rollupRow(day, 1, "a", "x"), rollupRow(day, 2, "b", "x"), rollupRow(day, 4, "", "y"), folded)
	for _, c := range []struct {
		where []storage.RollupCondition
		want  uint64
	}{
		{[]storage.RollupCondition{{Values: []string{"a"}}}, 1},
		{[]storage.RollupCondition{{Values: []string{"a", "b", "none"}}}, 3},
		{[]storage.RollupCondition{{Values: []string{""}}}, 4},
		{[]storage.RollupCondition{{Values: []string{"", "a"}, Folded: true}}, 13},
		{[]storage.RollupCondition{{Values: []string{"a"}, Not: true}}, 6},
		{[]storage.RollupCondition{{Values: []string{"a", ""}, Not: true, Folded: true}}, 10},
		{[]storage.RollupCondition{{Values: []string{""}, Not: true}}, 3},
		{[]storage.RollupCondition{{}}, 0},
		{[]storage.RollupCondition{{Folded: true}}, 8},
		{[]storage.RollupCondition{{Not: true}}, 7},
		{[]storage.RollupCondition{{Not: true, Folded: true}}, 15},
		{[]storage.RollupCondition{{Dimension: 1, Values: []string{"x"}}, {Values: []string{"b"}}}, 2},
		{[]storage.RollupCondition{{Dimension: 1, Values: []string{"y"}}, {Values: []string{"b"}}}, 0},
		{[]storage.RollupCondition{{Dimension: 4, Values: []string{""}}}, 15},
	} {
		q := minutes(t, day)
		q.Where, q.Every = c.where, 0
		rows := s.askRollups(t, q)
		if c.want == 0 {
			require.Empty(t, rows, "%+v", c.where)
			continue
		}
		require.Len(t, rows, 1)
		require.Equal(t, c.want, rows[0].Count, "%+v", c.where)
		require.Equal(t, q.Range.Start, rows[0].Time)
	}
}

// rollupsNumbers: zeros, negative ones and those that an encoding may lose.
func (s *suite) rollupsNumbers(t *testing.T) {
	day := s.day()
	zero := math.Copysign(0, -1)
	for i, c := range []struct{ a, b, want rollup.Input }{
		{rollup.Input{Count: 1}, rollup.Input{Count: 2, Min: 1, Max: 3, Sum: 4}, rollup.Input{Count: 3, Max: 3, Sum: 4}},
		{rollup.Input{Count: 1}, rollup.Input{Count: 2, Min: -3, Max: -1, Sum: -4}, rollup.Input{Count: 3, Min: -3, Sum: -4}},
		{rollup.Input{Count: 1, Sum: 5, Min: 5, Max: 5}, rollup.Input{Count: 1, Sum: -5, Min: -5, Max: -5}, rollup.Input{Count: 2, Min: -5, Max: 5}},
		{rollup.Input{Count: 1, Sum: zero, Min: zero, Max: zero}, rollup.Input{Count: 1, Sum: zero, Min: zero, Max: zero}, rollup.Input{Count: 2}},
		{rollup.Input{}, rollup.Input{Count: 1, Sum: 7, Min: 7, Max: 7}, rollup.Input{Count: 1, Sum: 7, Min: 7, Max: 7}},
		{rollup.Input{}, rollup.Input{}, rollup.Input{}},
		{rollup.Input{Count: 1, Sum: 1e300, Min: 1e300, Max: 1e300}, rollup.Input{Count: 1, Sum: math.Inf(1), Min: math.Inf(1), Max: math.Inf(1)}, rollup.Input{Count: 2, Sum: math.Inf(1), Min: 1e300, Max: math.Inf(1)}},
		{rollup.Input{Count: math.MaxUint64 - 1}, rollup.Input{Count: 1}, rollup.Input{Count: math.MaxUint64}},
	} {
		at := day.Add(time.Duration(i) * time.Minute)
		for j, in := range []rollup.Input{c.a, c.b} {
			r := rollupRow(at, 0)
			r.Inputs = make([]rollup.Input, 256)
			r.Inputs[0], r.Inputs[255] = in, in
			s.putRollups(t, fmt.Sprint(i, "/", j), r)
		}
		q := minutes(t, at)
		q.Range.End, q.Inputs = at.Add(time.Minute), []int{0, 1, 255}
		for range 2 {
			rows := s.askRollups(t, q)
			require.Len(t, rows, 1)
			require.Zero(t, rows[0].Count)
			require.Len(t, rows[0].Inputs, 256)
			require.Equal(t, c.want, rows[0].Inputs[0], i)
			require.Equal(t, c.want, rows[0].Inputs[255], i)
			require.Zero(t, rows[0].Inputs[1])
			s.Merge(t)
		}
	}
}

func (s *suite) rollupsLast(t *testing.T) {
	day := s.day()
	at := day.UnixNano()
	for i, c := range []struct{ a, b, want rollup.Input }{
		{rollup.Input{Last: 9, LastAt: at}, rollup.Input{Last: 1, LastAt: at + 1}, rollup.Input{Last: 1, LastAt: at + 1}},
		{rollup.Input{Last: -2, LastAt: at}, rollup.Input{Last: -1, LastAt: at}, rollup.Input{Last: -1, LastAt: at}},
		{rollup.Input{Last: 2, LastAt: at}, rollup.Input{Last: -3, LastAt: at}, rollup.Input{Last: 2, LastAt: at}},
		{rollup.Input{Last: 0, LastAt: at}, rollup.Input{Last: -3, LastAt: at}, rollup.Input{Last: 0, LastAt: at}},
		{rollup.Input{}, rollup.Input{Last: -3, LastAt: at}, rollup.Input{Last: -3, LastAt: at}},
		{rollup.Input{Last: math.Inf(-1), LastAt: 1}, rollup.Input{Last: -math.MaxFloat64, LastAt: 1}, rollup.Input{Last: -math.MaxFloat64, LastAt: 1}},
	} {
		minute := day.Add(time.Duration(i) * time.Minute)
		for j, in := range []rollup.Input{c.a, c.b, c.a} {
			r := rollupRow(minute, 1)
			r.Inputs = []rollup.Input{{Last: float64(j), LastAt: at + int64(j)}, in}
			s.putRollups(t, fmt.Sprint(i, "/", j), r)
		}
		q := minutes(t, minute)
		q.Range.End, q.Inputs = minute.Add(time.Minute), []int{1}
		for range 2 {
			rows := s.askRollups(t, q)
			require.Len(t, rows, 1)
			require.Equal(t, []rollup.Input{{}, c.want}, rows[0].Inputs, i)
			s.Merge(t)
		}
	}
}

// rollupsSketches: buckets add up and the greatest of a register counts, of each input apart.
func (s *suite) rollupsSketches(t *testing.T) {
	day := s.day()
	var model rollupModel
	g := randomRollups(1, day)
	for i := range 6 {
		r := rollupRow(day, 1, strconv.Itoa(i%2))
		r.Inputs = make([]rollup.Input, 3)
		for n := range r.Inputs {
			in := rollup.Input{Count: 1}
			for _, index := range []int32{math.MinInt32, -70_000, -1, 0, 1, 70_000, math.MaxInt32} {
				if g.IntN(2) == 0 {
					in.Sketch = append(in.Sketch, rollup.Bucket{Index: index, Count: 1 + g.Uint64N(1<<40)})
				}
			}
			in.Registers = g.registers(3)
			r.Inputs[n] = in
		}
		s.putRollups(t, strconv.Itoa(i), r)
		model.batches = append(model.batches, storage.RollupRows{Tenant: tenant.Default, State: t.Name(), Rows: []storage.RollupRow{r}})
	}
	for _, inputs := range [][]int{{0}, {1}, {0, 1, 2}} {
		for _, group := range [][]int{{}, {0}} {
			q := minutes(t, day, group...)
			q.Inputs = inputs
			require.Equal(t, model.ask(tenant.Default, q), s.askRollups(t, q))
		}
	}
}

// rollupsLate: rows of hours ago add to what is there, merged or not.
func (s *suite) rollupsLate(t *testing.T) {
	day := s.day()
	s.putRollups(t, "1", rollupRow(day, 1, "a"))
	s.Merge(t)
	s.putRollups(t, "2", rollupRow(day.Add(time.Hour), 1, "a"), rollupRow(day, 2, "a"), rollupRow(day, 4, "new"))
	s.putRollups(t, "3", rollupRow(day, 8, "a"))
	q := minutes(t, day, 0)
	q.Range.End = day.Add(time.Minute)
	require.Equal(t, []string{`000 ["a"] 11`, `000 ["new"] 4`}, counts(s.askRollups(t, q), 1))
}

// rollupsExpired: what has expired is not there, whatever the store has tidied up, and rows of one bucket may expire one after another.
func (s *suite) rollupsExpired(t *testing.T) {
	day := s.day()
	gone, soon, never := rollupRow(day, 1, "a"), rollupRow(day, 2, "a"), rollupRow(day, 4, "a")
	gone.Expires, soon.Expires, never.Expires = time.Now().Add(-time.Second), time.Now().Add(4*time.Second), time.Time{}
	s.putRollups(t, "1", gone, soon, never)
	require.Equal(t, []string{`000 ["a"] 6`}, counts(s.askRollups(t, minutes(t, day, 0)), 1))
	eventually(t, 20*time.Second, "a row that expires", func() bool {
		return counts(s.askRollups(t, minutes(t, day, 0)), 1)[0] == `000 ["a"] 4`
	})
	s.Merge(t)
	require.Equal(t, []string{`000 ["a"] 4`}, counts(s.askRollups(t, minutes(t, day, 0)), 1))
}
