// SPDX-License-Identifier: Apache-2.0

package rollup

import (
	"math"
	"slices"
	"time"

	"github.com/DataDog/sketches-go/ddsketch/mapping"
)

// Event is one record as a rollup sees it. A caller uses the same one again and again: see Plan.NewEvent.
type Event struct {
	// Time is that of the record, in nanoseconds since 1970.
	Time int64
	// Values has one text for each of Plan.Dimensions, empty where the record has none. They are copied where they are kept.
	Values []string
	// Observations has one for each of Plan.Inputs.
	Observations []Observation
}

// Observation is what a record has for an input.
type Observation struct {
	// Number is the value as a number, in nanoseconds for durations; HasNumber says that there is one. Infinities and NaN are none.
	Number    float64
	HasNumber bool
	// HasText says that there is a value, and Hash is HashText of its text, which only inputs with NeedRegisters need.
	HasText bool
	Hash    uint64
}

// NewEvent returns an empty event for the plan.
func (p *Plan) NewEvent() *Event {
	return &Event{Values: make([]string, len(p.Dimensions)), Observations: make([]Observation, len(p.Inputs))}
}

// Clear empties the event.
func (e *Event) Clear() {
	e.Time = 0
	clear(e.Values)
	clear(e.Observations)
}

// Aggregator collects the events of a batch into rows. It is not safe for concurrent use; several may share an Admission.
type Aggregator struct {
	plan      *Plan
	admission *Admission
	mapping   *mapping.LogarithmicMapping
	step      int64
	now       int64
	index     map[cell]int32
	groups    []group
	inputs    []inputState // len(plan.Inputs) for each group
	hidden    map[int64][]registerSet
	decision  decision // here so that it is not allocated
}

// cell is a combination in a bucket.
type cell struct {
	time int64
	key  combination
}

type group struct {
	time   int64
	values [MaxDimensions]string
	folded uint8
	count  uint64
}

type inputState struct {
	state     Input // without Registers
	registers registerSet
}

// NewAggregator returns an empty one.
func NewAggregator(p *Plan, a *Admission) (*Aggregator, error) {
	m, err := newMapping()
	if err != nil {
		return nil, err
	}
	g := &Aggregator{plan: p, admission: a, mapping: m, step: int64(time.Duration(p.Definition.Step)), index: make(map[cell]int32)}
	g.Reset(time.Unix(0, 0))
	return g, nil
}

// Reset forgets the batch and starts one that arrives now.
func (g *Aggregator) Reset(now time.Time) {
	g.now = now.UnixNano()
	clear(g.index)
	clear(g.groups)
	clear(g.inputs)
	g.groups, g.inputs, g.hidden = g.groups[:0], g.inputs[:0], nil
}

// Len is how many rows of the definition's step there are.
func (g *Aggregator) Len() int { return len(g.groups) }

// Add counts an event for which the filter of the plan holds.
func (g *Aggregator) Add(e *Event) {
	d := &g.decision
	g.admission.decide(g.now, e.Time, e.Values, d)
	if d.folded != 0 && len(g.plan.Dimensions) > 0 {
		g.hide(e, d.folded)
	}
	at := cell{time: floor(e.Time, g.step), key: d.key}
	n := len(g.plan.Inputs)
	id, ok := g.index[at]
	if !ok {
		id = int32(len(g.groups)) //nolint:gosec // fewer than the events of a batch
		g.index[at] = id
		g.groups = append(g.groups, group{time: at.time, values: d.values, folded: d.folded})
		for range n {
			g.inputs = append(g.inputs, inputState{})
		}
	}
	g.groups[id].count++
	first := int(id) * n
	for i := range min(n, len(e.Observations)) {
		g.inputs[first+i].observe(&e.Observations[i], g.plan.Inputs[i].Need, e.Time, g.mapping)
	}
}

