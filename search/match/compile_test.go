// SPDX-License-Identifier: Apache-2.0

package match

import (
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/signal"
)

func builtin(name string) search.Field { return search.Field{Name: name} }

func TestCompileErrors(t *testing.T) {
	exact := []search.Pattern{{"x"}}
	for name, c := range map[string]struct {
		f       search.Filter
		of      signal.Signal
		message string
	}{
		"field of the other signal":   {search.Equals{Field: builtin(search.FieldBody), Values: exact}, signal.Traces, `no field "body"`},
		"field of the others, exists": {search.Exists{Field: builtin(search.FieldDuration)}, signal.Logs, `no field "duration"`},
		"field of the others, number": {search.Compare{Field: builtin(search.FieldLevel), Op: search.Less}, signal.Traces, `no field "level"`},
		"no field":                    {search.Exists{Field: builtin("nope")}, signal.Logs, `no field "nope"`},
		"what the parser replaces":    {search.Equals{Field: builtin("error"), Values: exact}, signal.Traces, `no field "error"`},
		"unknown kind":                {search.Exists{Field: search.Field{Kind: 9}}, signal.Logs, "unknown kind of field"},
		"unknown comparison":          {search.Compare{Field: builtin(search.FieldLevel), Op: "~"}, signal.Logs, "unknown comparison"},
		"bad whole number":            {search.Compare{Field: builtin(search.FieldLevel), Op: search.Less, Integer: "x"}, signal.Logs, "no whole number"},
		"within others":               {search.All{Of: []search.Filter{nil, search.Any{Of: []search.Filter{search.Not{Of: search.Exists{Field: builtin("nope")}}}}}}, signal.Logs, "no field"},
	} {
		var err error
		if c.of == signal.Logs {
			_, err = CompileLogs(c.f)
		} else {
			_, err = CompileSpans(c.f)
		}
		require.ErrorIs(t, err, search.ErrBadQuery, name)
		require.ErrorContains(t, err, c.message, name)
	}
}

func TestCompileDepth(t *testing.T) {
	nest := func(n int) search.Filter {
		var f search.Filter
		for range n {
			f = search.Not{Of: f}
		}
		return f
	}
	_, err := CompileLogs(nest(maxDepth))
	require.NoError(t, err)
	_, err = CompileLogs(nest(maxDepth + 1))
	require.ErrorIs(t, err, search.ErrBadQuery)
}

// Everything that the parser makes of a query compiles.
func TestCompileParsed(t *testing.T) {
	for of, fields := range map[signal.Signal][]search.FieldInfo{signal.Logs: search.Fields(signal.Logs), signal.Traces: search.Fields(signal.Traces)} {
		for _, f := range fields {
			value := map[search.FieldType]string{search.TypeNumber: "200", search.TypeDuration: "5ms", search.TypeSeverity: "warn", search.TypeString: "true"}[f.Type]
			if f.Name == search.FieldStatus {
				value = "ok"
			}
			for _, q := range []string{f.Name + ":" + value, f.Name + ":*", "-" + f.Name + ":" + value} {
				parsed, err := search.Parse(of, q)
				require.NoError(t, err, q)
				if of == signal.Logs {
					_, err = CompileLogs(parsed)
				} else {
					_, err = CompileSpans(parsed)
				}
				require.NoError(t, err, q)
			}
		}
	}
}

func TestConstants(t *testing.T) {
	l := Log{pcommon.NewResource(), pcommon.NewInstrumentationScope(), plog.NewLogRecord()}
	for _, c := range []struct {
		f    search.Filter
		want bool
	}{
		{nil, true},
		{search.All{}, true},
		{search.Any{}, false},
		{search.Not{}, false},
		{search.Not{Of: search.Any{}}, true},
		{search.All{Of: []search.Filter{nil, nil}}, true},
		{search.Any{Of: []search.Filter{search.Any{}, nil}}, true},
		{search.Equals{Field: builtin(search.FieldService)}, false}, // of no value
		{search.Equals{Field: builtin(search.FieldService), Values: []search.Pattern{{}}}, false},
		{search.Equals{Field: builtin(search.FieldHost), Values: []search.Pattern{{""}}}, true},
		{search.Contains{}, true},
	} {
		m, err := CompileLogs(c.f)
		require.NoError(t, err)
		require.Equal(t, c.want, m.Match(l), search.Describe(c.f))
	}
}

func TestLevels(t *testing.T) {
	for _, c := range []struct {
		patterns []search.Pattern
		want     []string
	}{
		{nil, nil},
		{[]search.Pattern{{"warn"}}, []string{"warn"}},
		{[]search.Pattern{{"WARN"}, {"error"}}, []string{"warn", "error"}},
		{[]search.Pattern{{"", "r", ""}}, []string{"trace", "warn", "error"}},
		{[]search.Pattern{{"loud"}}, nil},
		{[]search.Pattern{{"", ""}}, []string{"trace", "debug", "info", "warn", "error", "fatal"}},
	} {
		require.Equal(t, c.want, levels(c.patterns), c.patterns)
	}
}

