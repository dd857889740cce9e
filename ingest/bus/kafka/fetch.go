// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/strata-apm/strata/ingest/bus"
)

// fetchWait is how long the broker keeps a request for records that are not there yet.
const fetchWait = 500 * time.Millisecond

// maxBeyond is how often the log may be found to end too early before the partition is begun anew: some seconds.
const maxBeyond = 6

// pending is a fetch under way. It outlives the call that began it, because callers wait with short deadlines of their own and a
// connection whose answer nobody waits for must be closed.
type pending struct {
	offset int64
	done   chan piece // buffered
}

// piece is what the log holds from offset from to before next: fewer messages where it has gaps.
type piece struct {
	from, next int64
	msgs       []bus.Message
}

// Fetch implements bus.Partition. Brokers that do not answer only make it wait.
func (p *partition) Fetch(ctx context.Context, offset int64, maxBytes int) ([]bus.Message, error) {
	for {
		if msgs := p.buffered(offset, maxBytes); len(msgs) > 0 {
			return msgs, nil
		}
		if offset >= p.from && offset < p.next {
			offset = p.next // The rest of the piece is a gap.
		}
		if err := p.fill(ctx, offset); err != nil {
			return nil, err
		}
	}
}

// buffered returns messages that were fetched already.
func (p *partition) buffered(offset int64, maxBytes int) []bus.Message {
	if offset < p.from || offset >= p.next {
		return nil
	}
	start := sort.Search(len(p.buf), func(i int) bool { return p.buf[i].Offset >= offset })
	end, size := start, 0
	for end < len(p.buf) && (end == start || size+len(p.buf[end].Value) <= maxBytes) {
		size += len(p.buf[end].Value)
		end++
	}
	if end == len(p.buf) {
		p.fetchAhead(p.next)
	}
	return slices.Clone(p.buf[start:end])
}

// fill waits for the piece from offset on.
func (p *partition) fill(ctx context.Context, offset int64) error {
	p.fetchAhead(offset)
	select {
	case got := <-p.ahead.done:
		p.ahead = nil
		if got.next > 0 {
			p.buf, p.from, p.next = got.msgs, got.from, got.next
		}
		return errors.Join(ctx.Err(), p.owned.Err())
	case <-ctx.Done():
		return ctx.Err() // The caller's own end.
	}
}

// fetchAhead makes sure that the piece from offset on is on its way.
func (p *partition) fetchAhead(offset int64) {
	if p.ahead != nil && p.ahead.offset == offset {
		return
	}
	next := &pending{offset: offset, done: make(chan piece, 1)}
	p.ahead = next
	p.fetches.Go(func() {
		var got piece
		_ = p.retry(p.owned, "fetch", func(ctx context.Context) error {
			var err error
			got, err = p.fetch(ctx, offset)
			return err
		})
		next.done <- got // Empty when the partition was taken away.
	})
}

// fetch asks the broker once. It returns an empty piece when there is nothing yet.
func (p *partition) fetch(ctx context.Context, from int64) (piece, error) {
	for offset := from; ; {
		attempt, cancel := context.WithTimeout(ctx, fetchWait+p.bus.cfg.Timeout)
		resp, err := p.bus.client.Fetch(attempt, &kafkago.FetchRequest{
			Topic: p.topic, Partition: p.id, Offset: offset, MinBytes: 1, MaxBytes: int64(p.bus.cfg.FetchBytes), MaxWait: fetchWait,
		})
		cancel()
		if err != nil {
			return piece{}, fmt.Errorf("fetch at %d: %w", offset, err)
		}
		if isCode(resp.Error, kafkago.OffsetOutOfRange) {
			if offset, err = p.stepOver(ctx, offset); err != nil {
				return piece{}, err
			}
			continue
		}
		if resp.Error != nil {
			return piece{}, fmt.Errorf("fetch at %d: %w", offset, resp.Error)
		}
		p.beyond.Store(0)
		got, err := read(resp.Records, offset)
		if err != nil {
			return piece{}, fmt.Errorf("decode records at %d: %w", offset, err)
		}
		got.from = from // A gap stepped over belongs to the piece.
		return got, nil
	}
}

// stepOver returns where the log goes on when it has nothing at offset any more.
func (p *partition) stepOver(ctx context.Context, offset int64) (int64, error) {
	first, last, err := p.bus.offsets(ctx, p.topic, p.id)
	if err != nil {
		return 0, err
	}
	switch {
	case offset < first:
		p.logger.Error("retention deleted records before they were stored", "from", offset, "to", first, "records", first-offset)
		p.bus.stats.gap(p.topic, first-offset)
		return first, nil
	case offset > last:
		// A new leader may know better soon. If none does, Position decides where to go on.
		if p.beyond.Add(1) >= maxBeyond {
			p.lose()
		}
		return 0, fmt.Errorf("the log ends at %d, before %d", last, offset)
	default:
		return offset, nil
	}
}

// read copies the records out of a response. Brokers send whole batches, so some may lie before offset. Batches of transaction markers
// hold nothing for us but take up an offset.
func read(records kafkago.RecordReader, offset int64) (piece, error) {
	out := piece{from: offset, next: offset}
	if stream, ok := records.(*protocol.RecordStream); ok {
		for _, batch := range stream.Records {
			if control, ok := batch.(*protocol.ControlBatch); ok {
				out.next = max(out.next, control.BaseOffset+1)
			}
		}
	}
	for {
		r, err := records.ReadRecord()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return piece{}, err // The caller says where.
		}
		m, err := message(r)
		if err != nil {
			return piece{}, err
		}
		if m.Offset >= offset {
			out.msgs = append(out.msgs, m)
			out.next = max(out.next, m.Offset+1)
		}
	}
	return out, nil
}

func message(r *kafkago.Record) (bus.Message, error) {
	m := bus.Message{Offset: r.Offset, Time: r.Time}
	var err error
	if m.Key, err = readAll(r.Key); err != nil {
		return m, err
	}
	if m.Value, err = readAll(r.Value); err != nil {
		return m, err
	}
	for _, h := range r.Headers {
		m.Headers = append(m.Headers, bus.Header{Key: h.Key, Value: string(h.Value)})
	}
	return m, nil
}

// readAll copies b and gives its pages back.
func readAll(b kafkago.Bytes) ([]byte, error) {
	if b == nil {
		return nil, nil
	}
	defer func() { _ = b.Close() }()
	return protocol.ReadAll(b) // The caller says where.
}
