// SPDX-License-Identifier: Apache-2.0

package split

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/strata-apm/strata/signal"
)

type testLayout struct{ partitions, max int }

func (l testLayout) Partitions(string) int { return l.partitions }
func (l testLayout) MaxRecordBytes() int   { return l.max }
func (l testLayout) PartitionOf(key []byte, n int) int {
	h := fnv.New32a()
	_, _ = h.Write(key)
	return int(h.Sum32() % uint32(n))
}

// traces is a request of n spans of one resource, each of a trace of its own.
func traces(tb testing.TB, n int, change func(i int, s ptrace.Span)) []byte {
	tb.Helper()
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "checkout")
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	for i := range n {
		s := spans.AppendEmpty()
		s.SetTraceID(pcommon.TraceID{1, byte(i)})
		s.SetSpanID(pcommon.SpanID{2, byte(i)})
		s.SetName("GET /cart")
		if change != nil {
			change(i, s)
		}
	}
	b, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	require.NoError(tb, err)
	return b
}

func sampleLogs(tb testing.TB) []byte {
	tb.Helper()
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", "s")
	recs := rl.ScopeLogs().AppendEmpty().LogRecords()
	for i := range 3 {
		r := recs.AppendEmpty()
		r.Body().SetStr("body")
		r.Attributes().PutInt("n", int64(i))
	}
	b, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
	require.NoError(tb, err)
	return b
}

// sampleMetrics has a metric of every kind of data.
func sampleMetrics(tb testing.TB) []byte {
	tb.Helper()
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", "s")
	ms := rm.ScopeMetrics().AppendEmpty().Metrics()
	named := func(name string) pmetric.Metric {
		m := ms.AppendEmpty()
		m.SetName(name)
		return m
	}
	named("g").SetEmptyGauge().DataPoints().AppendEmpty().SetTimestamp(1)
	c := named("c").SetEmptySum()
	c.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	c.DataPoints().AppendEmpty().SetTimestamp(1)
	h := named("h").SetEmptyHistogram()
	h.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	h.DataPoints().AppendEmpty().SetTimestamp(1)
	x := named("x").SetEmptyExponentialHistogram()
	x.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	x.DataPoints().AppendEmpty().SetTimestamp(1)
	named("s").SetEmptySummary().DataPoints().AppendEmpty().SetTimestamp(1)
	b, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(md)
	require.NoError(tb, err)
	return b
}

// leaves flattens the JSON of a request into one line per span, record or point with everything above it, each with its trace id or resource.
func leaves(t *testing.T, s signal.Signal, body []byte) map[string]int {
	t.Helper()
	var text []byte
	var err error
	switch s {
	case signal.Metrics:
		md, e := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(body)
		require.NoError(t, e)
		text, err = (&pmetric.JSONMarshaler{}).MarshalMetrics(md)
	case signal.Traces:
		td, e := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(body)
		require.NoError(t, e)
		text, err = (&ptrace.JSONMarshaler{}).MarshalTraces(td)
	default:
		ld, e := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(body)
		require.NoError(t, e)
		text, err = (&plog.JSONMarshaler{}).MarshalLogs(ld)
	}
	require.NoError(t, err)
	var tree any
	require.NoError(t, json.Unmarshal(text, &tree))
	out := map[string]int{}
	flatten(tree, nil, out)
	return out
}

// flatten follows the lists that lead to records and prints the rest of each message on the way.
func flatten(node any, above []string, out map[string]int) {
	m, ok := node.(map[string]any)
	if !ok {
		return
	}
	way := []string{
		"resourceMetrics", "resourceSpans", "resourceLogs", "scopeMetrics", "scopeSpans", "scopeLogs", "metrics", "spans", "logRecords",
		"gauge", "sum", "histogram", "exponentialHistogram", "summary", "dataPoints",
	}
	rest, children := map[string]any{}, map[string]any{}
	for k, v := range m {
		if slices.Contains(way, k) {
			children[k] = v
		} else {
			rest[k] = v
		}
	}
	b, _ := json.Marshal(rest)
	above = append(slices.Clone(above), string(b))
	if len(children) == 0 {
		out[strings.Join(above, "\n")]++
		return
	}
	for k, v := range children {
		above := append(slices.Clone(above), k)
		switch v := v.(type) {
		case []any:
			for _, c := range v {
				flatten(c, above, out)
			}
		default:
			flatten(v, above, out)
		}
	}
}

