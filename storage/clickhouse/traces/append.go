// SPDX-License-Identifier: Apache-2.0

package traces

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/storage"
)

// AppendTraces implements storage.TraceAppender.
func (s *Store) AppendTraces(ctx context.Context, id storage.BatchID, td []storage.Owned[ptrace.Traces]) (int, error) {
	b, ok := s.blocks.Get().(*block)
	if !ok {
		b = newBlock()
	}
	defer func() {
		b.Reset()
		s.blocks.Put(b)
	}()
	if err := b.fill(td); err != nil {
		return 0, fmt.Errorf("append traces %s: %w", id, err)
	}
	if err := s.client.Insert(ctx, table, id, &b.Block); err != nil {
		return 0, fmt.Errorf("append traces %s: %w", id, err)
	}
	return b.Rows, nil
}
