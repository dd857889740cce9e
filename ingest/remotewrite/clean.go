// SPDX-License-Identifier: Apache-2.0

package remotewrite

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"sync"
	"unicode/utf8"

	remoteapi "github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/common/model"

	"github.com/strata-apm/strata/ingest/check"
	"github.com/strata-apm/strata/search/wire"
)

// Fields of prometheus.WriteRequest and io.prometheus.write.v2.Request (prompb/remote.proto, prompb/io/prometheus/write/v2/types.proto).
const (
	v1TimeSeries = 1
	v1Metadata   = 3

	v1Labels     = 1
	v1LabelName  = 1
	v1LabelValue = 2

	v2Symbols    = 4
	v2TimeSeries = 5

	v2Refs     = 1
	v2Metadata = 5

	seriesSamples   = 2 // in both, and so are the first two fields of a sample
	sampleValue     = 1
	sampleTime      = 2
	v2SampleStart   = 3
	v2MetadataType  = 1
	v2MetadataHelp  = 3
	v2MetadataUnit  = 4
	packedRefsTag   = v2Refs<<3 | byte(wire.Bytes)
	packedSymbolTag = v2Symbols<<3 | byte(wire.Bytes)
	packedSeriesTag = v2TimeSeries<<3 | byte(wire.Bytes)
)

// cleaner writes the record of a request without building its labels, where that needs no decision: every series is valid and there once,
// every sample within the window and newer than the one before it, and there are neither histograms nor exemplars. Any doubt leaves the
// request to the decoder. It is used again for other requests.
type cleaner struct {
	limits           check.Limits
	minTime, maxTime int64

	seed    maphash.Seed
	refs    map[string]uint32 // of version 1's strings; they share the body's memory
	symbols [][]byte          // of version 2
	seen    map[uint64]struct{}
	series  []uint32 // refs of one series
	packed  []byte   // as on the wire
	samples []byte
	head    []byte
	out     []byte
	items   int
}

// cleaners are those that are not in use.
type cleaners struct{ pool sync.Pool }

func (p *cleaners) get(l check.Limits, minTime, maxTime int64) *cleaner {
	c, ok := p.pool.Get().(*cleaner)
	if !ok {
		c = &cleaner{seed: maphash.MakeSeed(), refs: map[string]uint32{}, seen: map[uint64]struct{}{}}
	}
	c.limits, c.minTime, c.maxTime = l, minTime, maxTime
	clear(c.refs)
	clear(c.seen)
	c.symbols, c.head, c.out, c.items = c.symbols[:0], c.head[:0], c.out[:0], 0
	return c
}

func (p *cleaners) put(c *cleaner) {
	clear(c.refs)
	clear(c.symbols)
	c.packed = nil
	p.pool.Put(c)
}

// record returns the body that the bus gets; false where the decoder has to decide.
func (c *cleaner) record(version remoteapi.WriteMessageType, body []byte) ([]byte, bool) {
	if version == remoteapi.WriteV1MessageType {
		return c.version1(body)
	}
	return body, c.version2(body)
}

// version1 returns body as a request of version 2.
func (c *cleaner) version1(body []byte) ([]byte, bool) {
	c.head = append(c.head, packedSymbolTag, 0) // The first symbol is empty.
	f := wire.Of(body)
	for f.Next() {
		switch {
		case f.Type != wire.Bytes, f.Number != v1TimeSeries && f.Number != v1Metadata:
			return nil, false
		case f.Number == v1TimeSeries && !c.series1(f.Bytes):
			return nil, false
		}
	}
	if f.Malformed() || c.items == 0 {
		return nil, false
	}
	// Its own memory: a bus may hold it for longer than the caller waits.
	return append(append(make([]byte, 0, len(c.head)+len(c.out)), c.head...), c.out...), true
}

func (c *cleaner) series1(body []byte) bool {
	c.series, c.samples = c.series[:0], c.samples[:0]
	var last []byte
	named := false
	times := c.times()
	f := wire.Of(body)
	for f.Next() {
		switch {
		case f.Number == v1Labels && f.Type == wire.Bytes:
			name, value, ok := label(f.Bytes)
			if !ok || bytes.Compare(last, name) >= 0 || !c.intern(name) || !c.intern(value) {
				return false
			}
			last, named = name, named || string(name) == model.MetricNameLabel
		case f.Number == seriesSamples && f.Type == wire.Bytes:
			if !times.take(f.Bytes, false) {
				return false
			}
			c.samples = append(c.samples, f.Raw()...)
		default:
			return false
		}
	}
	if f.Malformed() || !named || len(c.series) > 2*c.limits.Attributes {
		return false
	}
	if times.n == 0 {
		return true // It says nothing.
	}
	c.packed = c.packed[:0]
	for _, ref := range c.series {
		c.packed = binary.AppendUvarint(c.packed, uint64(ref))
	}
	c.items += times.n
	c.out = append(c.out, packedSeriesTag)
	c.out = binary.AppendUvarint(c.out, uint64(1+uvarintLen(len(c.packed))+len(c.packed)+len(c.samples))) //nolint:gosec // A length.
	c.out = append(c.out, packedRefsTag)
	c.out = binary.AppendUvarint(c.out, uint64(len(c.packed)))
	c.out = append(append(c.out, c.packed...), c.samples...)
	return c.once()
}

