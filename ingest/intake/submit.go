// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/ingest/check"
	"github.com/strata-apm/strata/signal"
)

// Decoded is what a decoder tells of a request beside the telemetry in it. The zero value is a request in another form than OTLP, of which nothing was lost.
type Decoded struct {
	// Body is the request where it came as OTLP protobuf: when nothing has to be changed it is put on the bus as it is.
	Body []byte
	// Found counts the records that the decoder itself took out, which are not in the telemetry any more, and what it changed.
	Found check.Tally
}

// SubmitMetrics takes what is invalid out of md, puts the rest on the bus and returns when it is durable there. The tally says which data points were refused and
// why; the error is for AnswerOf. md must not be used afterwards.
func (in *Intake) SubmitMetrics(ctx context.Context, md pmetric.Metrics, d Decoded) (check.Tally, error) {
	tally := in.Limits().Metrics(md, in.Now())
	if in.SeriesFull() {
		tally.Reject(check.ReasonSeriesLimit, in.opts.Series.RemoveNew(ctx, md))
	}
	return in.submit(ctx, signal.Metrics, tally, d, func() ([]byte, error) { return (&pmetric.ProtoMarshaler{}).MarshalMetrics(md) })
}

// SubmitTraces is SubmitMetrics for spans.
func (in *Intake) SubmitTraces(ctx context.Context, td ptrace.Traces, d Decoded) (check.Tally, error) {
	tally := in.Limits().Traces(td, in.Now())
	return in.submit(ctx, signal.Traces, tally, d, func() ([]byte, error) { return (&ptrace.ProtoMarshaler{}).MarshalTraces(td) })
}

// SubmitLogs is SubmitMetrics for log records.
func (in *Intake) SubmitLogs(ctx context.Context, ld plog.Logs, d Decoded) (check.Tally, error) {
	tally := in.Limits().Logs(ld, in.Now())
	return in.submit(ctx, signal.Logs, tally, d, func() ([]byte, error) { return (&plog.ProtoMarshaler{}).MarshalLogs(ld) })
}

func (in *Intake) submit(ctx context.Context, s signal.Signal, tally check.Tally, d Decoded, encode func() ([]byte, error)) (check.Tally, error) {
	changed := !tally.Clean() || !d.Found.Clean()
	tally.Add(d.Found)
	body := d.Body
	if (body == nil || changed) && tally.Kept() > 0 {
		var err error
		if body, err = encode(); err != nil {
			return tally, fmt.Errorf("encode %s: %w", s.Noun(), err)
		}
	}
	return in.Accept(ctx, Request{Signal: s, Body: body, Tally: tally})
}
