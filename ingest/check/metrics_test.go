// SPDX-License-Identifier: Apache-2.0

package check

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

func TestDataPointsAreCheckedOneByOne(t *testing.T) {
	md := pmetric.NewMetrics()
	ms := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
	now := now()
	at := func(d time.Duration) pcommon.Timestamp { return pcommon.NewTimestampFromTime(time.Now().Add(d)) }
	g := ms.AppendEmpty()
	g.SetName("g")
	g.SetEmptyGauge()
	for _, ts := range []pcommon.Timestamp{now, 0, at(11 * time.Minute), at(9 * time.Minute), at(-3 * time.Hour), at(-time.Hour)} {
		valued(g.Gauge().DataPoints(), ts)
	}
	g.Gauge().DataPoints().AppendEmpty().SetTimestamp(now) // It would be stored as 0.
	stale := g.Gauge().DataPoints().AppendEmpty()
	stale.SetTimestamp(now)
	stale.SetFlags(stale.Flags().WithNoRecordedValue(true))
	delta := ms.AppendEmpty()
	delta.SetName("d")
	delta.SetEmptySum().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	valued(delta.Sum().DataPoints(), now)
	unnamed := ms.AppendEmpty()
	valued(unnamed.SetEmptyGauge().DataPoints(), now)
	ms.AppendEmpty().SetName("nothing")
	h := ms.AppendEmpty()
	h.SetName("h")
	h.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	hist := func(count uint64, counts []uint64, bounds []float64) {
		p := h.Histogram().DataPoints().AppendEmpty()
		p.SetTimestamp(now)
		p.SetCount(count)
		p.BucketCounts().FromRaw(counts)
		p.ExplicitBounds().FromRaw(bounds)
	}
	hist(3, []uint64{1, 2}, []float64{5})
	hist(9, []uint64{1, 2}, []float64{5})
	hist(3, []uint64{1, 2}, []float64{5, 6})
	hist(3, []uint64{1, 1, 1}, []float64{6, 5})
	wide := ms.AppendEmpty()
	wide.SetName("wide")
	p := valued(wide.SetEmptyGauge().DataPoints(), now)
	x := ms.AppendEmpty()
	x.SetName("x")
	x.SetEmptyExponentialHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	exponential := func(change func(p pmetric.ExponentialHistogramDataPoint)) {
		p := x.ExponentialHistogram().DataPoints().AppendEmpty()
		p.SetTimestamp(now)
		change(p)
	}
	exponential(func(p pmetric.ExponentialHistogramDataPoint) { p.SetScale(-10) })
	exponential(func(p pmetric.ExponentialHistogramDataPoint) { p.SetScale(-4) })
	exponential(func(p pmetric.ExponentialHistogramDataPoint) { p.SetZeroThreshold(math.NaN()) })
	exponential(func(p pmetric.ExponentialHistogramDataPoint) { p.SetZeroThreshold(-1) })
	exponential(func(p pmetric.ExponentialHistogramDataPoint) { p.SetCount(3) })
	exponential(func(p pmetric.ExponentialHistogramDataPoint) {
		p.SetCount(2)
		p.Positive().SetOffset(math.MaxInt32 - 1)
		p.Positive().BucketCounts().FromRaw([]uint64{1, 1})
	})
	for i := range 200 {
		p.Attributes().PutStr(strconv.Itoa(i), "v")
	}
	long := ms.AppendEmpty()
	long.SetName("long")
	gauge(long).Attributes().PutStr("l", strings.Repeat("x", DefaultLimits().AttributeBytes+1))
	tally := DefaultLimits().Metrics(md, time.Now())
	require.Equal(t, map[string]int{
		ReasonNoTime: 1, ReasonTooNew: 1, ReasonTooOld: 1, ReasonDelta: 1, ReasonNoName: 1, ReasonNoData: 1, ReasonHistogram: 7, ReasonTooMany: 1, ReasonNoValue: 1, ReasonScale: 1, ReasonTooLong: 1,
	}, tally.Rejected)
	require.Equal(t, 6, md.DataPointCount())
	require.Equal(t, 6, tally.Kept())
}

// gauge makes m a gauge of one good point.
func gauge(m pmetric.Metric) pmetric.NumberDataPoint {
	return valued(m.SetEmptyGauge().DataPoints(), now())
}

// valued appends a point with a value.
func valued(dps pmetric.NumberDataPointSlice, at pcommon.Timestamp) pmetric.NumberDataPoint {
	p := dps.AppendEmpty()
	p.SetTimestamp(at)
	p.SetDoubleValue(1)
	return p
}

