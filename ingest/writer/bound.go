// SPDX-License-Identifier: Apache-2.0

package writer

import (
	"context"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/storage/remote/otlptranslator/prometheusremotewrite"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/strata-apm/strata/ingest/intake"
)

// SeriesBound tells the gateway, before it acknowledges, which data points the bound on series would refuse: their sender is told, and
// the series that exist go on. It translates as the writer does, so that both mean the same series. Safe for concurrent use.
type SeriesBound struct {
	index    intake.SeriesIndex
	rewriter rewriter
}

// NewSeriesBound returns the bound of the store behind index; how is that of NewOTLPTranslator.
func NewSeriesBound(index intake.SeriesIndex, how Translation) *SeriesBound {
	return &SeriesBound{index: index, rewriter: newRewriter(how)}
}

// Full says whether the store takes no new series now.
func (b *SeriesBound) Full() bool { return b.index.Full() }

// Known says whether the store has the series of the tenant that ctx is for.
func (b *SeriesBound) Known(ctx context.Context, ls labels.Labels) bool {
	return b.index.Known(ctx, ls)
}

// RemoveNew takes the data points of series that the store does not have out of md, and returns how many those are.
func (b *SeriesBound) RemoveNew(ctx context.Context, md pmetric.Metrics) int {
	if !b.hasNew(ctx, md) {
		return 0
	}
	removed := 0
	md.ResourceMetrics().RemoveIf(func(rm pmetric.ResourceMetrics) bool {
		rm.ScopeMetrics().RemoveIf(func(sm pmetric.ScopeMetrics) bool {
			sm.Metrics().RemoveIf(func(m pmetric.Metric) bool {
				removed += b.removeNewPoints(ctx, rm, sm, m)
				return points(m) == 0
			})
			return sm.Metrics().Len() == 0
		})
		return rm.ScopeMetrics().Len() == 0
	})
	return removed
}

// removeNewPoints looks at one metric whole, and point by point only when it has something new.
func (b *SeriesBound) removeNewPoints(ctx context.Context, rm pmetric.ResourceMetrics, sm pmetric.ScopeMetrics, m pmetric.Metric) int {
	one := pmetric.NewMetrics()
	r := one.ResourceMetrics().AppendEmpty()
	rm.Resource().CopyTo(r.Resource())
	s := r.ScopeMetrics().AppendEmpty()
	sm.Scope().CopyTo(s.Scope())
	probe := s.Metrics().AppendEmpty()
	m.CopyTo(probe)
	if !b.hasNew(ctx, one) {
		return 0
	}
	before := points(m)
	isNew := func() bool { return b.hasNew(ctx, one) }
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		removeNew(m.Gauge().DataPoints(), probe.Gauge().DataPoints(), isNew)
	case pmetric.MetricTypeSum:
		removeNew(m.Sum().DataPoints(), probe.Sum().DataPoints(), isNew)
	case pmetric.MetricTypeHistogram:
		removeNew(m.Histogram().DataPoints(), probe.Histogram().DataPoints(), isNew)
	case pmetric.MetricTypeExponentialHistogram:
		removeNew(m.ExponentialHistogram().DataPoints(), probe.ExponentialHistogram().DataPoints(), isNew)
	case pmetric.MetricTypeSummary:
		removeNew(m.Summary().DataPoints(), probe.Summary().DataPoints(), isNew)
	case pmetric.MetricTypeEmpty:
	}
	return before - points(m)
}

// pointSlice is what the slices of the five kinds of data points have in common.
type pointSlice[P any] interface {
	RemoveIf(func(P) bool)
	AppendEmpty() P
}

// removeNew puts each point of dps alone into probe and takes it out of dps when that makes a new series.
func removeNew[P interface{ CopyTo(P) }, S pointSlice[P]](dps, probe S, isNew func() bool) {
	dps.RemoveIf(func(p P) bool {
		probe.RemoveIf(func(P) bool { return true })
		p.CopyTo(probe.AppendEmpty())
		return isNew()
	})
}

func points(m pmetric.Metric) int {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		return m.Gauge().DataPoints().Len()
	case pmetric.MetricTypeSum:
		return m.Sum().DataPoints().Len()
	case pmetric.MetricTypeHistogram:
		return m.Histogram().DataPoints().Len()
	case pmetric.MetricTypeExponentialHistogram:
		return m.ExponentialHistogram().DataPoints().Len()
	case pmetric.MetricTypeSummary:
		return m.Summary().DataPoints().Len()
	default:
		return 0
	}
}

func (b *SeriesBound) hasNew(ctx context.Context, md pmetric.Metrics) bool {
	p := &seriesProbe{ctx: ctx, index: b.index}
	probe := pmetric.NewMetrics() // The request itself goes on as it came.
	md.CopyTo(probe)
	app := b.rewriter.rewrite(probe, p)
	// The writer counts points that cannot be translated.
	_, _ = prometheusremotewrite.NewPrometheusConverter(app).FromMetrics(ctx, probe, b.rewriter.settings)
	return p.found
}

// seriesProbe is an appender that stores nothing and notes whether it was given a series that does not exist.
type seriesProbe struct {
	ctx   context.Context // An appender belongs to one request.
	index intake.SeriesIndex
	found bool
}

// Append implements promstorage.AppenderV2.
func (p *seriesProbe) Append(_ promstorage.SeriesRef, ls labels.Labels, _, _ int64, _ float64, _ *histogram.Histogram, _ *histogram.FloatHistogram, opts promstorage.AOptions) (promstorage.SeriesRef, error) { //nolint:revive // The interface is Prometheus's.
	if !p.found && opts.MetricFamilyName != targetInfo {
		p.found = !p.index.Known(p.ctx, ls)
	}
	return 0, nil
}

// Commit implements promstorage.AppenderV2.
func (*seriesProbe) Commit() error { return nil }

// Rollback implements promstorage.AppenderV2.
func (*seriesProbe) Rollback() error { return nil }
