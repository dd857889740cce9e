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

	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/signal"
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
		reasonNoTime: 1, reasonTooNew: 1, reasonTooOld: 1, reasonTemporality: 1, reasonNoName: 1, reasonNoData: 1, intake.ReasonHistogram: 7, reasonTooMany: 1, reasonNoValue: 1, intake.ReasonScale: 1,
	}, f.ldg.Totals()[signal.Metrics].Refused)
	kept := pmetricotlp.NewExportRequest()
	require.NoError(t, kept.UnmarshalProto(f.bus.recs[signal.Metrics.Topic()][0].Value))
	require.Equal(t, 6, kept.Metrics().DataPointCount())
}

// valued appends a point with a value.
func valued(dps pmetric.NumberDataPointSlice, at pcommon.Timestamp) pmetric.NumberDataPoint {
	p := dps.AppendEmpty()
	p.SetTimestamp(at)
	p.SetDoubleValue(1)
	return p
}

// TestContradictoryPoints: a point that contradicts itself is refused whole, in either encoding, and the scan of clean bodies calls none clean.
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
	sigs := services()
	for name, c := range map[string]struct {
		fill   func(pmetric.Metric)
		reason string
		slow   bool // The scan may leave it to the checks.
	}{
		"histogram":                    {histogram(3, []uint64{1, 1, 1}, -1, 0), "", false},
		"histogram without buckets":    {histogram(3, nil), "", false},
		"histogram of one bucket":      {histogram(3, []uint64{3}), "", false},
		"bound at infinity":            {histogram(3, []uint64{1, 1, 1}, 1, inf), intake.ReasonHistogram, false},
		"bound at minus infinity":      {histogram(3, []uint64{1, 1, 1}, -inf, 1), intake.ReasonHistogram, false},
		"only bound at infinity":       {histogram(3, []uint64{1, 2}, inf), intake.ReasonHistogram, false},
		"only bound NaN":               {histogram(3, []uint64{1, 2}, nan), intake.ReasonHistogram, false},
		"bounds NaN":                   {histogram(3, []uint64{1, 1, 1}, 1, nan), intake.ReasonHistogram, false},
		"bound twice":                  {histogram(3, []uint64{1, 1, 1}, 1, 1), intake.ReasonHistogram, false},
		"both zeros":                   {histogram(3, []uint64{1, 1, 1}, math.Copysign(0, -1), 0), intake.ReasonHistogram, false},
		"bounds fall":                  {histogram(3, []uint64{1, 1, 1}, 2, 1), intake.ReasonHistogram, false},
		"other count":                  {histogram(4, []uint64{1, 1, 1}, 1, 2), intake.ReasonHistogram, false},
		"counts past 64 bits":          {histogram(1, []uint64{all, 1, 1}, 1, 2), intake.ReasonHistogram, false},
		"bounds without counts":        {histogram(3, nil, 1, 2), intake.ReasonHistogram, false},
		"exponential":                  {exponential(6, 1, []uint64{2}, []uint64{0, 3}), "", true},
		"exponential, other count":     {exponential(7, 1, []uint64{2}, []uint64{0, 3}), intake.ReasonHistogram, true},
		"exponential past 64 bits":     {exponential(1, 2, []uint64{all}, nil), intake.ReasonHistogram, true},
		"summary":                      {summary(0, 0.5, 0.99, 1), "", false},
		"summary without order":        {summary(0.99, 0.5), "", true},
		"summary without quantiles":    {summary(), "", false},
		"quantile twice":               {summary(0.5, 0.9, 0.5), intake.ReasonSummary, false},
		"quantile twice in a row":      {summary(0.5, 0.5), intake.ReasonSummary, false},
		"quantile 0 of both signs":     {summary(0, math.Copysign(0, -1)), intake.ReasonSummary, false},
		"quantile above 1":             {summary(7), intake.ReasonSummary, false},
		"quantile below 0":             {summary(-0.1), intake.ReasonSummary, false},
		"quantile NaN":                 {summary(nan), intake.ReasonSummary, false},
		"quantile NaN among good ones": {summary(0.5, nan, 0.9), intake.ReasonSummary, false},
		"quantile infinite":            {summary(0.5, inf), intake.ReasonSummary, false},
	} {
		t.Run(name, func(t *testing.T) {
			md := pmetric.NewMetrics()
			m := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
			m.SetName("m")
			c.fill(m)
			req := pmetricotlp.NewExportRequestFromMetrics(md)
			asProto, err := req.MarshalProto()
			require.NoError(t, err)
			asJSON, err := req.MarshalJSON()
			require.NoError(t, err)
			f := newFixture(t)
			sc, err := f.recv.scan(&sigs[0], asProto, time.Now())
			require.NoError(t, err)
			require.Equal(t, c.reason == "" && !c.slow, sc.clean)
			for content, body := range map[string][]byte{contentProto: asProto, contentJSON: asJSON} {
				resp, answer := f.post(t, "/v1/metrics", content, "", body)
				require.Equal(t, 200, resp.StatusCode, string(answer))
				if c.reason != "" {
					require.Contains(t, string(answer), "refused 1 of 1 data points: 1 "+c.reason)
				} else {
					require.NotContains(t, string(answer), "refused")
				}
			}
			if c.reason != "" {
				require.Equal(t, map[string]int64{c.reason: 2}, f.ldg.Totals()[signal.Metrics].Refused)
			}
		})
	}
}
