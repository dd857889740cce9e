// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/strata-apm/strata/backoff"
	"github.com/strata-apm/strata/ingest/bus"
)

// entry is one record that waits in a lane.
type entry struct {
	size int
	done chan error // buffered

	mu   sync.Mutex // held while rec is read
	rec  *bus.Record
	sent bool // a batch with rec in it exists
}

// taken says whether the record is on its way, so that it may have been written.
func (e *entry) taken() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.sent
}

// abandon drops the record of a caller that has gone.
func (e *entry) abandon() {
	e.mu.Lock()
	e.rec = nil
	e.mu.Unlock()
}

// lane sends the records of one partition in order, one batch at a time. While one is under way the next one grows, so that load makes
// batches large by itself. It has a producer id of its own, so that a doubt about one partition stays there.
type lane struct {
	bus      *Bus
	key      laneKey
	maxBytes int
	full     chan struct{} // tells a lingering sender that the batch is large enough

	mu      sync.Mutex
	waiting []*entry
	bytes   int
	running bool

	// Only the sender uses these.
	seq   sequence
	known bool // seq is valid
}

// add returns true when the caller must start a sender.
func (l *lane) add(e *entry) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = append(l.waiting, e)
	l.bytes += e.size
	if l.bytes >= l.bus.cfg.BatchBytes {
		select {
		case l.full <- struct{}{}:
		default:
		}
	}
	start := !l.running
	l.running = true
	return start
}

// run sends until nothing waits any more.
func (l *lane) run() {
	l.linger()
	for {
		batch := l.take()
		if batch == nil {
			return
		}
		err := l.send(batch)
		for _, e := range batch {
			l.bus.buffered.Add(-int64(e.size))
			e.done <- err
		}
	}
}

// linger waits for more records once, when the lane comes to life; later ones gather while a batch is under way.
func (l *lane) linger() {
	if l.bus.cfg.Linger <= 0 {
		return
	}
	t := time.NewTimer(l.bus.cfg.Linger)
	defer t.Stop()
	select {
	case <-t.C:
	case <-l.full:
	}
}

// take returns the records of the next batch, or nil, after which the lane is at rest. A record that might not fit beside others goes
// alone.
func (l *lane) take() []*entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	limit := min(l.bus.cfg.BatchBytes, l.maxBytes-batchHeaderLen-l.maxBytes/128)
	n, size := 0, 0
	for n < len(l.waiting) && (n == 0 || size+l.waiting[n].size <= limit) {
		size += l.waiting[n].size
		n++
	}
	batch := l.waiting[:n:n]
	l.waiting = l.waiting[n:]
	l.bytes -= size
	if n == 0 {
		l.running, l.waiting = false, nil
		select {
		case <-l.full:
		default:
		}
		return nil
	}
	return batch
}

// encoded is a batch on the wire. raw is not written to once it was sent: kafka-go may still be reading it for an attempt that was
// given up.
type encoded struct {
	raw     []byte
	records int
	seq     sequence
	stamped bool
}

func (e *encoded) stamp(s sequence) {
	if e.stamped && e.seq == s {
		return
	}
	if e.stamped {
		e.raw = slices.Clone(e.raw)
	}
	stamp(e.raw, s)
	e.seq, e.stamped = s, true
}

// encode returns the batch without the records whose callers have gone.
func (l *lane) encode(batch []*entry) (*encoded, error) {
	for _, e := range batch {
		e.mu.Lock()
	}
	defer func() {
		for _, e := range batch {
			e.mu.Unlock()
		}
	}()
	recs := make([]*bus.Record, 0, len(batch))
	for _, e := range batch {
		if e.sent = e.rec != nil; e.sent {
			recs = append(recs, e.rec)
		}
	}
	if len(recs) == 0 {
		return &encoded{}, nil
	}
	b, err := l.bus.encoder.batch(recs, time.Now())
	if err != nil {
		return nil, err
	}
	if len(b) > l.maxBytes {
		return nil, fmt.Errorf("produce to %s: %w: %d bytes after compression, the topic allows %d", l.key.topic, bus.ErrTooLarge, len(b), l.maxBytes)
	}
	return &encoded{raw: b, records: len(recs)}, nil
}

