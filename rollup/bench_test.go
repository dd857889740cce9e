// SPDX-License-Identifier: Apache-2.0

package rollup_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/rollup"
)

// BenchmarkAdmit is the cost of a decision about three values: known ones, and with one dimension of values that come once.
func BenchmarkAdmit(b *testing.B) {
	b.Run("known", func(b *testing.B) {
		a := admissionOf(b, 1000, 10_000, "service", "route", "attr.customer")
		random := rand.New(rand.NewPCG(1, 1))
		events := make([][]string, 4096)
		for i := range events {
			events[i] = []string{fmt.Sprint("service-", random.IntN(20)), fmt.Sprint("/api/v1/route/", random.IntN(200)), fmt.Sprint("customer-", random.IntN(900))}
			a.Admit(midday, midday, events[i])
		}
		b.ReportAllocs()
		b.ResetTimer()
		for i := range b.N {
			a.Admit(midday, midday, events[i%len(events)])
		}
	})
	b.Run("one dimension flooded", func(b *testing.B) {
		a := admissionOf(b, 1000, 10_000, "service", "route", "attr.customer")
		flood := make([]string, 1<<20)
		for i := range flood {
			flood[i] = fmt.Sprint("customer-", i)
		}
		values := []string{"shop", "/api/v1/route", ""}
		for i := range 2000 {
			values[2] = flood[i]
			a.Admit(midday, midday, values)
		}
		b.ReportAllocs()
		b.ResetTimer()
		for i := range b.N {
			values[2] = flood[i%len(flood)]
			a.Admit(midday, midday, values)
		}
	})
}

// BenchmarkAdd is the cost of an event of three dimensions and two inputs, one with a sketch and one with a distinct count, in a batch of 4 096.
func BenchmarkAdd(b *testing.B) {
	p := planOf(b, rollup.Budget{}, []string{"service", "route", "attr.customer"},
		measure("count", ""), measure("sum", "duration"), measure("p95", "duration"), measure("distinct", "attr.user"))
	g, err := rollup.NewAggregator(p, rollup.NewAdmission(p))
	require.NoError(b, err)
	random := rand.New(rand.NewPCG(1, 1))
	events := make([]*rollup.Event, 4096)
	for i := range events {
		e := p.NewEvent()
		e.Time = midday + random.Int64N(20*second)
		e.Values[0], e.Values[1], e.Values[2] = "shop", fmt.Sprint("/api/v1/route/", random.IntN(20)), fmt.Sprint("customer-", random.IntN(5))
		e.Observations[0] = rollup.Observation{HasNumber: true, Number: 1e7 * random.ExpFloat64()}
		e.Observations[1] = rollup.Observation{HasText: true, Hash: random.Uint64()}
		events[i] = e
	}
	b.Run("known combinations", func(b *testing.B) {
		g.Reset(time.Unix(0, midday))
		for _, e := range events {
			g.Add(e)
		}
		b.ReportAllocs()
		b.ResetTimer()
		for i := range b.N {
			g.Add(events[i%len(events)])
		}
	})
	b.Run("batches with rows", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			if i%len(events) == 0 {
				g.Rows()
				g.Reset(time.Unix(0, midday))
			}
			g.Add(events[i%len(events)])
		}
	})
}

// BenchmarkMemory reports what an Admission of the default budget holds when all of it is used and flooded, for each dimension and for the combinations.
func BenchmarkMemory(b *testing.B) {
	held := func(fill func() *rollup.Admission) float64 {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		a := fill()
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(a)
		return float64(after.HeapAlloc) - float64(before.HeapAlloc)
	}
	for range b.N {
		b.ReportMetric(held(func() *rollup.Admission {
			a := admissionOf(b, 1000, 10_000)
			for i := range 200_000 {
				now := midday + int64(i)*second/1000
				a.Admit(now, now, []string{fmt.Sprint("/a/route/of/usual/length/", i%50_000)})
				a.Admit(now, now, []string{fmt.Sprint("/a/route/of/usual/length/", i%50_000)})
			}
			return a
		}), "B/dimension")
		b.ReportMetric(held(func() *rollup.Admission {
			a := admissionOf(b, 200, 10_000, "attr.x", "attr.y", "attr.z")
			for i := range 1_000_000 {
				at := midday - int64(i/20_000)*10*second
				a.Admit(midday, at, []string{strconv.Itoa(i % 199), strconv.Itoa(i % 197), strconv.Itoa(i % 193)})
			}
			return a
		}), "B/combinations")
	}
}
