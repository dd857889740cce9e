// SPDX-License-Identifier: Apache-2.0

package writer

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/signal"
)

// exponential appends an exponential histogram with a point for each scale.
func exponential(ms pmetric.MetricSlice, name string, at time.Time, scales ...int32) []pmetric.ExponentialHistogramDataPoint {
	m := ms.AppendEmpty()
	m.SetName(name)
	m.SetEmptyExponentialHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	var out []pmetric.ExponentialHistogramDataPoint
	for i, scale := range scales {
		p := m.ExponentialHistogram().DataPoints().AppendEmpty()
		p.SetTimestamp(pcommon.NewTimestampFromTime(at))
		p.SetScale(scale)
		p.SetCount(3)
		p.SetZeroCount(2)
		p.SetSum(3)
		p.Positive().BucketCounts().FromRaw([]uint64{1})
		p.Attributes().PutInt("i", int64(i))
	}
	for i := range m.ExponentialHistogram().DataPoints().Len() {
		out = append(out, m.ExponentialHistogram().DataPoints().At(i))
	}
	return out
}

// TestOneBadPointLosesNoOther: what cannot be translated is counted by itself, wherever in its metric it stands.
func TestOneBadPointLosesNoOther(t *testing.T) {
	f := newFixture(t, t.TempDir())
	now := time.Now().Truncate(time.Millisecond)
	store, _ := f.writeMetrics(t, metricsRequest(t, func(ms pmetric.MetricSlice) {
		exponential(ms, "scales", now, 0, -10, 3, -5, -4, 20)
		g := ms.AppendEmpty()
		g.SetName("numbers")
		g.SetEmptyGauge()
		for i := range 3 {
			p := g.Gauge().DataPoints().AppendEmpty()
			p.SetTimestamp(pcommon.NewTimestampFromTime(now))
			p.Attributes().PutInt("i", int64(i))
			if i != 1 {
				p.SetIntValue(7)
			}
		}
		h := ms.AppendEmpty()
		h.SetName("keys")
		h.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		for _, key := range []string{"good", "", "fine"} {
			p := h.Histogram().DataPoints().AppendEmpty()
			p.SetTimestamp(pcommon.NewTimestampFromTime(now))
			p.SetCount(1)
			p.BucketCounts().FromRaw([]uint64{1, 0})
			p.ExplicitBounds().FromRaw([]float64{1})
			p.Attributes().PutStr(key, "v")
			p.Exemplars().AppendEmpty().SetTimestamp(pcommon.NewTimestampFromTime(now)) // Without a value.
		}
	}))
	require.InDelta(t, 4, instant(t, store, `count(scales)`, now)[0].F, 0)
	require.InDelta(t, 2, instant(t, store, `count(numbers)`, now)[0].F, 0)
	require.InDelta(t, 3, instant(t, store, `count(keys_count)`, now)[0].F, 0)
	tot := f.ledger.Totals()[signal.Metrics]
	require.Equal(t, map[string]int64{"unsupported_scale": 2, "no_value": 1}, tot.Rejected)
	require.Equal(t, int64(9), tot.Stored)
}

// TestZeroThresholdIsKept, for each point its own.
func TestZeroThresholdIsKept(t *testing.T) {
	f := newFixture(t, t.TempDir())
	now := time.Now().Truncate(time.Millisecond)
	store, _ := f.writeMetrics(t, metricsRequest(t, func(ms pmetric.MetricSlice) {
		points := exponential(ms, "wide", now, 1, 2, 3)
		points[0].SetZeroThreshold(0.001)
		points[2].SetZeroThreshold(0.5)
		exponential(ms, "plain", now, 1)
	}))
	for expr, want := range map[string]float64{`wide{i="0"}`: 0.001, `wide{i="1"}`: 1e-128, `wide{i="2"}`: 0.5, `plain`: 1e-128} {
		v := instant(t, store, expr, now)
		require.Len(t, v, 1, expr)
		require.InDelta(t, want, v[0].H.ZeroThreshold, 0, expr)
	}
	require.Equal(t, int64(4), f.ledger.Totals()[signal.Metrics].Stored)
}

