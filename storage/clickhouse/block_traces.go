// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"strconv"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// traceBlock builds the block of one batch of spans.
type traceBlock struct {
	rows int

	timestamp, duration, httpStatus, flags      fixedColumn
	traceID, spanID, parentID, traceState       stringColumn
	statusMessage                               stringColumn
	name, kind, service, status                 lowCardColumn
	scopeName, scopeVersion                     lowCardColumn
	environment, host, httpMethod, httpRoute    lowCardColumn
	targetType, targetSystem, target, language  lowCardColumn
	resource, attrs, scopeAttrs, nested         mapColumn
	resourceURL, scopeURL                       lowCardColumn
	eventTime                                   fixedColumn
	eventName                                   lowCardColumn
	eventAttrs                                  mapColumn
	linkTrace, linkSpan, linkState              stringColumn
	linkAttrs                                   mapColumn
	eventTimes, eventNames, eventAttributes     arrayColumn
	linkTraces, linkSpans, linkStates, linkMaps arrayColumn

	columns []named
}

func newTraceBlock() *traceBlock {
	b := &traceBlock{}
	b.timestamp.name, b.duration.name, b.httpStatus.name, b.eventTime.name = dateTime64, "UInt64", "UInt16", dateTime64
	b.flags.name = "UInt32"
	b.eventTimes.col, b.eventNames.col, b.eventAttributes.col = &b.eventTime, &b.eventName, &b.eventAttrs
	b.linkTraces.col, b.linkSpans.col, b.linkStates.col, b.linkMaps.col = &b.linkTrace, &b.linkSpan, &b.linkState, &b.linkAttrs
	b.columns = []named{
		{"Timestamp", &b.timestamp},
		{"TraceId", &b.traceID},
		{"SpanId", &b.spanID},
		{"ParentSpanId", &b.parentID},
		{"TraceState", &b.traceState},
		{"SpanName", &b.name},
		{"SpanKind", &b.kind},
		{"ServiceName", &b.service},
		{"ResourceAttributes", &b.resource},
		{"ScopeName", &b.scopeName},
		{"ScopeVersion", &b.scopeVersion},
		{"SpanAttributes", &b.attrs},
		{"Duration", &b.duration},
		{"StatusCode", &b.status},
		{"StatusMessage", &b.statusMessage},
		{"Events.Timestamp", &b.eventTimes},
		{"Events.Name", &b.eventNames},
		{"Events.Attributes", &b.eventAttributes},
		{"Links.TraceId", &b.linkTraces},
		{"Links.SpanId", &b.linkSpans},
		{"Links.TraceState", &b.linkStates},
		{"Links.Attributes", &b.linkMaps},
		{"Environment", &b.environment},
		{"HostName", &b.host},
		{"HttpMethod", &b.httpMethod},
		{"HttpRoute", &b.httpRoute},
		{"HttpStatusCode", &b.httpStatus},
		{"TargetType", &b.targetType},
		{"TargetSystem", &b.targetSystem},
		{"Target", &b.target},
		{"SdkLanguage", &b.language},
		{"ScopeAttributes", &b.scopeAttrs},
		{"ResourceSchemaUrl", &b.resourceURL},
		{"ScopeSchemaUrl", &b.scopeURL},
		{"Flags", &b.flags},
		{"NestedAttributes", &b.nested},
	}
	return b
}

func (b *traceBlock) reset() {
	b.rows = 0
	for _, c := range b.columns {
		c.reset()
	}
}

func (b *traceBlock) fill(batches []ptrace.Traces) {
	for _, td := range batches {
		for _, rs := range td.ResourceSpans().All() {
			b.resourceSpans(rs, readResource(rs.Resource().Attributes()))
		}
	}
}

func (b *traceBlock) resourceSpans(rs ptrace.ResourceSpans, res resourceOf) {
	var shared, scopeShared [2]mark
	have := false
	for _, ss := range rs.ScopeSpans().All() {
		scopeName, scopeVersion := ss.Scope().Name(), ss.Scope().Version()
		haveScope := false
		for _, span := range ss.Spans().All() {
			if have {
				b.resource.appendCopy(shared)
			} else {
				shared, have = b.resource.appendMarked(rs.Resource().Attributes()), true
			}
			if haveScope {
				b.scopeAttrs.appendCopy(scopeShared)
			} else {
				scopeShared, haveScope = b.scopeAttrs.appendMarked(ss.Scope().Attributes()), true
			}
			b.nested.appendNested(span.Attributes(), rs.Resource().Attributes())
			b.resourceURL.append(rs.SchemaUrl())
			b.scopeURL.append(ss.SchemaUrl())
			b.scopeName.append(scopeName)
			b.scopeVersion.append(scopeVersion)
			b.service.append(res.service)
			b.environment.append(res.environment)
			b.host.append(res.host)
			b.language.append(res.language)
			b.span(span)
		}
	}
}

