// SPDX-License-Identifier: Apache-2.0

// Package intake is the way from a protocol's decoder to the bus, which every protocol of the gateway shares: bodies read and decompressed within a bound on memory
// (ReadHTTP), telemetry checked, cut by partition, made durable and counted (SubmitMetrics, SubmitTraces, SubmitLogs), and the one table from an error to its HTTP
// and gRPC status (AnswerOf). It knows no protocol.
package intake

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"golang.org/x/sync/semaphore"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/ingest/check"
	"github.com/strata-apm/strata/ingest/split"
	"github.com/strata-apm/strata/internal/ledger"
	"github.com/strata-apm/strata/signal"
	"github.com/strata-apm/strata/tenant"
)

// Headers of a bus record, read again by the writer.
const (
	HeaderSource = "strata-source"
	HeaderItems  = "strata-items"
	HeaderFormat = "strata-format"
	// HeaderTenant is missing where the tenant is the default one.
	HeaderTenant = "strata-tenant"
)

// Errors every protocol maps to its own answer; decide with errors.Is.
var (
	// ErrMalformed says that the body can never be read.
	ErrMalformed = errors.New("malformed request")
	// ErrTooLarge says that the body is larger than the limit, before or after decompression.
	ErrTooLarge = errors.New("request too large")
	// ErrUnsupported says that the content type or encoding is not known.
	ErrUnsupported = errors.New("unsupported media type")
	// ErrBusy says that the requests being worked on hold all the memory they may.
	ErrBusy = errors.New("too many requests in flight")
)

// DefaultSource is the ledger's source for requests that need no credentials.
const DefaultSource = "local"

type sourceKey struct{}

// WithSource notes who sent the request: the name of the key or agent.
func WithSource(ctx context.Context, source string) context.Context {
	return context.WithValue(ctx, sourceKey{}, source)
}

// Source returns who sent the request.
func Source(ctx context.Context) string {
	if s, ok := ctx.Value(sourceKey{}).(string); ok && s != "" {
		return s
	}
	return DefaultSource
}

// SeriesIndex is what the gateway may ask of the store of metrics. Safe for concurrent use.
type SeriesIndex interface {
	// Full says whether no new series is taken now. It is cheap.
	Full() bool
	// Known says whether the series exists among those of the tenant that ctx is for, the default one where it is for none.
	Known(ctx context.Context, ls labels.Labels) bool
}

// SeriesBound is a SeriesIndex that also knows which series a data point becomes. Safe for concurrent use.
type SeriesBound interface {
	SeriesIndex
	// RemoveNew takes the data points that would make a new series out of md, and returns how many those are.
	RemoveNew(ctx context.Context, md pmetric.Metrics) int
}