// TestExemplarsFindTheirBuckets whatever their order, and several of one time are kept.
func TestExemplarsFindTheirBuckets(t *testing.T) {
	f := newFixture(t, t.TempDir())
	now := time.Now().Truncate(time.Millisecond)
	add := func(es pmetric.ExemplarSlice, v float64, at time.Time, id byte) {
		e := es.AppendEmpty()
		e.SetDoubleValue(v)
		e.SetTimestamp(pcommon.NewTimestampFromTime(at))
		e.SetTraceID(pcommon.TraceID{id})
	}
	store, _ := f.writeMetrics(t, metricsRequest(t, func(ms pmetric.MetricSlice) {
		h := ms.AppendEmpty()
		h.SetName("latency")
		h.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		p := h.Histogram().DataPoints().AppendEmpty()
		p.SetTimestamp(pcommon.NewTimestampFromTime(now))
		p.SetCount(6)
		p.BucketCounts().FromRaw([]uint64{3, 2, 1})
		p.ExplicitBounds().FromRaw([]float64{1, 10})
		add(p.Exemplars(), 50, now, 1)
		add(p.Exemplars(), 0.5, now, 2)
		add(p.Exemplars(), 5, now, 3)
		add(p.Exemplars(), 0.2, now, 4)
		add(p.Exemplars(), 0.9, now.Add(-time.Second), 5)
		add(p.Exemplars(), 10, now.Add(-time.Second), 6)
		x := exponential(ms, "size", now, 1)[0]
		add(x.Exemplars(), 3, now, 7)
		add(x.Exemplars(), 2, now, 8)
		add(x.Exemplars(), 9, now.Add(-time.Second), 9)
	}))
	q, err := store.ExemplarQuerier(t.Context())
	require.NoError(t, err)
	for selector, want := range map[string][]float64{
		`latency_bucket 1`: {0.9, 0.2, 0.5}, `latency_bucket 10`: {10, 5}, `latency_bucket +Inf`: {50}, `size`: {9, 2, 3},
	} {
		name, le, _ := strings.Cut(selector, " ")
		matchers := []*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, "__name__", name), labels.MustNewMatcher(labels.MatchEqual, "le", le)}
		got, err := q.Select(now.Add(-time.Minute).UnixMilli(), now.Add(time.Minute).UnixMilli(), matchers)
		require.NoError(t, err)
		require.Len(t, got, 1, selector)
		var values []float64
		for _, e := range got[0].Exemplars {
			values = append(values, e.Value)
		}
		require.Equal(t, want, values, selector)
	}
}