// TestContradictoryPoints: a point that contradicts itself is refused whole.
func TestContradictoryPoints(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	const all = math.MaxUint64
	histogram := func(count uint64, counts []uint64, bounds ...float64) func(pmetric.Metric) {
		return func(m pmetric.Metric) {
			m.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
			p := m.Histogram().DataPoints().AppendEmpty()
			p.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
			p.SetCount(count)
			p.BucketCounts().FromRaw(counts)
			p.ExplicitBounds().FromRaw(bounds)
		}
	}
	exponential := func(count, zeros uint64, positive, negative []uint64) func(pmetric.Metric) {
		return func(m pmetric.Metric) {
			m.SetEmptyExponentialHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
			p := m.ExponentialHistogram().DataPoints().AppendEmpty()
			p.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
			p.SetCount(count)
			p.SetZeroCount(zeros)
			p.Positive().BucketCounts().FromRaw(positive)
			p.Negative().BucketCounts().FromRaw(negative)
		}
	}
	summary := func(quantiles ...float64) func(pmetric.Metric) {
		return func(m pmetric.Metric) {
			p := m.SetEmptySummary().DataPoints().AppendEmpty()
			p.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
			for _, q := range quantiles {
				v := p.QuantileValues().AppendEmpty()
				v.SetQuantile(q)
				v.SetValue(q)
			}
		}
	}
	for name, c := range map[string]struct {
		fill   func(pmetric.Metric)
		reason string
	}{
		"histogram":                    {histogram(3, []uint64{1, 1, 1}, -1, 0), ""},
		"histogram without buckets":    {histogram(3, nil), ""},
		"histogram of one bucket":      {histogram(3, []uint64{3}), ""},
		"bound at infinity":            {histogram(3, []uint64{1, 1, 1}, 1, inf), ReasonHistogram},
		"bound at minus infinity":      {histogram(3, []uint64{1, 1, 1}, -inf, 1), ReasonHistogram},
		"only bound at infinity":       {histogram(3, []uint64{1, 2}, inf), ReasonHistogram},
		"only bound NaN":               {histogram(3, []uint64{1, 2}, nan), ReasonHistogram},
		"bounds NaN":                   {histogram(3, []uint64{1, 1, 1}, 1, nan), ReasonHistogram},
		"bound twice":                  {histogram(3, []uint64{1, 1, 1}, 1, 1), ReasonHistogram},
		"both zeros":                   {histogram(3, []uint64{1, 1, 1}, math.Copysign(0, -1), 0), ReasonHistogram},
		"bounds fall":                  {histogram(3, []uint64{1, 1, 1}, 2, 1), ReasonHistogram},
		"other count":                  {histogram(4, []uint64{1, 1, 1}, 1, 2), ReasonHistogram},
		"counts past 64 bits":          {histogram(1, []uint64{all, 1, 1}, 1, 2), ReasonHistogram},
		"bounds without counts":        {histogram(3, nil, 1, 2), ReasonHistogram},
		"exponential":                  {exponential(6, 1, []uint64{2}, []uint64{0, 3}), ""},
		"exponential, other count":     {exponential(7, 1, []uint64{2}, []uint64{0, 3}), ReasonHistogram},
		"exponential past 64 bits":     {exponential(1, 2, []uint64{all}, nil), ReasonHistogram},
		"summary":                      {summary(0, 0.5, 0.99, 1), ""},
		"summary without order":        {summary(0.99, 0.5), ""},
		"summary without quantiles":    {summary(), ""},
		"quantile twice":               {summary(0.5, 0.9, 0.5), ReasonSummary},
		"quantile twice in a row":      {summary(0.5, 0.5), ReasonSummary},
		"quantile 0 of both signs":     {summary(0, math.Copysign(0, -1)), ReasonSummary},
		"quantile above 1":             {summary(7), ReasonSummary},
		"quantile below 0":             {summary(-0.1), ReasonSummary},
		"quantile NaN":                 {summary(nan), ReasonSummary},
		"quantile NaN among good ones": {summary(0.5, nan, 0.9), ReasonSummary},
		"quantile infinite":            {summary(0.5, inf), ReasonSummary},
	} {
		t.Run(name, func(t *testing.T) {
			md := pmetric.NewMetrics()
			m := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
			m.SetName("m")
			c.fill(m)
			tally := DefaultLimits().Metrics(md, time.Now())
			if c.reason == "" {
				require.Equal(t, Tally{Items: 1}, tally)
				return
			}
			require.Equal(t, Tally{Items: 1, Rejected: map[string]int{c.reason: 1}}, tally)
			require.Zero(t, md.DataPointCount())
		})
	}
}
