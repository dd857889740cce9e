// SPDX-License-Identifier: Apache-2.0

package match

import (
	"strconv"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/search/fields"
	"github.com/strata-apm/strata/signal"
)

// record is what a filter is asked about: a decoded record, or one on the wire. Its parts are read when a condition asks for them.
type record struct {
	signal signal.Signal

	// Of a decoded record.
	attrs, resource pcommon.Map
	scope           pcommon.InstrumentationScope
	log             plog.LogRecord // of signal.Logs
	span            ptrace.Span    // of signal.Traces

	onWire bool // raw has the record, not the fields above.
	raw    raw
	origin int // counts resources on the wire

	hasHead bool
	head    head

	hasSpan bool
	ofSpan  fields.Span // what derived reads
}

// head is a record without attributes and events. Fields that its signal does not have are zero.
type head struct {
	trace pcommon.TraceID
	id    pcommon.SpanID

	severity int32
	level    string // the severity's text
	event    string
	body     value

	name       string
	kind       ptrace.SpanKind
	status     ptrace.StatusCode
	start, end uint64
	root       bool
}

func (r *record) readHead() *head {
	switch {
	case r.hasHead:
	case r.onWire:
		r.raw.head(r.signal, &r.head)
	case r.signal == signal.Logs:
		l := r.log
		r.head = head{
			trace: l.TraceID(), id: l.SpanID(), severity: int32(l.SeverityNumber()), level: l.SeverityText(), event: l.EventName(), body: valueOf(l.Body()),
		}
	default:
		s := r.span
		r.head = head{
			trace: s.TraceID(), id: s.SpanID(), name: s.Name(), kind: s.Kind(), status: s.Status().Code(),
			start: uint64(s.StartTimestamp()), end: uint64(s.EndTimestamp()), root: s.ParentSpanID().IsEmpty(),
		}
	}
	r.hasHead = true
	return &r.head
}

// decodedAttributes are the record's attributes; a record on the wire is decoded for them.
func (r *record) decodedAttributes() pcommon.Map {
	if r.onWire {
		return r.raw.attributes(r.signal)
	}
	return r.attrs
}

func (r *record) resourceAttributes() pcommon.Map {
	if r.onWire {
		return r.raw.resourceAttributes()
	}
	return r.resource
}

func (r *record) scopeName() string {
	if r.onWire {
		return r.raw.scopeName()
	}
	return r.scope.Name()
}

// last is the last of the record's own attributes with a key.
func (r *record) last(key string) value {
	if r.onWire {
		if v, simple := r.raw.last(r.signal, key); simple {
			return v
		}
	}
	return lastOf(r.decodedAttributes(), key)
}

func lastOf(attrs pcommon.Map, key string) value {
	v, there := fields.Last(attrs, key)
	if !there {
		return value{}
	}
	return valueOf(v)
}

// byPath finds a value within maps of the record, or with resource of its resource.
func (r *record) byPath(resource bool, path string) value {
	own := r.attrs
	if r.onWire {
		if !r.raw.mayHave(r.signal, resource, path) {
			return value{}
		}
		own = r.raw.attributes(r.signal)
	}
	n, there := fields.ByPath(own, r.resourceAttributes(), resource, path)
	if !there {
		return value{}
	}
	v := valueOf(n.Value)
	v.untold = n.Untold
	return v
}

// firstEvent is the name of a span's first event.
func (r *record) firstEvent() (name string, there bool) {
	if r.onWire {
		r.raw.events(func(n string) bool {
			name, there = n, true
			return true
		})
		return name, there
	}
	if events := r.span.Events(); events.Len() > 0 {
		return events.At(0).Name(), true
	}
	return "", false
}

// value is the value of an attribute or a body, or the absence of one, whose text is empty.
type value struct {
	there  bool
	untold bool // The text is empty though the value is there.
	kind   pcommon.ValueType
	str    string  // of ValueTypeStr
	number int64   // of ValueTypeInt, and 1 for true
	double float64 // of ValueTypeDouble
	other  pcommon.Value
}

func valueOf(v pcommon.Value) value {
	out := value{there: true, kind: v.Type()}
	switch out.kind {
	case pcommon.ValueTypeStr:
		out.str = v.Str()
	case pcommon.ValueTypeInt:
		out.number = v.Int()
	case pcommon.ValueTypeBool:
		if v.Bool() {
			out.number = 1
		}
	case pcommon.ValueTypeDouble:
		out.double = v.Double()
	case pcommon.ValueTypeEmpty:
	default:
		out.other = v
	}
	return out
}

// text is the value as a store writes it.
func (v *value) text() string {
	if !v.there || v.untold {
		return ""
	}
	switch v.kind {
	case pcommon.ValueTypeStr:
		return v.str
	case pcommon.ValueTypeInt:
		return strconv.FormatInt(v.number, 10)
	case pcommon.ValueTypeBool:
		return strconv.FormatBool(v.number == 1)
	case pcommon.ValueTypeDouble:
		return pcommon.NewValueDouble(v.double).AsString()
	case pcommon.ValueTypeEmpty:
		return ""
	default:
		return v.other.AsString()
	}
}

// attribute finds an attribute in the order in which its places count. A name with a dot may be a path into a map.
func (r *record) attribute(f search.Field) value {
	path := hasDot(f.Name)
	if f.Kind != search.FieldResource {
		if v := r.last(f.Name); v.there {
			return v
		}
		if path {
			if v := r.byPath(false, f.Name); v.there {
				return v
			}
		}
	}
	if f.Kind == search.FieldAttribute {
		return value{}
	}
	if v := lastOf(r.resourceAttributes(), f.Name); v.there || !path {
		return v
	}
	return r.byPath(true, f.Name)
}
