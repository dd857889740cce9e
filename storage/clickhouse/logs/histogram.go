// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"strings"
	"time"

	"github.com/strata-apm/strata/severity"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/client"
	"github.com/strata-apm/strata/storage/clickhouse/timerange"
)

// LogHistogram implements storage.LogSearcher.
func (s *Store) LogHistogram(ctx context.Context, q storage.Selection, buckets int) (storage.Histogram, error) {
	if err := timerange.Check(q.Range); err != nil {
		return storage.Histogram{}, err
	}
	step := timerange.Step(q.Range.End.Sub(q.Range.Start), buckets)
	h := storage.Histogram{Step: step}
	start := q.Range.Start.Truncate(step)
	for t := start; t.Before(q.Range.End); t = t.Add(step) {
		h.Buckets = append(h.Buckets, storage.HistogramBucket{Start: t, Levels: map[string]uint64{}})
	}
	st := client.For(q.Tenant)
	wheres, err := conditions(st, q)
	if err != nil {
		return storage.Histogram{}, err
	}
	// The seconds are half as wide as the nanoseconds, and mostly in memory already.
	bucket := "intDiv(toUnixTimestamp64Nano(Timestamp) - " + st.Int(start.UnixNano()) + ", " + st.Int(int64(step)) + ")"
	if step >= time.Second {
		bucket = "intDiv(toInt64(TimestampTime) - " + st.Int(start.Unix()) + ", " + st.Int(int64(step/time.Second)) + ")"
	}
	parts := make([]string, len(wheres))
	for i, where := range wheres {
		parts[i] = "SELECT " + bucket + " AS b, toInt32(intDiv(SeverityNumber + 3, 4)) AS l, count() FROM {db}." + table + " WHERE " + where + " GROUP BY b, l"
	}
	err = s.client.Each(ctx, "count logs", strings.Join(parts, " UNION ALL "), st, func(scan func(...any) error) error {
		var b int64
		var level int32
		var n uint64
		if err := scan(&b, &level, &n); err != nil {
			return err
		}
		if b < 0 || b >= int64(len(h.Buckets)) {
			return nil
		}
		h.Buckets[b].Total += n
		h.Buckets[b].Levels[severity.Name(int(level)*4)] += n
		h.Total += n
		return nil
	})
	return h, err
}
