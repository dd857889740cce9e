// SPDX-License-Identifier: Apache-2.0

package match

import (
	"encoding/hex"
	"strconv"
	"strings"

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
		return uint64(fields.Severity(r.log))
	case search.FieldHTTPStatus:
		return uint64(r.derived().HTTPStatus)
	case search.FieldDuration:
		start, end := r.span.StartTimestamp(), r.span.EndTimestamp()
		if end > start { // A clock that went back makes no duration.
			return uint64(end - start)
		}
	}
	return 0
}

func (r *record) derived() fields.Span { return fields.ReadSpan(r.span.Kind(), r.attrs, false) }

// textHolds reports whether the text of the node's field fulfils its test.
func (n *node) textHolds(r *record) bool {
	if n.field.Kind != search.FieldBuiltin {
		v, _ := r.attribute(n.field)
		return n.valueHolds(v)
	}
	switch n.field.Name {
	case search.FieldBody:
		return n.valueHolds(place{value: r.log.Body(), there: true})
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
		return fields.Service(r.resource)
	case search.FieldHost:
		return fields.Host(r.resource)
	case search.FieldEnvironment:
		return fields.Environment(r.resource)
	case search.FieldScope:
		return r.scope.Name()
	case search.FieldLevel:
		return severity.Name(int(fields.Severity(r.log)))
	case search.FieldName:
		return r.span.Name()
	case search.FieldKindOfSpan:
		return kind(r.span.Kind())
	case search.FieldStatus:
		return status(r.span.Status().Code())
	case search.FieldRoot:
		return strconv.FormatBool(r.span.ParentSpanID().IsEmpty())
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
		if s := fields.Text(r.attrs, key); s != "" {
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

func (r *record) traceID() pcommon.TraceID {
	if r.signal == signal.Traces {
		return r.span.TraceID()
	}
	return r.log.TraceID()
}

func (r *record) spanID() pcommon.SpanID {
	if r.signal == signal.Traces {
		return r.span.SpanID()
	}
	return r.log.SpanID()
}

// idHolds asks the digits of an id, which are none for an id of zeros.
func (n *node) idHolds(r *record) bool {
	var buf [search.TraceIDDigits]byte
	used := 0
	if n.field.Name == search.FieldTrace {
		if id := r.traceID(); !id.IsEmpty() {
			used = hex.Encode(buf[:], id[:])
		}
	} else if id := r.spanID(); !id.IsEmpty() {
		used = hex.Encode(buf[:], id[:])
	}
	return n.holdsMade(string(buf[:used]))
}

// eventHolds asks a log record's event name, or every event of a span. A span's first event is compared as a number.
func (n *node) eventHolds(r *record) bool {
	if r.signal == signal.Logs {
		if name := r.log.EventName(); name != "" {
			return n.holdsText(name)
		}
		v, there := fields.Last(r.attrs, "event.name")
		return n.valueHolds(place{value: v, there: there})
	}
	events := r.span.Events()
	if n.test.kind == testBound {
		return events.Len() > 0 && n.holdsText(events.At(0).Name())
	}
	for i := range events.Len() {
		if n.holdsText(events.At(i).Name()) {
			return true
		}
	}
	return false
}

// place is a value that an attribute has, or the absence of one, whose text is empty.
type place struct {
	value  pcommon.Value
	there  bool
	untold bool // The text is empty though the value is there.
}

// attribute finds an attribute in the order in which its places count. A name with a dot may be a path into a map.
func (r *record) attribute(f search.Field) (place, bool) {
	path := strings.Contains(f.Name, ".")
	for _, resource := range [...]bool{false, true} {
		if resource && f.Kind == search.FieldAttribute || !resource && f.Kind == search.FieldResource {
			continue
		}
		attrs := r.attrs
		if resource {
			attrs = r.resource
		}
		if v, ok := fields.Last(attrs, f.Name); ok {
			return place{value: v, there: true}, true
		}
		if path {
			if v, ok := fields.ByPath(r.attrs, r.resource, resource, f.Name); ok {
				return place{value: v.Value, there: true, untold: v.Untold}, true
			}
		}
	}
	return place{}, false
}

// valueHolds reports whether the text of a value fulfils the node's test.
func (n *node) valueHolds(p place) bool {
	if !p.there || p.untold {
		return n.holdsText("")
	}
	switch p.value.Type() {
	case pcommon.ValueTypeStr:
		return n.holdsText(p.value.Str())
	case pcommon.ValueTypeInt:
		var buf [20]byte
		return n.holdsMade(string(strconv.AppendInt(buf[:0], p.value.Int(), 10)))
	case pcommon.ValueTypeEmpty, pcommon.ValueTypeBool, pcommon.ValueTypeDouble, pcommon.ValueTypeMap, pcommon.ValueTypeSlice, pcommon.ValueTypeBytes:
	}
	return n.holdsText(p.value.AsString())
}

// exists reports whether the node's field is there. Attributes exist also when they are empty.
func (n *node) exists(r *record) bool {
	if n.field.Kind != search.FieldBuiltin {
		_, there := r.attribute(n.field)
		return there
	}
	switch name := n.field.Name; {
	case isNumber(name):
		return r.number(name) != 0
	case name == search.FieldTrace:
		return !r.traceID().IsEmpty()
	case name == search.FieldSpan:
		return !r.spanID().IsEmpty()
	case name == search.FieldBody:
		v := r.log.Body()
		return v.Type() != pcommon.ValueTypeStr && v.Type() != pcommon.ValueTypeEmpty || v.AsString() != ""
	case name == search.FieldEvent && r.signal == signal.Traces:
		return r.span.Events().Len() > 0
	case name == search.FieldEvent:
		return r.log.EventName() != "" || fields.Text(r.attrs, "event.name") != ""
	default:
		return r.text(name) != ""
	}
}
