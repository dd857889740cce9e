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
	batch := make([]storage.Owned[[]byte], len(td))
	for i, t := range td {
		body, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(t.Data)
		if err != nil {
			return 0, fmt.Errorf("encode traces of %s: %w", id, err)
		}
		batch[i] = storage.Owned[[]byte]{Tenant: t.Tenant, Data: body}
	}
	return s.AppendTraceRequests(ctx, id, batch)
}

// AppendTraceRequests implements storage.TraceAppender.
func (s *Store) AppendTraceRequests(ctx context.Context, id storage.BatchID, batch []storage.Owned[[]byte]) (int, error) {
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
