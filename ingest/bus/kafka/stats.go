// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/strata-apm/strata/ingest/bus"
)

const (
	refreshInterval = 3 * time.Second
	// maxMarks bounds how many points in time are kept per partition; every second one is dropped beyond.
	maxMarks = 512
)

// stats is what the Data health page is told, with full names of topics. It is refreshed by Run.
type stats struct {
	mu         sync.Mutex
	partitions []bus.TopicStats
	marks      map[laneKey][]mark
	err        error
	groups     map[string]error // by full name of the topic, why the group cannot be joined
	gaps       map[string]int64
}

// mark says that at this time the next offset was next.
type mark struct {
	next int64
	at   time.Time
}

// gap counts n records that the log lost before they were stored.
func (s *stats) gap(topic string, n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gaps == nil {
		s.gaps = map[string]int64{}
	}
	s.gaps[topic] += n
}

func (s *stats) groupError(topic string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.groups == nil {
		s.groups = map[string]error{}
	}
	s.groups[topic] = err
}

// Lost returns, by topic, how many offsets were deleted by Kafka's retention, or cut off with the end of the log, before this process
// could store their records.
func (b *Bus) Lost() map[string]int64 {
	b.stats.mu.Lock()
	defer b.stats.mu.Unlock()
	out := make(map[string]int64, len(b.stats.gaps))
	for full, n := range b.stats.gaps {
		out[b.cfg.plain(full)] = n
	}
	return out
}

// Stats implements bus.Inspector: what Run learned last, without asking the brokers. Bytes are not known.
func (b *Bus) Stats() []bus.TopicStats {
	b.stats.mu.Lock()
	defer b.stats.mu.Unlock()
	out := slices.Clone(b.stats.partitions)
	for i := range out {
		out[i].Topic = b.cfg.plain(out[i].Topic)
	}
	return out
}

// Err implements bus.Inspector. It wraps bus.ErrUnavailable when the brokers did not answer lately.
func (b *Bus) Err() error {
	b.stats.mu.Lock()
	defer b.stats.mu.Unlock()
	if b.stats.err != nil {
		return b.stats.err
	}
	for topic, err := range b.stats.groups {
		if err != nil {
			return fmt.Errorf("%w: group %s: %w", bus.ErrUnavailable, b.cfg.groupOf(topic), err)
		}
	}
	return nil
}

// Run refreshes Stats and Err until ctx ends.
func (b *Bus) Run(ctx context.Context) error {
	tick := time.NewTicker(refreshInterval)
	defer tick.Stop()
	for {
		b.refresh(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (b *Bus) refresh(ctx context.Context) {
	partitions, err := b.inspect(ctx)
	if ctx.Err() != nil {
		return
	}
	if _, misfit := errors.AsType[*mismatchError](err); err != nil && !misfit && !errors.Is(err, bus.ErrUnavailable) {
		err = unavailable(err)
	}
	b.stats.mu.Lock()
	defer b.stats.mu.Unlock()
	b.stats.err = err
	if err == nil {
		b.stats.partitions = partitions
		b.stats.setOldest(time.Now())
	}
}

// inspect asks the brokers for every partition.
func (b *Bus) inspect(ctx context.Context) ([]bus.TopicStats, error) {
	if err := b.Check(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*b.cfg.Timeout)
	defer cancel()
	// The metadata are those the client keeps; a request that must be answered shows that there is a broker.
	meta, err := b.client.Metadata(ctx, &kafkago.MetadataRequest{Topics: b.opts.Topics})
	if err != nil {
		return nil, fmt.Errorf("read metadata: %w", err)
	}
	b.refreshPartitions(meta)
	var out []bus.TopicStats
	for _, topic := range b.opts.Topics {
		committed, err := b.committed(ctx, topic)
		if err != nil {
			return nil, err
		}
		for id := range b.partitionsOf(topic) {
			first, next, err := b.offsets(ctx, topic, id)
			if err != nil {
				return nil, err
			}
			s := bus.TopicStats{Topic: topic, Partition: id, First: first, Next: next, Committed: first}
			if c, ok := committed[id]; ok && c >= 0 {
				s.Committed = min(c, next)
			}
			out = append(out, s)
		}
	}
	return out, nil
}

// committed returns the group's offsets of a topic, -1 where there is none.
func (b *Bus) committed(ctx context.Context, topic string) (map[int]int64, error) {
	ids := make([]int, b.partitionsOf(topic))
	for i := range ids {
		ids[i] = i
	}
	resp, err := b.client.OffsetFetch(ctx, &kafkago.OffsetFetchRequest{GroupID: b.cfg.groupOf(topic), Topics: map[string][]int{topic: ids}})
	if err == nil {
		err = resp.Error
	}
	if err != nil {
		return nil, fmt.Errorf("read offsets of group %s: %w", b.cfg.groupOf(topic), err)
	}
	out := map[int]int64{}
	for _, p := range resp.Topics[topic] {
		if p.Error != nil {
			return nil, fmt.Errorf("read offset of group %s in %s-%d: %w", b.cfg.groupOf(topic), topic, p.Partition, p.Error)
		}
		out[p.Partition] = p.CommittedOffset
	}
	return out, nil
}

// offsets returns the first offset of a partition and the one that the next record gets.
func (b *Bus) offsets(ctx context.Context, topic string, id int) (first, next int64, err error) {
	resp, err := b.client.ListOffsets(ctx, &kafkago.ListOffsetsRequest{
		Topics: map[string][]kafkago.OffsetRequest{topic: {kafkago.FirstOffsetOf(id), kafkago.LastOffsetOf(id)}},
	})
	if err != nil {
		return 0, 0, fmt.Errorf("read offsets of %s-%d: %w", topic, id, err)
	}
	for _, p := range resp.Topics[topic] {
		if p.Partition == id && p.Error == nil {
			return p.FirstOffset, p.LastOffset, nil
		}
		if p.Error != nil {
			err = p.Error
		}
	}
	return 0, 0, fmt.Errorf("read offsets of %s-%d: %w", topic, id, errors.Join(err, errNoAnswer))
}

var errNoAnswer = errors.New("the broker did not answer for the partition")

// setOldest derives the age of the first record not yet stored from when its offset was first seen to be taken, to refreshInterval
// exactly; asking the broker would mean to fetch the record. Records from before this process began count from its begin.
func (s *stats) setOldest(now time.Time) {
	if s.marks == nil {
		s.marks = map[laneKey][]mark{}
	}
	for i := range s.partitions {
		p := &s.partitions[i]
		key := laneKey{p.Topic, p.Partition}
		marks := s.marks[key]
		if len(marks) == 0 || marks[len(marks)-1].next != p.Next {
			marks = append(marks, mark{p.Next, now})
		}
		for len(marks) > 1 && marks[0].next <= p.Committed {
			marks = marks[1:]
		}
		if len(marks) > maxMarks {
			kept := marks[:0:0]
			for j := 0; j < len(marks); j += 2 {
				kept = append(kept, marks[j])
			}
			marks = kept
		}
		s.marks[key] = marks
		if p.Committed < p.Next {
			p.Oldest = marks[0].at
		}
	}
}
