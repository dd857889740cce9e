// SPDX-License-Identifier: Apache-2.0

package rollups

import (
	"context"
	"fmt"

	"github.com/strata-apm/strata/storage"
)

// AppendRollups implements storage.RollupAppender.
//
// It is all or nothing as a batch, not as an instant: each block is stored once however often it is sent, in each of its partitions, and the
// caller goes on to the next batch only when both are there. A crash in between leaves a part of the batch until the batch is sent again. Whoever
// sends it again may fold other values than before, and no total is wrong for it: the partition of a row depends on its step and its
// times alone, so of the rows of one bucket either all or none are there already.
func (s *Store) AppendRollups(ctx context.Context, id storage.BatchID, batch []storage.RollupRows) error {
	b, ok := s.rows.Get().(*rowBlock)
	if !ok {
		b = newRowBlock()
	}
	defer func() {
		b.Reset()
		s.rows.Put(b)
	}()
	h, ok := s.folded.Get().(*hiddenBlock)
	if !ok {
		h = newHiddenBlock()
	}
	defer func() {
		h.Reset()
		s.folded.Put(h)
	}()
	// Both are filled first: a batch that can never be stored leaves nothing.
	for i := range batch {
		if err := fill(b, h, &batch[i]); err != nil {
			return fmt.Errorf("append rollups %s: %w: rollup %q: %w", id, storage.ErrInvalid, batch[i].State, err)
		}
	}
	if err := s.client.Insert(ctx, table, id, &b.Block); err != nil {
		return fmt.Errorf("append rollups %s: %w", id, err)
	}
	if err := s.client.Insert(ctx, hidden, id.Block("hidden"), &h.Block); err != nil {
		return fmt.Errorf("append what rollups folded %s: %w", id, err)
	}
	return nil
}