// Options are what an Intake is made of.
type Options struct {
	// Config has the limits; InFlightBytes must be set.
	Config   Config
	Producer bus.Producer
	Ledger   *ledger.Ledger
	// Series may be nil: then the writer alone knows the bound on series, and what it refuses is counted, not answered.
	Series SeriesBound
	// Layout may be nil: then every request is one record.
	Layout split.Layout
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Intake checks requests and puts them on the bus. Safe for concurrent use.
type Intake struct {
	opts   Options
	budget *semaphore.Weighted
	recent *recent
}

// New returns an Intake.
func New(opts Options) *Intake {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Intake{opts: opts, budget: semaphore.NewWeighted(opts.Config.InFlightBytes), recent: newRecent(opts.Now())}
}

// MaxBody is the most bytes a body may have after decompression.
func (in *Intake) MaxBody() int64 { return in.opts.Config.MaxBodyBytes }

// Limits are those of one record.
func (in *Intake) Limits() check.Limits { return in.opts.Config.Limits }

// Layout is how the bus wants requests cut; nil leaves them whole.
func (in *Intake) Layout() split.Layout { return in.opts.Layout }

// Series is the bound on series, nil where it is not known here.
func (in *Intake) Series() SeriesIndex {
	if in.opts.Series == nil {
		return nil
	}
	return in.opts.Series
}

// SeriesFull says whether no new series is taken now.
func (in *Intake) SeriesFull() bool { return in.opts.Series != nil && in.opts.Series.Full() }

// Now is the time by which records are checked.
func (in *Intake) Now() time.Time { return in.opts.Now() }

// Request is a checked request on its way to the bus.
type Request struct {
	Signal signal.Signal
	// Body is the request as OTLP protobuf; Key may be nil, then it is read from Body.
	Body  []byte
	Key   []byte
	Tally check.Tally
	// Parts, Topic and Format are for a request that has no lossless form in OTLP: the records of it, where they go, and the name of their form. The zero
	// values are OTLP on the signal's own topic, cut here.
	Parts  []split.Part
	Topic  string
	Format string
}

// Accept cuts the request for the bus and returns when it is durable there, with what became of its records. Records that the check took out are counted as refused with
// their reason; when the bus does not take the rest, all are counted as refused, because the sender will send all again.
func (in *Intake) Accept(ctx context.Context, req Request) (check.Tally, error) {
	if req.Topic == "" {
		req.Topic = req.Signal.Topic()
	}
	if err := in.cut(&req); err != nil {
		return req.Tally, err
	}
	source, owner, l := Source(ctx), tenant.FromContext(ctx).OrDefault(), in.opts.Ledger
	if kept := req.Tally.Kept(); kept > 0 {
		hash := req.hash(owner)
		if err := in.opts.Producer.Produce(ctx, req.Topic, req.records(source, owner, kept)...); err != nil {
			l.Refused(req.Signal, source, Reason(err), req.Tally.Items)
			if ctx.Err() != nil { // The bus may hold it all the same.
				in.recent.add(hash, in.Now())
			}
			return req.Tally, fmt.Errorf("put %d %s on the bus: %w", kept, req.Signal, err)
		}
		if in.recent.add(hash, in.Now()) {
			l.Resent(req.Signal, source, kept)
		}
	}
	for reason, n := range req.Tally.Rejected {
		l.Refused(req.Signal, source, reason, n)
	}
	return req.Tally, nil
}

// cut makes the parts of a request in OTLP where the bus wants some, and sees to its key where not.
func (in *Intake) cut(req *Request) error {
	if req.Format != "" || req.Tally.Kept() == 0 {
		return nil
	}
	parts, oversized, err := split.Split(req.Signal, req.Body, in.opts.Layout)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	req.Parts = parts
	req.Tally.Reject(check.ReasonRecordSize, oversized)
	if parts == nil && req.Key == nil {
		req.Key = split.Key(req.Signal, req.Body)
	}
	return nil
}

// records are what the bus keeps of the request.
func (req Request) records(source string, owner tenant.ID, kept int) []bus.Record {
	parts := req.Parts
	if parts == nil {
		parts = []split.Part{{Key: req.Key, Body: req.Body, Items: kept}}
	}
	recs := make([]bus.Record, 0, len(parts))
	for _, p := range parts {
		rec := bus.Record{Key: p.Key, Value: p.Body, Headers: []bus.Header{
			{Key: HeaderSource, Value: source}, {Key: HeaderItems, Value: strconv.Itoa(p.Items)},
		}}
		if owner != tenant.Default {
			rec.Headers = append(rec.Headers, bus.Header{Key: HeaderTenant, Value: string(owner)})
		}
		if req.Format != "" {
			rec.Headers = append(rec.Headers, bus.Header{Key: HeaderFormat, Value: req.Format})
		}
		recs = append(recs, rec)
	}
	return recs
}

// Reason is the ledger's word for an error of Accept.
func Reason(err error) string {
	switch {
	case errors.Is(err, bus.ErrFull):
		return "bus_full"
	case errors.Is(err, bus.ErrTooLarge):
		return "too_large"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "client_left"
	default:
		return "bus_unavailable"
	}
}

// RecordItem reads back what Accept wrote beside a record; ok is false for a record that another program put on the topic.
func RecordItem(headers []bus.Header) (source string, items int64, ok bool) {
	source = "kafka"
	for _, h := range headers {
		switch h.Key {
		case HeaderSource:
			source = h.Value
		case HeaderItems:
			n, err := strconv.ParseInt(h.Value, 10, 64)
			items, ok = n, err == nil
		}
	}
	return source, items, ok
}

// RecordTenant reads back whose the record is: the default tenant's where the record does not say, as with those that another program put on the
// topic. The error wraps tenant.ErrInvalid.
func RecordTenant(headers []bus.Header) (tenant.ID, error) {
	for _, h := range headers {
		if h.Key == HeaderTenant {
			return tenant.Parse(h.Value) // It names the value.
		}
	}
	return tenant.Default, nil
}

// RetryAfter is how long a client is asked to wait when the bus or the memory is full.
const RetryAfter = 5 * time.Second
