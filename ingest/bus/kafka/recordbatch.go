// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
	kafkago "github.com/segmentio/kafka-go"

	"github.com/strata-apm/strata/ingest/bus"
)

// kafka-go encodes record batches without producer id and sequence. This file encodes format v2 with them, which is all that the
// broker needs to drop a batch it has already: https://kafka.apache.org/documentation/#recordbatch.

const (
	batchHeaderLen = 61
	// recordOverhead is the most that a record needs beside key, value and headers: five varints of up to ten bytes each.
	recordOverhead = 50
	headerOverhead = 10

	attrNone = 0
)

// sequence identifies a batch to the broker.
type sequence struct {
	producerID int64
	epoch      int16
	first      int32
}

// next is the sequence of the batch behind one of n records; Kafka wraps at 2^31.
func (s sequence) next(n int) sequence {
	s.first = int32((int64(s.first) + int64(n)) & 0x7fffffff)
	return s
}

// recordSize is what a record may need in a batch before compression.
func recordSize(r *bus.Record) int {
	n := recordOverhead + len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		n += headerOverhead + len(h.Key) + len(h.Value)
	}
	return n
}

// encoder makes record batches. Safe for concurrent use.
type encoder struct {
	compression kafkago.Compression
	// zstd is nil for other codecs. kafka-go's own compresses as a stream, which takes twice as long for a batch that lies in memory (docs/design/0008).
	zstd   *zstd.Encoder
	bodies sync.Pool // of *[]byte, records before they are compressed
}

func newEncoder(compression kafkago.Compression) (*encoder, error) {
	e := &encoder{compression: compression}
	if compression != kafkago.Zstd {
		return e, nil
	}
	var err error
	if e.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithLowerEncoderMem(true)); err != nil {
		return nil, fmt.Errorf("make a zstd encoder: %w", err)
	}
	return e, nil
}

// batch returns recs as one record batch with the time now.
func (e *encoder) batch(recs []*bus.Record, now time.Time) ([]byte, error) {
	size := 0
	for _, r := range recs {
		size += recordSize(r)
	}
	kept, _ := e.bodies.Get().(*[]byte)
	if kept == nil {
		kept = new([]byte)
	}
	body := slices.Grow((*kept)[:0], size)
	for i, r := range recs {
		body = appendRecord(body, r, i)
	}
	b, err := e.compress(body)
	*kept = body
	e.bodies.Put(kept)
	if err != nil {
		return nil, fmt.Errorf("compress record batch: %w", err)
	}
	count := uint32(len(recs)) //nolint:gosec // A batch has few records.
	millis := uint64(now.UnixMilli())
	binary.BigEndian.PutUint32(b[8:], uint32(len(b)-12))          //nolint:gosec // Bounded by max_message_bytes.
	binary.BigEndian.PutUint32(b[12:], 0xffffffff)                // Partition leader epoch: the broker's.
	b[16] = 2                                                     // Magic.
	binary.BigEndian.PutUint16(b[21:], uint16(e.compression)&0x7) //nolint:gosec // Three bits.
	binary.BigEndian.PutUint32(b[23:], count-1)                   // Last offset delta.
	binary.BigEndian.PutUint64(b[27:], millis)
	binary.BigEndian.PutUint64(b[35:], millis)
	binary.BigEndian.PutUint32(b[57:], count)
	return b, nil
}

// compress returns body compressed, behind room for the header.
func (e *encoder) compress(body []byte) ([]byte, error) {
	out := make([]byte, batchHeaderLen, batchHeaderLen+len(body)/4)
	codec := e.compression.Codec()
	switch {
	case e.zstd != nil:
		return e.zstd.EncodeAll(body, out), nil
	case e.compression == attrNone || codec == nil:
		return append(out, body...), nil
	}
	buf := bytes.NewBuffer(out)
	w := codec.NewWriter(buf)
	if _, err := w.Write(body); err != nil {
		return nil, err // The caller says what.
	}
	if err := w.Close(); err != nil {
		return nil, err // The caller says what.
	}
	return buf.Bytes(), nil
}

// stamp writes the sequence into an encoded batch and seals it.
func stamp(b []byte, s sequence) {
	binary.BigEndian.PutUint64(b[43:], uint64(s.producerID)) //nolint:gosec // Two's complement on the wire.
	binary.BigEndian.PutUint16(b[51:], uint16(s.epoch))      //nolint:gosec // Two's complement on the wire.
	binary.BigEndian.PutUint32(b[53:], uint32(s.first))      //nolint:gosec // Not negative.
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)))
}

func appendRecord(b []byte, r *bus.Record, delta int) []byte {
	n := 1 + 1 + varintLen(int64(delta)) + bytesLen(r.Key) + bytesLen(r.Value) + varintLen(int64(len(r.Headers)))
	for _, h := range r.Headers {
		n += varintLen(int64(len(h.Key))) + len(h.Key) + varintLen(int64(len(h.Value))) + len(h.Value)
	}
	b = binary.AppendVarint(b, int64(n))
	b = append(b, 0, 0) // Attributes, and a timestamp delta of 0.
	b = binary.AppendVarint(b, int64(delta))
	b = appendBytes(b, r.Key)
	b = appendBytes(b, r.Value)
	b = binary.AppendVarint(b, int64(len(r.Headers)))
	for _, h := range r.Headers {
		b = append(binary.AppendVarint(b, int64(len(h.Key))), h.Key...)
		b = append(binary.AppendVarint(b, int64(len(h.Value))), h.Value...)
	}
	return b
}

// appendBytes writes nil as null.
func appendBytes(b, v []byte) []byte {
	if v == nil {
		return binary.AppendVarint(b, -1)
	}
	return append(binary.AppendVarint(b, int64(len(v))), v...)
}

func bytesLen(v []byte) int {
	if v == nil {
		return 1
	}
	return varintLen(int64(len(v))) + len(v)
}

// varintLen is the length of v in zigzag encoding.
func varintLen(v int64) int {
	n := 1
	for u := uint64(v<<1) ^ uint64(v>>63); u >= 0x80; u >>= 7 { //nolint:gosec // Zigzag.
		n++
	}
	return n
}
