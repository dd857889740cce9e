// SPDX-License-Identifier: Apache-2.0

package rollup_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/rollup"
)

func countRow(count uint64, folded uint8, values ...string) rollup.Row {
	return rollup.Row{Values: values, Folded: folded, Count: count}
}

// told writes ranks as value:count[low..high], with ? where the rank is not certain.
func told(ranks []rollup.Ranked) string {
	var out []string
	for _, r := range ranks {
		s := fmt.Sprintf("%s:%v[%v..%v]", strings.Join(r.Row.Values, "/"), r.Value, r.Bounds.Low, r.Bounds.High)
		if !r.Certain {
			s += "?"
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

func TestRankOfCounts(t *testing.T) {
	t.Parallel()
	p := planOf(t, rollup.Budget{}, []string{"attr.x", "attr.y"})
	for name, c := range map[string]struct {
		rows  []rollup.Row
		query rollup.RankQuery
		want  string
	}{
		"nothing folded": {
			[]rollup.Row{countRow(1, 0, "a", ""), countRow(3, 0, "b", ""), countRow(2, 0, "c", "")},
			rollup.RankQuery{Group: []int{0}},
			"b/:3[3..3] c/:2[2..2] a/:1[1..1]",
		},
		"bottom": {
			[]rollup.Row{countRow(1, 0, "a", ""), countRow(3, 0, "b", ""), countRow(2, 0, "c", "")},
			rollup.RankQuery{Group: []int{0}, Bottom: true, Limit: 2},
			"a/:1[1..1] c/:2[2..2]",
		},
		"ties by value": {
			[]rollup.Row{countRow(2, 0, "b", ""), countRow(2, 0, "a", "")},
			rollup.RankQuery{Group: []int{0}},
			"a/:2[2..2] b/:2[2..2]",
		},
		"far ahead of other": {
			[]rollup.Row{countRow(100, 0, "a", ""), countRow(20, 0, "b", ""), countRow(3, 0, "c", ""), countRow(10, 1, "", "")},
			rollup.RankQuery{Group: []int{0}},
			"a/:100[100..110] b/:20[20..30] c/:3[3..13]?",
		},
		"two that other could swap": {
			[]rollup.Row{countRow(100, 0, "a", ""), countRow(95, 0, "b", ""), countRow(40, 0, "c", ""), countRow(10, 1, "", "")},
			rollup.RankQuery{Group: []int{0}},
			"a/:100[100..110]? b/:95[95..105]? c/:40[40..50]",
		},
		"a hidden one could be the first": {
			[]rollup.Row{countRow(5, 0, "a", ""), countRow(10, 1, "", "")},
			rollup.RankQuery{Group: []int{0}},
			"a/:5[5..15]?",
		},
		"a hidden one could be the last": {
			[]rollup.Row{countRow(5, 0, "a", ""), countRow(1, 1, "", "")},
			rollup.RankQuery{Group: []int{0}, Bottom: true},
			"a/:5[5..6]?",
		},
		"an empty value is none that is folded": {
			[]rollup.Row{countRow(5, 0, "", ""), countRow(1, 1, "", "")},
			rollup.RankQuery{Group: []int{0}},
			"/:5[5..6]",
		},
		"only what agrees in the other dimension": {
			[]rollup.Row{
				countRow(100, 0, "a", "x"), countRow(50, 0, "a", "y"), countRow(3, 2, "a", ""), countRow(7, 1, "", "y"), countRow(1, 3, "", ""),
			},
			rollup.RankQuery{Group: []int{0, 1}},
			"a/x:100[100..104] a/y:50[50..61]",
		},
		"hidden ones of two kinds together": {
			[]rollup.Row{countRow(9, 0, "a", "x"), countRow(5, 2, "b", ""), countRow(5, 1, "", "y")},
			rollup.RankQuery{Group: []int{0, 1}},
			"a/x:9[9..9]?",
		},
		"folded in a dimension that is not grouped": {
			[]rollup.Row{countRow(9, 2, "a", ""), countRow(5, 0, "b", "")},
			rollup.RankQuery{Group: []int{0}},
			"a/:9[9..9] b/:5[5..5]",
		},
		"no such measure": {[]rollup.Row{countRow(9, 0, "a", "")}, rollup.RankQuery{Measure: 1}, ""},
		"no groups":       {[]rollup.Row{countRow(9, 0, "", "")}, rollup.RankQuery{}, "/:9[9..9]"},
	} {
		assert.Equal(t, c.want, told(p.Rank(c.rows, c.query)), name)
	}
}

func TestBoundsOfOtherMeasures(t *testing.T) {
	t.Parallel()
	p := planOf(t, rollup.Budget{}, []string{"attr.x"},
		measure("sum", "duration"), measure("rate", "duration"), measure("min", "duration"), measure("max", "duration"), measure("avg", "duration"),
		measure("p95", "duration"), measure("last", "duration"), rollup.Measure{Name: "events", Func: "rate"}, measure("distinct", "attr.u"))
	inf := math.Inf(1)
	of := func(count uint64, lowest, highest, sum float64) rollup.Row {
		return rollup.Row{Count: 10, Inputs: []rollup.Input{{
			Count: count, Sum: sum * 1e9, Min: lowest * 1e9, Max: highest * 1e9, Last: 7e9, Sketch: []rollup.Bucket{{Index: 0, Count: count}},
		}, {}}}
	}
	visible := of(2, 3, 5, 8)
	for name, c := range map[string]struct {
		other rollup.Row
		want  []rollup.Bounds
	}{
		"not negative": {of(3, 1, 9, 12), []rollup.Bounds{
			{Low: 8, High: 20},
			{Low: 0.8, High: 2},
			{Low: 1, High: 5 - 2},
			{Low: 5, High: 9},
			{Low: -inf, High: inf},
			{Low: -inf, High: inf},
			{Low: -inf, High: inf},
			{Low: 1, High: 2},
			{},
		}},
		"negative": {of(3, -1, 4, 2), []rollup.Bounds{
			{Low: -inf, High: inf},
			{Low: -inf, High: inf},
			{Low: -1, High: 3},
			{Low: 5, High: 5},
			{Low: -inf, High: inf},
			{Low: -inf, High: inf},
			{Low: -inf, High: inf},
			{Low: 1, High: 2},
			{},
		}},
		"no numbers": {of(0, 0, 0, 0), []rollup.Bounds{
			{Low: 8, High: 8}, {Low: 0.8, High: 0.8}, {Low: 3, High: 3}, {Low: 5, High: 5}, {Low: 4, High: 4}, {}, {Low: 7, High: 7}, {Low: 1, High: 2}, {},
		}},
	} {
		for i, want := range c.want {
			got := p.Bounds(visible, []rollup.Row{c.other}, i, 10*time.Second)
			assert.Equal(t, want, got, "%s: %s", name, p.Definition.Measures[i].Func)
			assert.Equal(t, want.Low == want.High, got.Exact())
		}
	}
	users := rollup.Row{Inputs: []rollup.Input{{}, {Count: 1, Registers: []rollup.Register{{Index: 1, Rank: 1}}}}}
	b := p.Bounds(users, []rollup.Row{users}, 8, time.Second)
	assert.InDelta(t, 1, b.Low, 0.01)
	assert.InDelta(t, 2, b.High, 0.01)
	assert.Nil(t, p.Rank([]rollup.Row{visible}, rollup.RankQuery{Measure: 9}))
}

// TestCertainRanksAreRight: for streams that are folded by small budgets, bounds contain the raw value, and a rank that is called certain is that of the raw
// values.
func TestCertainRanksAreRight(t *testing.T) {
	t.Parallel()
	certain, uncertain := 0, 0
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 21))
		p := planOf(t, rollup.Budget{Values: 2 + random.IntN(30), Combinations: 5 + random.IntN(200)}, []string{"attr.a", "attr.b"},
			measure("count", ""), measure("sum", "attr.n"), measure("max", "attr.n"), measure("min", "attr.n"), measure("avg", "attr.n"))
		g, err := rollup.NewAggregator(p, rollup.NewAdmission(p))
		require.NoError(t, err)
		group := [][]int{{0}, {1}, {0, 1}}[seed%3]
		truth := map[string]*rollup.Row{}
		zipf := rand.NewZipf(random, 1.1+2*random.Float64(), 1, uint64(5+random.IntN(100)))
		e := p.NewEvent()
		for range 3000 {
			e.Time = midday + random.Int64N(600*second)
			e.Values[0], e.Values[1] = strconv.FormatUint(zipf.Uint64(), 10), strconv.FormatUint(zipf.Uint64()/3, 10)
			n := float64(random.IntN(1000))
			e.Observations[0] = rollup.Observation{HasNumber: true, Number: n}
			g.Add(e)
			values := make([]string, 2)
			for _, d := range group {
				values[d] = e.Values[d]
			}
			key := strings.Join(values, "/")
			if truth[key] == nil {
				truth[key] = &rollup.Row{Values: values}
			}
			truth[key].Add(rollup.Row{Count: 1, Inputs: []rollup.Input{{Count: 1, Sum: n, Min: n, Max: n}}})
		}
		for m := range p.Definition.Measures {
			for _, bottom := range []bool{false, true} {
				q := rollup.RankQuery{Group: group, Measure: m, Width: time.Hour, Bottom: bottom}
				for place, r := range p.Rank(grouped(g.Rows(), group), q) {
					want, ok := p.Value(*truth[strings.Join(r.Row.Values, "/")], m, time.Hour)
					require.True(t, ok)
					require.LessOrEqual(t, r.Bounds.Low, want)
					require.GreaterOrEqual(t, r.Bounds.High, want)
					if !r.Certain {
						uncertain++
						continue
					}
					certain++
					before, ties := 0, 0
					for _, other := range truth {
						v, _ := p.Value(*other, m, time.Hour)
						switch {
						case v == want:
							ties++
						case v > want != bottom:
							before++
						}
					}
					require.GreaterOrEqual(t, place, before, "seed %d, measure %d, bottom %v: %s", seed, m, bottom, r.Row.Values)
					require.Less(t, place, before+ties, "seed %d, measure %d, bottom %v: %s", seed, m, bottom, r.Row.Values)
				}
			}
		}
	}
	assert.Greater(t, certain, 500)
	assert.Greater(t, uncertain, 500)
}

// grouped adds the rows of an hour up as a store does for a query.
func grouped(rows []rollup.Row, group []int) []rollup.Row {
	mask := uint8(0)
	for _, d := range group {
		mask |= 1 << d
	}
	sums := map[string]*rollup.Row{}
	var out []*rollup.Row
	for _, r := range rows {
		if r.Step != time.Hour {
			continue
		}
		values := make([]string, len(r.Values))
		for _, d := range group {
			values[d] = r.Values[d]
		}
		key := fmt.Sprintf("%q %d", values, r.Folded&mask)
		if sums[key] == nil {
			sums[key] = &rollup.Row{Values: values, Folded: r.Folded & mask}
			out = append(out, sums[key])
		}
		sums[key].Add(r)
	}
	var flat []rollup.Row
	for _, r := range out {
		flat = append(flat, *r)
	}
	return flat
}
