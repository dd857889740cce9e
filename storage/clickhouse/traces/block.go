// SPDX-License-Identifier: Apache-2.0

package traces

import (
	"fmt"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/search/fields"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/native"
	"github.com/strata-apm/strata/storage/clickhouse/nested"
	"github.com/strata-apm/strata/storage/clickhouse/resource"
)

// block builds the block of one batch of spans.
type block struct {
	native.Block

	timestamp, duration, httpStatus, flags      native.Fixed
	traceID, spanID, parentID, traceState       native.String
	statusMessage                               native.String
	tenant, name, kind, service, status         native.LowCardinality
	scopeName, scopeVersion                     native.LowCardinality
	environment, host, httpMethod, httpRoute    native.LowCardinality
	targetType, targetSystem, target, language  native.LowCardinality
	resource, attrs, scopeAttrs, nested         native.Map
	resourceURL, scopeURL                       native.LowCardinality
	eventTime                                   native.Fixed
	eventName                                   native.LowCardinality
	eventAttrs                                  native.Map
	linkTrace, linkSpan, linkState              native.String
	linkAttrs                                   native.Map
	eventTimes, eventNames, eventAttributes     native.Array
	linkTraces, linkSpans, linkStates, linkMaps native.Array
}

func newBlock() *block {
	b := &block{}
	b.timestamp.Type, b.duration.Type, b.httpStatus.Type, b.eventTime.Type = native.DateTime64, "UInt64", "UInt16", native.DateTime64
	b.flags.Type = "UInt32"
	b.eventTimes.Of, b.eventNames.Of, b.eventAttributes.Of = &b.eventTime, &b.eventName, &b.eventAttrs
	b.linkTraces.Of, b.linkSpans.Of, b.linkStates.Of, b.linkMaps.Of = &b.linkTrace, &b.linkSpan, &b.linkState, &b.linkAttrs
	b.Add("TenantId", &b.tenant)
	b.Add("Timestamp", &b.timestamp)
	b.Add("TraceId", &b.traceID)
	b.Add("SpanId", &b.spanID)
	b.Add("ParentSpanId", &b.parentID)
	b.Add("TraceState", &b.traceState)
	b.Add("SpanName", &b.name)
	b.Add("SpanKind", &b.kind)
	b.Add("ServiceName", &b.service)
	b.Add("ResourceAttributes", &b.resource)
	b.Add("ScopeName", &b.scopeName)
	b.Add("ScopeVersion", &b.scopeVersion)
	b.Add("SpanAttributes", &b.attrs)
	b.Add("Duration", &b.duration)
	b.Add("StatusCode", &b.status)
	b.Add("StatusMessage", &b.statusMessage)
	b.Add("Events.Timestamp", &b.eventTimes)
	b.Add("Events.Name", &b.eventNames)
	b.Add("Events.Attributes", &b.eventAttributes)
	b.Add("Links.TraceId", &b.linkTraces)
	b.Add("Links.SpanId", &b.linkSpans)
	b.Add("Links.TraceState", &b.linkStates)
	b.Add("Links.Attributes", &b.linkMaps)
	b.Add("Environment", &b.environment)
	b.Add("HostName", &b.host)
	b.Add("HttpMethod", &b.httpMethod)
	b.Add("HttpRoute", &b.httpRoute)
	b.Add("HttpStatusCode", &b.httpStatus)
	b.Add("TargetType", &b.targetType)
	b.Add("TargetSystem", &b.targetSystem)
	b.Add("Target", &b.target)
	b.Add("SdkLanguage", &b.language)
	b.Add("ScopeAttributes", &b.scopeAttrs)
	b.Add("ResourceSchemaUrl", &b.resourceURL)
	b.Add("ScopeSchemaUrl", &b.scopeURL)
	b.Add("Flags", &b.flags)
	b.Add("NestedAttributes", &b.nested)
	return b
}

