// SPDX-License-Identifier: Apache-2.0

package rollup

import (
	"math"
	"strings"
)

const (
	// hysteresis is how many times the weight of an admitted value a candidate must have to take its place.
	hysteresis = 2
	// part is by what the mean weight of an admitted value is divided to have what a candidate must weigh at least.
	part = 4
	// counters is how many candidates are counted, and seenHashes how many values are remembered that came once, as multiples of the budget.
	counters, seenHashes = 4, 32
	// seldomHits and costlyHits are how many events a candidate must have had since it came again: when the value whose place it takes has had none in this
	// hour, and else.
	seldomHits, costlyHits = 2, 4
)

// dimension is the set of admitted values of one dimension. Weights are scaled as those of Admission.
type dimension struct {
	budget  int
	index   map[string]int32
	slots   []slot
	weights weights // of the slots, with their foreign part
	// visible is the sum of the weights.
	visible float64
	// candidates is nil until the first value finds no room.
	candidates *candidates
	serial     uint32
	// costly is how many values have taken the place of one that had events in the present hour.
	costly int
	// room is how many values the process may admit until the next agreement, and admitted how many it has.
	room, admitted int
}

type slot struct {
	value string
	// serial is another one for every admission, from 1.
	serial uint32
	// hour is the last one in which the value had an event, in hours since 1970.
	hour int32
	// foreign is the part of the weight that other processes have told of.
	foreign float64
}

func newDimension(budget int) *dimension {
	return &dimension{budget: budget, index: make(map[string]int32), room: math.MaxInt}
}

// mostCostly bounds costly.
func mostCostly(budget int) int { return max(1, budget/4) }

// find counts an event of a value and returns its slot, or -1 when it is folded.
func (d *dimension) find(value string, a *Admission) int32 {
	if id, ok := d.index[value]; ok {
		d.weights.weight[id] += a.unit
		d.visible += a.unit
		d.slots[id].hour = a.hour
		return id
	}
	return d.unknown(value, a)
}

// unknown is find for a value that is not admitted.
func (d *dimension) unknown(value string, a *Admission) int32 {
	hasRoom := d.admitted < d.room
	if len(d.slots) < d.budget && hasRoom {
		weight := a.unit
		if d.candidates != nil {
			if c, ok := d.candidates.index[HashText(value)]; ok {
				weight += d.candidates.take(c)
			}
		}
		return d.admit(value, weight, a.hour)
	}
	if d.candidates == nil {
		d.candidates = newCandidates(d.budget)
	}
	c := d.candidates.hit(HashText(value), a.unit)
	if c < 0 || !hasRoom || len(d.slots) < d.budget {
		return -1
	}
	of := d.candidates.counters[c]
	if of.hits < seldomHits || of.guaranteed*float64(part*d.budget) < d.visible {
		return -1
	}
	id := d.weights.least()
	if !d.mayReplace(id, of, a.hour) {
		return -1
	}
	weight := d.candidates.take(c)
	d.leave(id)
	d.enter(id, value, weight, a.hour)
	d.admitted++
	return id
}

// mayReplace says whether a candidate may take the place of an admitted value. One that had no event in this hour costs nothing to replace, since the row of
// the new value is stored in its stead. Places of others are few: they are for candidates of more events, and the fewer are left, the heavier a candidate
// must be, so that not the first comers use them up.
func (d *dimension) mayReplace(id int32, candidate counter, hour int32) bool {
	times := float64(hysteresis)
	if d.slots[id].hour == hour {
		most := mostCostly(d.budget)
		if d.costly >= most || candidate.hits < costlyHits {
			return false
		}
		times = math.Ldexp(times, 4*d.costly/most)
	}
	if candidate.guaranteed < times*d.weights.weight[id] {
		return false
	}
	if d.slots[id].hour == hour {
		d.costly++
	}
	return true
}

// admit gives a value a place of its own.
func (d *dimension) admit(value string, weight float64, hour int32) int32 {
	id := d.weights.push(weight)
	d.slots = append(d.slots, slot{})
	d.enter(id, value, weight, hour)
	d.admitted++
	return id
}

func (d *dimension) enter(id int32, value string, weight float64, hour int32) {
	d.serial++
	value = strings.Clone(value)
	d.slots[id] = slot{value: value, serial: d.serial, hour: hour}
	d.index[value] = id
	d.weights.set(id, weight)
	d.visible += weight
}

// leave makes an admitted value a candidate. Its place is free then.
func (d *dimension) leave(id int32) {
	value := d.slots[id].value
	delete(d.index, value)
	d.visible -= d.weights.weight[id]
	d.demote(value, d.weights.weight[id]-d.slots[id].foreign)
}

// demote makes a value a candidate with the weight it had.
func (d *dimension) demote(value string, weight float64) {
	if d.candidates == nil {
		d.candidates = newCandidates(d.budget)
	}
	if hash := HashText(value); weight > 0 {
		if _, ok := d.candidates.index[hash]; !ok {
			d.candidates.put(hash, weight, 0)
		}
	}
}

func (d *dimension) scale(by float64) {
	d.weights.scale(by)
	d.visible = 0
	for _, w := range d.weights.weight { // anew, so that errors of rounding do not add up
		d.visible += w
	}
	for i := range d.slots {
		d.slots[i].foreign *= by
	}
	if d.candidates != nil {
		d.candidates.scale(by)
	}
}
