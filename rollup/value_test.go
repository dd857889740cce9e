// SPDX-License-Identifier: Apache-2.0

package rollup_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/rollup"
)

func TestValue(t *testing.T) {
	t.Parallel()
	funcs := []rollup.Func{"sum", "avg", "min", "max", "rate", "last", "p50", "p90", "p95", "p99", "distinct"}
	for field, unit := range map[string]float64{"attr.x": 1, "duration": 1e-9} {
		measures := []rollup.Measure{measure("count", ""), {Name: "events", Func: "rate"}}
		for _, f := range funcs {
			measures = append(measures, measure(f, field))
		}
		p := planOf(t, rollup.Budget{}, nil, measures...)
		a, err := rollup.NewAggregator(p, rollup.NewAdmission(p))
		require.NoError(t, err)
		for i := range 100 {
			e := p.NewEvent()
			e.Time = midday + int64(i)%60*second
			e.Observations[0] = rollup.Observation{Number: float64(i+1) * 1e6, HasNumber: true, HasText: true, Hash: rollup.HashText(string(rune('a' + i%4)))}
			a.Add(e)
		}
		rows := a.Rows()
		row := rows[len(rows)-1]
		require.Equal(t, time.Hour, row.Step)
		for i, want := range []float64{
			100, 100. / 3600, // count, events
			5050e6 * unit, 50.5e6 * unit, 1e6 * unit, 100e6 * unit, 5050e6 * unit / 3600, 60e6 * unit, // to last
			50e6 * unit, 90e6 * unit, 95e6 * unit, 99e6 * unit, 4,
		} {
			got, ok := p.Value(row, i, time.Hour)
			require.True(t, ok)
			allowed := 1e-12
			if name := p.Definition.Measures[i].Func; name[0] == 'p' || name == rollup.FuncDistinct {
				allowed = rollup.SketchError + 1e-9
			}
			assert.InEpsilon(t, want, got, allowed, "%s of %s", p.Definition.Measures[i].Func, field)
		}
	}
}

func TestValueOfNothing(t *testing.T) {
	t.Parallel()
	p := everything(t, rollup.Budget{})
	empty := rollup.Row{Inputs: make([]rollup.Input, 2)}
	for i, want := range []bool{true, true, false, false, false, false, true} { // count, sum, min, max, p95, last, distinct
		v, ok := p.Value(empty, i, time.Hour)
		assert.Equal(t, want, ok, "%s", p.Definition.Measures[i].Func)
		assert.Zero(t, v)
	}
	for _, i := range []int{-1, len(p.Definition.Measures)} {
		_, ok := p.Value(empty, i, time.Hour)
		assert.False(t, ok)
	}
	_, ok := p.Value(rollup.Row{Count: 1}, 1, time.Hour)
	assert.False(t, ok, "a row without states of inputs")
	rate := planOf(t, rollup.Budget{}, nil, measure("rate", ""), measure("rate", "attr.x"))
	_, ok = rate.Value(rollup.Row{Count: 1}, 0, 0)
	assert.False(t, ok, "no width, no rate")
	_, ok = rate.Value(rollup.Row{Inputs: []rollup.Input{{Count: 1, Sum: math.Inf(1)}}}, 1, time.Hour)
	assert.False(t, ok, "a sum that ran over")
}

// TestInputsAddUp: parts are added up one by one; states without numbers change no number.
func TestInputsAddUp(t *testing.T) {
	t.Parallel()
	none := rollup.Input{Registers: []rollup.Register{{Index: 1, Rank: 2}}} // a text that is no number
	some := rollup.Input{Count: 1, Sum: -5, Min: -5, Max: -5, Last: -5, LastAt: -7, Sketch: []rollup.Bucket{{Index: -9, Count: 1}}}
	same := rollup.Input{Count: 2, Sum: 7, Min: 3, Max: 4, Last: 4, LastAt: -7, Sketch: []rollup.Bucket{{Index: -9, Count: 1}, {Index: 8, Count: 1}}}
	want := rollup.Input{
		Count: 3, Sum: 2, Min: -5, Max: 4, Last: 4, LastAt: -7, Sketch: []rollup.Bucket{{Index: -9, Count: 2}, {Index: 8, Count: 1}},
		Registers: []rollup.Register{{Index: 1, Rank: 2}},
	}
	inputs := []rollup.Input{none, some, same}
	for _, order := range [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		var sum rollup.Input
		for _, i := range order {
			sum.Add(inputs[i])
		}
		assert.Equal(t, want, sum, "%v", order)
	}
	some.Sketch[0].Count = 99
	assert.EqualValues(t, 2, want.Sketch[0].Count)
}
