// SPDX-License-Identifier: Apache-2.0

package skew

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

const ms = int64(1_000_000)

func call(start, duration int64) Span {
	return Span{ID: "a", Service: "front", Host: "one", Kind: "client", Start: start * ms, Duration: duration * ms}
}

func handler(start, duration int64) Span {
	return Span{ID: "b", Parent: "a", Service: "stock", Host: "two", Kind: "server", Start: start * ms, Duration: duration * ms}
}

func as(s Span, change func(*Span)) Span {
	change(&s)
	return s
}

func TestOf(t *testing.T) {
	for name, c := range map[string]struct {
		spans []Span
		want  []int64 // milliseconds
	}{
		"inside":                        {[]Span{call(0, 100), handler(20, 50)}, []int64{0, 0}},
		"before":                        {[]Span{call(10_000, 100), handler(20, 50)}, []int64{0, 10_005}},
		"behind":                        {[]Span{call(0, 100), handler(10_000, 50)}, []int64{0, -9_975}},
		"ends late, the caller waited":  {[]Span{call(0, 100), handler(80, 50)}, []int64{0, -55}},
		"longer and early":              {[]Span{call(1000, 10), handler(500, 50)}, []int64{0, 500}},
		"longer and late":               {[]Span{call(0, 10), handler(5, 50)}, []int64{0, 0}},
		"within the tolerance":          {[]Span{call(1, 100), handler(0, 50)}, []int64{0, 0}},
		"same host":                     {[]Span{call(10_000, 100), as(handler(0, 50), func(s *Span) { s.Host = "one" })}, []int64{0, 0}},
		"host unknown":                  {[]Span{as(call(1000, 100), func(s *Span) { s.Host = "" }), handler(0, 50)}, []int64{0, 0}},
		"parent missing":                {[]Span{call(10_000, 100), as(handler(0, 50), func(s *Span) { s.Parent = "gone" })}, []int64{0, 0}},
		"no spans":                      {nil, []int64{}},
		"internal that simply outlives": {[]Span{as(call(0, 100), func(s *Span) { s.Kind = "server" }), handler(80, 50)}, []int64{0, 0}},
		"internal long after":           {[]Span{as(call(0, 100), func(s *Span) { s.Kind = "server" }), handler(3_600_000, 50)}, []int64{0, -3_599_975}},
		"consumed later":                {[]Span{as(call(0, 10), func(s *Span) { s.Kind = "producer" }), as(handler(60_000, 5), func(s *Span) { s.Kind = "consumer" })}, []int64{0, 0}},
		"consumed before it was produced": {
			[]Span{as(call(60_000, 10), func(s *Span) { s.Kind = "producer" }), as(handler(0, 5), func(s *Span) { s.Kind = "consumer" })}, []int64{0, 60_000},
		},
		"what is below moves along": {
			[]Span{call(10_000, 100), handler(20, 50), {ID: "c", Parent: "b", Service: "stock", Host: "two", Start: 30 * ms, Duration: 10 * ms}},
			[]int64{0, 10_005, 10_005},
		},
		"a third host with the clock of the second": {
			[]Span{call(10_000, 100), handler(20, 50), {ID: "c", Parent: "b", Service: "db", Host: "three", Kind: "server", Start: 30 * ms, Duration: 10 * ms}},
			[]int64{0, 10_005, 10_015},
		},
		"a third host with the clock of the first": {
			[]Span{call(10_000, 100), handler(20, 50), {ID: "c", Parent: "b", Service: "db", Host: "one", Kind: "server", Start: 10_040 * ms, Duration: 10 * ms}},
			[]int64{0, 10_005, 0},
		},
		"the two sides of a shared span": {
			[]Span{call(10_000, 100), as(handler(20, 50), func(s *Span) { s.ID = "a" }), {ID: "c", Parent: "a", Service: "stock", Host: "two", Start: 30 * ms, Duration: 10 * ms}},
			[]int64{0, 10_005, 10_005},
		},
		"cycle": {[]Span{as(call(10_000, 100), func(s *Span) { s.Parent = "b" }), handler(0, 50)}, []int64{0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			for i := range c.want {
				c.want[i] *= ms
			}
			require.Equal(t, c.want, Of(c.spans))
			for i := range c.spans { // the order does not matter
				turned := append(append([]Span{}, c.spans[i:]...), c.spans[:i]...)
				require.Equal(t, append(append([]int64{}, c.want[i:]...), c.want[:i]...), Of(turned))
			}
		})
	}
}

// A hundred thousand spans, each below the one before on the other host, take no recursion.
func TestDeep(t *testing.T) {
	spans := make([]Span, 100_000)
	for i := range spans {
		spans[i] = Span{ID: strconv.Itoa(i), Parent: strconv.Itoa(i - 1), Service: "s", Host: strconv.Itoa(i % 2), Start: int64(i%2) * 1000 * ms, Duration: 500 * ms}
	}
	spans[0].Parent = ""
	moved := Of(spans)
	require.Equal(t, -1000*ms, moved[1])
	require.Zero(t, moved[2])
}
