// SPDX-License-Identifier: Apache-2.0

package rollups

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/strata-apm/strata/rollup"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

// Query asks a rollup.
type Query struct {
	Tenant tenant.ID
	Rollup Rollup
	Range  storage.TimeRange
	// Group are the dimensions by which the answer is broken down, by index and rising; none is one group.
	Group []int
	// Where are the conditions on dimensions; all have to hold.
	Where []storage.RollupCondition
	// Measure is the index of the measure that ranks, Ascending ranks the smallest first, and Limit is how many groups are answered.
	Measure   int
	Ascending bool
	Limit     int
	// Every asks for points of the groups that are answered, one for each bucket of that width; 0 for none.
	Every time.Duration
	// Compare asks for the values as long before; 0 for none.
	Compare time.Duration
}

// Group is the values of one combination over the range.
type Group struct {
	// Values are those of Query.Group, Folded has the bit of each that is other, in the order of Query.Group.
	Values []string
	Folded []bool
	// Measures are the values of the definition's measures; NaN where there is none.
	Measures []float64
	// Bounds include the true values: of the measures, if any of the folded events that may be the group's were. Infinite where nothing is known.
	Bounds []rollup.Bounds
	// Certain says that no event among the folded could change the group's rank; of the total, that it has none.
	Certain bool
	// Previous are the measures as long before as Query.Compare says; nil where it does not ask.
	Previous []float64
	// Points are by time.
	Points []Point
}

// Point is the values of the measures in one bucket.
type Point struct {
	Time     time.Time
	Measures []float64
}

// Answer is the answer to a query.
type Answer struct {
	// Range is what was counted: the whole buckets that the asked range touches.
	Range storage.TimeRange
	// Step is the width of the buckets that were read, Every that of the points.
	Step, Every time.Duration
	// Groups are ranked. Others are those whose grouped dimensions are folded: they have no rank.
	Groups, Others []Group
	// Total is of everything that fulfils the conditions, exact unless a condition asks for values of a dimension that is capped: Total.Bounds then tell.
	Total Group
	// More is how many groups there are beyond Limit.
	More int
	// Hidden is about how many values of each dimension of the rollup are in other; 0 where none is.
	Hidden []uint64
	// Warnings say what the answer lacks.
	Warnings []string
}

// maxPoints is how many points a group has at most.
const maxPoints = 11_000

// Query answers from states. The error wraps storage.ErrBadQuery, storage.ErrLimit or storage.ErrUnavailable.
func (s *Service) Query(ctx context.Context, q Query) (Answer, error) {
	now := s.opts.Now()
	step := stepFor(q, now)
	if q.Every > 0 {
		q.Every = roundUp(q.Every, step)
		if n := q.Range.End.Sub(q.Range.Start) / q.Every; n > maxPoints {
			return Answer{}, fmt.Errorf("%w: %d points are more than %d; ask for wider buckets than %s", storage.ErrBadQuery, n, maxPoints, q.Every)
		}
	}
	rng := whole(q.Range, max(step, q.Every))
	a := Answer{Range: rng, Step: step, Every: q.Every}
	all := make([]int, len(q.Rollup.Plan.Definition.Measures))
	for i := range all {
		all[i] = i
	}
	inputs, noSketches, noRegisters := needed(q.Rollup.Plan, all)
	read := func(r storage.TimeRange, every time.Duration, group []int, where []storage.RollupCondition) ([]rollup.Row, error) {
		rows, err := s.opts.States.RollupRows(ctx, q.Tenant, storage.RollupQuery{
			State: rollup.StateOf(q.Rollup.ID, q.Rollup.Version), Range: r, Step: step, Every: every, Group: group, Where: where,
			Inputs: inputs, NoSketches: noSketches, NoRegisters: noRegisters,
		})
		if err != nil {
			return nil, fmt.Errorf("query rollup %s: %w", q.Rollup.Name, err)
		}
		return rows, nil
	}
	rows, err := read(rng, 0, q.Group, q.Where)
	if err != nil {
		return Answer{}, err
	}
	unsure, err := perhaps(rng, q, read)
	if err != nil {
		return Answer{}, err
	}
	e := evaluation{plan: q.Rollup.Plan, query: q, width: rng.End.Sub(rng.Start)}
	e.rank(&a, rows, unsure)
	if q.Compare > 0 {
		before, err := read(storage.TimeRange{Start: rng.Start.Add(-q.Compare), End: rng.End.Add(-q.Compare)}, 0, q.Group, q.Where)
		if err != nil {
			return Answer{}, err
		}
		e.compare(&a, before)
	}
	if q.Every > 0 && len(rows) > 0 {
		points, err := read(rng, q.Every, q.Group, narrowed(q, &a))
		if err != nil {
			return Answer{}, err
		}
		e.points(&a, points)
	}
	return a, s.tell(ctx, q, &a)
}

// reader reads the rows of a query's rollup.
type reader func(r storage.TimeRange, every time.Duration, group []int, where []storage.RollupCondition) ([]rollup.Row, error)

