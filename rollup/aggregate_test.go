// SPDX-License-Identifier: Apache-2.0

package rollup_test

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/rollup"
)

// everything is a plan with each kind of measure; its inputs are those of attr.n (numbers, sketch and last) and attr.u (distinct).
func everything(tb testing.TB, budget rollup.Budget, dimensions ...string) *rollup.Plan {
	tb.Helper()
	return planOf(tb, budget, dimensions,
		measure("count", ""), measure("sum", "attr.n"), measure("min", "attr.n"), measure("max", "attr.n"), measure("p95", "attr.n"),
		measure("last", "attr.n"), measure("distinct", "attr.u"))
}

// stream draws events of three dimensions with whole numbers, of which some are missing or are no numbers.
func stream(p *rollup.Plan, seed uint64, n int) []*rollup.Event {
	random := rand.New(rand.NewPCG(seed, 3))
	kinds := []int{1 + random.IntN(5), 1 + random.IntN(100), 1 + random.IntN(1000)}
	odd := []string{"", "__other__", "\x00", "other"}
	var out []*rollup.Event
	for range n {
		e := p.NewEvent()
		e.Time = midday + random.Int64N(2*3600*second)
		for i := range e.Values {
			if k := random.IntN(kinds[i]); k < len(odd) {
				e.Values[i] = odd[k]
			} else {
				e.Values[i] = fmt.Sprint("v", k)
			}
		}
		o := &e.Observations[0]
		switch random.IntN(10) {
		case 0: // none
		case 1:
			o.HasNumber, o.Number = true, []float64{math.NaN(), math.Inf(1), math.Inf(-1)}[random.IntN(3)]
		default:
			o.HasNumber, o.Number = true, float64(random.IntN(2001)-1000)
		}
		if random.IntN(5) > 0 {
			e.Observations[1] = rollup.Observation{HasText: true, Hash: rollup.HashText(strconv.Itoa(random.IntN(500)))}
		}
		out = append(out, e)
	}
	return out
}

// rowsOf adds a stream up in as many aggregators as there are parts, with an admission for each or one for all.
func rowsOf(t *testing.T, p *rollup.Plan, events []*rollup.Event, parts int, oneAdmission bool, random *rand.Rand) ([]rollup.Row, []rollup.Hidden) {
	t.Helper()
	var all []*rollup.Aggregator
	admission := rollup.NewAdmission(p)
	for range parts {
		if !oneAdmission {
			admission = rollup.NewAdmission(p)
		}
		a, err := rollup.NewAggregator(p, admission)
		require.NoError(t, err)
		a.Reset(time.Unix(0, midday+3600*second))
		all = append(all, a)
	}
	for _, e := range events {
		all[random.IntN(parts)].Add(e)
	}
	var rows []rollup.Row
	var hidden []rollup.Hidden
	for _, a := range all {
		rows = append(rows, a.Rows()...)
		hidden = append(hidden, a.Hidden()...)
	}
	return rows, hidden
}

// project adds the rows of a step up by a subset of the dimensions; with time or without.
func project(rows []rollup.Row, step time.Duration, keep uint8, byTime bool) map[string]rollup.Row {
	out := map[string]rollup.Row{}
	for _, r := range rows {
		if r.Step != step {
			continue
		}
		var key strings.Builder
		if byTime {
			fmt.Fprint(&key, r.Time.Unix(), " ")
		}
		for i, v := range r.Values {
			if keep&(1<<i) != 0 {
				fmt.Fprintf(&key, "%q %v ", v, r.Folded&(1<<i) != 0)
			}
		}
		sum := out[key.String()]
		sum.Add(r)
		out[key.String()] = sum
	}
	return out
}

// raw adds events up without folding.
func raw(events []*rollup.Event, where func(*rollup.Event) bool) (in rollup.Input, count, distinct uint64) {
	users := map[uint64]bool{}
	in.LastAt = math.MinInt64
	for _, e := range events {
		if !where(e) {
			continue
		}
		count++
		if o := e.Observations[1]; o.HasText {
			users[o.Hash] = true
		}
		o := e.Observations[0]
		if !o.HasNumber || math.IsNaN(o.Number) || math.IsInf(o.Number, 0) {
			continue
		}
		if in.Count == 0 {
			in.Min, in.Max = o.Number, o.Number
		}
		in.Count++
		in.Sum += o.Number
		in.Min, in.Max = min(in.Min, o.Number), max(in.Max, o.Number)
		if e.Time > in.LastAt || e.Time == in.LastAt && o.Number > in.Last {
			in.Last, in.LastAt = o.Number, e.Time
		}
	}
	return in, count, uint64(len(users))
}

