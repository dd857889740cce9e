// SPDX-License-Identifier: Apache-2.0

package seriescache

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"google.golang.org/protobuf/encoding/protowire"
)

var at = time.UnixMilli(1_700_000_000_123)

// request has one gauge with a point of the attribute i for each of is.
func requestOf(tb testing.TB, when time.Time, is ...int) []byte {
	tb.Helper()
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", "shop")
	rm.SetSchemaUrl("https://example.org/r")
	sm := rm.ScopeMetrics().AppendEmpty()
	sm.Scope().SetName("lib")
	m := sm.Metrics().AppendEmpty()
	m.SetName("m")
	dps := m.SetEmptyGauge().DataPoints()
	for _, i := range is {
		p := dps.AppendEmpty()
		p.SetTimestamp(pcommon.NewTimestampFromTime(when))
		p.SetStartTimestamp(pcommon.NewTimestampFromTime(when.Add(-time.Minute)))
		p.SetIntValue(int64(i))
		p.Attributes().PutStr("a", "b")
		p.Attributes().PutInt("i", int64(i))
	}
	return marshal(tb, md)
}

func marshal(tb testing.TB, md pmetric.Metrics) []byte {
	tb.Helper()
	body, err := pmetricotlp.NewExportRequestFromMetrics(md).MarshalProto()
	require.NoError(tb, err)
	return body
}

// learnAll tells the cache of every unknown point what a translation that takes everything would have made of it; series are numbered.
func learnAll(c *Cache[int], target bool, now time.Time) {
	n := 0
	for i := range c.Unknown() {
		c.Learn(i, c.translated(c.plan.unknown[i], target, &n), now)
	}
}

func (c *Cache[S]) translated(p part, target bool, n *int) (out []Translated[int]) {
	for _, j := range p.metrics {
		for _, pt := range c.request.points[c.request.metrics[j].from:c.request.metrics[j].to] {
			for range pt.samples {
				*n++
				out = append(out, Translated[int]{Series: *n, Time: pt.time / millisecond, Value: pt.value, Taken: true})
			}
		}
	}
	if target {
		out = append(out, Translated[int]{Series: -1, Taken: true, Target: true})
	}
	return out
}

func count(tb testing.TB, body []byte) int {
	tb.Helper()
	md, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(body)
	require.NoError(tb, err)
	return md.DataPointCount()
}

// TestKnown: points that were learned become samples, the others stay, whatever they stand beside.
func TestKnown(t *testing.T) {
	c := New[int](5 * time.Minute)
	p := c.Split(requestOf(t, at, 1, 2), at)
	require.Empty(t, p.Samples)
	require.Empty(t, p.Odd)
	require.Equal(t, 2, count(t, p.Unknown))
	learnAll(c, true, at)
	later := at.Add(10 * time.Second)
	p = c.Split(requestOf(t, later, 2, 1), later)
	require.Empty(t, p.Unknown)
	require.Equal(t, 2, p.Points)
	require.Len(t, p.Samples, 3)
	for i, want := range []struct{ series, value int }{{2, 2}, {1, 1}, {-1, 1}} {
		require.Equal(t, want.series, *p.Samples[i].Series)
		require.InDelta(t, want.value, p.Samples[i].Value, 0)
		require.Equal(t, later.UnixMilli(), p.Samples[i].Time)
	}
	require.Equal(t, later.Add(-time.Minute).UnixMilli(), p.Samples[0].Start)
	require.Zero(t, p.Samples[2].Start)
	p = c.Split(requestOf(t, later, 1, 3), later)
	require.Equal(t, 2, count(t, p.Unknown), "a metric goes as a whole")
	require.Empty(t, p.Samples)
	p = c.Split(append(requestOf(t, later, 1), requestOf(t, later, 3)...), later)
	require.Equal(t, 1, count(t, p.Unknown))
	require.Len(t, p.Samples, 2)
}

