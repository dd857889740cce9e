// SPDX-License-Identifier: Apache-2.0

// Package split cuts OTLP requests the way the bus wants them: spans by trace id, metrics and logs by resource, none larger than a record may be. It works on the
// encoded request: nothing is decoded, and what it does not cut is copied as it is.
package split

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/strata-apm/strata/signal"
)

// Layout is how the bus wants requests cut. Safe for concurrent use.
type Layout interface {
	// Partitions is how many partitions topic has.
	Partitions(topic string) int
	// PartitionOf is where a record with this key goes among n partitions.
	PartitionOf(key []byte, n int) int
	// MaxRecordBytes is the largest value of a record.
	MaxRecordBytes() int
}

// Part is one record of a request that was cut.
type Part struct {
	Key   []byte
	Body  []byte
	Items int
}

// descent are the fields that lead from a request to its records, level by level. Other fields of a message on the way (the resource, the
// scope, a metric's name, its temporality) is repeated in every part.
func descent(s signal.Signal) [][]protowire.Number {
	if s == signal.Metrics { // Request, resource, scope, metric; then the kind of data and its points.
		return [][]protowire.Number{{1}, {2}, {2}, {5, 7, 9, 10, 11}, {1}}
	}
	return [][]protowire.Number{{1}, {2}, {2}}
}

// frame is one message on the way to a record.
type frame struct {
	id     int
	num    protowire.Number // its field in the message around it
	header []byte
}

// splitter cuts one request.
type splitter struct {
	levels   [][]protowire.Number
	byTrace  bool
	max      int
	bodySize int
	// partitions is how many there are, and partition where a key goes.
	partitions int
	partition  func(key []byte) int

	frames []frame
	nextID int
	key    []byte // of the resource under way
	open   map[int]*part
	parts  []Part
	// oversized counts records that fit no part.
	oversized int
}

// part is a request being built for one partition: one buffer per level.
type part struct {
	key    []byte
	frames []frame
	bufs   [][]byte
	items  int
}

// Split cuts a valid request into parts, each with the key of its partition; nil when it can go as it is, as it always can without a layout. oversized counts
// the records that are larger than a record of the bus may be, and so are in no part. It keeps no reference to body.
func Split(s signal.Signal, body []byte, l Layout) (parts []Part, oversized int, err error) {
	if l == nil {
		return nil, 0, nil
	}
	n, limit := l.Partitions(s.Topic()), l.MaxRecordBytes()
	if len(body) <= limit && (n <= 1 || s != signal.Traces && resources(body) <= 1) {
		return nil, 0, nil
	}
	sp := &splitter{
		levels: descent(s), byTrace: s == signal.Traces, max: limit, bodySize: len(body), partitions: max(n, 1), open: map[int]*part{},
		partition: func(key []byte) int { return l.PartitionOf(key, n) },
	}
	if err := sp.message(body, 0, 0); err != nil {
		return nil, 0, fmt.Errorf("split %s: %w", s.Noun(), err)
	}
	for _, p := range sp.open {
		sp.finish(p)
	}
	return sp.parts, sp.oversized, nil
}

// errFound ends a walk.
var errFound = errors.New("found")

// Key is the key of a valid request that goes as it is: the first trace id that is not empty, or the hash of the first resource. It is nil where there is none.
func Key(s signal.Signal, body []byte) (key []byte) {
	_ = fields(body, func(num protowire.Number, _, value []byte) error { // A request that cannot be read has no key.
		if num != 1 || value == nil {
			return nil
		}
		if s != signal.Traces {
			key = ResourceKey(resource(value))
			return errFound
		}
		return fields(value, func(num protowire.Number, _, value []byte) error {
			if num != 2 || value == nil {
				return nil
			}
			return fields(value, func(num protowire.Number, _, value []byte) error {
				if num != 2 || value == nil {
					return nil
				}
				if id := traceID(value); len(bytes.Trim(id, "\x00")) > 0 {
					key = bytes.Clone(id)
					return errFound
				}
				return nil
			})
		})
	})
	return key
}

// resource is the encoded resource of an encoded ResourceMetrics, ResourceSpans or ResourceLogs.
func resource(b []byte) (found []byte) {
	_ = fields(b, func(num protowire.Number, _, value []byte) error {
		if num == 1 {
			found = value
		}
		return nil
	})
	return found
}

// resources counts the resources of a request.
func resources(body []byte) int {
	n := 0
	for len(body) > 0 {
		_, _, size := protowire.ConsumeField(body)
		if size < 0 {
			return n
		}
		body = body[size:]
		n++
	}
	return n
}