// TestStartTimes: the first point of a short job counts, a restart whose value is above the old one is a reset, a gauge has no start, and what is written again changes
// nothing.
func TestStartTimes(t *testing.T) {
	f := newFixture(t, t.TempDir())
	now := time.Now().Truncate(time.Millisecond)
	ts := func(ago time.Duration) pcommon.Timestamp { return pcommon.NewTimestampFromTime(now.Add(-ago)) }
	number := func(name string, start, at time.Duration, v float64, monotonic bool) func(pmetric.MetricSlice) {
		return func(ms pmetric.MetricSlice) {
			m := ms.AppendEmpty()
			m.SetName(name)
			var p pmetric.NumberDataPoint
			if name == "level" {
				p = m.SetEmptyGauge().DataPoints().AppendEmpty()
			} else {
				m.SetEmptySum().SetIsMonotonic(monotonic)
				m.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
				p = m.Sum().DataPoints().AppendEmpty()
			}
			p.SetStartTimestamp(ts(start))
			p.SetTimestamp(ts(at))
			p.SetDoubleValue(v)
		}
	}
	request := func(fill func(pmetric.MetricSlice)) bus.Record { return metricsRequest(t, fill) }
	recs := []bus.Record{
		request(number("short", 60*time.Second, 30*time.Second, 5, true)),
		request(number("short", 60*time.Second, 30*time.Second, 5, true)), // Sent again.
		request(number("restarted", 120*time.Second, 90*time.Second, 10, true)),
		request(number("restarted", 60*time.Second, 30*time.Second, 15, true)),
		request(number("level", 60*time.Second, 30*time.Second, 5, false)),
		request(number("updown", 60*time.Second, 30*time.Second, 5, false)),
		request(number("future", -60*time.Second, 30*time.Second, 5, true)),
		request(number("same", 30*time.Second, 30*time.Second, 5, true)),
		request(func(ms pmetric.MetricSlice) {
			p := exponential(ms, "sizes", now.Add(-30*time.Second), 1)[0]
			p.SetStartTimestamp(ts(60 * time.Second))
		}),
	}
	store, _ := f.writeMetrics(t, recs...)
	for expr, want := range map[string]float64{
		`count_over_time(short_total[5m])`: 2, `count_over_time(restarted_total[5m])`: 4, `resets(restarted_total[5m])`: 1,
		`count_over_time(level[5m])`: 1, `count_over_time(updown[5m])`: 1, `count_over_time(future_total[5m])`: 1, `count_over_time(same_total[5m])`: 1,
		`count_over_time(sizes[5m])`: 2, `histogram_count(increase(sizes[45s])) > bool 0`: 1,
		`increase(short_total[45s]) > bool 0`: 1,
	} {
		v := instant(t, store, expr, now.Add(-20*time.Second))
		require.Len(t, v, 1, expr)
		require.InDelta(t, want, v[0].F, 0, expr)
	}
	require.Equal(t, int64(9), f.ledger.Totals()[signal.Metrics].Stored)
	require.Empty(t, f.ledger.Totals()[signal.Metrics].Rejected)
}

// started is a request of one point of each kind that counts, named by prefix; v is the count of each, start and at are how long ago.
func started(t *testing.T, now time.Time, prefix string, start, at time.Duration, v uint64) bus.Record {
	t.Helper()
	from, to := pcommon.NewTimestampFromTime(now.Add(-start)), pcommon.NewTimestampFromTime(now.Add(-at))
	return metricsRequest(t, func(ms pmetric.MetricSlice) {
		m := ms.AppendEmpty()
		m.SetName(prefix + "_sum")
		m.SetEmptySum().SetIsMonotonic(true)
		m.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		n := m.Sum().DataPoints().AppendEmpty()
		n.SetStartTimestamp(from)
		n.SetTimestamp(to)
		n.SetIntValue(int64(v))
		m = ms.AppendEmpty()
		m.SetName(prefix + "_h")
		m.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		h := m.Histogram().DataPoints().AppendEmpty()
		h.SetStartTimestamp(from)
		h.SetTimestamp(to)
		h.SetCount(v)
		h.BucketCounts().FromRaw([]uint64{v, 0})
		h.ExplicitBounds().FromRaw([]float64{1})
		m = ms.AppendEmpty()
		m.SetName(prefix + "_s")
		s := m.SetEmptySummary().DataPoints().AppendEmpty()
		s.SetStartTimestamp(from)
		s.SetTimestamp(to)
		s.SetCount(v)
		x := exponential(ms, prefix+"_x", now.Add(-at), 1)[0]
		x.SetStartTimestamp(from)
		x.SetCount(v)
		x.SetZeroCount(v - 1)
	})
}