// TestWhatDecides: whatever makes another series of a point makes it another point.
func TestWhatDecides(t *testing.T) {
	base := func() (pmetric.Metrics, pmetric.Metric) {
		md := pmetric.NewMetrics()
		rm := md.ResourceMetrics().AppendEmpty()
		rm.Resource().Attributes().PutStr("r", "1")
		sm := rm.ScopeMetrics().AppendEmpty()
		sm.Scope().SetName("lib")
		sm.SetSchemaUrl("s")
		m := sm.Metrics().AppendEmpty()
		m.SetName("m")
		m.SetUnit("s")
		m.SetDescription("d")
		sum := m.SetEmptySum()
		sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		p := sum.DataPoints().AppendEmpty()
		p.SetIntValue(1)
		p.Attributes().PutStr("a", "b")
		return md, m
	}
	md, _ := base()
	c := New[int](0)
	c.Split(marshal(t, md), at)
	learnAll(c, false, at)
	require.Equal(t, 1, c.Split(marshal(t, md), at).Points)
	for name, change := range map[string]func(pmetric.ResourceMetrics, pmetric.Metric){
		"resource":        func(rm pmetric.ResourceMetrics, _ pmetric.Metric) { rm.Resource().Attributes().PutStr("r", "2") },
		"resource schema": func(rm pmetric.ResourceMetrics, _ pmetric.Metric) { rm.SetSchemaUrl("x") },
		"scope":           func(rm pmetric.ResourceMetrics, _ pmetric.Metric) { rm.ScopeMetrics().At(0).Scope().SetVersion("x") },
		"scope schema":    func(rm pmetric.ResourceMetrics, _ pmetric.Metric) { rm.ScopeMetrics().At(0).SetSchemaUrl("x") },
		"name":            func(_ pmetric.ResourceMetrics, m pmetric.Metric) { m.SetName("x") },
		"unit":            func(_ pmetric.ResourceMetrics, m pmetric.Metric) { m.SetUnit("x") },
		"description":     func(_ pmetric.ResourceMetrics, m pmetric.Metric) { m.SetDescription("x") },
		"swapped":         func(_ pmetric.ResourceMetrics, m pmetric.Metric) { m.SetUnit("d"); m.SetDescription("s") },
		"monotonic":       func(_ pmetric.ResourceMetrics, m pmetric.Metric) { m.Sum().SetIsMonotonic(true) },
		"attribute": func(_ pmetric.ResourceMetrics, m pmetric.Metric) {
			m.Sum().DataPoints().At(0).Attributes().PutStr("a", "c")
		},
		"type of an attribute": func(_ pmetric.ResourceMetrics, m pmetric.Metric) {
			m.Sum().DataPoints().At(0).Attributes().PutInt("a", 1)
		},
		"one more": func(_ pmetric.ResourceMetrics, m pmetric.Metric) {
			m.Sum().DataPoints().At(0).Attributes().PutStr("c", "")
		},
		"none": func(_ pmetric.ResourceMetrics, m pmetric.Metric) { m.Sum().DataPoints().At(0).Attributes().Clear() },
		"kind": func(_ pmetric.ResourceMetrics, m pmetric.Metric) {
			p := m.SetEmptyGauge().DataPoints().AppendEmpty()
			p.SetIntValue(1)
			p.Attributes().PutStr("a", "b")
		},
	} {
		t.Run(name, func(t *testing.T) {
			md, m := base()
			change(md.ResourceMetrics().At(0), m)
			p := c.Split(marshal(t, md), at)
			require.Zero(t, p.Points)
			require.Equal(t, 1, count(t, p.Unknown))
		})
	}
}

// TestOdd: what cannot be known by its bytes is left to the translation, and what stands beside it is not.
func TestOdd(t *testing.T) {
	c := New[int](0)
	c.Split(requestOf(t, at, 1), at)
	learnAll(c, true, at)
	md, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(requestOf(t, at, 1))
	require.NoError(t, err)
	add := func(fill func(pmetric.Metric)) func(pmetric.MetricSlice) {
		return func(ms pmetric.MetricSlice) { fill(ms.AppendEmpty()) }
	}
	for name, c2 := range map[string]func(pmetric.MetricSlice){
		"exponential": add(func(m pmetric.Metric) { m.SetEmptyExponentialHistogram().DataPoints().AppendEmpty() }),
		"summary":     add(func(m pmetric.Metric) { m.SetEmptySummary().DataPoints().AppendEmpty() }),
		"delta": add(func(m pmetric.Metric) {
			m.SetEmptySum().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
			m.Sum().DataPoints().AppendEmpty().SetIntValue(1)
		}),
		"no value": add(func(m pmetric.Metric) { m.SetEmptyGauge().DataPoints().AppendEmpty() }),
		"metadata": add(func(m pmetric.Metric) {
			m.SetEmptyGauge().DataPoints().AppendEmpty().SetIntValue(1)
			m.Metadata().PutStr("a", "b")
		}),
		"late": add(func(m pmetric.Metric) {
			p := m.SetEmptyGauge().DataPoints().AppendEmpty()
			p.SetIntValue(1)
			p.SetTimestamp(1 << 63)
		}),
		"count of a histogram": add(func(m pmetric.Metric) {
			m.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
			p := m.Histogram().DataPoints().AppendEmpty()
			p.SetCount(3)
			p.BucketCounts().FromRaw([]uint64{1, 1})
			p.ExplicitBounds().FromRaw([]float64{1})
		}),
	} {
		t.Run(name, func(t *testing.T) {
			with := pmetric.NewMetrics()
			md.CopyTo(with)
			c2(with.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics())
			p := c.Split(marshal(t, with), at)
			require.Equal(t, 1, p.Points)
			require.Empty(t, p.Unknown)
			require.Equal(t, 1, count(t, p.Odd))
		})
	}
	for name, body := range map[string][]byte{
		"an unknown field":      protowire.AppendVarint(protowire.AppendTag(requestOf(t, at, 1), 99, protowire.VarintType), 1),
		"a resource of its own": {0x0a, 0x02, 0x0a, 0x00},
		"cut":                   requestOf(t, at, 1)[:20],
	} {
		t.Run(name, func(t *testing.T) {
			p := c.Split(body, at)
			require.Zero(t, p.Points)
			require.Equal(t, body, p.Odd)
		})
	}
}

