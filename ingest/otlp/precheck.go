// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"fmt"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/strata-apm/strata/ingest/intake"
)

// maxDepth bounds the nesting of attribute values. The decoder recurses, and Go cannot recover from a stack that overflows.
const maxDepth = 64

// message describes the fields of one OTLP message that matter to precheck: sub-messages and strings. The numbers are those of
// opentelemetry-proto.
type message struct {
	messages map[protowire.Number]*message
	strings  []protowire.Number
}

// schema holds the three request messages.
type schema struct{ metrics, traces, logs *message }

func newSchema() schema {
	type nested = map[protowire.Number]*message
	value := &message{strings: []protowire.Number{1}}
	kv := &message{messages: nested{2: value}, strings: []protowire.Number{1}}
	value.messages = nested{5: {messages: nested{1: value}}, 6: {messages: nested{1: kv}}}
	resource := &message{messages: nested{1: kv}}
	scope := &message{messages: nested{3: kv}, strings: []protowire.Number{1, 2}}

	// request wraps a record message in the three levels every signal has: request, resource, scope.
	request := func(record *message) *message {
		byScope := &message{messages: nested{1: scope, 2: record}, strings: []protowire.Number{3}}
		return &message{messages: nested{1: {messages: nested{1: resource, 2: byScope}, strings: []protowire.Number{3}}}}
	}
	points := func(point *message) *message { return &message{messages: nested{1: point}} }
	exemplar := &message{messages: nested{7: kv}}
	return schema{
		traces: request(&message{strings: []protowire.Number{3, 5}, messages: nested{
			9:  kv,
			11: {messages: nested{3: kv}, strings: []protowire.Number{2}},
			13: {messages: nested{4: kv}, strings: []protowire.Number{3}},
			15: {strings: []protowire.Number{2}},
		}}),
		logs: request(&message{strings: []protowire.Number{3, 12}, messages: nested{5: value, 6: kv}}),
		metrics: request(&message{strings: []protowire.Number{1, 2, 3}, messages: nested{
			5:  points(&message{messages: nested{7: kv, 5: exemplar}}),
			7:  points(&message{messages: nested{7: kv, 5: exemplar}}),
			9:  points(&message{messages: nested{9: kv, 8: exemplar}}),
			10: points(&message{messages: nested{1: kv, 11: exemplar}}),
			11: points(&message{messages: nested{7: kv}}),
			12: kv,
		}}),
	}
}

// precheck walks body without allocating and refuses what the decoder must not see: nesting past maxDepth, strings that are not UTF-8
// (proto3 demands it) and broken framing.
func precheck(body []byte, m *message, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%w: values are nested more than %d deep", intake.ErrMalformed, maxDepth)
	}
	for len(body) > 0 {
		num, typ, n := protowire.ConsumeTag(body)
		if n < 0 {
			return fmt.Errorf("%w: %w", intake.ErrMalformed, protowire.ParseError(n))
		}
		body = body[n:]
		if typ != protowire.BytesType {
			if typ == protowire.StartGroupType {
				return fmt.Errorf("%w: groups are not part of OTLP", intake.ErrMalformed)
			}
			if n = protowire.ConsumeFieldValue(num, typ, body); n < 0 {
				return fmt.Errorf("%w: %w", intake.ErrMalformed, protowire.ParseError(n))
			}
			body = body[n:]
			continue
		}
		field, n := protowire.ConsumeBytes(body)
		if n < 0 {
			return fmt.Errorf("%w: %w", intake.ErrMalformed, protowire.ParseError(n))
		}
		body = body[n:]
		if sub := m.messages[num]; sub != nil {
			if err := precheck(field, sub, depth+1); err != nil {
				return err
			}
			continue
		}
		for _, s := range m.strings {
			if s == num && !utf8.Valid(field) {
				return fmt.Errorf("%w: field %d holds a string that is not UTF-8", intake.ErrMalformed, num)
			}
		}
	}
	return nil
}

// precheckJSON refuses JSON nested deeper than any OTLP message can be.
func precheckJSON(body []byte) error {
	const limit = 3*maxDepth + 32 // An attribute value takes three levels of JSON.
	depth, inString := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > limit {
				return fmt.Errorf("%w: JSON is nested more than %d deep", intake.ErrMalformed, limit)
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	if !utf8.Valid(body) {
		return fmt.Errorf("%w: JSON is not UTF-8", intake.ErrMalformed)
	}
	return nil
}
