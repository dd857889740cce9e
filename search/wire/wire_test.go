// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/strata-apm/strata/signal"
)

// decodes reports what the decoder says of a body.
func decodes(of signal.Signal, body []byte) error {
	if of == signal.Logs {
		_, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(body)
		return err
	}
	_, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(body)
	return err
}

// asDecoded requires that Check takes what the decoder takes.
func asDecoded(tb testing.TB, of signal.Signal, body []byte) {
	tb.Helper()
	err := Check(of, body)
	if want := decodes(of, body); want != nil {
		require.ErrorIs(tb, err, ErrMalformed, "%x: the decoder says %v", body, want)
		return
	}
	require.NoError(tb, err, "%x", body)
}

func nested(number protowire.Number, b []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), b)
}

// fill sets attributes of every kind.
func fill(m pcommon.Map) {
	m.PutStr("s", "text")
	m.PutInt("i", -1)
	m.PutDouble("d", 1.5)
	m.PutBool("b", true)
	m.PutEmpty("e")
	m.PutEmptyBytes("y").FromRaw([]byte{1, 2})
	m.PutEmptySlice("l").AppendEmpty().SetStr("x")
	m.PutEmptyMap("m").PutEmptyMap("n").PutInt("o", 1)
	m.PutStr("long", strings.Repeat("x", 300))
}

func logsBody(tb testing.TB) []byte {
	tb.Helper()
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	rl.SetSchemaUrl("https://schema")
	fill(rl.Resource().Attributes())
	rl.Resource().SetDroppedAttributesCount(3)
	sl := rl.ScopeLogs().AppendEmpty()
	sl.SetSchemaUrl("https://schema")
	sl.Scope().SetName("lib")
	sl.Scope().SetVersion("1")
	fill(sl.Scope().Attributes())
	r := sl.LogRecords().AppendEmpty()
	fill(r.Attributes())
	fill(r.Body().SetEmptyMap())
	r.SetTimestamp(1)
	r.SetObservedTimestamp(2)
	r.SetSeverityNumber(17)
	r.SetSeverityText("error")
	r.SetEventName("e")
	r.SetFlags(1)
	r.SetTraceID(pcommon.TraceID{1})
	r.SetSpanID(pcommon.SpanID{1})
	b, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
	require.NoError(tb, err)
	return b
}

func tracesBody(tb testing.TB) []byte {
	tb.Helper()
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	fill(rs.Resource().Attributes())
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName("lib")
	s := ss.Spans().AppendEmpty()
	fill(s.Attributes())
	s.SetName("GET /")
	s.SetKind(ptrace.SpanKindClient)
	s.SetTraceID(pcommon.TraceID{1})
	s.SetSpanID(pcommon.SpanID{1})
	s.SetParentSpanID(pcommon.SpanID{2})
	s.TraceState().FromRaw("a=b")
	s.SetStartTimestamp(1)
	s.SetEndTimestamp(math.MaxUint64)
	s.SetFlags(1)
	s.SetDroppedAttributesCount(1)
	s.SetDroppedEventsCount(1)
	s.SetDroppedLinksCount(1)
	s.Status().SetCode(ptrace.StatusCodeError)
	s.Status().SetMessage("no")
	e := s.Events().AppendEmpty()
	e.SetName("exception")
	e.SetTimestamp(1)
	e.SetDroppedAttributesCount(1)
	fill(e.Attributes())
	l := s.Links().AppendEmpty()
	l.SetTraceID(pcommon.TraceID{3})
	l.SetSpanID(pcommon.SpanID{3})
	l.TraceState().FromRaw("c=d")
	l.SetFlags(1)
	l.SetDroppedAttributesCount(1)
	fill(l.Attributes())
	b, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	require.NoError(tb, err)
	return b
}

func TestCheckTakesWhatTheDecoderTakes(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for of, body := range map[signal.Signal][]byte{signal.Logs: logsBody(t), signal.Traces: tracesBody(t)} {
		require.NoError(t, Check(of, body))
		for i := range body { // Every prefix, and every byte changed to a few others.
			asDecoded(t, of, body[:i])
			for range 8 {
				b := bytes.Clone(body)
				b[i] = byte(rnd.Uint32())
				asDecoded(t, of, b)
			}
		}
		require.Zero(t, testing.AllocsPerRun(10, func() { _ = Check(of, body) }))
	}
}

