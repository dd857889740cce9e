// SPDX-License-Identifier: Apache-2.0

package remotewrite

import (
	"context"
	"fmt"
	"math"

	remoteapi "github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/metadata"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"github.com/prometheus/prometheus/storage"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/ingest/check"
	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/signal"
)

// reasonLabels is the ledger's word for a series with too many or too long labels.
const reasonLabels = "label_limit"

// Format is the header value that marks a bus record as a remote write 2.0 request.
const Format = "prometheus.write.v2"

// collector implements storage.Appender: it gathers one request and puts it on the bus when it is committed.
type collector struct {
	ctx    context.Context // An appender belongs to one request, as storage.Appendable has it.
	intake *intake.Intake
	limits check.Limits
	// minTime and maxTime are the window of times, in milliseconds. An appender's samples have no maxTime.
	minTime, maxTime int64

	symbols writev2.SymbolsTable
	index   map[uint64]int // series by hash of its labels
	req     writev2.Request
	tally   check.Tally
	// oversized is what a commit left out because it fits no record of the bus.
	oversized remoteapi.WriteResponseStats
}

func newCollector(ctx context.Context, in *intake.Intake) *collector {
	l, now := in.Limits(), in.Now()
	return &collector{
		ctx: ctx, intake: in, limits: l, minTime: now.Add(-l.MetricsPast).UnixMilli(), maxTime: now.Add(l.Future).UnixMilli(),
		symbols: writev2.NewSymbolTable(), index: map[uint64]int{},
	}
}

// series returns the entry of l in the request, new or old, or the reason and the error of refusing it.
func (c *collector) series(l labels.Labels) (*writev2.TimeSeries, string, error) {
	if l.Len() > c.limits.Attributes {
		return nil, reasonLabels, fmt.Errorf("%w: %d labels, at most %d", storage.ErrOutOfBounds, l.Len(), c.limits.Attributes)
	}
	long := ""
	l.Range(func(lb labels.Label) {
		if len(lb.Value) > c.limits.AttributeBytes {
			long = lb.Name
		}
	})
	if long != "" {
		return nil, reasonLabels, fmt.Errorf("%w: label %q is longer than %d bytes", storage.ErrOutOfBounds, long, c.limits.AttributeBytes)
	}
	h := l.Hash()
	if i, ok := c.index[h]; ok {
		return &c.req.Timeseries[i], "", nil
	}
	if c.intake.SeriesFull() && !c.intake.Series().Known(c.ctx, l) {
		return nil, check.ReasonSeriesLimit, fmt.Errorf("%w: the store takes no new series (metrics.max_series)", storage.ErrOutOfBounds)
	}
	c.index[h] = len(c.req.Timeseries)
	c.req.Timeseries = append(c.req.Timeseries, writev2.TimeSeries{LabelsRefs: c.symbols.SymbolizeLabels(l, nil)})
	return &c.req.Timeseries[len(c.req.Timeseries)-1], "", nil
}

func (c *collector) refuse(reason string, err error) error {
	c.tally.Items++
	c.tally.Reject(reason, 1)
	return err
}

// Append implements storage.Appender.
func (c *collector) Append(_ storage.SeriesRef, l labels.Labels, t int64, v float64) (storage.SeriesRef, error) {
	return 0, c.sample(l, 0, t, v)
}

// sample is Append for a sample that may have a start timestamp (0: none).
func (c *collector) sample(l labels.Labels, st, t int64, v float64) error {
	if t < c.minTime {
		return c.refuse(check.ReasonTooOld, storage.ErrTooOldSample)
	}
	ts, reason, err := c.series(l)
	if err != nil {
		return c.refuse(reason, err)
	}
	if n := len(ts.Samples); n > 0 {
		if s := ts.Samples[n-1]; s.Timestamp == t && math.Float64bits(s.Value) != math.Float64bits(keepSign(v)) {
			return c.refuse("duplicate_timestamp", storage.ErrDuplicateSampleForTimestamp)
		}
	}
	c.tally.Items++
	ts.Samples = append(ts.Samples, writev2.Sample{StartTimestamp: st, Timestamp: t, Value: keepSign(v)})
	return nil
}