// TestHistogram: the samples are those of the translation, in its order.
func TestHistogram(t *testing.T) {
	c := New[int](0)
	body := func(sum bool, counts ...uint64) []byte {
		md := pmetric.NewMetrics()
		m := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
		m.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		p := m.Histogram().DataPoints().AppendEmpty()
		if sum {
			p.SetSum(7.5)
		}
		var n uint64
		for i, v := range counts {
			n += v
			if i > 0 {
				p.ExplicitBounds().Append(float64(i))
			}
		}
		p.SetCount(n)
		p.BucketCounts().FromRaw(counts)
		return marshal(t, md)
	}
	for name, tc := range map[string]struct {
		body []byte
		want []float64
	}{
		"usual":      {body(true, 1, 0, 2), []float64{7.5, 3, 1, 1, 3}},
		"no sum":     {body(false, 1, 0, 2), []float64{3, 1, 1, 3}},
		"one bucket": {body(true, 4), []float64{7.5, 4, 4}},
		"no buckets": {body(true), []float64{7.5, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			c.Split(tc.body, at)
			learnAll(c, false, at)
			p := c.Split(tc.body, at)
			require.Equal(t, 1, p.Points)
			got := make([]float64, 0, len(p.Samples))
			for i, s := range p.Samples {
				require.Equal(t, *p.Samples[0].Series+i, *s.Series)
				got = append(got, s.Value)
			}
			require.Equal(t, tc.want, got)
		})
	}
}

// TestTargetInfo spans the times of a resource's points.
func TestTargetInfo(t *testing.T) {
	c := New[int](5 * time.Minute)
	body := append(requestOf(t, at, 1), requestOf(t, at, 2)...)
	c.Split(body, at)
	learnAll(c, true, at)
	md, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(requestOf(t, at, 1, 2))
	require.NoError(t, err)
	points := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Gauge().DataPoints()
	points.At(1).SetTimestamp(pcommon.NewTimestampFromTime(at.Add(-6 * time.Minute)))
	var times []int64
	for _, s := range c.Split(marshal(t, md), at).Samples[2:] {
		require.Equal(t, -1, *s.Series)
		times = append(times, at.UnixMilli()-s.Time)
	}
	require.Equal(t, []int64{360_000, 210_000, 60_000, 0}, times)
	points.At(1).SetTimestamp(1)
	p := c.Split(append(requestOf(t, at, 1), marshal(t, md)...), at)
	require.Equal(t, 1, p.Points, "a resource whose points are far apart is translated")
	require.Equal(t, 2, count(t, p.Unknown))
}

