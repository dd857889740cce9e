// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/strata-apm/strata/storage"
)

func TestConfig(t *testing.T) {
	require.NoError(t, Default().Validate())
	for _, c := range []struct {
		url, database, host, want, err string
	}{
		{url: "", host: "engine", want: "strata"},
		{url: "http://u:p@ch:9000/otel", host: "ch:9000", want: "otel"},
		{url: "https://ch", host: "ch:8443", want: "strata"},
		{url: "http://ch/otel", database: "mine", host: "ch:8123", want: "mine"},
		{url: "clickhouse://ch:9000/otel", err: "native protocol"},
		{url: "ftp://ch", err: "neither http nor https"},
		{url: "http://", err: "no host"},
		{url: "http://u:secret@%zz", err: "malformed"},
		{url: "http://ch/a-b", err: "plain name"},
	} {
		cfg := Default()
		cfg.URL, cfg.Database = c.url, c.database
		err := cfg.Validate()
		if c.err != "" {
			require.ErrorContains(t, err, c.err)
			require.NotContains(t, err.Error(), "secret")
			continue
		}
		require.NoError(t, err)
		got, err := cfg.target()
		require.NoError(t, err)
		require.Equal(t, c.host, got.host)
		require.Equal(t, c.want, got.database)
	}
	bad := Default()
	bad.Retention.Logs = time.Minute
	require.ErrorContains(t, bad.Validate(), "retention.logs")
	cluster := Default()
	cluster.Cluster, cluster.Insert.Quorum = "shop", 2
	require.ErrorContains(t, cluster.Validate(), "embedded engine is one node")
	cluster.URL = "http://ch"
	require.NoError(t, cluster.Validate())
	cluster.Cluster = "a b'"
	require.ErrorContains(t, cluster.Validate(), "plain name")
	cluster.Cluster = ""
	require.ErrorContains(t, cluster.Validate(), "insert.quorum")
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		err        error
		write      error
		read       error
		writeFatal bool
	}{
		{err: newException(500, "Code: 241. DB::Exception: memory"), write: storage.ErrUnavailable, read: storage.ErrLimit},
		{err: newException(500, "Code: 252. DB::Exception: Too many parts"), write: storage.ErrUnavailable},
		{err: newException(500, "Code: 252. DB::Exception: Too many partitions for single INSERT block"), writeFatal: true},
		{err: newException(502, "bad gateway"), write: storage.ErrUnavailable},
		{err: newException(400, "Code: 62. DB::Exception: syntax"), write: storage.ErrUnavailable},
		{err: newException(500, "Code: 107. DB::Exception: File does not exist"), write: storage.ErrUnavailable},
		{err: newException(500, "Code: 9999. DB::Exception: nobody knows"), write: storage.ErrUnavailable},
		{err: newException(500, "Code: 6. DB::Exception: cannot parse"), writeFatal: true},
		{err: newException(500, "Code: 75. DB::ErrnoException: Cannot write to file: errno: 28, No space left on device"), write: storage.ErrUnavailable},
		{err: newException(500, "Code: 1001. DB::Exception: std::filesystem: No space left on device"), write: storage.ErrUnavailable},
		{err: newException(403, "Code: 516. DB::Exception: strata: Authentication failed"), write: storage.ErrUnavailable},
		{err: newException(404, "Code: 60. DB::Exception: Table strata.otel_logs does not exist"), write: storage.ErrUnavailable},
		{err: newException(500, "Code: 279. DB::NetException: All connection tries failed. Log: Code: 210."), write: storage.ErrUnavailable, read: storage.ErrUnavailable},
		{err: newException(500, "Code: 577. DB::Exception: Shard id"), write: storage.ErrUnavailable},
		{err: errors.New("connection refused"), write: storage.ErrUnavailable, read: storage.ErrUnavailable},
		{err: newException(408, "Code: 159. DB::Exception: timeout"), write: storage.ErrUnavailable, read: storage.ErrLimit},
		{err: &clickhouse.Exception{Code: 158}, read: storage.ErrLimit, write: storage.ErrUnavailable},
		{err: &clickhouse.Exception{Code: 202}, read: storage.ErrUnavailable, write: storage.ErrUnavailable},
	} {
		if c.write != nil {
			require.ErrorIs(t, writeError(c.err), c.write)
		}
		if c.writeFatal {
			require.NotErrorIs(t, writeError(c.err), storage.ErrUnavailable)
		}
		if c.read != nil {
			require.ErrorIs(t, readError(t.Context(), c.err), c.read)
		}
	}
}

