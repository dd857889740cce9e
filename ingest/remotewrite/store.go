// SPDX-License-Identifier: Apache-2.0

package remotewrite

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	remoteapi "github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"github.com/prometheus/prometheus/storage"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/ingest/check"
	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/ingest/split"
	"github.com/strata-apm/strata/signal"
)

const (
	// maxErrors are told to the sender; the rest is counted.
	maxErrors = 10

	reasonBadLabels = "invalid_labels"
	reasonTwice     = "label_twice"
)

// store decodes requests. Prometheus's own (storage/remote, write_handler.go) passes over a series without a name or with a label twice in remote write 1.0, and keeps nothing
// of a request with a bad sample; here the good series of a request are kept in both versions, and what is refused is counted.
type store struct {
	intake   *intake.Intake
	cleaners *cleaners
}

// Store implements what remoteapi.NewWriteHandler asks for.
func (s store) Store(r *http.Request, version remoteapi.WriteMessageType) (*remoteapi.WriteResponse, error) {
	wr := remoteapi.NewWriteResponse()
	fail := func(code int, err error) (*remoteapi.WriteResponse, error) {
		wr.SetStatusCode(code)
		return wr, err
	}
	read, err := s.intake.ReadHTTP(r, intake.SnappyBlock)
	if err != nil {
		return fail(later(r.Context(), err), fmt.Errorf("read remote write request: %w", err))
	}
	defer read.Release()
	body := read.Bytes
	if items, done, err := s.clean(r.Context(), version, body); done {
		if err != nil {
			return fail(later(r.Context(), err), err)
		}
		wr.Add(remoteapi.WriteResponseStats{Samples: items})
		return wr, nil
	}
	w := &writing{c: newCollector(r.Context(), s.intake)}
	if version == remoteapi.WriteV1MessageType {
		err = w.version1(body)
	} else {
		err = w.version2(body)
	}
	if err != nil {
		return fail(http.StatusBadRequest, fmt.Errorf("decode remote write request: %w", err))
	}
	if err := w.c.Commit(); err != nil {
		return fail(later(r.Context(), err), err)
	}
	if lost := w.c.oversized; lost != (remoteapi.WriteResponseStats{}) {
		w.stats.Samples -= lost.Samples
		w.stats.Histograms -= lost.Histograms
		w.stats.Exemplars -= lost.Exemplars
		w.fail(fmt.Errorf("%d samples and %d histograms belong to series that are larger than a record of the bus may be", lost.Samples, lost.Histograms))
	}
	wr.Add(w.stats)
	if w.failed > 0 {
		return fail(http.StatusBadRequest, w.err())
	}
	return wr, nil
}

// clean puts a request on the bus that needs no decision, and says whether it has.
func (s store) clean(ctx context.Context, version remoteapi.WriteMessageType, body []byte) (items int, done bool, err error) {
	layout := s.intake.Layout()
	if s.intake.SeriesFull() || layout != nil && layout.Partitions(bus.TopicRemoteWrite) > 1 {
		return 0, false, nil
	}
	limits, now := s.intake.Limits(), s.intake.Now()
	c := s.cleaners.get(limits, now.Add(-limits.MetricsPast).UnixMilli(), now.Add(limits.Future).UnixMilli())
	defer s.cleaners.put(c)
	rec, ok := c.record(version, body)
	if !ok || layout != nil && len(rec) > layout.MaxRecordBytes()-slack {
		return 0, false, nil
	}
	_, err = s.intake.Accept(ctx, intake.Request{
		Signal: signal.Metrics, Topic: bus.TopicRemoteWrite, Parts: []split.Part{{Body: rec, Items: c.items}}, Format: Format, Tally: check.Tally{Items: c.items},
	})
	return c.items, true, err // It names the signal.
}

// writing is one request.
type writing struct {
	c      *collector
	stats  remoteapi.WriteResponseStats
	errs   []error
	failed int
}

func (w *writing) fail(err error) {
	if w.failed++; len(w.errs) < maxErrors {
		w.errs = append(w.errs, err)
	}
}

func (w *writing) err() error {
	if more := w.failed - len(w.errs); more > 0 {
		w.errs = append(w.errs, fmt.Errorf("and %d more", more))
	}
	return errors.Join(w.errs...)
}

// refuse counts a series that no sample is taken of.
func (w *writing) refuse(reason string, items int, err error) {
	w.c.tally.Items += items
	w.c.tally.Reject(reason, items)
	w.fail(err)
}

// valid checks the labels of a series with so many samples.
func (w *writing) valid(ls labels.Labels, items int) bool {
	name, twice := ls.HasDuplicateLabelNames()
	switch {
	case ls.Get(model.MetricNameLabel) == "":
		w.refuse(check.ReasonNoName, items, fmt.Errorf("series %s has no name", ls))
	case !ls.IsValid(model.UTF8Validation):
		w.refuse(reasonBadLabels, items, fmt.Errorf("series %s has a name or label that is empty or not UTF-8", ls))
	case twice:
		w.refuse(reasonTwice, items, fmt.Errorf("series %s has the label %s twice", ls, name))
	default:
		return true
	}
	return false
}

func (w *writing) sample(ls labels.Labels, st, t int64, v float64) {
	if t > w.c.maxTime {
		w.refuse(check.ReasonTooNew, 1, fmt.Errorf("%w: timestamp %d of series %s is too far in the future", storage.ErrOutOfBounds, t, ls))
		return
	}
	if err := w.c.sample(ls, st, t, v); err != nil {
		w.fail(fmt.Errorf("%w for series %s", err, ls))
		return
	}
	w.stats.Samples++
}

