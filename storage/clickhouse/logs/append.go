// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"fmt"

	"github.com/strata-apm/strata/storage"
)

// AppendLogs implements storage.LogAppender.
func (s *Store) AppendLogs(ctx context.Context, id storage.BatchID, batch []storage.Owned[[]byte]) (int, error) {
	b, ok := s.blocks.Get().(*block)
	if !ok {
		b = newBlock()
	}
	defer func() {
		b.reset()
		s.blocks.Put(b)
	}()
	if err := b.fill(id, batch); err != nil {
		return 0, fmt.Errorf("append logs %s: %w", id, err)
	}
	if err := s.client.Insert(ctx, table, id, &b.Block); err != nil {
		return 0, fmt.Errorf("append logs %s: %w", id, err)
	}
	return b.Rows, nil
}
