// SPDX-License-Identifier: Apache-2.0

package rollup

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"
)

// Bounds say between which values the true value of a measure lies that could be computed of a part of the events only. They are about folding alone:
// estimates (quantiles, distinct counts) have their own error beside.
type Bounds struct {
	// Low and High include the true value. They are infinite where nothing is known.
	Low, High float64
}

// Exact says that nothing is missing.
func (b Bounds) Exact() bool { return b.Low == b.High }

// Bounds returns between which values a measure of a row lies when any of the events of other rows may belong to it too. Value returned a value for the row;
// width is as there.
//
// Counts, rates and sums of numbers that are not negative are from the visible value to that and all of other; distinct counts likewise; a minimum or maximum
// lies between the visible one and the extreme of all. Nothing is known of averages, quantiles, newest values and sums with negative numbers, unless other has
// no number at all.
func (p *Plan) Bounds(visible Row, others []Row, measure int, width time.Duration) Bounds {
	v, _ := p.Value(visible, measure, width)
	b := Bounds{Low: v, High: v}
	for _, o := range others {
		b = p.widen(b, o, measure, width)
	}
	return b
}

// widen returns the bounds when any of the events of a row may belong to the value too.
func (p *Plan) widen(b Bounds, other Row, measure int, width time.Duration) Bounds {
	at := p.inputs[measure]
	if !matters(other, at) {
		return b
	}
	notNegative := at < 0 || other.Inputs[at].Min >= 0
	v, ok := p.Value(other, measure, width)
	switch f := p.Definition.Measures[measure].Func; {
	case f == FuncMin && ok:
		b.Low = min(b.Low, v)
	case f == FuncMax && ok:
		b.High = max(b.High, v)
	case f == FuncDistinct, (f == FuncCount || f == FuncSum || f == FuncRate) && notNegative && ok:
		b.High += v
	default:
		b = Bounds{Low: math.Inf(-1), High: math.Inf(1)}
	}
	return b
}

// RankQuery says what to rank.
type RankQuery struct {
	// Group are the dimensions that the rows keep apart.
	Group []int
	// Measure is the index of a measure in the definition.
	Measure int
	// Width is the range of time of which the rows are.
	Width time.Duration
	// Limit is how many ranks are wanted, 0 for all. Bottom wants those with the least values.
	Limit  int
	Bottom bool
	// Perhaps are rows, kept apart by the same dimensions, of events of which it is not known whether they count: those of folded values where a value was asked
	// for.
	Perhaps []Row
}

// Ranked is one rank.
type Ranked struct {
	Row   Row
	Value float64
	// Bounds include the true value.
	Bounds Bounds
	// Others are the rows of which any event may be the group's too.
	Others []Row
	// Certain says that the group has this rank whatever was folded.
	Certain bool
}

// Rank orders groups by a measure, the greatest first or with Bottom the least, equal ones by their values. It takes one row for each group over the whole
// range of time; rows in which a grouped dimension is folded are not ranked, and neither are those for which the measure has no value.
//
// What was folded may belong to any group that agrees with the row in the grouped dimensions that are not folded, and to groups of which nothing is visible. A
// rank is certain when every group before it has its value before, and every group behind it and every one of which nothing is visible behind, wherever the
// true values lie within their bounds. Ties are in order either way.
func (p *Plan) Rank(rows []Row, q RankQuery) []Ranked {
	if q.Measure < 0 || q.Measure >= len(p.inputs) {
		return nil
	}
	grouped := uint8(0)
	for _, d := range q.Group {
		grouped |= 1 << d
	}
	var out []Ranked
	others := folded{}
	for _, r := range rows {
		if r.Folded&grouped != 0 {
			others.add(r, grouped)
		} else if v, ok := p.Value(r, q.Measure, q.Width); ok {
			out = append(out, Ranked{Row: r, Value: v})
		}
	}
	for _, r := range q.Perhaps {
		others.add(r, grouped)
	}
	sign := 1.0
	if q.Bottom {
		sign = -1
	}
	slices.SortFunc(out, func(a, b Ranked) int {
		return cmp.Or(cmp.Compare(sign*b.Value, sign*a.Value), a.Row.compare(&b.Row))
	})
	for i := range out {
		out[i].Others = others.of(out[i].Row, grouped)
		out[i].Bounds = p.Bounds(out[i].Row, out[i].Others, q.Measure, q.Width)
	}
	markCertain(out, p.hidden(others, q), sign)
	if q.Limit > 0 && len(out) > q.Limit {
		out = out[:q.Limit]
	}
	return out
}

