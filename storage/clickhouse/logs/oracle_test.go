// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/strata-apm/strata/search/fields"
	"github.com/strata-apm/strata/search/wire"
	"github.com/strata-apm/strata/signal"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/clickhousetest"
	"github.com/strata-apm/strata/storage/clickhouse/nested"
	"github.com/strata-apm/strata/storage/clickhouse/resource"
	"github.com/strata-apm/strata/tenant"
)

// decoded fills a block from the decoded form: what fill has to make of the bytes.
func decoded(b *block, id storage.BatchID, owner tenant.ID, ld plog.Logs) {
	b.seed = batchSeed(id)
	before := b.Rows
	for _, rl := range ld.ResourceLogs().All() {
		res := resource.Read(rl.Resource().Attributes())
		for _, sl := range rl.ScopeLogs().All() {
			for _, rec := range sl.LogRecords().All() {
				s := &b.shared
				clickhousetest.AppendMap(&s.ResourceAttributes, rl.Resource().Attributes())
				clickhousetest.AppendMap(&s.ScopeAttributes, sl.Scope().Attributes())
				s.ResourceSchema.Append(rl.SchemaUrl())
				s.ScopeSchema.Append(sl.SchemaUrl())
				s.ScopeName.Append(sl.Scope().Name())
				s.ScopeVersion.Append(sl.Scope().Version())
				s.Service.Append(res.Service)
				s.Environment.Append(res.Environment)
				s.Host.Append(res.Host)
				nested.Append(&s.Nested, rec.Attributes(), rl.Resource().Attributes())
				b.decoded(rec)
			}
		}
	}
	b.tenant.AppendN(string(owner), b.Rows-before)
}

func (b *block) decoded(rec plog.LogRecord) {
	when := rec.Timestamp()
	if when == 0 {
		when = rec.ObservedTimestamp()
	}
	b.timestamp.Nano(uint64(when))
	b.observed.Nano(uint64(rec.ObservedTimestamp()))
	b.rowID.Uint64(b.seed + uint64(b.Rows))
	traceID, spanID := rec.TraceID(), rec.SpanID()
	b.traceID.AppendHex(traceID[:])
	b.spanID.AppendHex(spanID[:])
	b.traceFlags.Uint8(uint8(rec.Flags() & 0xff))
	b.severityText.Append(rec.SeverityText())
	b.severityNumber.Uint8(fields.Severity(rec))
	b.body.AppendValue(rec.Body())
	clickhousetest.AppendMap(&b.attributes, rec.Attributes())
	b.eventName.Append(rec.EventName())
	b.Rows++
}

// requireSameBlock compares the block of the bytes of a request with that of its decoded form.
func requireSameBlock(tb testing.TB, body []byte) {
	tb.Helper()
	ld, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(body)
	got, want := newBlock(), newBlock()
	filled := got.fill("b", []storage.Owned[[]byte]{{Tenant: "a", Data: body}})
	if err != nil {
		require.ErrorIs(tb, filled, storage.ErrInvalid)
		return
	}
	require.NoError(tb, filled)
	decoded(want, "b", "a", ld)
	require.Equal(tb, want.Rows, got.Rows)
	require.Equal(tb, ld.LogRecordCount(), got.Rows)
	require.Equal(tb, clickhousetest.BytesOf(tb, &want.Block), clickhousetest.BytesOf(tb, &got.Block))
}

