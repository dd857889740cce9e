// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/signal"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/clickhousetest"
	"github.com/strata-apm/strata/storage/clickhouse/client"
	"github.com/strata-apm/strata/storage/clickhouse/engine/supervise"
	"github.com/strata-apm/strata/storage/clickhouse/schema"
	"github.com/strata-apm/strata/storage/storagetest"
	"github.com/strata-apm/strata/tenant"
)

// granules reads how many granules the index of words leaves of how many for a search, from the engine's own plan.
func granules(t *testing.T, c *client.Client, text string) string {
	t.Helper()
	st := client.For(tenant.Default)
	condition, err := newCompiler(st).Compile(search.Contains{Text: text})
	require.NoError(t, err)
	var plan []string
	require.NoError(t, c.Each(t.Context(), "explain", "EXPLAIN indexes = 1 SELECT count() FROM {db}.otel_logs WHERE "+st.OfTenant()+" AND "+condition, st, func(scan func(...any) error) error {
		var line string
		err := scan(&line)
		plan = append(plan, strings.TrimSpace(line))
		return err
	}))
	for i, line := range plan {
		if line == "Name: idx_words" {
			for _, line := range plan[i:] {
				if of, ok := strings.CutPrefix(line, "Granules: "); ok {
					return of
				}
			}
		}
	}
	return "no index used: " + strings.Join(plan, "\n")
}

// The index must be used for words, or a search reads every body; and its expression must be the one of the conditions, letter by letter.
func TestIndexOfWords(t *testing.T) {
	c, _ := clickhousetest.Open(t)
	s := New(c)
	at := time.Now().Add(-time.Hour)
	_, err := s.AppendLogs(t.Context(), "a", storagetest.Requests(t, tenant.Default, clickhousetest.LogsOf(at, 40_000, func(i int) string {
		if i == 20_000 {
			return "用户needle登录 \x1b[31mpin\x1b[0m"
		}
		return "plain text " + strconv.Itoa(i) + " 登录"
	})))
	require.NoError(t, err)
	require.Equal(t, "1/5", granules(t, c, "needle"))
	require.Equal(t, "1/5", granules(t, c, "needle登录"))
	require.Equal(t, "1/5", granules(t, c, "PIN"))
	require.Equal(t, "0/5", granules(t, c, "absent words"))
}

// Rows that an older release wrote have no such index; they are found all the same, beside new ones.
func TestWordsOfOlderRows(t *testing.T) {
	c, _ := clickhousetest.Open(t)
	s := New(c)
	for _, statement := range []string{
		"ALTER TABLE strata.otel_logs DROP INDEX idx_words",
		"ALTER TABLE strata.otel_logs ADD INDEX idx_body lower(Body) TYPE tokenbf_v1(32768, 3, 0) GRANULARITY 1",
		"DELETE FROM strata.strata_migrations WHERE Version = 3 SETTINGS mutations_sync = 2",
	} {
		require.NoError(t, c.Exec(t.Context(), statement))
	}
	at := time.Now().Add(-time.Hour).Truncate(time.Second)
	body := func(int) string { return "用户admin登录" }
	_, err := s.AppendLogs(t.Context(), "old", storagetest.Requests(t, tenant.Default, clickhousetest.LogsOf(at, 1, body)))
	require.NoError(t, err)
	require.NoError(t, schema.New(c, schema.Options{}).Migrate(t.Context()))
	_, err = s.AppendLogs(t.Context(), "new", storagetest.Requests(t, tenant.Default, clickhousetest.LogsOf(at, 1, body)))
	require.NoError(t, err)
	page, err := s.SearchLogs(t.Context(), storage.LogSearch{
		Selection: storage.Selection{Tenant: tenant.Default, Filter: search.Contains{Text: "ADMIN"}, Range: storage.TimeRange{Start: at, End: at.Add(time.Second)}}, Limit: 10,
	})
	require.NoError(t, err)
	require.Len(t, page.Logs, 2)
}

// oldIndex puts the index of words back to what it was before it knew other scripts, for comparison.
func oldIndex(b *testing.B, c *client.Client) {
	b.Helper()
	require.NoError(b, c.Exec(b.Context(), "ALTER TABLE strata.otel_logs DROP INDEX idx_words"))
	require.NoError(b, c.Exec(b.Context(), "ALTER TABLE strata.otel_logs ADD INDEX idx_body lower(Body) TYPE tokenbf_v1(32768, 3, 0) GRANULARITY 1"))
}

