// SPDX-License-Identifier: Apache-2.0

package traces

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/clickhousetest"
	"github.com/strata-apm/strata/storage/clickhouse/client"
	"github.com/strata-apm/strata/storage/storagetest"
	"github.com/strata-apm/strata/tenant"
)

const (
	largeRecords = 48
	largeText    = 1 << 20
)

// TestPagesOfLargeSpans reads spans of one trace that together are larger than a page, and than the engine's memory: pages end early, none is
// left out.
func TestPagesOfLargeSpans(t *testing.T) {
	c, sup := clickhousetest.Open(t)
	s := New(c)
	at := time.Now().Add(-time.Hour)
	for i := range largeRecords {
		td := ptrace.NewTraces()
		sp := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		sp.SetTraceID(pcommon.TraceID{1, 2})
		sp.SetSpanID(pcommon.SpanID{1, byte(i)})
		sp.SetStartTimestamp(pcommon.NewTimestampFromTime(at))
		sp.SetEndTimestamp(pcommon.NewTimestampFromTime(at.Add(time.Second)))
		sp.Events().AppendEmpty().Attributes().PutStr("stack", strings.Repeat("y", largeText))
		_, err := s.AppendTraces(t.Context(), storage.BatchID(fmt.Sprint("large", i)), storagetest.Requests(t, tenant.Default, td))
		require.NoError(t, err)
	}
	clickhousetest.WithBothLimits(t, sup, func(t *testing.T, c *client.Client) {
		t.Helper()
		s := New(c)
		seen := map[string]bool{}
		q := storage.TraceQuery{Tenant: tenant.Default, TraceID: pcommon.TraceID{1, 2}.String(), Limit: 5000}
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
