// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/strata-apm/strata/ingest/check"
	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/signal"
)

// format is how a body is written.
type format int

const (
	formatProto format = iota
	formatJSON
)

// submit hands a request that has been decoded to the intake.
type submit func(context.Context, *intake.Intake, intake.Decoded) (check.Tally, error)

// request and response are what the three export services have in common.
type request interface {
	UnmarshalProto(data []byte) error
	UnmarshalJSON(data []byte) error
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
	// decode returns the empty request and where it goes once it has been filled.
	decode func() (request, submit)
	// respond returns the response for a request of which something was refused or changed.
	respond func(rejected int64, message string) response
}

// services has a row for each signal that OTLP carries here.
func services() []service {
	s := newSchema()
	return []service{
		{Signal: signal.Metrics, schema: s.metrics, json: s.metricsJSON, decode: decodeMetrics, respond: respondMetrics},
		{Signal: signal.Traces, schema: s.traces, json: s.tracesJSON, decode: decodeTraces, respond: respondTraces},
		{Signal: signal.Logs, schema: s.logs, json: s.logsJSON, decode: decodeLogs, respond: respondLogs},
	}
}

func decodeMetrics() (request, submit) {
	req := pmetricotlp.NewExportRequest()
	return req, func(ctx context.Context, in *intake.Intake, d intake.Decoded) (check.Tally, error) {
		return in.SubmitMetrics(ctx, req.Metrics(), d)
	}
}

func decodeTraces() (request, submit) {
	req := ptraceotlp.NewExportRequest()
	return req, func(ctx context.Context, in *intake.Intake, d intake.Decoded) (check.Tally, error) {
		return in.SubmitTraces(ctx, req.Traces(), d)
	}
}

func decodeLogs() (request, submit) {
	req := plogotlp.NewExportRequest()
	return req, func(ctx context.Context, in *intake.Intake, d intake.Decoded) (check.Tally, error) {
		return in.SubmitLogs(ctx, req.Logs(), d)
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

// Receiver takes export requests of the three signals. Safe for concurrent use.
type Receiver struct{ intake *intake.Intake }

// NewReceiver returns a receiver that puts what it accepts on in.
func NewReceiver(in *intake.Intake) *Receiver { return &Receiver{intake: in} }

// export puts one body on the bus and returns after the bus holds it durably.
func (r *Receiver) export(ctx context.Context, s *service, enc format, body []byte) (response, error) {
	if len(body) == 0 {
		return fullSuccess{}, nil
	}
	tally, err := r.accept(ctx, s, enc, body)
	if err != nil {
		return nil, err
	}
	if message := tally.Message(s.Noun()); message != "" {
		return s.respond(int64(tally.RejectedItems()), message), nil
	}
	return fullSuccess{}, nil
}

// accept scans a protobuf body. A clean one goes on as it came, unless its series have to be looked up; every other body is decoded.
func (r *Receiver) accept(ctx context.Context, s *service, enc format, body []byte) (check.Tally, error) {
	if enc == formatJSON {
		return r.acceptJSON(ctx, s, body)
	}
	sc, err := scanBody(s, body, r.intake.Limits(), r.intake.Now())
	if err != nil {
		return check.Tally{}, err
	}
	if sc.clean && (s.Signal != signal.Metrics || !r.intake.SeriesFull()) {
		return r.intake.Accept(ctx, intake.Request{Signal: s.Signal, Key: sc.key, Body: body, Tally: check.Tally{Items: sc.items}}) // It names the signal.
	}
	decoded := intake.Decoded{Body: body}
	if sc.badIDs {
		mended, emptied := emptyIDs(body, s.schema)
		body, decoded.Body = mended, nil
		decoded.Found.Note(check.NoteBadID, emptied)
	}
	req, submit := s.decode()
	if err := req.UnmarshalProto(body); err != nil {
		return check.Tally{}, fmt.Errorf("%w: decode %s: %w", intake.ErrMalformed, s.Noun(), err)
	}
	return submit(ctx, r.intake, decoded)
}

func (r *Receiver) acceptJSON(ctx context.Context, s *service, body []byte) (check.Tally, error) {
	req, submit := s.decode()
	var decoded intake.Decoded
	body, notes, err := cleanJSON(body, s.json)
	if err == nil {
		err = req.UnmarshalJSON(body)
	}
	if err != nil {
		return check.Tally{}, fmt.Errorf("%w: decode %s: %w", intake.ErrMalformed, s.Noun(), err)
	}
	decoded.Found.Notes = notes
	return submit(ctx, r.intake, decoded)
}

func scanBody(s *service, body []byte, l check.Limits, now time.Time) (*scan, error) {
	sc := &scan{limits: l, window: l.Window(s.Signal, now), clean: true}
	return sc, sc.walk(body, s.schema, 0)
}