var benchBodies = map[string]func(i int) string{
	"ascii": func(i int) string {
		return fmt.Sprintf("request finished: GET /api/v1/orders for user-%d order=%d took %dms status=200 bytes=%d upstream=10.0.1.7", i*7919%100_000, i*31, i%3000, i*17%50_000)
	},
	"han": func(i int) string {
		return fmt.Sprintf("用户user%d登录失败，原因：密码错误，重试%d次；订单ORDER%d号创建成功，上游timeout=%dms", i*7919%100_000, i%5, i*31, i%3000)
	},
}

// BenchmarkWords is what the index of words costs at insert and what it leaves to a search, over a million rows. Run it
// with -benchtime 1x.
func BenchmarkWords(b *testing.B) {
	const batches = 20
	for name, text := range benchBodies {
		for _, index := range []string{"old", "new"} {
			c, sup := clickhousetest.Open(b)
			s := New(c)
			if index == "old" {
				oldIndex(b, c)
			}
			at := time.Now().Add(-time.Hour)
			b.Run("append/"+name+"/"+index, func(b *testing.B) {
				n := 0
				requests := make([][]storage.Owned[[]byte], batches)
				for i := range requests {
					ld := clickhousetest.LogsOf(at.Add(time.Duration(i)*time.Minute), clickhousetest.Rows, func(int) string { n++; return text(n) })
					requests[i] = storagetest.Requests(b, tenant.Default, ld)
				}
				m := clickhousetest.StartMeter(b, c, sup)
				for i := range requests {
					_, err := s.AppendLogs(b.Context(), storage.BatchID(strconv.Itoa(i)), requests[i])
					require.NoError(b, err)
				}
				m.Report(batches*clickhousetest.Rows, 0, "otel_logs")
			})
			if index == "new" {
				benchSearches(b, s, sup, name, at)
			}
		}
	}
}

func benchSearches(b *testing.B, s *Store, sup *supervise.Supervisor, name string, at time.Time) {
	b.Helper()
	const asked = 10
	r := storage.TimeRange{Start: at.Add(-time.Minute), End: at.Add(time.Hour)}
	for _, text := range []string{"user4711", "user-4711", "timeout", "absent", "密码错误", "没有的", "ошибка", "order finished"} {
		b.Run("search/"+name+"/"+text, func(b *testing.B) {
			_, from := clickhousetest.CPU(b, sup.State().PID)
			for range asked {
				_, err := s.LogHistogram(b.Context(), storage.Selection{Tenant: tenant.Default, Filter: search.Contains{Text: text}, Range: r}, 60)
				require.NoError(b, err)
			}
			_, to := clickhousetest.CPU(b, sup.State().PID)
			b.ReportMetric((to-from).Seconds()*1e3/asked, "cpu-ms/search")
			b.ReportMetric(b.Elapsed().Seconds()*1e3/asked, "ms/search")
		})
	}
}

// An attribute with a dot in its name is asked for in two maps, each with an index; both have to be used.
func TestIndexOfAttributes(t *testing.T) {
	c, _ := clickhousetest.Open(t)
	s := New(c)
	at := time.Now().Add(-time.Hour)
	ld := clickhousetest.LogsOf(at, 40_000, func(int) string { return "x" })
	recs := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	for i := range recs.Len() {
		recs.At(i).Attributes().PutStr("user.id", strconv.Itoa(i))
		recs.At(i).Attributes().PutEmptyMap("order").PutInt("number", int64(i))
	}
	_, err := s.AppendLogs(t.Context(), "a", storagetest.Requests(t, tenant.Default, ld))
	require.NoError(t, err)
	for _, name := range []string{"attr.user.id", "attr.order.number", "user.id", "order.number"} { // A bare name may be one of the resource too.
		st := client.For(tenant.Default)
		f, err := search.Parse(signal.Logs, name+":20000")
		require.NoError(t, err)
		condition, err := newCompiler(st).Compile(f)
		require.NoError(t, err)
		var plan []string
		require.NoError(t, c.Each(t.Context(), "explain", "EXPLAIN indexes = 1 SELECT count() FROM {db}.otel_logs WHERE "+st.OfTenant()+" AND "+condition, st, func(scan func(...any) error) error {
			var line string
			err := scan(&line)
			plan = append(plan, line)
			return err
		}))
		require.Contains(t, strings.Join(plan, "\n"), "Granules: 1/5", name)
	}
}