// fill adds the spans. It refuses those of no tenant: the error wraps storage.ErrInvalid.
func (b *block) fill(batches []storage.Owned[ptrace.Traces]) error {
	for _, td := range batches {
		if td.Tenant == "" {
			return fmt.Errorf("%w: spans of no tenant", storage.ErrInvalid)
		}
		before := b.Rows
		for _, rs := range td.Data.ResourceSpans().All() {
			b.resourceSpans(rs, resource.Read(rs.Resource().Attributes()))
		}
		b.tenant.AppendN(string(td.Tenant), b.Rows-before)
	}
	return nil
}

func (b *block) resourceSpans(rs ptrace.ResourceSpans, res resource.Resource) {
	var shared, scopeShared native.Mark
	have := false
	for _, ss := range rs.ScopeSpans().All() {
		scopeName, scopeVersion := ss.Scope().Name(), ss.Scope().Version()
		haveScope := false
		for _, span := range ss.Spans().All() {
			if have {
				b.resource.AppendCopy(shared)
			} else {
				shared, have = b.resource.AppendMarked(rs.Resource().Attributes()), true
			}
			if haveScope {
				b.scopeAttrs.AppendCopy(scopeShared)
			} else {
				scopeShared, haveScope = b.scopeAttrs.AppendMarked(ss.Scope().Attributes()), true
			}
			nested.Append(&b.nested, span.Attributes(), rs.Resource().Attributes())
			b.resourceURL.Append(rs.SchemaUrl())
			b.scopeURL.Append(ss.SchemaUrl())
			b.scopeName.Append(scopeName)
			b.scopeVersion.Append(scopeVersion)
			b.service.Append(res.Service)
			b.environment.Append(res.Environment)
			b.host.Append(res.Host)
			b.language.Append(res.Language)
			b.span(span)
		}
	}
}

func (b *block) span(span ptrace.Span) {
	traceID, spanID, parentID := span.TraceID(), span.SpanID(), span.ParentSpanID()
	start, end := span.StartTimestamp(), span.EndTimestamp()
	b.timestamp.Time(start)
	b.traceID.AppendHex(traceID[:])
	b.spanID.AppendHex(spanID[:])
	b.parentID.AppendHex(parentID[:])
	b.traceState.Append(span.TraceState().AsRaw())
	b.name.Append(span.Name())
	b.kind.Append(kindText(span.Kind()))
	attrs := span.Attributes()
	if b.attrs.Append(attrs) != attrs.Len() {
		attrs = native.LastWins(attrs)
	}
	b.flags.Uint32(span.Flags())
	if end < start {
		end = start // A clock that went back must not become a span of 584 years.
	}
	b.duration.Uint64(uint64(end - start))
	b.status.Append(statusText(span.Status().Code()))
	b.statusMessage.Append(span.Status().Message())
	b.events(span.Events())
	b.links(span.Links())
	b.derived(span.Kind(), attrs)
	b.Rows++
}

func (b *block) events(events ptrace.SpanEventSlice) {
	for _, e := range events.All() {
		b.eventTime.Time(e.Timestamp())
		b.eventName.Append(e.Name())
		b.eventAttrs.Append(e.Attributes())
	}
	for _, c := range []*native.Array{&b.eventTimes, &b.eventNames, &b.eventAttributes} {
		c.EndRow(events.Len())
	}
}

func (b *block) links(links ptrace.SpanLinkSlice) {
	for _, l := range links.All() {
		traceID, spanID := l.TraceID(), l.SpanID()
		b.linkTrace.AppendHex(traceID[:])
		b.linkSpan.AppendHex(spanID[:])
		b.linkState.Append(l.TraceState().AsRaw())
		b.linkAttrs.Append(l.Attributes())
	}
	for _, c := range []*native.Array{&b.linkTraces, &b.linkSpans, &b.linkStates, &b.linkMaps} {
		c.EndRow(links.Len())
	}
}

// derived fills the columns that pages filter by, from attributes of which no key is there twice.
func (b *block) derived(kind ptrace.SpanKind, attrs pcommon.Map) {
	s := fields.ReadSpan(kind, attrs, true)
	b.httpMethod.Append(s.Method)
	b.httpRoute.Append(s.Route)
	b.httpStatus.Uint16(s.HTTPStatus)
	b.targetType.Append(s.TargetType)
	b.targetSystem.Append(s.TargetSystem)
	b.target.Append(s.Target)
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
