// SPDX-License-Identifier: Apache-2.0

package rollup_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/rollup"
)

func admissionOf(tb testing.TB, values, combinations int, dimensions ...string) *rollup.Admission {
	tb.Helper()
	if len(dimensions) == 0 {
		dimensions = []string{"attr.x"}
	}
	return rollup.NewAdmission(planOf(tb, rollup.Budget{Values: values, Combinations: combinations}, dimensions))
}

// admitted returns the values of a dimension.
func admitted(s rollup.Snapshot, dimension int) []string {
	var out []string
	for _, v := range s.Dimensions[dimension].Values {
		out = append(out, v.Value)
	}
	slices.Sort(out)
	return out
}

func TestFewValuesNeverFold(t *testing.T) {
	t.Parallel()
	a := admissionOf(t, 100, 0)
	for i := range 10_000 {
		now := midday + int64(i)*second
		require.Zero(t, a.Admit(now, now, []string{strconv.Itoa(i * i % 100)}))
	}
}

func TestEmptyAndMissingValuesAreValues(t *testing.T) {
	t.Parallel()
	a := admissionOf(t, 1, 0, "attr.x", "attr.y")
	assert.Zero(t, a.Admit(midday, midday, []string{"", "__other__"}))
	assert.Zero(t, a.Admit(midday, midday, []string{"", "__other__"}))
	assert.EqualValues(t, 0b11, a.Admit(midday, midday, []string{"__other__", ""}))
	assert.EqualValues(t, 0b10, a.Admit(midday, midday, nil), "what is missing is empty")
	assert.Equal(t, []string{""}, admitted(a.Snapshot(time.Unix(0, midday)), 0))
	assert.Equal(t, []string{"__other__"}, admitted(a.Snapshot(time.Unix(0, midday)), 1))
}

// TestHeavyLatecomer: a value that becomes heavy is admitted, the lightest leaves, and only it.
func TestHeavyLatecomer(t *testing.T) {
	t.Parallel()
	const budget = 10
	a := admissionOf(t, budget, 0)
	now := midday
	events := func(value string, n int) (folded int) {
		for range n {
			folded += int(a.Admit(now, now, []string{value}))
		}
		return folded
	}
	for i := range budget {
		require.Zero(t, events(fmt.Sprint("v", i), 10*(i+1)))
	}
	folded := events("new", 100)
	assert.Equal(t, 20, folded, "one event to be noticed and 20 to weigh twice what the lightest does, of which the last is in")
	want := []string{"new", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9"}
	assert.Equal(t, want, admitted(a.Snapshot(time.Unix(0, now)), 0))
	// About as heavy as the lightest is not enough to take its place.
	assert.Equal(t, 35, events("v0", 35), "v1 weighs 20; the 10 events that v0 had count for it, yet the last place of the hour goes for 8 times the weight")
	// Silence makes light: after four half-lives v1 weighs next to nothing.
	now += 20 * 60 * second
	assert.Equal(t, 10, events("late", 20), "one event to be noticed and 10 to weigh 8 times 1.25, of which the last is in")
	assert.NotContains(t, admitted(a.Snapshot(time.Unix(0, now)), 0), "v1")
}

// TestLightCandidateStaysOut: twice the weight of the lightest is not enough for a value that has less than a quarter of the mean weight.
func TestLightCandidateStaysOut(t *testing.T) {
	t.Parallel()
	a := admissionOf(t, 2, 0)
	for i := range 1000 {
		a.Admit(midday, midday, []string{[]string{"light", "heavy"}[min(i, 1)]})
	}
	for range 125 { // one to be noticed, and 124 of a mean of 500
		require.EqualValues(t, 1, a.Admit(midday, midday, []string{"new"}))
	}
	assert.Zero(t, a.Admit(midday, midday, []string{"new"}))
}

func TestWeightsDecay(t *testing.T) {
	t.Parallel()
	a := admissionOf(t, 10, 0)
	for range 64 {
		a.Admit(midday, midday, []string{"x"})
	}
	weightAfter := func(d time.Duration) float64 {
		return a.Snapshot(time.Unix(0, midday).Add(d)).Dimensions[0].Values[0].Weight
	}
	assert.InDelta(t, 64, weightAfter(0), 1e-9)
	assert.InDelta(t, 32, weightAfter(rollup.HalfLife), 1e-9)
	assert.InDelta(t, 16, weightAfter(rollup.Window), 1e-9)
	// Beyond where the weights are rescaled, and a clock that goes back changes nothing.
	assert.InDelta(t, 64*0x1p-40, weightAfter(40*rollup.HalfLife), 1e-20)
	assert.InDelta(t, 64*0x1p-40, weightAfter(0), 1e-20)
	assert.InDelta(t, 0, weightAfter(10*365*24*time.Hour), 0)
	late := time.Unix(0, midday).Add(10 * 365 * 24 * time.Hour)
	a.Admit(late.UnixNano(), midday, []string{"x"})
	assert.InDelta(t, 1, a.Snapshot(late).Dimensions[0].Values[0].Weight, 1e-9)
}

// TestHourlyBound: whatever comes, no hour sees more than budget + max(1, budget/4) values admitted, and never more than the budget at a time.
func TestHourlyBound(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, 7))
		budget := []int{1, 2, 3, 5, 20, 100}[seed%6]
		a := admissionOf(t, budget, 0)
		stored := map[int64]map[string]bool{}
		now := midday + random.Int64N(3600)*second
		era, kinds := 0, 1+random.IntN(20*budget)
		for range 40_000 {
			now += random.Int64N(1 + second)
			if random.IntN(2000) == 0 { // other values are heavy from now on
				era++
				kinds = 1 + random.IntN(20*budget)
			}
			value := fmt.Sprint(era, "/", min(random.IntN(kinds), random.IntN(kinds)))
			if a.Admit(now, now, []string{value}) != 0 {
				continue
			}
			hour := now / int64(time.Hour)
			if stored[hour] == nil {
				stored[hour] = map[string]bool{}
			}
			stored[hour][value] = true
		}
		require.LessOrEqual(t, len(a.Snapshot(time.Unix(0, now)).Dimensions[0].Values), budget)
		reached := false
		for _, values := range stored {
			require.LessOrEqual(t, len(values), budget+max(1, budget/4), "seed %d, budget %d", seed, budget)
			reached = reached || len(values) > budget
		}
		require.True(t, reached || seed%6 > 3, "seed %d exchanges nothing, so that it tests nothing", seed)
	}
}

