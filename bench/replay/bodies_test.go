// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"bytes"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/protobuf/encoding/protowire"
)

// TestRepeatable: a seed makes the same body again, another seed another one.
func TestRepeatable(t *testing.T) {
	for name, make := range map[string]func(seed uint64) (*Records, error){
		"logs": func(seed uint64) (*Records, error) { return NewLogs(seed, 200) }, "traces": func(seed uint64) (*Records, error) { return NewTraces(seed, 20) },
	} {
		a, err := make(1)
		require.NoError(t, err)
		b, err := make(1)
		require.NoError(t, err)
		other, err := make(2)
		require.NoError(t, err)
		require.True(t, bytes.Equal(a.Body, b.Body), name)
		require.False(t, bytes.Equal(a.Body, other.Body), name)
		now := time.Now()
		a.Refresh(now)
		b.Refresh(now)
		require.True(t, bytes.Equal(a.Body, b.Body), "%s: refreshed", name)
	}
	a, err := NewHosts(3, 1, base())
	require.NoError(t, err)
	b, err := NewHosts(3, 1, base())
	require.NoError(t, err)
	require.True(t, bytes.Equal(a.Body, b.Body))
}

// TestRefreshKeepsAll: a refresh changes times and ids in place and nothing else.
func TestRefreshKeepsAll(t *testing.T) {
	r, err := NewLogs(7, 100)
	require.NoError(t, err)
	size := len(r.Body)
	texts := func() []string {
		ld, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(r.Body)
		require.NoError(t, err)
		var out []string
		for _, rl := range ld.ResourceLogs().All() {
			for _, lr := range rl.ScopeLogs().At(0).LogRecords().All() {
				out = append(out, lr.Body().Str()+lr.SeverityText())
			}
		}
		return out
	}
	before := texts()
	at := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	r.Refresh(at)
	require.Len(t, r.Body, size)
	require.Equal(t, before, texts())
	ld, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(r.Body)
	require.NoError(t, err)
	last := time.Time{}
	for _, rl := range ld.ResourceLogs().All() {
		for _, lr := range rl.ScopeLogs().At(0).LogRecords().All() {
			require.WithinDuration(t, at, lr.Timestamp().AsTime(), time.Second)
			require.False(t, lr.Timestamp().AsTime().Before(last), "in order")
			require.GreaterOrEqual(t, lr.ObservedTimestamp(), lr.Timestamp())
			last = lr.Timestamp().AsTime()
		}
	}
}

// TestTraceIDs: every refresh makes other ids, one for all spans of a trace, and their parents stay theirs.
func TestTraceIDs(t *testing.T) {
	r, err := NewTraces(3, 40)
	require.NoError(t, err)
	seen := map[pcommon.TraceID]bool{}
	for round := 1; round <= 3; round++ {
		r.Refresh(time.Now())
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(r.Body)
		require.NoError(t, err)
		spans, roots, ids := map[pcommon.TraceID]int{}, map[pcommon.TraceID]int{}, map[pcommon.SpanID]bool{}
		for _, rs := range td.ResourceSpans().All() {
			for _, s := range rs.ScopeSpans().At(0).Spans().All() {
				spans[s.TraceID()]++
				ids[s.SpanID()] = true
				if s.ParentSpanID().IsEmpty() {
					roots[s.TraceID()]++
					require.Equal(t, ptrace.SpanKindServer, s.Kind())
				}
				for _, e := range s.Events().All() {
					require.Equal(t, s.EndTimestamp(), e.Timestamp())
				}
				seen[s.TraceID()] = true
			}
		}
		require.Len(t, spans, 40)
		require.Len(t, ids, r.Items)
		for id, n := range spans {
			require.InDelta(t, 11.5, n, 4)
			require.Equal(t, 1, roots[id])
		}
		for _, rs := range td.ResourceSpans().All() {
			for _, s := range rs.ScopeSpans().At(0).Spans().All() {
				require.True(t, s.ParentSpanID().IsEmpty() || ids[s.ParentSpanID()])
			}
		}
		require.Len(t, seen, 40*round, "no id twice")
	}
}

