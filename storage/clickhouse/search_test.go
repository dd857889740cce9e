// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/search/searchtest"
	"github.com/strata-apm/strata/signal"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/storagetest"
	"github.com/strata-apm/strata/tenant"
)

// The engine finds what search/match finds.
func TestSearch(t *testing.T) {
	store, _ := openStore(t)
	searchtest.Run(t, func(t *testing.T, s *searchtest.Section) searchtest.Find {
		t.Helper()
		_, err := store.AppendLogs(t.Context(), storage.BatchID(t.Name()), storagetest.Requests(t, tenant.Default, s.Logs))
		require.NoError(t, err)
		_, err = store.AppendTraces(t.Context(), storage.BatchID(t.Name()), storagetest.Requests(t, tenant.Default, s.Traces))
		require.NoError(t, err)
		return func(t *testing.T, f search.Filter) []int {
			t.Helper()
			selection := storage.Selection{Tenant: tenant.Default, Filter: f, Range: storage.TimeRange{Start: s.Start, End: s.Start.Add(time.Minute)}}
			var out []int
			found := func(at time.Time) { out = append(out, int(at.Sub(s.Start)/time.Second)) }
			if s.Signal == signal.Logs {
				page, err := store.SearchLogs(t.Context(), storage.LogSearch{Selection: selection, Ascending: true, Limit: 1000})
				require.NoError(t, err)
				for _, l := range page.Logs {
					found(l.Time)
				}
				return out
			}
			page, err := store.SearchTraces(t.Context(), storage.TraceSearch{Selection: selection, Limit: 1000})
			require.NoError(t, err)
			for _, trace := range page.Traces {
				found(trace.Start)
			}
			slices.Sort(out)
			return out
		}
	})
}
