// SPDX-License-Identifier: Apache-2.0

package rollup

import (
	"slices"
	"time"
)

// MaxDimensions is how many dimensions a rollup may have.
const MaxDimensions = 5

// Row is the state of one combination of values in one bucket of time. Rows of one combination and bucket add up: see Row.Add.
type Row struct {
	// Step is the width of the bucket, a whole number of seconds, and Time its start: a multiple of Step since 1970, UTC.
	Step time.Duration
	Time time.Time
	// Values has one value for each dimension of the definition, "" where it is folded.
	Values []string
	// Folded has bit i set where the value of dimension i was folded into other, which tells other from a value that is empty or reads like it.
	Folded uint8
	// Count is the number of events.
	Count uint64
	// Inputs has one state for each of Plan.Inputs, in their order.
	Inputs []Input
}

// Input is the state of one field of a combination: what measures of that field are computed of. Parts that no measure asks for are zero (Need).
type Input struct {
	// Count is the number of events that had a value for the field.
	Count uint64
	// Sum, Min and Max are of the values; Min and Max mean nothing while Count is 0.
	Sum, Min, Max float64
	// Last is the value of the newest event, and LastAt when that was: nanoseconds since 1970. Of two at the same time the greater value counts, so that
	// the order in which states are added does not.
	Last   float64
	LastAt int64
	// Sketch are the buckets of a DDSketch (relative error SketchError), sorted by index.
	Sketch []Bucket
	// Registers are those of a HyperLogLog that are not 0, sorted by index.
	Registers []Register
}

// Bucket is one bucket of a sketch of quantiles. The index of values above 0 is that of DDSketch's logarithmic mapping, moved so that it is above 0; values
// below 0 have the negated index of their absolute value, 0 has 0.
type Bucket struct {
	Index int32
	Count uint64
}

// Register is one register of a HyperLogLog of 2^14: how far the rarest hash that fell into it got.
type Register struct {
	Index uint16
	Rank  uint8
}

// Hidden tells of one hour which values of the dimensions were folded: one HyperLogLog for each.
type Hidden struct {
	Time       time.Time
	Dimensions [][]Register
}

// Add adds the hidden values of another state of the same hour up. What it returns shares no memory with either.
func (h Hidden) Add(other Hidden) Hidden {
	out := Hidden{Time: h.Time, Dimensions: make([][]Register, max(len(h.Dimensions), len(other.Dimensions)))}
	for i := range out.Dimensions {
		var a, b []Register
		if i < len(h.Dimensions) {
			a = h.Dimensions[i]
		}
		if i < len(other.Dimensions) {
			b = other.Dimensions[i]
		}
		out.Dimensions[i] = MergeRegisters(a, b)
	}
	return out
}

// Add adds the events of another row to r and leaves step, time and values as they are. It is commutative and associative for everything but Sum, where
// floating point rounds: sums of whole numbers below 2^53 are exact, others depend on the order in their last digits. r shares no memory with the other row
// afterwards.
func (r *Row) Add(other Row) {
	r.Count += other.Count
	for len(r.Inputs) < len(other.Inputs) {
		r.Inputs = append(r.Inputs, Input{})
	}
	for i := range other.Inputs {
		r.Inputs[i].Add(other.Inputs[i])
	}
}

// Add adds the values of another state up, as Row.Add does.
func (in *Input) Add(other Input) {
	switch {
	case other.Count == 0: // its numbers mean nothing
	case in.Count == 0:
		in.Sum, in.Min, in.Max, in.Last, in.LastAt = other.Sum, other.Min, other.Max, other.Last, other.LastAt
	default:
		in.Sum += other.Sum
		in.Min, in.Max = min(in.Min, other.Min), max(in.Max, other.Max)
		if other.LastAt > in.LastAt || other.LastAt == in.LastAt && other.Last > in.Last {
			in.Last, in.LastAt = other.Last, other.LastAt
		}
	}
	in.Count += other.Count
	in.Sketch = mergeBuckets(in.Sketch, other.Sketch)
	in.Registers = MergeRegisters(in.Registers, other.Registers)
}

// compare orders rows by values, then by which of them are folded, then by time.
func (r *Row) compare(other *Row) int {
	if c := slices.Compare(r.Values, other.Values); c != 0 {
		return c
	}
	if c := int(r.Folded) - int(other.Folded); c != 0 {
		return c
	}
	return r.Time.Compare(other.Time)
}

// sameCombination says whether two rows are of the same values.
func (r *Row) sameCombination(other *Row) bool {
	return r.Folded == other.Folded && slices.Equal(r.Values, other.Values)
}