// fewest is how many buckets a range is made of at least, where narrower ones are kept: rounding it to whole buckets then changes it by little.
const fewest = 60

// stepFor is no wider than the points that are asked for and a small part of the range.
func stepFor(q Query, now time.Time) time.Duration {
	most := q.Range.End.Sub(q.Range.Start) / fewest
	if q.Every > 0 {
		most = min(most, q.Every)
	}
	return q.Rollup.Plan.StepFor(now.Sub(q.Range.Start), most)
}

// needed says what has to be read for measures: the inputs, and whether none of them needs sketches or registers, which cost most.
func needed(p *rollup.Plan, measures []int) (inputs []int, noSketches, noRegisters bool) {
	noSketches, noRegisters = true, true
	for _, m := range measures {
		in := p.InputOf(m)
		if in < 0 {
			continue
		}
		if !slices.Contains(inputs, in) {
			inputs = append(inputs, in)
		}
		switch p.Definition.Measures[m].Func {
		case rollup.FuncDistinct:
			noRegisters = false
		case rollup.FuncP50, rollup.FuncP90, rollup.FuncP95, rollup.FuncP99:
			noSketches = false
		default:
		}
	}
	slices.Sort(inputs)
	return inputs, noSketches, noRegisters
}

// whole widens a range to whole buckets.
func whole(r storage.TimeRange, step time.Duration) storage.TimeRange {
	start := r.Start.Truncate(step)
	end := r.End.Truncate(step)
	if end.Before(r.End) || !end.After(start) {
		end = end.Add(step)
	}
	return storage.TimeRange{Start: start.UTC(), End: end.UTC()}
}

func roundUp(d, step time.Duration) time.Duration { return (d + step - 1) / step * step }

// narrowed adds to the conditions that only the answered groups are wanted, as far as one condition for each dimension can say it.
func narrowed(q Query, a *Answer) []storage.RollupCondition {
	out := slices.Clone(q.Where)
	for i, d := range q.Group {
		c := storage.RollupCondition{Dimension: d, Folded: true}
		for _, g := range a.Groups {
			if !g.Folded[i] && !slices.Contains(c.Values, g.Values[i]) {
				c.Values = append(c.Values, g.Values[i])
			}
		}
		out = append(out, c)
	}
	return out
}

// perhaps returns the rows of events of which it is not known whether the conditions hold: those whose value was folded where a value is asked for.
func perhaps(rng storage.TimeRange, q Query, read reader) ([]rollup.Row, error) {
	where, group, asked := slices.Clone(q.Where), slices.Clone(q.Group), uint8(0)
	for i, c := range where {
		if len(c.Values) == 0 || c.Folded {
			continue
		}
		where[i].Folded = true
		asked |= 1 << c.Dimension
		if !slices.Contains(group, c.Dimension) {
			group = append(group, c.Dimension)
		}
	}
	if asked == 0 {
		return nil, nil
	}
	slices.Sort(group)
	rows, err := read(rng, 0, group, where)
	if err != nil {
		return nil, err
	}
	out := rows[:0]
	for _, r := range rows {
		if r.Folded&asked == 0 {
			continue
		}
		for _, d := range group {
			if !slices.Contains(q.Group, d) {
				r.Folded &^= 1 << d
				r.Values[d] = ""
			}
		}
		out = append(out, r)
	}
	return out, nil
}

// hidden estimates how many values of each dimension were folded in the hours that a range touches.
func (s *Service) hidden(ctx context.Context, owner tenant.ID, o Rollup, r storage.TimeRange) ([]uint64, error) {
	hours, err := s.opts.States.RollupHidden(ctx, owner, rollup.StateOf(o.ID, o.Version), whole(r, time.Hour))
	if err != nil {
		return nil, fmt.Errorf("read what rollup %s folded: %w", o.Name, err)
	}
	var all rollup.Hidden
	for _, h := range hours {
		all = all.Add(h)
	}
	out := make([]uint64, len(o.Plan.Dimensions))
	for i := range out {
		if i < len(all.Dimensions) {
			out[i] = uint64(math.Round(rollup.Distinct(all.Dimensions[i])))
		}
	}
	return out, nil
}

// tell adds how many values are hidden, and the warnings.
func (s *Service) tell(ctx context.Context, q Query, a *Answer) error {
	var err error
	if a.Hidden, err = s.hidden(ctx, q.Tenant, q.Rollup, a.Range); err != nil {
		return err
	}
	for i, n := range a.Hidden {
		if n > 0 {
			a.Warnings = append(a.Warnings, fmt.Sprintf("%s is capped: about %d of its values are in other", q.Rollup.Plan.Definition.Dimensions[i], n))
		}
	}
	if since := q.Rollup.CreatedAt; a.Range.Start.Before(since) {
		a.Warnings = append(a.Warnings, fmt.Sprintf("version %d of the rollup counts since %s", q.Rollup.Version, since.UTC().Format(time.RFC3339)))
	}
	if q.Rollup.Paused {
		a.Warnings = append(a.Warnings, "the rollup is paused: what happens now is not counted")
	}
	return nil
}