// TestLogShares: levels, traces and services stand in the shares that the figures are told for.
func TestLogShares(t *testing.T) {
	r, err := NewLogs(11, 20_000)
	require.NoError(t, err)
	require.Equal(t, 20_000, r.Items)
	ld, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(r.Body)
	require.NoError(t, err)
	levels, traced, text := map[string]int{}, 0, 0
	require.Equal(t, len(services()), ld.ResourceLogs().Len())
	for i, rl := range ld.ResourceLogs().All() {
		service, _ := rl.Resource().Attributes().Get("service.name")
		require.Equal(t, services()[i], service.Str())
		for _, lr := range rl.ScopeLogs().At(0).LogRecords().All() {
			levels[lr.SeverityText()]++
			if !lr.TraceID().IsEmpty() {
				traced++
				require.False(t, lr.SpanID().IsEmpty())
			}
			text += len(lr.Body().Str())
			require.Equal(t, 4, lr.Attributes().Len())
			require.Contains(t, lr.Body().Str(), " (tenant ")
		}
	}
	require.InDelta(t, 600, levels["ERROR"], 150)
	require.InDelta(t, 1400, levels["WARN"], 250)
	require.InDelta(t, 10_000, traced, 500)
	require.Less(t, text, r.TextBytes, "attributes count too")
	few, err := NewLogs(1, 1)
	require.NoError(t, err)
	require.Equal(t, len(services()), few.Items, "each service has one at least")
}

// TestTraceShares: one request in fifty fails, and has its exception.
func TestTraceShares(t *testing.T) {
	r, err := NewTraces(5, 2000)
	require.NoError(t, err)
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(r.Body)
	require.NoError(t, err)
	failed, judged := 0, 0
	for _, rs := range td.ResourceSpans().All() {
		require.Positive(t, rs.ScopeSpans().At(0).Spans().Len(), "no empty resource")
		for _, s := range rs.ScopeSpans().At(0).Spans().All() {
			code, ok := s.Attributes().Get("http.response.status_code")
			if !ok {
				require.True(t, strings.HasPrefix(s.Name(), "SELECT shop."))
				continue
			}
			judged++
			if code.Int() == 500 {
				failed++
				require.Equal(t, ptrace.StatusCodeError, s.Status().Code())
				require.Equal(t, "exception", s.Events().At(0).Name())
			} else {
				require.Zero(t, s.Events().Len())
			}
		}
	}
	require.InDelta(t, float64(judged)/50, failed, float64(judged)/100)
}

// TestDevops: the metrics are TSBS's, each with its own name.
func TestDevops(t *testing.T) {
	names := map[string]bool{}
	for _, m := range devops() {
		for _, f := range m.fields {
			names[m.name+"."+f.name] = true
		}
	}
	require.Len(t, devops(), 9)
	require.Len(t, names, 101)
}

// TestSteps: a step moves every series on to its time, by its shape.
func TestSteps(t *testing.T) {
	h, err := NewHosts(0, 2, base())
	require.NoError(t, err)
	size := len(h.Body)
	values := func() map[string]float64 {
		md, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(h.Body)
		require.NoError(t, err)
		out := map[string]float64{}
		for _, rm := range md.ResourceMetrics().All() {
			host, _ := rm.Resource().Attributes().Get("host.name")
			for _, sm := range rm.ScopeMetrics().All() {
				for _, m := range sm.Metrics().All() {
					dps := pmetric.NewNumberDataPointSlice()
					if m.Type() == pmetric.MetricTypeSum {
						require.True(t, m.Sum().IsMonotonic())
						m.Sum().DataPoints().CopyTo(dps)
					} else {
						m.Gauge().DataPoints().CopyTo(dps)
					}
					require.Equal(t, 1, dps.Len())
					v := dps.At(0).DoubleValue()
					if dps.At(0).ValueType() == pmetric.NumberDataPointValueTypeInt {
						v = float64(dps.At(0).IntValue())
					}
					out[host.Str()+" "+m.Name()] = v
				}
			}
		}
		return out
	}
	before := values()
	require.Len(t, before, h.Points())
	for i := range 50 {
		h.Step(base().Add(time.Duration(i) * time.Minute))
		after := values()
		for name, v := range after {
			switch {
			case strings.HasSuffix(name, " kernel.boot_time"), strings.HasSuffix(name, " disk.total"):
				require.InDelta(t, before[name], v, 0, name)
			case strings.HasSuffix(name, " net.bytes_sent"):
				require.Greater(t, v, before[name], name)
			case strings.Contains(name, " cpu."), strings.HasSuffix(name, "_percent"):
				require.GreaterOrEqual(t, v, 0.0, name)
				require.LessOrEqual(t, v, 100.0, name)
			}
		}
		before = after
	}
	require.Len(t, h.Body, size)
}

