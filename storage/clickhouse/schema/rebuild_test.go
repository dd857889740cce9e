// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"io/fs"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage/clickhouse/client"
	"github.com/strata-apm/strata/storage/clickhouse/engine/enginetest"
)

// old brings a database to the schema before tenants and fills it: 3 days of log records, one of them twice, spans, and what the views make.
func old(t *testing.T, m *Migrator) {
	t.Helper()
	for _, s := range m.first() {
		require.NoError(t, m.client.Exec(t.Context(), s))
	}
	names, err := fs.Glob(files, "000[1-4]_*.sql")
	require.NoError(t, err)
	slices.Sort(names)
	require.Len(t, names, 4)
	for _, file := range names {
		version, name, err := migrationName(file)
		require.NoError(t, err)
		require.NoError(t, m.run(t.Context(), file, version, name))
	}
	for _, s := range []string{
		`INSERT INTO strata.otel_logs (Timestamp, ObservedTimestamp, RowId, ServiceName, Body, LogAttributes, NestedAttributes)
			SELECT toDateTime64('2026-01-01 00:00:00', 9) + toIntervalHour(number % 72), 0, number % 999, 's', concat('body ', toString(number % 999)), map('k', toString(number)), map('attr.a.b', 'c') FROM numbers(1000)`,
		`INSERT INTO strata.otel_traces (Timestamp, TraceId, SpanId, SpanName, SpanKind, ServiceName, Duration, Events.Timestamp, Events.Name, Events.Attributes, Flags)
			SELECT toDateTime64('2026-01-01 00:00:00', 9) + toIntervalHour(number % 48), toString(number % 100), toString(number), 'op', 'Server', 's', 1000 + number, [toDateTime64('2026-01-01 00:00:00', 9)], ['e'], [map('x', 'y')], 3 FROM numbers(1000)`,
	} {
		_, err := m.client.Send(t.Context(), url.Values{"async_insert": {"0"}, "distributed_foreground_insert": {"1"}}, []byte(s))
		require.NoError(t, err)
	}
}

// answers are what is asked of the tables before and after: none of it may change.
func answers(t *testing.T, c *client.Client) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, q := range []string{
		"SELECT count(), uniqExact(RowId), sum(cityHash64(Timestamp, RowId, ServiceName, Body, LogAttributes, NestedAttributes, TimestampTime)) FROM strata.otel_logs",
		"SELECT count(), sum(cityHash64(Timestamp, TraceId, SpanId, SpanName, Duration, Events.Timestamp, Events.Name, Events.Attributes, Flags)) FROM strata.otel_traces",
		"SELECT TraceId, min(Start), max(End), sum(Spans) FROM strata.otel_traces_trace_id_ts GROUP BY TraceId ORDER BY TraceId",
		"SELECT Minute, ServiceName, SpanName, sum(Spans), sum(DurationSum), quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(Durations), max(LastSeen) FROM strata.strata_spans_1m GROUP BY ALL ORDER BY ALL",
	} {
		b, err := c.Send(t.Context(), url.Values{}, []byte(q))
		require.NoError(t, err)
		require.NotEmpty(t, string(b), q)
		out[q] = string(b)
	}
	return out
}

func one(t *testing.T, c *client.Client, query string) string {
	t.Helper()
	b, err := c.Send(t.Context(), url.Values{}, []byte(query))
	require.NoError(t, err)
	return strings.TrimSpace(string(b))
}

