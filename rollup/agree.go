// SPDX-License-Identifier: Apache-2.0

package rollup

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Snapshot is what is admitted at a time.
type Snapshot struct {
	Time       time.Time  `json:"time"`
	Dimensions []Admitted `json:"dimensions"`
}

// Admitted are the admitted values of a dimension, the heaviest first.
type Admitted struct {
	Values []Weighted `json:"values"`
	// Exchanged is how many values of an agreed set were replaced, in the hour of the snapshot, by others though they had events in it.
	Exchanged int `json:"exchanged,omitempty"`
}

// Weighted is a value and its weight: the number of its events, of which each weighs half after HalfLife.
type Weighted struct {
	Value  string  `json:"value"`
	Weight float64 `json:"weight"`
	// Idle says that it had no event in the hour of the snapshot. Agreed sets do not say.
	Idle bool `json:"idle,omitempty"`
}

// Snapshot returns what is admitted, with the weights of this process's own events.
func (a *Admission) Snapshot(now time.Time) Snapshot {
	a.mu.Lock()
	defer a.mu.Unlock()
	if ns := now.UnixNano(); ns >= a.tick {
		a.advance(ns)
	}
	out := Snapshot{Time: now, Dimensions: make([]Admitted, len(a.dims))}
	for i, d := range a.dims {
		values := make([]Weighted, len(d.slots))
		for id, s := range d.slots {
			values[id] = Weighted{Value: s.value, Weight: max(0, d.weights.weight[id]-s.foreign) / a.unit, Idle: s.hour != a.hour}
		}
		slices.SortFunc(values, heaviestFirst)
		out.Dimensions[i].Values = values
	}
	return out
}

// heaviestFirst orders by weight, then by value.
func heaviestFirst(a, b Weighted) int {
	return cmp.Or(cmp.Compare(b.Weight, a.Weight), cmp.Compare(a.Value, b.Value))
}

// Restore makes the admitted values those of a snapshot, the heaviest where there are more than the budget, and forgets everything else but the combinations.
// After a restart the snapshot is made of stored rows: the counts of the last Window are weights that are good enough.
func (a *Admission) Restore(s Snapshot) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tick = math.MinInt64
	a.advance(s.Time.UnixNano())
	for i, d := range a.dims {
		fresh := newDimension(d.budget)
		fresh.serial, fresh.costly = d.serial, d.costly
		if i < len(s.Dimensions) {
			values := slices.SortedFunc(slices.Values(s.Dimensions[i].Values), heaviestFirst)
			for _, v := range values {
				if _, twice := fresh.index[v.Value]; !twice && len(fresh.slots) < d.budget {
					fresh.admit(v.Value, v.Weight*a.unit, a.hour)
				}
			}
		}
		fresh.admitted = 0
		a.dims[i] = fresh
	}
}

// Room returns how many values of a dimension each of several processes may admit on its own between two agreements, when so many are agreed: an equal share
// of the places that are free, at least an equal share of a quarter of the budget, and at least 1. So all of them together store at most
// max(budget, agreed + processes·Room) different values between two agreements, which is at most budget + max(processes, budget/4).
func Room(budget, agreed, processes int) int {
	processes = max(1, processes)
	return max(1, budget/4/processes, (budget-agreed)/processes)
}

// Follow makes the admitted values those that were agreed on. Others that the process has admitted become candidates, with their weights. Until the next
// agreement the process admits at most Room others. In the hour of arrival these values are admitted beside what Admission says.
func (a *Admission) Follow(agreed Snapshot, processes int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if ns := agreed.Time.UnixNano(); ns >= a.tick {
		a.advance(ns)
	}
	decay := math.Exp2(-max(0, float64(a.now-agreed.Time.UnixNano())) / float64(HalfLife))
	for i, d := range a.dims {
		if i < len(agreed.Dimensions) {
			d.follow(agreed.Dimensions[i].Values, a.unit*decay/float64(max(1, processes)), processes)
		}
	}
}

