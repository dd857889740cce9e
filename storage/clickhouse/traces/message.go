// SPDX-License-Identifier: Apache-2.0

package traces

import (
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/search/wire"
	"github.com/strata-apm/strata/storage/clickhouse/native"
	"github.com/strata-apm/strata/storage/clickhouse/requests"
)

// spanMessage is what is read of a span.
type spanMessage struct {
	traceID, spanID, parentID []byte
	traceState, name          []byte
	kind                      ptrace.SpanKind
	start, end                uint64
	attributes                requests.Attributes
	events, links             [][]byte
	status                    ptrace.StatusCode
	statusMessage             []byte
	flags                     uint32
}

// Numbers of the fields of Span and its parts (opentelemetry/proto/trace/v1/trace.proto).
const (
	spanTraceID    = 1
	spanSpanID     = 2
	spanTraceState = 3
	spanParentID   = 4
	spanName       = 5
	spanKind       = 6
	spanStart      = 7
	spanEnd        = 8
	spanAttribute  = 9
	spanEvent      = 11
	spanLink       = 13
	spanStatus     = 15
	spanFlags      = 16

	statusMessage = 2
	statusCode    = 3

	eventTime      = 1
	eventName      = 2
	eventAttribute = 3

	linkTraceID    = 1
	linkSpanID     = 2
	linkTraceState = 3
	linkAttribute  = 4
)

func (s *spanMessage) set(message []byte) {
	*s = spanMessage{attributes: s.attributes[:0], events: s.events[:0], links: s.links[:0]}
	for f := wire.Of(message); f.Next(); {
		switch f.Number {
		case spanTraceID:
			s.traceID = f.Bytes
		case spanSpanID:
			s.spanID = f.Bytes
		case spanTraceState:
			s.traceState = f.Bytes
		case spanParentID:
			s.parentID = f.Bytes
		case spanName:
			s.name = f.Bytes
		case spanKind:
			s.kind = ptrace.SpanKind(int32(f.Bits)) //nolint:gosec // As the decoder has it.
		case spanStart:
			s.start = f.Bits
		case spanEnd:
			s.end = f.Bits
		case spanAttribute:
			s.attributes = append(s.attributes, f.Bytes)
		case spanEvent:
			s.events = append(s.events, f.Bytes)
		case spanLink:
			s.links = append(s.links, f.Bytes)
		case spanStatus:
			s.setStatus(f.Bytes)
		case spanFlags:
			s.flags = uint32(f.Bits) //nolint:gosec // fixed32.
		}
	}
}

func (s *spanMessage) setStatus(message []byte) {
	for f := wire.Of(message); f.Next(); {
		switch f.Number {
		case statusMessage:
			s.statusMessage = f.Bytes
		case statusCode:
			s.status = ptrace.StatusCode(int32(f.Bits)) //nolint:gosec // As the decoder has it.
		}
	}
}

func (b *block) events(events [][]byte) error {
	for _, message := range events {
		var at uint64
		var name []byte
		b.part = b.part[:0]
		for f := wire.Of(message); f.Next(); {
			switch f.Number {
			case eventTime:
				at = f.Bits
			case eventName:
				name = f.Bytes
			case eventAttribute:
				b.part = append(b.part, f.Bytes)
			}
		}
		b.eventTime.Nano(at)
		b.eventName.AppendBytes(name)
		if _, err := b.part.Append(&b.eventAttrs); err != nil {
			return err // It names the part.
		}
	}
	for _, c := range []*native.Array{&b.eventTimes, &b.eventNames, &b.eventAttributes} {
		c.EndRow(len(events))
	}
	return nil
}

func (b *block) links(links [][]byte) error {
	for _, message := range links {
		var traceID, spanID, state []byte
		b.part = b.part[:0]
		for f := wire.Of(message); f.Next(); {
			switch f.Number {
			case linkTraceID:
				traceID = f.Bytes
			case linkSpanID:
				spanID = f.Bytes
			case linkTraceState:
				state = f.Bytes
			case linkAttribute:
				b.part = append(b.part, f.Bytes)
			}
		}
		b.linkTrace.AppendHex(traceID)
		b.linkSpan.AppendHex(spanID)
		b.linkState.AppendBytes(state)
		if _, err := b.part.Append(&b.linkAttrs); err != nil {
			return err // It names the part.
		}
	}
	for _, c := range []*native.Array{&b.linkTraces, &b.linkSpans, &b.linkStates, &b.linkMaps} {
		c.EndRow(len(links))
	}
	return nil
}
