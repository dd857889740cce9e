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

// TraceSink appends the spans of OTLP trace requests, and behind them what is derived of them.
type TraceSink struct {
	Appender storage.TraceAppender
	Derived  []Derived[ptrace.Traces]
}

// Store implements Sink.
func (s TraceSink) Store(ctx context.Context, id storage.BatchID, msgs []bus.Message) ([]ledger.Outcome, error) {
	batch, outcomes, err := requests(signal.Traces, msgs, canonicalTraces)
	if err != nil || len(batch) == 0 {
		return outcomes, err
	}
	if _, err := s.Appender.AppendTraceRequests(ctx, id, batch); err != nil {
		return nil, fmt.Errorf("append spans: %w", err)
	}
	if len(s.Derived) == 0 {
		return outcomes, nil
	}
	decoded, err := decode(batch, (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces)
	if err != nil {
		return nil, err
	}
	return derive(ctx, id, decoded, s.Derived, outcomes)
}

// LogSink appends the records of OTLP log requests, and behind them what is derived of them.
type LogSink struct {
	Appender storage.LogAppender
	Derived  []Derived[plog.Logs]
}

// Store implements Sink.
func (s LogSink) Store(ctx context.Context, id storage.BatchID, msgs []bus.Message) ([]ledger.Outcome, error) {
	batch, outcomes, err := requests(signal.Logs, msgs, canonicalLogs)
	if err != nil || len(batch) == 0 {
		return outcomes, err
	}
	if _, err := s.Appender.AppendLogRequests(ctx, id, batch); err != nil {
		return nil, fmt.Errorf("append log records: %w", err)
	}
	if len(s.Derived) == 0 {
		return outcomes, nil
	}
	decoded, err := decode(batch, (&plog.ProtoUnmarshaler{}).UnmarshalLogs)
	if err != nil {
		return nil, err
	}
	return derive(ctx, id, decoded, s.Derived, outcomes)
}

// requests are the bodies of a batch. Messages of no tenant are rejected and left out. One that another program put on the topic is decoded, to
// be counted, and written anew as canonical does, without what older versions of OTLP had.
func requests(of signal.Signal, msgs []bus.Message, canonical func([]byte) ([]byte, int, error)) ([]storage.Owned[[]byte], []ledger.Outcome, error) {
	batch := make([]storage.Owned[[]byte], 0, len(msgs))
	outcomes := make([]ledger.Outcome, 0, len(msgs))
	for _, m := range msgs {
		owner, err := intake.RecordTenant(m.Headers)
		if err != nil {
			outcomes = append(outcomes, misaddressed(of.Topic(), m))
			continue
		}
		body, n := m.Value, 0
		if _, _, ours := intake.RecordItem(m.Headers); !ours {
			if body, n, err = canonical(m.Value); err != nil {
				return nil, nil, fmt.Errorf("decode %s at offset %d: %w", of, m.Offset, err)
			}
		}
		batch = append(batch, storage.Owned[[]byte]{Tenant: owner, Data: body})
		outcomes = append(outcomes, outcome(of.Topic(), m, n))
	}
	return batch, outcomes, nil
}

func canonicalTraces(body []byte) ([]byte, int, error) {
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(body)
	if err != nil {
		return nil, 0, err // The caller names the message.
	}
	body, err = (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	return body, td.SpanCount(), err // As above.
}

func canonicalLogs(body []byte) ([]byte, int, error) {
	ld, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(body)
	if err != nil {
		return nil, 0, err // The caller names the message.
	}
	body, err = (&plog.ProtoMarshaler{}).MarshalLogs(ld)
	return body, ld.LogRecordCount(), err // As above.
}

// decode decodes the requests of a batch that is stored.
func decode[T any](batch []storage.Owned[[]byte], unmarshal func([]byte) (T, error)) ([]storage.Owned[T], error) {
	out := make([]storage.Owned[T], len(batch))
	for i, b := range batch {
		data, err := unmarshal(b.Data)
		if err != nil {
			return nil, fmt.Errorf("decode what is derived of: %w", err)
		}
		out[i] = storage.Owned[T]{Tenant: b.Tenant, Data: data}
	}
	return out, nil
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
