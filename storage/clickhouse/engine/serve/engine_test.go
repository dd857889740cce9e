// SPDX-License-Identifier: Apache-2.0

package serve_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage/clickhouse/engine/enginetest"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

// answer is what came for a statement.
type answer struct {
	status int
	header http.Header
	body   string
	err    error // of reading the body
}

// asker sends requests to one engine.
type asker struct {
	t    *testing.T
	http *http.Client
}

func (a asker) do(ctx context.Context, method string, params url.Values, body io.Reader) (answer, error) {
	a.t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, "http://engine/?"+params.Encode(), body)
	require.NoError(a.t, err)
	resp, err := a.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(out), err}, nil
}

func (a asker) ask(params url.Values, statement string) answer {
	a.t.Helper()
	got, err := a.do(a.t.Context(), http.MethodPost, params, strings.NewReader(statement))
	require.NoError(a.t, err)
	return got
}

func (a asker) must(statement string) string {
	a.t.Helper()
	got := a.ask(nil, statement)
	require.Equal(a.t, http.StatusOK, got.status, got.body)
	return got.body
}

const endless = "SELECT count() FROM numbers(1000000000000000) WHERE NOT ignore(sipHash64(number)) SETTINGS max_execution_time = 120"

func TestEngine(t *testing.T) {
	sup := enginetest.Start(t, t.TempDir())
	a := asker{t, enginetest.Client(t, sup)}
	a.must("CREATE DATABASE d")
	a.must("CREATE TABLE d.t (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
	for _, part := range []struct {
		name string
		test func(*testing.T, asker)
	}{
		{"answers", testAnswers}, {"exceptions", testExceptions}, {"reading", testReading}, {"inserts", testInserts}, {"exceptions within a result", testLateExceptions}, {"leaving", testLeaving}, {"ids", testIDs}, {"many at once", testMany},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, asker{t, a.http}) })
	}
}

func testAnswers(t *testing.T, a asker) {
	t.Helper()
	resp, err := a.http.Get("http://engine/ping")
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, "Ok.\n", string(body))

	got := a.ask(url.Values{"query_id": {"q-1"}, "param_x": {`a\tb'\\`}, "default_format": {"JSONEachRow"}}, "SELECT {x:String} AS x")
	require.Equal(t, http.StatusOK, got.status, got.body)
	require.JSONEq(t, `{"x":"a\tb'\\"}`, got.body)
	require.Equal(t, "q-1", got.header.Get("X-ClickHouse-Query-Id"))
	require.Equal(t, "JSONEachRow", got.header.Get("X-ClickHouse-Format"))
	require.Contains(t, got.header.Get("X-ClickHouse-Summary"), `"read_rows"`)

	require.Equal(t, "7\n", a.ask(url.Values{"max_threads": {"7"}}, "SELECT getSetting('max_threads')").body)
	require.NotEqual(t, "7\n", a.must("SELECT getSetting('max_threads')"), "settings are of one request")
	require.Equal(t, "d\n", a.ask(url.Values{"database": {"d"}}, "SELECT currentDatabase()").body)
	require.Equal(t, "0\n", a.ask(url.Values{"database": {"d"}}, "SELECT count() FROM t").body)
	require.Contains(t, a.must("SHOW TABLES FROM d"), "t", "what is no SELECT is not streamed")
	require.Equal(t, "1\n", a.ask(url.Values{"query": {"SELECT"}}, "1").body)
	require.Empty(t, a.must("SELECT 1 WHERE 0"))
}

func testExceptions(t *testing.T, a asker) {
	t.Helper()
	for statement, c := range map[string]struct{ status, code int }{
		"SELEC 1": {400, 62}, "SELECT * FROM d.nothing": {404, 60}, "SELECT * FROM nowhere.t": {404, 81}, "SELECT nothing": {400, 47}, "": {400, 62}, "SHOW TABLES FROM nowhere": {404, 81}, "SELECT throwIf(1)": {500, 395},
		"SELECT sleep(3) SETTINGS max_execution_time = 1, timeout_overflow_mode = 'throw'": {408, 159},
	} {
		got := a.ask(nil, statement)
		require.Equal(t, c.status, got.status, "%s: %s", statement, got.body)
		require.Equal(t, strconv.Itoa(c.code), got.header.Get("X-ClickHouse-Exception-Code"), statement)
		require.Contains(t, got.body, "Code: "+strconv.Itoa(c.code)+". DB::Exception", statement)
	}
	require.Equal(t, http.StatusBadRequest, a.ask(url.Values{"compress": {"1"}}, "SELECT 1").status)
	require.Equal(t, "115", a.ask(url.Values{"no_such_setting": {"1"}}, "SELECT 1").header.Get("X-ClickHouse-Exception-Code"))
	require.Equal(t, "81", a.ask(url.Values{"database": {"no`where"}}, "SELECT 1").header.Get("X-ClickHouse-Exception-Code"))
}