// follow replaces the set; unit is what a weight of 1 of all processes counts in this one.
func (d *dimension) follow(agreed []Weighted, unit float64, processes int) {
	before, weightOf := d.index, d.weights.weight
	slots := d.slots
	d.index, d.slots, d.weights, d.visible = make(map[string]int32, len(agreed)), nil, weights{}, 0
	for _, v := range agreed[:min(len(agreed), d.budget)] {
		if _, twice := d.index[v.Value]; twice {
			continue
		}
		entry := slot{value: v.Value, hour: -1}
		own := 0.0
		if id, ok := before[v.Value]; ok {
			entry = slots[id]
			own = max(0, weightOf[id]-entry.foreign)
			delete(before, v.Value)
		} else {
			d.serial++
			entry.serial = d.serial
			if d.candidates != nil {
				if c, ok := d.candidates.index[HashText(v.Value)]; ok {
					own = d.candidates.take(c)
				}
			}
		}
		entry.foreign = max(0, v.Weight*unit-own)
		id := d.weights.push(own + entry.foreign)
		d.visible += own + entry.foreign
		d.slots = append(d.slots, entry)
		d.index[v.Value] = id
	}
	for _, s := range slots { // in the order of the slots, so that the same happens each time
		if id, ok := before[s.value]; ok {
			d.demote(s.value, weightOf[id]-s.foreign)
		}
	}
	d.room, d.admitted = Room(d.budget, len(d.slots), processes), 0
}

// Agree returns the set that processes shall use, of the present one and what they have admitted; the same for the same arguments, whatever the order of the
// reports. The weight of a value is the sum of theirs. Free places go to the heaviest. Another value takes the place of the lightest of the set when it has
// twice its weight; max(1, budget/4) times in an hour, not counting places of values that every report calls idle in this hour.
func Agree(now time.Time, budget int, present Snapshot, reports []Snapshot) Snapshot {
	hour := floor(now.UnixNano(), int64(time.Hour))
	n := len(present.Dimensions)
	for _, r := range reports {
		n = max(n, len(r.Dimensions))
	}
	out := Snapshot{Time: now, Dimensions: make([]Admitted, n)}
	for i := range out.Dimensions {
		var set Admitted
		if i < len(present.Dimensions) {
			set = present.Dimensions[i]
		}
		if floor(present.Time.UnixNano(), int64(time.Hour)) != hour {
			set.Exchanged = 0
		}
		said, n := reportsOf(reports, i, hour)
		out.Dimensions[i] = agree(budget, set, said, n)
	}
	return out
}

// reported is what reports say of a value.
type reported struct {
	weights []float64
	idle    int // how many say so
}

// reportsOf returns what is said of a dimension, by value, and how many reports there are.
func reportsOf(reports []Snapshot, dimension int, hour int64) (map[string]reported, int) {
	out, n := make(map[string]reported), 0
	for _, r := range reports {
		if dimension >= len(r.Dimensions) {
			continue
		}
		n++
		present := floor(r.Time.UnixNano(), int64(time.Hour)) == hour
		for _, v := range r.Dimensions[dimension].Values {
			said := out[v.Value]
			said.weights = append(said.weights, v.Weight)
			if v.Idle && present {
				said.idle++
			}
			out[v.Value] = said
		}
	}
	return out, n
}

func agree(budget int, present Admitted, said map[string]reported, reports int) Admitted {
	// Weights are added up by size, so that the sum does not depend on the order of the reports.
	weighed := func(value string) Weighted {
		of := said[value]
		slices.Sort(of.weights)
		sum := 0.0
		for _, w := range of.weights {
			sum += w
		}
		return Weighted{Value: value, Weight: sum, Idle: of.idle == reports}
	}
	var members, others []Weighted
	for _, v := range present.Values {
		members = append(members, weighed(v.Value))
	}
	for _, m := range members {
		delete(said, m.Value)
	}
	for value := range said {
		others = append(others, weighed(value))
	}
	slices.SortFunc(members, heaviestFirst)
	slices.SortFunc(others, heaviestFirst)
	members = members[:min(len(members), budget)]
	free := min(budget-len(members), len(others))
	members, others = append(members, others[:free]...), others[free:]
	slices.SortFunc(members, heaviestFirst)

	exchanged := present.Exchanged
	for i := len(members) - 1; i >= 0 && len(others) > 0; i-- {
		leaves := members[i]
		if others[0].Weight == 0 || others[0].Weight < hysteresis*leaves.Weight {
			break
		}
		if !leaves.Idle {
			if exchanged >= mostCostly(budget) {
				continue
			}
			exchanged++
		}
		members[i], others = others[0], others[1:]
	}
	slices.SortFunc(members, heaviestFirst)
	for i := range members {
		members[i].Idle = false
	}
	return Admitted{Values: members, Exchanged: exchanged}
}
