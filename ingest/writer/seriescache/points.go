// SPDX-License-Identifier: Apache-2.0

package seriescache

import (
	"encoding/binary"
	"math"

	"github.com/strata-apm/strata/search/wire"
)

// metric is one metric of a request.
type metric struct {
	span // of points; those of a metric that is odd are not told apart
	// body is the message as it came.
	body []byte
	kind kind
	// odd says that it cannot be known by its bytes: of another kind, of another temporality, or written in an unusual way.
	odd bool
}

// kind is the number of the field with a metric's data.
type kind int32

// point is one data point.
type point struct {
	key key
	// start and time are nanoseconds since 1970.
	start, time int64
	// value is that of a number, or the sum of a histogram.
	value float64
	// count, buckets (8 bytes each) and samples are a histogram's; samples is how many samples the translation makes of it.
	count   uint64
	buckets []byte
	samples int
	hasSum  bool
	// plain says that nothing but time and value has to be known of it: it has no exemplars, and a value.
	plain bool
}

// Fields of the messages with data, and the temporality that is kept.
const (
	dataPoints      = 1
	dataTemporality = 2
	dataMonotonic   = 3

	cumulative = 2
)

// metric reads one metric. It returns false for a body that is malformed; what is only unusual makes the metric odd.
func (r *request) metric(body []byte, of key) bool {
	m := metric{body: body, span: span{from: len(r.points)}}
	var data, name, description, unit []byte
	f := wire.Of(body)
	for f.Next() {
		switch {
		case f.Type != wire.Bytes:
			m.odd = true
		case f.Number == metricName && name == nil:
			name = f.Raw()
		case f.Number == metricDescription && description == nil:
			description = f.Raw()
		case f.Number == metricUnit && unit == nil:
			unit = f.Raw()
		case (f.Number == metricGauge || f.Number == metricSum || f.Number == metricHistogram) && data == nil:
			m.kind, data = kind(f.Number), f.Bytes
		default:
			m.odd = true
		}
	}
	if f.Malformed() {
		return false
	}
	if m.odd = m.odd || data == nil; !m.odd {
		k := r.add(r.add(r.add(of, name), description), unit).number(uint64(m.kind)) //nolint:gosec // One of three.
		m.odd = !r.data(data, m.kind, k) || len(r.points) == m.from
	}
	if m.odd {
		r.points = r.points[:m.from]
	}
	m.to = len(r.points)
	r.metrics = append(r.metrics, m)
	return true
}

// data reads the points of a metric, and says whether they are usual.
func (r *request) data(body []byte, k kind, of key) bool {
	var temporality, monotonic uint64
	f := wire.Of(body)
	for f.Next() {
		switch {
		case f.Number == dataPoints && f.Type == wire.Bytes: // Below.
		case f.Number == dataTemporality && f.Type == wire.Varint && temporality == 0 && k != metricGauge:
			temporality = f.Bits
		case f.Number == dataMonotonic && f.Type == wire.Varint && monotonic == 0 && k == metricSum:
			monotonic = f.Bits
		default:
			return false
		}
	}
	if f.Malformed() || k != metricGauge && temporality != cumulative {
		return false
	}
	of = of.number(monotonic)
	f = wire.Of(body)
	for f.Next() {
		if f.Number == dataPoints && !r.point(f.Bytes, k, of) {
			return false
		}
	}
	return true
}

// point reads a data point, and says whether it is usual.
func (r *request) point(body []byte, k kind, of key) bool {
	r.points = append(r.points, point{samples: 1})
	p := &r.points[len(r.points)-1]
	var usual bool
	if k == metricHistogram {
		usual = p.histogram(body, of, &r.hasher)
	} else {
		usual = p.number(body, of, &r.hasher)
	}
	return usual && p.start >= 0 && p.time >= 0
}

// attributes are where the fields of a point's attributes are: one behind the other.
type attributes struct{ from, to int }

func (a *attributes) take(f *wire.Fields) bool {
	from, to := f.At(), f.At()+len(f.Raw())
	if a.to != 0 && a.to != from {
		return false
	}
	if a.to == 0 {
		a.from = from
	}
	a.to = to
	return true
}

// Fields of NumberDataPoint.
const (
	numberStart      = 2
	numberTime       = 3
	numberDouble     = 4
	numberExemplars  = 5
	numberInt        = 6
	numberAttributes = 7
	numberFlags      = 8
)