// A GET changes nothing, and other methods are none.
func testReading(t *testing.T, a asker) {
	t.Helper()
	got, err := a.do(t.Context(), http.MethodGet, url.Values{"query": {"SELECT 5"}}, nil)
	require.NoError(t, err)
	require.Equal(t, "5\n", got.body)
	got, err = a.do(t.Context(), http.MethodGet, url.Values{"query": {"INSERT INTO d.t SELECT 1, ''"}}, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusForbidden, got.status, got.body)
	require.Equal(t, "164", got.header.Get("X-ClickHouse-Exception-Code"))
	require.Equal(t, "0\n", a.must("SELECT count() FROM d.t"))
	got, err = a.do(t.Context(), http.MethodPut, nil, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusMethodNotAllowed, got.status)
	require.Equal(t, "GET, POST", got.header.Get("Allow"))
}

func testInserts(t *testing.T, a asker) {
	t.Helper()
	into := url.Values{"query": {"INSERT INTO d.t (n, s) FORMAT TSV"}, "min_insert_block_size_rows": {"0"}, "max_insert_block_size": {"1000000000"}}
	insert := func(body io.Reader) answer {
		t.Helper()
		got, err := a.do(t.Context(), http.MethodPost, into, body)
		require.NoError(t, err)
		return got
	}
	count := func() string { return strings.TrimSpace(a.must("SELECT count(), sum(n) FROM d.t")) }

	t.Run("in one piece", func(t *testing.T) {
		got := insert(strings.NewReader("1\ta\n2\tb\n"))
		require.Equal(t, http.StatusOK, got.status, got.body)
		require.Contains(t, got.header.Get("X-ClickHouse-Summary"), `"written_rows":"2"`)
		require.Equal(t, "2\t3", count())
	})
	t.Run("larger than a piece", func(t *testing.T) {
		var rows bytes.Buffer
		for i := range 30_000 {
			fmt.Fprintf(&rows, "%d\t%s\n", i, strings.Repeat("x", 100))
		}
		require.Greater(t, rows.Len(), 3<<20)
		got := insert(&rows)
		require.Equal(t, http.StatusOK, got.status, got.body)
		require.Equal(t, fmt.Sprintf("%d\t%d", 30_002, 30_000*29_999/2+3), count())
	})
	t.Run("bit by bit", func(t *testing.T) {
		r, w := io.Pipe()
		go func() {
			for _, c := range "40\tslow\n50\tslower\n" {
				_, _ = w.Write([]byte(string(c)))
			}
			_ = w.Close()
		}()
		require.Equal(t, http.StatusOK, insert(r).status)
		require.Equal(t, "2\n", a.must("SELECT count() FROM d.t WHERE s LIKE 'slow%'"))
	})
	before := count()
	t.Run("data that cannot be read", func(t *testing.T) {
		got := insert(strings.NewReader("1\ta\nx\ty\n"))
		require.NotEqual(t, http.StatusOK, got.status)
		require.Contains(t, got.body, "DB::Exception")
		require.Equal(t, before, count(), "none of the rows is stored")
	})
	t.Run("cut off", func(t *testing.T) {
		r, w := io.Pipe()
		go func() {
			_, _ = io.WriteString(w, "7\tcut\n8\tcut\n")
			_ = w.CloseWithError(errors.New("the sender is gone"))
		}()
		_, err := a.do(t.Context(), http.MethodPost, into, r)
		require.Error(t, err)
		require.Eventually(t, func() bool {
			return a.must("SELECT count() FROM system.processes WHERE query LIKE 'INSERT INTO d.t%'") == "0\n"
		}, 10*time.Second, 20*time.Millisecond)
		require.Equal(t, before, count())
	})
	t.Run("nothing", func(t *testing.T) {
		require.Equal(t, http.StatusOK, insert(http.NoBody).status)
		require.Equal(t, before, count())
	})
	t.Run("into no table", func(t *testing.T) {
		got := a.ask(url.Values{"query": {"INSERT INTO d.nothing FORMAT TSV"}}, "1\n")
		require.Equal(t, "60", got.header.Get("X-ClickHouse-Exception-Code"), got.body)
	})
}

