// SPDX-License-Identifier: Apache-2.0

package traces

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/clickhousetest"
	"github.com/strata-apm/strata/storage/storagetest"
	"github.com/strata-apm/strata/tenant"
)

// TestOverlappingInsertsOfOneBatch: the old owner of a partition and its heir may insert the same batch at the same moment. Of any number
// of inserts with one token one is kept, in the table and in what its views fill.
func TestOverlappingInsertsOfOneBatch(t *testing.T) {
	c, _ := clickhousetest.Open(t)
	s := New(c)
	const batches, spans, owners = 20, 50, 4
	now := time.Now()
	for b := range batches {
		td := ptrace.NewTraces()
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", "overlap")
		ss := rs.ScopeSpans().AppendEmpty()
		for i := range spans {
			sp := ss.Spans().AppendEmpty()
			sp.SetTraceID(pcommon.TraceID{1, byte(b)})
			sp.SetSpanID(pcommon.SpanID{1, byte(b), byte(i + 1)})
			sp.SetStartTimestamp(pcommon.NewTimestampFromTime(now))
			sp.SetEndTimestamp(pcommon.NewTimestampFromTime(now))
		}
		id := storage.BatchID(fmt.Sprintf("strata.traces-0.deadbeef-%d-%d", b*10, b*10+9))
		var wg sync.WaitGroup
		for range owners {
			wg.Go(func() {
				n, err := s.AppendTraces(t.Context(), id, storagetest.Requests(t, tenant.Default, td))
				require.NoError(t, err)
				require.Equal(t, spans, n)
			})
		}
		wg.Wait()
	}
	for table, query := range map[string]string{
		"otel_traces":             "SELECT count() FROM strata.otel_traces WHERE ServiceName = 'overlap'",
		"otel_traces_trace_id_ts": "SELECT sum(Spans) FROM strata.otel_traces_trace_id_ts",
		"strata_spans_1m":         "SELECT sum(Spans) FROM strata.strata_spans_1m WHERE ServiceName = 'overlap'",
	} {
		var n uint64
		require.NoError(t, c.Each(t.Context(), "count", query, nil, func(scan func(...any) error) error { return scan(&n) }), table)
		require.Equal(t, uint64(batches*spans), n, table)
	}
}
