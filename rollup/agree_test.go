// SPDX-License-Identifier: Apache-2.0

package rollup_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/rollup"
)

func snapshotOf(at time.Time, exchanged int, values ...rollup.Weighted) rollup.Snapshot {
	return rollup.Snapshot{Time: at, Dimensions: []rollup.Admitted{{Values: values, Exchanged: exchanged}}}
}

func TestAgree(t *testing.T) {
	t.Parallel()
	at := time.Unix(0, midday).UTC()
	type w = rollup.Weighted
	for name, c := range map[string]struct {
		budget    int
		present   rollup.Snapshot
		reports   []rollup.Snapshot
		want      []w
		exchanged int
	}{
		"weights add up": {
			2,
			rollup.Snapshot{},
			[]rollup.Snapshot{snapshotOf(at, 0, w{Value: "a", Weight: 5}, w{Value: "b", Weight: 3}), snapshotOf(at, 0, w{Value: "b", Weight: 4}, w{Value: "c", Weight: 6})},
			[]w{{Value: "b", Weight: 7}, {Value: "c", Weight: 6}},
			0,
		},
		"ties go by value":        {1, rollup.Snapshot{}, []rollup.Snapshot{snapshotOf(at, 0, w{Value: "b", Weight: 5}), snapshotOf(at, 0, w{Value: "a", Weight: 5})}, []w{{Value: "a", Weight: 5}}, 0},
		"less than twice is none": {1, snapshotOf(at, 0, w{Value: "a", Weight: 9}), []rollup.Snapshot{snapshotOf(at, 0, w{Value: "a", Weight: 5}, w{Value: "b", Weight: 9.9})}, []w{{Value: "a", Weight: 5}}, 0},
		"twice is an exchange":    {1, snapshotOf(at, 0, w{Value: "a", Weight: 9}), []rollup.Snapshot{snapshotOf(at, 0, w{Value: "a", Weight: 5}, w{Value: "b", Weight: 10})}, []w{{Value: "b", Weight: 10}}, 1},
		"no exchange is left":     {1, snapshotOf(at, 1, w{Value: "a", Weight: 9}), []rollup.Snapshot{snapshotOf(at, 0, w{Value: "a", Weight: 5}, w{Value: "b", Weight: 10})}, []w{{Value: "a", Weight: 5}}, 1},
		"the hour is another one": {1, snapshotOf(at.Add(-time.Second), 1, w{Value: "a", Weight: 9}), []rollup.Snapshot{snapshotOf(at, 0, w{Value: "a", Weight: 5}, w{Value: "b", Weight: 10})}, []w{{Value: "b", Weight: 10}}, 1},
		"idle ones are replaced freely": {
			2, snapshotOf(at, 1, w{Value: "a", Weight: 9}, w{Value: "b", Weight: 9}),
			[]rollup.Snapshot{snapshotOf(at, 0, w{Value: "a", Weight: 2, Idle: true}, w{Value: "b", Weight: 1}, w{Value: "c", Weight: 4}, w{Value: "d", Weight: 5})},
			[]w{{Value: "d", Weight: 5}, {Value: "b", Weight: 1}},
			1,
		},
		"idle by all reports or not": {
			1, snapshotOf(at, 1, w{Value: "a", Weight: 9}),
			[]rollup.Snapshot{snapshotOf(at, 0, w{Value: "a", Weight: 2, Idle: true}), snapshotOf(at, 0, w{Value: "c", Weight: 40})},
			[]w{{Value: "a", Weight: 2}},
			1,
		},
		"idle in an earlier hour": {
			1, snapshotOf(at, 1, w{Value: "a", Weight: 9}),
			[]rollup.Snapshot{snapshotOf(at.Add(-1), 0, w{Value: "a", Weight: 2, Idle: true}, w{Value: "c", Weight: 40})},
			[]w{{Value: "a", Weight: 2}},
			1,
		},
		"silent ones stay without others": {2, snapshotOf(at, 0, w{Value: "a", Weight: 9}, w{Value: "b", Weight: 9}), nil, []w{{Value: "a", Weight: 0}, {Value: "b", Weight: 0}}, 0},
		"the lightest leave":              {4, snapshotOf(at, 0, w{Value: "a", Weight: 1}, w{Value: "b", Weight: 1}, w{Value: "c", Weight: 1}, w{Value: "d", Weight: 1}), []rollup.Snapshot{snapshotOf(at, 0, w{Value: "a", Weight: 4}, w{Value: "b", Weight: 1}, w{Value: "c", Weight: 3}, w{Value: "d", Weight: 2}, w{Value: "e", Weight: 50}, w{Value: "f", Weight: 60})}, []w{{Value: "f", Weight: 60}, {Value: "a", Weight: 4}, {Value: "c", Weight: 3}, {Value: "d", Weight: 2}}, 1},
		"a smaller budget":                {1, snapshotOf(at, 0, w{Value: "a", Weight: 1}, w{Value: "b", Weight: 1}), []rollup.Snapshot{snapshotOf(at, 0, w{Value: "a", Weight: 1}, w{Value: "b", Weight: 2})}, []w{{Value: "b", Weight: 2}}, 0},
	} {
		got := rollup.Agree(at, c.budget, c.present, c.reports)
		require.Len(t, got.Dimensions, 1, name)
		assert.Equal(t, c.want, got.Dimensions[0].Values, name)
		assert.Equal(t, c.exchanged, got.Dimensions[0].Exchanged, name)
		assert.Equal(t, at, got.Time, name)
	}
}