// An exception behind rows is in the body, and the response does not look whole.
func testLateExceptions(t *testing.T, a asker) {
	t.Helper()
	got := a.ask(url.Values{"query_id": {"late-exception-0001"}}, "SELECT number, repeat('x', 1000), throwIf(number = 5000) FROM numbers(10000) SETTINGS max_block_size = 100, max_threads = 1")
	require.Equal(t, http.StatusOK, got.status)
	require.Error(t, got.err)
	require.Contains(t, got.body, "\r\n__exception__\r\nlate-exception-0\r\n")
	require.Contains(t, got.body, "Code: 395. DB::Exception")
	require.Equal(t, "late-exception-0", got.header.Get("X-ClickHouse-Exception-Tag"))

	whole := a.ask(nil, "SELECT number, repeat('x', 1000) FROM numbers(5000)")
	require.NoError(t, whole.err)
	require.Equal(t, 5000, strings.Count(whole.body, "\n"), "a large result comes in pieces, all of them")
}

// A statement ends when whoever asked has left.
func testLeaving(t *testing.T, a asker) {
	t.Helper()
	for name, statement := range map[string]string{"counting": endless, "streaming": "SELECT number, sleepEachRow(0.001) FROM numbers(1000000) SETTINGS max_block_size = 10, function_sleep_max_microseconds_per_block = 100000000"} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() {
				got, err := a.do(ctx, http.MethodPost, url.Values{"query_id": {"leaving-" + name}}, strings.NewReader(statement))
				if err == nil {
					err = got.err
				}
				done <- err
			}()
			running := func() string {
				return a.must("SELECT count() FROM system.processes WHERE Settings['log_comment'] = 'leaving-" + name + "'")
			}
			require.Eventually(t, func() bool { return running() == "1\n" }, 20*time.Second, 10*time.Millisecond)
			cancel()
			require.ErrorIs(t, <-done, context.Canceled)
			require.Eventually(t, func() bool { return running() == "0\n" }, 20*time.Second, 10*time.Millisecond)
		})
	}
}

// Two statements of one id do not run at once; afterwards the id may be used again.
func testIDs(t *testing.T, a asker) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = a.do(ctx, http.MethodPost, url.Values{"query_id": {"twice"}}, strings.NewReader(endless))
	}()
	require.Eventually(t, func() bool {
		return a.must("SELECT count() FROM system.processes WHERE Settings['log_comment'] = 'twice'") == "1\n"
	}, 20*time.Second, 10*time.Millisecond)
	require.Equal(t, "216", a.ask(url.Values{"query_id": {"twice"}}, "SELECT 1").header.Get("X-ClickHouse-Exception-Code"))
	cancel()
	<-done
	require.Eventually(t, func() bool { return a.ask(url.Values{"query_id": {"twice"}}, "SELECT 1").body == "1\n" }, 20*time.Second, 10*time.Millisecond)
}

// Sessions do not see each other's settings, parameters or results.
func testMany(t *testing.T, a asker) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 5 {
				want := strconv.Itoa(i*1000 + j)
				got, err := a.do(t.Context(), http.MethodPost, url.Values{"param_x": {want}, "max_threads": {strconv.Itoa(i + 1)}}, strings.NewReader("SELECT {x:UInt64}, getSetting('max_threads'), count() FROM numbers(10000)"))
				if err != nil || got.body != want+"\t"+strconv.Itoa(i+1)+"\t10000\n" {
					t.Errorf("%s: %v %q", want, err, got.body)
				}
			}
		})
	}
	wg.Wait()
}

// An engine that was killed in the middle of its work comes back with every row that it had acknowledged.
func TestRestart(t *testing.T) {
	sup := enginetest.Start(t, t.TempDir())
	a := asker{t, enginetest.Client(t, sup)}
	a.must("CREATE TABLE default.t (n UInt64) ENGINE = MergeTree ORDER BY n SETTINGS fsync_after_insert = 1, fsync_part_directory = 1")
	for i := range 5 {
		got := a.ask(url.Values{"query": {"INSERT INTO default.t FORMAT TSV"}}, strconv.Itoa(i)+"\n")
		require.Equal(t, http.StatusOK, got.status, got.body)
	}
	pid := sup.State().PID
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	require.Eventually(t, func() bool {
		got, err := a.do(t.Context(), http.MethodPost, nil, strings.NewReader("SELECT count(), sum(n) FROM default.t"))
		return err == nil && got.body == "5\t10\n"
	}, 30*time.Second, 50*time.Millisecond)
	require.NotEqual(t, pid, sup.State().PID)
}
