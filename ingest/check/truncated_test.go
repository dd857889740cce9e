// SPDX-License-Identifier: Apache-2.0

package check

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// TestTruncated: what was cut says so, with its length, and what was not says nothing.
func TestTruncated(t *testing.T) {
	l, now := DefaultLimits(), time.Now()
	long, body := strings.Repeat("é", l.AttributeBytes), strings.Repeat("A", l.LogBodyBytes+9)
	said := func(m pcommon.Map) string {
		if v, ok := m.Get(AttrTruncated); ok {
			return v.Str()
		}
		return ""
	}
	for name, c := range map[string]struct {
		fill func(r plog.LogRecord)
		want string
	}{
		"nothing":       {func(r plog.LogRecord) { r.Body().SetStr("x"); r.Attributes().PutStr("a", "b") }, ""},
		"body":          {func(r plog.LogRecord) { r.Body().SetStr(body) }, "body=262153"},
		"attribute":     {func(r plog.LogRecord) { r.Attributes().PutStr("stack", long) }, "stack=8192"},
		"both":          {func(r plog.LogRecord) { r.Body().SetStr(body); r.Attributes().PutStr("stack", long) }, "stack=8192 body=262153"},
		"bytes":         {func(r plog.LogRecord) { r.Attributes().PutEmptyBytes("b").FromRaw([]byte(long)) }, "b=8192"},
		"in a map":      {func(r plog.LogRecord) { r.Attributes().PutEmptyMap("m").PutStr("x", long) }, "m=8192"},
		"in a list":     {func(r plog.LogRecord) { r.Attributes().PutEmptySlice("l").AppendEmpty().SetStr(long) }, "l=8192"},
		"body of a map": {func(r plog.LogRecord) { r.Body().SetEmptyMap().PutStr("x", long) }, "body=8192"},
	} {
		ld := plog.NewLogs()
		r := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
		r.SetTimestamp(pcommon.NewTimestampFromTime(now))
		c.fill(r)
		l.Logs(ld, now)
		require.Equal(t, c.want, said(r.Attributes()), name)
	}
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("process.command_line", long)
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().Attributes().PutStr("s", long)
	s := ss.Spans().AppendEmpty()
	s.SetTraceID(pcommon.TraceID{1})
	s.SetSpanID(pcommon.SpanID{1})
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(now))
	s.SetName(long)
	s.Attributes().PutStr("db.query.text", long)
	s.Events().AppendEmpty().Attributes().PutStr("exception.stacktrace", long)
	s.Links().AppendEmpty().Attributes().PutStr("x", long)
	l.Traces(td, now)
	require.Equal(t, "process.command_line=8192", said(rs.Resource().Attributes()))
	require.Equal(t, "s=8192", said(ss.Scope().Attributes()))
	require.Equal(t, "db.query.text=8192 name=8192", said(s.Attributes()))
	require.Equal(t, "exception.stacktrace=8192", said(s.Events().At(0).Attributes()))
	require.Equal(t, "x=8192", said(s.Links().At(0).Attributes()))
}
