// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/storage"
)

// AppendLogs implements storage.LogAppender.
func (s *Store) AppendLogs(ctx context.Context, id storage.BatchID, ld []plog.Logs) (int, error) {
	block, ok := s.logBlocks.Get().(*logBlock)
	if !ok {
		block = newLogBlock()
	}
	defer func() {
		block.Reset()
		s.logBlocks.Put(block)
	}()
	block.fill(id, ld)
	if err := s.client.Insert(ctx, "otel_logs", id, &block.Block); err != nil {
		return 0, fmt.Errorf("append logs %s: %w", id, err)
	}
	return block.Rows, nil
}

// AppendTraces implements storage.TraceAppender.
func (s *Store) AppendTraces(ctx context.Context, id storage.BatchID, td []ptrace.Traces) (int, error) {
	block, ok := s.traceBlocks.Get().(*traceBlock)
	if !ok {
		block = newTraceBlock()
	}
	defer func() {
		block.Reset()
		s.traceBlocks.Put(block)
	}()
	block.fill(td)
	if err := s.client.Insert(ctx, "otel_traces", id, &block.Block); err != nil {
		return 0, fmt.Errorf("append traces %s: %w", id, err)
	}
	return block.Rows, nil
}