// AppendHistogram implements storage.Appender.
func (c *collector) AppendHistogram(_ storage.SeriesRef, l labels.Labels, t int64, h *histogram.Histogram, fh *histogram.FloatHistogram) (storage.SeriesRef, error) {
	return 0, c.histogram(l, 0, t, h, fh)
}

// histogram is AppendHistogram for one that may have a start timestamp (0: none).
func (c *collector) histogram(l labels.Labels, st, t int64, h *histogram.Histogram, fh *histogram.FloatHistogram) error {
	if t < c.minTime {
		return c.refuse(check.ReasonTooOld, storage.ErrTooOldSample)
	}
	var err error
	var hist writev2.Histogram
	if fh != nil {
		err = fh.Validate()
		hist = writev2.FromFloatHistogram(st, t, fh)
	} else {
		err = h.Validate()
		hist = writev2.FromIntHistogram(st, t, h)
	}
	if err != nil {
		return c.refuse(check.ReasonHistogram, err)
	}
	ts, reason, err := c.series(l)
	if err != nil {
		return c.refuse(reason, err)
	}
	c.tally.Items++
	ts.Histograms = append(ts.Histograms, hist)
	return nil
}

// AppendExemplar implements storage.Appender.
func (c *collector) AppendExemplar(_ storage.SeriesRef, l labels.Labels, e exemplar.Exemplar) (storage.SeriesRef, error) {
	ts, _, err := c.series(l)
	if err != nil {
		return 0, err
	}
	ts.Exemplars = append(ts.Exemplars, writev2.Exemplar{
		LabelsRefs: c.symbols.SymbolizeLabels(e.Labels, nil), Value: e.Value, Timestamp: e.Ts,
	})
	return 0, nil
}

// UpdateMetadata implements storage.Appender.
func (c *collector) UpdateMetadata(_ storage.SeriesRef, l labels.Labels, m metadata.Metadata) (storage.SeriesRef, error) {
	ts, _, err := c.series(l)
	if err != nil {
		return 0, err
	}
	ts.Metadata = writev2.Metadata{
		Type: writev2.FromMetadataType(m.Type), HelpRef: c.symbols.Symbolize(m.Help), UnitRef: c.symbols.Symbolize(m.Unit),
	}
	return 0, nil
}

// AppendSTZeroSample implements storage.Appender; the handler is built without start timestamps.
func (c *collector) AppendSTZeroSample(storage.SeriesRef, labels.Labels, int64, int64) (storage.SeriesRef, error) {
	return 0, storage.ErrOutOfOrderST
}

// AppendHistogramSTZeroSample implements storage.Appender.
func (c *collector) AppendHistogramSTZeroSample(storage.SeriesRef, labels.Labels, int64, int64, *histogram.Histogram, *histogram.FloatHistogram) (storage.SeriesRef, error) {
	return 0, storage.ErrOutOfOrderST
}

// SetOptions implements storage.Appender.
func (c *collector) SetOptions(*storage.AppendOptions) {}

// Rollback implements storage.Appender: the whole request is refused.
func (c *collector) Rollback() error {
	c.tally.Reject("request_refused", c.tally.Items-c.tally.RejectedItems())
	_, err := c.intake.Accept(c.ctx, intake.Request{Signal: signal.Metrics, Topic: bus.TopicRemoteWrite, Format: Format, Tally: c.tally})
	return err // It names the signal.
}

// Commit implements storage.Appender: it returns when the bus holds the request durably.
func (c *collector) Commit() error {
	parts, err := c.parts()
	if err != nil {
		return err
	}
	_, err = c.intake.Accept(c.ctx, intake.Request{
		Signal: signal.Metrics, Topic: bus.TopicRemoteWrite, Parts: parts, Format: Format, Tally: c.tally,
	})
	return err // It names the signal.
}
