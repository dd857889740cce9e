// SPDX-License-Identifier: Apache-2.0

package rollup

import (
	"cmp"
	"math"
	"slices"

	"github.com/DataDog/sketches-go/ddsketch/mapping"
)

const (
	// SketchError is the relative error of quantiles.
	SketchError = 0.01
	// sketchOffset is added to the indexes of the mapping, which are from -35 418 (the least normal number) to 35 471 (the greatest that it knows).
	sketchOffset = 36_000
	// sketchSpan is how many buckets a sketch has at most on each side of 0. With a factor of 1.0202 from one bucket to the next
	// they span 3·10^35.
	sketchSpan = 4096
)

// newMapping returns the mapping of DDSketch with bounds at the powers of γ = (1+α)/(1−α), α = SketchError.
func newMapping() (*mapping.LogarithmicMapping, error) {
	return mapping.NewLogarithmicMapping(SketchError)
}

// bucketOf returns the index of the bucket into which a finite value falls. Values nearer to 0 than the least normal number are 0; values beyond
// the greatest that the mapping knows, 1.27·10^308, fall into its bucket.
func bucketOf(m *mapping.LogarithmicMapping, v float64) int32 {
	abs := math.Abs(v)
	if abs < m.MinIndexableValue() {
		return 0
	}
	index := int32(m.Index(min(abs, m.MaxIndexableValue()))) + sketchOffset //nolint:gosec // within ±35 500, see sketchOffset
	if v < 0 {
		return -index
	}
	return index
}

// addBucket counts a value into a sorted list of buckets.
func addBucket(to []Bucket, index int32) []Bucket {
	i, found := slices.BinarySearchFunc(to, index, func(b Bucket, index int32) int { return cmp.Compare(b.Index, index) })
	if found {
		to[i].Count++
		return to
	}
	return collapse(slices.Insert(to, i, Bucket{Index: index, Count: 1}))
}

// mergeBuckets adds two sketches up. The result shares no memory with either.
func mergeBuckets(a, b []Bucket) []Bucket {
	if len(a)+len(b) == 0 {
		return nil
	}
	out := make([]Bucket, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].Index < b[0].Index:
			out, a = append(out, a[0]), a[1:]
		case a[0].Index > b[0].Index:
			out, b = append(out, b[0]), b[1:]
		default:
			out = append(out, Bucket{a[0].Index, a[0].Count + b[0].Count})
			a, b = a[1:], b[1:]
		}
	}
	return collapse(append(append(out, a...), b...))
}

// collapse bounds a sketch: on each side of 0, values that are sketchSpan buckets or more nearer to 0 than the outermost count as if they were just inside.
// What it does depends on the outermost bucket alone, so that the order in which sketches are added up does not matter.
func collapse(s []Bucket) []Bucket {
	above, _ := slices.BinarySearchFunc(s, 1, func(b Bucket, index int32) int { return cmp.Compare(b.Index, index) })
	below, _ := slices.BinarySearchFunc(s, 0, func(b Bucket, index int32) int { return cmp.Compare(b.Index, index) })
	least, greatest := int32(1), int32(-1) // the indexes nearest to 0 that stay, above and below
	if above < len(s) {
		least = max(least, s[len(s)-1].Index-sketchSpan+1)
	}
	if below > 0 {
		greatest = min(greatest, s[0].Index+sketchSpan-1)
	}
	if (above == len(s) || s[above].Index >= least) && (below == 0 || s[below-1].Index <= greatest) {
		return s
	}
	out := s[:0]
	for _, b := range s {
		switch {
		case b.Index > 0:
			b.Index = max(b.Index, least)
		case b.Index < 0:
			b.Index = min(b.Index, greatest)
		}
		if n := len(out); n > 0 && out[n-1].Index == b.Index {
			out[n-1].Count += b.Count
		} else {
			out = append(out, b)
		}
	}
	return out
}

// Quantile returns the q-quantile of the values in a sketch, and false when it is empty or q is not from 0 to 1. The quantile of n sorted values is the one
// at index ⌊q·(n−1)⌋, counted from 0. The result is off by at most SketchError of that value (C. Masson, J. E. Rim, H. K. Lee: DDSketch, VLDB 2019,
// proposition 3 and section 2.2), except beyond 1.27·10^308 and for values that a wide sketch has collapsed: those more than 3·10^35 times nearer to 0 than the outermost.
func Quantile(sketch []Bucket, q float64) (float64, bool) {
	m, err := newMapping()
	var n uint64
	for _, b := range sketch {
		n += b.Count
	}
	if err != nil || n == 0 || !(q >= 0 && q <= 1) {
		return 0, false
	}
	rank := min(uint64(q*float64(n-1)), n-1)
	for _, b := range sketch {
		if rank < b.Count {
			return valueOf(m, b.Index), true
		}
		rank -= b.Count
	}
	return 0, false
}

// valueOf returns what stands for the values of a bucket.
func valueOf(m *mapping.LogarithmicMapping, index int32) float64 {
	switch {
	case index > 0:
		return m.Value(int(index - sketchOffset))
	case index < 0:
		return -m.Value(int(-index - sketchOffset))
	default:
		return 0
	}
}
