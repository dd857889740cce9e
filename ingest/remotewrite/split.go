// SPDX-License-Identifier: Apache-2.0

package remotewrite

import (
	"encoding/binary"
	"fmt"

	remoteapi "github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/prometheus/model/labels"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/ingest/check"
	"github.com/strata-apm/strata/ingest/split"
)

const (
	// sampleBytes is the most one sample takes on the wire, nearly; a series with more samples than fit a record is cut.
	sampleBytes = 32
	// slack is what the framing of a request may add to what was counted.
	slack = 1 << 10
)

// parts are the records of the request: one, or where the bus has partitions or small records one or more for each partition, so that a
// series always takes the same way.
func (c *collector) parts() ([]split.Part, error) {
	l := c.intake.Layout()
	if l == nil || l.Partitions(bus.TopicRemoteWrite) <= 1 && c.size() <= l.MaxRecordBytes()-slack {
		c.req.Symbols = c.symbols.Symbols()
		body, err := encode(&c.req)
		if err != nil {
			return nil, err
		}
		return []split.Part{{Body: body, Items: c.tally.Kept()}}, nil
	}
	s := &splitter{max: l.MaxRecordBytes() - slack, open: map[int]*partial{}}
	builder := labels.NewScratchBuilder(16)
	n := l.Partitions(bus.TopicRemoteWrite)
	symbols := c.symbols.Symbols()
	for i := range c.req.Timeseries {
		ts := &c.req.Timeseries[i]
		ls, err := ts.ToLabels(&builder, symbols)
		if err != nil {
			return nil, fmt.Errorf("split request: %w", err)
		}
		key := binary.BigEndian.AppendUint64(nil, ls.Hash())
		if err := s.series(l.PartitionOf(key, n), key, ts, symbols); err != nil {
			return nil, err
		}
	}
	for _, p := range s.open {
		if err := s.finish(p); err != nil {
			return nil, err
		}
	}
	c.oversized = s.oversized
	c.tally.Reject(check.ReasonRecordSize, s.oversized.AllSamples())
	return s.parts, nil
}

func (c *collector) size() int {
	n := c.req.Size()
	for _, sym := range c.symbols.Symbols() {
		n += len(sym) + 4
	}
	return n
}

// partial is a request being built for one partition.
type partial struct {
	key     []byte
	symbols writev2.SymbolsTable
	req     writev2.Request
	bytes   int
	items   int
}

type splitter struct {
	max   int
	open  map[int]*partial
	parts []split.Part
	// oversized counts what fits no record.
	oversized remoteapi.WriteResponseStats
}

// perField is the most that the tag and the length of one field take.
const perField = 6

// cut returns ts in pieces of about half a record; the first has the exemplars.
func (s *splitter) cut(ts *writev2.TimeSeries) []writev2.TimeSeries {
	var pieces []writev2.TimeSeries
	room := 0
	next := func(size int) *writev2.TimeSeries {
		if len(pieces) == 0 || room < size {
			pieces = append(pieces, writev2.TimeSeries{})
			room = s.max / 2
		}
		room -= size
		return &pieces[len(pieces)-1]
	}
	next(0).Exemplars = ts.Exemplars
	for _, x := range ts.Samples {
		p := next(sampleBytes)
		p.Samples = append(p.Samples, x)
	}
	for _, h := range ts.Histograms {
		p := next(h.Size() + perField)
		p.Histograms = append(p.Histograms, h)
	}
	return pieces
}

// series puts one series into the request of its partition.
func (s *splitter) series(partition int, key []byte, ts *writev2.TimeSeries, symbols []string) error {
	for _, piece := range s.cut(ts) {
		size := piece.Size() + slack
		for _, refs := range append([][]uint32{ts.LabelsRefs, {ts.Metadata.HelpRef, ts.Metadata.UnitRef}}, exemplarRefs(piece)...) {
			for _, ref := range refs {
				size += len(symbols[ref]) + 2*perField
			}
		}
		if size > s.max {
			s.oversized.Samples += len(piece.Samples)
			s.oversized.Histograms += len(piece.Histograms)
			s.oversized.Exemplars += len(piece.Exemplars)
			continue
		}
		p := s.open[partition]
		if p != nil && p.bytes+size > s.max {
			if err := s.finish(p); err != nil {
				return err
			}
			p = nil
		}
		if p == nil {
			p = &partial{key: key, symbols: writev2.NewSymbolTable()}
			s.open[partition] = p
		}
		p.add(ts, piece, symbols)
		p.bytes += size
	}
	return nil
}

func exemplarRefs(ts writev2.TimeSeries) [][]uint32 {
	out := make([][]uint32, 0, len(ts.Exemplars))
	for _, e := range ts.Exemplars {
		out = append(out, e.LabelsRefs)
	}
	return out
}

// add puts a piece of ts into the request, under symbols of its own.
func (p *partial) add(ts *writev2.TimeSeries, piece writev2.TimeSeries, symbols []string) {
	translate := func(refs []uint32) []uint32 {
		out := make([]uint32, 0, len(refs))
		for _, ref := range refs {
			out = append(out, p.symbols.Symbolize(symbols[ref]))
		}
		return out
	}
	piece.LabelsRefs = translate(ts.LabelsRefs)
	md := translate([]uint32{ts.Metadata.HelpRef, ts.Metadata.UnitRef})
	piece.Metadata = writev2.Metadata{Type: ts.Metadata.Type, HelpRef: md[0], UnitRef: md[1]}
	exemplars := make([]writev2.Exemplar, 0, len(piece.Exemplars))
	for _, e := range piece.Exemplars {
		e.LabelsRefs = translate(e.LabelsRefs)
		exemplars = append(exemplars, e)
	}
	piece.Exemplars = exemplars
	p.req.Timeseries = append(p.req.Timeseries, piece)
	p.items += len(piece.Samples) + len(piece.Histograms)
}

func (s *splitter) finish(p *partial) error {
	p.req.Symbols = p.symbols.Symbols()
	body, err := encode(&p.req)
	if err != nil {
		return err
	}
	s.parts = append(s.parts, split.Part{Key: p.key, Body: body, Items: p.items})
	return nil
}
