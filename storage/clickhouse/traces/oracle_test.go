// SPDX-License-Identifier: Apache-2.0

package traces

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/search/fields"
	"github.com/strata-apm/strata/search/wire"
	"github.com/strata-apm/strata/signal"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/clickhousetest"
	"github.com/strata-apm/strata/storage/clickhouse/native"
	"github.com/strata-apm/strata/storage/clickhouse/nested"
	"github.com/strata-apm/strata/storage/clickhouse/resource"
	"github.com/strata-apm/strata/tenant"
)

// decoded fills a block from the decoded form: what fill has to make of the bytes.
func decoded(b *block, owner tenant.ID, td ptrace.Traces) {
	before := b.Rows
	for _, rs := range td.ResourceSpans().All() {
		res := resource.Read(rs.Resource().Attributes())
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				s := &b.shared
				clickhousetest.AppendMap(&s.ResourceAttributes, rs.Resource().Attributes())
				clickhousetest.AppendMap(&s.ScopeAttributes, ss.Scope().Attributes())
				nested.Append(&s.Nested, span.Attributes(), rs.Resource().Attributes())
				s.ResourceSchema.Append(rs.SchemaUrl())
				s.ScopeSchema.Append(ss.SchemaUrl())
				s.ScopeName.Append(ss.Scope().Name())
				s.ScopeVersion.Append(ss.Scope().Version())
				s.Service.Append(res.Service)
				s.Environment.Append(res.Environment)
				s.Host.Append(res.Host)
				s.Language.Append(res.Language)
				b.decoded(span)
			}
		}
	}
	b.tenant.AppendN(string(owner), b.Rows-before)
}

func (b *block) decoded(span ptrace.Span) {
	traceID, spanID, parentID := span.TraceID(), span.SpanID(), span.ParentSpanID()
	start, end := span.StartTimestamp(), span.EndTimestamp()
	b.timestamp.Nano(uint64(start))
	b.traceID.AppendHex(traceID[:])
	b.spanID.AppendHex(spanID[:])
	b.parentID.AppendHex(parentID[:])
	b.traceState.Append(span.TraceState().AsRaw())
	b.name.Append(span.Name())
	b.kind.Append(kindText(span.Kind()))
	clickhousetest.AppendMap(&b.attrs, span.Attributes())
	b.flags.Uint32(span.Flags())
	b.duration.Uint64(uint64(max(start, end) - start))
	b.status.Append(statusText(span.Status().Code()))
	b.statusMessage.Append(span.Status().Message())
	for _, e := range span.Events().All() {
		b.eventTime.Nano(uint64(e.Timestamp()))
		b.eventName.Append(e.Name())
		clickhousetest.AppendMap(&b.eventAttrs, e.Attributes())
	}
	for _, c := range []*native.Array{&b.eventTimes, &b.eventNames, &b.eventAttributes} {
		c.EndRow(span.Events().Len())
	}
	for _, l := range span.Links().All() {
		traceID, spanID := l.TraceID(), l.SpanID()
		b.linkTrace.AppendHex(traceID[:])
		b.linkSpan.AppendHex(spanID[:])
		b.linkState.Append(l.TraceState().AsRaw())
		clickhousetest.AppendMap(&b.linkAttrs, l.Attributes())
	}
	for _, c := range []*native.Array{&b.linkTraces, &b.linkSpans, &b.linkStates, &b.linkMaps} {
		c.EndRow(span.Links().Len())
	}
	s := fields.ReadSpan(span.Kind(), span.Attributes())
	b.httpMethod.Append(s.Method)
	b.httpRoute.Append(s.Route)
	b.httpStatus.Uint16(s.HTTPStatus)
	b.targetType.Append(s.TargetType)
	b.targetSystem.Append(s.TargetSystem)
	b.target.Append(s.Target)
	b.Rows++
}

// requireSameBlock compares the block of the bytes of a request with that of its decoded form.
func requireSameBlock(tb testing.TB, body []byte) {
	tb.Helper()
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(body)
	got, want := newBlock(), newBlock()
	filled := got.fill([]storage.Owned[[]byte]{{Tenant: "a", Data: body}})
	if err != nil {
		require.ErrorIs(tb, filled, storage.ErrInvalid)
		return
	}
	require.NoError(tb, filled)
	decoded(want, "a", td)
	require.Equal(tb, want.Rows, got.Rows)
	require.Equal(tb, clickhousetest.BytesOf(tb, &want.Block), clickhousetest.BytesOf(tb, &got.Block))
}