func randomLogs(r *rand.Rand) plog.Logs {
	ld := plog.NewLogs()
	for range r.IntN(4) {
		rl := ld.ResourceLogs().AppendEmpty()
		clickhousetest.RandomAttributes(r, rl.Resource().Attributes())
		rl.SetSchemaUrl([]string{"", "s"}[r.IntN(2)])
		for range r.IntN(3) {
			sl := rl.ScopeLogs().AppendEmpty()
			sl.Scope().SetName([]string{"", "lib"}[r.IntN(2)])
			sl.Scope().SetVersion([]string{"", "1"}[r.IntN(2)])
			sl.SetSchemaUrl([]string{"", "t"}[r.IntN(2)])
			clickhousetest.RandomAttributes(r, sl.Scope().Attributes())
			for range r.IntN(5) {
				rec := sl.LogRecords().AppendEmpty()
				rec.SetTimestamp(pcommon.Timestamp(r.Uint64() >> r.IntN(64)))
				rec.SetObservedTimestamp(pcommon.Timestamp(r.Uint64() >> r.IntN(64)))
				rec.SetSeverityNumber(plog.SeverityNumber(r.IntN(30) - 3))
				rec.SetSeverityText([]string{"", "warn", "\x1b[1mINFO"}[r.IntN(3)])
				clickhousetest.RandomValue(r, rec.Body())
				clickhousetest.RandomAttributes(r, rec.Attributes())
				rec.SetFlags(plog.LogRecordFlags(r.Uint32()))
				rec.SetEventName([]string{"", "click"}[r.IntN(2)])
				if r.IntN(2) == 0 {
					rec.SetTraceID(pcommon.TraceID{byte(r.IntN(3)), 2})
					rec.SetSpanID(pcommon.SpanID{byte(r.IntN(3)), 2})
				}
			}
		}
	}
	return ld
}

// TestBlockOfBytes: the block of a request's bytes is that of its decoded form, also where fields and keys are there twice or come in another
// order.
func TestBlockOfBytes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 5))
	for range 500 {
		body, err := (&plog.ProtoMarshaler{}).MarshalLogs(randomLogs(r))
		require.NoError(t, err)
		requireSameBlock(t, body)
	}
	field, attr := clickhousetest.Field, clickhousetest.AttributeField
	text := func(s string) []byte { return field(1, []byte(s)) }
	record := field(2, field(5, text("body")), attr(6, "k", "1"), attr(6, "l", "2"), attr(6, "k", "3"), field(3, []byte("INFO")), field(3, []byte("WARN")))
	for name, body := range map[string][]byte{
		"a key twice":          field(1, field(2, record)),
		"resource behind":      field(1, field(2, record, field(1, text("lib"))), field(1, attr(1, "service.name", "shop")), field(3, []byte("s"))),
		"resource twice":       field(1, field(1, attr(1, "service.name", "a")), field(2, record), field(1, attr(1, "service.name", "b"), attr(1, "host.name", "h"))),
		"body twice":           field(1, field(2, field(2, field(5, text("a")), field(5), field(5, text("b"))))),
		"scope twice":          field(1, field(2, field(1, text("a")), field(1, field(2, []byte("v"))), record)),
		"a resource key twice": field(1, field(1, attr(1, "a", "1"), attr(1, "b", "2"), attr(1, "a", "3")), field(2, record, record)),
		"no records":           field(1, field(1, attr(1, "a", "1")), field(2)),
		"cut":                  field(1, field(2, record))[:9],
		"unknown fields":       append(field(1, field(2, record, field(99, []byte("x")))), field(50, []byte("y"))...),
	} {
		t.Run(name, func(t *testing.T) { requireSameBlock(t, body) })
	}
}

// FuzzBlockOfBytes is TestBlockOfBytes for any bytes that the decoder takes.
func FuzzBlockOfBytes(f *testing.F) {
	r := rand.New(rand.NewPCG(2, 5))
	for range 20 {
		body, err := (&plog.ProtoMarshaler{}).MarshalLogs(randomLogs(r))
		require.NoError(f, err)
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if wire.Check(signal.Logs, body) == nil {
			requireSameBlock(t, body)
		}
	})
}

// BenchmarkEncode is the conversion of a request to a block; "decoded" is that by way of the decoder.
func BenchmarkEncode(b *testing.B) {
	ld, _ := clickhousetest.NewGenerator().Logs(clickhousetest.Rows)
	body, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
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
			require.NoError(b, block.fill("b", []storage.Owned[[]byte]{{Tenant: "a", Data: body}}))
		}
		perRow(b)
	})
	b.Run("decoded", func(b *testing.B) {
		block := newBlock()
		b.ReportAllocs()
		for b.Loop() {
			block.reset()
			ld, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(body)
			require.NoError(b, err)
			decoded(block, "b", "a", ld)
		}
		perRow(b)
	})
}
