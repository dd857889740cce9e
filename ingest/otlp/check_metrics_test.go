// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/internal/ledger"
)

func TestDataPointsAreCheckedOneByOne(t *testing.T) {
	f := newFixture(t)
	md := pmetric.NewMetrics()
	ms := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
	now := pcommon.NewTimestampFromTime(time.Now())
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
	resp, err := pmetricotlp.NewGRPCClient(f.dial(t)).Export(t.Context(), pmetricotlp.NewExportRequestFromMetrics(md))
	require.NoError(t, err)
	require.Equal(t, int64(16), resp.PartialSuccess().RejectedDataPoints())
	require.Contains(t, resp.PartialSuccess().ErrorMessage(), "TEMPORALITY_PREFERENCE=cumulative")
	require.Equal(t, map[string]int64{
		reasonNoTime: 1, reasonTooNew: 1, reasonTooOld: 1, reasonTemporality: 1, reasonNoName: 1, reasonNoData: 1, reasonHistogram: 7, reasonTooMany: 1, reasonNoValue: 1, reasonScale: 1,
	}, f.ldg.Totals()[ledger.Metrics].Refused)
	kept := pmetricotlp.NewExportRequest()
	require.NoError(t, kept.UnmarshalProto(f.bus.recs[bus.TopicMetrics][0].Value))
	require.Equal(t, 6, kept.Metrics().DataPointCount())
}

// valued appends a point with a value.
func valued(dps pmetric.NumberDataPointSlice, at pcommon.Timestamp) pmetric.NumberDataPoint {
	p := dps.AppendEmpty()
	p.SetTimestamp(at)
	p.SetDoubleValue(1)
	return p
}