// hist takes the resolution down to what Prometheus knows, as its own handler does.
func (w *writing) hist(ls labels.Labels, st, t int64, h *histogram.Histogram, fh *histogram.FloatHistogram) {
	if t > w.c.maxTime {
		w.refuse(check.ReasonTooNew, 1, fmt.Errorf("%w: timestamp %d of series %s is too far in the future", storage.ErrOutOfBounds, t, ls))
		return
	}
	var err error
	switch {
	case h != nil && histogram.IsExponentialSchemaReserved(h.Schema) && h.Schema > histogram.ExponentialSchemaMax:
		err = h.ReduceResolution(histogram.ExponentialSchemaMax)
	case fh != nil && histogram.IsExponentialSchemaReserved(fh.Schema) && fh.Schema > histogram.ExponentialSchemaMax:
		err = fh.ReduceResolution(histogram.ExponentialSchemaMax)
	}
	if err != nil {
		w.refuse(check.ReasonHistogram, 1, fmt.Errorf("%w for series %s", err, ls))
		return
	}
	if err := w.c.histogram(ls, st, t, h, fh); err != nil {
		w.fail(fmt.Errorf("%w for series %s", err, ls))
		return
	}
	w.stats.Histograms++
}

func (w *writing) exemplar(ls labels.Labels, e exemplar.Exemplar) {
	if e.Ts > w.c.maxTime {
		w.fail(fmt.Errorf("%w: timestamp %d of an exemplar of series %s is too far in the future", storage.ErrOutOfBounds, e.Ts, ls))
		return
	}
	if _, err := w.c.AppendExemplar(0, ls, e); err != nil {
		w.fail(fmt.Errorf("%w: exemplar of series %s", err, ls))
		return
	}
	w.stats.Exemplars++
}

func (w *writing) version1(body []byte) error {
	var req prompb.WriteRequest
	if err := req.Unmarshal(body); err != nil {
		return err // The caller does.
	}
	if len(body) > 0 && len(req.Timeseries) == 0 && len(req.Metadata) == 0 {
		return fmt.Errorf("the body has neither series nor metadata of remote write 1.0; one of 2.0 is sent with Content-Type application/x-protobuf;proto=%s", remoteapi.WriteV2MessageType)
	}
	b := labels.NewScratchBuilder(0)
	for i := range req.Timeseries {
		ts := &req.Timeseries[i]
		ls := ts.ToLabels(&b, nil)
		if !w.valid(ls, len(ts.Samples)+len(ts.Histograms)) {
			continue
		}
		for _, s := range ts.Samples {
			w.sample(ls, 0, s.Timestamp, s.Value)
		}
		for _, h := range ts.Histograms {
			if h.IsFloatHistogram() {
				w.hist(ls, 0, h.Timestamp, nil, h.ToFloatHistogram())
			} else {
				w.hist(ls, 0, h.Timestamp, h.ToIntHistogram(), nil)
			}
		}
		for _, e := range ts.Exemplars {
			w.exemplar(ls, e.ToExemplar(&b, nil))
		}
	}
	return nil
}

func (w *writing) version2(body []byte) error {
	var req writev2.Request
	if err := req.Unmarshal(body); err != nil {
		return err // The caller does.
	}
	if len(body) > 0 && len(req.Timeseries) == 0 && len(req.Symbols) == 0 {
		return fmt.Errorf("the body has neither series nor symbols of remote write 2.0; one of 1.0 is sent with Content-Type application/x-protobuf;proto=%s", remoteapi.WriteV1MessageType)
	}
	b := labels.NewScratchBuilder(0)
	for i := range req.Timeseries {
		w.series(&req.Timeseries[i], req.Symbols, &b)
	}
	return nil
}

// series takes one series of version 2.
func (w *writing) series(ts *writev2.TimeSeries, symbols []string, b *labels.ScratchBuilder) {
	items := len(ts.Samples) + len(ts.Histograms)
	ls, err := ts.ToLabels(b, symbols)
	if err != nil {
		w.refuse(reasonBadLabels, items, fmt.Errorf("labels of series %v: %w", ts.LabelsRefs, err))
		return
	}
	md, err := ts.ToMetadata(symbols)
	if err != nil {
		w.refuse(reasonBadLabels, items, fmt.Errorf("metadata of series %v: %w", ts.LabelsRefs, err))
		return
	}
	if !w.valid(ls, items) {
		return
	}
	if items == 0 {
		w.fail(fmt.Errorf("series %s has neither a sample nor a histogram", ls))
		return
	}
	before := w.stats.AllSamples()
	for _, s := range ts.Samples {
		w.sample(ls, s.StartTimestamp, s.Timestamp, s.Value)
	}
	for _, h := range ts.Histograms {
		if h.IsFloatHistogram() {
			w.hist(ls, h.StartTimestamp, h.Timestamp, nil, h.ToFloatHistogram())
		} else {
			w.hist(ls, h.StartTimestamp, h.Timestamp, h.ToIntHistogram(), nil)
		}
	}
	if w.stats.AllSamples() == before {
		return // Nothing of it was taken: no series to hang anything on.
	}
	for _, e := range ts.Exemplars {
		ex, err := e.ToExemplar(b, symbols)
		if err != nil {
			w.fail(fmt.Errorf("exemplar of series %s: %w", ls, err))
			continue
		}
		w.exemplar(ls, ex)
	}
	if _, err := w.c.UpdateMetadata(0, ls, md); err != nil {
		w.fail(fmt.Errorf("metadata of series %s: %w", ls, err))
	}
}