func many(tb testing.TB, which int, rnd *rand.Rand) []byte {
	tb.Helper()
	switch which {
	case 0:
		md, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(sampleMetrics(tb))
		require.NoError(tb, err)
		all := pmetric.NewMetrics()
		for i := range 1 + rnd.IntN(6) {
			one := pmetric.NewMetrics()
			md.CopyTo(one)
			one.ResourceMetrics().At(0).Resource().Attributes().PutInt("resource", int64(i%4))
			dps := one.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().AppendEmpty()
			dps.SetName("big")
			for j := range rnd.IntN(200) {
				p := dps.SetEmptyGauge
				if dps.Type() == pmetric.MetricTypeGauge {
					p = dps.Gauge
				}
				dp := p().DataPoints().AppendEmpty()
				dp.SetIntValue(int64(j))
				dp.SetTimestamp(1)
				dp.Attributes().PutStr("series", strings.Repeat("x", rnd.IntN(60)))
			}
			one.ResourceMetrics().MoveAndAppendTo(all.ResourceMetrics())
		}
		b, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(all)
		require.NoError(tb, err)
		return b
	case 1:
		return traces(tb, 1+rnd.IntN(300), func(i int, s ptrace.Span) {
			id := s.TraceID()
			id[3] = byte(i % 7)
			s.SetTraceID(id)
			s.Attributes().PutStr("k", strings.Repeat("v", rnd.IntN(100)))
		})
	default:
		all := plog.NewLogs()
		for i := range 1 + rnd.IntN(5) {
			rl := all.ResourceLogs().AppendEmpty()
			rl.Resource().Attributes().PutInt("resource", int64(i%3))
			rl.SetSchemaUrl("https://opentelemetry.io/schemas/1.38.0")
			for j := range rnd.IntN(3) {
				sl := rl.ScopeLogs().AppendEmpty()
				sl.Scope().SetName(fmt.Sprint("scope", j))
				for range rnd.IntN(50) {
					sl.LogRecords().AppendEmpty().Body().SetStr(strings.Repeat("w", rnd.IntN(200)))
				}
			}
		}
		b, err := (&plog.ProtoMarshaler{}).MarshalLogs(all)
		require.NoError(tb, err)
		return b
	}
}

// TestSplitKeepsEveryRecordOnce cuts random requests; the parts together say what the request said, each in its own partition and size.
func TestSplitKeepsEveryRecordOnce(t *testing.T) {
	sigs := signal.All()
	cut := 0
	for seed := range uint64(120) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		which := int(seed % 3)
		s, body := sigs[which], many(t, which, rnd)
		l := testLayout{partitions: 1 + rnd.IntN(6), max: 600 + rnd.IntN(20_000)}
		parts, oversized, err := Split(s, body, l)
		require.NoError(t, err)
		require.Zero(t, oversized)
		if parts == nil {
			continue
		}
		cut++
		got := map[string]int{}
		for _, p := range parts {
			require.LessOrEqual(t, len(p.Body), l.max, "seed %d", seed)
			items := 0
			for text, n := range records(leaves(t, s, p.Body)) {
				got[text] += n
				items += n
			}
			require.Equal(t, items, p.Items)
			requireOnePartition(t, s, p, l)
		}
		require.Equal(t, records(leaves(t, s, body)), got, "seed %d", seed)
	}
	require.Greater(t, cut, 60)
}

// records are the leaves that are records: what ends in an empty scope or metric is none.
func records(leaves map[string]int) map[string]int {
	maps.DeleteFunc(leaves, func(text string, _ int) bool {
		return !strings.Contains(text, "timeUnixNano") && !strings.Contains(text, "body") && !strings.Contains(text, "spanId")
	})
	return leaves
}

// TestSplitByResource: a resource whose records all go one way is copied as it came, also where it holds what nobody knows; only one that is too large for a record
// of the bus is cut.
func TestSplitByResource(t *testing.T) {
	md := pmetric.NewMetrics()
	for _, n := range []int{3, 400} {
		rm := md.ResourceMetrics().AppendEmpty()
		rm.Resource().Attributes().PutInt("points", int64(n))
		m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
		m.SetName("load")
		gauge := m.SetEmptyGauge()
		for i := range n {
			gauge.DataPoints().AppendEmpty().SetIntValue(int64(i))
		}
	}
	body, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(md)
	require.NoError(t, err)
	_, _, size := protowire.ConsumeField(body)
	small := protowire.AppendString(protowire.AppendTag(bytes.Clone(body[:size]), 99, protowire.BytesType), "of a later version")
	small = slices.Concat(small, body[:size], body[size:])
	parts, oversized, err := Split(signal.Metrics, small, testLayout{partitions: 8, max: 1000})
	require.NoError(t, err)
	require.Zero(t, oversized)
	items, copied := 0, 0
	for _, p := range parts {
		require.LessOrEqual(t, len(p.Body), 1000)
		items += p.Items
		copied += bytes.Count(p.Body, body[:size])
	}
	require.Equal(t, 406, items)
	require.Equal(t, 2, copied)
	require.Greater(t, len(parts), 4)
}

