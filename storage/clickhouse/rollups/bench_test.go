// SPDX-License-Identifier: Apache-2.0

package rollups

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/rollup"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/clickhousetest"
	"github.com/strata-apm/strata/storage/clickhouse/engine/supervise"
	"github.com/strata-apm/strata/tenant"
)

// benchBatch is how many rows a batch of the benchmark has.
const benchBatch = 10_000

// benchRows are rows of three dimensions whose values are Zipf-distributed over 1000, and of two inputs, one of them with a sketch of about 20 buckets.
func benchRows(n int) []storage.RollupRow {
	r := rand.New(rand.NewPCG(7, 8))
	zipf := rand.NewZipf(r, 1.1, 1, 999)
	values := make([]string, 1000)
	for i := range values {
		values[i] = fmt.Sprintf("/api/v1/things/%d", i)
	}
	start := time.Now().UTC().Truncate(time.Hour).Add(-24 * time.Hour)
	rows := make([]storage.RollupRow, n)
	for i := range rows {
		at := start.Add(time.Duration(i/benchBatch) * time.Minute)
		row := rollup.Row{Step: time.Minute, Time: at, Values: make([]string, 3), Count: 1 + r.Uint64N(50), Inputs: make([]rollup.Input, 2)}
		for d := range row.Values {
			row.Values[d] = values[zipf.Uint64()]
		}
		for k := range row.Inputs {
			v := r.Float64() * 1000
			row.Inputs[k] = rollup.Input{Count: row.Count, Sum: v * float64(row.Count), Min: v / 2, Max: v * 2}
		}
		first := int32(800 + r.IntN(40))
		for b := range int32(16 + r.IntN(9)) {
			row.Inputs[0].Sketch = append(row.Inputs[0].Sketch, rollup.Bucket{Index: first + b*2, Count: 1 + r.Uint64N(4)})
		}
		rows[i] = storage.RollupRow{Row: row, Expires: at.Add(30 * 24 * time.Hour)}
	}
	return rows
}

// BenchmarkAppendRollups stores 200 000 rows in batches of 10 000 per iteration.
func BenchmarkAppendRollups(b *testing.B) {
	const total = 200_000
	c, sup := clickhousetest.Open(b)
	s, rows := New(c), benchRows(total)
	b.ReportAllocs()
	m := clickhousetest.StartMeter(b, c, sup)
	for i := range b.N {
		for from := 0; from < total; from += benchBatch {
			id := storage.BatchID(fmt.Sprint(i, "-", from))
			require.NoError(b, s.AppendRollups(b.Context(), id, []storage.RollupRows{{Tenant: tenant.Default, State: "bench@" + strconv.Itoa(i), Rows: rows[from : from+benchBatch]}}))
		}
	}
	m.Report(b.N*total, 0, "strata_rollups")
}

// BenchmarkRollupRows groups one dimension over 30 days of rows of an hour: 10 000 combinations in each, two inputs, one with a sketch of 20 buckets.
func BenchmarkRollupRows(b *testing.B) {
	c, sup := clickhousetest.Open(b)
	s := New(c)
	end := time.Now().UTC().Truncate(24 * time.Hour)
	start := end.AddDate(0, 0, -30)
	for day := range 30 {
		require.NoError(b, c.Exec(b.Context(), fmt.Sprintf(`INSERT INTO strata.strata_rollups
			SELECT 'default', 'bench@1', 3600, toString(number %% 1000), toString(intDiv(number, 10) %% 100), toString(intDiv(number, 1000) %% 10), '', '', 0,
				toDateTime(%d + intDiv(number, 10000) * 3600) AS at, at + toIntervalDay(400), 1 + number %% 50, map(0, 1 + number %% 50, 1, 3), map(0, number / 7, 1, number / 3), map(0, number / 9, 1, 1.5),
				map(0, number / 5, 1, 7.5), map(), CAST((arrayMap(i -> toInt64(800 + i * 2 + cityHash64(number) %% 40) * 256, range(20)), arrayMap(i -> toUInt64(1 + cityHash64(number, i) %% 4), range(20))), 'Map(Int64, UInt64)'), map()
			FROM numbers(240000)`, start.AddDate(0, 0, day).Unix())))
	}
	q := storage.RollupQuery{State: "bench@1", Step: time.Hour, Range: storage.TimeRange{Start: start, End: end}}
	for _, c := range []struct {
		name   string
		change func(q *storage.RollupQuery)
	}{
		{"count by the first dimension, total", func(q *storage.RollupQuery) { q.Group = []int{0} }},
		{"count by the third dimension, per day", func(q *storage.RollupQuery) { q.Group, q.Every = []int{2}, 24*time.Hour }},
		{"count of one value per hour", func(q *storage.RollupQuery) {
			q.Every, q.Where = time.Hour, []storage.RollupCondition{{Values: []string{"77"}}}
		}},
		{"numbers by the first dimension, total", func(q *storage.RollupQuery) {
			q.Group, q.Inputs, q.NoSketches, q.NoRegisters = []int{0}, []int{1}, true, true
		}},
		{"sketch by the first dimension, total", func(q *storage.RollupQuery) { q.Group, q.Inputs = []int{0}, []int{0} }},
		{"sketch of one value per hour", func(q *storage.RollupQuery) {
			q.Every, q.Inputs, q.Where = time.Hour, []int{0}, []storage.RollupCondition{{Values: []string{"77"}}}
		}},
	} {
		b.Run(c.name, func(b *testing.B) { benchRead(b, s, sup, q, c.change) })
	}
	b.Log("bytes per row:", bytesPerBenchRow(b, s))
}

func benchRead(b *testing.B, s *Store, sup *supervise.Supervisor, q storage.RollupQuery, change func(*storage.RollupQuery)) {
	b.Helper()
	change(&q)
	rows := 0
	self, child := clickhousetest.CPU(b, sup.State().PID)
	for b.Loop() {
		got, err := s.RollupRows(b.Context(), tenant.Default, q)
		require.NoError(b, err)
		rows = len(got)
	}
	self2, child2 := clickhousetest.CPU(b, sup.State().PID)
	b.ReportMetric((self2-self+child2-child).Seconds()*1e3/float64(b.N), "cpu-ms/op")
	b.ReportMetric(float64(rows), "rows")
}

func bytesPerBenchRow(b *testing.B, s *Store) float64 {
	b.Helper()
	each, err := s.bytesPerRow(b.Context(), table)
	require.NoError(b, err)
	return each
}