// TestSteadyValuesDoNotFlap: with twice as many values of equal weight as there is room for, those that are in stay.
func TestSteadyValuesDoNotFlap(t *testing.T) {
	t.Parallel()
	const budget = 50
	a := admissionOf(t, budget, 0)
	random := rand.New(rand.NewPCG(1, 9))
	var before []string
	for i := range 400_000 {
		now := midday + int64(i)*second/100
		a.Admit(now, now, []string{strconv.Itoa(random.IntN(2 * budget))})
		if i == 50_000 {
			before = admitted(a.Snapshot(time.Unix(0, now)), 0)
		}
	}
	assert.Equal(t, before, admitted(a.Snapshot(time.Unix(0, midday+4001*second)), 0))
}

// TestCombinationsOfABucket: a bucket has at most the budget of combinations and the one in which all is folded, also one that was forgotten; the dimension
// with the most admitted values is folded first, and while a bucket is known what is there stays.
func TestCombinationsOfABucket(t *testing.T) {
	t.Parallel()
	const most = 64
	type row struct {
		few, many string
		folded    uint8
	}
	for _, buckets := range []int{1, 15, 25, 1100} {
		a := admissionOf(t, 1000, most, "attr.few", "attr.many")
		seen := map[int64]map[row]bool{}
		random := rand.New(rand.NewPCG(2, 2))
		byFold := map[uint8]int{}
		for range 2000 * min(buckets, 50) {
			at := midday - random.Int64N(int64(buckets))*10*second
			r := row{few: strconv.Itoa(random.IntN(4)), many: strconv.Itoa(random.IntN(400))}
			r.folded = a.Admit(midday, at, []string{r.few, r.many})
			byFold[r.folded]++
			if r.folded&1 != 0 {
				r.few = ""
			}
			if r.folded&2 != 0 {
				r.many = ""
			}
			if seen[at] == nil {
				seen[at] = map[row]bool{}
			}
			seen[at][r] = true
		}
		require.Len(t, seen, buckets)
		for _, rows := range seen {
			require.LessOrEqual(t, len(rows), most+1, "%d buckets", buckets)
		}
		assert.Zero(t, byFold[1], "the dimension of few values is never folded alone")
		assert.NotZero(t, byFold[2], "%d buckets", buckets)
		if buckets > 15 {
			continue
		}
		assert.Zero(t, byFold[3], "%d buckets", buckets)
		for _, rows := range seen {
			for few := range 4 {
				assert.Contains(t, rows, row{few: strconv.Itoa(few), folded: 2}, "%d buckets", buckets)
			}
		}
	}
}