// TestRestartAtTheTimeOfTheLastPoint is a reset, as the data model allows it; a sender that does not know its start and says the time of its first point has none.
func TestRestartAtTheTimeOfTheLastPoint(t *testing.T) {
	f := newFixture(t, t.TempDir())
	now := time.Now().Truncate(time.Millisecond)
	sec := func(n int) time.Duration { return time.Duration(n) * time.Second }
	stale := metricsRequest(t, func(ms pmetric.MetricSlice) {
		m := ms.AppendEmpty()
		m.SetName("gone_sum")
		m.SetEmptySum().SetIsMonotonic(true)
		m.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		p := m.Sum().DataPoints().AppendEmpty()
		p.SetTimestamp(pcommon.NewTimestampFromTime(now.Add(-sec(90))))
		p.SetFlags(p.Flags().WithNoRecordedValue(true))
	})
	store, _ := f.writeMetrics(t,
		started(t, now, "known", sec(180), sec(120), 5), started(t, now, "known", sec(120), sec(60), 9),
		started(t, now, "known", sec(120), sec(60), 9), // Sent again.
		started(t, now, "known", sec(120), sec(30), 11), started(t, now, "known", sec(30), sec(10), 12),
		started(t, now, "unknown", sec(180), sec(180), 5), started(t, now, "unknown", sec(180), sec(120), 7), started(t, now, "unknown", sec(180), sec(60), 9),
		started(t, now, "unknown", sec(40), sec(40), 20), started(t, now, "unknown", sec(40), sec(30), 22), // The sender restarted, what it reads did not.
		started(t, now, "none", sec(180), sec(120), 5), started(t, now, "none", sec(60), sec(60), 9), started(t, now, "none", sec(60), sec(30), 10),
		started(t, now, "next", sec(180), sec(120), 5), started(t, now, "next", sec(120), sec(120)-time.Millisecond, 9), // No time between.
		started(t, now, "gone", sec(180), sec(120), 5), stale, started(t, now, "gone", sec(90), sec(60), 9),
	)
	for prefix, want := range map[string][2]float64{"known": {2, 7}, "unknown": {0, 5}, "none": {0, 4}, "next": {0, 3}} {
		for _, series := range []string{"_sum_total", "_h_count", `_h_bucket{le="+Inf"}`, "_s_count", "_x"} {
			for i, f := range []string{"resets", "count_over_time"} {
				v := instant(t, store, f+"("+prefix+series+"[5m])", now)
				require.Len(t, v, 1, prefix+series)
				require.InDelta(t, want[i], v[0].F, 0, f+" "+prefix+series)
			}
		}
	}
	require.InDelta(t, 1, instant(t, store, `resets(gone_sum_total[5m])`, now)[0].F, 0)
	require.InDelta(t, 9, instant(t, store, `known_sum_total`, now.Add(-sec(60)))[0].F, 0)
	require.InDelta(t, 0, instant(t, store, `known_sum_total`, now.Add(-sec(120)+time.Millisecond))[0].F, 0)
	require.InDelta(t, 5, instant(t, store, `known_sum_total`, now.Add(-sec(120)))[0].F, 0)
	require.Empty(t, f.ledger.Totals()[signal.Metrics].Rejected)
}

// TestStarts: what a start means, also of samples that are told again, out of order or forgotten.
func TestStarts(t *testing.T) {
	s := newStarts()
	take := func(st, at int64) int64 {
		zero := s.zero(1, st, at)
		s.taken(1, st, at, false)
		return zero
	}
	require.Equal(t, int64(10), take(10, 100))
	require.Equal(t, int64(101), take(100, 200))
	require.Equal(t, int64(101), take(100, 200)) // Told again.
	require.Equal(t, int64(101), take(100, 300))
	require.Equal(t, int64(10), take(10, 100)) // Of the run before.
	require.Equal(t, int64(101), take(100, 300))
	require.Equal(t, int64(300), take(300, 301))
	require.Equal(t, int64(400), take(400, 400)) // An unknown start.
	require.Equal(t, int64(400), take(400, 500))
	require.Zero(t, take(0, 600))
	require.Equal(t, int64(600), take(600, 700)) // After a point without a start.
	require.Zero(t, take(700, 701+oldestStart))
	for i := range uint64(5000) {
		s.taken(i, int64(2*oldestStart+i), int64(2*oldestStart+2*i+1), false)
	}
	for i := range uint64(2000) {
		s.taken(10_000+i, int64(9*oldestStart), int64(9*oldestStart+1), false)
	}
	require.LessOrEqual(t, len(s.series), 8192)
	s.sweep(9*oldestStart + 1)
	require.Len(t, s.series, 2000)
}

