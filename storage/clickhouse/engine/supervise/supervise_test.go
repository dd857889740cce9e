// SPDX-License-Identifier: Apache-2.0

package supervise_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/engine/enginetest"
	"github.com/strata-apm/strata/storage/clickhouse/engine/supervise"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

type caller struct {
	t      *testing.T
	client *http.Client
}

// do sends a statement; params are name, value, name, value.
func (c caller) do(ctx context.Context, query string, body io.Reader, params ...string) (int, http.Header, string) {
	c.t.Helper()
	v := url.Values{}
	if query != "" {
		v.Set("query", query)
	}
	for i := 0; i+1 < len(params); i += 2 {
		v.Set(params[i], params[i+1])
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://engine/?"+v.Encode(), body)
	require.NoError(c.t, err)
	resp, err := c.client.Do(req)
	require.NoError(c.t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(c.t, err)
	return resp.StatusCode, resp.Header, string(b)
}

func (c caller) ok(query string, params ...string) string {
	c.t.Helper()
	status, _, body := c.do(c.t.Context(), "", strings.NewReader(query), params...)
	require.Equal(c.t, http.StatusOK, status, body)
	return strings.TrimSpace(body)
}

func start(t *testing.T) (*supervise.Supervisor, caller) {
	t.Helper()
	s := enginetest.Start(t, t.TempDir())
	return s, caller{t, enginetest.Client(t, s)}
}

func TestHTTPInterface(t *testing.T) {
	_, c := start(t)
	require.Equal(t, "1", c.ok("SELECT 1"))
	require.Equal(t, `a\tb\'c 7`, c.ok(`SELECT {s:String} || ' ' || toString({n:UInt8})`, "param_s", `a\tb'c`, "param_n", "7"))
	require.JSONEq(t, `{"x":1}`, c.ok("SELECT 1 AS x", "default_format", "JSONEachRow", "output_format_json_quote_64bit_integers", "0"))
	require.Contains(t, c.ok("EXPLAIN SELECT 1"), "ReadFromSystemOne")
	require.Contains(t, c.ok("SHOW DATABASES"), "system")
	require.Contains(t, c.ok("DESCRIBE TABLE system.one"), "dummy")
	require.Equal(t, "1", c.ok("WITH 1 AS x SELECT x"))
	require.Equal(t, "3", c.ok("SELECT getSetting('max_threads')", "max_threads", "3"))
	require.NotEqual(t, "3", c.ok("SELECT getSetting('max_threads')"), "a setting must not leak into the next request")

	c.ok("CREATE DATABASE d")
	c.ok("CREATE TABLE t (a String, b UInt64) ENGINE = MergeTree ORDER BY a", "database", "d")
	status, h, body := c.do(t.Context(), "INSERT INTO t (a, b) FORMAT TSV", strings.NewReader("x\t1\ny\t2\n"), "database", "d")
	require.Equal(t, http.StatusOK, status, body)
	require.Contains(t, h.Get("X-Clickhouse-Summary"), `"written_rows":"2"`)
	require.Equal(t, "2", c.ok("SELECT count() FROM d.t"))

	for _, bad := range []struct {
		query  string
		params []string
		status int
		code   string
	}{
		{"SELEC 1", nil, 400, "62"},
		{"SELECT * FROM nowhere", nil, 404, "60"},
		{"SELECT 1", []string{"no_such_setting", "1"}, 404, "115"},
		{"SELECT 1", []string{"max_threads", "many"}, 400, ""},
		{"CREATE TABLE d.u (a UInt8) ENGINE = Memory", []string{"readonly", "2"}, 403, "164"},
		{"SELECT throwIf(number = 5) FROM numbers(10)", nil, 500, "395"},
		{"", nil, 400, "62"},
	} {
		status, h, body := c.do(t.Context(), "", strings.NewReader(bad.query), bad.params...)
		require.Contains(t, body, "DB::Exception", bad.query)
		if bad.code != "" {
			require.Equal(t, bad.code, h.Get("X-Clickhouse-Exception-Code"), body)
		}
		if bad.code != "115" {
			require.Equal(t, bad.status, status, body)
		}
	}
	resp, err := c.client.Get("http://engine/?query=DROP+TABLE+d.t")
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, http.StatusForbidden, resp.StatusCode, "GET must not change anything")
}

// inserts is how many inserts run now, "" when the engine does not say.
func (c caller) inserts() string {
	_, _, n := c.do(c.t.Context(), "SELECT count() FROM system.processes WHERE query_kind = 'Insert'", nil)
	return strings.TrimSpace(n)
}

func TestInsertThatIsCutOffStoresNothing(t *testing.T) {
	_, c := start(t)
	c.ok("CREATE TABLE t (a String) ENGINE = MergeTree ORDER BY a")
	pr, pw := io.Pipe()
	go func() {
		_, _ = pw.Write([]byte(strings.Repeat("row\n", 1000)))
		for c.inserts() == "0" && t.Context().Err() == nil { // Until the engine has begun.
			runtime.Gosched()
		}
		pw.CloseWithError(errors.New("gone"))
	}()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://engine/?query="+url.QueryEscape("INSERT INTO t (a) FORMAT TSV"), pr)
	require.NoError(t, err)
	resp, err := c.client.Do(req)
	if err == nil {
		resp.Body.Close()
	}
	require.Eventually(t, func() bool { return c.inserts() == "0" }, 10*time.Second, 10*time.Millisecond)
	require.Equal(t, "0", c.ok("SELECT count() FROM t"))
}

func TestCancelStopsTheQuery(t *testing.T) {
	_, c := start(t)
	for name, query := range map[string]string{
		"aggregation": "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))",
		"stream":      "SELECT number FROM numbers(1000000000000)",
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://engine/?query_id=victim-"+name, strings.NewReader(query))
			require.NoError(t, err)
			resp, err := c.client.Do(req)
			if err == nil {
				_, err = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
			require.ErrorIs(t, err, context.DeadlineExceeded)
			gone := time.Now()
			require.Eventually(t, func() bool {
				return c.ok("SELECT count() FROM system.processes WHERE Settings['log_comment'] = 'victim-"+name+"'") == "0"
			}, time.Second, 20*time.Millisecond, "the query must stop within a second")
			t.Logf("stopped after %s", time.Since(gone))
		})
	}
}

