// SPDX-License-Identifier: Apache-2.0

package traces

import (
	"context"
	"fmt"

	"github.com/strata-apm/strata/storage"
)

// AppendTraces implements storage.TraceAppender.
func (s *Store) AppendTraces(ctx context.Context, id storage.BatchID, batch []storage.Owned[[]byte]) (int, error) {
	b, ok := s.blocks.Get().(*block)
	if !ok {
		b = newBlock()
	}
	defer func() {
		b.reset()
		s.blocks.Put(b)
	}()
	if err := b.fill(batch); err != nil {
		return 0, fmt.Errorf("append traces %s: %w", id, err)
	}
	if err := s.client.Insert(ctx, table, id, &b.Block); err != nil {
		return 0, fmt.Errorf("append traces %s: %w", id, err)
	}
	return b.Rows, nil
}
