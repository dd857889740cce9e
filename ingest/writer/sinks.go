// SPDX-License-Identifier: Apache-2.0

package writer

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/internal/ledger"
	"github.com/strata-apm/strata/signal"
	"github.com/strata-apm/strata/storage"
)

// TraceSink decodes OTLP trace requests and appends their spans.
type TraceSink struct{ Appender storage.TraceAppender }

// Store implements Sink.
func (s TraceSink) Store(ctx context.Context, id storage.BatchID, msgs []bus.Message) ([]ledger.Outcome, error) {
	var dec ptrace.ProtoUnmarshaler
	tds := make([]ptrace.Traces, 0, len(msgs))
	outcomes := make([]ledger.Outcome, 0, len(msgs))
	for _, m := range msgs {
		td, err := dec.UnmarshalTraces(m.Value)
		if err != nil {
			return nil, fmt.Errorf("decode spans at offset %d: %w", m.Offset, err)
		}
		tds = append(tds, td)
		outcomes = append(outcomes, outcome(signal.Traces.Topic(), m, td.SpanCount()))
	}
	if _, err := s.Appender.AppendTraces(ctx, id, tds); err != nil {
		return nil, fmt.Errorf("append spans: %w", err)
	}
	return outcomes, nil
}

// LogSink decodes OTLP log requests and appends their records.
type LogSink struct{ Appender storage.LogAppender }

// Store implements Sink.
func (s LogSink) Store(ctx context.Context, id storage.BatchID, msgs []bus.Message) ([]ledger.Outcome, error) {
	var dec plog.ProtoUnmarshaler
	lds := make([]plog.Logs, 0, len(msgs))
	outcomes := make([]ledger.Outcome, 0, len(msgs))
	for _, m := range msgs {
		ld, err := dec.UnmarshalLogs(m.Value)
		if err != nil {
			return nil, fmt.Errorf("decode log records at offset %d: %w", m.Offset, err)
		}
		lds = append(lds, ld)
		outcomes = append(outcomes, outcome(signal.Logs.Topic(), m, ld.LogRecordCount()))
	}
	if _, err := s.Appender.AppendLogs(ctx, id, lds); err != nil {
		return nil, fmt.Errorf("append log records: %w", err)
	}
	return outcomes, nil
}