func TestCombinationThatIsThereStays(t *testing.T) {
	t.Parallel()
	a := admissionOf(t, 1000, 8, "attr.x", "attr.y")
	require.Zero(t, a.Admit(midday, midday, []string{"a", "b"}))
	for i := range 1000 {
		a.Admit(midday, midday, []string{strconv.Itoa(i % 900), strconv.Itoa(i % 700)})
	}
	assert.Zero(t, a.Admit(midday, midday, []string{"a", "b"}))
	assert.EqualValues(t, 0b11, a.Admit(midday, midday, []string{"b", "a"}), "nothing has room but what is folded wholly")
	assert.Zero(t, a.Admit(midday, midday+10*second, []string{"a", "c"}), "the next bucket has room")
}

func TestSnapshotAndRestore(t *testing.T) {
	t.Parallel()
	const budget = 100
	a := admissionOf(t, budget, 0)
	random := rand.New(rand.NewPCG(4, 4))
	zipf := rand.NewZipf(random, 1.2, 1, 5000)
	now := midday
	for range 100_000 {
		now += second / 100
		a.Admit(now, now, []string{strconv.FormatUint(zipf.Uint64(), 10)})
	}
	at := time.Unix(0, now).UTC()
	before := a.Snapshot(at)
	require.Len(t, before.Dimensions[0].Values, budget)
	text, err := json.Marshal(before)
	require.NoError(t, err)
	var read rollup.Snapshot
	require.NoError(t, json.Unmarshal(text, &read))

	b := admissionOf(t, budget, 0)
	b.Admit(now, now, []string{"what was before is forgotten"})
	b.Restore(read)
	after := b.Snapshot(at)
	require.Equal(t, admitted(before, 0), admitted(after, 0))
	for i, v := range after.Dimensions[0].Values {
		assert.InEpsilon(t, before.Dimensions[0].Values[i].Weight, v.Weight, 1e-9)
	}
	// The restored one goes on as the other does: no value that is in flaps.
	for range 20_000 {
		now += second / 100
		v := []string{strconv.FormatUint(zipf.Uint64(), 10)}
		if before.Dimensions[0].Values[budget/2].Weight > 4*before.Dimensions[0].Values[budget-1].Weight &&
			slices.Contains(admitted(before, 0)[:budget/2], v[0]) {
			require.Equal(t, a.Admit(now, now, v), b.Admit(now, now, v))
		}
	}
	// More than the budget: the heaviest.
	c := admissionOf(t, 10, 0)
	c.Restore(before)
	var want []string
	for _, v := range before.Dimensions[0].Values[:10] {
		want = append(want, v.Value)
	}
	slices.Sort(want)
	assert.Equal(t, want, admitted(c.Snapshot(at), 0))
}

func TestConcurrentAdmission(t *testing.T) {
	t.Parallel()
	a := admissionOf(t, 50, 100, "attr.x", "attr.y")
	var wg sync.WaitGroup
	for g := range uint64(4) {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(g, 0))
			for i := range 5000 {
				now := midday + int64(i)*second/10
				a.Admit(now, now, []string{strconv.Itoa(random.IntN(100)), strconv.Itoa(random.IntN(1000))})
				if i%1000 == 0 {
					a.Follow(a.Snapshot(time.Unix(0, now)), 2)
				}
			}
		})
	}
	wg.Wait()
	assert.LessOrEqual(t, len(a.Snapshot(time.Unix(0, midday)).Dimensions[1].Values), 50)
}
