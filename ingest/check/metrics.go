// SPDX-License-Identifier: Apache-2.0

package check

import (
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/strata-apm/strata/signal"
)

// point is what every kind of data point has.
type point interface {
	Timestamp() pcommon.Timestamp
	Attributes() pcommon.Map
}

type metricsCheck struct {
	Limits
	window Window
	tally  Tally
}

// Metrics takes invalid data points out of md. Nothing is changed in those it keeps: a changed label would be another series.
func (l Limits) Metrics(md pmetric.Metrics, now time.Time) Tally {
	c := &metricsCheck{Limits: l, window: l.Window(signal.Metrics, now)}
	md.ResourceMetrics().RemoveIf(func(rm pmetric.ResourceMetrics) bool {
		l.attributes(rm.Resource().Attributes(), &c.tally)
		text(rm.SchemaUrl(), rm.SetSchemaUrl, &c.tally)
		rm.ScopeMetrics().RemoveIf(func(sm pmetric.ScopeMetrics) bool {
			text(sm.Scope().Name(), sm.Scope().SetName, &c.tally)
			text(sm.Scope().Version(), sm.Scope().SetVersion, &c.tally)
			text(sm.SchemaUrl(), sm.SetSchemaUrl, &c.tally)
			l.limitMap(sm.Scope().Attributes(), 0, &c.tally) // Without a mark: it would be a label.
			sm.Metrics().RemoveIf(c.rejectMetric)
			return sm.Metrics().Len() == 0
		})
		return rm.ScopeMetrics().Len() == 0
	})
	return c.tally
}

// rejectMetric reports whether nothing of m is left.
func (c *metricsCheck) rejectMetric(m pmetric.Metric) bool {
	text(m.Description(), m.SetDescription, &c.tally)
	text(m.Unit(), m.SetUnit, &c.tally)
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		return c.numbers(m.Name(), m.Gauge().DataPoints(), "")
	case pmetric.MetricTypeSum:
		return c.numbers(m.Name(), m.Sum().DataPoints(), temporalityReason(m.Sum().AggregationTemporality()))
	case pmetric.MetricTypeHistogram:
		reason := temporalityReason(m.Histogram().AggregationTemporality())
		dps := m.Histogram().DataPoints()
		c.tally.Items += dps.Len()
		dps.RemoveIf(func(p pmetric.HistogramDataPoint) bool {
			return c.reject(m.Name(), p, orElse(reason, HistogramReason(p)))
		})
		return dps.Len() == 0
	case pmetric.MetricTypeExponentialHistogram:
		reason := temporalityReason(m.ExponentialHistogram().AggregationTemporality())
		dps := m.ExponentialHistogram().DataPoints()
		c.tally.Items += dps.Len()
		dps.RemoveIf(func(p pmetric.ExponentialHistogramDataPoint) bool {
			return c.reject(m.Name(), p, orElse(reason, ExponentialReason(p)))
		})
		return dps.Len() == 0
	case pmetric.MetricTypeSummary:
		dps := m.Summary().DataPoints()
		c.tally.Items += dps.Len()
		dps.RemoveIf(func(p pmetric.SummaryDataPoint) bool { return c.reject(m.Name(), p, SummaryReason(p)) })
		return dps.Len() == 0
	case pmetric.MetricTypeEmpty:
	}
	c.tally.Items++ // A metric without data counts as one point, so that refusing it is seen.
	c.tally.Reject(ReasonNoData, 1)
	return true
}

func (c *metricsCheck) numbers(name string, dps pmetric.NumberDataPointSlice, reason string) bool {
	c.tally.Items += dps.Len()
	dps.RemoveIf(func(p pmetric.NumberDataPoint) bool {
		if reason == "" && p.ValueType() == pmetric.NumberDataPointValueTypeEmpty && !p.Flags().NoRecordedValue() {
			return c.reject(name, p, ReasonNoValue)
		}
		return c.reject(name, p, reason)
	})
	return dps.Len() == 0
}

// reject counts why a point is taken out, given what its kind found already.
func (c *metricsCheck) reject(name string, p point, reason string) bool {
	switch {
	case reason != "":
	case name == "":
		reason = ReasonNoName
	case !utf8.ValidString(name):
		reason = ReasonNotUTF8
	case p.Timestamp() == 0:
		reason = ReasonNoTime
	default:
		reason = orElse(c.window.Reason(p.Timestamp()), c.labelReason(p.Attributes()))
	}
	if reason == "" {
		return false
	}
	c.tally.Reject(reason, 1)
	return true
}

func orElse(reason, other string) string {
	if reason != "" {
		return reason
	}
	return other
}

func temporalityReason(t pmetric.AggregationTemporality) string {
	switch t {
	case pmetric.AggregationTemporalityCumulative:
		return ""
	case pmetric.AggregationTemporalityDelta:
		return ReasonDelta
	default:
		return ReasonTemporality
	}
}