// hide counts the values that are folded.
func (g *Aggregator) hide(e *Event, folded uint8) {
	hour := floor(e.Time, int64(time.Hour))
	sets, ok := g.hidden[hour]
	if !ok {
		if g.hidden == nil {
			g.hidden = make(map[int64][]registerSet)
		}
		sets = make([]registerSet, len(g.plan.Dimensions))
		g.hidden[hour] = sets
	}
	for i := range sets {
		if folded&(1<<i) == 0 {
			continue
		}
		value := ""
		if i < len(e.Values) {
			value = e.Values[i]
		}
		sets[i].insert(HashText(value))
	}
}

func (s *inputState) observe(o *Observation, need Need, at int64, m *mapping.LogarithmicMapping) {
	if need&NeedRegisters != 0 && o.HasText {
		s.registers.insert(o.Hash)
		if !need.Numeric() {
			s.state.Count++
		}
	}
	v := o.Number
	if !need.Numeric() || !o.HasNumber || math.IsNaN(v) || math.IsInf(v, 0) {
		return
	}
	in := &s.state
	if need&NeedNumber != 0 {
		in.Sum += v
		if in.Count == 0 || v < in.Min {
			in.Min = v
		}
		if in.Count == 0 || v > in.Max {
			in.Max = v
		}
	}
	if need&NeedLast != 0 && (in.Count == 0 || at > in.LastAt || at == in.LastAt && v > in.Last) {
		in.Last, in.LastAt = v, at
	}
	if need&NeedSketch != 0 {
		in.Sketch = addBucket(in.Sketch, bucketOf(m, v))
	}
	in.Count++
}

// Rows returns what was collected for every step of the plan, each row once: by step, values and time. The rows are the caller's.
func (g *Aggregator) Rows() []Row {
	rows := make([]Row, len(g.groups))
	n, dims := len(g.plan.Inputs), len(g.plan.Dimensions)
	for i := range g.groups {
		from := &g.groups[i]
		row := Row{
			Step: time.Duration(g.step), Time: time.Unix(0, from.time).UTC(),
			Values: slices.Clone(from.values[:dims]), Folded: from.folded, Count: from.count, Inputs: make([]Input, n),
		}
		for j := range n {
			in := &g.inputs[i*n+j]
			row.Inputs[j] = in.state
			row.Inputs[j].Registers = in.registers.list()
		}
		rows[i] = row
	}
	slices.SortFunc(rows, func(a, b Row) int { return a.compare(&b) })
	// This copies the sketches. A value that was displaced and came back within the batch has two rows.
	rows = coarsen(rows, time.Duration(g.step))
	out := rows
	for _, s := range g.plan.Steps()[1:] {
		rows = coarsen(rows, s.Step)
		out = append(out, rows...)
	}
	return slices.Clip(out)
}

// coarsen adds rows up that are sorted and of one step, into those of a step that is a multiple of it.
func coarsen(rows []Row, step time.Duration) []Row {
	out := make([]Row, 0, len(rows))
	for i := range rows {
		from := &rows[i]
		at := time.Unix(0, floor(from.Time.UnixNano(), int64(step))).UTC()
		if n := len(out); n > 0 && out[n-1].Time.Equal(at) && out[n-1].sameCombination(from) {
			out[n-1].Add(*from)
			continue
		}
		row := Row{Step: step, Time: at, Values: from.Values, Folded: from.Folded}
		row.Add(*from)
		out = append(out, row)
	}
	return out
}

// Hidden returns which values were folded, by hour.
func (g *Aggregator) Hidden() []Hidden {
	out := make([]Hidden, 0, len(g.hidden))
	for hour, sets := range g.hidden {
		h := Hidden{Time: time.Unix(0, hour).UTC(), Dimensions: make([][]Register, len(sets))}
		for i := range sets {
			h.Dimensions[i] = sets[i].list()
		}
		out = append(out, h)
	}
	slices.SortFunc(out, func(a, b Hidden) int { return a.Time.Compare(b.Time) })
	return out
}