// TestTenantMigration brings a filled database to tenants: whole, cut short at every statement, and in a cluster's form.
func TestTenantMigration(t *testing.T) {
	open := map[string]func(t *testing.T) *Migrator{
		"single": func(t *testing.T) *Migrator {
			t.Helper()
			return New(open(t), Options{})
		},
		"cluster": func(t *testing.T) *Migrator {
			t.Helper()
			cfg := client.Default()
			cfg.Cluster, cfg.URL = "shop", "http://engine"
			c, err := client.New(cfg, client.Options{Dial: enginetest.StartCluster(t).DialContext, DialServer: true})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, c.Close()) })
			return New(c, Options{Cluster: "shop", Unreplicated: true})
		},
	}
	for name, open := range open {
		t.Run(name, func(t *testing.T) {
			m := open(t)
			old(t, m)
			before := answers(t, m.client)
			require.NoError(t, m.Migrate(t.Context()))
			require.NoError(t, m.Migrate(t.Context()), "a second time there is nothing to do")
			require.Equal(t, before, answers(t, m.client))
			for _, table := range []string{"otel_logs", "otel_traces", "otel_traces_trace_id_ts", "strata_spans_1m"} {
				require.Equal(t, "default", one(t, m.client, "SELECT DISTINCT TenantId FROM strata."+table), table)
				require.Equal(t, "1", one(t, m.client, "SELECT startsWith(sorting_key, 'TenantId, ') FROM system.tables WHERE database = 'strata' AND name = '"+table+m.localSuffixOf()+"'"))
			}
			require.Equal(t, "0", one(t, m.client, "SELECT count() FROM system.tables WHERE database = 'strata' AND name LIKE '%rebuilt%'"))
			// The views feed the new tables, and rows of a writer that knows no tenant are the default one's.
			_, err := m.client.Send(t.Context(), url.Values{"async_insert": {"0"}, "distributed_foreground_insert": {"1"}}, []byte("INSERT INTO strata.otel_traces (Timestamp, TraceId, SpanName) VALUES (now64(9), 'new', 'op')"))
			require.NoError(t, err)
			require.Equal(t, "1", one(t, m.client, "SELECT sum(Spans) FROM strata.otel_traces_trace_id_ts WHERE TenantId = 'default' AND TraceId = 'new'"))
		})
		t.Run(name+" cut short", func(t *testing.T) {
			m := open(t)
			steps := tenantSteps(t, m)
			for cut := 1; cut < len(steps); cut += 5 { // A step of each kind, each of another table.
				require.NoError(t, m.client.Exec(t.Context(), "DROP DATABASE IF EXISTS strata SYNC"))
				old(t, m)
				before := answers(t, m.client)
				for _, step := range steps[:cut] {
					require.NoError(t, step(t))
				}
				require.NoError(t, m.Migrate(t.Context()), "behind step %d", cut)
				require.Equal(t, before, answers(t, m.client), "behind step %d", cut)
			}
		})
	}
}

// tenantSteps are the steps of the migration to tenants: a crash may come behind each.
func tenantSteps(t *testing.T, m *Migrator) []func(t *testing.T) error {
	t.Helper()
	plan, err := m.plan("0005_tenants.sql")
	require.NoError(t, err)
	var steps []func(t *testing.T) error
	add := func(statements ...string) {
		for _, s := range statements {
			steps = append(steps, func(t *testing.T) error { t.Helper(); return m.client.Exec(t.Context(), s) })
		}
	}
	for _, statement := range plan {
		r, ok := parseRebuild(statement)
		if !ok {
			add(statement)
			continue
		}
		add(m.before(r)...)
		steps = append(steps, func(t *testing.T) error { t.Helper(); return m.copyRows(t.Context(), r.table) })
		add(m.exchange(r))
		add(m.after(r)...)
	}
	return steps
}

// TestRebuildNotices refuses to drop a table that has more rows than its copy, and begins again at the next start.
func TestRebuildNotices(t *testing.T) {
	m := New(open(t), Options{})
	old(t, m)
	plan, err := m.plan("0005_tenants.sql")
	require.NoError(t, err)
	r, ok := parseRebuild(plan[2])
	require.True(t, ok)
	for _, s := range m.before(r) {
		require.NoError(t, m.client.Exec(t.Context(), s))
	}
	require.NoError(t, m.copyRows(t.Context(), r.table))
	_, err = m.client.Send(t.Context(), url.Values{"async_insert": {"0"}}, []byte("INSERT INTO strata.otel_logs (Timestamp, Body) VALUES (now64(9), 'late')"))
	require.NoError(t, err)
	require.ErrorContains(t, m.sameRows(t.Context(), r.table), "something has written meanwhile")
	require.NoError(t, m.Migrate(t.Context()))
	require.Equal(t, "1", one(t, m.client, "SELECT count() FROM strata.otel_logs WHERE Body = 'late'"))
}
