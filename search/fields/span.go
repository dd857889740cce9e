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

// ReadSpan reads a span's attributes. It looks at each once; unique says that no key is there twice, otherwise the last of a key counts.
func ReadSpan(kind ptrace.SpanKind, attrs pcommon.Map, unique bool) Span {
	var w wanted
	i := 0
	for k, v := range attrs.All() {
		i++
		if w.wants(k) && (unique || !comesAgain(attrs, k, i)) {
			w.take(k, v)
		}
	}
	out := Span{Method: w.method, Route: w.route, HTTPStatus: w.status}
	out.TargetType, out.TargetSystem, out.Target = w.target(kind)
	return out
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

// wanted are the attributes that pages filter by, old names after the ones they were renamed to.
type wanted struct {
	method, route                       string
	dbSystem, dbName, rpcSystem, rpcSvc string
	messaging, destination              string
	peerService, address                string

	status     uint16
	haveStatus bool
}

// field is where an attribute goes, nil for what is not wanted and for a status.
func (w *wanted) field(key string) *string {
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

func (w *wanted) wants(key string) bool { return isStatus(key) || w.field(key) != nil }

func (w *wanted) take(key string, v pcommon.Value) {
	if isStatus(key) {
		w.takeStatus(v)
		return
	}
	if f := w.field(key); f != nil && *f == "" {
		*f = v.AsString()
	}
}

func (w *wanted) takeStatus(v pcommon.Value) {
	if w.haveStatus {
		return
	}
	if v.Type() == pcommon.ValueTypeInt {
		w.haveStatus = true
		if n := v.Int(); n >= 0 && n <= 1<<16-1 {
			w.status = uint16(n)
		}
		return
	}
	text := v.AsString()
	w.haveStatus = text != ""
	if n, err := strconv.ParseUint(text, 10, 16); err == nil {
		w.status = uint16(n)
	}
}

// target says what a span talks to: the type and system of the far side and its name. Spans that call nobody have the system alone.
func (w *wanted) target(kind ptrace.SpanKind) (typ, system, name string) {
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
