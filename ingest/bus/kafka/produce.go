// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"context"
	"fmt"
	"time"

	"github.com/strata-apm/strata/ingest/bus"
)

type laneKey struct {
	topic     string
	partition int
}

// Produce implements bus.Producer. The partition of a record is PartitionOf its key; records without a key go round.
//
// It returns bus.ErrFull when too much waits for brokers already, bus.ErrUnavailable when they do not answer in time and bus.ErrTooLarge
// when a record is over the limit of its topic. When ctx ends before the answer, the records may be kept all the same.
func (b *Bus) Produce(ctx context.Context, topic string, recs ...bus.Record) error {
	if err := ctx.Err(); err != nil {
		return err // The caller's own end.
	}
	topic = b.cfg.full(topic)
	if err := b.hasTopic(topic); err != nil || len(recs) == 0 {
		return err
	}
	infos, err := b.topicInfos(ctx)
	if err != nil {
		return fmt.Errorf("produce to %s: %w", topic, err)
	}
	size := 0
	for i := range recs {
		size += recordSize(&recs[i])
	}
	if b.buffered.Add(int64(size)) > b.cfg.BufferBytes {
		b.buffered.Add(-int64(size))
		return fmt.Errorf("produce to %s: %w: more than %d bytes wait for the brokers", topic, bus.ErrFull, b.cfg.BufferBytes)
	}
	// The records stay counted until their batches are done, even when the caller has gone: that is what holds the memory.
	waits := make([]*entry, 0, len(recs))
	for i := range recs {
		e := &entry{rec: &recs[i], size: recordSize(&recs[i]), done: make(chan error, 1)}
		partition := b.partition(&recs[i], infos[topic].partitions)
		if err := b.enqueue(laneKey{topic, partition}, infos[topic].maxBytes, e); err != nil {
			b.buffered.Add(-int64(e.size))
			e.done <- err
		}
		waits = append(waits, e)
	}
	return b.await(ctx, topic, waits)
}

// await returns when every record has its answer, ctx ends, or a record has not even been sent within Timeout. After that no sender
// reads the records any more.
func (b *Bus) await(ctx context.Context, topic string, waits []*entry) error {
	timeout := time.NewTimer(b.cfg.Timeout)
	defer timeout.Stop()
	var first error
	for i := 0; i < len(waits); {
		select {
		case err := <-waits[i].done:
			if first == nil {
				first = err // The records of one batch share their error; saying it once is enough.
			}
			i++
		case <-ctx.Done():
			for _, e := range waits {
				e.abandon()
			}
			return fmt.Errorf("produce to %s: %w", topic, unavailable(ctx.Err()))
		case <-timeout.C:
			for _, e := range waits {
				if !e.taken() {
					for _, e := range waits {
						e.abandon()
					}
					return fmt.Errorf("produce to %s: %w", topic, unavailable(errBehind))
				}
			}
		}
	}
	return first
}

func (b *Bus) partition(r *bus.Record, partitions int) int {
	if r.Key == nil {
		return int(b.turn.Add(1) % uint64(max(partitions, 1))) //nolint:gosec // Less than partitions.
	}
	return PartitionOf(r.Key, partitions)
}

// enqueue gives e to the lane of its partition, which begins to send unless it does already.
func (b *Bus) enqueue(key laneKey, maxBytes int, e *entry) error {
	b.lanesMu.Lock()
	defer b.lanesMu.Unlock()
	if b.closed {
		return unavailable(errClosed)
	}
	l := b.lanes[key]
	if l == nil {
		l = &lane{bus: b, key: key, maxBytes: maxBytes}
		l.full = make(chan struct{}, 1)
		b.lanes[key] = l
	}
	if l.add(e) {
		b.senders.Go(l.run)
	}
	return nil
}
