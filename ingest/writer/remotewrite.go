// SPDX-License-Identifier: Apache-2.0

package writer

import (
	"context"
	"math"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/metadata"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	promstorage "github.com/prometheus/prometheus/storage"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/ingest/writer/seriescache"
)

// RemoteWriteTranslator appends remote write 2.0 requests as they are.
type RemoteWriteTranslator struct {
	app     countingAppender
	builder labels.ScratchBuilder
	cache   *seriescache.RemoteWrite[series]
}

// NewRemoteWriteTranslator returns a translator.
func NewRemoteWriteTranslator(md MetadataSink) *RemoteWriteTranslator {
	return &RemoteWriteTranslator{app: newCountingAppender(md), builder: labels.NewScratchBuilder(16), cache: seriescache.NewRemoteWrite[series]()}
}

// Append implements Translator. Series that are known by their texts are appended at once, the others are decoded.
func (t *RemoteWriteTranslator) Append(_ context.Context, app promstorage.AppenderV2, m bus.Message) (int, map[string]int64, error) {
	plan, usual := t.cache.Split(m.Value, time.Now())
	var req writev2.Request
	if !usual || len(plan.Unknown) > 0 {
		if err := req.Unmarshal(m.Value); err != nil {
			_, n, _ := intake.RecordItem(m.Headers)
			return 0, map[string]int64{"undecodable": n}, nil //nolint:nilerr // Counted as rejected: no later attempt can succeed.
		}
	}
	if !usual {
		t.app.reset(app, true)
		return t.all(&req)
	}
	t.app.reset(app, len(plan.Unknown) > 0)
	for _, s := range plan.Samples {
		t.app.appendKnown(s.Series, s.Start, s.Time, s.Value)
	}
	items := len(plan.Samples)
	for i, at := range plan.Unknown {
		t.app.learner.begin(true)
		n, err := t.series(&req.Timeseries[at], req.Symbols)
		if err != nil {
			return 0, nil, err
		}
		items += n
		if made := t.app.learner.samples; len(made) > 0 && made[0].Taken {
			t.cache.Learn(i, made[0].Series, time.Now())
		}
	}
	t.app.learner.begin(false)
	if t.app.fatal != nil {
		return 0, nil, t.app.fatal
	}
	return items, t.app.rejected, nil
}

// all appends a request of which nothing is known.
func (t *RemoteWriteTranslator) all(req *writev2.Request) (items int, rejected map[string]int64, err error) {
	t.app.learner.begin(false)
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
		ref, err = t.app.Append(ref, ls, s.StartTimestamp, s.Timestamp, s.Value, nil, nil, take(s.Timestamp, i == items-1))
		if err != nil {
			return 0, err
		}
	}
	for i, h := range ts.Histograms {
		opts := take(h.Timestamp, len(ts.Samples)+i == items-1)
		if h.IsFloatHistogram() {
			ref, err = t.app.Append(ref, ls, h.StartTimestamp, h.Timestamp, math.NaN(), nil, h.ToFloatHistogram(), opts)
		} else {
			ref, err = t.app.Append(ref, ls, h.StartTimestamp, h.Timestamp, math.NaN(), h.ToIntHistogram(), nil, opts)
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
