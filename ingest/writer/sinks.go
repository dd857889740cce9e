// SPDX-License-Identifier: Apache-2.0

package writer

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/internal/ledger"
	"github.com/strata-apm/strata/signal"
	"github.com/strata-apm/strata/storage"
)

// Derived is a further block that is made of every batch and stored beside its records.
type Derived[T any] struct {
	// Name tells the block from the others of its batch, in its id and in the quarantine: lower-case letters.
	Name string
	// Append stores the block under id, all or nothing, and once however often it is called. Its errors are those of
	// storage.TraceAppender.
	Append func(ctx context.Context, id storage.BatchID, batch []storage.Owned[T]) error
}

// BlockError says that a store refused one block of a batch for good. The other blocks of the batch are stored.
type BlockError struct {
	// Block is the name of the derived block.
	Block string
	Err   error
}

// Error implements error.
func (e *BlockError) Error() string { return "block " + e.Block + ": " + e.Err.Error() }

// Unwrap gives the store's error.
func (e *BlockError) Unwrap() error { return e.Err }

// TraceSink decodes OTLP trace requests and appends their spans, and behind them what is derived of them.
type TraceSink struct {
	Appender storage.TraceAppender
	Derived  []Derived[ptrace.Traces]
}

// Store implements Sink.
func (s TraceSink) Store(ctx context.Context, id storage.BatchID, msgs []bus.Message) ([]ledger.Outcome, error) {
	var dec ptrace.ProtoUnmarshaler
	batch, outcomes, err := decode(signal.Traces, msgs, dec.UnmarshalTraces, ptrace.Traces.SpanCount)
	if err != nil || len(batch) == 0 {
		return outcomes, err
	}
	if _, err := s.Appender.AppendTraces(ctx, id, batch); err != nil {
		return nil, fmt.Errorf("append spans: %w", err)
	}
	return derive(ctx, id, batch, s.Derived, outcomes)
}

// LogSink decodes OTLP log requests and appends their records, and behind them what is derived of them.
type LogSink struct {
	Appender storage.LogAppender
	Derived  []Derived[plog.Logs]
}

// Store implements Sink.
func (s LogSink) Store(ctx context.Context, id storage.BatchID, msgs []bus.Message) ([]ledger.Outcome, error) {
	var dec plog.ProtoUnmarshaler
	batch, outcomes, err := decode(signal.Logs, msgs, dec.UnmarshalLogs, plog.Logs.LogRecordCount)
	if err != nil || len(batch) == 0 {
		return outcomes, err
	}
	if _, err := s.Appender.AppendLogs(ctx, id, batch); err != nil {
		return nil, fmt.Errorf("append log records: %w", err)
	}
	return derive(ctx, id, batch, s.Derived, outcomes)
}

// decode reads the messages of a batch. Messages of no tenant are rejected and left out.
func decode[T any](of signal.Signal, msgs []bus.Message, unmarshal func([]byte) (T, error), count func(T) int) ([]storage.Owned[T], []ledger.Outcome, error) {
	batch := make([]storage.Owned[T], 0, len(msgs))
	outcomes := make([]ledger.Outcome, 0, len(msgs))
	for _, m := range msgs {
		owner, err := intake.RecordTenant(m.Headers)
		if err != nil {
			outcomes = append(outcomes, misaddressed(of.Topic(), m))
			continue
		}
		data, err := unmarshal(m.Value)
		if err != nil {
			return nil, nil, fmt.Errorf("decode %s at offset %d: %w", of, m.Offset, err)
		}
		batch = append(batch, storage.Owned[T]{Tenant: owner, Data: data})
		outcomes = append(outcomes, outcome(of.Topic(), m, count(data)))
	}
	return batch, outcomes, nil
}

// derive stores the derived blocks of a batch whose records are stored. While a store is away none counts as done and the whole batch comes
// again; a block that is refused for good stops no other, and is told by a BlockError beside the outcomes.
func derive[T any](ctx context.Context, id storage.BatchID, batch []storage.Owned[T], blocks []Derived[T], outcomes []ledger.Outcome) ([]ledger.Outcome, error) {
	var refused []error
	for _, b := range blocks {
		err := b.Append(ctx, id.Block(b.Name), batch)
		switch {
		case err == nil:
		case errors.Is(err, storage.ErrUnavailable) || ctx.Err() != nil:
			return nil, fmt.Errorf("append the block %s: %w", b.Name, err)
		default:
			refused = append(refused, &BlockError{Block: b.Name, Err: err})
		}
	}
	return outcomes, errors.Join(refused...)
}
