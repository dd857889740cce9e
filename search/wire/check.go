// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"

	"github.com/strata-apm/strata/signal"
)

// MaxDepth bounds how deep messages are nested. The decoder has no bound but its stack; the gateway takes nothing as deep.
const MaxDepth = 200

// Check returns an error that wraps ErrMalformed for a body that is no request for the signal, log records or spans, which the decoder takes,
// and for one whose messages are nested more than MaxDepth deep. It looks at every field and allocates nothing but the error.
func Check(of signal.Signal, body []byte) error {
	switch of {
	case signal.Logs:
		return check(body, logsRequest, 0)
	case signal.Traces:
		return check(body, tracesRequest, 0)
	default:
		return fmt.Errorf("%w: requests of %s are not read here", ErrMalformed, of)
	}
}

// message is a type of messages.
type message int8

const (
	none message = iota
	logsRequest
	resourceLogs
	scopeLogs
	logRecord
	tracesRequest
	resourceSpans
	scopeSpans
	span
	event
	link
	status
	resource
	scope
	entity
	keyValue
	anyValue
	list
	keyValues
)

// rule is what a field has to be.
type rule struct {
	known bool
	typ   Type
	// sub is the type of the message that the field is; none for other values.
	sub message
	// id is the length of an id in bytes, which may also be empty; 0 for other values.
	id int8
}

func check(body []byte, m message, depth int) error {
	if depth > MaxDepth {
		return fmt.Errorf("%w: messages are nested more than %d deep", ErrMalformed, MaxDepth)
	}
	f := Of(body)
	for f.Next() {
		r := m.field(f.Number)
		if !r.known {
			continue
		}
		if r.typ != f.Type {
			return fmt.Errorf("%w: field %d has the wire type %d", ErrMalformed, f.Number, f.Type)
		}
		if r.id != 0 && len(f.Bytes) != 0 && len(f.Bytes) != int(r.id) {
			return fmt.Errorf("%w: an id has %d bytes", ErrMalformed, len(f.Bytes))
		}
		if r.sub != none && !wellFormed(f.Bytes, r.sub) {
			if err := check(f.Bytes, r.sub, depth+1); err != nil {
				return err
			}
		}
	}
	if f.bad {
		return fmt.Errorf("%w: broken framing", ErrMalformed)
	}
	return nil
}

// wellFormed finds quickly that what encoders write most needs no check.
func wellFormed(b []byte, m message) bool {
	switch m {
	case keyValue:
		_, value, usual := cut(b)
		return usual && plain(value)
	case anyValue:
		return plain(b)
	default:
		return false
	}
}

func text() rule         { return rule{known: true, typ: Bytes} }
func number() rule       { return rule{known: true, typ: Varint} }
func fixed(t Type) rule  { return rule{known: true, typ: t} }
func id(n int8) rule     { return rule{known: true, typ: Bytes, id: n} }
func sub(m message) rule { return rule{known: true, typ: Bytes, sub: m} }

// field is the rule of a field, by opentelemetry-proto.
func (m message) field(n int32) rule {
	switch m {
	case anyValue:
		return anyValueField(n)
	case keyValue:
		switch n {
		case 1:
			return text()
		case 2:
			return sub(anyValue)
		case 3: // of profiles
			return number()
		}
	case logRecord:
		return logRecordField(n)
	case span:
		return spanField(n)
	case event, link, status:
		return m.partOfSpan(n)
	case list:
		return m.only(n, anyValue)
	case keyValues:
		return m.only(n, keyValue)
	case logsRequest:
		return m.only(n, resourceLogs)
	case tracesRequest:
		return m.only(n, resourceSpans)
	default:
		return m.origin(n)
	}
	return rule{}
}

func (message) only(n int32, m message) rule {
	if n == 1 {
		return sub(m)
	}
	return rule{}
}

func anyValueField(n int32) rule {
	switch n {
	case 1, 7:
		return text()
	case 2, 3, 8:
		return number()
	case 4:
		return fixed(Fixed64)
	case 5:
		return sub(list)
	case 6:
		return sub(keyValues)
	}
	return rule{}
}

func logRecordField(n int32) rule {
	switch n {
	case 1, 11:
		return fixed(Fixed64)
	case 2, 7:
		return number()
	case 3, 12:
		return text()
	case 5:
		return sub(anyValue)
	case 6:
		return sub(keyValue)
	case 8:
		return fixed(Fixed32)
	case 9:
		return id(16)
	case 10:
		return id(8)
	}
	return rule{}
}

func spanField(n int32) rule {
	switch n {
	case 1:
		return id(16)
	case 2, 4:
		return id(8)
	case 3, 5:
		return text()
	case 6, 10, 12, 14:
		return number()
	case 7, 8:
		return fixed(Fixed64)
	case 9:
		return sub(keyValue)
	case 11:
		return sub(event)
	case 13:
		return sub(link)
	case 15:
		return sub(status)
	case 16:
		return fixed(Fixed32)
	}
	return rule{}
}

// partOfSpan is field of a span's events, links and status.
func (m message) partOfSpan(n int32) rule {
	switch {
	case m == event && n == 1:
		return fixed(Fixed64)
	case m == event && n == 2, m == link && n == 3, m == status && n == 2:
		return text()
	case m == event && n == 3, m == link && n == 4:
		return sub(keyValue)
	case m == event && n == 4, m == link && n == 5, m == status && n == 3:
		return number()
	case m == link && n == 1:
		return id(16)
	case m == link && n == 2:
		return id(8)
	case m == link && n == 6:
		return fixed(Fixed32)
	}
	return rule{}
}

// origin is field of what records come from: their scope and resource.
func (m message) origin(n int32) rule {
	switch m {
	case resourceLogs:
		return originField(n, scopeLogs)
	case resourceSpans:
		return originField(n, scopeSpans)
	case scopeLogs:
		return scopedField(n, logRecord)
	case scopeSpans:
		return scopedField(n, span)
	case resource:
		switch n {
		case 1:
			return sub(keyValue)
		case 2:
			return number()
		case 3:
			return sub(entity)
		}
	case scope:
		switch n {
		case 1, 2:
			return text()
		case 3:
			return sub(keyValue)
		case 4:
			return number()
		}
	case entity:
		if n >= 1 && n <= 4 {
			return text()
		}
	default:
	}
	return rule{}
}

func originField(n int32, scoped message) rule {
	switch n {
	case 1:
		return sub(resource)
	case 2, 1000: // 1000 had them before OTLP 1.0.
		return sub(scoped)
	case 3:
		return text()
	}
	return rule{}
}

func scopedField(n int32, record message) rule {
	switch n {
	case 1:
		return sub(scope)
	case 2:
		return sub(record)
	case 3:
		return text()
	}
	return rule{}
}
