// SPDX-License-Identifier: Apache-2.0

package traces

import (
	"fmt"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/search/fields"
	"github.com/strata-apm/strata/search/wire"
	"github.com/strata-apm/strata/signal"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/native"
	"github.com/strata-apm/strata/storage/clickhouse/requests"
)

// block builds the block of one batch of spans.
type block struct {
	native.Block

	timestamp, duration, httpStatus, flags      native.Fixed
	traceID, spanID, parentID, traceState       native.String
	statusMessage                               native.String
	tenant, name, kind, status                  native.LowCardinality
	httpMethod, httpRoute                       native.LowCardinality
	targetType, targetSystem, target            native.LowCardinality
	attrs                                       native.Map
	shared                                      requests.Shared
	eventTime                                   native.Fixed
	eventName                                   native.LowCardinality
	eventAttrs                                  native.Map
	linkTrace, linkSpan, linkState              native.String
	linkAttrs                                   native.Map
	eventTimes, eventNames, eventAttributes     native.Array
	linkTraces, linkSpans, linkStates, linkMaps native.Array

	read spanMessage // being read
	part requests.Attributes
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
	b.Add("ServiceName", &b.shared.Service)
	b.Add("ResourceAttributes", &b.shared.ResourceAttributes)
	b.Add("ScopeName", &b.shared.ScopeName)
	b.Add("ScopeVersion", &b.shared.ScopeVersion)
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
	b.Add("Environment", &b.shared.Environment)
	b.Add("HostName", &b.shared.Host)
	b.Add("HttpMethod", &b.httpMethod)
	b.Add("HttpRoute", &b.httpRoute)
	b.Add("HttpStatusCode", &b.httpStatus)
	b.Add("TargetType", &b.targetType)
	b.Add("TargetSystem", &b.targetSystem)
	b.Add("Target", &b.target)
	b.Add("SdkLanguage", &b.shared.Language)
	b.Add("ScopeAttributes", &b.shared.ScopeAttributes)
	b.Add("ResourceSchemaUrl", &b.shared.ResourceSchema)
	b.Add("ScopeSchemaUrl", &b.shared.ScopeSchema)
	b.Add("Flags", &b.flags)
	b.Add("NestedAttributes", &b.shared.Nested)
	return b
}

// reset forgets the rows and keeps the memory.
func (b *block) reset() {
	b.shared.Forget()
	b.Reset()
}

// fill adds the spans of export requests. It refuses those of no tenant: the error wraps storage.ErrInvalid.
func (b *block) fill(batch []storage.Owned[[]byte]) error {
	each := requests.Each{Resource: b.shared.Resource, Scope: b.shared.Scope, Record: b.span}
	for _, r := range batch {
		if r.Tenant == "" {
			return fmt.Errorf("%w: spans of no tenant", storage.ErrInvalid)
		}
		if err := wire.Check(signal.Traces, r.Data); err != nil {
			return fmt.Errorf("%w: %w", storage.ErrInvalid, err)
		}
		before := b.Rows
		if err := each.Of(r.Data); err != nil {
			return fmt.Errorf("%w: %w", storage.ErrInvalid, err)
		}
		b.tenant.AppendN(string(r.Tenant), b.Rows-before)
	}
	return nil
}

// span adds one span.
func (b *block) span(message []byte) error {
	s := &b.read
	s.set(message)
	row, err := s.attributes.Append(&b.attrs)
	if err != nil {
		return err // It names the span's part.
	}
	if err := b.shared.Row(s.attributes, row.Maps); err != nil {
		return err // As above.
	}
	b.timestamp.Nano(s.start)
	b.traceID.AppendHex(s.traceID)
	b.spanID.AppendHex(s.spanID)
	b.parentID.AppendHex(s.parentID)
	b.traceState.AppendBytes(s.traceState)
	b.name.AppendBytes(s.name)
	b.kind.Append(kindText(s.kind))
	b.flags.Uint32(s.flags)
	b.duration.Uint64(max(s.end, s.start) - s.start) // A clock that went back must not become a span of 584 years.
	b.status.Append(statusText(s.status))
	b.statusMessage.AppendBytes(s.statusMessage)
	if err := b.events(s.events); err != nil {
		return err // As above.
	}
	if err := b.links(s.links); err != nil {
		return err // As above.
	}
	attrs := s.attributes
	if row.Twice {
		attrs = attrs.Unique()
	}
	if err := b.derived(s.kind, attrs); err != nil {
		return err // As above.
	}
	b.Rows++
	return nil
}

// derived fills the columns that pages filter by, from attributes of which no key is there twice.
func (b *block) derived(kind ptrace.SpanKind, attrs requests.Attributes) error {
	var r fields.SpanReader
	for _, attr := range attrs {
		key, v := wire.Attribute(attr)
		name := wire.Text(key)
		switch {
		case !r.Wants(name):
		case v.Kind == pcommon.ValueTypeInt:
			r.TakeInt(name, v.Int())
		case v.Kind == pcommon.ValueTypeStr:
			r.TakeText(name, wire.Text(v.Bytes))
		default:
			text, err := requests.Text(&v)
			if err != nil {
				return err // It names the value.
			}
			r.TakeText(name, text)
		}
	}
	s := r.Span(kind)
	b.httpMethod.AppendClone(s.Method)
	b.httpRoute.AppendClone(s.Route)
	b.httpStatus.Uint16(s.HTTPStatus)
	b.targetType.Append(s.TargetType)
	b.targetSystem.AppendClone(s.TargetSystem)
	b.target.AppendClone(s.Target)
	return nil
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
