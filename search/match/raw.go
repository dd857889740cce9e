// SPDX-License-Identifier: Apache-2.0

package match

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/search/fields"
	"github.com/strata-apm/strata/search/wire"
	"github.com/strata-apm/strata/signal"
)

// raw is a record on the wire with what it came from. Texts that it returns share the body's memory.
type raw struct {
	origin []byte // ResourceLogs or ResourceSpans
	scope  []byte // ScopeLogs or ScopeSpans
	record []byte // LogRecord or Span

	// Decoded parts, each for as long as the message is the same.
	hasResource bool
	resource    pcommon.Map
	hasScope    bool
	scopeText   string
	hasDecoded  bool
	decoded     decoded

	hasNone bool
	none    pcommon.Map // empty

	err error // the first of a message that could not be decoded, which wire.Check rules out
}

// decoded is what only the decoder reads of a record: values that are lists, maps or bytes, and where several count.
type decoded struct {
	attributes pcommon.Map
	body       pcommon.Value // of a log record
}

func (w *raw) setOrigin(b []byte) { w.origin, w.hasResource = b, false }
func (w *raw) setScope(b []byte)  { w.scope, w.hasScope = b, false }
func (w *raw) setRecord(b []byte) { w.record, w.hasDecoded = b, false }

// attributesField is the number of a record's attributes.
func attributesField(of signal.Signal) int32 {
	if of == signal.Logs {
		return 6
	}
	return 9
}

func (w *raw) head(of signal.Signal, h *head) {
	if of == signal.Logs {
		w.logHead(h)
	} else {
		w.spanHead(h)
	}
}

func (w *raw) logHead(h *head) {
	*h = head{}
	var body wire.Value
	for f := wire.Of(w.record); f.Next(); {
		switch f.Number {
		case 2:
			h.severity = int32(f.Bits) //nolint:gosec // As the decoder does.
		case 3:
			h.level = f.Text()
		case 5:
			body.Set(f.Bytes)
		case 9:
			h.trace = pcommon.TraceID{}
			copy(h.trace[:], f.Bytes)
		case 10:
			h.id = pcommon.SpanID{}
			copy(h.id[:], f.Bytes)
		case 12:
			h.event = f.Text()
		}
	}
	h.body, _ = simple(body)
	h.body.there = true
}

func (w *raw) spanHead(h *head) {
	*h = head{root: true}
	for f := wire.Of(w.record); f.Next(); {
		switch f.Number {
		case 1:
			h.trace = pcommon.TraceID{}
			copy(h.trace[:], f.Bytes)
		case 2:
			h.id = pcommon.SpanID{}
			copy(h.id[:], f.Bytes)
		case 4:
			var parent pcommon.SpanID
			copy(parent[:], f.Bytes)
			h.root = parent.IsEmpty()
		case 5:
			h.name = f.Text()
		case 6:
			h.kind = ptrace.SpanKind(int32(f.Bits)) //nolint:gosec // As the decoder does.
		case 7:
			h.start = f.Bits
		case 8:
			h.end = f.Bits
		case 15:
			for s := wire.Of(f.Bytes); s.Next(); {
				if s.Number == 3 {
					h.status = ptrace.StatusCode(int32(s.Bits)) //nolint:gosec // As the decoder does.
				}
			}
		}
	}
}

// simple is a value that needs no decoding; it reports false for lists, maps and bytes.
func simple(v wire.Value) (value, bool) {
	out := value{there: true, kind: v.Kind}
	switch v.Kind {
	case pcommon.ValueTypeStr:
		out.str = wire.Text(v.Bytes)
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
		return out, false
	}
	return out, true
}

// last is the last attribute with a key; it reports false for one that has to be decoded.
func (w *raw) last(of signal.Signal, key string) (value, bool) {
	number := attributesField(of)
	var at []byte
	found := false
	for f := wire.Of(w.record); f.Next(); {
		if f.Number == number && wire.HasKey(f.Bytes, key) {
			at, found = f.Bytes, true
		}
	}
	if !found {
		return value{}, true
	}
	return simple(wire.ValueOf(at))
}

// mayHave reports whether the record, or with resource its resource, may have a value within maps at a path; what it really has depends on all
// of the record's maps.
func (w *raw) mayHave(of signal.Signal, resource bool, path string) bool {
	if !resource {
		return w.leadsTo(of, path)
	}
	if !w.hasNone {
		w.hasNone, w.none = true, pcommon.NewMap()
	}
	_, there := fields.ByPath(w.none, w.resourceAttributes(), true, path)
	return there
}

// leadsTo reports whether an attribute is a map that a path may lead through.
func (w *raw) leadsTo(of signal.Signal, path string) bool {
	number := attributesField(of)
	for f := wire.Of(w.record); f.Next(); {
		if f.Number != number {
			continue
		}
		key := wire.Key(f.Bytes)
		if len(path) > len(key) && path[len(key)] == '.' && path[:len(key)] == string(key) && wire.ValueOf(f.Bytes).Kind == pcommon.ValueTypeMap {
			return true
		}
	}
	return false
}

// span is what fields.ReadSpan reads.
func (w *raw) span(kind ptrace.SpanKind) fields.Span {
	number := attributesField(signal.Traces)
	var r fields.SpanReader
	for f := wire.Of(w.record); f.Next(); {
		if f.Number != number {
			continue
		}
		key := wire.Text(wire.Key(f.Bytes))
		if !r.Wants(key) || comesAgain(f, number, key) {
			continue
		}
		v, easy := simple(wire.ValueOf(f.Bytes))
		if !easy {
			return fields.ReadSpan(kind, w.attributes(signal.Traces))
		}
		if v.kind == pcommon.ValueTypeInt {
			r.TakeInt(key, v.number)
		} else {
			r.TakeText(key, v.text())
		}
	}
	return r.Span(kind)
}

// comesAgain reports whether one of the fields that are left is an attribute with the key.
func comesAgain(left wire.Fields, number int32, key string) bool {
	for left.Next() {
		if left.Number == number && wire.HasKey(left.Bytes, key) {
			return true
		}
	}
	return false
}

// events asks about the names of a span's events, until it is told yes.
func (w *raw) events(asked func(name string) bool) bool {
	for f := wire.Of(w.record); f.Next(); {
		if f.Number != 11 {
			continue
		}
		name := ""
		for e := wire.Of(f.Bytes); e.Next(); {
			if e.Number == 2 {
				name = e.Text()
			}
		}
		if asked(name) {
			return true
		}
	}
	return false
}

func (w *raw) scopeName() string {
	if w.hasScope {
		return w.scopeText
	}
	w.hasScope, w.scopeText = true, ""
	for f := wire.Of(w.scope); f.Next(); {
		if f.Number != 1 {
			continue
		}
		for s := wire.Of(f.Bytes); s.Next(); {
			if s.Number == 1 {
				w.scopeText = s.Text()
			}
		}
	}
	return w.scopeText
}

func hasDot(name string) bool { return strings.Contains(name, ".") }
