// SPDX-License-Identifier: Apache-2.0

package writer

import (
	"context"
	"errors"
	"math"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/metadata"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/storage/remote/otlptranslator/prometheusremotewrite"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/storage"
)

// MetadataSink notes the type, unit and help of metric families.
type MetadataSink interface {
	Set(family string, md metadata.Metadata)
}

// targetInfo is the series the translation adds per resource; it is not an item of any request.
const targetInfo = "target_info"

// OTLPTranslator appends OTLP metrics by Prometheus's own translation, after what that would merge was told apart.
type OTLPTranslator struct {
	rewriter  rewriter
	converter *prometheusremotewrite.PrometheusConverter
	app       countingAppender
	decoder   pmetric.ProtoUnmarshaler
}

// NewOTLPTranslator returns a translator.
func NewOTLPTranslator(md MetadataSink, how Translation) *OTLPTranslator {
	t := &OTLPTranslator{rewriter: newRewriter(how), app: newCountingAppender(md)}
	t.converter = prometheusremotewrite.NewPrometheusConverter(&t.app)
	return t
}

// Append implements Translator.
func (t *OTLPTranslator) Append(ctx context.Context, app promstorage.AppenderV2, m bus.Message) (int, map[string]int64, error) {
	md, err := t.decoder.UnmarshalMetrics(m.Value)
	if err != nil { // The gateway decoded it; only another producer on the topic can send this.
		_, n, _ := intake.RecordItem(m.Headers)
		return 0, map[string]int64{"undecodable": n}, nil //nolint:nilerr // Counted as rejected: no later attempt can succeed.
	}
	t.app.reset(app)
	t.converter.Reset(t.rewriter.rewrite(md, &t.app))
	_, err = t.converter.FromMetrics(ctx, md, t.rewriter.settings)
	if t.app.fatal != nil {
		return 0, nil, t.app.fatal
	}
	if err != nil { // Names that cannot be translated; the rest was appended.
		t.app.reject("untranslatable", 1)
	}
	return md.DataPointCount(), t.app.rejected, nil
}

// countingAppender keeps one bad sample from stopping the rest of a request: it counts it with its reason and goes on.
type countingAppender struct {
	promstorage.AppenderV2
	metadata MetadataSink
	rejected map[string]int64
	fatal    error
	// last is the newest sample of each series in this transaction: the tsdb drops a conflict within one silently.
	last map[promstorage.SeriesRef]sample
}

type sample struct {
	t int64
	v float64
}

func newCountingAppender(md MetadataSink) countingAppender {
	return countingAppender{metadata: md, last: map[promstorage.SeriesRef]sample{}}
}

func (a *countingAppender) reset(app promstorage.AppenderV2) {
	a.AppenderV2, a.rejected, a.fatal = app, nil, nil
	clear(a.last)
}

// conflicts says whether a float sample contradicts the one before it in the same series.
func (a *countingAppender) conflicts(ref promstorage.SeriesRef, t int64, v float64) bool {
	before, ok := a.last[ref]
	a.last[ref] = sample{t, v}
	return ok && before.t == t && math.Float64bits(before.v) != math.Float64bits(v)
}

func (a *countingAppender) reject(reason string, n int64) {
	if a.rejected == nil {
		a.rejected = map[string]int64{}
	}
	a.rejected[reason] += n
}

// Append implements promstorage.AppenderV2.
func (a *countingAppender) Append(ref promstorage.SeriesRef, ls labels.Labels, st, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, opts promstorage.AOptions) (promstorage.SeriesRef, error) { //nolint:revive // The interface is Prometheus's.
	if opts.MetricFamilyName != "" && opts.MetricFamilyName != targetInfo {
		a.metadata.Set(opts.MetricFamilyName, opts.Metadata)
	}
	got, err := a.AppenderV2.Append(ref, ls, st, t, v, h, fh, opts)
	if err == nil && h == nil && fh == nil && a.conflicts(got, t, v) {
		err = promstorage.ErrDuplicateSampleForTimestamp
	}
	if err == nil {
		return got, nil
	}
	var partial *promstorage.AppendPartialError
	if _, err = partial.Handle(err); err == nil { // Only exemplars were refused, out of order.
		return got, nil
	}
	reason := rejectReason(err)
	if reason == "" {
		a.fatal = errors.Join(a.fatal, err)
		return 0, err
	}
	if countsAsItem(ls.Get(model.MetricNameLabel), opts.MetricFamilyName) {
		a.reject(reason, 1)
	}
	return 0, nil
}

