// SPDX-License-Identifier: Apache-2.0

package rollups

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/strata-apm/strata/rollup"
)

// evaluation makes an answer of rows.
type evaluation struct {
	plan  *rollup.Plan
	query Query
	width time.Duration // of the range
}

// key tells a group of others.
func (e *evaluation) key(r *rollup.Row) string {
	var b strings.Builder
	for _, d := range e.query.Group {
		if r.Folded&(1<<d) != 0 {
			b.WriteByte(1)
		} else {
			b.WriteByte(0)
			b.WriteString(r.Values[d])
		}
		b.WriteByte(0)
	}
	return b.String()
}

// folded says whether a dimension by which the answer is broken down is folded.
func (e *evaluation) folded(r *rollup.Row) bool {
	for _, d := range e.query.Group {
		if r.Folded&(1<<d) != 0 {
			return true
		}
	}
	return false
}

// mayHold says whether a row of events may hold some of a group's: it has the group's values but for those that are folded.
func (e *evaluation) mayHold(r, group *rollup.Row) bool {
	for _, d := range e.query.Group {
		if r.Folded&(1<<d) == 0 && r.Values[d] != group.Values[d] {
			return false
		}
	}
	return true
}

func (e *evaluation) measures(r *rollup.Row, width time.Duration) []float64 {
	out := make([]float64, len(e.plan.Definition.Measures))
	for i := range out {
		v, there := e.plan.Value(*r, i, width)
		if !there {
			v = math.NaN()
		}
		out[i] = v
	}
	return out
}

func (e *evaluation) group(r *rollup.Row) Group {
	g := Group{Values: []string{}, Folded: []bool{}, Measures: e.measures(r, e.width)}
	for _, d := range e.query.Group {
		g.Values = append(g.Values, r.Values[d])
		g.Folded = append(g.Folded, r.Folded&(1<<d) != 0)
	}
	return g
}

// ranked is a row with its place.
type ranked struct {
	row   *rollup.Row
	value float64 // by which it is ranked; NaN where it has none
}

// compare orders by the measure, what has none last, and equal ones by their values, so that an order is the same each time.
func (e *evaluation) order(a, b ranked) int {
	an, bn := math.IsNaN(a.value), math.IsNaN(b.value)
	switch {
	case an != bn && an:
		return 1
	case an != bn:
		return -1
	}
	by := cmp.Compare(b.value, a.value)
	if e.query.Ascending {
		by = -by
	}
	return cmp.Or(by, slices.Compare(a.row.Values, b.row.Values))
}

// rank fills in groups, others and total. perhaps are the rows that may hold events of the groups beside rows; nil where rows are all that there are.
func (e *evaluation) rank(a *Answer, rows, perhaps []rollup.Row) {
	if perhaps == nil {
		perhaps = rows
	}
	var all []ranked
	total, most := e.empty(), e.empty()
	for i := range rows {
		r := &rows[i]
		total.Add(*r)
		if e.folded(r) {
			a.Others = append(a.Others, e.group(r))
			continue
		}
		v, there := e.plan.Value(*r, e.query.Measure, e.width)
		if !there {
			v = math.NaN()
		}
		all = append(all, ranked{row: r, value: v})
	}
	for i := range perhaps {
		most.Add(perhaps[i])
	}
	slices.SortFunc(all, e.order)
	shown := all[:min(len(all), e.query.Limit)]
	a.More = len(all) - len(shown)
	a.Total = Group{Values: []string{}, Folded: []bool{}, Measures: e.measures(&total, e.width), Certain: most.Count == total.Count}
	a.Total.Most = e.bounds(&total, &most)
	for _, r := range shown {
		g := e.group(r.row)
		g.Most = e.bounds(r.row, e.most(r.row, perhaps))
		a.Groups = append(a.Groups, g)
	}
	e.certain(a, all, perhaps)
}

func (e *evaluation) empty() rollup.Row {
	return rollup.Row{Values: make([]string, len(e.plan.Dimensions)), Inputs: make([]rollup.Input, len(e.plan.Inputs))}
}

