// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/clickhousetest"
	"github.com/strata-apm/strata/storage/clickhouse/engine/supervise"
	"github.com/strata-apm/strata/storage/clickhouse/page"
)

const (
	largeRecords = 48
	largeText    = 1 << 20
)

// bothLimits runs a test with the limits as they are, and with less memory for a query than all the large records need together.
func bothLimits(t *testing.T, sup *supervise.Supervisor, test func(t *testing.T, s *Store)) {
	t.Helper()
	for name, memory := range map[string]uint64{"page": Default().Query.MaxMemoryBytes, "memory": 24 << 20} {
		cfg := Default()
		cfg.Query.MaxMemoryBytes = memory
		s := openOn(t, sup, cfg)
		t.Run(name, func(t *testing.T) { test(t, s) })
	}
}

// TestPagesOfLargeLogs reads records that together are larger than a page, and than the engine's memory: pages end early, none is left out.
func TestPagesOfLargeLogs(t *testing.T) {
	s, sup := openStore(t)
	at := time.Now().Add(-time.Hour).Truncate(time.Second)
	for i := range largeRecords {
		ld := clickhousetest.LogsOf(at.Add(time.Duration(i/2)*time.Second), 1, func(int) string { return fmt.Sprintf("record %d %s", i, strings.Repeat("x", largeText)) })
		_, err := s.AppendLogs(t.Context(), storage.BatchID(fmt.Sprint("large", i)), []plog.Logs{ld})
		require.NoError(t, err)
	}
	bothLimits(t, sup, func(t *testing.T, s *Store) {
		t.Helper()
		for _, ascending := range []bool{false, true} {
			t.Run(fmt.Sprintf("ascending=%t", ascending), func(t *testing.T) {
				seen := map[string]int{}
				q := storage.LogSearch{
					Selection: storage.Selection{Range: storage.TimeRange{Start: at.Add(-time.Minute), End: at.Add(time.Hour)}}, Ascending: ascending, Limit: 1000,
				}
				pages := 0
				for ; pages == 0 || q.Cursor != ""; pages++ {
					found, err := s.SearchLogs(t.Context(), q)
					require.NoError(t, err)
					size := 0
					for _, l := range found.Logs {
						var n int
						_, err := fmt.Sscanf(l.Body, "record %d", &n)
						require.NoError(t, err)
						seen[strconv.Itoa(n)]++
						size += len(l.Body)
					}
					require.LessOrEqual(t, size, page.MaxBytes+2*largeText)
					q.Cursor = found.NextCursor
				}
				require.Greater(t, pages, 1)
				require.Len(t, seen, largeRecords)
				for n, times := range seen {
					require.Equal(t, 1, times, "record %s", n)
				}
			})
		}
	})
}

// TestPagesOfLargeSpans is the same for the spans of one trace.
func TestPagesOfLargeSpans(t *testing.T) {
	s, sup := openStore(t)
	at := time.Now().Add(-time.Hour)
	for i := range largeRecords {
		td := ptrace.NewTraces()
		sp := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		sp.SetTraceID(pcommon.TraceID{1, 2})
		sp.SetSpanID(pcommon.SpanID{1, byte(i)})
		sp.SetStartTimestamp(pcommon.NewTimestampFromTime(at))
		sp.SetEndTimestamp(pcommon.NewTimestampFromTime(at.Add(time.Second)))
		sp.Events().AppendEmpty().Attributes().PutStr("stack", strings.Repeat("y", largeText))
		_, err := s.AppendTraces(t.Context(), storage.BatchID(fmt.Sprint("large", i)), []ptrace.Traces{td})
		require.NoError(t, err)
	}
	bothLimits(t, sup, func(t *testing.T, s *Store) {
		t.Helper()
		seen := map[string]bool{}
		q := storage.TraceQuery{TraceID: pcommon.TraceID{1, 2}.String(), Limit: 5000}
		pages := 0
		for ; pages == 0 || q.Cursor != ""; pages++ {
			trace, err := s.Trace(t.Context(), q)
			require.NoError(t, err)
			require.Equal(t, largeRecords, trace.SpanCount, "the totals are those of the whole trace")
			for _, sp := range trace.Spans {
				require.False(t, seen[sp.ID], "span %s is on two pages", sp.ID)
				seen[sp.ID] = true
			}
			q.Cursor = trace.NextCursor
		}
		require.Greater(t, pages, 1)
		require.Len(t, seen, largeRecords)
	})
}
