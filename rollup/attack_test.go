// SPDX-License-Identifier: Apache-2.0

package rollup_test

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/rollup"
)

// TestZipfUnderAttack: of millions of values by Zipf's law, with random ones mixed in from the first event on, the true top 100 are admitted soon and are
// never folded again, and no hour admits and stores more values than the bound.
func TestZipfUnderAttack(t *testing.T) {
	t.Parallel()
	events, values := 10_000_000, 5_000_000
	if testing.Short() {
		events, values = events/10, values/10
	}
	const budget, perSecond, top = 1000, 1000, 100
	p := planOf(t, rollup.Budget{Values: budget, Combinations: 10_000}, []string{"attr.x"})
	a := rollup.NewAdmission(p)
	random := rand.New(rand.NewPCG(1, 2))
	zipf := rand.NewZipf(random, 1.1, 1, uint64(values-1))

	total := make([]uint32, values)
	visible := make([]uint32, values)
	admittedAt := make([]int, top) // the event, from 1
	beforeThat := make([]uint32, top)
	foldedAgain := make([]int, top)
	stored := map[int64]map[string]bool{}
	one := make([]string, 1)
	for i := range events + events/10 {
		now := midday + int64(i)*second/perSecond
		rank := -1
		if i%11 == 10 {
			one[0] = "/random/" + strconv.FormatUint(random.Uint64(), 36)
		} else {
			rank = int(zipf.Uint64())
			one[0] = "/route/" + strconv.Itoa(rank)
			total[rank]++
		}
		folded := a.Admit(now, now, one) != 0
		if !folded {
			hour := now / int64(time.Hour)
			if stored[hour] == nil {
				stored[hour] = map[string]bool{}
			}
			stored[hour][one[0]] = true
		}
		if rank < 0 {
			continue
		}
		if !folded {
			visible[rank]++
		}
		if rank < top {
			switch {
			case !folded && admittedAt[rank] == 0:
				admittedAt[rank], beforeThat[rank] = i+1, total[rank]-1
			case folded && admittedAt[rank] != 0:
				foldedAgain[rank]++
			}
		}
	}
	latest := 0
	for rank := range top {
		require.NotZero(t, admittedAt[rank], "rank %d is never admitted", rank)
		assert.Zero(t, foldedAgain[rank], "rank %d is folded after its admission", rank)
		assert.Equal(t, total[rank]-beforeThat[rank], visible[rank], "rank %d", rank)
		latest = max(latest, admittedAt[rank])
	}
	assert.LessOrEqual(t, latest, 60*perSecond, "the last of the top 100 is in after so many events")
	assert.LessOrEqual(t, len(a.Snapshot(time.Unix(0, midday)).Dimensions[0].Values), budget)
	for hour, values := range stored {
		assert.LessOrEqual(t, len(values), budget+budget/4, "hour %d", hour-midday/int64(time.Hour))
	}
	t.Logf("the last of the top %d was in after %d events; %d hours", top, latest, len(stored))
}

// TestFloodFromTheFirstEvent: random values that come 50 times as often as all routes together fill the budget at once, yet routes are in within seconds, as
// many as may displace values of the same hour; the others when the next hour begins.
func TestFloodFromTheFirstEvent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		routes       int
		withinHour   int // how many have to be in before the hour ends
		all          time.Duration
		firstQuarter time.Duration
	}{
		{routes: 50, withinHour: 50, firstQuarter: 10 * time.Second, all: time.Minute},
		{routes: 200, withinHour: 200, firstQuarter: 30 * time.Second, all: 3 * time.Minute},
		{routes: 600, withinHour: 250, firstQuarter: 2 * time.Minute, all: 13 * time.Minute},
	} {
		t.Run(strconv.Itoa(c.routes), func(t *testing.T) {
			t.Parallel()
			const budget, perSecond, perRoute = 1000, 5000, 51
			start := midday + 50*60*second // ten minutes before the next hour
			a := rollup.NewAdmission(planOf(t, rollup.Budget{Values: budget}, []string{"attr.x"}))
			random := rand.New(rand.NewPCG(3, uint64(c.routes)))
			in := map[int]time.Duration{}
			inHour := 0
			one := make([]string, 1)
			for i := range perSecond * 60 * 14 {
				now := start + int64(i)*second/perSecond
				route := -1
				if i%perRoute == perRoute-1 {
					route = random.IntN(c.routes)
					one[0] = "/route/" + strconv.Itoa(route)
				} else {
					one[0] = "/random/" + strconv.FormatUint(random.Uint64(), 36)
				}
				folded := a.Admit(now, now, one) != 0
				if route < 0 {
					continue
				}
				_, was := in[route]
				switch {
				case !folded && !was:
					in[route] = time.Duration(now - start)
					if now < start+600*second {
						inHour++
					}
				case folded && was:
					t.Fatalf("route %d is folded %s after its admission", route, time.Duration(now-start)-in[route])
				}
			}
			require.Len(t, in, c.routes)
			var last time.Duration
			early := 0
			for _, at := range in {
				last = max(last, at)
				if at <= c.firstQuarter {
					early++
				}
			}
			assert.GreaterOrEqual(t, inHour, c.withinHour)
			assert.GreaterOrEqual(t, early, min(c.routes, budget)/4)
			assert.LessOrEqual(t, last, c.all)
			t.Logf("%d routes: a quarter of them in %s, %d before the hour ended, the last after %s", c.routes, c.firstQuarter, inHour, last)
		})
	}
}