// message descends into one message at a level; num is its field in the message around it.
func (s *splitter) message(b []byte, level int, num protowire.Number) error {
	s.nextID++
	f := frame{id: s.nextID, num: num}
	children := s.levels[level]
	err := fields(b, func(n protowire.Number, whole, value []byte) error {
		if value == nil || !slices.Contains(children, n) {
			f.header = append(f.header, whole...)
		}
		if level == 1 && n == 1 {
			s.key = ResourceKey(value)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if level == 1 && s.key == nil {
		s.key = ResourceKey(nil)
	}
	s.frames = append(s.frames, f)
	err = fields(b, func(n protowire.Number, _, value []byte) error {
		switch {
		case value == nil || !slices.Contains(children, n):
			return nil
		case level == 0 && s.whole(n, value):
			return nil
		case level < len(s.levels)-1:
			return s.message(value, level+1, n)
		default:
			s.leaf(n, value)
			return nil
		}
	})
	s.frames = s.frames[:len(s.frames)-1]
	if level == 1 {
		s.key = nil
	}
	return err
}

// whole puts everything of a resource into the part of its partition, as it came, and says whether it could: spans may belong to several partitions, and
// what is larger than a record of the bus has to be cut.
func (s *splitter) whole(num protowire.Number, value []byte) bool {
	size := s.around() + len(value) + perLevel
	if s.byTrace || size > s.max {
		return false
	}
	if n := count(value, s.levels[1:]); n > 0 {
		s.put(ResourceKey(resource(value)), num, value, n, size)
	}
	return true
}

// count is how many records a message holds that children lead to.
func count(b []byte, children [][]protowire.Number) (n int) {
	_ = fields(b, func(num protowire.Number, _, value []byte) error { // A broken request was refused before.
		switch {
		case value == nil || !slices.Contains(children[0], num):
		case len(children) == 1:
			n++
		default:
			n += count(value, children[1:])
		}
		return nil
	})
	return n
}

// fields calls f with each field of b: the whole of it, and its value when it is length-delimited.
func fields(b []byte, f func(num protowire.Number, whole, value []byte) error) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		size := protowire.ConsumeFieldValue(num, typ, b[n:])
		if size < 0 {
			return protowire.ParseError(size)
		}
		var value []byte
		if typ == protowire.BytesType {
			value, _ = protowire.ConsumeBytes(b[n:])
			value = slices.Clip(value)
			if value == nil {
				value = []byte{}
			}
		}
		if err := f(num, b[:n+size], value); err != nil {
			return err
		}
		b = b[n+size:]
	}
	return nil
}

// perLevel is the most that the tag and the length of one message take.
const perLevel = 6

// around is the most that the messages take that are open around a record.
func (s *splitter) around() int {
	size := 0
	for _, f := range s.frames {
		size += len(f.header) + perLevel
	}
	return size
}

// leaf puts one span, log record or data point into the part of its partition.
func (s *splitter) leaf(num protowire.Number, value []byte) {
	size := s.around() + len(value) + perLevel
	if size > s.max {
		s.oversized++
		return
	}
	key := s.key
	if s.byTrace {
		key = traceID(value)
	}
	s.put(key, num, value, 1, size)
}

// put adds a message with so many records to the part of the key's partition; size is the most that it takes with the messages around it.
func (s *splitter) put(key []byte, num protowire.Number, value []byte, items, size int) {
	n := s.partition(key)
	p := s.open[n]
	if p != nil && p.size()+size > s.max {
		s.finish(p)
		p = nil
	}
	if p == nil {
		p = &part{key: bytes.Clone(key)}
		// Parts are about as large as each other.
		p.bufs = append(make([][]byte, 0, len(s.levels)), make([]byte, 0, min(s.bodySize*5/4/s.partitions+perLevel*len(s.levels)+size, s.max)))[:0]
		s.open[n] = p
	}
	p.descend(s.frames)
	last := len(p.bufs) - 1
	p.bufs[last] = protowire.AppendTag(p.bufs[last], num, protowire.BytesType)
	p.bufs[last] = protowire.AppendBytes(p.bufs[last], value)
	p.items += items
}

// traceID is the first field of a span.
func traceID(span []byte) []byte {
	var id []byte
	_ = fields(span, func(num protowire.Number, _, value []byte) error { // A broken span was refused before.
		if num == 1 {
			id = value
		}
		return nil
	})
	return id
}

func (p *part) size() int {
	n := 0
	for _, b := range p.bufs {
		n += len(b) + perLevel
	}
	return n
}

// descend closes the messages that are not on the way to frames and opens those that are missing.
func (p *part) descend(frames []frame) {
	common := 0
	for common < min(len(p.frames), len(frames)) && p.frames[common].id == frames[common].id {
		common++
	}
	p.ascend(common)
	for _, f := range frames[common:] {
		p.frames = append(p.frames, f)
		if len(p.bufs) < cap(p.bufs) { // What was written at this level before was copied into the message around it.
			p.bufs = p.bufs[:len(p.bufs)+1]
		} else {
			p.bufs = append(p.bufs, nil)
		}
		last := len(p.bufs) - 1
		p.bufs[last] = append(p.bufs[last][:0], f.header...)
	}
}

// ascend closes messages until depth are open.
func (p *part) ascend(depth int) {
	for len(p.frames) > depth && len(p.frames) > 1 {
		i := len(p.frames) - 1
		p.bufs[i-1] = protowire.AppendTag(p.bufs[i-1], p.frames[i].num, protowire.BytesType)
		p.bufs[i-1] = protowire.AppendBytes(p.bufs[i-1], p.bufs[i])
		p.frames, p.bufs = p.frames[:i], p.bufs[:i]
	}
}

func (s *splitter) finish(p *part) {
	p.ascend(1)
	s.parts = append(s.parts, Part{Key: p.key, Body: p.bufs[0], Items: p.items})
}

// ResourceKey is the hash of an encoded resource that spreads metrics and logs over partitions.
func ResourceKey(resource []byte) []byte {
	h := fnv.New64a()
	_, _ = h.Write(resource)
	return binary.BigEndian.AppendUint64(nil, h.Sum64())
}
