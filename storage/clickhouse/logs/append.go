// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/strata-apm/strata/storage"
)

// AppendLogs implements storage.LogAppender.
func (s *Store) AppendLogs(ctx context.Context, id storage.BatchID, ld []storage.Owned[plog.Logs]) (int, error) {
	batch := make([]storage.Owned[[]byte], len(ld))
	for i, l := range ld {
		body, err := (&plog.ProtoMarshaler{}).MarshalLogs(l.Data)
		if err != nil {
			return 0, fmt.Errorf("encode logs of %s: %w", id, err)
		}
		batch[i] = storage.Owned[[]byte]{Tenant: l.Tenant, Data: body}
	}
	return s.AppendLogRequests(ctx, id, batch)
}

// AppendLogRequests implements storage.LogAppender.
func (s *Store) AppendLogRequests(ctx context.Context, id storage.BatchID, batch []storage.Owned[[]byte]) (int, error) {
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