// most adds up what may be a group's.
func (e *evaluation) most(group *rollup.Row, perhaps []rollup.Row) *rollup.Row {
	out := e.empty()
	for i := range perhaps {
		if e.mayHold(&perhaps[i], group) {
			out.Add(perhaps[i])
		}
	}
	return &out
}

// bounds are the upper bounds of measures that add up, where there is more than what is the group's for sure.
func (e *evaluation) bounds(sure, most *rollup.Row) []float64 {
	out := make([]float64, len(e.plan.Definition.Measures))
	for i := range out {
		out[i] = math.NaN()
		if most.Count == sure.Count || !e.additive(most, i) {
			continue
		}
		if v, there := e.plan.Value(*most, i, e.width); there {
			out[i] = v
		}
	}
	return out
}

// additive says whether a measure of a row can only grow with more events: counts, and sums of what is never below 0.
func (e *evaluation) additive(r *rollup.Row, measure int) bool {
	in := e.plan.InputOf(measure)
	switch e.plan.Definition.Measures[measure].Func {
	case rollup.FuncCount, rollup.FuncSum, rollup.FuncRate:
		return in < 0 || r.Inputs[in].Count == 0 || r.Inputs[in].Min >= 0
	default:
		return false
	}
}

// certain says of each answered group whether its rank is certain: nothing below it, shown or not or hidden, can be more than it is, nor can it be more than what
// is above it.
func (e *evaluation) certain(a *Answer, all []ranked, perhaps []rollup.Row) {
	hidden, capped := e.empty(), false
	for i := range perhaps {
		if e.folded(&perhaps[i]) {
			hidden.Add(perhaps[i])
			capped = true
		}
	}
	if !capped && a.Total.Certain {
		for i := range a.Groups {
			a.Groups[i].Certain = true
		}
		return
	}
	m := e.query.Measure
	if e.query.Ascending || !e.additive(&hidden, m) {
		return // A hidden value may be as small as one event, and what it does to what does not add up cannot be told.
	}
	unseen, _ := e.plan.Value(hidden, m, e.width) // The most that one hidden value can have, and that any group can gain.
	ceiling := func(g Group) float64 {
		if math.IsNaN(g.Most[m]) {
			return g.Measures[m]
		}
		return g.Most[m]
	}
	below := unseen
	if len(all) > len(a.Groups) {
		below = max(below, all[len(a.Groups)].value+unseen)
	}
	for i := len(a.Groups) - 1; i >= 0; i-- {
		g := &a.Groups[i]
		g.Certain = g.Measures[m] > below && (i == 0 || ceiling(*g) < a.Groups[i-1].Measures[m])
		below = max(below, ceiling(*g))
	}
}

// compare adds the measures as long before.
func (e *evaluation) compare(a *Answer, before []rollup.Row) {
	by := map[string]*rollup.Row{}
	total := e.empty()
	for i := range before {
		by[e.key(&before[i])] = &before[i]
		total.Add(before[i])
	}
	none := e.empty()
	add := func(groups []Group) {
		for i := range groups {
			r := by[groupKey(groups[i])]
			if r == nil {
				r = &none
			}
			groups[i].Previous = e.measures(r, e.width)
		}
	}
	add(a.Groups)
	add(a.Others)
	a.Total.Previous = e.measures(&total, e.width)
}

// groupKey is evaluation.key of a group.
func groupKey(g Group) string {
	var b strings.Builder
	for i, v := range g.Values {
		if g.Folded[i] {
			b.WriteByte(1)
		} else {
			b.WriteByte(0)
			b.WriteString(v)
		}
		b.WriteByte(0)
	}
	return b.String()
}

// points adds the points of the answered groups, and of what is folded.
func (e *evaluation) points(a *Answer, rows []rollup.Row) {
	by := map[string]*Group{}
	for i := range a.Groups {
		by[groupKey(a.Groups[i])] = &a.Groups[i]
	}
	for i := range a.Others {
		by[groupKey(a.Others[i])] = &a.Others[i]
	}
	for i := range rows {
		if g := by[e.key(&rows[i])]; g != nil {
			g.Points = append(g.Points, Point{Time: rows[i].Time, Measures: e.measures(&rows[i], e.query.Every)})
		}
	}
}
