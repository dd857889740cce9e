// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"strconv"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Span is what is read from a span's attributes, each part empty where they do not say.
type Span struct {
	Method, Route string
	// HTTPStatus is the status of an HTTP answer, 0 for none.
	HTTPStatus uint16
	// TargetType is what a span talks to or is about: db, messaging, rpc, http, other.
	TargetType string
	// TargetSystem is the system of that: postgresql, kafka, grpc.
	TargetSystem string
	// Target is the name of the far side of a call, empty for spans that call nobody.
	Target string
}

// ReadSpan reads a span's attributes. Of a key that is there twice the last one counts.
func ReadSpan(kind ptrace.SpanKind, attrs pcommon.Map) Span {
	var r SpanReader
	i := 0
	for k, v := range attrs.All() {
		i++
		switch {
		case !r.Wants(k) || comesAgain(attrs, k, i):
		case v.Type() == pcommon.ValueTypeInt:
			r.TakeInt(k, v.Int())
		default:
			r.TakeText(k, v.AsString())
		}
	}
	return r.Span(kind)
}

// comesAgain reports whether a key is there once more from the given place on.
func comesAgain(attrs pcommon.Map, key string, from int) bool {
	i := 0
	for k := range attrs.All() {
		if i >= from && k == key {
			return true
		}
		i++
	}
	return false
}

// SpanReader makes a Span of attributes that it is given one by one, in their order; of a key that is there twice, only the last. Old names
// of an attribute mean the same as the ones that they were renamed to.
type SpanReader struct {
	method, route                       string
	dbSystem, dbName, rpcSystem, rpcSvc string
	messaging, destination              string
	peerService, address                string

	status     uint16
	haveStatus bool
}

// field is where an attribute goes, nil for what is not wanted and for a status.
func (w *SpanReader) field(key string) *string {
	switch key {
	case "http.request.method", "http.method":
		return &w.method
	case "http.route":
		return &w.route
	case "db.system.name", "db.system":
		return &w.dbSystem
	case "db.namespace", "db.name":
		return &w.dbName
	case "rpc.system", "rpc.system.name":
		return &w.rpcSystem
	case "rpc.service":
		return &w.rpcSvc
	case "messaging.system":
		return &w.messaging
	case "messaging.destination.name", "messaging.destination":
		return &w.destination
	case "peer.service", "service.peer.name":
		return &w.peerService
	case "server.address", "net.peer.name", "net.peer.ip", "network.peer.address":
		return &w.address
	default:
		return nil
	}
}

func isStatus(key string) bool {
	return key == "http.response.status_code" || key == "http.status_code"
}

// Wants reports whether the attribute of a key would change what is known.
func (w *SpanReader) Wants(key string) bool {
	if isStatus(key) {
		return !w.haveStatus
	}
	f := w.field(key)
	return f != nil && *f == ""
}

// TakeInt takes the value of an attribute that Wants wants and that is a whole number.
func (w *SpanReader) TakeInt(key string, n int64) {
	if !isStatus(key) {
		w.TakeText(key, strconv.FormatInt(n, 10))
		return
	}
	w.haveStatus = true
	if n >= 0 && n <= 1<<16-1 {
		w.status = uint16(n)
	}
}

// TakeText takes the text of another value that Wants wants.
func (w *SpanReader) TakeText(key, text string) {
	if !isStatus(key) {
		if f := w.field(key); f != nil {
			*f = text
		}
		return
	}
	w.haveStatus = text != ""
	if n, err := strconv.ParseUint(text, 10, 16); err == nil {
		w.status = uint16(n)
	}
}

// Span is what the attributes say of a span of a kind.
func (w *SpanReader) Span(kind ptrace.SpanKind) Span {
	out := Span{Method: w.method, Route: w.route, HTTPStatus: w.status}
	out.TargetType, out.TargetSystem, out.Target = w.target(kind)
	return out
}

// target says what a span talks to: the type and system of the far side and its name. Spans that call nobody have the system alone.
func (w *SpanReader) target(kind ptrace.SpanKind) (typ, system, name string) {
	switch {
	case w.dbSystem != "":
		typ, system, name = "db", w.dbSystem, first(w.peerService, w.dbName, w.address, w.dbSystem)
	case w.messaging != "":
		typ, system, name = "messaging", w.messaging, first(w.destination, w.peerService, w.address, w.messaging)
	case w.rpcSystem != "":
		typ, system, name = "rpc", w.rpcSystem, first(w.peerService, w.rpcSvc, w.address)
	case w.method != "":
		typ, system, name = "http", "http", first(w.peerService, w.address)
	case w.peerService != "" || w.address != "":
		typ, name = "other", first(w.peerService, w.address)
	}
	if kind != ptrace.SpanKindClient && kind != ptrace.SpanKindProducer {
		name = ""
	}
	return typ, system, name
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
