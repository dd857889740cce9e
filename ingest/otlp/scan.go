// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/strata-apm/strata/ansi"
	"github.com/strata-apm/strata/ingest/check"
	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/ingest/split"
)

// maxDepth bounds the nesting of attribute values. The decoder recurses, and Go cannot recover from a stack that overflows.
const maxDepth = 64

// scan walks a body once without allocating. It refuses what the decoder must not see: nesting past maxDepth, strings that are not UTF-8
// (proto3 demands it) and broken framing. And it says whether the body is clean: every check that decoding would make passes, nothing
// would be taken out or changed. A clean body goes to the bus as it came; any doubt makes it unclean, and it is decoded and checked.
type scan struct {
	limits check.Limits
	window check.Window
	// items is the number of spans, log records or data points; right only when clean.
	items int
	clean bool
	// body says that a log record's body is being walked.
	body bool
	// quantile is that of the value of a summary which was walked last.
	quantile float64
	// badIDs says that an id has the wrong length.
	badIDs bool
	// key is the first trace id, or a hash of the first resource.
	key      []byte
	hasTrace bool
}

// seen is what one message held, for the checks at its end.
type seen struct {
	attributes int
	start, end uint64
	trace      bool
	span       bool
	named      bool
	data       int
	cumulative bool
	badLevel   bool
	// Histogram points.
	count, buckets uint64
	nBuckets       int
	nBounds        int
	noValue        bool
	valued         bool
	// Summary points and their values.
	quantile  float64
	quantiles int
}

func (s *scan) walk(body []byte, m *message, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%w: values are nested more than %d deep", intake.ErrMalformed, maxDepth)
	}
	if m.kind == kindSlow {
		s.clean = false
	}
	if m.kind == kindResource && s.key == nil {
		s.key = split.ResourceKey(body)
	}
	var v seen
	for len(body) > 0 {
		num, typ, n := protowire.ConsumeTag(body)
		if n < 0 {
			return fmt.Errorf("%w: %w", intake.ErrMalformed, protowire.ParseError(n))
		}
		body = body[n:]
		f := m.field(num)
		if !f.known || f.wire != typ {
			s.clean = false
		}
		switch typ {
		case protowire.BytesType:
			b, n := protowire.ConsumeBytes(body)
			if n < 0 {
				return fmt.Errorf("%w: %w", intake.ErrMalformed, protowire.ParseError(n))
			}
			body = body[n:]
			if err := s.bytes(m, &v, num, f, b, depth); err != nil {
				return err
			}
		case protowire.Fixed64Type:
			x, n := protowire.ConsumeFixed64(body)
			if n < 0 {
				return fmt.Errorf("%w: %w", intake.ErrMalformed, protowire.ParseError(n))
			}
			body = body[n:]
			v.fixed(m.kind, num, x)
		case protowire.VarintType:
			x, n := protowire.ConsumeVarint(body)
			if n < 0 {
				return fmt.Errorf("%w: %w", intake.ErrMalformed, protowire.ParseError(n))
			}
			body = body[n:]
			v.varint(m.kind, num, x)
		case protowire.StartGroupType:
			return fmt.Errorf("%w: groups are not part of OTLP", intake.ErrMalformed)
		default:
			if n = protowire.ConsumeFieldValue(num, typ, body); n < 0 {
				return fmt.Errorf("%w: %w", intake.ErrMalformed, protowire.ParseError(n))
			}
			body = body[n:]
		}
	}
	s.finish(m.kind, &v)
	return nil
}

// bytes looks at one length-delimited field.
//
//nolint:gocyclo // A list of the kinds of fields, on the path of every byte that is taken in.
func (s *scan) bytes(m *message, v *seen, num protowire.Number, f field, b []byte, depth int) error {
	switch {
	case f.wire != protowire.BytesType:
		return nil // The decoder says what is wrong.
	case f.sub != nil:
		return s.message(m, v, f.sub, b, depth)
	case f.text && !utf8.Valid(b):
		return fmt.Errorf("%w: field %d holds a string that is not UTF-8", intake.ErrMalformed, num)
	case f.text && !s.limits.KeepColours && (s.body || m.kind == kindLogRecord) && bytes.IndexByte(b, ansi.Escape) >= 0:
		s.clean = false
	case f.idLen > 0:
		if len(b) != 0 && len(b) != f.idLen {
			s.clean, s.badIDs = false, true
		}
		s.id(m.kind, v, num, b)
	case m.kind == kindMetric && num == 1:
		v.named = len(b) > 0
	case m.kind == kindHistogramPoint:
		s.histogramList(v, num, b)
	case m.kind == kindValue || m.kind == kindKeyValue || m.kind == kindSpan && f.text:
		if len(b) > s.limits.AttributeBytes {
			s.clean = false
		}
	}
	return nil
}

