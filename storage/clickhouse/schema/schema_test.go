// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage/clickhouse/client"
	"github.com/strata-apm/strata/storage/clickhouse/engine/enginetest"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

// open returns a client of a fresh engine.
func open(t *testing.T) *client.Client {
	t.Helper()
	c, err := client.New(client.Default(), client.Options{Dial: enginetest.Start(t, t.TempDir()).DialContext})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// allStatements are those that an empty database gets.
func allStatements(t *testing.T, m *Migrator) []string {
	t.Helper()
	out := m.first()
	names, err := fs.Glob(files, "*.sql")
	require.NoError(t, err)
	slices.Sort(names)
	for _, file := range names {
		plan, err := m.plan(file)
		require.NoError(t, err)
		for _, statement := range plan {
			if r, ok := parseRebuild(statement); ok {
				out = slices.Concat(out, m.before(r), []string{m.exchange(r)}, m.after(r))
				continue
			}
			out = append(out, statement)
		}
	}
	for _, rule := range ttls(DefaultRetention()) {
		out = append(out, m.retention(rule, ""))
	}
	return out
}

// Every statement is written down for reading, and read by the engine itself.
func TestSchemaStatements(t *testing.T) {
	c := open(t)
	for name, m := range map[string]*Migrator{"single": {database: "strata"}, "cluster": {database: "strata", cluster: "shop"}} {
		t.Run(name, func(t *testing.T) {
			all := allStatements(t, m)
			text, file := strings.Join(all, ";\n\n")+";\n", filepath.Join("testdata", name+".sql")
			if os.Getenv("STRATA_TEST_UPDATE") != "" {
				require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, string(want), text, "STRATA_TEST_UPDATE=1 renews testdata")
			for _, statement := range all {
				require.NotRegexp(t, `\{(db|local|on_cluster|everywhere|distributed|\w*settings|\w*merge_tree)\}`, statement)
				_, err := c.Send(t.Context(), url.Values{}, []byte("EXPLAIN AST "+statement))
				require.NoError(t, err, statement)
			}
		})
	}
}

// In a cluster every table that holds rows is replicated with the same memory of batches as a table of one node has.
func TestClusterTablesRememberBatches(t *testing.T) {
	n := 0
	for _, s := range allStatements(t, &Migrator{database: "strata", cluster: "shop"}) {
		require.Contains(t, s, " ON CLUSTER shop")
		if strings.HasPrefix(s, "CREATE TABLE") && strings.Contains(s, "ORDER BY") && !strings.Contains(s, "strata_migrations") {
			n++
			require.Contains(t, s, "MergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')")
			require.Contains(t, s, "replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800")
			require.NotContains(t, s, "non_replicated")
			require.Contains(t, s, "fsync_after_insert = 1")
		}
		if strings.Contains(s, "CREATE MATERIALIZED VIEW") {
			require.Equal(t, 2, strings.Count(s, "_local"), "a view reads and writes the tables of its own node: %s", s)
		}
	}
	require.Equal(t, 10, n, "four tables, each made anew once, and the two of rollups")
}

func TestStatements(t *testing.T) {
	require.Equal(t, []string{"CREATE a\n(\n  x\n)", "SELECT 1"}, statements("-- one\nCREATE a\n(\n  x\n);\n\n-- two\nSELECT 1;\n"))
}

func TestRetentionIsChecked(t *testing.T) {
	require.NoError(t, DefaultRetention().Validate())
	bad := DefaultRetention()
	bad.Logs = time.Minute
	require.ErrorContains(t, bad.Validate(), "retention.logs")
}
