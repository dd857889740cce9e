// SPDX-License-Identifier: Apache-2.0

package rollup

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func sketchOf(t *testing.T, values ...float64) []Bucket {
	t.Helper()
	m, err := newMapping()
	require.NoError(t, err)
	var s []Bucket
	for _, v := range values {
		s = addBucket(s, bucketOf(m, v))
	}
	return s
}

// TestQuantileError: of any distribution, every quantile is within the stated error of the value at its rank.
func TestQuantileError(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 1))
	for name, draw := range map[string]func() float64{
		"uniform":     random.Float64,
		"exponential": func() float64 { return 1e9 * random.ExpFloat64() },
		"log-normal":  func() float64 { return math.Exp(4 * random.NormFloat64()) },
		"both signs":  func() float64 { return random.NormFloat64() * 1e6 },
		"with zeros":  func() float64 { return float64(random.IntN(5)) - 1 },
		"tiny":        func() float64 { return math.SmallestNonzeroFloat64 * float64(1+random.IntN(100)) },
		"huge":        func() float64 { return math.MaxFloat64 * (0.5 + random.Float64()/5) },
		"one value":   func() float64 { return 42 },
	} {
		t.Run(name, func(t *testing.T) {
			values := make([]float64, 5000)
			for i := range values {
				values[i] = draw()
			}
			s := sketchOf(t, values...)
			slices.Sort(values)
			for _, q := range []float64{0, 0.01, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999, 1} {
				got, ok := Quantile(s, q)
				require.True(t, ok)
				want := values[int(q*float64(len(values)-1))]
				// Below the least normal number values are 0.
				allowed := SketchError*math.Abs(want)*(1+1e-9) + 0x1p-1021
				assert.InDelta(t, want, got, allowed, "quantile %v", q)
			}
		})
	}
}

func TestQuantileOfNothing(t *testing.T) {
	t.Parallel()
	s := sketchOf(t, 1)
	for _, q := range []float64{-0.1, 1.1, math.NaN()} {
		_, ok := Quantile(s, q)
		assert.False(t, ok, "%v", q)
	}
	_, ok := Quantile(nil, 0.5)
	assert.False(t, ok)
}

// TestBucketIndexes: indexes are as Bucket says, and their order is that of the values.
func TestBucketIndexes(t *testing.T) {
	t.Parallel()
	m, err := newMapping()
	require.NoError(t, err)
	rising := []float64{
		-math.MaxFloat64, -1e300, -1, -1e-300, 0, 0x1p-1020, 1e-300, 1, 1.03, 1e300, math.MaxFloat64,
	}
	var indexes []int32
	for _, v := range rising {
		indexes = append(indexes, bucketOf(m, v))
	}
	assert.IsIncreasing(t, indexes)
	for i, v := range rising {
		assert.Equal(t, v > 0, indexes[i] > 0, "%v", v)
		assert.Equal(t, -indexes[i], bucketOf(m, -v), "%v", v)
	}
	assert.Zero(t, bucketOf(m, math.SmallestNonzeroFloat64))
}

// TestSketchesMerge: however values are spread over sketches and these are added up, the buckets are those of all values; also where sketches are so wide that
// they collapse.
func TestSketchesMerge(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 2))
		exponent := []float64{1, 30, 200}[seed%3]
		var all []float64
		parts := make([][]Bucket, 4)
		m, err := newMapping()
		require.NoError(t, err)
		for range 3000 {
			v := math.Exp(random.NormFloat64() * exponent)
			if random.IntN(2) == 0 {
				v = -v
			}
			if math.IsInf(v, 0) {
				continue
			}
			all = append(all, v)
			p := random.IntN(len(parts))
			parts[p] = addBucket(parts[p], bucketOf(m, v))
		}
		want := sketchOf(t, all...)
		random.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		left := mergeBuckets(mergeBuckets(mergeBuckets(parts[0], parts[1]), parts[2]), parts[3])
		right := mergeBuckets(parts[3], mergeBuckets(parts[2], mergeBuckets(parts[1], parts[0])))
		require.Equal(t, want, left, "seed %d", seed)
		require.Equal(t, want, right, "seed %d", seed)
		var n uint64
		for _, b := range want {
			n += b.Count
		}
		require.EqualValues(t, len(all), n)
		require.LessOrEqual(t, len(want), 2*sketchSpan+1)
	}
}

func TestWideSketchIsBounded(t *testing.T) {
	t.Parallel()
	m, err := newMapping()
	require.NoError(t, err)
	var s []Bucket
	for i := range 40_000 {
		v := math.Exp(float64(i%28000)/20 - 700)
		s = addBucket(s, bucketOf(m, v))
		s = addBucket(s, bucketOf(m, -v))
	}
	assert.LessOrEqual(t, len(s), 2*sketchSpan+1)
	v, ok := Quantile(s, 0.999)
	require.True(t, ok)
	assert.Greater(t, v, 1e250)
}

// TestDistinctError: within 2 % from ten values to five millions, and whatever is merged with what.
func TestDistinctError(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 10, 1000, 100_000, 5_000_000} {
		if testing.Short() && n > 1_000_000 {
			n = 1_000_000
		}
		var one registerSet
		parts := make([]registerSet, 3)
		text := []byte("value-")
		for i := range n {
			hash := HashText(string(strconv.AppendInt(text, int64(i), 10)))
			one.insert(hash)
			one.insert(hash) // again changes nothing
			parts[i%3].insert(hash)
			if i%7 == 0 {
				parts[(i+1)%3].insert(hash)
			}
		}
		got := Distinct(one.list())
		assert.InDelta(t, n, got, 0.02*float64(n)+1e-9, "%d values", n)
		if n == 10 {
			assert.InDelta(t, 10, got, 0.01)
		}
		merged := MergeRegisters(parts[2].list(), MergeRegisters(parts[0].list(), parts[1].list()))
		assert.Equal(t, one.list(), merged)
	}
}

// TestDistinctErrorIsTheStatedOne: over many sets, the root of the mean square of the relative error is the standard error of 0.81 %.
func TestDistinctErrorIsTheStatedOne(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 5))
	for _, n := range []int{20_000, 60_000} { // where the plain estimator is off
		squares := 0.0
		const rounds = 60
		for range rounds {
			var s registerSet
			for range n {
				s.insert(random.Uint64())
			}
			off := Distinct(s.list())/float64(n) - 1
			squares += off * off
		}
		assert.Less(t, math.Sqrt(squares/rounds), 1.3*0.0081, "%d values", n)
	}
}

func TestRegisters(t *testing.T) {
	t.Parallel()
	assert.Equal(t, Register{Index: 0, Rank: maxRank}, registerOf(0))
	assert.Equal(t, Register{Index: registers - 1, Rank: 1}, registerOf(math.MaxUint64))
	assert.Equal(t, Register{Index: 1, Rank: maxRank - 1}, registerOf(1<<(64-registerBits)|1))
	assert.Zero(t, Distinct([]Register{{Index: 1, Rank: 0}, {Index: 2, Rank: maxRank + 1}}), "ranks that cannot be count for nothing")
	var full []Register
	for i := range registers {
		full = append(full, Register{Index: uint16(i), Rank: maxRank})
	}
	assert.Greater(t, Distinct(full), 1e18)
}