// Every field number of every message with every wire type.
func TestCheckFields(t *testing.T) {
	nest := map[signal.Signal][][]protowire.Number{
		signal.Logs: {
			{}, {1}, {1, 1}, {1, 1, 1}, {1, 1, 1, 2}, {1, 1, 1, 2, 5}, {1, 1, 1, 2, 6}, {1, 1, 1, 2, 6, 1}, {1, 1, 3}, {1, 2}, {1, 2, 1}, {1, 2, 2}, {1, 2, 2, 5}, {1, 2, 2, 6}, {1, 1000}, {1, 1000, 2},
		},
		signal.Traces: {{}, {1}, {1, 1}, {1, 2}, {1, 2, 1}, {1, 2, 2}, {1, 2, 2, 9}, {1, 2, 2, 11}, {1, 2, 2, 11, 3}, {1, 2, 2, 13}, {1, 2, 2, 13, 4}, {1, 2, 2, 15}, {1, 1000}, {1, 1000, 2}},
	}
	for of, places := range nest {
		for _, place := range places {
			for _, number := range []protowire.Number{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 99, 999, 1000, 1001, 1 << 28, 1<<31 - 1} {
				for typ, value := range map[protowire.Type][]byte{
					protowire.VarintType: {0xff, 1}, protowire.Fixed32Type: {1, 2, 3, 4}, protowire.Fixed64Type: {1, 2, 3, 4, 5, 6, 7, 8}, protowire.BytesType: {0},
					protowire.StartGroupType: protowire.AppendTag(nil, number, protowire.EndGroupType), protowire.EndGroupType: {}, 6: {0}, 7: {0},
				} {
					m := append(protowire.AppendVarint(nil, uint64(number)<<3|uint64(typ)), value...)
					for _, behind := range [][]byte{nil, {0x78, 1}, {3}} {
						b := append(bytes.Clone(m), behind...)
						for _, around := range slices.Backward(place) {
							b = nested(around, b)
						}
						asDecoded(t, of, b)
					}
				}
			}
		}
	}
}

func TestCheckIDs(t *testing.T) {
	for n := range 20 {
		id := make([]byte, n)
		for _, number := range []protowire.Number{9, 10} {
			asDecoded(t, signal.Logs, nested(1, nested(2, nested(2, nested(number, id)))))
		}
		for _, number := range []protowire.Number{1, 2, 4} {
			asDecoded(t, signal.Traces, nested(1, nested(2, nested(2, nested(number, id)))))
		}
		for _, number := range []protowire.Number{1, 2} {
			asDecoded(t, signal.Traces, nested(1, nested(2, nested(2, nested(13, nested(number, id))))))
		}
	}
}

func TestCheckVarints(t *testing.T) {
	for n := range 13 {
		for _, last := range []byte{0, 1, 2, 0x7f, 0x80, 0xff} {
			value := append(bytes.Repeat([]byte{0x80}, n), last)
			asDecoded(t, signal.Logs, append([]byte{0x78}, value...)) // a field that is not known
			asDecoded(t, signal.Logs, value)                          // a tag
			asDecoded(t, signal.Logs, append([]byte{0x0a}, value...)) // a length
		}
	}
}

func TestCheckRefusesOtherSignals(t *testing.T) {
	require.ErrorIs(t, Check(signal.Metrics, nil), ErrMalformed)
}

func TestCheckDepth(t *testing.T) {
	body := func(n int) []byte {
		v := []byte{}
		for range n {
			v = nested(5, nested(1, v))
		}
		return nested(1, nested(2, nested(2, nested(5, v))))
	}
	require.NoError(t, Check(signal.Logs, body((MaxDepth-4)/2)))
	require.ErrorContains(t, Check(signal.Logs, body((MaxDepth-4)/2+1)), "nested more than")
}

func TestFields(t *testing.T) {
	message := protowire.AppendVarint(protowire.AppendTag(nil, 2, protowire.VarintType), 300)
	message = append(message, nested(3, []byte("short"))...)
	message = append(message, nested(300, bytes.Repeat([]byte{'x'}, 200))...)
	message = protowire.AppendFixed64(protowire.AppendTag(message, 4, protowire.Fixed64Type), 7)
	message = protowire.AppendFixed32(protowire.AppendTag(message, 5, protowire.Fixed32Type), 8)
	message = append(message, 0x0b, 0x0c) // an empty group
	message = append(message, nested(6, nil)...)

	f := Of(message)
	require.True(t, f.Next())
	require.Equal(t, int32(2), f.Number)
	require.Equal(t, uint64(300), f.Bits)
	require.True(t, f.Next())
	require.Equal(t, int32(3), f.Number)
	require.Equal(t, "short", f.Text())
	require.Equal(t, 5, cap(f.Bytes), "what is behind it cannot be written to by appending")
	require.True(t, f.Next())
	require.Equal(t, int32(300), f.Number)
	require.Len(t, f.Bytes, 200)
	require.True(t, f.Next())
	require.Equal(t, uint64(7), f.Bits)
	require.True(t, f.Next())
	require.Equal(t, uint64(8), f.Bits)
	require.True(t, f.Next())
	require.Equal(t, int32(1), f.Number, "the group")
	require.True(t, f.Next())
	require.Equal(t, int32(6), f.Number)
	require.Empty(t, f.Text())
	require.False(t, f.Next())
	require.False(t, f.Next(), "the end stays the end")
}

