// SPDX-License-Identifier: Apache-2.0

package match

import (
	"encoding/hex"
	"strconv"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/search/fields"
	"github.com/strata-apm/strata/severity"
	"github.com/strata-apm/strata/signal"
)

// isNumber reports whether a builtin field is a number.
func isNumber(name string) bool {
	return name == search.FieldDuration || name == search.FieldHTTPStatus || name == search.FieldLevel
}

// number is the value of a field for which isNumber holds. 0 stands for none, except of a duration.
func (r *record) number(name string) uint64 {
	switch name {
	case search.FieldLevel:
		return uint64(r.severity())
	case search.FieldHTTPStatus:
		return uint64(r.derived().HTTPStatus)
	case search.FieldDuration:
		h := r.readHead()
		if h.end > h.start { // A clock that went back makes no duration.
			return h.end - h.start
		}
	}
	return 0
}

func (r *record) severity() uint8 {
	h := r.readHead()
	return fields.SeverityOf(h.severity, h.level)
}

func (r *record) derived() fields.Span {
	if r.hasSpan {
		return r.ofSpan
	}
	kind := r.readHead().kind
	if r.onWire {
		r.ofSpan = r.raw.span(kind)
	} else {
		r.ofSpan = fields.ReadSpan(kind, r.attrs)
	}
	r.hasSpan = true
	return r.ofSpan
}

// textHolds reports whether the text of the node's field fulfils its test.
func (n *node) textHolds(r *record) bool {
	if n.field.Kind != search.FieldBuiltin {
		return n.valueHolds(r.attribute(n.field))
	}
	switch n.field.Name {
	case search.FieldBody:
		return n.valueHolds(r.body())
	case search.FieldTrace, search.FieldSpan:
		return n.idHolds(r)
	case search.FieldDuration, search.FieldHTTPStatus:
		var buf [20]byte
		return n.holdsMade(string(strconv.AppendUint(buf[:0], r.number(n.field.Name), 10)))
	case search.FieldEvent:
		return n.eventHolds(r)
	default:
		return n.holdsText(r.text(n.field.Name))
	}
}

// text is the text of a builtin field that needs no making.
func (r *record) text(name string) string {
	switch name {
	case search.FieldService:
		return fields.Service(r.resourceAttributes())
	case search.FieldHost:
		return fields.Host(r.resourceAttributes())
	case search.FieldEnvironment:
		return fields.Environment(r.resourceAttributes())
	case search.FieldScope:
		return r.scopeName()
	case search.FieldLevel:
		return severity.Name(int(r.severity()))
	case search.FieldName:
		return r.readHead().name
	case search.FieldKindOfSpan:
		return kind(r.readHead().kind)
	case search.FieldStatus:
		return status(r.readHead().status)
	case search.FieldRoot:
		return strconv.FormatBool(r.readHead().root)
	case search.FieldURL:
		return r.url()
	default:
		return r.derivedText(name)
	}
}

func (r *record) derivedText(name string) string {
	s := r.derived()
	switch {
	case name == search.FieldMethod:
		return s.Method
	case name == search.FieldRoute:
		return s.Route
	case name == search.FieldPeer:
		return s.Target
	case name == s.TargetType && (name == search.FieldDB || name == search.FieldRPC || name == search.FieldMessaging):
		return s.TargetSystem
	}
	return ""
}

func (r *record) url() string {
	for _, key := range [...]string{"url.full", "http.url", "url.path", "http.target"} {
		v := r.last(key)
		if s := v.text(); s != "" {
			return s
		}
	}
	return ""
}

func kind(k ptrace.SpanKind) string {
	switch k {
	case ptrace.SpanKindInternal:
		return "internal"
	case ptrace.SpanKindServer:
		return "server"
	case ptrace.SpanKindClient:
		return "client"
	case ptrace.SpanKindProducer:
		return "producer"
	case ptrace.SpanKindConsumer:
		return "consumer"
	default:
		return "unspecified"
	}
}

func status(c ptrace.StatusCode) string {
	switch c {
	case ptrace.StatusCodeOk:
		return "ok"
	case ptrace.StatusCodeError:
		return "error"
	default:
		return "unset"
	}
}

// idHolds asks the digits of an id, which are none for an id of zeros.
func (n *node) idHolds(r *record) bool {
	var buf [search.TraceIDDigits]byte
	used := 0
	h := r.readHead()
	if n.field.Name == search.FieldTrace {
		if !h.trace.IsEmpty() {
			used = hex.Encode(buf[:], h.trace[:])
		}
	} else if !h.id.IsEmpty() {
		used = hex.Encode(buf[:], h.id[:])
	}
	return n.holdsMade(string(buf[:used]))
}

// eventHolds asks a log record's event name, or every event of a span. A span's first event is compared as a number.
func (n *node) eventHolds(r *record) bool {
	if r.signal == signal.Logs {
		if name := r.readHead().event; name != "" {
			return n.holdsText(name)
		}
		return n.valueHolds(r.last("event.name"))
	}
	if n.test.kind == testBound {
		name, there := r.firstEvent()
		return there && n.holdsText(name)
	}
	if r.onWire {
		return r.raw.events(n.holdsText)
	}
	events := r.span.Events()
	for i := range events.Len() {
		if n.holdsText(events.At(i).Name()) {
			return true
		}
	}
	return false
}

// body is the body of a log record.
func (r *record) body() value {
	v := r.readHead().body
	if !r.onWire {
		return v
	}
	switch v.kind {
	case pcommon.ValueTypeMap, pcommon.ValueTypeSlice, pcommon.ValueTypeBytes:
		return valueOf(r.raw.decode(signal.Logs).body)
	default:
		return v
	}
}

// valueHolds reports whether the text of a value fulfils the node's test.
func (n *node) valueHolds(v value) bool {
	switch {
	case !v.there || v.untold:
	case v.kind == pcommon.ValueTypeInt:
		var buf [20]byte
		return n.holdsMade(string(strconv.AppendInt(buf[:0], v.number, 10)))
	case v.kind == pcommon.ValueTypeDouble && n.test.kind == testBound && n.bound.integer == "": // Its text would be read as the same number.
		return n.bound.holdsFloat(v.double)
	}
	return n.holdsText(v.text())
}

// exists reports whether the node's field is there. Attributes exist also when they are empty.
func (n *node) exists(r *record) bool {
	if n.field.Kind != search.FieldBuiltin {
		return r.attribute(n.field).there
	}
	switch name := n.field.Name; {
	case isNumber(name):
		return r.number(name) != 0
	case name == search.FieldTrace:
		return !r.readHead().trace.IsEmpty()
	case name == search.FieldSpan:
		return !r.readHead().id.IsEmpty()
	case name == search.FieldBody:
		v := r.body()
		return v.kind != pcommon.ValueTypeStr && v.kind != pcommon.ValueTypeEmpty || v.str != ""
	case name == search.FieldEvent && r.signal == signal.Traces:
		_, there := r.firstEvent()
		return there
	case name == search.FieldEvent:
		if r.readHead().event != "" {
			return true
		}
		v := r.last("event.name")
		return v.text() != ""
	default:
		return r.text(name) != ""
	}
}
