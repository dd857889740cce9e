// SPDX-License-Identifier: Apache-2.0

package rollup

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCandidateBounds: a count is never below the weight of its value and at most N/m above it, the guaranteed weight never above it, and what has no counter
// weighs at most N/m; also when candidates leave and come back.
func TestCandidateBounds(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		const budget = 5
		c := newCandidates(budget)
		m := float64(c.size)
		zipf := rand.NewZipf(random, 1.05, 1, 500)
		weight := map[uint64]float64{} // since the value last left
		for i := range 20_000 {
			hash := 1 + zipf.Uint64()*0x9E3779B97F4A7C15
			w := float64(1 + random.IntN(3))
			id := c.hit(hash, w)
			if id >= 0 {
				weight[hash] += w
			}
			switch {
			case id >= 0 && random.IntN(500) == 0:
				require.LessOrEqual(t, c.take(id), weight[hash])
				delete(weight, hash)
			case random.IntN(5000) == 0:
				c.scale(0.5)
				for h := range weight {
					weight[h] /= 2
				}
			}
			if i%100 != 0 {
				continue
			}
			require.LessOrEqual(t, len(c.index), c.size)
			require.LessOrEqual(t, c.floor, c.total/m)
			for h, w := range weight {
				id, ok := c.index[h]
				if !ok {
					require.LessOrEqual(t, w, c.floor+1e-9)
					continue
				}
				count, guaranteed := c.counts.weight[id], c.counters[id].guaranteed
				require.GreaterOrEqual(t, count, w-1e-9)
				require.LessOrEqual(t, count, w+c.total/m+1e-9)
				require.LessOrEqual(t, guaranteed, w+1e-9)
				require.GreaterOrEqual(t, guaranteed, w-c.total/m-1e-9)
			}
		}
		require.Len(t, c.counters, c.size)
	}
}

// TestWeightsKnowTheLeast: whatever is added and set, least is the id with the least weight.
func TestWeightsKnowTheLeast(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(6, 1))
	var w weights
	for range 200 {
		w.push(random.Float64())
	}
	for range 20_000 {
		id := random.IntN(200)
		switch random.IntN(3) {
		case 0:
			w.set(int32(id), random.Float64())
		default:
			w.weight[id] += random.Float64() / 10
		}
		if random.IntN(100) == 0 {
			w.scale(0.5)
		}
		least := w.weight[w.least()]
		for _, other := range w.weight {
			require.LessOrEqual(t, least, other)
		}
	}
}
