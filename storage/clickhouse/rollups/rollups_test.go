// SPDX-License-Identifier: Apache-2.0

package rollups

import (
	"math"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/rollup"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/clickhousetest"
	"github.com/strata-apm/strata/storage/clickhouse/client"
	"github.com/strata-apm/strata/storage/clickhouse/engine/enginetest"
	"github.com/strata-apm/strata/tenant"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

func TestKeys(t *testing.T) {
	for _, input := range []int{0, 1, 255} {
		var last int64 = math.MinInt64
		for _, index := range []int32{math.MinInt32, -1, 0, 1, math.MaxInt32} {
			key := sketchKey(input, index)
			require.Greater(t, key, last, "keys of an input rise with the index")
			last = key
			gotInput, gotIndex := ofSketchKey(key)
			require.Equal(t, input, gotInput)
			require.Equal(t, index, gotIndex)
		}
		for _, index := range []uint16{0, 1<<14 - 1, math.MaxUint16} {
			gotInput, gotIndex := ofRegisterKey(registerKey(input, index))
			require.Equal(t, input, gotInput)
			require.Equal(t, index, gotIndex)
		}
	}
	floats := []float64{math.Inf(-1), -math.MaxFloat64, -1, -math.SmallestNonzeroFloat64, math.Copysign(0, -1), 0, math.SmallestNonzeroFloat64, 1, math.Inf(1)}
	for i, v := range floats {
		require.Equal(t, math.Float64bits(v), math.Float64bits(ofOrderedFloat(orderedFloat(v))))
		require.True(t, i == 0 || orderedFloat(floats[i-1]) < orderedFloat(v), v)
	}
	ints := []int64{math.MinInt64, -1, 0, 1, math.MaxInt64}
	for i, v := range ints {
		require.Equal(t, v, ofOrdered(ordered(v)))
		require.True(t, i == 0 || ordered(ints[i-1]) < ordered(v), v)
	}
}

func TestExpiry(t *testing.T) {
	at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	require.EqualValues(t, at.Unix(), expiry(at))
	require.EqualValues(t, at.Unix()+1, expiry(at.Add(1)), "not before its time")
	require.EqualValues(t, math.MaxUint32, expiry(time.Time{}), "never")
	require.EqualValues(t, math.MaxUint32, expiry(at.AddDate(100, 0, 0)))
	require.Zero(t, expiry(time.Unix(-5, 0)))
}

func ask(t *testing.T, c *client.Client, query string) string {
	t.Helper()
	out, err := c.Send(t.Context(), url.Values{"database": {c.Database()}}, []byte(query))
	require.NoError(t, err)
	return strings.TrimSpace(string(out))
}

// TestPartitions: rows of three widths that are kept for three lengths of time make a part each, and a part goes when its time has come.
func TestPartitions(t *testing.T) {
	c, _ := clickhousetest.Open(t)
	s := New(c)
	const day = 24 * time.Hour
	now := time.Now().UTC().Truncate(time.Hour)
	row := func(step, back, keep time.Duration) storage.RollupRow {
		at := now.Add(-back).Truncate(step)
		return storage.RollupRow{Row: rollup.Row{Step: step, Time: at, Values: []string{"a"}, Count: 1}, Expires: at.Add(keep)}
	}
	batch := []storage.RollupRows{{Tenant: tenant.Default, State: "r@1", Rows: []storage.RollupRow{
		row(10*time.Second, 0, 7*day), row(time.Minute, 0, 90*day), row(time.Hour, 0, 400*day),
	}}}
	require.NoError(t, s.AppendRollups(t.Context(), "1", batch))
	parts := "SELECT groupArray(partition) FROM (SELECT partition FROM system.parts WHERE active AND table = 'strata_rollups' ORDER BY partition)"
	months := []string{now.Add(7 * day).Format(time.DateOnly), monday(now.Add(90 * day)).Format(time.DateOnly), now.Add(400*day).Format("2006-01") + "-01"}
	slices.Sort(months)
	require.Equal(t, "['"+strings.Join(months, "','")+"']", ask(t, c, parts))

	// What lies in days and months that are over is dropped with them.
	batch[0].Rows = []storage.RollupRow{row(10*time.Second, 10*day, 7*day), row(10*time.Second, 9*day, 7*day), row(time.Hour, 800*day, 400*day)}
	require.NoError(t, s.AppendRollups(t.Context(), "2", batch))
	require.NoError(t, c.Exec(t.Context(), "OPTIMIZE TABLE strata.strata_rollups FINAL"))
	require.Eventually(t, func() bool { return ask(t, c, "SELECT count() FROM strata_rollups") == "3" }, 20*time.Second, 50*time.Millisecond)
	_, n, err := s.RollupBytes(t.Context(), tenant.Default, "r@1")
	require.NoError(t, err)
	require.EqualValues(t, 3, n)
}

// monday is the first day of the week of t.
func monday(t time.Time) time.Time { return t.AddDate(0, 0, -(int(t.Weekday())+6)%7) }

// TestConditionsUseTheKey: a condition on the first dimension reads a few granules of many, with folded values as well.
func TestConditionsUseTheKey(t *testing.T) {
	c, _ := clickhousetest.Open(t)
	require.NoError(t, c.Exec(t.Context(), `INSERT INTO strata.strata_rollups (TenantId, State, Step, Value0, Folded, Time, Expires, Count)
		SELECT 'default', 's', 60, if(number % 50 = 0, '', toString(number % 50)), number % 50 = 0, toDateTime(1900000000 + intDiv(number, 50) * 60), toDateTime(4000000000), 1 FROM numbers(500000)`))
	require.NoError(t, c.Exec(t.Context(), "OPTIMIZE TABLE strata.strata_rollups FINAL"))
	for _, cond := range []storage.RollupCondition{{Values: []string{"7"}}, {Values: []string{"7"}, Folded: true}, {Folded: true}} {
		st := client.For(tenant.Default)
		q := storage.RollupQuery{
			State: "s", Step: time.Minute, Range: storage.TimeRange{Start: time.Unix(1900000000, 0), End: time.Unix(1950000000, 0)}, Where: []storage.RollupCondition{cond},
		}
		var granules []string
		query := "SELECT explain FROM (EXPLAIN indexes = 1 " + compile(st, &q, 10) + ") WHERE explain LIKE '%Granules:%'"
		require.NoError(t, c.Each(t.Context(), "explain", query, st, func(scan func(...any) error) error {
			var line string
			err := scan(&line)
			granules = append(granules, strings.TrimSpace(line))
			return err
		}))
		require.NotEmpty(t, granules)
		require.Regexp(t, `Granules: [1-6]/6\d`, granules[len(granules)-1], "%+v", cond)
	}
}
