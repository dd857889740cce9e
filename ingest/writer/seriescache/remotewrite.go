// SPDX-License-Identifier: Apache-2.0

package seriescache

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/strata-apm/strata/search/wire"
)

// Fields of io.prometheus.write.v2 (prompb/io/prometheus/write/v2/types.proto).
const (
	writeSymbols = 4
	writeSeries  = 5

	seriesRefs     = 1
	seriesSamples  = 2
	seriesMetadata = 5

	sampleValue = 1
	sampleTime  = 2
	sampleStart = 3

	metadataType = 1
	metadataHelp = 3
	metadataUnit = 4
)

// RemoteWrite knows the series of remote write 2.0 by the texts of their labels and metadata; S is what its user keeps of a series. Not safe
// for concurrent use.
type RemoteWrite[S any] struct {
	hasher hasher
	series memory[S]
	plan   WritePlan[S]

	symbols []key // of the request
}

// NewRemoteWrite returns an empty cache.
func NewRemoteWrite[S any]() *RemoteWrite[S] {
	return &RemoteWrite[S]{hasher: newHasher(), series: newMemory[S]()}
}

// WritePlan says what to do with a request. It is valid until the next call of Split.
type WritePlan[S any] struct {
	// Samples are of known series.
	Samples []Sample[S]
	// Unknown are the places, among the series of the request, of those that have to be decoded.
	Unknown []int

	keys []key // of Unknown; the zero key where nothing can be learned
}

// Split finds the samples of known series in a request. It returns false for one that has to be decoded whole.
func (c *RemoteWrite[S]) Split(body []byte, now time.Time) (*WritePlan[S], bool) {
	p := &c.plan
	p.Samples, p.Unknown, p.keys, c.symbols = p.Samples[:0], p.Unknown[:0], p.keys[:0], c.symbols[:0]
	f := wire.Of(body)
	for f.Next() {
		switch {
		case f.Type != wire.Bytes || f.Number != writeSymbols && f.Number != writeSeries:
			return nil, false
		case f.Number == writeSymbols:
			c.symbols = append(c.symbols, c.hasher.add(key{}, f.Bytes))
		}
	}
	if f.Malformed() {
		return nil, false
	}
	f = wire.Of(body)
	for i := 0; f.Next(); {
		if f.Number != writeSeries {
			continue
		}
		if k, known := c.split(f.Bytes, now.Unix()); !known {
			p.Unknown, p.keys = append(p.Unknown, i), append(p.keys, k)
		}
		i++
	}
	return p, true
}

// split adds the samples of a known series to the plan. The key of one that is not known is zero where its bytes are unusual.
func (c *RemoteWrite[S]) split(body []byte, now int64) (k key, isKnown bool) {
	k, usual := c.key(body)
	if !usual {
		return key{}, false
	}
	found := c.series.known[k]
	if found == nil {
		return k, false
	}
	before := len(c.plan.Samples)
	f := wire.Of(body)
	for f.Next() {
		if f.Number != seriesSamples {
			continue
		}
		s := Sample[S]{Series: &found.series[0]}
		if !s.read(f.Bytes) {
			c.plan.Samples = c.plan.Samples[:before]
			return key{}, false
		}
		c.plan.Samples = append(c.plan.Samples, s)
	}
	found.seen = now
	return k, true
}

// key is that of a series; false is one with histograms or exemplars, or one that is written in an unusual way.
func (c *RemoteWrite[S]) key(body []byte) (k key, usual bool) {
	var refs, metadata []byte
	f := wire.Of(body)
	for f.Next() {
		switch {
		case f.Type != wire.Bytes:
			return k, false
		case f.Number == seriesRefs && refs == nil:
			refs = f.Bytes
		case f.Number == seriesMetadata && metadata == nil:
			metadata = f.Bytes
		case f.Number != seriesSamples:
			return k, false
		}
	}
	if f.Malformed() {
		return k, false
	}
	n := uint64(0)
	for ; len(refs) > 0; n++ {
		ref, size := binary.Uvarint(refs)
		if size <= 0 || ref >= uint64(len(c.symbols)) {
			return k, false
		}
		k, refs = k.join(c.symbols[ref]), refs[size:]
	}
	k, usual = c.metadata(k.number(n), metadata)
	return k, usual && n > 0
}

// metadata adds what a series says of its family.
func (c *RemoteWrite[S]) metadata(k key, body []byte) (key, bool) {
	f := wire.Of(body)
	for f.Next() {
		isRef := f.Number == metadataHelp || f.Number == metadataUnit
		switch {
		case f.Type != wire.Varint || isRef && f.Bits >= uint64(len(c.symbols)) || !isRef && f.Number != metadataType:
			return k, false
		case isRef:
			k = k.join(c.symbols[f.Bits])
		default:
			k = k.number(f.Bits)
		}
		k = k.number(uint64(f.Number)) //nolint:gosec // One of three.
	}
	return k, !f.Malformed()
}

// read reads a sample, and says whether it is usual.
func (s *Sample[S]) read(body []byte) bool {
	var seen fieldSet
	f := wire.Of(body)
	for f.Next() {
		switch {
		case f.Number == sampleValue && f.Type == wire.Fixed64:
			s.Value = math.Float64frombits(f.Bits)
		case f.Number == sampleTime && f.Type == wire.Varint:
			s.Time = int64(f.Bits) //nolint:gosec // int64 on the wire.
		case f.Number == sampleStart && f.Type == wire.Varint:
			s.Start = int64(f.Bits) //nolint:gosec // As above.
		default:
			return false
		}
		if !seen.first(f.Number) {
			return false
		}
	}
	return !f.Malformed()
}

// Learn is told the series that Unknown[i] of the plan became.
func (c *RemoteWrite[S]) Learn(i int, series S, now time.Time) {
	k := c.plan.keys[i]
	if k == (key{}) {
		return
	}
	c.series.sweep(now)
	c.series.known[k] = &known[S]{series: []S{series}, seen: now.Unix()}
}
