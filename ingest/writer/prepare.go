// SPDX-License-Identifier: Apache-2.0

package writer

import (
	"cmp"
	"context"
	"maps"
	"slices"

	promstorage "github.com/prometheus/prometheus/storage"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/strata-apm/strata/ingest/check"
)

// prepare takes out of md what the translation would stumble over, counting it in reject: one bad point must not cost the others of its metric. It sorts exemplars by value,
// which is how the translation finds the bucket of each. It says whether a zero threshold has to be kept, for which the translation has no place.
func prepare(md pmetric.Metrics, reject func(reason string, n int64)) (thresholds bool) {
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				thresholds = prepareMetric(m, reject) || thresholds
			}
		}
	}
	return thresholds
}

func prepareMetric(m pmetric.Metric, reject func(string, int64)) (thresholds bool) {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		prepareNumbers(m.Gauge().DataPoints(), reject)
	case pmetric.MetricTypeSum:
		prepareNumbers(m.Sum().DataPoints(), reject)
	case pmetric.MetricTypeHistogram:
		m.Histogram().DataPoints().RemoveIf(func(p pmetric.HistogramDataPoint) bool {
			prepareExemplars(p.Exemplars())
			return contradicts(check.HistogramReason(p), reject)
		})
	case pmetric.MetricTypeExponentialHistogram:
		m.ExponentialHistogram().DataPoints().RemoveIf(func(p pmetric.ExponentialHistogramDataPoint) bool {
			prepareExemplars(p.Exemplars())
			bad := contradicts(check.ExponentialReason(p), reject)
			thresholds = thresholds || !bad && p.ZeroThreshold() > 0
			return bad
		})
	case pmetric.MetricTypeSummary:
		m.Summary().DataPoints().RemoveIf(func(p pmetric.SummaryDataPoint) bool { return contradicts(check.SummaryReason(p), reject) })
	case pmetric.MetricTypeEmpty:
	}
	return thresholds
}

// contradicts counts a point that contradicts itself, where there is a reason. Of such a point only some samples would be stored. The gateway refuses them; another
// producer on the topic may not.
func contradicts(reason string, reject func(string, int64)) bool {
	if reason != "" {
		reject(reason, 1)
	}
	return reason != ""
}

// prepareNumbers takes out points without a value, which would be stored as 0. The gateway refuses them; another producer on the topic may not.
func prepareNumbers(dps pmetric.NumberDataPointSlice, reject func(string, int64)) {
	dps.RemoveIf(func(p pmetric.NumberDataPoint) bool {
		if p.ValueType() == pmetric.NumberDataPointValueTypeEmpty && !p.Flags().NoRecordedValue() {
			reject("no_value", 1)
			return true
		}
		if p.Exemplars().Len() > 0 {
			prepareExemplars(p.Exemplars())
		}
		return false
	})
}

func prepareExemplars(es pmetric.ExemplarSlice) {
	if es.Len() == 0 {
		return
	}
	es.RemoveIf(func(e pmetric.Exemplar) bool { return e.ValueType() == pmetric.ExemplarValueTypeEmpty })
	order := make([]int, es.Len())
	for i := range order {
		order[i] = i
	}
	less := func(i, j int) int { return cmp.Compare(exemplarValue(es.At(i)), exemplarValue(es.At(j))) }
	if slices.IsSortedFunc(order, less) {
		return
	}
	slices.SortStableFunc(order, less)
	sorted := pmetric.NewExemplarSlice()
	for _, i := range order {
		es.At(i).CopyTo(sorted.AppendEmpty())
	}
	sorted.CopyTo(es)
}

func exemplarValue(e pmetric.Exemplar) float64 {
	if e.ValueType() == pmetric.ExemplarValueTypeInt {
		return float64(e.IntValue())
	}
	return e.DoubleValue()
}

// piecewise translates metric by metric, and point by point where that is needed: the translation gives up a metric at its first point that has no name or label in
// Prometheus. Samples that were appended before are appended again, which changes nothing.
func (t *OTLPTranslator) piecewise(ctx context.Context, md pmetric.Metrics, app promstorage.AppenderV2) {
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				one := pmetric.NewMetrics()
				to := one.ResourceMetrics().AppendEmpty()
				rm.Resource().CopyTo(to.Resource())
				to.SetSchemaUrl(rm.SchemaUrl())
				scope := to.ScopeMetrics().AppendEmpty()
				sm.Scope().CopyTo(scope.Scope())
				scope.SetSchemaUrl(sm.SchemaUrl())
				into := scope.Metrics().AppendEmpty()
				m.CopyTo(into)
				if m.Type() != pmetric.MetricTypeExponentialHistogram && t.try(ctx, one, app) {
					continue
				}
				oneByOne(m, into, func(threshold float64) {
					t.app.zeroThreshold = threshold
					if !t.try(ctx, one, app) {
						t.app.reject("untranslatable", 1)
					}
					t.app.zeroThreshold = 0
				})
				if t.app.fatal != nil {
					return
				}
			}
		}
	}
}

// try translates md and says whether that worked; what was counted meanwhile is forgotten when it did not. A fatal error counts as done: the caller looks.
func (t *OTLPTranslator) try(ctx context.Context, md pmetric.Metrics, app promstorage.AppenderV2) bool {
	before := maps.Clone(t.app.rejected)
	t.converter.Reset(app)
	if _, err := t.converter.FromMetrics(ctx, md, t.rewriter.settings); err == nil || t.app.fatal != nil {
		return true
	}
	t.app.rejected = before
	clear(t.app.refused)
	return false
}

// oneByOne puts the points of from into the copy of it one at a time. threshold is that of an exponential histogram.
func oneByOne(from, into pmetric.Metric, f func(threshold float64)) {
	switch from.Type() {
	case pmetric.MetricTypeGauge:
		eachOf(from.Gauge().DataPoints(), into.Gauge().DataPoints(), f)
	case pmetric.MetricTypeSum:
		eachOf(from.Sum().DataPoints(), into.Sum().DataPoints(), f)
	case pmetric.MetricTypeHistogram:
		eachOf(from.Histogram().DataPoints(), into.Histogram().DataPoints(), f)
	case pmetric.MetricTypeExponentialHistogram:
		points := from.ExponentialHistogram().DataPoints()
		i := 0
		eachOf(points, into.ExponentialHistogram().DataPoints(), func(float64) {
			f(points.At(i).ZeroThreshold())
			i++
		})
	case pmetric.MetricTypeSummary:
		eachOf(from.Summary().DataPoints(), into.Summary().DataPoints(), f)
	case pmetric.MetricTypeEmpty:
	}
}

// slice is what pdata's slices of data points have in common.
type slice[P any] interface {
	Len() int
	At(i int) P
	AppendEmpty() P
	RemoveIf(f func(P) bool)
}

func eachOf[P interface{ CopyTo(to P) }, S slice[P]](from, into S, f func(threshold float64)) {
	for i := range from.Len() {
		into.RemoveIf(func(P) bool { return true })
		from.At(i).CopyTo(into.AppendEmpty())
		f(0)
	}
}
