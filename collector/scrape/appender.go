// SPDX-License-Identifier: Apache-2.0

package scrape

import (
	"context"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// appendable makes one request of each scrape.
type appendable struct{ next consumer.Metrics }

// AppenderV2 implements storage.AppendableV2.
func (a *appendable) AppenderV2(ctx context.Context) storage.AppenderV2 {
	md := pmetric.NewMetrics()
	return &appender{ctx: ctx, next: a.next, md: md, scope: md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty(), metrics: make(map[string]pmetric.NumberDataPointSlice)}
}

// appender collects the samples of one scrape.
type appender struct {
	ctx     context.Context // Of one scrape, as the interface has it.
	next    consumer.Metrics
	md      pmetric.Metrics
	scope   pmetric.ScopeMetrics
	metrics map[string]pmetric.NumberDataPointSlice
}

// Append implements storage.AppenderV2. Native histograms are not asked for, so there are none.
//
//nolint:revive // The interface has that many.
func (a *appender) Append(ref storage.SeriesRef, ls labels.Labels, _, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, opts storage.AppendV2Options) (storage.SeriesRef, error) {
	if h != nil || fh != nil {
		return ref, nil
	}
	name := ls.Get(model.MetricNameLabel)
	points, ok := a.metrics[name]
	if !ok {
		points = a.metric(name, opts)
		a.metrics[name] = points
	}
	dp := points.AppendEmpty()
	dp.SetTimestamp(pcommon.Timestamp(t * 1e6)) //nolint:gosec // Milliseconds since 1970.
	if value.IsStaleNaN(v) {
		dp.SetFlags(dp.Flags().WithNoRecordedValue(true))
	} else {
		dp.SetDoubleValue(v)
	}
	ls.Range(func(l labels.Label) {
		if l.Name != model.MetricNameLabel {
			dp.Attributes().PutStr(l.Name, l.Value)
		}
	})
	// The scraper knows by it which series a target has had, and marks those that are gone as stale.
	return storage.SeriesRef(ls.Hash()), nil
}

// metric makes the metric of a name. A sum would get the suffix _total, so only what has it is one.
func (a *appender) metric(name string, opts storage.AppendV2Options) pmetric.NumberDataPointSlice {
	m := a.scope.Metrics().AppendEmpty()
	m.SetName(name)
	m.SetDescription(opts.Metadata.Help)
	if opts.Metadata.Type == model.MetricTypeCounter && strings.HasSuffix(name, "_total") {
		sum := m.SetEmptySum()
		sum.SetIsMonotonic(true)
		sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		return sum.DataPoints()
	}
	return m.SetEmptyGauge().DataPoints()
}

// Commit sends the scrape. An error makes the target look down, which it is not; what waits here is only a full queue.
func (a *appender) Commit() error {
	if a.md.DataPointCount() == 0 {
		return nil
	}
	return a.next.ConsumeMetrics(a.ctx, a.md) // The pipeline says what it did.
}

// Rollback implements storage.AppenderTransaction.
func (*appender) Rollback() error { return nil }
