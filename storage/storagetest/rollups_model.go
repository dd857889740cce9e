// SPDX-License-Identifier: Apache-2.0

package storagetest

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/strata-apm/strata/rollup"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

// rollupModel is what a store of rollups does, in the plainest way.
type rollupModel struct{ batches []storage.RollupRows }

// ask is RollupRows without a limit. The memory of its answer is its own.
func (m *rollupModel) ask(owner tenant.ID, q storage.RollupQuery) []rollup.Row {
	found := map[string]*rollup.Row{}
	for _, b := range m.batches {
		if b.Tenant != owner || b.State != q.State {
			continue
		}
		for _, r := range b.Rows {
			if r.Step != q.Step || r.Time.Before(q.Range.Start) || !r.Time.Before(q.Range.End) || !holds(r.Row, q.Where) {
				continue
			}
			into := answerKey(r.Row, q)
			key := fmt.Sprint(into.Time.Unix(), into.Folded, fmt.Sprintf("%q", into.Values))
			if found[key] == nil {
				found[key] = &into
			}
			addRow(found[key], r.Row, q)
		}
	}
	out := make([]rollup.Row, 0, len(found))
	for _, r := range found {
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b rollup.Row) int {
		return cmp.Or(a.Time.Compare(b.Time), slices.Compare(a.Values, b.Values), cmp.Compare(a.Folded, b.Folded))
	})
	return out
}

// holds says whether a row fulfils all conditions.
func holds(r rollup.Row, where []storage.RollupCondition) bool {
	for _, c := range where {
		var ok bool
		if r.Folded&(1<<c.Dimension) != 0 {
			ok = c.Folded
		} else {
			ok = slices.Contains(c.Values, valueOf(r, c.Dimension)) != c.Not
		}
		if !ok {
			return false
		}
	}
	return true
}

func valueOf(r rollup.Row, dimension int) string {
	if dimension >= len(r.Values) {
		return ""
	}
	return r.Values[dimension]
}

// answerKey is the row of the answer to which r adds, still empty.
func answerKey(r rollup.Row, q storage.RollupQuery) rollup.Row {
	out := rollup.Row{Step: q.Range.End.Sub(q.Range.Start), Time: q.Range.Start, Values: make([]string, rollup.MaxDimensions)}
	if q.Every > 0 {
		out.Step, out.Time = q.Every, time.Unix(r.Time.Unix()-r.Time.Unix()%int64(q.Every/time.Second), 0).UTC()
	}
	for _, d := range q.Group {
		out.Values[d] = valueOf(r, d)
		out.Folded |= r.Folded & (1 << d)
	}
	if len(q.Inputs) > 0 {
		out.Inputs = make([]rollup.Input, slices.Max(q.Inputs)+1)
	}
	return out
}

// addRow adds the parts of the inputs that are wanted.
func addRow(to *rollup.Row, r rollup.Row, q storage.RollupQuery) {
	to.Count += r.Count
	for _, i := range q.Inputs {
		if i >= len(r.Inputs) {
			continue
		}
		in := r.Inputs[i]
		if q.NoSketches {
			in.Sketch = nil
		}
		if q.NoRegisters {
			in.Registers = nil
		}
		addInput(&to.Inputs[i], in)
	}
}

func addInput(to *rollup.Input, in rollup.Input) {
	switch {
	case in.Count == 0:
	case to.Count == 0:
		to.Min, to.Max = in.Min, in.Max
	default:
		to.Min, to.Max = min(to.Min, in.Min), max(to.Max, in.Max)
	}
	to.Count += in.Count
	to.Sum += in.Sum
	if in.LastAt > to.LastAt || in.LastAt == to.LastAt && in.Last > to.Last {
		to.LastAt, to.Last = in.LastAt, in.Last
	}
	counts := map[int32]uint64{}
	for _, b := range slices.Concat(to.Sketch, in.Sketch) {
		counts[b.Index] += b.Count
	}
	to.Sketch = nil
	for _, index := range slices.Sorted(maps.Keys(counts)) {
		to.Sketch = append(to.Sketch, rollup.Bucket{Index: index, Count: counts[index]})
	}
	to.Registers = addRegisters(to.Registers, in.Registers)
}

