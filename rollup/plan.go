// SPDX-License-Identifier: Apache-2.0

package rollup

import (
	"fmt"
	"slices"
	"time"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/signal"
)

// Need says which parts of an Input are kept. Count is always.
type Need uint8

// The parts of an Input.
const (
	// NeedNumber keeps Sum, Min and Max.
	NeedNumber Need = 1 << iota
	// NeedSketch keeps Sketch.
	NeedSketch
	// NeedRegisters keeps Registers.
	NeedRegisters
	// NeedLast keeps Last and LastAt.
	NeedLast
)

// Numeric says whether a part is kept that is of numbers. Input.Count then counts the events whose value is a finite number, else those that have a value.
func (n Need) Numeric() bool { return n&(NeedNumber|NeedSketch|NeedLast) != 0 }

// PlanInput is a field of which measures are computed.
type PlanInput struct {
	Field search.Field
	Need  Need
	// Duration says that the numbers of the field, and so the states, are in nanoseconds; measures of it are in seconds.
	Duration bool
}

// Plan is a definition ready for use. It is not changed after Compile and safe for concurrent use.
type Plan struct {
	// Definition is normalised.
	Definition Definition
	Signal     signal.Signal
	// Filter is nil when every record is counted.
	Filter search.Filter
	// Dimensions are in the order of the definition; their names are those of the definition.
	Dimensions []search.Field
	// Inputs are the fields of the measures, each once, in the order in which the measures first name them.
	Inputs []PlanInput
	// inputs has for each measure the index of its input, -1 for none.
	inputs []int
}

// Compile normalises, validates and compiles a definition. Its errors are those of Validate.
func Compile(d Definition) (*Plan, error) {
	d, err := d.checked()
	if err != nil {
		return nil, err
	}
	p := &Plan{Definition: d, Signal: d.Source.Signal()}
	if p.Filter, err = search.Parse(p.Signal, d.Filter); err != nil {
		return nil, fmt.Errorf("filter %q: %w", d.Filter, err)
	}
	for _, name := range d.Dimensions {
		field, err := search.ResolveField(p.Signal, name)
		if err != nil {
			return nil, fmt.Errorf("dimension %q: %w", name, err)
		}
		p.Dimensions = append(p.Dimensions, field)
	}
	for _, m := range d.Measures {
		if m.Field == "" {
			p.inputs = append(p.inputs, -1)
			continue
		}
		field, err := search.ResolveField(p.Signal, m.Field)
		if err != nil {
			return nil, fmt.Errorf("measure %s: %w", m.Name, err)
		}
		i := slices.IndexFunc(p.Inputs, func(in PlanInput) bool { return in.Field == field })
		if i < 0 {
			i = len(p.Inputs)
			p.Inputs = append(p.Inputs, PlanInput{Field: field, Duration: field == search.Field{Name: search.FieldDuration}})
		}
		p.Inputs[i].Need |= m.Func.need()
		p.inputs = append(p.inputs, i)
	}
	return p, nil
}

// need is what the function computes its value of.
func (f Func) need() Need {
	switch f {
	case FuncP50, FuncP90, FuncP95, FuncP99:
		return NeedSketch
	case FuncDistinct:
		return NeedRegisters
	case FuncLast:
		return NeedLast
	default:
		return NeedNumber
	}
}

// InputOf returns the index of the input of a measure, -1 when it has none: count and rate of events.
func (p *Plan) InputOf(measure int) int { return p.inputs[measure] }

// StepKeep is a width of buckets and how long they are kept.
type StepKeep struct {
	Step, Keep time.Duration
}

// Steps returns the widths of the buckets that are stored, rising: that of the definition and the coarser ones of 1m and 1h. The coarsest are kept as long as
// the definition says, others no longer than that: 10s at most 7 days, 1m and 5m at most 60 days.
func (p *Plan) Steps() []StepKeep {
	const day = 24 * time.Hour
	base, retention := time.Duration(p.Definition.Step), time.Duration(p.Definition.Retention)
	out := []StepKeep{{base, retention}}
	for _, coarser := range []time.Duration{time.Minute, time.Hour} {
		if coarser > base {
			out = append(out, StepKeep{coarser, retention})
		}
	}
	for i := range out[:len(out)-1] {
		most := 60 * day
		if out[i].Step < time.Minute {
			most = 7 * day
		}
		out[i].Keep = min(out[i].Keep, most)
	}
	return out
}

// StepFor returns the width of the buckets from which a query is answered that goes back so far: of those that are kept that long, the widest that is no wider
// than most; the narrowest of them where none is, and the widest of all where none is kept that long.
func (p *Plan) StepFor(age, most time.Duration) time.Duration {
	steps := p.Steps()
	best := time.Duration(0)
	for _, s := range steps {
		if s.Keep >= age && (best == 0 || s.Step <= most) {
			best = s.Step
		}
	}
	if best == 0 {
		return steps[len(steps)-1].Step
	}
	return best
}