// countsAsItem says whether a sample stands for its data point: a histogram or summary has many samples and one _count.
func countsAsItem(name, family string) bool {
	return name != targetInfo && (name == family || family == "" || strings.TrimPrefix(name, family) == "_count")
}

// rejectReason is the ledger's word for a sample the tsdb will never take, "" for an error that may pass.
func rejectReason(err error) string {
	var invalid histogram.Error
	switch {
	case errors.Is(err, promstorage.ErrDuplicateSampleForTimestamp):
		return "duplicate_timestamp"
	case errors.Is(err, promstorage.ErrTooOldSample), errors.Is(err, promstorage.ErrOutOfOrderSample):
		return "too_old"
	case errors.Is(err, promstorage.ErrOutOfBounds):
		return "out_of_bounds"
	case errors.Is(err, storage.ErrLimit):
		return intake.ReasonSeriesLimit
	case errors.As(err, &invalid):
		return "invalid_histogram"
	default:
		return ""
	}
}

// RemoteWriteTranslator appends remote write 2.0 requests as they are.
type RemoteWriteTranslator struct {
	app     countingAppender
	builder labels.ScratchBuilder
}

// NewRemoteWriteTranslator returns a translator.
func NewRemoteWriteTranslator(md MetadataSink) *RemoteWriteTranslator {
	return &RemoteWriteTranslator{app: newCountingAppender(md), builder: labels.NewScratchBuilder(16)}
}

// Append implements Translator.
func (t *RemoteWriteTranslator) Append(_ context.Context, app promstorage.AppenderV2, m bus.Message) (int, map[string]int64, error) {
	var req writev2.Request
	if err := req.Unmarshal(m.Value); err != nil {
		_, n, _ := intake.RecordItem(m.Headers)
		return 0, map[string]int64{"undecodable": n}, nil //nolint:nilerr // Counted as rejected: no later attempt can succeed.
	}
	t.app.reset(app)
	items := 0
	for i := range req.Timeseries {
		n, err := t.series(&req.Timeseries[i], req.Symbols)
		if err != nil {
			return 0, nil, err
		}
		items += n
	}
	return items, t.app.rejected, nil
}

// series appends one series. Its exemplars go with the first sample at or after them.
func (t *RemoteWriteTranslator) series(ts *writev2.TimeSeries, symbols []string) (int, error) {
	items := len(ts.Samples) + len(ts.Histograms)
	ls, err := ts.ToLabels(&t.builder, symbols)
	if err != nil {
		t.app.reject("undecodable", int64(items))
		return items, nil //nolint:nilerr // Counted as rejected.
	}
	md, err := ts.ToMetadata(symbols)
	if err != nil {
		md = metadata.Metadata{}
	}
	if md.Type != "" || md.Help != "" {
		t.app.metadata.Set(family(ls.Get(model.MetricNameLabel)), md)
	}
	exemplars := make([]exemplar.Exemplar, 0, len(ts.Exemplars))
	for _, e := range ts.Exemplars {
		if ex, err := e.ToExemplar(&t.builder, symbols); err == nil {
			exemplars = append(exemplars, ex)
		}
	}
	var ref promstorage.SeriesRef
	take := func(at int64, final bool) promstorage.AOptions {
		n := 0
		for n < len(exemplars) && (final || exemplars[n].Ts <= at) {
			n++
		}
		opts := promstorage.AOptions{Metadata: md, Exemplars: exemplars[:n]}
		exemplars = exemplars[n:]
		return opts
	}
	for i, s := range ts.Samples {
		ref, err = t.app.Append(ref, ls, 0, s.Timestamp, s.Value, nil, nil, take(s.Timestamp, i == items-1))
		if err != nil {
			return 0, err
		}
	}
	for i, h := range ts.Histograms {
		opts := take(h.Timestamp, len(ts.Samples)+i == items-1)
		if h.IsFloatHistogram() {
			ref, err = t.app.Append(ref, ls, 0, h.Timestamp, math.NaN(), nil, h.ToFloatHistogram(), opts)
		} else {
			ref, err = t.app.Append(ref, ls, 0, h.Timestamp, math.NaN(), h.ToIntHistogram(), nil, opts)
		}
		if err != nil {
			return 0, err
		}
	}
	return items, nil
}

// family is the metric family of a sample's name: the suffixes of histograms and summaries taken off, as Prometheus's metadata has it.
func family(name string) string {
	for _, suffix := range []string{"_bucket", "_count", "_sum"} {
		if base, ok := strings.CutSuffix(name, suffix); ok {
			return base
		}
	}
	return name
}