// TestShapes: values stay within what their shape allows, from either end.
func TestShapes(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	for s, begin := range map[shape]float64{constant: 42, level: 0, large: 1 << 30, counter: 0, ratio: 100} {
		p := &point{shape: s, mean: 50, value: begin}
		last, moved := begin, false
		for range 1000 {
			bits := p.next(rnd)
			v := float64(int64(bits))
			if s == ratio {
				v = math.Float64frombits(bits)
			}
			switch s {
			case constant:
				require.InDelta(t, begin, v, 0)
			case level, ratio:
				require.GreaterOrEqual(t, v, 0.0)
				require.LessOrEqual(t, v, 100.0)
			case large:
				require.GreaterOrEqual(t, v, 0.0)
			case counter:
				require.GreaterOrEqual(t, v, last)
			}
			moved = moved || v != last
			last = v
		}
		require.Equal(t, s != constant, moved, "it moves, or not at all")
	}
}

// TestFields: a message that is cut off, or a tag that is none, is an error with its place.
func TestFields(t *testing.T) {
	inner := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 300)
	body := protowire.AppendBytes(protowire.AppendTag(nil, 2, protowire.BytesType), inner)
	body = protowire.AppendFixed64(protowire.AppendTag(body, 3, protowire.Fixed64Type), 7)
	got, err := fields(body, 0, len(body))
	require.NoError(t, err)
	require.Equal(t, []field{{2, 2, 2 + len(inner)}, {3, 3 + len(inner), len(body)}}, got)
	for _, end := range []int{1, 3, len(body) - 1} {
		_, err := fields(body, 0, end)
		require.Error(t, err, end)
	}
	_, err = fields([]byte{0x07}, 0, 1)
	require.ErrorContains(t, err, "tag at 0")

	var at [][2]int
	each := func(start, end int) error { at = append(at, [2]int{start, end}); return nil }
	require.NoError(t, walk(body, 0, len(body), []protowire.Number{2}, each))
	require.NoError(t, walk(body, 0, len(body), []protowire.Number{9}, each))
	require.NoError(t, walk(body, 0, len(body), nil, each))
	require.Equal(t, [][2]int{{2, 2 + len(inner)}, {0, len(body)}}, at)
	require.Error(t, walk(body, 0, len(body)-1, []protowire.Number{2}, each))
	require.Error(t, walk([]byte{0x0a, 1, 0x07}, 0, 3, []protowire.Number{1, 1}, each))
}

// TestLocateFails: a body without the fields that are to be changed is an error, not a benchmark of the same bytes again and again.
func TestLocateFails(t *testing.T) {
	require.ErrorContains(t, (&point{}).locate(nil, 0, 0), "no time or value")
	h, err := NewHosts(0, 1, base())
	require.NoError(t, err)
	h.points = append(h.points, point{})
	require.ErrorContains(t, h.locate(), "found 101 of 102")
	r := &Records{Body: protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 5)}
	require.ErrorContains(t, r.locate(nil, []protowire.Number{1}, nil), "time at 1 has 1 bytes")
	require.Error(t, (&Records{Body: []byte{0x07}}).locate(nil, nil, nil))
	short := &Records{Body: protowire.AppendBytes(protowire.AppendTag(nil, 2, protowire.BytesType), []byte("ab"))}
	require.NoError(t, short.locate(nil, nil, []protowire.Number{2}))
	require.Empty(t, short.ids, "an id that is left out")
}

// TestProbes: a probe is one record of now, by which it is found.
func TestProbes(t *testing.T) {
	b, err := ProbeMetric("probe.x", 7)
	require.NoError(t, err)
	md, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(b)
	require.NoError(t, err)
	m := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0)
	require.Equal(t, "probe.x", m.Name())
	require.Equal(t, int64(7), m.Gauge().DataPoints().At(0).IntValue())
	require.WithinDuration(t, time.Now(), m.Gauge().DataPoints().At(0).Timestamp().AsTime(), time.Minute)
	b, err = ProbeSpan([16]byte{5})
	require.NoError(t, err)
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(b)
	require.NoError(t, err)
	require.Equal(t, pcommon.TraceID{5}, td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).TraceID())
	b, err = ProbeLog("needle")
	require.NoError(t, err)
	ld, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(b)
	require.NoError(t, err)
	require.Equal(t, "needle", ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Body().Str())
}