func TestStatements(t *testing.T) {
	require.Equal(t, []string{"CREATE a\n(\n  x\n)", "SELECT 1"}, statements("-- one\nCREATE a\n(\n  x\n);\n\n-- two\nSELECT 1;\n"))
}

func TestMerge(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	r := func(a, b int) storage.TimeRange { return storage.TimeRange{Start: at(a), End: at(b)} }
	require.Equal(t, []storage.TimeRange{r(0, 5), r(10, 11)}, merge([]storage.TimeRange{r(10, 11), r(0, 4), r(3, 5)}))
	var many []storage.TimeRange
	for i := range 1000 {
		many = append(many, r(i*i, i*i+1))
	}
	got := merge(many)
	require.LessOrEqual(t, len(got), 24)
	require.Equal(t, at(0), got[0].Start)
	require.Equal(t, at(999*999+1), got[len(got)-1].End)
	require.Empty(t, merge(nil))
}

func TestOpenAgain(t *testing.T) {
	s, sup := openStore(t)
	ld, _ := newGenerator().logs(100)
	_, err := s.AppendLogs(t.Context(), "a", []plog.Logs{ld})
	require.NoError(t, err)

	cfg := Default()
	cfg.Retention.Logs = 0
	cfg.Retention.Traces = 48 * time.Hour
	again, err := Open(t.Context(), cfg, Options{Dial: sup.DialContext})
	require.NoError(t, err)
	defer func() { _ = again.Close() }()
	require.NoError(t, again.Ping(t.Context()))
	for table, want := range map[string]string{"otel_logs": "", "otel_traces": "TTL toDateTime(Timestamp) + toIntervalSecond(172800)", "otel_traces_trace_id_ts": "toIntervalSecond(172800)"} {
		got := ""
		require.NoError(t, again.each(t.Context(), "x", "SELECT create_table_query FROM system.tables WHERE name = '"+table+"'", nil, func(scan func(...any) error) error { return scan(&got) }))
		if want == "" {
			require.NotContains(t, got, " TTL ")
			continue
		}
		require.Contains(t, got, want)
		require.Contains(t, got, "fsync_after_insert = 1")
	}
	// Every migration can be run on a database that has it already, as after a crash before its record was written.
	m := &migrator{sender: again.sender, database: again.target.database, now: time.Now}
	require.NoError(t, m.sender.exec(t.Context(), "TRUNCATE TABLE "+again.target.database+".strata_migrations"))
	require.NoError(t, m.migrate(t.Context()))
	page, err := again.SearchLogs(t.Context(), storage.LogSearch{Selection: storage.Selection{Range: storage.TimeRange{Start: time.Now().Add(-24 * time.Hour), End: time.Now()}}, Limit: 200})
	require.NoError(t, err)
	require.Len(t, page.Logs, 100)
}

func TestOpenWithoutServer(t *testing.T) {
	// The second attempt never gets an answer and is cut short; what the first one met is still said.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	attempts := 0
	_, err := Open(ctx, Default(), Options{Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		if attempts++; attempts > 1 {
			cancel()
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return nil, errors.New("nobody there")
	}})
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, storage.ErrUnavailable)
	require.ErrorContains(t, err, "nobody there")
}

func TestGuards(t *testing.T) {
	s, _ := openStore(t)
	ask := func(change func(*Limits), query string) error {
		limited := &Store{cfg: s.cfg, target: s.target, conn: s.conn}
		change(&limited.cfg.Query)
		return limited.each(t.Context(), "ask", query, nil, func(scan func(...any) error) error {
			var n uint64
			return scan(&n)
		})
	}
	for name, c := range map[string]struct {
		change func(*Limits)
		query  string
	}{
		"time":   {func(l *Limits) { l.Timeout = 300 * time.Millisecond }, "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))"},
		"memory": {func(l *Limits) { l.MaxMemoryBytes = 10 << 20 }, "SELECT length(groupArray(number)) FROM numbers(100000000)"},
		"rows":   {func(l *Limits) { l.MaxRowsRead = 1000 }, "SELECT count() FROM numbers(100000) WHERE number % 3 = 1"},
		"result": {func(l *Limits) { l.MaxResultRows = 10 }, "SELECT number FROM numbers(1000)"},
	} {
		require.ErrorIs(t, ask(c.change, c.query), storage.ErrLimit, name)
	}
	err := ask(func(*Limits) {}, "CREATE TABLE "+s.target.database+".x (a UInt8) ENGINE = Memory")
	require.Error(t, err)
	require.True(t, strings.Contains(err.Error(), "readonly") || strings.Contains(err.Error(), "READONLY"), fmt.Sprint(err))
}