// label reads a label of version 1; false is one that is not usual.
func label(body []byte) (name, value []byte, ok bool) {
	f := wire.Of(body)
	for f.Next() {
		switch {
		case f.Type != wire.Bytes:
			return nil, nil, false
		case f.Number == v1LabelName && name == nil:
			name = f.Bytes
		case f.Number == v1LabelValue && value == nil:
			value = f.Bytes
		default:
			return nil, nil, false
		}
	}
	return name, value, !f.Malformed() && len(name) > 0 && len(value) > 0
}

// intern adds the reference of a string to the series.
func (c *cleaner) intern(b []byte) bool {
	ref, ok := c.refs[wire.Text(b)]
	if !ok {
		if !c.usable(b) {
			return false
		}
		ref = uint32(len(c.refs)) + 1 //nolint:gosec // No body has as many.
		c.refs[wire.Text(b)] = ref
		c.head = append(c.head, packedSymbolTag)
		c.head = append(binary.AppendUvarint(c.head, uint64(len(b))), b...)
	}
	c.series = append(c.series, ref)
	return true
}

func (c *cleaner) usable(b []byte) bool {
	return len(b) <= c.limits.AttributeBytes && utf8.Valid(b)
}

// once says whether the series whose references are packed comes for the first time.
func (c *cleaner) once() bool {
	h := maphash.Bytes(c.seed, c.packed)
	_, twice := c.seen[h]
	c.seen[h] = struct{}{}
	return !twice
}

// version2 says whether body can be a record as it is.
func (c *cleaner) version2(body []byte) bool {
	f := wire.Of(body)
	for f.Next() {
		switch {
		case f.Type != wire.Bytes:
			return false
		case f.Number == v2Symbols && c.usable(f.Bytes):
			c.symbols = append(c.symbols, f.Bytes)
		case f.Number != v2TimeSeries:
			return false
		}
	}
	if f.Malformed() || len(c.symbols) == 0 || len(c.symbols[0]) > 0 {
		return false
	}
	f = wire.Of(body)
	for f.Next() {
		if f.Number == v2TimeSeries && !c.series2(f.Bytes) {
			return false
		}
	}
	return c.items > 0
}

func (c *cleaner) series2(body []byte) bool {
	c.packed = nil
	metadata := false
	times := c.times()
	f := wire.Of(body)
	for f.Next() {
		switch {
		case f.Type != wire.Bytes:
			return false
		case f.Number == v2Refs && c.packed == nil:
			c.packed = f.Bytes
		case f.Number == seriesSamples:
			if !times.take(f.Bytes, true) {
				return false
			}
		case f.Number == v2Metadata && !metadata:
			metadata = true
			if !c.metadata(f.Bytes) {
				return false
			}
		default:
			return false
		}
	}
	c.items += times.n
	return !f.Malformed() && times.n > 0 && c.labels(c.packed) && c.once()
}

// labels checks the labels of a series of version 2.
func (c *cleaner) labels(packed []byte) bool {
	var last []byte
	named := false
	n := 0
	for ; len(packed) > 0; n++ {
		name, rest, ok := c.symbol(packed)
		value, rest, ok2 := c.symbol(rest)
		if !ok || !ok2 || len(value) == 0 || bytes.Compare(last, name) >= 0 {
			return false
		}
		packed, last, named = rest, name, named || string(name) == model.MetricNameLabel
	}
	return named && n <= c.limits.Attributes
}

func (c *cleaner) symbol(packed []byte) (symbol, rest []byte, ok bool) {
	ref, n := binary.Uvarint(packed)
	if n <= 0 || ref >= uint64(len(c.symbols)) {
		return nil, nil, false
	}
	return c.symbols[ref], packed[n:], true
}

func (c *cleaner) metadata(body []byte) bool {
	f := wire.Of(body)
	for f.Next() {
		isRef := f.Number == v2MetadataHelp || f.Number == v2MetadataUnit
		if f.Type != wire.Varint || isRef && f.Bits >= uint64(len(c.symbols)) || !isRef && f.Number != v2MetadataType {
			return false
		}
	}
	return !f.Malformed()
}

// times checks the samples of one series.
type times struct {
	min, max, last int64
	n              int
}

func (c *cleaner) times() times { return times{min: c.minTime, max: c.maxTime} }

// take says whether a sample is within the window and newer than the one before it; start says that it may have a start timestamp.
func (s *times) take(body []byte, start bool) bool {
	var t int64
	var seen [4]bool
	f := wire.Of(body)
	for f.Next() {
		switch {
		case f.Number == sampleValue && f.Type == wire.Fixed64:
		case f.Number == sampleTime && f.Type == wire.Varint:
			t = int64(f.Bits) //nolint:gosec // int64 on the wire.
		case f.Number == v2SampleStart && f.Type == wire.Varint && start:
		default:
			return false
		}
		if seen[f.Number] {
			return false
		}
		seen[f.Number] = true
	}
	if f.Malformed() || t < s.min || t > s.max || s.n > 0 && t <= s.last {
		return false
	}
	s.last = t
	s.n++
	return true
}

func uvarintLen(n int) int {
	size := 1
	for ; n >= 0x80; n >>= 7 {
		size++
	}
	return size
}
