// SPDX-License-Identifier: Apache-2.0

package check

import (
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/signal"
)

func now() pcommon.Timestamp { return pcommon.NewTimestampFromTime(time.Now()) }

// spans returns n good spans of one scope.
func spans(n int) (ptrace.Traces, ptrace.SpanSlice) {
	td := ptrace.NewTraces()
	out := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for i := range n {
		s := out.AppendEmpty()
		s.SetTraceID(pcommon.TraceID{1, byte(i)})
		s.SetSpanID(pcommon.SpanID{2, byte(i)})
		s.SetName("GET /cart")
		s.SetStartTimestamp(now() - 1000)
		s.SetEndTimestamp(now())
	}
	return td, out
}

// records returns n good log records of one scope.
func records(n int) (plog.Logs, plog.LogRecordSlice) {
	ld := plog.NewLogs()
	out := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for range n {
		out.AppendEmpty().SetTimestamp(now())
	}
	return ld, out
}

func TestSpansAreCheckedOneByOne(t *testing.T) {
	td, all := spans(8)
	all.At(0).SetTraceID(pcommon.TraceID{})
	all.At(1).SetSpanID(pcommon.SpanID{})
	all.At(2).SetEndTimestamp(all.At(2).StartTimestamp() - 5)
	all.At(3).SetStartTimestamp(1)
	all.At(4).SetStartTimestamp(pcommon.NewTimestampFromTime(time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)))
	for k := range 5_000 {
		all.At(5).Attributes().PutEmpty(strconv.Itoa(k)).SetBool(true)
	}
	all.At(6).Attributes().PutStr("long", strings.Repeat("é", 300_000))
	all.At(7).Attributes().PutStr("odd\x00<script>", "\u202e😀\x00")
	tally := DefaultLimits().Traces(td, time.Now())
	require.Equal(t, Tally{
		Items: 8, Rejected: map[string]int{ReasonInvalidID: 2, ReasonTooOld: 1, ReasonTooNew: 1},
		Notes: map[string]int{NoteNegative: 1, NoteDropped: 5_000 - 128, NoteCut: 1},
	}, tally)
	require.Equal(t, 4, tally.Kept())
	require.Equal(t, 4, all.Len())
	require.Equal(t, all.At(0).StartTimestamp(), all.At(0).EndTimestamp())
	require.Equal(t, 128, all.At(1).Attributes().Len())
	require.Equal(t, uint32(5_000-128), all.At(1).DroppedAttributesCount())
	long, _ := all.At(2).Attributes().Get("long")
	require.Equal(t, strings.Repeat("é", 2048), long.Str())
	odd, _ := all.At(3).Attributes().Get("odd\x00<script>")
	require.Equal(t, "\u202e😀\x00", odd.Str())
}

func TestLogsAreCheckedOneByOne(t *testing.T) {
	ld, all := records(7)
	all.At(0).SetTimestamp(0)
	all.At(1).SetTimestamp(0)
	all.At(1).SetObservedTimestamp(7)
	all.At(2).SetSpanID(pcommon.SpanID{1})
	all.At(3).SetTimestamp(1)
	all.At(4).Body().SetStr(strings.Repeat("x", 300<<10))
	all.At(5).SetSeverityNumber(25)
	for k := range 130 {
		all.At(6).Attributes().PutEmpty(strconv.Itoa(k)).SetInt(1)
	}
	at := time.Now()
	tally := DefaultLimits().Logs(ld, at)
	require.Equal(t, Tally{
		Items: 7, Rejected: map[string]int{ReasonTooOld: 2},
		Notes: map[string]int{NoteNoTime: 1, NoteBadTraceID: 1, NoteCut: 1, NoteBadLevel: 1, NoteDropped: 2},
	}, tally)
	require.Equal(t, 5, all.Len())
	require.Equal(t, at.UnixNano(), all.At(0).ObservedTimestamp().AsTime().UnixNano())
	require.True(t, all.At(1).SpanID().IsEmpty())
	require.Len(t, all.At(2).Body().Str(), DefaultLimits().LogBodyBytes)
	require.Zero(t, all.At(3).SeverityNumber())
	require.Equal(t, uint32(2), all.At(4).DroppedAttributesCount())
}

