// SPDX-License-Identifier: Apache-2.0

package traces

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/client"
	"github.com/strata-apm/strata/storage/clickhouse/timerange"
	"github.com/strata-apm/strata/tenant"
)

// extent is when some traces were, as ranges that hold every span of them, and how many spans that is.
type extent struct {
	ranges []storage.TimeRange // in order, apart from each other
	spans  uint64
}

// maxExtents bounds how many ranges one condition names; more would cost more to analyse than they save.
const maxExtents = 24

// traceExtent looks the traces up. Unknown ones add nothing.
func (s *Store) traceExtent(ctx context.Context, owner tenant.ID, ids []string) (extent, error) {
	st := client.For(owner)
	query := "SELECT toInt64(min(Start)), toInt64(max(End)), sum(Spans) FROM {db}." + extents + " WHERE " + st.OfTenant() + " AND TraceId IN " + st.Strs(ids) +
		" GROUP BY TraceId"
	var e extent
	err := s.client.Each(ctx, "look up traces", query, st, func(scan func(...any) error) error {
		var start, end int64
		var spans uint64
		if err := scan(&start, &end, &spans); err != nil {
			return err
		}
		// The table has whole seconds, cut off.
		e.ranges = append(e.ranges, storage.TimeRange{Start: time.Unix(start, 0), End: time.Unix(end+1, 0)})
		e.spans += spans
		return nil
	})
	e.ranges = merge(e.ranges)
	return e, err
}

// merge joins ranges that touch, then those with the smallest gaps between them until no more than maxExtents are left.
func merge(in []storage.TimeRange) []storage.TimeRange {
	slices.SortFunc(in, func(a, b storage.TimeRange) int { return a.Start.Compare(b.Start) })
	join := func(gap time.Duration) []storage.TimeRange {
		var out []storage.TimeRange
		for _, r := range in {
			if n := len(out); n > 0 && r.Start.Sub(out[n-1].End) <= gap {
				out[n-1].End = timerange.Latest(out[n-1].End, r.End)
				continue
			}
			out = append(out, r)
		}
		return out
	}
	gap := time.Second
	out := join(gap)
	for len(out) > maxExtents {
		gap *= 2
		out = join(gap)
	}
	return out
}

// where is the condition that a span lies in one of the ranges.
func (e extent) where(st *client.Statement) string {
	if len(e.ranges) == 0 {
		return "0"
	}
	parts := make([]string, len(e.ranges))
	for i, r := range e.ranges {
		parts[i] = "Timestamp >= " + st.Nano(r.Start) + " AND Timestamp < " + st.Nano(r.End)
	}
	return "(" + strings.Join(parts, " OR ") + ")"
}
