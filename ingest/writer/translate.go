// SPDX-License-Identifier: Apache-2.0

package writer

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/metadata"
	"github.com/prometheus/prometheus/model/value"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/storage/remote/otlptranslator/prometheusremotewrite"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/ingest/check"
	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/ingest/writer/seriescache"
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
	cache     *seriescache.Cache[series]
}

// NewOTLPTranslator returns a translator.
func NewOTLPTranslator(md MetadataSink, how Translation) *OTLPTranslator {
	t := &OTLPTranslator{rewriter: newRewriter(how), app: newCountingAppender(md), cache: seriescache.New[series](how.Lookback)}
	t.converter = prometheusremotewrite.NewPrometheusConverter(&t.app)
	return t
}

// Append implements Translator. Data points that are known by their bytes are appended at once, the others are translated.
func (t *OTLPTranslator) Append(ctx context.Context, app promstorage.AppenderV2, m bus.Message) (int, map[string]int64, error) {
	plan := t.cache.Split(m.Value, time.Now())
	unknown, err := t.decoder.UnmarshalMetrics(plan.Unknown)
	odd, errOdd := t.decoder.UnmarshalMetrics(plan.Odd)
	if err != nil || errOdd != nil { // The gateway decoded it; only another producer on the topic can send this.
		_, n, _ := intake.RecordItem(m.Headers)
		return 0, map[string]int64{"undecodable": n}, nil //nolint:nilerr // Counted as rejected: no later attempt can succeed.
	}
	items := plan.Points + unknown.DataPointCount() + odd.DataPointCount()
	t.app.reset(app, len(plan.Unknown)+len(plan.Odd) > 0)
	for _, s := range plan.Samples {
		t.app.appendKnown(s.Series, s.Start, s.Time, s.Value)
	}
	t.translate(ctx, unknown, true)
	t.translate(ctx, odd, false)
	if t.app.fatal != nil {
		return 0, nil, t.app.fatal
	}
	return items, t.app.rejected, nil
}

// translate appends md resource by resource; learn says that md is the unknown part of a plan. The first error that is fatal ends it.
func (t *OTLPTranslator) translate(ctx context.Context, md pmetric.Metrics, learn bool) {
	learn = learn && md.ResourceMetrics().Len() == t.cache.Unknown()
	for i, rm := range md.ResourceMetrics().All() {
		if t.app.fatal != nil {
			return
		}
		one := pmetric.NewMetrics()
		rm.MoveTo(one.ResourceMetrics().AppendEmpty())
		thresholds := prepare(one, t.app.reject)
		into := t.rewriter.rewrite(one, &t.app)
		t.app.learner.begin(learn)
		if thresholds || !t.try(ctx, one, into) {
			t.app.learner.begin(false)
			t.piecewise(ctx, one, into)
		} else if learn && t.app.fatal == nil {
			t.cache.Learn(i, t.app.learner.samples, time.Now())
		}
	}
	t.app.learner.begin(false)
}

// countingAppender keeps one bad sample from stopping the rest of a request: it counts it with its reason and goes on.
type countingAppender struct {
	promstorage.AppenderV2
	metadata MetadataSink
	rejected map[string]int64
	fatal    error
	// taken are the samples of this transaction: the tsdb drops a conflict within one silently.
	taken map[sampleKey]sample
	// refused are data points of several samples that were counted already.
	refused map[pointKey]struct{}
	// zeroThreshold is that of the exponential histogram being translated, 0 for the translation's own.
	zeroThreshold float64
	hashBuffer    []byte
	starts        starts
	learner       learner
	// transaction is the number of this one. mixed says that it has samples of series that are not known by their bytes.
	transaction uint64
	mixed       bool
	noted       *promstorage.AOptions // whose metadata were noted last
}

type sampleKey struct {
	ref promstorage.SeriesRef
	t   int64
}

type sample struct {
	v  float64
	h  *histogram.Histogram
	fh *histogram.FloatHistogram
}

func (s sample) equals(o sample) bool {
	switch {
	case s.h != nil:
		return o.h != nil && s.h.Equals(o.h)
	case s.fh != nil:
		return o.fh != nil && s.fh.Equals(o.fh)
	default:
		return o.h == nil && o.fh == nil && math.Float64bits(s.v) == math.Float64bits(o.v)
	}
}

