// SPDX-License-Identifier: Apache-2.0

// Package intake is what every protocol of the gateway shares: the bound on memory held by requests, the record handed to the bus, the
// ledger's columns and the one table from an error to its HTTP and gRPC status. It knows no protocol.
package intake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"golang.org/x/sync/semaphore"

	"github.com/strata-apm/strata/ingest/bus"
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

// Intake puts checked requests on the bus. Safe for concurrent use.
type Intake struct {
	producer bus.Producer
	ledger   *ledger.Ledger
	budget   *semaphore.Weighted
	maxBody  int64
	recent   *recent
}

// New returns an Intake that holds at most budgetBytes of request bodies at once, each at most maxBody bytes after decompression.
func New(producer bus.Producer, l *ledger.Ledger, maxBody, budgetBytes int64) *Intake {
	return &Intake{producer: producer, ledger: l, budget: semaphore.NewWeighted(budgetBytes), maxBody: maxBody, recent: newRecent(time.Now())}
}

// MaxBody is the most bytes a body may have after decompression.
func (in *Intake) MaxBody() int64 { return in.maxBody }

// Body is a request body in memory; Release gives its share of the budget back.
type Body struct {
	Bytes  []byte
	budget *semaphore.Weighted
	held   int64
}

// Release gives the memory back to the budget. Bytes must not be used afterwards.
func (b *Body) Release() {
	b.budget.Release(b.held)
	b.held, b.Bytes = 0, nil
}

const chunk = 256 << 10

// Read reads r to its end. The memory is claimed from the budget as it is needed, before it is allocated.
func (in *Intake) Read(r io.Reader, sizeHint int64) (*Body, error) {
	b := &Body{budget: in.budget}
	if sizeHint <= 0 || sizeHint > in.maxBody {
		sizeHint = chunk
	}
	if err := b.grow(sizeHint + 1); err != nil {
		return nil, err
	}
	for {
		n, err := r.Read(b.Bytes[len(b.Bytes):cap(b.Bytes)])
		b.Bytes = b.Bytes[:len(b.Bytes)+n]
		switch {
		case errors.Is(err, io.EOF):
			return b, nil
		case err != nil:
			b.Release()
			return nil, err //nolint:wrapcheck // The caller knows whether it is decompressing.
		case int64(len(b.Bytes)) > in.maxBody:
			b.Release()
			return nil, fmt.Errorf("%w: more than %d bytes after decompression", ErrTooLarge, in.maxBody)
		case len(b.Bytes) == cap(b.Bytes):
			if err := b.grow(int64(min(2*len(b.Bytes), int(in.maxBody)+1))); err != nil {
				b.Release()
				return nil, err
			}
		}
	}
}

// Claim takes n bytes of the budget for a body that is in memory already.
func (in *Intake) Claim(body []byte) (*Body, error) {
	b := &Body{budget: in.budget}
	if !in.budget.TryAcquire(int64(len(body))) {
		return nil, ErrBusy
	}
	b.held, b.Bytes = int64(len(body)), body
	return b, nil
}

func (b *Body) grow(size int64) error {
	if !b.budget.TryAcquire(size - b.held) {
		return ErrBusy
	}
	b.held = size
	next := make([]byte, len(b.Bytes), size)
	copy(next, b.Bytes)
	b.Bytes = next
	return nil
}

// Tally is what a check found in one request.
type Tally struct {
	// Items is how many records the request had.
	Items int
	// Rejected counts those taken out, by reason.
	Rejected map[string]int
	// Notes count changes that took nothing out, such as values cut short, by kind.
	Notes map[string]int
	// Changed says that something was changed of which the sender need not hear.
	Changed bool
}

// Reject counts n records taken out.
func (t *Tally) Reject(reason string, n int) {
	if n == 0 {
		return
	}
	if t.Rejected == nil {
		t.Rejected = map[string]int{}
	}
	t.Rejected[reason] += n
}

// Note counts n changes.
func (t *Tally) Note(kind string, n int) {
	if n == 0 {
		return
	}
	if t.Notes == nil {
		t.Notes = map[string]int{}
	}
	t.Notes[kind] += n
}

// RejectedItems is how many records were taken out.
func (t *Tally) RejectedItems() int {
	n := 0
	for _, v := range t.Rejected {
		n += v
	}
	return n
}

// Request is a checked request on its way to the bus.
type Request struct {
	Signal signal.Signal
	Topic  string
	Key    []byte
	Body   []byte
	Format string // empty for OTLP protobuf
	Tally  Tally
	// Parts replace Key and Body where the request had to be cut.
	Parts []Part
}

// Part is one record of a request that was cut.
type Part struct {
	Key   []byte
	Body  []byte
	Items int
}

// Accept puts the request on the bus and returns when it is durable there. Records the check took out are counted as refused with their
// reason; when the bus does not take the rest, all are counted as refused, because the sender will send all again.
func (in *Intake) Accept(ctx context.Context, req Request) error {
	source, owner := Source(ctx), tenant.FromContext(ctx).OrDefault()
	kept := req.Tally.Items - req.Tally.RejectedItems()
	if kept > 0 {
		if err := in.producer.Produce(ctx, req.Topic, req.records(source, owner, kept)...); err != nil {
			in.ledger.Refused(req.Signal, source, Reason(err), req.Tally.Items)
			if ctx.Err() != nil { // The bus may hold it all the same.
				in.recent.add(req.Body, time.Now())
			}
			return fmt.Errorf("put %d %s on the bus: %w", kept, req.Signal, err)
		}
		if in.recent.add(req.Body, time.Now()) {
			in.ledger.Resent(req.Signal, source, kept)
		}
	}
	for reason, n := range req.Tally.Rejected {
		in.ledger.Refused(req.Signal, source, reason, n)
	}
	return nil
}

// ReasonRecordSize is the ledger's word for a record that is larger than the bus takes.
const ReasonRecordSize = "record_too_large"

// Layout is how the bus wants requests cut: spans by trace id, metrics and logs by resource, none larger than a record may be.
type Layout interface {
	// Partitions is how many partitions topic has.
	Partitions(topic string) int
	// PartitionOf is where a record with this key goes among n partitions.
	PartitionOf(key []byte, n int) int
	// MaxRecordBytes is the largest value of a record.
	MaxRecordBytes() int
}

// ReasonSeriesLimit is the ledger's word for a sample that would make a series past the bound on series.
const ReasonSeriesLimit = "series_limit"

// SeriesIndex is what the gateway may ask of the store of metrics. Safe for concurrent use.
type SeriesIndex interface {
	// Full says whether no new series is taken now. It is cheap.
	Full() bool
	// Known says whether the series exists among those of the tenant that ctx is for, the default one where it is for none.
	Known(ctx context.Context, ls labels.Labels) bool
}

// records are what the bus keeps of the request.
func (req Request) records(source string, owner tenant.ID, kept int) []bus.Record {
	parts := req.Parts
	if parts == nil {
		parts = []Part{{Key: req.Key, Body: req.Body, Items: kept}}
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
			return tenant.Parse(h.Value) //nolint:wrapcheck // It names the value.
		}
	}
	return tenant.Default, nil
}

// RetryAfter is how long a client is asked to wait when the bus or the memory is full.
const RetryAfter = 5 * time.Second
