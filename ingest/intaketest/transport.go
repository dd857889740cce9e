// SPDX-License-Identifier: Apache-2.0

package intaketest

import (
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/signal"
)

func testRecords(t *testing.T, f *fixture) {
	t.Helper()
	recs := records(20)
	f.wholly(t, f.sendRecords(t, recs...), len(recs))
	got := f.arrived(t)
	for _, r := range recs {
		g := got[r.Name]
		require.Equal(t, r.Time.UnixMilli(), g.Time.UnixMilli())
		require.Subset(t, g.Attributes, r.Attributes)
		if f.Signal == signal.Metrics {
			require.Equal(t, r.Value, g.Value) //nolint:testifylint // To the bit.
		}
	}
}

func testEmpty(t *testing.T, f *fixture) {
	t.Helper()
	bodies := []Request{{}, f.request(t, nil), f.request(t, f.Encode(t))}
	for _, c := range f.Codings {
		bodies = append(bodies, Request{Coding: c.Name}, Request{Coding: c.Name, Body: c.Encode(t, nil)})
	}
	for _, r := range bodies {
		a := f.send(t, r)
		require.Equal(t, Taken, a.Verdict, "%q: %s", r.Coding, a.Status)
	}
	require.Zero(t, f.bus.Len())
	require.Zero(t, f.totals(t).Received)
}

func testTruncated(t *testing.T, f *fixture) {
	t.Helper()
	body := f.Encode(t, records(3)...)
	for _, n := range []int{len(body) / 4, len(body) / 2, len(body) - 1} {
		f.refuses(t, Refused, f.request(t, body[:n]))
	}
}

func testGarbage(t *testing.T, f *fixture) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // The same bytes every time.
	for range 200 {
		b := make([]byte, 1+rnd.IntN(300))
		for i := range b {
			b[i] = byte(rnd.UintN(256)) //nolint:gosec // Below 256.
		}
		a := f.send(t, f.request(t, b))
		require.Contains(t, []Verdict{Refused, Taken}, a.Verdict, "%x: %s", b, a.Status) // Bytes may happen to say nothing.
		require.Zero(t, a.RetryAfter)
		require.Zero(t, f.bus.Len())
	}
}

func testContentType(t *testing.T, f *fixture) {
	t.Helper()
	r := f.request(t, f.Encode(t, records(1)...))
	r.ContentType = "text/plain"
	f.refuses(t, Unsupported, r)
}

func testUnknownCoding(t *testing.T, f *fixture) {
	t.Helper()
	for _, name := range []string{"br", f.Codings[0].Name + ", br"} {
		r := f.request(t, f.Encode(t, records(1)...))
		r.Coding = name
		f.refuses(t, Unsupported, r)
	}
}

func testCodings(t *testing.T, f *fixture) {
	t.Helper()
	for _, c := range f.Codings {
		f := f.again(t, nil)
		f.wholly(t, f.send(t, Request{Coding: c.Name, Body: c.Encode(t, f.Encode(t, records(5)...))}), 5)
	}
}

func testBrokenCoding(t *testing.T, f *fixture) {
	t.Helper()
	body := f.Encode(t, records(5)...)
	for _, c := range f.Codings {
		coded := c.Encode(t, body)
		f.refuses(t, Refused, Request{Coding: c.Name, Body: coded[:len(coded)/2]})
		f.refuses(t, Refused, Request{Coding: c.Name, Body: []byte("hello")})
	}
}

// testBombs also bounds what is allocated, by the client too: the bombs hold 16 MiB at least.
func testBombs(t *testing.T, f *fixture) {
	t.Helper()
	for _, c := range f.Codings {
		for name, bomb := range c.bombs(t) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			a := f.send(t, Request{Coding: c.Name, Body: bomb})
			runtime.ReadMemStats(&after)
			require.Equal(t, TooLarge, a.Verdict, "%s, %s: %s", c.Name, name, a.Status)
			require.Zero(t, a.RetryAfter)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(14<<20), "%s, %s", c.Name, name)
		}
	}
	require.Zero(t, f.bus.Len())
}

func testTooLarge(t *testing.T, f *fixture) {
	t.Helper()
	f.refuses(t, TooLarge, Request{Coding: f.request(t, nil).Coding, Body: make([]byte, MaxBody+1)})
	for _, c := range f.Codings {
		f.refuses(t, TooLarge, Request{Coding: c.Name, Body: c.Encode(t, make([]byte, MaxBody+1))})
	}
}