// TestContradictionsOutOfOrder: of two samples of one series and time the first counts, also where the series has gone on since.
func TestContradictionsOutOfOrder(t *testing.T) {
	f := newFixture(t, t.TempDir())
	now := time.Now().Truncate(time.Millisecond)
	gauge := func(ago time.Duration, v float64, id string) bus.Record {
		return metricsRequest(t, func(ms pmetric.MetricSlice) {
			m := ms.AppendEmpty()
			m.SetName("level")
			p := m.SetEmptyGauge().DataPoints().AppendEmpty()
			p.SetTimestamp(pcommon.NewTimestampFromTime(now.Add(-ago)))
			p.SetDoubleValue(v)
			p.Attributes().PutStr("id", id)
		})
	}
	store, _ := f.writeMetrics(t,
		gauge(60*time.Second, 1, "a"), gauge(10*time.Second, 2, "a"),
		gauge(60*time.Second, 9, "a"), // Against one in order.
		gauge(60*time.Second, 1, "a"), // The same once more.
		gauge(40*time.Second, 3, "a"), // Out of order.
		gauge(40*time.Second, 8, "a"), // Against that one.
		gauge(40*time.Second, 3, "a"),
		gauge(60*time.Second, 9, "b"), // Another series.
	)
	for at, want := range map[time.Duration]float64{60 * time.Second: 1, 40 * time.Second: 3, 10 * time.Second: 2} {
		require.InDelta(t, want, instant(t, store, `level{id="a"}`, now.Add(-at))[0].F, 0, at)
	}
	tot := f.ledger.Totals()[signal.Metrics]
	require.Equal(t, map[string]int64{"duplicate_timestamp": 2}, tot.Rejected)
	require.Equal(t, int64(6), tot.Stored)
}

// TestContradictoryPointsAreRefusedWhole: none of the samples of such a point is stored, also where no gateway has seen it.
func TestContradictoryPointsAreRefusedWhole(t *testing.T) {
	f := newFixture(t, t.TempDir())
	now := time.Now().Truncate(time.Millisecond)
	store, _ := f.writeMetrics(t, metricsRequest(t, func(ms pmetric.MetricSlice) {
		h := ms.AppendEmpty()
		h.SetName("h")
		h.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		s := ms.AppendEmpty()
		s.SetName("s")
		s.SetEmptySummary()
		for i, second := range []float64{2, math.Inf(1), 1} {
			p := h.Histogram().DataPoints().AppendEmpty()
			p.SetTimestamp(pcommon.NewTimestampFromTime(now))
			p.SetCount(3)
			p.SetSum(3)
			p.BucketCounts().FromRaw([]uint64{1, 1, 1})
			p.ExplicitBounds().FromRaw([]float64{1, second})
			p.Attributes().PutInt("i", int64(i))
			q := s.Summary().DataPoints().AppendEmpty()
			q.SetTimestamp(pcommon.NewTimestampFromTime(now))
			q.Attributes().PutInt("i", int64(i))
			for j := range 2 {
				v := q.QuantileValues().AppendEmpty()
				v.SetQuantile(min(second-1, 0.5))
				v.SetValue(float64(j))
				if i == 0 {
					v.SetQuantile(float64(j))
				}
			}
		}
		exponential(ms, "x", now, 1, 1)[1].SetCount(9)
	}))
	for expr, want := range map[string]float64{
		`count({__name__=~"h_.*"})`: 5, `count({__name__=~"s|s_.*"})`: 4, `count(x)`: 1, `h_bucket{i="0",le="+Inf"}`: 3,
	} {
		require.InDelta(t, want, instant(t, store, expr, now)[0].F, 0, expr)
	}
	tot := f.ledger.Totals()[signal.Metrics]
	require.Equal(t, map[string]int64{"invalid_histogram": 3, "invalid_summary": 2}, tot.Rejected)
	require.Equal(t, int64(3), tot.Stored)
}