// message walks a message inside a message.
func (s *scan) message(m *message, v *seen, sub *message, b []byte, depth int) error {
	switch {
	case sub.kind == kindKeyValue:
		v.attributes++
	case m.kind == kindMetric:
		v.data++
	case m.kind == kindLogRecord && sub.kind == kindValue: // The body, which has a limit of its own.
		limits := s.limits
		s.limits.AttributeBytes, s.body = limits.LogBodyBytes, true
		err := s.walk(b, sub, depth+1)
		s.limits, s.body = limits, false
		return err
	case sub.kind == kindQuantile:
		err := s.walk(b, sub, depth+1)
		if q := s.quantile; !(q >= 0 && q <= 1) || v.quantiles > 0 && !(q > v.quantile) { // Other orders are left to the checks.
			s.clean = false
		}
		v.quantile = s.quantile
		v.quantiles++
		return err
	}
	return s.walk(b, sub, depth+1)
}

func (s *scan) histogramList(v *seen, num protowire.Number, b []byte) {
	if num == 6 {
		s.bucketCounts(v, b)
	}
	if num == 7 {
		s.bounds(v, b)
	}
}

// id notes the ids of a span or log record that are not all zero.
func (s *scan) id(k kind, v *seen, num protowire.Number, b []byte) {
	zero := true
	for _, c := range b {
		zero = zero && c == 0
	}
	switch {
	case k == kindSpan && num == 1:
		v.trace = !zero
		if !s.hasTrace && !zero {
			s.key, s.hasTrace = append([]byte(nil), b...), true
		}
	case k == kindSpan && num == 2, k == kindLogRecord && num == 10:
		v.span = !zero
	case k == kindLogRecord && num == 9:
		v.trace = !zero
	}
}

func (v *seen) fixed(k kind, num protowire.Number, x uint64) {
	switch {
	case k == kindSpan && num == 7, k == kindLogRecord && num == 1, (k == kindPoint || k == kindNumber || k == kindHistogramPoint) && num == 3:
		v.start = x
	case k == kindNumber && (num == 4 || num == 6):
		v.valued = true
	case k == kindSpan && num == 8, k == kindLogRecord && num == 11:
		v.end = x
	case k == kindHistogramPoint && num == 4:
		v.count = x
	case k == kindQuantile && num == 1:
		v.quantile = math.Float64frombits(x)
	}
}

func (v *seen) varint(k kind, num protowire.Number, x uint64) {
	switch {
	case k == kindTemporal && num == 2:
		v.cumulative = x == 2
	case k == kindLogRecord && num == 2:
		v.badLevel = x > check.MaxSeverity
	case k == kindHistogramPoint && num == 10, k == kindNumber && num == 8:
		v.noValue = x&1 != 0
	}
}

func (s *scan) bucketCounts(v *seen, b []byte) {
	if v.nBuckets > 0 || len(b)%8 != 0 {
		s.clean = false
		return
	}
	v.nBuckets = len(b) / 8
	for ; len(b) >= 8; b = b[8:] {
		n := binary.LittleEndian.Uint64(b)
		if v.buckets+n < n {
			s.clean = false
		}
		v.buckets += n
	}
}

func (s *scan) bounds(v *seen, b []byte) {
	if v.nBounds > 0 || len(b)%8 != 0 {
		s.clean = false
		return
	}
	v.nBounds = len(b) / 8
	last := math.Inf(-1)
	for ; len(b) >= 8; b = b[8:] {
		x := math.Float64frombits(binary.LittleEndian.Uint64(b))
		if !(x > last) || math.IsInf(x, 0) { // Also NaN.
			s.clean = false
		}
		last = x
	}
}

// finish makes the checks of a whole message.
//
//nolint:gocyclo // A list of the kinds of messages, on the path of every byte that is taken in.
func (s *scan) finish(k kind, v *seen) {
	ok := v.attributes <= s.limits.Attributes
	switch k {
	case kindSpan:
		s.items++
		ok = ok && v.trace && v.span && s.inWindow(v.start) && v.end >= v.start
	case kindLogRecord:
		s.items++
		ok = ok && s.inWindow(orObserved(v.start, v.end)) && (v.trace || !v.span) && !v.badLevel
	case kindMetric:
		ok = ok && v.named && v.data == 1
	case kindTemporal:
		ok = v.cumulative
	case kindPoint:
		s.items++
		ok = ok && s.inWindow(v.start)
	case kindNumber:
		s.items++
		ok = ok && s.inWindow(v.start) && (v.valued || v.noValue)
	case kindQuantile:
		s.quantile = v.quantile
	case kindHistogramPoint:
		s.items++
		ok = ok && s.inWindow(v.start) && v.consistent()
	default:
	}
	if !ok {
		s.clean = false
	}
}

func orObserved(at, observed uint64) uint64 {
	if at == 0 {
		return observed
	}
	return at
}

// consistent is check.HistogramReason for a point that was only scanned.
func (v *seen) consistent() bool {
	return v.noValue || v.nBuckets == 0 && v.nBounds == 0 || v.nBuckets == v.nBounds+1 && v.buckets == v.count
}

func (s *scan) inWindow(t uint64) bool { return t >= uint64(s.window.From) && t <= uint64(s.window.To) }
