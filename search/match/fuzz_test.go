// SPDX-License-Identifier: Apache-2.0

package match

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/search/searchtest"
	"github.com/strata-apm/strata/signal"
)

// source makes filters and records of the bytes that a fuzzer gives. It gives zeros behind their end.
type source struct{ data []byte }

func (s *source) byte() byte {
	if len(s.data) == 0 {
		return 0
	}
	b := s.data[0]
	s.data = s.data[1:]
	return b
}

func (s *source) below(n int) int { return int(s.byte()) % n }

func (s *source) text() string {
	n := min(s.below(12), len(s.data))
	out := string(s.data[:n])
	s.data = s.data[n:]
	return out
}

func (s *source) name() string {
	names := []string{"a", "a.b", "a.b.c", "service.name", "http.status_code", "event.name", "db.system", "level", "http_status", "duration", "trace", "span", "body", "name", "event", "root", "nope", "error"}
	if i := s.below(len(names) + 2); i < len(names) {
		return names[i]
	}
	return s.text()
}

func (s *source) field() search.Field {
	return search.Field{Kind: search.FieldKind(s.below(5)), Name: s.name()}
}

func (s *source) filter(depth int) search.Filter {
	kind := s.below(9)
	if depth > 8 {
		kind = 3 + kind%4
	}
	switch kind {
	case 0, 1:
		parts := make([]search.Filter, s.below(4))
		for i := range parts {
			parts[i] = s.filter(depth + 1)
		}
		if kind == 0 {
			return search.All{Of: parts}
		}
		return search.Any{Of: parts}
	case 2:
		return search.Not{Of: s.filter(depth + 1)}
	case 3:
		return search.Contains{Text: s.text()}
	case 4:
		e := search.Equals{Field: s.field(), Fold: s.byte()%2 == 0}
		for range s.below(4) {
			p := make(search.Pattern, s.below(4))
			for i := range p {
				p[i] = s.text()
			}
			e.Values = append(e.Values, p)
		}
		return e
	case 5:
		return search.Exists{Field: s.field()}
	case 6:
		c := search.Compare{Field: s.field(), Op: []search.CompareOp{search.Less, search.LessOrEqual, search.Greater, search.GreaterOrEqual, "?"}[s.below(5)], Value: float64(s.below(256)) - 100}
		if s.byte()%2 == 0 {
			c.Integer = s.text()
		}
		return c
	default:
		return nil
	}
}

func (s *source) value(v pcommon.Value, depth int) {
	switch s.below(8) {
	case 0:
	case 1:
		v.SetInt(int64(s.byte()) - 100)
	case 2:
		v.SetDouble(float64(s.byte()) / 3)
	case 3:
		v.SetBool(s.byte()%2 == 0)
	case 4:
		v.SetEmptyBytes().FromRaw([]byte(s.text()))
	case 5:
		list := v.SetEmptySlice()
		for range s.below(3) {
			if depth < 20 {
				s.value(list.AppendEmpty(), depth+1)
			}
		}
	case 6:
		if depth < 20 {
			s.attributes(v.SetEmptyMap(), depth+1)
		}
	default:
		v.SetStr(s.text())
	}
}

func (s *source) attributes(m pcommon.Map, depth int) {
	for range s.below(5) {
		s.value(m.PutEmpty(s.name()), depth)
	}
}

// resourceAndScope makes what a record comes from.
func (s *source) resourceAndScope() (pcommon.Resource, pcommon.InstrumentationScope) {
	resource, scope := pcommon.NewResource(), pcommon.NewInstrumentationScope()
	s.attributes(resource.Attributes(), 0)
	scope.SetName(s.text())
	return resource, scope
}

func (s *source) log() Log {
	l := Log{Record: plog.NewLogRecord()}
	l.Resource, l.Scope = s.resourceAndScope()
	s.value(l.Record.Body(), 0)
	s.attributes(l.Record.Attributes(), 0)
	l.Record.SetSeverityNumber(plog.SeverityNumber(s.below(256)))
	l.Record.SetSeverityText(s.text())
	l.Record.SetTraceID(pcommon.TraceID{15: s.byte()})
	l.Record.SetEventName(s.text())
	return l
}

func (s *source) span() Span {
	sp := Span{Span: ptrace.NewSpan()}
	sp.Resource, sp.Scope = s.resourceAndScope()
	sp.Span.SetName(s.text())
	s.attributes(sp.Span.Attributes(), 0)
	sp.Span.SetKind(ptrace.SpanKind(s.below(8)))
	sp.Span.Status().SetCode(ptrace.StatusCode(s.below(5)))
	sp.Span.SetStartTimestamp(pcommon.Timestamp(s.byte()))
	sp.Span.SetEndTimestamp(pcommon.Timestamp(s.byte()))
	for range s.below(3) {
		sp.Span.Events().AppendEmpty().SetName(s.text())
	}
	return sp
}