// TestTotalsAreExact: for any stream, any budget and any split over batches and processes, what is visible and other together are the raw counts and sums, for
// every subset of the dimensions, every value of a dimension and every step; minima, maxima, newest values, distinct counts and sketches likewise.
func TestTotalsAreExact(t *testing.T) {
	t.Parallel()
	dimensions := []string{"attr.a", "attr.b", "attr.c"}
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 11))
		budget := rollup.Budget{Values: 1 + random.IntN(60), Combinations: 1 + random.IntN(300)}
		p := everything(t, budget, dimensions...)
		events := stream(p, seed, 1500)
		rows, _ := rowsOf(t, p, events, 1+int(seed%4), seed%2 == 0, random)
		want, count, distinct := raw(events, func(*rollup.Event) bool { return true })
		var reference rollup.Row
		for _, step := range []time.Duration{10 * time.Second, time.Minute, time.Hour} {
			for keep := range uint8(8) {
				var sum rollup.Row
				groups := project(rows, step, keep, keep == 7)
				for _, key := range slices.Sorted(maps.Keys(groups)) {
					sum.Add(groups[key])
				}
				if reference.Count == 0 {
					reference = sum
				}
				require.Equal(t, count, sum.Count, "seed %d, step %s, dimensions %b", seed, step, keep)
				require.Equal(t, reference, sum, "the whole state, also of sketches and registers")
			}
		}
		in := reference.Inputs[0]
		require.Equal(t, want.Count, in.Count)
		require.Equal(t, []float64{want.Sum, want.Min, want.Max, want.Last}, []float64{in.Sum, in.Min, in.Max, in.Last})
		require.Equal(t, want.LastAt, in.LastAt)
		require.InEpsilon(t, float64(distinct), rollup.Distinct(reference.Inputs[1].Registers), 0.03)
		checkValues(t, p, events, rows)
	}
}

// checkValues: what is visible of a value is never more than its raw count, and with other never less.
func checkValues(t *testing.T, p *rollup.Plan, events []*rollup.Event, rows []rollup.Row) {
	t.Helper()
	for i := range p.Dimensions {
		groups := project(rows, time.Hour, 1<<i, false)
		other := groups[fmt.Sprintf("%q %v ", "", true)]
		counts := map[string]uint64{}
		for _, e := range events {
			counts[e.Values[i]]++
		}
		for v, count := range counts {
			visible := groups[fmt.Sprintf("%q %v ", v, false)]
			require.LessOrEqual(t, visible.Count, count, "value %q", v)
			require.GreaterOrEqual(t, visible.Count+other.Count, count, "value %q", v)
			bounds := p.Bounds(visible, []rollup.Row{other}, 0, time.Hour)
			require.LessOrEqual(t, bounds.Low, float64(count))
			require.GreaterOrEqual(t, bounds.High, float64(count))
		}
	}
}

// TestSplitsAndOrdersDoNotMatter: where nothing is folded, any split over batches and any order gives the same states to the bit.
func TestSplitsAndOrdersDoNotMatter(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		p := everything(t, rollup.Budget{Values: 10_000, Combinations: 100_000}, "attr.a", "attr.b", "attr.c")
		events := stream(p, seed, 2000)
		random := rand.New(rand.NewPCG(seed, 12))
		one, hidden := rowsOf(t, p, events, 1, true, random)
		require.Empty(t, hidden)
		random.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
		many, _ := rowsOf(t, p, events, 5, seed%2 == 0, random)
		random.Shuffle(len(many), func(i, j int) { many[i], many[j] = many[j], many[i] })
		for _, step := range []time.Duration{10 * time.Second, time.Minute, time.Hour} {
			require.Equal(t, project(one, step, 7, true), project(many, step, 7, true))
		}
	}
}

// TestRowsAreUnique: each step, combination and time has one row, also when values are displaced and come back in the batch; every row's time fits its step.
func TestRowsAreUnique(t *testing.T) {
	t.Parallel()
	p := planOf(t, rollup.Budget{Values: 1}, []string{"attr.a"})
	a := rollup.NewAdmission(p)
	g, err := rollup.NewAggregator(p, a)
	require.NoError(t, err)
	e := p.NewEvent()
	e.Time = midday
	var n uint64
	for i := range 200 {
		e.Values[0] = []string{"a", "b"}[i/50%2]
		g.Add(e)
		n++
	}
	a.Follow(rollup.Snapshot{Time: time.Unix(0, midday), Dimensions: []rollup.Admitted{{Values: []rollup.Weighted{{Value: "b", Weight: 1}}}}}, 1)
	g.Add(e)
	a.Follow(rollup.Snapshot{Time: time.Unix(0, midday), Dimensions: []rollup.Admitted{{Values: []rollup.Weighted{{Value: "a", Weight: 1}}}}}, 1)
	e.Values[0] = "a"
	g.Add(e)
	n += 2
	rows := g.Rows()
	type id struct {
		step   time.Duration
		at     int64
		value  string
		folded uint8
	}
	seen := map[id]bool{}
	counts := map[time.Duration]uint64{}
	for _, r := range rows {
		k := id{r.Step, r.Time.Unix(), r.Values[0], r.Folded}
		require.False(t, seen[k], "%+v", k)
		seen[k] = true
		counts[r.Step] += r.Count
		require.Zero(t, r.Time.UnixNano()%int64(r.Step))
	}
	assert.Greater(t, g.Len(), 3, "a value came back")
	assert.Equal(t, map[time.Duration]uint64{10 * time.Second: n, time.Minute: n, time.Hour: n}, counts)
	g.Reset(time.Unix(0, midday))
	assert.Empty(t, g.Rows())
	assert.Empty(t, g.Hidden())
	assert.Zero(t, g.Len())
}

