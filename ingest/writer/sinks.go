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
type Derived struct {
	// Name tells the block from the others of its batch, in its id and in the quarantine: lower-case letters.
	Name string
	// Append stores the block of a batch of export requests (OTLP in protobuf, valid, as the records were stored of them) under id, all or nothing, and once
	// however often it is called. Its errors are those of storage.TraceAppender.
	Append func(ctx context.Context, id storage.BatchID, batch []storage.Owned[[]byte]) error
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
	Derived  []Derived
}

// Store implements Sink.
func (s TraceSink) Store(ctx context.Context, id storage.BatchID, msgs []bus.Message) ([]ledger.Outcome, error) {
	return store(ctx, id, msgs, form[ptrace.Traces]{
		of: signal.Traces, append: s.Appender.AppendTraces, count: ptrace.Traces.SpanCount,
		decode: (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces, encode: (&ptrace.ProtoMarshaler{}).MarshalTraces,
	}, s.Derived)
}

// LogSink appends the records of OTLP log requests, and behind them what is derived of them.
type LogSink struct {
	Appender storage.LogAppender
	Derived  []Derived
}

// Store implements Sink.
func (s LogSink) Store(ctx context.Context, id storage.BatchID, msgs []bus.Message) ([]ledger.Outcome, error) {
	return store(ctx, id, msgs, form[plog.Logs]{
		of: signal.Logs, append: s.Appender.AppendLogs, count: plog.Logs.LogRecordCount,
		decode: (&plog.ProtoUnmarshaler{}).UnmarshalLogs, encode: (&plog.ProtoMarshaler{}).MarshalLogs,
	}, s.Derived)
}

// form is what is different among signals.
type form[T any] struct {
	of     signal.Signal
	append func(ctx context.Context, id storage.BatchID, batch []storage.Owned[[]byte]) (int, error)
	decode func([]byte) (T, error)
	encode func(T) ([]byte, error)
	count  func(T) int
}

// store appends the requests of a batch, and what is derived of them behind.
func store[T any](ctx context.Context, id storage.BatchID, msgs []bus.Message, f form[T], derived []Derived) ([]ledger.Outcome, error) {
	batch, outcomes, err := f.requests(msgs)
	if err != nil || len(batch) == 0 {
		return outcomes, err
	}
	if _, err := f.append(ctx, id, batch); err != nil {
		return nil, fmt.Errorf("append %s: %w", f.of, err)
	}
	return derive(ctx, id, batch, derived, outcomes)
}

// requests are the bodies of a batch. Messages of no tenant are rejected and left out.
func (f form[T]) requests(msgs []bus.Message) ([]storage.Owned[[]byte], []ledger.Outcome, error) {
	batch := make([]storage.Owned[[]byte], 0, len(msgs))
	outcomes := make([]ledger.Outcome, 0, len(msgs))
	for _, m := range msgs {
		owner, err := intake.RecordTenant(m.Headers)
		if err != nil {
			outcomes = append(outcomes, misaddressed(f.of.Topic(), m))
			continue
		}
		body, n := m.Value, 0
		if _, _, ours := intake.RecordItem(m.Headers); !ours {
			if body, n, err = f.canonical(m.Value); err != nil {
				return nil, nil, fmt.Errorf("decode %s at offset %d: %w", f.of, m.Offset, err)
			}
		}
		batch = append(batch, storage.Owned[[]byte]{Tenant: owner, Data: body})
		outcomes = append(outcomes, outcome(f.of.Topic(), m, n))
	}
	return batch, outcomes, nil
}

// canonical decodes a request that another program put on the topic, to count its items, and writes it anew, without what older versions of
// OTLP had.
func (f form[T]) canonical(body []byte) ([]byte, int, error) {
	data, err := f.decode(body)
	if err != nil {
		return nil, 0, err
	}
	body, err = f.encode(data)
	return body, f.count(data), err
}

// derive stores the derived blocks of a batch whose records are stored. While a store is away none counts as done and the whole batch comes
// again; a block that is refused for good stops no other, and is told by a BlockError beside the outcomes.
func derive(ctx context.Context, id storage.BatchID, batch []storage.Owned[[]byte], blocks []Derived, outcomes []ledger.Outcome) ([]ledger.Outcome, error) {
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