// TestNothingLeft: what has no record left is left out too.
func TestNothingLeft(t *testing.T) {
	td, all := spans(1)
	all.At(0).SetStartTimestamp(1)
	require.Equal(t, 0, new(DefaultLimits().Traces(td, time.Now())).Kept())
	require.Zero(t, td.ResourceSpans().Len())
	ld, recs := records(1)
	recs.At(0).SetTimestamp(1)
	require.Equal(t, 0, new(DefaultLimits().Logs(ld, time.Now())).Kept())
	require.Zero(t, ld.ResourceLogs().Len())
	md := pmetric.NewMetrics()
	md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty()
	require.True(t, DefaultLimits().Metrics(md, time.Now()).Clean())
	require.Zero(t, md.ResourceMetrics().Len())
}

const broken, mended = "a\xffb", "a\uFFFDb"

// TestNotUTF8: no text that is not UTF-8 is left anywhere; the sender is told.
func TestNotUTF8(t *testing.T) {
	td, all := spans(1)
	rs, s := td.ResourceSpans().At(0), all.At(0)
	rs.SetSchemaUrl(broken)
	rs.Resource().Attributes().PutStr(broken, broken)
	scope := rs.ScopeSpans().At(0)
	scope.SetSchemaUrl(broken)
	scope.Scope().SetName(broken)
	scope.Scope().SetVersion(broken)
	s.SetName(broken)
	s.Status().SetMessage(broken)
	s.TraceState().FromRaw(broken)
	e, k := s.Events().AppendEmpty(), s.Links().AppendEmpty()
	e.SetName(broken)
	e.Attributes().PutEmptyMap("m").PutStr(broken, broken)
	k.TraceState().FromRaw(broken)
	k.Attributes().PutEmptySlice("l").AppendEmpty().SetStr(broken)
	tally := DefaultLimits().Traces(td, time.Now())
	require.Equal(t, Tally{Items: 1, Notes: map[string]int{NoteNotUTF8: 14}}, tally)
	body, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	require.NoError(t, err)
	require.NotContains(t, string(body), broken)
	v, _ := rs.Resource().Attributes().Get(mended)
	require.Equal(t, mended, v.Str())
	require.Equal(t, mended, s.Name())

	ld, recs := records(1)
	ld.ResourceLogs().At(0).SetSchemaUrl(broken)
	ld.ResourceLogs().At(0).ScopeLogs().At(0).SetSchemaUrl(broken)
	r := recs.At(0)
	r.Body().SetStr(broken)
	r.SetSeverityText(broken)
	r.SetEventName(broken)
	require.Equal(t, Tally{Items: 1, Notes: map[string]int{NoteNotUTF8: 5}}, DefaultLimits().Logs(ld, time.Now()))
	require.Equal(t, mended, r.Body().Str())
}

// TestNotUTF8InLabels: a data point is refused instead, for with another label it would be another series.
func TestNotUTF8InLabels(t *testing.T) {
	md := pmetric.NewMetrics()
	ms := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
	for i := range 6 {
		m := ms.AppendEmpty()
		m.SetName("m")
		labels := gauge(m).Attributes()
		switch i {
		case 0:
			m.SetName(broken)
		case 1:
			labels.PutStr(broken, "x")
		case 2:
			labels.PutStr("x", broken)
		case 3:
			labels.PutEmptySlice("x").AppendEmpty().SetEmptyMap().PutStr(broken, "x")
		case 4:
			nest(labels.PutEmpty("x"), MaxDepth+1)
		case 5:
			m.SetUnit(broken)
			m.SetDescription(broken)
		}
	}
	require.Equal(t, Tally{Items: 6, Rejected: map[string]int{ReasonNotUTF8: 5}, Notes: map[string]int{NoteNotUTF8: 2}}, DefaultLimits().Metrics(md, time.Now()))
	require.Equal(t, 1, ms.Len())
	require.Equal(t, mended, ms.At(0).Unit())
}

// nest puts v into so many lists.
func nest(v pcommon.Value, depth int) {
	for range depth {
		v = v.SetEmptySlice().AppendEmpty()
	}
	v.SetStr("bottom")
}