// pointKey tells data points of one metric family apart by their labels, without those that differ among the samples of one point.
type pointKey struct {
	family string
	labels uint64
	t      int64
}

func newCountingAppender(md MetadataSink) countingAppender {
	return countingAppender{metadata: md, taken: map[sampleKey]sample{}, refused: map[pointKey]struct{}{}, starts: newStarts()}
}

// reset begins a transaction; mixed says that it may have samples that Append is called for.
func (a *countingAppender) reset(app promstorage.AppenderV2, mixed bool) {
	a.AppenderV2, a.rejected, a.fatal, a.mixed, a.noted = app, nil, nil, mixed, nil
	a.transaction++
	clear(a.taken)
	clear(a.refused)
}

// conflicts says whether a sample contradicts one of the same series and time. A stale marker is a float also where histograms were.
func (a *countingAppender) conflicts(ref promstorage.SeriesRef, t int64, s sample) bool {
	key := sampleKey{ref, t}
	if before, ok := a.taken[key]; ok {
		return !before.equals(s)
	}
	a.taken[key] = s
	return false
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
	if h != nil && a.zeroThreshold > 0 {
		h.ZeroThreshold = a.zeroThreshold
	}
	if len(opts.Exemplars) > 1 { // The tsdb takes those of a series in the order of time, value and labels.
		opts.Exemplars = inOrder(opts.Exemplars)
	}
	got, err := a.started(ref, ls, st, t, v, h, fh, opts)
	if a.learner.on {
		a.learn(got, ls, t, v, opts)
	}
	if err == nil {
		return got, nil
	}
	return 0, a.refuse(err, ls, opts, t, h == nil && fh == nil)
}

// refuse counts a sample that the store will never take, and returns an error that may pass, for which nothing more can be appended.
func (a *countingAppender) refuse(err error, ls labels.Labels, opts promstorage.AOptions, t int64, float bool) error {
	reason := rejectReason(err)
	if reason == "" {
		a.fatal = errors.Join(a.fatal, err)
		return err
	}
	if a.countsAsItem(ls, opts, t, float) {
		a.reject(reason, 1)
	}
	return nil
}

// started appends a sample with the zero of its start, and notes it for the next one's.
func (a *countingAppender) started(ref promstorage.SeriesRef, ls labels.Labels, st, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, opts promstorage.AOptions) (promstorage.SeriesRef, error) { //nolint:revive // As in Append.
	var series uint64
	var zero int64
	stale, counts := value.IsStaleNaN(v), startsAtZero(ls.Get(model.MetricNameLabel), opts)
	if counts {
		series = ls.Hash()
		if !stale {
			zero = a.starts.zero(series, st, t)
		}
	}
	got, err := a.AppenderV2.Append(ref, ls, zero, t, v, h, fh, opts)
	if err == nil && a.conflicts(got, t, sample{v, h, fh}) {
		err = promstorage.ErrDuplicateSampleForTimestamp
	}
	var partial *promstorage.AppendPartialError
	if _, err = partial.Handle(err); err != nil { // Otherwise only exemplars were refused, out of order.
		return 0, err // Append only looks what it is.
	}
	if counts {
		a.starts.taken(series, st, t, stale)
	}
	return got, nil
}

// countsAsItem says whether a sample that was not taken is the first of its data point: a point without one of its samples is not what was sent.
func (a *countingAppender) countsAsItem(ls labels.Labels, opts promstorage.AOptions, t int64, float bool) bool {
	if ls.Get(model.MetricNameLabel) == targetInfo {
		return false
	}
	parts := float && (opts.Metadata.Type == model.MetricTypeHistogram || opts.Metadata.Type == model.MetricTypeSummary)
	if !parts || opts.MetricFamilyName == "" {
		return true
	}
	key := pointKey{family: opts.MetricFamilyName, t: t}
	key.labels, a.hashBuffer = ls.HashWithoutLabels(a.hashBuffer, labels.BucketLabel, model.QuantileLabel)
	_, counted := a.refused[key]
	a.refused[key] = struct{}{}
	return !counted
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
		return check.ReasonSeriesLimit
	case errors.As(err, &invalid):
		return "invalid_histogram"
	default:
		return ""
	}
}