func TestErrorInTheMiddleOfAResult(t *testing.T) {
	_, c := start(t)
	resp, err := c.client.Post("http://engine/", "", strings.NewReader("SELECT throwIf(number = 3000000) FROM numbers(10000000) SETTINGS max_block_size = 10000"))
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	b, err := io.ReadAll(resp.Body)
	require.Error(t, err, "the response must not look whole")
	require.Contains(t, string(b[max(0, len(b)-2000):]), "__exception__\r\n")
}

func TestGoClient(t *testing.T) {
	s, _ := start(t)
	conn, err := clickhouse.Open(&clickhouse.Options{
		Addr: []string{"engine:80"}, Protocol: clickhouse.HTTP,
		DialContext: enginetest.DialAddr(s),
	})
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	var (
		m map[string]string
		l string
		n uint64
		b string
	)
	row := conn.QueryRow(t.Context(), `SELECT map('k', 'v')::Map(LowCardinality(String), String), toLowCardinality('x'), number, {s:String} FROM numbers(5) WHERE number = 4`,
		clickhouse.Named("s", "nul\x00 tab\t back\\slash 'quote' \xff"))
	require.NoError(t, row.Scan(&m, &l, &n, &b))
	require.Equal(t, map[string]string{"k": "v"}, m)
	require.Equal(t, "x", l)
	require.EqualValues(t, 4, n)
	require.Equal(t, "nul\x00 tab\t back\\slash 'quote' \xff", b)
	var list []string
	want := []string{`a'b`, `c\d`, "e\x00f", "g\nh", "`", `\'`}
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT {l:Array(String)}", clickhouse.Named("l", want)).Scan(&list))
	require.Equal(t, want, list)

	rows, err := conn.Query(t.Context(), "SELECT number FROM numbers(3000000)")
	require.NoError(t, err)
	count := 0
	for rows.Next() {
		count++
	}
	require.NoError(t, rows.Err())
	require.Equal(t, 3_000_000, count)
	var ex *clickhouse.Exception
	require.ErrorAs(t, conn.Exec(t.Context(), "SELECT * FROM nowhere"), &ex)
	require.EqualValues(t, 60, ex.Code)
}

func TestChildIsRestarted(t *testing.T) {
	s, c := start(t)
	c.ok("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a SETTINGS fsync_after_insert = 1")
	c.ok("INSERT INTO t SELECT 1 SETTINGS async_insert = 0")
	for i := range 2 {
		st := s.State()
		require.Equal(t, supervise.OK, st.Phase)
		require.NoError(t, syscall.Kill(st.PID, syscall.SIGKILL))
		require.Eventually(t, func() bool { return s.State().Phase != supervise.OK || s.State().PID != st.PID }, 5*time.Second, time.Millisecond)
		if s.State().Phase != supervise.OK {
			_, err := s.DialContext(t.Context(), "", "")
			if err != nil {
				require.ErrorIs(t, err, storage.ErrUnavailable)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		require.NoError(t, s.Ready(ctx))
		cancel()
		require.Equal(t, i+1, s.State().Restarts)
		require.Equal(t, "1", c.ok("SELECT count() FROM t"))
	}
}

func TestSecondEngineOnTheSameDirectoryIsRefused(t *testing.T) {
	dir := t.TempDir()
	first := enginetest.Start(t, dir)
	opts := enginetest.Options(t, dir)
	second, err := supervise.New(opts)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- second.Run(ctx) }()
	require.Never(t, func() bool { return second.State().Phase == supervise.OK }, time.Second, 50*time.Millisecond)
	cancel()
	require.NoError(t, <-done)
	require.Equal(t, "1", caller{t, enginetest.Client(t, first)}.ok("SELECT 1"), "the first one goes on")
}

func TestLongDataDirAndClose(t *testing.T) {
	dir := t.TempDir() + "/" + strings.Repeat("long-name/", 12)
	s, err := supervise.New(enginetest.Options(t, dir))
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- s.Run(context.Background()) }()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, s.Ready(ctx))
	pid := s.State().PID
	started := time.Now()
	require.NoError(t, s.Close())
	require.NoError(t, <-done)
	require.Less(t, time.Since(started), 5*time.Second)
	require.Equal(t, supervise.Stopped, s.State().Phase)
	require.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH)
	require.ErrorIs(t, s.Ready(t.Context()), storage.ErrUnavailable)
}

func TestStateSaysWhyTheChildDoesNotStart(t *testing.T) {
	opts := enginetest.Options(t, t.TempDir())
	opts.Library = "/does/not/exist.so"
	s, err := supervise.New(opts)
	require.NoError(t, err)
	go func() { _ = s.Run(context.Background()) }()
	defer func() { _ = s.Close() }()
	require.Eventually(t, func() bool {
		return s.State().Phase == supervise.Down && strings.Contains(s.State().Message, "exist.so")
	}, 20*time.Second, time.Millisecond, fmt.Sprint(s.State()))
}