// number reads a NumberDataPoint, and says whether it is usual.
func (p *point) number(body []byte, of key, h *hasher) bool {
	var seen fieldSet
	var attrs attributes
	p.plain = true
	f := wire.Of(body)
	for f.Next() {
		var usual bool
		switch f.Number {
		case numberStart, numberTime:
			usual = f.Type == wire.Fixed64 && p.when(&f, numberStart)
		case numberDouble:
			usual, p.value = f.Type == wire.Fixed64, math.Float64frombits(f.Bits)
		case numberInt:
			usual, p.value = f.Type == wire.Fixed64, float64(int64(f.Bits)) //nolint:gosec // sfixed64.
		case numberAttributes:
			if f.Type != wire.Bytes || !attrs.take(&f) {
				return false
			}
			continue
		case numberExemplars:
			p.plain = false
			continue
		case numberFlags:
			usual, p.plain = f.Type == wire.Varint, p.plain && f.Bits == 0
		default:
			return false
		}
		if !usual || !seen.first(f.Number) {
			return false
		}
	}
	p.key = h.add(of, body[attrs.from:attrs.to])
	// Without a value it is taken out, or is a stale marker.
	return !f.Malformed() && seen.has(numberDouble) != seen.has(numberInt)
}

// when notes a time, and says whether it is one.
func (p *point) when(f *wire.Fields, start int32) bool {
	t := int64(f.Bits) //nolint:gosec // What is too late is negative, and unusual.
	if f.Number == start {
		p.start = t
	} else {
		p.time = t
	}
	return t >= 0
}

// Fields of HistogramDataPoint.
const (
	histogramStart      = 2
	histogramTime       = 3
	histogramCount      = 4
	histogramSum        = 5
	histogramBuckets    = 6
	histogramBounds     = 7
	histogramExemplars  = 8
	histogramAttributes = 9
	histogramFlags      = 10
	histogramMin        = 11
	histogramMax        = 12
)

// histogram reads a HistogramDataPoint, and says whether it is usual.
func (p *point) histogram(body []byte, of key, h *hasher) bool {
	var seen fieldSet
	var attrs attributes
	var bounds []byte
	p.plain = true
	f := wire.Of(body)
	for f.Next() {
		var usual bool
		switch f.Number {
		case histogramStart, histogramTime:
			usual = f.Type == wire.Fixed64 && p.when(&f, histogramStart)
		case histogramCount:
			usual, p.count = f.Type == wire.Fixed64, f.Bits
		case histogramSum:
			usual, p.value, p.hasSum = f.Type == wire.Fixed64, math.Float64frombits(f.Bits), true
		case histogramBuckets:
			usual, p.buckets = f.Type == wire.Bytes, f.Bytes
		case histogramBounds:
			usual, bounds = f.Type == wire.Bytes, f.Bytes
		case histogramAttributes:
			if f.Type != wire.Bytes || !attrs.take(&f) {
				return false
			}
			continue
		case histogramExemplars:
			p.plain = false
			continue
		case histogramFlags:
			usual, p.plain = f.Type == wire.Varint, p.plain && f.Bits == 0
		case histogramMin, histogramMax: // Prometheus has no place for them.
			usual = f.Type == wire.Fixed64
		default:
			return false
		}
		if !usual || !seen.first(f.Number) {
			return false
		}
	}
	if f.Malformed() || !p.consistent(bounds) {
		return false
	}
	p.samples = 2 + len(bounds)/8
	p.key = h.add(h.add(of, body[attrs.from:attrs.to]), bounds).number(uint64(len(p.buckets)))
	if p.hasSum {
		p.samples++
		p.key = p.key.number(1)
	}
	return true
}

// consistent says whether there is one bucket more than there are bounds, or none of both, and whether they hold what the count says.
func (p *point) consistent(bounds []byte) bool {
	if len(p.buckets)%8 != 0 || len(bounds)%8 != 0 {
		return false
	}
	if len(p.buckets) == 0 {
		return len(bounds) == 0
	}
	var sum uint64
	for b := p.buckets; len(b) > 0; b = b[8:] {
		n := binary.LittleEndian.Uint64(b)
		if sum+n < sum {
			return false
		}
		sum += n
	}
	return len(p.buckets) == len(bounds)+8 && sum == p.count
}

// fieldSet are numbers of fields below 16.
type fieldSet uint16

func (s *fieldSet) first(n int32) bool {
	before := s.has(n)
	*s |= 1 << n
	return !before
}

func (s *fieldSet) has(n int32) bool { return *s&(1<<n) != 0 }