func addRegisters(a, b []rollup.Register) []rollup.Register {
	ranks := map[uint16]uint8{}
	for _, r := range slices.Concat(a, b) {
		ranks[r.Index] = max(ranks[r.Index], r.Rank)
	}
	var out []rollup.Register
	for _, index := range slices.Sorted(maps.Keys(ranks)) {
		out = append(out, rollup.Register{Index: index, Rank: ranks[index]})
	}
	return out
}

// rollupRandom makes rows and queries that meet each other: few values, few buckets.
type rollupRandom struct {
	*rand.Rand
	day, expires time.Time
}

// randomRollups makes the same rows and queries for the same seed.
func randomRollups(seed uint64, day time.Time) rollupRandom {
	return rollupRandom{Rand: rand.New(rand.NewPCG(seed, 0)), day: day, expires: day.AddDate(0, 2, 9)} //nolint:gosec // Nothing is secret here.
}

// rank is that of a register.
func (g rollupRandom) rank() uint8 { return uint8(1 + g.IntN(50)) } //nolint:gosec // At most 50.

// registers are one in oneIn of all.
func (g rollupRandom) registers(oneIn int) []rollup.Register {
	var out []rollup.Register
	for index := range uint16(1 << 14) {
		if g.IntN(oneIn) == 0 {
			out = append(out, rollup.Register{Index: index, Rank: g.rank()})
		}
	}
	return out
}

// values are those of every dimension.
func (g rollupRandom) values() []string { return []string{"", "__other__", "a", "b", "ä%_'"} }

func (g rollupRandom) row() storage.RollupRow {
	steps := []time.Duration{10 * time.Second, time.Minute, time.Hour}
	step := steps[g.IntN(len(steps))]
	r := rollup.Row{
		Step: step, Time: g.day.Add(time.Duration(g.IntN(90)) * time.Minute / 2).Truncate(step), Values: make([]string, 3), Count: g.Uint64N(5),
		Inputs: make([]rollup.Input, g.IntN(4)),
	}
	for i := range r.Values {
		if g.IntN(4) == 0 {
			r.Folded |= 1 << i
		} else {
			r.Values[i] = g.values()[g.IntN(5)]
		}
	}
	for i := range r.Inputs {
		r.Inputs[i] = g.input()
	}
	return storage.RollupRow{Row: r, Expires: g.expires.Add(time.Duration(g.IntN(3)) * 24 * time.Hour)}
}

// input has numbers whose sums are exact in any order.
func (g rollupRandom) input() rollup.Input {
	if g.IntN(4) == 0 {
		return rollup.Input{}
	}
	number := func() float64 { return float64(g.IntN(17)-8) / 4 }
	in := rollup.Input{Count: 1 + g.Uint64N(3), Sum: number(), Min: number(), Last: number(), LastAt: g.day.UnixNano() + int64(g.IntN(4))}
	in.Max = in.Min + float64(g.IntN(3))
	for index := range 7 {
		if g.IntN(3) == 0 {
			in.Sketch = append(in.Sketch, rollup.Bucket{Index: int32(index-3) * 700_000_000, Count: 1 + g.Uint64N(9)})
		}
		if g.IntN(3) == 0 {
			in.Registers = append(in.Registers, rollup.Register{Index: uint16(index * 2730), Rank: g.rank()})
		}
	}
	return in
}

func (g rollupRandom) query(state string) storage.RollupQuery {
	q := storage.RollupQuery{State: state, Step: []time.Duration{10 * time.Second, time.Minute, time.Hour}[g.IntN(3)], Group: g.subset(3), Inputs: g.subset(4)}
	q.NoSketches, q.NoRegisters = g.IntN(3) == 0, g.IntN(3) == 0
	q.Every = q.Step * []time.Duration{0, 1, 1, 3, 7}[g.IntN(5)]
	q.Range.Start = g.day.Add(time.Duration(g.IntN(30)-10) * time.Minute / 3)
	q.Range.End = q.Range.Start.Add(time.Duration(1+g.IntN(90)) * time.Minute)
	for range g.IntN(3) {
		c := storage.RollupCondition{Dimension: g.IntN(4), Not: g.IntN(2) == 0, Folded: g.IntN(2) == 0}
		for _, i := range g.subset(5) {
			c.Values = append(c.Values, g.values()[i])
		}
		q.Where = append(q.Where, c)
	}
	return q
}

// subset are some of the numbers below n, rising.
func (g rollupRandom) subset(n int) []int {
	var out []int
	for i := range n {
		if g.IntN(2) == 0 {
			out = append(out, i)
		}
	}
	return out
}