// A message that Check has not seen ends, whatever it is.
func TestFieldsOfAnything(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 20_000 {
		b := make([]byte, rnd.IntN(12))
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		n := 0
		for f := Of(b); f.Next(); {
			n++
		}
		require.LessOrEqual(t, n, len(b))
		Key(b)
		ValueOf(b)
	}
}

func TestValues(t *testing.T) {
	m := pcommon.NewMap()
	fill(m)
	ld := plog.NewLogs()
	m.CopyTo(ld.ResourceLogs().AppendEmpty().Resource().Attributes())
	body, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
	require.NoError(t, err)
	origin := Of(body)
	require.True(t, origin.Next())
	res := Of(origin.Bytes)
	require.True(t, res.Next())
	seen := 0
	for f := Of(res.Bytes); f.Next(); seen++ {
		key, v := string(Key(f.Bytes)), ValueOf(f.Bytes)
		require.True(t, HasKey(f.Bytes, key))
		require.False(t, HasKey(f.Bytes, key+"x"))
		want, ok := m.Get(key)
		require.True(t, ok, key)
		require.Equal(t, want.Type(), v.Kind, key)
		switch v.Kind {
		case pcommon.ValueTypeStr:
			require.Equal(t, want.Str(), string(v.Bytes))
		case pcommon.ValueTypeInt:
			require.Equal(t, want.Int(), v.Int())
		case pcommon.ValueTypeBool:
			require.Equal(t, want.Bool(), v.Bool())
		case pcommon.ValueTypeDouble:
			require.InDelta(t, want.Double(), v.Double(), 0)
		case pcommon.ValueTypeBytes:
			require.Equal(t, want.Bytes().AsRaw(), v.Bytes)
		default:
		}
	}
	require.Equal(t, m.Len(), seen)
}

// Attributes in forms that encoders do not write.
func TestOddAttributes(t *testing.T) {
	text := func(s string) []byte { return nested(2, nested(1, []byte(s))) }
	for name, c := range map[string]struct {
		attribute []byte
		key       string
		kind      pcommon.ValueType
		bytes     string
	}{
		"nothing":           {nil, "", pcommon.ValueTypeEmpty, ""},
		"key alone":         {nested(1, []byte("k")), "k", pcommon.ValueTypeEmpty, ""},
		"value alone":       {text("v"), "", pcommon.ValueTypeStr, "v"},
		"two keys":          {append(nested(1, []byte("a")), nested(1, []byte("k"))...), "k", pcommon.ValueTypeEmpty, ""},
		"two values":        {append(text("a"), text("v")...), "", pcommon.ValueTypeStr, "v"},
		"value, then empty": {append(append(nested(1, []byte("k")), text("v")...), nested(2, nil)...), "k", pcommon.ValueTypeStr, "v"},
		"text, then number": {append(nested(1, []byte("k")), nested(2, append(nested(1, []byte("v")), 0x18, 1))...), "k", pcommon.ValueTypeInt, ""},
		"unknown behind":    {append(append(nested(1, []byte("k")), text("v")...), 0x78, 1), "k", pcommon.ValueTypeStr, "v"},
		"long key":          {append(nested(1, bytes.Repeat([]byte("k"), 200)), text("v")...), strings.Repeat("k", 200), pcommon.ValueTypeStr, "v"},
	} {
		require.Equal(t, c.key, string(Key(c.attribute)), name)
		require.True(t, HasKey(c.attribute, c.key), name)
		require.False(t, HasKey(c.attribute, "other"), name)
		v := ValueOf(c.attribute)
		require.Equal(t, c.kind, v.Kind, name)
		require.Equal(t, c.bytes, string(v.Bytes), name)
	}
}