// TestAgreeIsDeterministic: the order of reports and of their values does not matter, to the last bit.
func TestAgreeIsDeterministic(t *testing.T) {
	t.Parallel()
	at := time.Unix(0, midday)
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		var reports []rollup.Snapshot
		for range 5 {
			var values []rollup.Weighted
			for i := range 50 {
				values = append(values, rollup.Weighted{Value: strconv.Itoa(i), Weight: random.ExpFloat64()})
			}
			reports = append(reports, snapshotOf(at, 0, values...))
		}
		present := rollup.Agree(at, 20, rollup.Snapshot{}, reports[:1])
		want := rollup.Agree(at, 20, present, reports)
		random.Shuffle(len(reports), func(i, j int) { reports[i], reports[j] = reports[j], reports[i] })
		for _, r := range reports {
			v := r.Dimensions[0].Values
			random.Shuffle(len(v), func(i, j int) { v[i], v[j] = v[j], v[i] })
		}
		require.Equal(t, want, rollup.Agree(at, 20, present, reports))
	}
}

// TestOvershoot: processes that see wholly different values store between two agreements no more than stated, and the agreed set is within the budget.
func TestOvershoot(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ budget, processes int }{{100, 2}, {100, 4}, {100, 16}, {7, 3}, {3, 8}} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			t.Parallel()
			p := planOf(t, rollup.Budget{Values: c.budget}, []string{"attr.x"})
			var processes []*rollup.Admission
			agreed := snapshotOf(time.Unix(0, midday), 0)
			for range c.processes {
				a := rollup.NewAdmission(p)
				a.Follow(agreed, c.processes)
				processes = append(processes, a)
			}
			random := rand.New(rand.NewPCG(uint64(c.budget), uint64(c.processes)))
			now, most := midday, 0
			for round := range 30 {
				stored := map[string]bool{}
				room := rollup.Room(c.budget, len(agreed.Dimensions[0].Values), c.processes)
				bound := max(c.budget, len(agreed.Dimensions[0].Values)+c.processes*room)
				require.LessOrEqual(t, bound, c.budget+max(c.processes, c.budget/4))
				for range 20_000 {
					now += second / 400
					i := random.IntN(c.processes)
					value := fmt.Sprint(i, "/", round/5, "/", min(random.IntN(2*c.budget), random.IntN(2*c.budget)))
					if processes[i].Admit(now, now, []string{value}) == 0 {
						stored[value] = true
					}
				}
				assert.LessOrEqual(t, len(stored), bound, "round %d", round)
				most = max(most, len(stored))
				var reports []rollup.Snapshot
				for _, a := range processes {
					reports = append(reports, a.Snapshot(time.Unix(0, now)))
				}
				agreed = rollup.Agree(time.Unix(0, now), c.budget, agreed, reports)
				require.LessOrEqual(t, len(agreed.Dimensions[0].Values), c.budget)
				for _, a := range processes {
					a.Follow(agreed, c.processes)
					require.Equal(t, admitted(agreed, 0), admitted(a.Snapshot(time.Unix(0, now)), 0))
				}
			}
			t.Logf("at most %d values stored between two agreements with a budget of %d", most, c.budget)
		})
	}
}

// TestAgreementConverges: values that are heavy in total come to be in every process's set, also those of which each process sees little.
func TestAgreementConverges(t *testing.T) {
	t.Parallel()
	const budget, processes = 40, 4
	p := planOf(t, rollup.Budget{Values: budget}, []string{"attr.x"})
	var all []*rollup.Admission
	agreed := snapshotOf(time.Unix(0, midday), 0)
	for range processes {
		a := rollup.NewAdmission(p)
		a.Follow(agreed, processes)
		all = append(all, a)
	}
	random := rand.New(rand.NewPCG(8, 8))
	now := midday + 55*60*second // five minutes before the next hour
	for round := range 60 {
		for range 4000 {
			now += second / 400
			a := all[random.IntN(processes)]
			if random.IntN(3) == 0 {
				a.Admit(now, now, []string{fmt.Sprint("heavy", random.IntN(30))})
			} else {
				a.Admit(now, now, []string{fmt.Sprint("random", random.Uint64())})
			}
		}
		var reports []rollup.Snapshot
		for _, a := range all {
			reports = append(reports, a.Snapshot(time.Unix(0, now)))
		}
		before := admitted(agreed, 0)
		agreed = rollup.Agree(time.Unix(0, now), budget, agreed, reports)
		for _, a := range all {
			a.Follow(agreed, processes)
		}
		if round > 40 {
			for _, v := range before {
				if v[0] == 'h' {
					require.Contains(t, admitted(agreed, 0), v, "round %d", round)
				}
			}
		}
	}
	heavy := slices.DeleteFunc(admitted(agreed, 0), func(v string) bool { return v[0] != 'h' })
	assert.Len(t, heavy, 30)
}

// TestFollowTellsOnlyOwnWeights: what others told is not told again as one's own, or weights would grow by being agreed on.
func TestFollowTellsOnlyOwnWeights(t *testing.T) {
	t.Parallel()
	a := admissionOf(t, 4, 0)
	at := time.Unix(0, midday)
	a.Admit(midday, midday, []string{"x"})
	a.Admit(midday, midday, []string{"y"})
	a.Follow(snapshotOf(at, 0, rollup.Weighted{Value: "far", Weight: 100}, rollup.Weighted{Value: "x", Weight: 9}), 2)
	assert.Equal(t, []rollup.Weighted{{Value: "x", Weight: 1}, {Value: "far", Idle: true}}, a.Snapshot(at).Dimensions[0].Values)
	// y has become a candidate and comes back with what it weighed, while there is room for one other.
	assert.Zero(t, a.Admit(midday, midday, []string{"y"}))
	assert.EqualValues(t, 1, a.Admit(midday, midday, []string{"z"}))
	assert.Contains(t, a.Snapshot(at).Dimensions[0].Values, rollup.Weighted{Value: "y", Weight: 2})
}
