// SPDX-License-Identifier: Apache-2.0

package writer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/strata-apm/strata/ingest/bus"
)

// topUp is how long a batch that waited for its turn looks for what came meanwhile.
const topUp = 50 * time.Millisecond

// gathered is a batch that is being cut.
type gathered struct {
	msgs []bus.Message
	size int
	next int64
}

// next returns the messages of the next batch when it is its turn to be stored.
func (w *Batches) next(ctx context.Context, p bus.Partition, at *progress, t *turn) ([]bus.Message, error) {
	g := gathered{next: at.first}
	if err := w.cut(ctx, p, &g, at.end, w.opts.Linger); err != nil {
		return nil, err
	}
	waited, err := t.take(ctx)
	if err != nil {
		return nil, err // The process's own end.
	}
	if waited && at.end < 0 && g.size < w.opts.BatchBytes {
		err = w.cut(ctx, p, &g, at.end, topUp)
	}
	return g.msgs, err
}

// cut adds messages to g: up to end where that was decided before a crash, else until it is large or has waited.
func (w *Batches) cut(ctx context.Context, p bus.Partition, g *gathered, end int64, wait time.Duration) error {
	var deadline time.Time // Set with the first message of a batch that is not cut again.
	for {
		if end < 0 && deadline.IsZero() && len(g.msgs) > 0 {
			deadline = time.Now().Add(wait)
		}
		got, err := fetchUntil(ctx, p, g.next, w.opts.BatchBytes-g.size, deadline)
		if err != nil {
			if len(g.msgs) > 0 && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
				return nil
			}
			return fmt.Errorf("fetch %s: %w", p.Name(), err)
		}
		for _, m := range got {
			if end >= 0 && m.Offset > end {
				return nil
			}
			g.msgs = append(g.msgs, m)
			g.size += len(m.Value)
			g.next = m.Offset + 1
			if m.Offset == end {
				return nil
			}
		}
		if end < 0 && g.size >= w.opts.BatchBytes {
			return nil
		}
	}
}

// fetchUntil is Fetch with a deadline unless that is zero.
func fetchUntil(ctx context.Context, p bus.Partition, offset int64, maxBytes int, deadline time.Time) ([]bus.Message, error) {
	if !deadline.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline)
		defer cancel()
	}
	return p.Fetch(ctx, offset, maxBytes) // The caller names the partition.
}
