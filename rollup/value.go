// SPDX-License-Identifier: Apache-2.0

package rollup

import (
	"math"
	"time"
)

// Value computes a measure, by its index in the definition, of a row that stands for a span of time of the width. It returns false when there is none: no event
// had a number, or the result is no finite number. Measures of the duration of spans are in seconds, though states are in nanoseconds.
func (p *Plan) Value(row Row, measure int, width time.Duration) (float64, bool) {
	if measure < 0 || measure >= len(p.inputs) {
		return 0, false
	}
	m, at := p.Definition.Measures[measure], p.inputs[measure]
	if at < 0 {
		v := float64(row.Count)
		if m.Func == FuncRate {
			v /= width.Seconds()
		}
		return finite(v)
	}
	if at >= len(row.Inputs) {
		return 0, false
	}
	in := row.Inputs[at]
	if m.Func == FuncDistinct {
		return Distinct(in.Registers), true
	}
	v, ok := in.value(m.Func, width)
	if p.Inputs[at].Duration {
		v /= float64(time.Second)
	}
	if !ok {
		return 0, false
	}
	return finite(v)
}

// value computes a function of numbers. Sums of nothing are 0, everything else of nothing is not there.
func (in Input) value(f Func, width time.Duration) (float64, bool) {
	switch some := in.Count > 0; f {
	case FuncSum:
		return in.Sum, true
	case FuncRate:
		return in.Sum / width.Seconds(), true
	case FuncAvg:
		return in.Sum / float64(in.Count), some
	case FuncMin:
		return in.Min, some
	case FuncMax:
		return in.Max, some
	case FuncLast:
		return in.Last, some
	default:
		q := map[Func]float64{FuncP50: 0.5, FuncP90: 0.9, FuncP95: 0.95, FuncP99: 0.99}[f]
		return Quantile(in.Sketch, q)
	}
}

func finite(v float64) (float64, bool) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, false
	}
	return v, true
}
