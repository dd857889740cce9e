// SPDX-License-Identifier: Apache-2.0

package match

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/signal"
)

// rich is a span and a log record that have every field.
func rich(tb testing.TB) map[signal.Signal][]byte {
	tb.Helper()
	resource := func(m pcommon.Map) {
		m.PutStr("service.name", "checkout")
		m.PutStr("host.name", "web-1")
		m.PutStr("deployment.environment.name", "prod")
		m.PutInt("cpu", 4)
		m.PutEmptyMap("cloud").PutStr("zone", "b")
	}
	attrs := func(m pcommon.Map) {
		m.PutStr("http.request.method", "GET")
		m.PutStr("http.route", "/cart/{id}")
		m.PutInt("http.response.status_code", 503)
		m.PutStr("url.full", "https://shop/cart/7")
		m.PutDouble("price", 12.5)
		m.PutStr("text", "7.25")
		m.PutBool("paid", true)
		m.PutStr("word", "NaN")
		m.PutEmptySlice("list").AppendEmpty().SetInt(1)
		m.PutEmptyMap("user").PutInt("age", 40)
		m.PutEmptyBytes("raw").FromRaw([]byte{1, 2})
	}
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	resource(rs.Resource().Attributes())
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName("otel.http")
	s := ss.Spans().AppendEmpty()
	s.SetTraceID(pcommon.TraceID{1})
	s.SetSpanID(pcommon.SpanID{2})
	s.SetName("GET /cart")
	s.SetKind(ptrace.SpanKindServer)
	s.SetStartTimestamp(1_000)
	s.SetEndTimestamp(251_000)
	s.Status().SetCode(ptrace.StatusCodeError)
	s.Events().AppendEmpty().SetName("retry")
	attrs(s.Attributes())
	spans, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	require.NoError(tb, err)

	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	resource(rl.Resource().Attributes())
	sl := rl.ScopeLogs().AppendEmpty()
	sl.Scope().SetName("app")
	for _, at := range []pcommon.Timestamp{5_000, 0} {
		l := sl.LogRecords().AppendEmpty()
		l.SetTimestamp(at)
		l.SetObservedTimestamp(6_000)
		l.SetSeverityNumber(plog.SeverityNumberWarn)
		l.SetEventName("order.failed")
		l.Body().SetStr("no stock")
		l.SetTraceID(pcommon.TraceID{1})
		l.SetSpanID(pcommon.SpanID{2})
		attrs(l.Attributes())
	}
	return map[signal.Signal][]byte{signal.Traces: spans, signal.Logs: marshalLogs(tb, ld)}
}

// TestRecordText: the text of every field is the one by which a search finds the record.
func TestRecordText(t *testing.T) {
	for of, body := range rich(t) {
		var names []string
		for _, f := range search.Fields(of) {
			names = append(names, f.Name)
		}
		names = append(names, "attr.price", "attr.paid", "resource.cpu", "resource.cloud.zone", "user.age", "attr.list", "attr.raw", "attr.user")
		empty := map[string]bool{search.FieldDB: true, search.FieldRPC: true, search.FieldMessaging: true, search.FieldPeer: true}
		for _, name := range names {
			if name == "error" { // The language makes a status of it.
				continue
			}
			f, err := search.ResolveField(of, name)
			require.NoError(t, err)
			require.NoError(t, Records(of, body, func(r Record) error {
				text := r.Text(f)
				if text == "" {
					require.True(t, empty[name], "%s of %s is empty", name, of)
					return nil
				}
				is := search.Equals{Field: f, Values: []search.Pattern{{text}}}
				isNot := search.Equals{Field: f, Values: []search.Pattern{{text + "x"}}}
				require.True(t, holds(t, of, is, r), "%s of %s is %q", name, of, text)
				require.False(t, holds(t, of, isNot, r), name)
				return nil
			}))
		}
	}
}

func holds(t *testing.T, of signal.Signal, f search.Filter, r Record) bool {
	t.Helper()
	if of == signal.Logs {
		m, err := CompileLogs(f)
		require.NoError(t, err)
		return m.Holds(r)
	}
	m, err := CompileSpans(f)
	require.NoError(t, err)
	return m.Holds(r)
}

func TestRecordNumber(t *testing.T) {
	for of, body := range rich(t) {
		want := map[string]float64{"attr.price": 12.5, "attr.text": 7.25, "resource.cpu": 4, "user.age": 40, "attr.http.response.status_code": 503}
		none := []string{"attr.paid", "attr.word", "attr.list", "attr.user", "attr.raw", "attr.absent", "service"}
		if of == signal.Traces {
			want["duration"] = 250_000
			want["http.response.status_code"] = 503
			none = append(none, "name")
		} else {
			want["level"] = 13
			none = append(none, "body")
		}
		require.NoError(t, Records(of, body, func(r Record) error {
			for name, n := range want {
				f, err := search.ResolveField(of, name)
				require.NoError(t, err)
				got, there := r.Number(f)
				require.True(t, there, name)
				require.InDelta(t, n, got, 0, name)
			}
			for _, name := range none {
				f, err := search.ResolveField(of, name)
				require.NoError(t, err)
				_, there := r.Number(f)
				require.False(t, there, name)
			}
			return nil
		}))
	}
}

func TestRecordTime(t *testing.T) {
	var got []uint64
	for _, of := range []signal.Signal{signal.Traces, signal.Logs} {
		require.NoError(t, Records(of, rich(t)[of], func(r Record) error {
			got = append(got, r.Time())
			return nil
		}))
	}
	require.Equal(t, []uint64{1_000, 5_000, 6_000}, got)
}
