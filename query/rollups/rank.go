// SPDX-License-Identifier: Apache-2.0

package rollups

import (
	"math"
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

func (e *evaluation) measures(r rollup.Row, width time.Duration) []float64 {
	out := make([]float64, len(e.plan.Definition.Measures))
	for i := range out {
		v, there := e.plan.Value(r, i, width)
		if !there {
			v = math.NaN()
		}
		out[i] = v
	}
	return out
}

func (e *evaluation) bounds(r rollup.Row, others []rollup.Row) []rollup.Bounds {
	out := make([]rollup.Bounds, len(e.plan.Definition.Measures))
	for i := range out {
		out[i] = e.plan.Bounds(r, others, i, e.width)
	}
	return out
}

func (e *evaluation) group(r rollup.Row, others []rollup.Row) Group {
	g := Group{Values: []string{}, Folded: []bool{}, Measures: e.measures(r, e.width), Bounds: e.bounds(r, others)}
	for _, d := range e.query.Group {
		g.Values = append(g.Values, r.Values[d])
		g.Folded = append(g.Folded, r.Folded&(1<<d) != 0)
	}
	return g
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

func (e *evaluation) empty() rollup.Row {
	return rollup.Row{Values: make([]string, len(e.plan.Dimensions)), Inputs: make([]rollup.Input, len(e.plan.Inputs))}
}

// rank fills in groups, others and total. unsure are rows of events of which it is not known whether they count.
func (e *evaluation) rank(a *Answer, rows, unsure []rollup.Row) {
	total, visible := e.empty(), 0
	for i := range rows {
		total.Add(rows[i])
		if e.folded(&rows[i]) {
			a.Others = append(a.Others, e.group(rows[i], nil))
		} else {
			visible++
		}
	}
	a.Total = Group{
		Values: []string{}, Folded: []bool{}, Measures: e.measures(total, e.width), Bounds: e.bounds(total, unsure), Certain: len(unsure) == 0,
	}
	ranked := e.plan.Rank(rows, rollup.RankQuery{
		Group: e.query.Group, Measure: e.query.Measure, Width: e.width, Limit: e.query.Limit, Bottom: e.query.Ascending, Perhaps: unsure,
	})
	for _, r := range ranked {
		g := e.group(r.Row, r.Others)
		g.Certain = r.Certain
		a.Groups = append(a.Groups, g)
	}
	a.More = visible - len(ranked)
}

// key tells the values of a group from others.
func (e *evaluation) key(r *rollup.Row) string {
	g := Group{}
	for _, d := range e.query.Group {
		g.Values = append(g.Values, r.Values[d])
		g.Folded = append(g.Folded, r.Folded&(1<<d) != 0)
	}
	return g.key()
}

func (g *Group) key() string {
	var b strings.Builder
	for i, v := range g.Values {
		if g.Folded[i] {
			b.WriteString("\x01\x00")
			continue
		}
		b.WriteString("\x00" + v + "\x00")
	}
	return b.String()
}

// compare adds the measures as long before.
func (e *evaluation) compare(a *Answer, before []rollup.Row) {
	by := map[string]rollup.Row{}
	total := e.empty()
	for i := range before {
		by[e.key(&before[i])] = before[i]
		total.Add(before[i])
	}
	for _, groups := range [][]Group{a.Groups, a.Others} {
		for i := range groups {
			r, there := by[groups[i].key()]
			if !there {
				r = e.empty()
			}
			groups[i].Previous = e.measures(r, e.width)
		}
	}
	a.Total.Previous = e.measures(total, e.width)
}

// points adds the points of the answered groups, and of what is folded.
func (e *evaluation) points(a *Answer, rows []rollup.Row) {
	by := map[string]*Group{}
	for _, groups := range [][]Group{a.Groups, a.Others} {
		for i := range groups {
			by[groups[i].key()] = &groups[i]
		}
	}
	for i := range rows {
		if g := by[e.key(&rows[i])]; g != nil {
			g.Points = append(g.Points, Point{Time: rows[i].Time, Measures: e.measures(rows[i], e.query.Every)})
		}
	}
}
