// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/storage"
)

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
