// SPDX-License-Identifier: Apache-2.0

package match

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/search/searchtest"
	"github.com/strata-apm/strata/signal"
)

func logsOf(s *searchtest.Section) []Log {
	var out []Log
	for _, rl := range s.Logs.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, rec := range sl.LogRecords().All() {
				out = append(out, Log{rl.Resource(), sl.Scope(), rec})
			}
		}
	}
	return out
}

func spansOf(s *searchtest.Section) []Span {
	var out []Span
	for _, rs := range s.Traces.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, sp := range ss.Spans().All() {
				out = append(out, Span{rs.Resource(), ss.Scope(), sp})
			}
		}
	}
	return out
}

// matcherOf returns what asks one matcher about every record of a section.
func matcherOf(tb testing.TB, s *searchtest.Section, f search.Filter) func(i int) bool {
	tb.Helper()
	if s.Signal == signal.Logs {
		m, err := CompileLogs(f)
		require.NoError(tb, err)
		records := logsOf(s)
		return func(i int) bool { return m.Match(records[i]) }
	}
	m, err := CompileSpans(f)
	require.NoError(tb, err)
	records := spansOf(s)
	return func(i int) bool { return m.Match(records[i]) }
}

func size(s *searchtest.Section) int { return s.Logs.LogRecordCount() + s.Traces.SpanCount() }

func TestScripts(t *testing.T) {
	searchtest.Run(t, func(_ *testing.T, s *searchtest.Section) searchtest.Find {
		return func(t *testing.T, f search.Filter) []int {
			t.Helper()
			matches := matcherOf(t, s, f)
			var out []int
			for i := range size(s) {
				if matches(i) {
					out = append(out, i)
				}
			}
			return out
		}
	})
}

// The same cases on the bytes of the section's request.
func TestScriptsOnTheWire(t *testing.T) {
	searchtest.Run(t, func(t *testing.T, s *searchtest.Section) searchtest.Find {
		t.Helper()
		body := bodyOf(t, s)
		return func(t *testing.T, f search.Filter) []int {
			t.Helper()
			var out []int
			told := 0
			require.NoError(t, each(t, s.Signal, f, body, func(i int, holds bool) {
				require.Equal(t, told, i)
				told++
				if holds {
					out = append(out, i)
				}
			}))
			require.Equal(t, size(s), told)
			return out
		}
	})
}
