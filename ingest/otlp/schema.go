// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// kind names the messages that scan looks into.
type kind int

const (
	kindOther kind = iota
	kindResource
	kindKeyValue
	kindValue
	kindSpan
	kindLogRecord
	kindMetric
	kindTemporal // Sum and Histogram, which have a temporality
	kindPoint    // of a summary
	kindQuantile // of a summary's point
	kindNumber
	kindHistogramPoint
	kindSlow // never taken by the fast path
)

func kindOf(name protoreflect.FullName) kind {
	switch name {
	case "opentelemetry.proto.resource.v1.Resource":
		return kindResource
	case "opentelemetry.proto.common.v1.KeyValue":
		return kindKeyValue
	case "opentelemetry.proto.common.v1.AnyValue":
		return kindValue
	case "opentelemetry.proto.trace.v1.Span":
		return kindSpan
	case "opentelemetry.proto.logs.v1.LogRecord":
		return kindLogRecord
	case "opentelemetry.proto.metrics.v1.Metric":
		return kindMetric
	case "opentelemetry.proto.metrics.v1.Sum", "opentelemetry.proto.metrics.v1.Histogram":
		return kindTemporal
	case "opentelemetry.proto.metrics.v1.NumberDataPoint":
		return kindNumber
	case "opentelemetry.proto.metrics.v1.SummaryDataPoint":
		return kindPoint
	case "opentelemetry.proto.metrics.v1.SummaryDataPoint.ValueAtQuantile":
		return kindQuantile
	case "opentelemetry.proto.metrics.v1.HistogramDataPoint":
		return kindHistogramPoint
	case "opentelemetry.proto.metrics.v1.ExponentialHistogram", "opentelemetry.proto.resource.v1.EntityRef", "opentelemetry.proto.common.v1.EntityRef":
		return kindSlow
	default:
		return kindOther
	}
}

// field is what scan must know of one field. Numbers are dense and small in OTLP, so fields are found by index.
type field struct {
	known bool
	wire  protowire.Type
	sub   *message
	text  bool
	idLen int // trace and span ids: their length when they are present
}

// message is one OTLP message as opentelemetry-proto's own descriptors have it.
type message struct {
	kind   kind
	fields []field
}

func (m *message) field(n protowire.Number) field {
	if int(n) < len(m.fields) {
		return m.fields[n]
	}
	return field{}
}

// schema holds the three request messages, and their fields by their names in JSON.
type schema struct {
	metrics, traces, logs             *message
	metricsJSON, tracesJSON, logsJSON jsonFields
}

func newSchema() schema {
	b := schemaBuilder{}
	// The request messages have the wire form of these, whose package has no gRPC stubs.
	metrics, traces, logs := (&metricspb.MetricsData{}).ProtoReflect().Descriptor(), (&tracepb.TracesData{}).ProtoReflect().Descriptor(), (&logspb.LogsData{}).ProtoReflect().Descriptor()
	return schema{
		metrics: b.build(metrics), traces: b.build(traces), logs: b.build(logs),
		metricsJSON: newJSONFields(metrics), tracesJSON: newJSONFields(traces), logsJSON: newJSONFields(logs),
	}
}

type schemaBuilder map[protoreflect.FullName]*message

func (b schemaBuilder) build(d protoreflect.MessageDescriptor) *message {
	if m, ok := b[d.FullName()]; ok {
		return m
	}
	m := &message{kind: kindOf(d.FullName())}
	b[d.FullName()] = m
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		for int(f.Number()) >= len(m.fields) {
			m.fields = append(m.fields, field{})
		}
		x := field{known: true, wire: wireType(f), text: f.Kind() == protoreflect.StringKind}
		switch f.Name() {
		case "trace_id":
			x.idLen = 16
		case "span_id", "parent_span_id":
			x.idLen = 8
		}
		if f.Message() != nil {
			x.sub = b.build(f.Message())
		}
		m.fields[f.Number()] = x
	}
	return m
}

func wireType(f protoreflect.FieldDescriptor) protowire.Type {
	if f.IsPacked() {
		return protowire.BytesType
	}
	switch f.Kind() {
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind:
		return protowire.BytesType
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind, protoreflect.DoubleKind:
		return protowire.Fixed64Type
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind, protoreflect.FloatKind:
		return protowire.Fixed32Type
	case protoreflect.GroupKind:
		return protowire.StartGroupType
	default:
		return protowire.VarintType
	}
}
