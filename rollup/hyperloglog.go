// SPDX-License-Identifier: Apache-2.0

package rollup

import (
	"cmp"
	"math"
	"math/bits"
	"slices"

	"github.com/cespare/xxhash/v2"
)

const (
	// registerBits is the p of the HyperLogLog: 2^p registers, a standard error of 1.04/√2^p = 0.81 %.
	registerBits = 14
	registers    = 1 << registerBits
	// maxRank is the rank of a hash whose bits behind the first registerBits are all 0.
	maxRank = 64 - registerBits + 1
	// sparseRegisters is how many registers that are not 0 a set keeps in a sorted list before it keeps all of them.
	sparseRegisters = 512
)

// HashText returns the hash by which a text is counted among distinct ones.
func HashText(s string) uint64 { return xxhash.Sum64String(s) }

// registerOf returns what a hash does to a HyperLogLog.
func registerOf(hash uint64) Register {
	rest := hash<<registerBits | 1<<(registerBits-1)
	return Register{
		Index: uint16(hash >> (64 - registerBits)),
		Rank:  uint8(bits.LeadingZeros64(rest) + 1), //nolint:gosec // at most maxRank
	}
}

// registerSet is a HyperLogLog that is being filled. The zero value is empty.
type registerSet struct {
	sparse []Register
	dense  []uint8
}

func (s *registerSet) insert(hash uint64) {
	r := registerOf(hash)
	if s.dense != nil {
		s.dense[r.Index] = max(s.dense[r.Index], r.Rank)
		return
	}
	i, found := slices.BinarySearchFunc(s.sparse, r.Index, func(r Register, index uint16) int { return cmp.Compare(r.Index, index) })
	switch {
	case found:
		s.sparse[i].Rank = max(s.sparse[i].Rank, r.Rank)
	case len(s.sparse) < sparseRegisters:
		s.sparse = slices.Insert(s.sparse, i, r)
	default:
		s.dense = make([]uint8, registers)
		for _, r := range s.sparse {
			s.dense[r.Index] = r.Rank
		}
		s.dense[r.Index] = r.Rank
		s.sparse = nil
	}
}

// list returns the registers that are not 0 in new memory, sorted by index.
func (s *registerSet) list() []Register {
	if s.dense == nil {
		return slices.Clone(s.sparse)
	}
	out := make([]Register, 0, registers)
	for i, rank := range s.dense {
		if rank > 0 {
			out = append(out, Register{Index: uint16(i), Rank: rank})
		}
	}
	return slices.Clip(out)
}

// MergeRegisters returns the HyperLogLog of what is in either of two. The result shares no memory with them.
func MergeRegisters(a, b []Register) []Register {
	if len(a)+len(b) == 0 {
		return nil
	}
	out := make([]Register, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].Index < b[0].Index:
			out, a = append(out, a[0]), a[1:]
		case a[0].Index > b[0].Index:
			out, b = append(out, b[0]), b[1:]
		default:
			out = append(out, Register{a[0].Index, max(a[0].Rank, b[0].Rank)})
			a, b = a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// Distinct estimates how many distinct values are in a HyperLogLog, with a standard error of 0.81 %, by the improved estimator of O. Ertl: New cardinality
// estimation algorithms for HyperLogLog sketches, arXiv:1702.01284, algorithm 6, which needs no correction for small or large numbers.
func Distinct(of []Register) float64 {
	const m = float64(registers)
	var with [maxRank + 1]float64 // how many registers have a rank
	with[0] = m
	for _, r := range of {
		if r.Rank > 0 && r.Rank <= maxRank {
			with[r.Rank]++
			with[0]--
		}
	}
	if with[0] == m {
		return 0
	}
	z := m * tau(1-with[maxRank]/m)
	for k := maxRank - 1; k >= 1; k-- {
		z = 0.5 * (z + with[k])
	}
	z += m * sigma(with[0]/m)
	return m / (2 * math.Ln2) * m / z
}

// sigma is x + Σ x^(2^k)·2^(k−1) over k ≥ 1, of the paper.
func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	z, y := x, 1.0
	for before := math.NaN(); z != before; {
		x *= x
		before = z
		z += x * y
		y += y
	}
	return z
}

// tau is (1 − x − Σ (1−x^(2^−k))²·2^(−k) over k ≥ 1) / 3, of the paper.
func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	z, y := 1-x, 1.0
	for before := math.NaN(); z != before; {
		x = math.Sqrt(x)
		before = z
		y *= 0.5
		z -= (1 - x) * (1 - x) * y
	}
	return z / 3
}
