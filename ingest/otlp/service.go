// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/signal"
)

// format is how a body is written.
type format int

const (
	formatProto format = iota
	formatJSON
)

// checker takes what is invalid out of a decoded request and changes what is too long.
type checker func(context.Context, *Receiver, time.Time) intake.Tally

// request and response are what the three export services have in common.
type request interface {
	UnmarshalProto(data []byte) error
	UnmarshalJSON(data []byte) error
	MarshalProto() ([]byte, error)
}

type response interface {
	MarshalProto() ([]byte, error)
	MarshalJSON() ([]byte, error)
}

// fullSuccess is the response of all three services when everything was taken: partial_success must not be set, which pdata's own
// encoder does even when it is empty.
type fullSuccess struct{}

func (fullSuccess) MarshalProto() ([]byte, error) { return nil, nil }
func (fullSuccess) MarshalJSON() ([]byte, error)  { return []byte("{}"), nil }

// service takes the export requests of one signal.
type service struct {
	signal.Signal
	schema *message
	json   jsonFields
	// decode returns the empty request and the check of it once it has been filled.
	decode func() (request, checker)
	// past is how old a record of this signal may be.
	past func(Limits) time.Duration
	// respond returns the response for a request of which something was refused or changed.
	respond func(rejected int64, message string) response
}

// services has a row for each signal that OTLP carries here.
func services() []service {
	s := newSchema()
	return []service{
		{
			Signal: signal.Metrics, schema: s.metrics, json: s.metricsJSON,
			decode: decodeMetrics, respond: respondMetrics,
			past: func(l Limits) time.Duration { return l.MetricsPast },
		},
		{
			Signal: signal.Traces, schema: s.traces, json: s.tracesJSON,
			decode: decodeTraces, respond: respondTraces,
			past: func(l Limits) time.Duration { return l.TracesPast },
		},
		{
			Signal: signal.Logs, schema: s.logs, json: s.logsJSON,
			decode: decodeLogs, respond: respondLogs,
			past: func(l Limits) time.Duration { return l.LogsPast },
		},
	}
}

func decodeMetrics() (request, checker) {
	req := pmetricotlp.NewExportRequest()
	return req, func(ctx context.Context, r *Receiver, now time.Time) intake.Tally {
		tally := r.limits.checkMetrics(req.Metrics(), now)
		if r.seriesFull() {
			tally.Reject(intake.ReasonSeriesLimit, r.opts.Gate.RemoveNew(ctx, req.Metrics()))
		}
		return tally
	}
}

func decodeTraces() (request, checker) {
	req := ptraceotlp.NewExportRequest()
	return req, func(_ context.Context, r *Receiver, now time.Time) intake.Tally {
		return r.limits.checkTraces(req.Traces(), now)
	}
}

func decodeLogs() (request, checker) {
	req := plogotlp.NewExportRequest()
	return req, func(_ context.Context, r *Receiver, now time.Time) intake.Tally {
		return r.limits.checkLogs(req.Logs(), now)
	}
}

func respondMetrics(rejected int64, message string) response {
	r := pmetricotlp.NewExportResponse()
	r.PartialSuccess().SetRejectedDataPoints(rejected)
	r.PartialSuccess().SetErrorMessage(message)
	return r
}

func respondTraces(rejected int64, message string) response {
	r := ptraceotlp.NewExportResponse()
	r.PartialSuccess().SetRejectedSpans(rejected)
	r.PartialSuccess().SetErrorMessage(message)
	return r
}

func respondLogs(rejected int64, message string) response {
	r := plogotlp.NewExportResponse()
	r.PartialSuccess().SetRejectedLogRecords(rejected)
	r.PartialSuccess().SetErrorMessage(message)
	return r
}

// SeriesGate knows which series the store of metrics would not take. Safe for concurrent use.
type SeriesGate interface {
	// Full says whether no new series is taken now. It is cheap.
	Full() bool
	// RemoveNew takes the data points that would make a new series out of md, and returns how many those are.
	RemoveNew(ctx context.Context, md pmetric.Metrics) int
}

// Receiver takes export requests of the three signals. Safe for concurrent use.
type Receiver struct {
	intake *intake.Intake
	opts   Options
	limits Limits
	now    func() time.Time
}

// Options are what a Receiver may be told of what lies behind the bus and of the bus itself.
type Options struct {
	Limits Limits
	// Gate may be nil: then the writer alone knows the bound on series, and what it refuses is counted, not answered.
	Gate SeriesGate
	// Layout may be nil: then every request is one record.
	Layout intake.Layout
}

// NewReceiver returns a receiver that puts what it accepts on in.
func NewReceiver(in *intake.Intake, opts Options) *Receiver {
	return &Receiver{intake: in, opts: opts, limits: opts.Limits, now: time.Now}
}