func BenchmarkSplit(b *testing.B) {
	for which, s := range signal.All() {
		b.Run(s.Noun(), func(b *testing.B) {
			body := many(b, which, rand.New(rand.NewPCG(7, 1)))
			for b.Loop() {
				if _, _, err := Split(s, body, testLayout{partitions: 4, max: 1 << 20}); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(len(body)))
		})
	}
}

// requireOnePartition says that every key of a part leads where the part's own key leads.
func requireOnePartition(t *testing.T, s signal.Signal, p Part, l testLayout) {
	t.Helper()
	want := l.PartitionOf(p.Key, l.partitions)
	if s != signal.Traces {
		return
	}
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(p.Body)
	require.NoError(t, err)
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				id := span.TraceID()
				require.Equal(t, want, l.PartitionOf(id[:], l.partitions))
			}
		}
	}
}

func TestSplitLeavesSmallRequestsAlone(t *testing.T) {
	sigs := signal.All()
	for which, b := range [][]byte{sampleMetrics(t), nil, sampleLogs(t)} {
		if b == nil {
			continue
		}
		parts, _, err := Split(sigs[which], b, testLayout{partitions: 4, max: 1 << 20})
		require.NoError(t, err)
		require.Nil(t, parts)
	}
}

// TestKey: the key of a request that goes whole leads where its parts would go.
func TestKey(t *testing.T) {
	empty := traces(t, 3, func(i int, s ptrace.Span) {
		if i < 2 {
			s.SetTraceID(pcommon.TraceID{})
		}
	})
	for name, c := range map[string]struct {
		signal signal.Signal
		body   []byte
		want   []byte
	}{
		"spans":              {signal.Traces, traces(t, 2, nil), append([]byte{1}, make([]byte, 15)...)},
		"the first with one": {signal.Traces, empty, append([]byte{1, 2}, make([]byte, 14)...)},
		"no trace id":        {signal.Traces, traces(t, 1, func(_ int, s ptrace.Span) { s.SetTraceID(pcommon.TraceID{}) }), nil},
		"nothing":            {signal.Traces, nil, nil},
		"no logs":            {signal.Logs, nil, nil},
		"no protobuf":        {signal.Logs, []byte{0xff}, nil},
		"no resource":        {signal.Logs, []byte{10, 0}, ResourceKey(nil)},
	} {
		require.Equal(t, c.want, Key(c.signal, c.body), name)
	}
	for s, body := range map[signal.Signal][]byte{signal.Metrics: sampleMetrics(t), signal.Logs: sampleLogs(t)} {
		parts, _, err := Split(s, body, testLayout{partitions: 1, max: len(body) - 1})
		require.NoError(t, err)
		require.Greater(t, len(parts), 1)
		for _, p := range parts {
			require.Equal(t, p.Key, Key(s, p.Body))
			require.Equal(t, p.Key, Key(s, body), "one resource")
		}
	}
}

func TestSplitWithoutALayout(t *testing.T) {
	parts, oversized, err := Split(signal.Logs, sampleLogs(t), nil)
	require.NoError(t, err)
	require.Nil(t, parts)
	require.Zero(t, oversized)
	_, _, err = Split(signal.Traces, []byte{0xff, 0xff}, testLayout{partitions: 4, max: 1})
	require.ErrorContains(t, err, "split spans")
}

// TestSplitCountsWhatFitsNoRecord: one record larger than the bus takes is refused alone.
func TestSplitCountsWhatFitsNoRecord(t *testing.T) {
	sigs := signal.All()
	body := traces(t, 3, func(i int, s ptrace.Span) {
		if i == 1 {
			s.SetName(strings.Repeat("n", 5000))
		}
	})
	parts, oversized, err := Split(sigs[1], body, testLayout{partitions: 1, max: 3000})
	require.NoError(t, err)
	require.Equal(t, 1, oversized)
	items := 0
	for _, p := range parts {
		items += p.Items
	}
	require.Equal(t, 2, items)
}

func FuzzSplit(f *testing.F) {
	f.Add(sampleLogs(f), byte(2), uint16(500))
	f.Add(sampleMetrics(f), byte(0), uint16(500))
	sigs := signal.All()
	f.Fuzz(func(t *testing.T, body []byte, which byte, limit uint16) {
		s := sigs[int(which)%3]
		parts, _, err := Split(s, body, testLayout{partitions: 3, max: int(limit)})
		if err != nil {
			return
		}
		for _, p := range parts {
			require.LessOrEqual(t, len(p.Body), int(limit))
		}
	})
}