// TestLearnRefuses what does not fit: then the points are translated again the next time.
func TestLearnRefuses(t *testing.T) {
	body := requestOf(t, at, 1, 2)
	for name, change := range map[string]func(made []Translated[int]) []Translated[int]{
		"fewer":           func(made []Translated[int]) []Translated[int] { return made[:1] },
		"none":            func([]Translated[int]) []Translated[int] { return nil },
		"one more":        func(made []Translated[int]) []Translated[int] { return append(made[:2], made...) },
		"another time":    func(made []Translated[int]) []Translated[int] { made[1].Time++; return made },
		"another value":   func(made []Translated[int]) []Translated[int] { made[1].Value++; return made },
		"target refused":  func(made []Translated[int]) []Translated[int] { made[2].Taken = false; return made },
		"target too soon": func(made []Translated[int]) []Translated[int] { made[0].Target = true; return made },
	} {
		t.Run(name, func(t *testing.T) {
			c := New[int](0)
			c.Split(body, at)
			n := 0
			c.Learn(0, change(c.translated(c.plan.unknown[0], true, &n)), at)
			require.Zero(t, c.Split(body, at).Points)
		})
	}
	c := New[int](0)
	c.Split(body, at)
	n := 0
	made := c.translated(c.plan.unknown[0], true, &n)
	made[1].Taken = false
	c.Learn(0, made, at)
	require.Equal(t, 1, c.Split(requestOf(t, at, 1), at).Points)
	require.Zero(t, c.Split(requestOf(t, at, 2), at).Points, "a sample that was refused")
}

// TestForgets: what does not come for an hour is forgotten, and a flood of new points does not grow without a bound.
func TestForgets(t *testing.T) {
	c := New[int](0)
	c.points.limit = 2 * leastSwept
	learn := func(now time.Time, from, n int) {
		is := make([]int, n)
		for i := range is {
			is[i] = from + i
		}
		c.Split(requestOf(t, now, is...), now)
		learnAll(c, true, now)
	}
	learn(at, 0, leastSwept)
	learn(at.Add(time.Minute), leastSwept, 1)
	require.Len(t, c.points.known, leastSwept+1, "all of them came lately")
	later := at.Add(2 * time.Hour)
	require.Equal(t, 1, c.Split(requestOf(t, later, 5), later).Points)
	for i := range 20 {
		learn(later, 1<<20+i*1000, 1000)
		require.LessOrEqual(t, len(c.points.known), 3*leastSwept)
	}
	require.Zero(t, c.Split(requestOf(t, later, 6), later).Points)
}

// FuzzSplit: whatever the body is, nothing of it is lost: what is known, unknown and odd are together all its points, and a body that cannot be
// decoded still cannot.
func FuzzSplit(f *testing.F) {
	f.Add(requestOf(f, at, 1, 2))
	f.Add(append(requestOf(f, at, 1), requestOf(f, at, 2)...))
	f.Add([]byte{0x0a, 0x06, 0x12, 0x04, 0x12, 0x02, 0x2a, 0xff})
	f.Fuzz(func(t *testing.T, body []byte) {
		u := &pmetric.ProtoUnmarshaler{}
		md, err := u.UnmarshalMetrics(body)
		c := New[int](0)
		for pass := range 2 {
			p := c.Split(body, at)
			unknown, err1 := u.UnmarshalMetrics(p.Unknown)
			odd, err2 := u.UnmarshalMetrics(p.Odd)
			if err != nil {
				require.True(t, err1 != nil || err2 != nil, "pass %d", pass)
				return
			}
			require.NoError(t, err1)
			require.NoError(t, err2)
			require.Equal(t, md.DataPointCount(), p.Points+unknown.DataPointCount()+odd.DataPointCount(), "pass %d", pass)
			require.Equal(t, len(c.plan.unknown), unknown.ResourceMetrics().Len())
			learnAll(c, true, at)
		}
	})
}

// BenchmarkSplit is of requests like those of a collector: ten resources with a hundred gauges of one point each.
func BenchmarkSplit(b *testing.B) {
	md := pmetric.NewMetrics()
	for i := range 10 {
		rm := md.ResourceMetrics().AppendEmpty()
		rm.Resource().Attributes().PutStr("host.name", "host-"+strconv.Itoa(i))
		sm := rm.ScopeMetrics().AppendEmpty()
		sm.Scope().SetName("github.com/example/receiver")
		for j := range 100 {
			m := sm.Metrics().AppendEmpty()
			m.SetName(fmt.Sprintf("system.something.%d.usage", j))
			m.SetUnit("By")
			p := m.SetEmptyGauge().DataPoints().AppendEmpty()
			p.SetTimestamp(pcommon.NewTimestampFromTime(at))
			p.SetIntValue(int64(j))
			p.Attributes().PutStr("device", "sda")
			p.Attributes().PutStr("direction", "read")
		}
	}
	body := marshal(b, md)
	c := New[int](0)
	c.Split(body, at)
	learnAll(c, true, at)
	b.ReportAllocs()
	for b.Loop() {
		if c.Split(body, at).Points != 1000 {
			b.Fatal("not all are known")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/point")
}