// TestDepth: as deep as the limit is kept, deeper is left out; no depth harms.
func TestDepth(t *testing.T) {
	for depth, want := range map[int]map[string]int{1: nil, MaxDepth: nil, MaxDepth + 1: {NoteDeep: 1}, 100_000: {NoteDeep: 1}} {
		ld, recs := records(1)
		nest(recs.At(0).Attributes().PutEmpty("deep"), depth)
		require.Equal(t, want, DefaultLimits().Logs(ld, time.Now()).Notes, depth)
		v, _ := recs.At(0).Attributes().Get("deep")
		levels := 0
		for ; v.Type() == pcommon.ValueTypeSlice; levels++ {
			v = v.Slice().At(0)
		}
		require.Equal(t, min(depth, MaxDepth), levels)
		require.Equal(t, depth <= MaxDepth, v.Type() == pcommon.ValueTypeStr)
	}
}

func TestWindow(t *testing.T) {
	l, at := DefaultLimits(), time.Now()
	for s, past := range map[signal.Signal]time.Duration{signal.Metrics: l.MetricsPast, signal.Traces: l.TracesPast, signal.Logs: l.LogsPast} {
		w := l.Window(s, at)
		for d, want := range map[time.Duration]string{-past: "", -past - 1: ReasonTooOld, 0: "", l.Future: "", l.Future + 1: ReasonTooNew} {
			require.Equal(t, want, w.Reason(pcommon.NewTimestampFromTime(at.Add(d))), "%s %s", s, d)
		}
	}
}

func TestClip(t *testing.T) {
	for _, text := range []string{"", "abc", "aé", "日本語", "😀😀", "e\u0301"} {
		for n := range len(text) + 2 {
			got := clip(text, n)
			require.LessOrEqual(t, len(got), n)
			require.True(t, utf8.ValidString(got))
			require.True(t, strings.HasPrefix(text, got))
			require.Greater(t, len(got)+utf8.UTFMax, min(n, len(text)), "no more is cut than a character")
		}
	}
}

func TestValidate(t *testing.T) {
	require.NoError(t, DefaultLimits().Validate())
	for name, change := range map[string]func(*Limits){
		"attributes":      func(l *Limits) { l.Attributes = 0 },
		"attribute_bytes": func(l *Limits) { l.AttributeBytes = 15 },
		"log_body_bytes":  func(l *Limits) { l.LogBodyBytes = 0 },
		"traces_past":     func(l *Limits) { l.TracesPast = 0 },
		"logs_past":       func(l *Limits) { l.LogsPast = -1 },
		"metrics_past":    func(l *Limits) { l.MetricsPast = 0 },
		"future":          func(l *Limits) { l.Future = 0 },
	} {
		l := DefaultLimits()
		change(&l)
		require.ErrorContains(t, l.Validate(), name)
	}
}

func TestTally(t *testing.T) {
	var tally Tally
	require.True(t, tally.Clean())
	require.Empty(t, tally.Message("spans"))
	tally.Reject(ReasonTooOld, 0)
	tally.Note(NoteCut, 0)
	require.True(t, tally.Clean(), "nothing was counted")
	tally.Add(Tally{Items: 5, Rejected: map[string]int{ReasonTooOld: 1, ReasonDelta: 2}})
	tally.Add(Tally{Items: 2, Rejected: map[string]int{ReasonTooOld: 1}, Changed: true})
	require.Equal(t, Tally{Items: 7, Rejected: map[string]int{ReasonTooOld: 2, ReasonDelta: 2}, Changed: true}, tally)
	require.Equal(t, 4, tally.RejectedItems())
	require.Equal(t, 3, tally.Kept())
	require.False(t, tally.Clean())
	require.Equal(t, "refused 4 of 7 spans: 2 delta_temporality (send cumulative: set OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=cumulative), 2 too_old (check the clock of the sender)", tally.Message("spans"))
	tally = Tally{Items: 3}
	tally.Note(NoteCut, 2)
	require.Equal(t, "took all of 3 log records: 2 "+NoteCut, tally.Message("log records"))
	require.Contains(t, Tally{Rejected: map[string]int{ReasonScale: 1, ReasonSeriesLimit: 1}}.Message("data points"), "metrics.max_series")
	require.False(t, Tally{Changed: true}.Clean())
	require.Empty(t, Tally{Changed: true}.Message("spans"), "the sender need not hear of it")
}