// Matchers are asked by many goroutines at once, on the same records.
func TestConcurrentUse(t *testing.T) {
	ld := sampleLogs(200)
	body := marshalLogs(t, ld)
	f, err := search.Parse(signal.Logs, `service:checkout (card* OR attr.user.tier:gold) -attr.m.x:y`)
	require.NoError(t, err)
	m, err := CompileLogs(f)
	require.NoError(t, err)
	var want []bool
	require.NoError(t, m.Each(body, func(_ int, holds bool) { want = append(want, holds) }))
	require.Contains(t, want, true)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 5 {
				var got, decoded []bool
				if err := m.Each(body, func(_ int, holds bool) { got = append(got, holds) }); err != nil {
					t.Error(err)
				}
				for _, rl := range ld.ResourceLogs().All() {
					for _, sl := range rl.ScopeLogs().All() {
						for _, rec := range sl.LogRecords().All() {
							decoded = append(decoded, m.Match(Log{rl.Resource(), sl.Scope(), rec}))
						}
					}
				}
				if len(got) != len(want) || len(decoded) != len(want) {
					t.Errorf("%d and %d answers, not %d", len(got), len(decoded), len(want))
				}
				for i := range min(len(got), len(decoded), len(want)) {
					if got[i] != want[i] || decoded[i] != want[i] {
						t.Errorf("record %d", i)
					}
				}
			}
		})
	}
	wg.Wait()
}

// Neither way of asking changes what it is asked about.
func TestRecordsStayAsTheyAre(t *testing.T) {
	ld := sampleLogs(3)
	before := marshalLogs(t, ld)
	for _, f := range queriesOf(t, signal.Logs) {
		m, err := CompileLogs(f)
		require.NoError(t, err)
		for _, rl := range ld.ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				for _, rec := range sl.LogRecords().All() {
					m.Match(Log{rl.Resource(), sl.Scope(), rec})
				}
			}
		}
	}
	require.Equal(t, before, marshalLogs(t, ld))
}

func TestValueTexts(t *testing.T) {
	list := pcommon.NewValueSlice()
	list.Slice().AppendEmpty().SetStr("a")
	raw := pcommon.NewValueBytes()
	raw.Bytes().FromRaw([]byte{1, 2})
	inner := pcommon.NewValueMap()
	inner.Map().PutInt("k", 1)
	for _, v := range []pcommon.Value{
		pcommon.NewValueStr("x"), pcommon.NewValueStr(""), pcommon.NewValueInt(-5), pcommon.NewValueBool(true), pcommon.NewValueBool(false), pcommon.NewValueDouble(1e21), pcommon.NewValueDouble(0.1),
		pcommon.NewValueEmpty(), list, raw, inner,
	} {
		made := valueOf(v)
		require.True(t, made.there)
		require.Equal(t, v.AsString(), made.text(), v.Type().String())
		made.untold = true
		require.Empty(t, made.text())
	}
	require.Empty(t, (&value{}).text())
}

func TestKindsAndStatuses(t *testing.T) {
	var kinds, statuses []string
	for i := range 7 {
		kinds = append(kinds, kind(ptrace.SpanKind(i)))
	}
	for i := range 4 {
		statuses = append(statuses, status(ptrace.StatusCode(i)))
	}
	require.Equal(t, "unspecified internal server client producer consumer unspecified", strings.Join(kinds, " "))
	require.Equal(t, "unset ok error unset", strings.Join(statuses, " "))
}

// Free texts with wildcards ignore case: of ASCII's letters by bytes, also beside bytes that are no UTF-8, of others by their characters.
func TestFoldedWildcards(t *testing.T) {
	for query, c := range map[string]struct{ in, not []string }{
		"car*declined": {[]string{"Card DECLINED", "the cardeclined!", "car\ndeclined"}, []string{"declined car", "cardecline"}},
		"*ab*ab":       {[]string{"ABab", "xab abx"}, []string{"ab", "aba"}},
		"\xff*a":       {[]string{"\xffA", "x\xff\xffa"}, []string{"a\xff", "ÿa", "a"}},
		"Ö*K":          {[]string{"ök", "x Ö Kx"}, []string{"o k", "ö\u212a"}},
		"*s":           {[]string{"S"}, []string{"\u017f"}},
		"a\x00*":       {[]string{"A\x00"}, []string{"a"}},
	} {
		f, err := search.Parse(signal.Logs, query)
		require.NoError(t, err)
		m, err := CompileLogs(f)
		require.NoError(t, err, query)
		l := Log{pcommon.NewResource(), pcommon.NewInstrumentationScope(), plog.NewLogRecord()}
		for _, body := range c.in {
			l.Record.Body().SetStr(body)
			require.True(t, m.Match(l), "%q in %q", query, body)
		}
		for _, body := range c.not {
			l.Record.Body().SetStr(body)
			require.False(t, m.Match(l), "%q in %q", query, body)
		}
	}
}