// asked asks a filter about a record, if it can be asked; a condition that is no error has one answer, and its negation the other.
func asked(t *testing.T, f search.Filter, l Log, s Span) {
	t.Helper()
	logs, err := CompileLogs(f)
	notLogs, notErr := CompileLogs(search.Not{Of: f})
	if err == nil && notErr == nil {
		require.Equal(t, !logs.Match(l), notLogs.Match(l), search.Describe(f))
	} else if err != nil {
		require.ErrorIs(t, err, search.ErrBadQuery)
	}
	spans, err := CompileSpans(f)
	notSpans, notErr := CompileSpans(search.Not{Of: f})
	if err == nil && notErr == nil {
		require.Equal(t, !spans.Match(s), notSpans.Match(s), search.Describe(f))
	} else if err != nil {
		require.ErrorIs(t, err, search.ErrBadQuery)
	}
}

// No filter and no record panic, and a filter's negation holds exactly where it does not. The filter is parsed from query, where it is one,
// and made of data.
func FuzzMatch(f *testing.F) {
	for _, s := range searchtest.Sections(f) {
		for _, c := range s.Cases() {
			f.Add(c.Query, []byte(c.Query+" Card \x03 a.b \x06\x01\x02 declined \x1b[31m\xff登录"))
		}
	}
	f.Fuzz(func(t *testing.T, query string, data []byte) {
		s := &source{data}
		made := s.filter(0)
		l, sp := s.log(), s.span()
		asked(t, made, l, sp)
		for _, of := range []signal.Signal{signal.Logs, signal.Traces} {
			if parsed, err := search.Parse(of, query); err == nil {
				asked(t, parsed, l, sp)
			}
		}
	})
}

// A record costs no allocation where no regular expression is needed.
func TestAllocations(t *testing.T) {
	queries := map[signal.Signal][]string{
		signal.Logs: {
			"card", `"card declined"`, "service:a", "host:h1", "env:test", "scope:*http", "level:error", "level>=warn", "body:*declined*", "attr.tier:gold,silver",
			"attr.n>5", "attr.n:7", "attr.ok:true", "attr.m.k.n>1", "m.k.n:12345", "resource.r.x:y", "attr.tier:x OR attr.tier:*", "trace:463a0000000000ad463a0000000000ad", "span:*", "event:x", "-attr.tier:gold",
			"attr.t>1.5", "resource.service.name:a", "登录",
		},
		signal.Traces: {
			"GET", "name:GET*", "status:5xx", "status:error", "error:true", "duration>1ms", "duration:7ms", "kind:server", "method:GET", "route:/x", "url:/x*", "db:redis", "peer:*", "root:true", "event:exception",
			"event:exc*", "trace:ad", "service:b", "status:503",
		},
	}
	l := Log{pcommon.NewResource(), pcommon.NewInstrumentationScope(), plog.NewLogRecord()}
	l.Resource.Attributes().PutStr("service.name", "a")
	l.Resource.Attributes().PutEmptyMap("r").PutStr("x", "y")
	l.Scope.SetName("shop/http")
	l.Record.Body().SetStr("Card declined for user 42")
	l.Record.SetSeverityText("ERROR")
	l.Record.SetTraceID(pcommon.TraceID{1, 2, 3})
	a := l.Record.Attributes()
	a.PutStr("tier", "gold")
	a.PutInt("n", 1<<60)
	a.PutStr("t", "12.5")
	a.PutBool("ok", true)
	a.PutEmptyMap("m").PutEmptyMap("k").PutInt("n", 12345)
	s := Span{l.Resource, l.Scope, ptrace.NewSpan()}
	s.Span.SetName("GET /x")
	s.Span.SetEndTimestamp(123456789)
	s.Span.Attributes().PutInt("http.response.status_code", 503)
	s.Span.Attributes().PutStr("http.request.method", "GET")
	s.Span.Events().AppendEmpty().SetName("exception")
	for of, list := range queries {
		for _, q := range list {
			f, err := search.Parse(of, q)
			require.NoError(t, err, q)
			logs, err := CompileLogs(f)
			if of == signal.Logs {
				require.NoError(t, err, q)
				require.Zero(t, testing.AllocsPerRun(10, func() { logs.Match(l) }), q)
				continue
			}
			spans, err := CompileSpans(f)
			require.NoError(t, err, q)
			require.Zero(t, testing.AllocsPerRun(10, func() { spans.Match(s) }), q)
		}
	}
}
