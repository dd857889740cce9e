// SPDX-License-Identifier: Apache-2.0

package storagetest

import (
	"fmt"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/storage"
)

// Store is everything the suite exercises.
type Store interface {
	storage.TraceAppender
	storage.LogAppender
	storage.TraceSearcher
	storage.TraceReader
	storage.LogSearcher
	storage.FieldReader
	storage.ServiceReader
	storage.TopologyReader
	storage.RollupAppender
	storage.RollupReader
}

// Harness is an open store and what a test can do to it.
type Harness struct {
	Store Store
	// Crash kills the process behind the store without warning and returns while it may still be down.
	Crash func(t *testing.T)
	// Running returns how many reads the process behind the store is executing.
	Running func(t *testing.T) int
	// Merge makes the store tidy up at once what it has of rollups.
	Merge func(t *testing.T)
}

// Open opens an empty store that lasts until the test ends.
type Open func(t *testing.T) Harness

// suite is one run.
type suite struct {
	Harness
	days int
}

// day returns the start of a day that no other case uses, recent enough to lie within every retention.
func (s *suite) day() time.Time {
	s.days++
	return time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -s.days%14-1).Add(time.Duration(s.days/14) * time.Hour)
}

func dayOf(t time.Time) storage.TimeRange {
	return storage.TimeRange{Start: t, End: t.Add(time.Hour)}
}

// nasty are texts that break careless stores: injections, wildcards, bytes that are no text.
func nasty() []string {
	return []string{
		`') OR 1=1 --`, "`; DROP TABLE otel_logs; --", `%`, `_`, `\`, `\'`, `"`, `{p0:String}`, `${x}`, "a\x00b", "\x00", "\xff\xfe", "é\xc3",
		"emoji 😀👩‍👩‍👧", "\u202eRTL", "e\u0301", "tab\there", "line\nbreak\r\n", "<script>alert(1)</script>", "日本語", "'", "''", "a*b", "FORMAT Native",
	}
}

type spanSpec struct {
	trace, id, parent int
	service, name     string
	start             time.Time
	duration          time.Duration
	kind              ptrace.SpanKind
	failed            bool
	attrs             map[string]string
	resource          map[string]string
}

func traceID(n int) pcommon.TraceID {
	var id pcommon.TraceID
	copy(id[:], fmt.Sprintf("%016d", n))
	return id
}

func spanID(n int) pcommon.SpanID {
	var id pcommon.SpanID
	copy(id[:], fmt.Sprintf("%08d", n))
	return id
}

func spans(specs ...spanSpec) []ptrace.Traces {
	td := ptrace.NewTraces()
	for _, s := range specs {
		rs := td.ResourceSpans().AppendEmpty()
		if s.service != "" {
			rs.Resource().Attributes().PutStr("service.name", s.service)
		}
		for k, v := range s.resource {
			rs.Resource().Attributes().PutStr(k, v)
		}
		ss := rs.ScopeSpans().AppendEmpty()
		ss.Scope().SetName("suite")
		ss.Scope().SetVersion("1")
		sp := ss.Spans().AppendEmpty()
		sp.SetTraceID(traceID(s.trace))
		sp.SetSpanID(spanID(s.id))
		if s.parent != 0 {
			sp.SetParentSpanID(spanID(s.parent))
		}
		sp.SetName(s.name)
		sp.SetKind(s.kind)
		sp.SetStartTimestamp(pcommon.NewTimestampFromTime(s.start))
		sp.SetEndTimestamp(pcommon.NewTimestampFromTime(s.start.Add(s.duration)))
		if s.failed {
			sp.Status().SetCode(ptrace.StatusCodeError)
		}
		for k, v := range s.attrs {
			sp.Attributes().PutStr(k, v)
		}
	}
	return []ptrace.Traces{td}
}

type logSpec struct {
	service, body string
	time          time.Time
	severity      plog.SeverityNumber
	attrs         map[string]string
}

func logs(specs ...logSpec) []plog.Logs {
	ld := plog.NewLogs()
	for _, s := range specs {
		rl := ld.ResourceLogs().AppendEmpty()
		rl.Resource().Attributes().PutStr("service.name", s.service)
		sl := rl.ScopeLogs().AppendEmpty()
		sl.Scope().SetName("suite")
		rec := sl.LogRecords().AppendEmpty()
		rec.SetTimestamp(pcommon.NewTimestampFromTime(s.time))
		rec.SetSeverityNumber(s.severity)
		rec.Body().SetStr(s.body)
		for k, v := range s.attrs {
			rec.Attributes().PutStr(k, v)
		}
	}
	return []plog.Logs{ld}
}

func field(name string) search.Field {
	return search.Field{Kind: search.FieldBuiltin, Name: name}
}

func attr(name string) search.Field {
	return search.Field{Kind: search.FieldAttribute, Name: name}
}

func equals(f search.Field, values ...string) search.Filter {
	e := search.Equals{Field: f}
	for _, v := range values {
		e.Values = append(e.Values, search.Pattern{v})
	}
	return e
}

// eventually polls in the test's own goroutine: what it calls may fail the test.
func eventually(t *testing.T, within time.Duration, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
	}
}