// TestRowsAreTheCallers: rows do not change when the aggregator is used again, nor the aggregator when rows are changed.
func TestRowsAreTheCallers(t *testing.T) {
	t.Parallel()
	p := everything(t, rollup.Budget{}, "attr.a", "attr.b", "attr.c")
	a, err := rollup.NewAggregator(p, rollup.NewAdmission(p))
	require.NoError(t, err)
	events := stream(p, 1, 500)
	for _, e := range events {
		a.Add(e)
	}
	first, second := a.Rows(), a.Rows()
	require.Equal(t, first, second)
	for i := range second {
		second[i].Add(second[0])
		clear(second[i].Values)
	}
	require.Equal(t, first, a.Rows())
	a.Reset(time.Unix(0, midday))
	for _, e := range stream(p, 2, 500) {
		a.Add(e)
	}
	again, err := rollup.NewAggregator(p, rollup.NewAdmission(p))
	require.NoError(t, err)
	for _, e := range events {
		again.Add(e)
	}
	assert.Equal(t, first, again.Rows())
}

// TestLiteralOther: an empty value and one that reads like other are told from what is folded.
func TestLiteralOther(t *testing.T) {
	t.Parallel()
	p := planOf(t, rollup.Budget{Values: 2}, []string{"attr.a"})
	a, err := rollup.NewAggregator(p, rollup.NewAdmission(p))
	require.NoError(t, err)
	e := p.NewEvent()
	e.Time = midday
	for i, v := range []string{"", "__other__", "x", "y", "z", ""} {
		e.Values[0] = v
		a.Add(e)
		require.Equal(t, min(i+1, 3), a.Len())
	}
	got := project(a.Rows(), time.Hour, 1, false)
	assert.EqualValues(t, 2, got[`"" false `].Count)
	assert.EqualValues(t, 1, got[`"__other__" false `].Count)
	assert.EqualValues(t, 3, got[`"" true `].Count)
	assert.Len(t, got, 3)
}

// TestHidden: the hidden values of each hour are estimated within 2 %, by dimension, and add up over batches and processes.
func TestHidden(t *testing.T) {
	t.Parallel()
	p := planOf(t, rollup.Budget{Values: 10}, []string{"attr.a", "attr.b"})
	admission := rollup.NewAdmission(p)
	a, err := rollup.NewAggregator(p, admission)
	require.NoError(t, err)
	hours := map[time.Time]rollup.Hidden{}
	folded := map[int64]map[string]bool{0: {}, 1: {}}
	e := p.NewEvent()
	for i := range 60_000 {
		if i%10_000 == 0 {
			for _, h := range a.Hidden() {
				hours[h.Time] = h.Add(hours[h.Time])
			}
			a.Reset(time.Unix(0, midday))
		}
		hour := int64(i % 2)
		e.Time = midday + hour*3600*second + int64(i)%3600*second
		e.Values[0], e.Values[1] = strconv.Itoa(i/3), strconv.Itoa(i%10)
		a.Add(e)
		if i/3 >= 10 {
			folded[hour][e.Values[0]] = true
		}
	}
	for _, h := range a.Hidden() {
		hours[h.Time] = h.Add(hours[h.Time])
	}
	require.Len(t, hours, 2)
	for hour, values := range folded {
		h := hours[time.Unix(0, midday+hour*3600*second).UTC()]
		require.Len(t, h.Dimensions, 2)
		assert.InEpsilon(t, float64(len(values)), rollup.Distinct(h.Dimensions[0]), 0.02)
		assert.Zero(t, rollup.Distinct(h.Dimensions[1]))
	}
}

// TestOnlyWhatIsNeededIsKept: parts that no measure asks for are zero.
func TestOnlyWhatIsNeededIsKept(t *testing.T) {
	t.Parallel()
	for f, want := range map[rollup.Func]rollup.Input{
		"sum":      {Count: 1, Sum: 5, Min: 5, Max: 5},
		"last":     {Count: 1, Last: 5, LastAt: midday},
		"distinct": {Count: 1, Registers: []rollup.Register{{Index: 3, Rank: 50}}},
		"p50":      {Count: 1, Sketch: []rollup.Bucket{{Index: 36_080, Count: 1}}},
	} {
		p := planOf(t, rollup.Budget{}, nil, measure(f, "attr.x"))
		a, err := rollup.NewAggregator(p, rollup.NewAdmission(p))
		require.NoError(t, err)
		e := p.NewEvent()
		e.Time = midday
		e.Observations[0] = rollup.Observation{Number: 5, HasNumber: true, HasText: true, Hash: 3<<50 | 1}
		a.Add(e)
		e.Clear()
		assert.Equal(t, p.NewEvent(), e)
		e.Time = midday
		a.Add(e)
		for _, r := range a.Rows() {
			assert.EqualValues(t, 2, r.Count)
			assert.Equal(t, want, r.Inputs[0], "%s", f)
		}
	}
}
