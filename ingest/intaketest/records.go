// SPDX-License-Identifier: Apache-2.0

package intaketest

import (
	"encoding/binary"
	"hash/fnv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/signal"
)

func stamp(t time.Time) pcommon.Timestamp {
	if t.IsZero() {
		return 0
	}
	return pcommon.NewTimestampFromTime(t)
}

func timeOf(t pcommon.Timestamp) time.Time {
	if t == 0 {
		return time.Time{}
	}
	return t.AsTime()
}

const serviceName = "service.name"

func (r Record) fill(resource, own pcommon.Map) {
	if r.Service != "" {
		resource.PutStr(serviceName, r.Service)
	}
	own.EnsureCapacity(len(r.Attributes))
	for _, a := range r.Attributes {
		own.PutEmpty(a.Key).SetStr(a.Value)
	}
	if r.Depth > 0 {
		v := own.PutEmptySlice("deep").AppendEmpty()
		for range r.Depth - 1 {
			v = v.SetEmptySlice().AppendEmpty()
		}
	}
}

// Traces are the records as spans, each with a resource of its own and the trace id of its name.
func Traces(recs ...Record) ptrace.Traces {
	td := ptrace.NewTraces()
	for _, r := range recs {
		rs := td.ResourceSpans().AppendEmpty()
		s := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		h := fnv.New64a()
		_, _ = h.Write([]byte(r.Name))
		var id pcommon.TraceID
		binary.BigEndian.PutUint64(id[4:], h.Sum64())
		s.SetTraceID(id)
		s.SetSpanID(pcommon.SpanID{1})
		s.SetName(r.Name)
		s.SetStartTimestamp(stamp(r.Time))
		s.SetEndTimestamp(s.StartTimestamp() + 1)
		r.fill(rs.Resource().Attributes(), s.Attributes())
	}
	return td
}

// Logs are the records as log records, each with a resource of its own.
func Logs(recs ...Record) plog.Logs {
	ld := plog.NewLogs()
	for _, r := range recs {
		rl := ld.ResourceLogs().AppendEmpty()
		l := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
		l.Body().SetStr(r.Name)
		l.SetTimestamp(stamp(r.Time))
		r.fill(rl.Resource().Attributes(), l.Attributes())
	}
	return ld
}

// Metrics are the records as gauges, each with a resource of its own.
func Metrics(recs ...Record) pmetric.Metrics {
	md := pmetric.NewMetrics()
	for _, r := range recs {
		rm := md.ResourceMetrics().AppendEmpty()
		m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
		m.SetName(r.Name)
		p := m.SetEmptyGauge().DataPoints().AppendEmpty()
		p.SetTimestamp(stamp(r.Time))
		p.SetDoubleValue(r.Value)
		r.fill(rm.Resource().Attributes(), p.Attributes())
	}
	return md
}

// decode reads a record of the bus that is OTLP.
func decode(tb testing.TB, s signal.Signal, body []byte) (out []Record) {
	tb.Helper()
	switch s {
	case signal.Traces:
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(body)
		require.NoError(tb, err)
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, s := range ss.Spans().All() {
					out = append(out, read(Record{Name: s.Name(), Time: timeOf(s.StartTimestamp())}, rs.Resource(), s.Attributes()))
				}
			}
		}
	case signal.Logs:
		ld, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(body)
		require.NoError(tb, err)
		for _, rl := range ld.ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				for _, l := range sl.LogRecords().All() {
					at := l.Timestamp()
					if at == 0 {
						at = l.ObservedTimestamp()
					}
					out = append(out, read(Record{Name: l.Body().AsString(), Time: timeOf(at)}, rl.Resource(), l.Attributes()))
				}
			}
		}
	default:
		md, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(body)
		require.NoError(tb, err)
		for _, rm := range md.ResourceMetrics().All() {
			for _, sm := range rm.ScopeMetrics().All() {
				for _, m := range sm.Metrics().All() {
					for _, p := range m.Gauge().DataPoints().All() {
						out = append(out, read(Record{Name: m.Name(), Time: timeOf(p.Timestamp()), Value: p.DoubleValue()}, rm.Resource(), p.Attributes()))
					}
				}
			}
		}
	}
	return out
}

func read(r Record, resource pcommon.Resource, own pcommon.Map) Record {
	if v, ok := resource.Attributes().Get(serviceName); ok {
		r.Service = v.AsString()
	}
	for k, v := range own.All() {
		if k != "deep" {
			r.Attributes = append(r.Attributes, Attribute{k, v.AsString()})
			continue
		}
		for v.Type() == pcommon.ValueTypeSlice && v.Slice().Len() > 0 {
			r.Depth++
			v = v.Slice().At(0)
		}
	}
	return r
}
