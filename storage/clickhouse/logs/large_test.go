// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/clickhousetest"
	"github.com/strata-apm/strata/storage/clickhouse/client"
	"github.com/strata-apm/strata/storage/clickhouse/page"
	"github.com/strata-apm/strata/storage/storagetest"
	"github.com/strata-apm/strata/tenant"
)

const (
	largeRecords = 48
	largeText    = 1 << 20
)

// TestPagesOfLargeLogs reads records that together are larger than a page, and than the engine's memory: pages end early, none is left out.
func TestPagesOfLargeLogs(t *testing.T) {
	c, sup := clickhousetest.Open(t)
	s := New(c)
	at := time.Now().Add(-time.Hour).Truncate(time.Second)
	for i := range largeRecords {
		ld := clickhousetest.LogsOf(at.Add(time.Duration(i/2)*time.Second), 1, func(int) string { return fmt.Sprintf("record %d %s", i, strings.Repeat("x", largeText)) })
		_, err := s.AppendLogs(t.Context(), storage.BatchID(fmt.Sprint("large", i)), storagetest.Requests(t, tenant.Default, ld))
		require.NoError(t, err)
	}
	clickhousetest.WithBothLimits(t, sup, func(t *testing.T, c *client.Client) {
		t.Helper()
		s := New(c)
		for _, ascending := range []bool{false, true} {
			t.Run(fmt.Sprintf("ascending=%t", ascending), func(t *testing.T) {
				seen := map[string]int{}
				q := storage.LogSearch{
					Selection: storage.Selection{Tenant: tenant.Default, Range: storage.TimeRange{Start: at.Add(-time.Minute), End: at.Add(time.Hour)}}, Ascending: ascending, Limit: 1000,
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