func (r *Receiver) seriesFull() bool { return r.opts.Gate != nil && r.opts.Gate.Full() }

// export checks one body and puts it on the bus. It returns after the bus holds it durably.
func (r *Receiver) export(ctx context.Context, s *service, enc format, body []byte) (response, error) {
	if len(body) == 0 {
		return fullSuccess{}, nil
	}
	accept, err := r.check(ctx, s, enc, body)
	if err != nil {
		return nil, err
	}
	var oversized int
	if accept.Parts, oversized, err = split(s, accept.Body, r.opts.Layout); err != nil {
		return nil, fmt.Errorf("%w: %w", intake.ErrMalformed, err)
	}
	accept.Tally.Reject(intake.ReasonRecordSize, oversized)
	if err := r.intake.Accept(ctx, accept); err != nil {
		return nil, err //nolint:wrapcheck // It names the signal.
	}
	tally := accept.Tally
	if len(tally.Rejected) == 0 && len(tally.Notes) == 0 {
		return fullSuccess{}, nil
	}
	return s.respond(int64(tally.RejectedItems()), partialMessage(s.Noun(), tally)), nil
}

// check makes the bus's request of a body. A clean protobuf body is not decoded, unless its series have to be looked up.
func (r *Receiver) check(ctx context.Context, s *service, enc format, body []byte) (intake.Request, error) {
	accept := intake.Request{Signal: s.Signal, Topic: s.Topic(), Body: body}
	now, badIDs := r.now(), false
	if enc == formatProto {
		sc, err := r.scan(s, body, now)
		badIDs = sc.badIDs
		accept.Key, accept.Tally.Items = sc.key, sc.items
		if err != nil || sc.clean && (s.Signal != signal.Metrics || !r.seriesFull()) {
			return accept, err
		}
	}
	req, check := s.decode()
	var notes map[string]int
	var err error
	if enc == formatJSON {
		if body, notes, err = cleanJSON(body, s.json); err == nil {
			err = req.UnmarshalJSON(body)
		}
	} else {
		if badIDs {
			var emptied int
			body, emptied = emptyIDs(body, s.schema)
			notes = map[string]int{noteBadID: emptied}
		}
		err = req.UnmarshalProto(body)
	}
	if err != nil {
		return accept, fmt.Errorf("%w: decode %s: %w", intake.ErrMalformed, s.Noun(), err)
	}
	accept.Tally = check(ctx, r, now)
	for kind, n := range notes {
		accept.Tally.Note(kind, n)
	}
	if changed := len(accept.Tally.Rejected) > 0 || len(accept.Tally.Notes) > 0 || accept.Tally.Changed; changed || enc == formatJSON {
		if accept.Body, err = req.MarshalProto(); err != nil {
			return accept, fmt.Errorf("encode %s: %w", s.Noun(), err)
		}
		sc, err := r.scan(s, accept.Body, now)
		if err != nil {
			return accept, fmt.Errorf("encoded %s: %w", s.Noun(), err)
		}
		accept.Key = sc.key
	}
	return accept, nil
}

func (r *Receiver) scan(s *service, body []byte, now time.Time) (*scan, error) {
	sc := &scan{limits: r.limits, window: newWindow(now, s.past(r.limits), r.limits.Future), clean: true}
	return sc, sc.walk(body, s.schema, 0)
}

// hint says what to do about a reason.
func hint(reason string) string {
	switch reason {
	case reasonTemporality:
		return " (send cumulative: set OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=cumulative)"
	case intake.ReasonScale:
		return " (exponential histograms are kept from scale -4 up; limit the instrument's buckets less)"
	case reasonTooOld, reasonTooNew:
		return " (check the clock of the sender)"
	case intake.ReasonSeriesLimit:
		return " (the store takes no new series: look for a label with ever new values, or raise metrics.max_series)"
	default:
		return ""
	}
}

// partialMessage says in words what was refused or changed.
func partialMessage(noun string, t intake.Tally) string {
	var parts []string
	for _, reason := range slices.Sorted(maps.Keys(t.Rejected)) {
		parts = append(parts, fmt.Sprintf("%d %s%s", t.Rejected[reason], reason, hint(reason)))
	}
	for _, kind := range slices.Sorted(maps.Keys(t.Notes)) {
		parts = append(parts, fmt.Sprintf("%d %s", t.Notes[kind], kind))
	}
	what := "took all of"
	if n := t.RejectedItems(); n > 0 {
		what = fmt.Sprintf("refused %d of", n)
	}
	return fmt.Sprintf("%s %d %s: %s", what, t.Items, noun, strings.Join(parts, ", "))
}