// markCertain finds the ranks that no value within its bounds could change. Sign is -1 when the least are first.
func markCertain(out []Ranked, hidden Bounds, sign float64) {
	// best and worst are the ends of bounds that are nearest to the first and the last rank.
	best := func(b Bounds) float64 { return max(sign*b.Low, sign*b.High) }
	worst := func(b Bounds) float64 { return min(sign*b.Low, sign*b.High) }
	behind := make([]float64, len(out)) // the best that anything behind could be
	most := math.Inf(-1)
	if hidden.Low <= hidden.High {
		most = best(hidden)
	}
	for i := len(out) - 1; i >= 0; i-- {
		behind[i] = most
		most = max(most, best(out[i].Bounds))
	}
	least := math.Inf(1) // the worst that anything before could be
	for i := range out {
		b := out[i].Bounds
		out[i].Certain = best(b) <= least && worst(b) >= behind[i]
		least = min(least, worst(b))
	}
}

// folded are rows in which grouped dimensions are folded, by which of them are and by the values of the others: of each kind at most one agrees with a group.
type folded map[uint8]map[string]*Row

func (f folded) add(r Row, grouped uint8) {
	mask := r.Folded & grouped
	if f[mask] == nil {
		f[mask] = make(map[string]*Row)
	}
	key := keyOf(r, grouped&^mask)
	sum := f[mask][key]
	if sum == nil {
		sum = &Row{}
		f[mask][key] = sum
	}
	sum.Add(r)
}

// of returns the rows that agree with the one of a group.
func (f folded) of(r Row, grouped uint8) []Row {
	var out []Row
	for mask := range uint8(1 << MaxDimensions) { // in order, so that sums of floats are the same each time
		if other, ok := f[mask][keyOf(r, grouped&^mask)]; ok {
			out = append(out, *other)
		}
	}
	return out
}

// keyOf is a text of the values of some dimensions that is another one for other values.
func keyOf(r Row, of uint8) string {
	var b strings.Builder
	for i, v := range r.Values {
		if of&(1<<i) != 0 {
			b.WriteString(strings.ReplaceAll(v, "\x00", "\x00\x01"))
			b.WriteString("\x00\x02")
		}
	}
	return b.String()
}

// hidden returns bounds of the measure of any group of which nothing is visible; Low is above High when there is none. Such a group has events in at most one
// row of each kind, so that a count of it is at most the sum of the greatest ones.
func (p *Plan) hidden(others folded, q RankQuery) Bounds {
	f, at := p.Definition.Measures[q.Measure].Func, p.inputs[q.Measure]
	out := Bounds{Low: math.Inf(1), High: math.Inf(-1)}
	sum := 0.0
	for mask := range uint8(1 << MaxDimensions) {
		greatest := 0.0
		for _, o := range others[mask] {
			if !matters(*o, at) {
				continue
			}
			one := p.widen(Bounds{}, *o, q.Measure, q.Width)
			if f == FuncMin || f == FuncMax {
				one = p.extremes(o.Inputs[at], at)
			}
			out.Low, out.High = min(out.Low, one.Low), max(out.High, one.High)
			greatest = max(greatest, one.High)
		}
		sum += greatest
	}
	if f == FuncMin || f == FuncMax || out.Low > out.High {
		return out
	}
	return Bounds{Low: out.Low, High: sum}
}

// matters says whether events of the row have something for an input; -1 stands for the events themselves.
func matters(r Row, input int) bool {
	if input < 0 {
		return r.Count > 0
	}
	return input < len(r.Inputs) && (r.Inputs[input].Count > 0 || len(r.Inputs[input].Registers) > 0)
}

// extremes are the least and the greatest number of a state, in the unit of measures.
func (p *Plan) extremes(in Input, input int) Bounds {
	b := Bounds{Low: in.Min, High: in.Max}
	if p.Inputs[input].Duration {
		b.Low, b.High = b.Low/float64(time.Second), b.High/float64(time.Second)
	}
	return b
}