// send returns nil when the batch is on as many brokers as the topic asks for. It tries again for as long as that is allowed: a batch
// that cannot have been written until Timeout, one that may have been until DeliveryTimeout.
func (l *lane) send(batch []*entry) error {
	out, err := l.encode(batch)
	if err != nil || out.records == 0 {
		return err
	}
	begin, doubt := time.Now(), false
	var last error
	retry := backoff.New(minBackoff, maxBackoff)
	for {
		left := l.bus.cfg.Timeout - time.Since(begin)
		if doubt {
			left = l.bus.cfg.DeliveryTimeout - time.Since(begin)
		}
		if left <= 0 {
			l.known = l.known && !doubt // A batch in doubt has used up its sequence; a new producer id starts afresh.
			return fmt.Errorf("produce to %s-%d: %w", l.key.topic, l.key.partition, unavailable(last))
		}
		ctx, cancel := context.WithTimeout(context.Background(), min(left, l.bus.cfg.Timeout))
		err := l.attempt(ctx, out)
		switch {
		case err == nil:
			cancel()
			l.seq = l.seq.next(out.records)
			return nil
		case isCode(err, kafkago.MessageSizeTooLarge, kafkago.RecordListTooLarge):
			cancel()
			return fmt.Errorf("produce to %s-%d: %w: %w", l.key.topic, l.key.partition, bus.ErrTooLarge, err)
		case isCode(err, kafkago.OutOfOrderSequenceNumber, kafkago.UnknownProducerId, kafkago.InvalidProducerEpoch, kafkago.InvalidProducerIDMapping):
			// The partition lost what it knew of this producer. With nothing in doubt a new id is safe; otherwise asking is in vain.
			l.known = false
			if doubt {
				cancel()
				return fmt.Errorf("produce to %s-%d: %w", l.key.topic, l.key.partition, unavailable(err))
			}
		case l.known && !isRefused(err):
			doubt = true
		}
		last = err
		_ = backoff.Sleep(ctx, min(retry.Next(), left)) // The time that is left is looked at above.
		cancel()
	}
}

// attempt sends the batch once. Nothing was sent while l.known is false.
func (l *lane) attempt(ctx context.Context, out *encoded) error {
	if !l.known {
		resp, err := l.bus.client.InitProducerID(ctx, &kafkago.InitProducerIDRequest{ProducerID: -1, ProducerEpoch: -1})
		if err == nil {
			err = resp.Error
		}
		if err != nil {
			return fmt.Errorf("get a producer id: %w", err)
		}
		//nolint:gosec // The library widens an int16.
		l.seq, l.known = sequence{producerID: int64(resp.Producer.ProducerID), epoch: int16(resp.Producer.ProducerEpoch)}, true
	}
	out.stamp(l.seq)
	size := binary.BigEndian.AppendUint32(nil, uint32(len(out.raw))) //nolint:gosec // Bounded by max_message_bytes. RawRecordSet leaves it to its reader.
	resp, err := l.bus.client.RawProduce(ctx, &kafkago.RawProduceRequest{
		Topic: l.key.topic, Partition: l.key.partition, RequiredAcks: kafkago.RequireAll,
		RawRecords: protocol.RawRecordSet{Reader: io.MultiReader(bytes.NewReader(size), bytes.NewReader(out.raw))},
	})
	if err != nil {
		return fmt.Errorf("send: %w", err)
	}
	if isCode(resp.Error, kafkago.DuplicateSequenceNumber) {
		return nil // An earlier attempt was written, and its answer lost.
	}
	if resp.Error != nil {
		return fmt.Errorf("send: %w", resp.Error)
	}
	return nil
}
