// SPDX-License-Identifier: Apache-2.0

package promapi

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage/metrics/fanout"
)

// BenchmarkRange asks for 2 000 series at 81 steps of a minute, from samples every 15 seconds: in this process, and from one and two
// writers over loopback, each with a half or with all of the series. The CPU time is of both sides.
func BenchmarkRange(b *testing.B) {
	const series = 2000
	fill := func(tb testing.TB, p *proc, first, step int) {
		tb.Helper()
		var samples []sample
		for i := range 360 {
			t := start.Add(time.Duration(i) * 15 * time.Second).UnixMilli()
			for s := first; s < series; s += step {
				rnd := rand.New(rand.NewPCG(uint64(i), uint64(s))) // the same in replicas
				ls := labels.FromStrings("__name__", "m", "instance", fmt.Sprint("i", s), "job", "bench", "cluster", "c1", "namespace", fmt.Sprint("ns", s%20))
				samples = append(samples, sample{ls: ls, t: t, v: float64(i*10) + float64(rnd.IntN(10))})
			}
		}
		p.add(tb, samples)
	}
	full, full2, even, odd := startWriter(b, nil), startWriter(b, nil), startWriter(b, nil), startWriter(b, nil)
	fill(b, full, 0, 1)
	fill(b, full2, 0, 1)
	fill(b, even, 0, 2)
	fill(b, odd, 1, 2)
	single, _ := startQuery(b, fanout.DefaultConfig(), full.as("w0"))
	halves, _ := startQuery(b, fanout.DefaultConfig(), even.as("w0"), odd.as("w1"))
	replicas, _ := startQuery(b, fanout.DefaultConfig(), full.as("w0"), full2.as("w1"))
	for _, q := range []string{`rate(m[5m])`, `sum by (namespace) (rate(m[5m]))`} {
		form := url.Values{"query": {q}, "start": {unix(start.Add(5 * time.Minute))}, "end": {unix(start.Add(85 * time.Minute))}, "step": {"60"}}
		for _, c := range []struct {
			name string
			p    *proc
		}{{"local", full}, {"one writer", single}, {"two writers, halves", halves}, {"two writers, replicas", replicas}} {
			b.Run(q+"/"+c.name, func(b *testing.B) {
				before := cpu(b)
				for b.Loop() {
					require.Equal(b, http.StatusOK, c.p.get(b, "/query_range", form).Code)
				}
				b.ReportMetric(float64((cpu(b)-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
			})
		}
	}
}

func cpu(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	require.NoError(tb, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