func (b *traceBlock) span(span ptrace.Span) {
	traceID, spanID, parentID := span.TraceID(), span.SpanID(), span.ParentSpanID()
	start, end := span.StartTimestamp(), span.EndTimestamp()
	b.timestamp.time(start)
	b.traceID.appendHex(traceID[:])
	b.spanID.appendHex(spanID[:])
	b.parentID.appendHex(parentID[:])
	b.traceState.append(span.TraceState().AsRaw())
	b.name.append(span.Name())
	b.kind.append(kindText(span.Kind()))
	attrs := span.Attributes()
	if b.attrs.append(attrs) != attrs.Len() {
		attrs = lastWins(attrs)
	}
	b.flags.u32(span.Flags())
	if end < start {
		end = start // A clock that went back must not become a span of 584 years.
	}
	b.duration.u64(uint64(end - start))
	b.status.append(statusText(span.Status().Code()))
	b.statusMessage.append(span.Status().Message())
	b.events(span.Events())
	b.links(span.Links())
	b.derived(span.Kind(), attrs)
	b.rows++
}

func (b *traceBlock) events(events ptrace.SpanEventSlice) {
	for _, e := range events.All() {
		b.eventTime.time(e.Timestamp())
		b.eventName.append(e.Name())
		b.eventAttrs.append(e.Attributes())
	}
	for _, ends := range []*offsets{&b.eventTimes.ends, &b.eventNames.ends, &b.eventAttributes.ends} {
		ends.add(events.Len())
	}
}

func (b *traceBlock) links(links ptrace.SpanLinkSlice) {
	for _, l := range links.All() {
		traceID, spanID := l.TraceID(), l.SpanID()
		b.linkTrace.appendHex(traceID[:])
		b.linkSpan.appendHex(spanID[:])
		b.linkState.append(l.TraceState().AsRaw())
		b.linkAttrs.append(l.Attributes())
	}
	for _, ends := range []*offsets{&b.linkTraces.ends, &b.linkSpans.ends, &b.linkStates.ends, &b.linkMaps.ends} {
		ends.add(links.Len())
	}
}

// wanted are the attributes that pages filter by, old names after the ones they were renamed to.
type wanted struct {
	method, route, status               string
	dbSystem, dbName, rpcSystem, rpcSvc string
	messaging, destination              string
	peerService, address                string
}

// derived fills the columns that pages filter by. It looks at each attribute once.
func (b *traceBlock) derived(kind ptrace.SpanKind, attrs pcommon.Map) {
	var w wanted
	for k, v := range attrs.All() {
		w.take(k, v)
	}
	b.httpMethod.append(w.method)
	b.httpRoute.append(w.route)
	code, err := strconv.ParseUint(w.status, 10, 16)
	if err != nil {
		code = 0
	}
	b.httpStatus.u16(uint16(code))
	typ, system, target := w.target(kind)
	b.targetType.append(typ)
	b.targetSystem.append(system)
	b.target.append(target)
}

func (w *wanted) take(key string, v pcommon.Value) {
	var field *string
	switch key {
	case "http.request.method", "http.method":
		field = &w.method
	case "http.route":
		field = &w.route
	case "http.response.status_code", "http.status_code":
		field = &w.status
	case "db.system.name", "db.system":
		field = &w.dbSystem
	case "db.namespace", "db.name":
		field = &w.dbName
	case "rpc.system", "rpc.system.name":
		field = &w.rpcSystem
	case "rpc.service":
		field = &w.rpcSvc
	case "messaging.system":
		field = &w.messaging
	case "messaging.destination.name", "messaging.destination":
		field = &w.destination
	case "peer.service", "service.peer.name":
		field = &w.peerService
	case "server.address", "net.peer.name", "net.peer.ip", "network.peer.address":
		field = &w.address
	default:
		return
	}
	if *field == "" {
		*field = v.AsString()
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

// The texts are those of the OpenTelemetry ClickHouse exporter.
func kindText(k ptrace.SpanKind) string {
	switch k {
	case ptrace.SpanKindInternal:
		return "Internal"
	case ptrace.SpanKindServer:
		return "Server"
	case ptrace.SpanKindClient:
		return "Client"
	case ptrace.SpanKindProducer:
		return "Producer"
	case ptrace.SpanKindConsumer:
		return "Consumer"
	case ptrace.SpanKindUnspecified:
		return "Unspecified"
	default:
		return "Unspecified"
	}
}

func statusText(c ptrace.StatusCode) string {
	switch c {
	case ptrace.StatusCodeOk:
		return "Ok"
	case ptrace.StatusCodeError:
		return "Error"
	case ptrace.StatusCodeUnset:
		return "Unset"
	default:
		return "Unset"
	}
}