func randomTraces(r *rand.Rand) ptrace.Traces {
	td := ptrace.NewTraces()
	for range r.IntN(4) {
		rs := td.ResourceSpans().AppendEmpty()
		clickhousetest.RandomAttributes(r, rs.Resource().Attributes())
		rs.SetSchemaUrl([]string{"", "s"}[r.IntN(2)])
		for range r.IntN(3) {
			ss := rs.ScopeSpans().AppendEmpty()
			ss.Scope().SetName([]string{"", "lib"}[r.IntN(2)])
			ss.SetSchemaUrl([]string{"", "t"}[r.IntN(2)])
			clickhousetest.RandomAttributes(r, ss.Scope().Attributes())
			for range r.IntN(5) {
				randomSpan(r, ss.Spans().AppendEmpty())
			}
		}
	}
	return td
}

func randomSpan(r *rand.Rand, sp ptrace.Span) {
	sp.SetTraceID(pcommon.TraceID{byte(r.IntN(3)), 2})
	sp.SetSpanID(pcommon.SpanID{byte(r.IntN(3))})
	sp.SetParentSpanID(pcommon.SpanID{byte(r.IntN(3))})
	sp.TraceState().FromRaw([]string{"", "a=b"}[r.IntN(2)])
	sp.SetName([]string{"", "GET /"}[r.IntN(2)])
	sp.SetKind(ptrace.SpanKind(r.IntN(9) - 1))
	sp.SetStartTimestamp(pcommon.Timestamp(r.Uint64() >> r.IntN(64)))
	sp.SetEndTimestamp(pcommon.Timestamp(r.Uint64() >> r.IntN(64)))
	clickhousetest.RandomAttributes(r, sp.Attributes())
	sp.SetFlags(r.Uint32())
	sp.Status().SetCode(ptrace.StatusCode(r.IntN(5) - 1))
	sp.Status().SetMessage([]string{"", "no"}[r.IntN(2)])
	for range r.IntN(3) {
		e := sp.Events().AppendEmpty()
		e.SetName([]string{"", "exception"}[r.IntN(2)])
		e.SetTimestamp(pcommon.Timestamp(r.Uint64() >> 1))
		clickhousetest.RandomAttributes(r, e.Attributes())
	}
	for range r.IntN(3) {
		l := sp.Links().AppendEmpty()
		l.SetTraceID(pcommon.TraceID{1})
		l.SetSpanID(pcommon.SpanID{byte(r.IntN(2))})
		l.TraceState().FromRaw("x")
		clickhousetest.RandomAttributes(r, l.Attributes())
	}
}

// TestBlockOfBytes: the block of a request's bytes is that of its decoded form, also where fields and keys are there twice or come in another
// order.
func TestBlockOfBytes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 6))
	for range 500 {
		body, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(randomTraces(r))
		require.NoError(t, err)
		requireSameBlock(t, body)
	}
	field, attr := clickhousetest.Field, clickhousetest.AttributeField
	text := func(s string) []byte { return field(1, []byte(s)) }
	span := field(2, field(5, []byte("GET /")), attr(9, "http.method", "GET"), attr(9, "http.route", "/"), attr(9, "http.method", "PUT"), field(15, field(2, []byte("a"))), field(15, []byte{3 << 3, 2}))
	for name, body := range map[string][]byte{
		"a key twice":     field(1, field(2, span)),
		"resource behind": field(1, field(2, span, field(1, text("lib"))), field(1, attr(1, "service.name", "shop")), field(3, []byte("s"))),
		"resource twice":  field(1, field(1, attr(1, "service.name", "a")), field(2, span), field(1, attr(1, "service.name", "b"))),
		"cut":             field(1, field(2, span))[:9],
		"unknown fields":  append(field(1, field(2, span, field(99, []byte("x")))), field(50, []byte("y"))...),
	} {
		t.Run(name, func(t *testing.T) { requireSameBlock(t, body) })
	}
}

// FuzzBlockOfBytes is TestBlockOfBytes for any bytes that the decoder takes.
func FuzzBlockOfBytes(f *testing.F) {
	r := rand.New(rand.NewPCG(2, 6))
	for range 20 {
		body, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(randomTraces(r))
		require.NoError(f, err)
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if wire.Check(signal.Traces, body) == nil {
			requireSameBlock(t, body)
		}
	})
}

// BenchmarkEncode is the conversion of a request to a block; "decoded" is that by way of the decoder.
func BenchmarkEncode(b *testing.B) {
	body, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(clickhousetest.NewGenerator().Traces(clickhousetest.Rows))
	require.NoError(b, err)
	perRow := func(b *testing.B) {
		b.Helper()
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/clickhousetest.Rows, "ns/row")
	}
	b.Run("bytes", func(b *testing.B) {
		block := newBlock()
		b.ReportAllocs()
		for b.Loop() {
			block.reset()
			require.NoError(b, block.fill([]storage.Owned[[]byte]{{Tenant: "a", Data: body}}))
		}
		perRow(b)
	})
	b.Run("decoded", func(b *testing.B) {
		block := newBlock()
		b.ReportAllocs()
		for b.Loop() {
			block.reset()
			td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(body)
			require.NoError(b, err)
			decoded(block, "a", td)
		}
		perRow(b)
	})
}
