// SPDX-License-Identifier: Apache-2.0

package rollup

import (
	"math"
	"sync"
	"time"
)

const (
	// HalfLife is after how long an event weighs half.
	HalfLife = 5 * time.Minute
	// Window is how far back weights reach, about: an event of then weighs a quarter.
	Window = 2 * HalfLife
	// rescaleAfter is after how many half-lives weights are brought down again, far below what a float64 can hold.
	rescaleAfter = 32
)

// Admission decides which values of a rollup's dimensions are kept apart and which are folded into other. There is one for each rollup and process. It is safe
// for concurrent use.
//
// Of each dimension at most Budget.Values values are admitted at a time. While there is room a value is admitted at once; so a dimension of few values is
// never folded. Then it goes by weight, the number of events of which each weighs half after HalfLife: a value that is not admitted and comes again is counted
// (Space-Saving with 4 counters for each value of the budget) and takes the place of the lightest admitted one when its guaranteed weight, which is never above
// the true one, is at least twice that of the other and a quarter of the mean of those admitted. A value that comes once never displaces another, however many
// such there are, and two that are about as heavy do not take turns. An admitted value leaves only when another takes its place.
//
// In a full hour of arrival, at most Budget.Values + max(1, Budget.Values/4) different values of a dimension are admitted and seen, since a value that had
// events in the hour gives its place away for a limited number of times in it: max(1, Budget.Values/4), at first to candidates of 4 events and twice the
// weight, later of 4, 8 and 16 times. Places of values without events in the hour are not limited. Follow adds to that what it says.
//
// In a bucket of Definition.Step at most Budget.Combinations combinations of values are kept apart, and the one in which all is folded; seven eighths of them
// may be ones of which nothing is folded. They go to those that come first in the bucket, which in every bucket anew are mostly the frequent ones. An event
// whose combination finds no place is folded in more dimensions, one after another and first in that with the most admitted values, until it does. The bound
// holds for the 4 096 buckets used last.
type Admission struct {
	mu           sync.Mutex
	dims         []*dimension
	combinations *combinations
	// unit is the weight of an event now, 2^((now−base)/HalfLife): that the weights of earlier ones decay is that later ones weigh more.
	unit float64
	base int64
	// now is the time of unit, nanoseconds since 1970 as base.
	now int64
	// tick is when unit and hour have to be looked at again, hour the present one since 1970.
	tick int64
	hour int32
}

// NewAdmission returns one that has admitted nothing.
func NewAdmission(p *Plan) *Admission {
	a := &Admission{
		combinations: newCombinations(p.Definition.Budget.Combinations, int64(time.Duration(p.Definition.Step))),
		tick:         math.MinInt64,
	}
	for range p.Dimensions {
		a.dims = append(a.dims, newDimension(p.Definition.Budget.Values))
	}
	return a
}

// Admit counts an event that arrives now and is of a time, both in nanoseconds since 1970, with one value for each dimension (those that are missing are empty), and returns the dimensions to
// fold: bit i for dimension i. A now before an earlier one counts as the latest.
func (a *Admission) Admit(now, at int64, values []string) uint8 {
	var d decision
	a.decide(now, at, values, &d)
	return d.folded
}

// decision is how an event is stored: values has texts that outlive it.
type decision struct {
	key    combination
	values [MaxDimensions]string
	folded uint8
}

func (a *Admission) decide(now, at int64, values []string, out *decision) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now >= a.tick {
		a.advance(now)
	}
	*out = decision{}
	for i, d := range a.dims {
		value := ""
		if i < len(values) {
			value = values[i]
		}
		if id := d.find(value, a); id >= 0 {
			s := &d.slots[id]
			out.key[i], out.values[i] = s.serial, s.value
		} else {
			out.folded |= 1 << i
		}
	}
	a.fit(at, out)
}

// fit folds more dimensions of an event where its bucket has too many combinations.
func (a *Admission) fit(at int64, out *decision) {
	all := uint8(1)<<len(a.dims) - 1
	if out.folded == all {
		return
	}
	bucket := a.combinations.of(at)
	for !a.combinations.admit(bucket, &out.key, out.folded) {
		widest := -1
		for i, d := range a.dims {
			if out.folded&(1<<i) == 0 && (widest < 0 || len(d.slots) >= len(a.dims[widest].slots)) {
				widest = i
			}
		}
		out.key[widest], out.values[widest] = 0, ""
		out.folded |= 1 << widest
		if out.folded == all {
			return
		}
	}
}

// advance moves the clock.
func (a *Admission) advance(now int64) {
	if a.tick == math.MinInt64 {
		a.base = now
	}
	halves := float64(now-a.base) / float64(HalfLife)
	if halves > rescaleAfter {
		by := math.Exp2(-halves)
		for _, d := range a.dims {
			d.scale(by)
		}
		a.base, halves = now, 0
	}
	a.now, a.unit = now, math.Exp2(halves)
	start := floor(now, int64(time.Hour))
	if hour := int32(start / int64(time.Hour)); hour != a.hour { //nolint:gosec // hours of 292 years
		a.hour = hour
		for _, d := range a.dims {
			d.costly = 0
		}
	}
	a.tick = min(now+int64(time.Second), start+int64(time.Hour))
}
