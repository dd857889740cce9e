// SPDX-License-Identifier: Apache-2.0

package chdb

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage/clickhouse/engine"
)

// load opens the library, which stays loaded until the process ends.
func load(t *testing.T) *Library {
	t.Helper()
	path, err := engine.FindLibrary(engine.Search{})
	require.NoError(t, err, "the tests need the embedded engine: run `make engine`")
	lib, err := Load(path)
	require.NoError(t, err)
	require.Equal(t, path, lib.Path())
	return lib
}

func TestLoadErrors(t *testing.T) {
	_, err := Load("/no/such/libchdb.so")
	require.ErrorContains(t, err, "load /no/such/libchdb.so")
	text := filepath.Join(t.TempDir(), "libchdb.so")
	require.NoError(t, os.WriteFile(text, []byte("no library"), 0o600))
	_, err = Load(text)
	require.ErrorContains(t, err, text)
}

// A library that is another one is named as such before any of its functions is called.
func TestLoadAnotherLibrary(t *testing.T) {
	for _, path := range []string{"/lib/x86_64-linux-gnu/libm.so.6", "/lib/aarch64-linux-gnu/libm.so.6", "/usr/lib/libm.so.6", "/usr/lib64/libm.so.6"} {
		if _, err := os.Stat(path); err != nil {
			continue
		}
		_, err := Load(path)
		require.ErrorContains(t, err, "it has no function chdb_version, so it is another version")
		return
	}
	t.Fatal("this test loads the C library's libm by mistake, and finds none")
}

// TestEngine is one test: a process opens one data path.
func TestEngine(t *testing.T) {
	lib := load(t)
	dir := t.TempDir()
	require.NotEmpty(t, lib.Version())
	c, err := lib.Connect("--path="+dir, "--max_server_memory_usage=2000000000")
	require.NoError(t, err)
	defer c.Close()
	run := func(statement string) string {
		t.Helper()
		out, _, err := c.Exec(statement, "TSV")
		require.NoError(t, err, statement)
		return string(out)
	}
	run("CREATE TABLE default.t (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
	for _, part := range []struct {
		name string
		test func(*testing.T, *Library, *Conn)
	}{
		{"statements", testStatements},
		{"parameters", testParameters},
		{"streams", testStreams},
		{"inserts", testInserts},
		{"sessions", func(t *testing.T, lib *Library, c *Conn) {
			t.Helper()
			testSessions(t, lib, c, dir)
		}},
		{"kills", func(t *testing.T, lib *Library, c *Conn) {
			t.Helper()
			testKills(t, lib, c, dir)
		}},
		{"many at once", func(t *testing.T, lib *Library, _ *Conn) {
			t.Helper()
			testMany(t, lib, dir)
		}},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, lib, c) })
	}
	c.Close()
	c.Close()
	_, _, err = c.Exec("SELECT 1", "TSV")
	require.ErrorIs(t, err, errClosed)
	_, err = c.Stream("SELECT 1", "TSV")
	require.ErrorIs(t, err, errClosed)
	_, err = c.Insert("INSERT INTO default.t", "TSV")
	require.ErrorIs(t, err, errClosed)
}

func testStatements(t *testing.T, _ *Library, c *Conn) {
	t.Helper()
	out, stats, err := c.Exec("SELECT sum(number) FROM numbers(1000)", "TSV")
	require.NoError(t, err)
	require.Equal(t, "499500\n", string(out))
	require.GreaterOrEqual(t, stats.ElapsedSeconds, 0.0)
	out, _, err = c.Exec("SELECT 1 WHERE 0", "TSV")
	require.NoError(t, err)
	require.Empty(t, out)
	out, _, err = c.Exec("SELECT 'a' AS x FORMAT JSONEachRow", "TSV")
	require.NoError(t, err)
	require.JSONEq(t, `{"x":"a"}`, string(out), "a format of the statement's own counts")
	for statement, want := range map[string]string{"SELEC 1": "Code: 62.", "SELECT * FROM default.nothing": "Code: 60.", "SELECT throwIf(1)": "Code: 395."} {
		_, _, err := c.Exec(statement, "TSV")
		var e *Error
		require.ErrorAs(t, err, &e, statement)
		require.Contains(t, e.Message, want)
		require.Equal(t, e.Message, e.Error())
	}
	out, _, err = c.Exec("SELECT 1", "TSV")
	require.NoError(t, err, "an exception ends the statement, not the session")
	require.Equal(t, "1\n", string(out))
	// A result is a copy: the next one does not write over it.
	first, _, err := c.Exec("SELECT repeat('a', 1000)", "TSV")
	require.NoError(t, err)
	_, _, err = c.Exec("SELECT repeat('b', 1000)", "TSV")
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("a", 1000)+"\n", string(first))
}

func testParameters(t *testing.T, _ *Library, c *Conn) {
	t.Helper()
	out, _, err := c.Exec("SELECT {a:String}, {b:UInt64}, {c:Array(String)}", "TSV", Param{"a", `it's\t`}, Param{"b", "42"}, Param{"c", "['x','y']"})
	require.NoError(t, err)
	require.Equal(t, "it\\'s\\t\t42\t['x','y']\n", string(out))
	out, _, err = c.Exec("SELECT {a:String} = ''", "TSV", Param{Name: "a"})
	require.NoError(t, err)
	require.Equal(t, "1\n", string(out), "an empty value is a value")
	_, _, err = c.Exec("SELECT {a:String}", "TSV")
	require.ErrorContains(t, err, "Code: 456.", "parameters are of one statement")
	_, _, err = c.Exec("SELECT {b:UInt64}", "TSV", Param{"b", "1; DROP TABLE default.t"})
	require.ErrorContains(t, err, "Code: 457.")
	many := make([]Param, 100)
	var sum []string
	for i := range many {
		many[i] = Param{fmt.Sprintf("p%d", i), "1"}
		sum = append(sum, fmt.Sprintf("{p%d:UInt8}", i))
	}
	out, _, err = c.Exec("SELECT "+strings.Join(sum, "+"), "TSV", many...)
	require.NoError(t, err)
	require.Equal(t, "100\n", string(out))
}

func testStreams(t *testing.T, _ *Library, c *Conn) {
	t.Helper()
	s, err := c.Stream("SELECT number FROM numbers({n:UInt64}) SETTINGS max_block_size = 1000", "TSV", Param{"n", "10000"})
	require.NoError(t, err)
	pieces, lines := 0, 0
	for {
		piece, err := s.Next()
		require.NoError(t, err)
		if piece == nil {
			break
		}
		pieces++
		lines += strings.Count(string(piece), "\n")
	}
	require.Greater(t, pieces, 1)
	require.Equal(t, 10_000, lines)
	end, err := s.Next()
	require.NoError(t, err)
	require.Nil(t, end, "the end stays the end")
	s.Close()
	s.Close()

	_, err = c.Stream("SELEC 1", "TSV")
	require.ErrorContains(t, err, "Code: 62.")

	s, err = c.Stream("SELECT throwIf(number = 5000) FROM numbers(10000) SETTINGS max_block_size = 100, max_threads = 1", "TSV")
	require.NoError(t, err)
	for err == nil {
		var piece []byte
		if piece, err = s.Next(); piece == nil {
			break
		}
	}
	require.ErrorContains(t, err, "Code: 395.", "an exception behind rows")
	s.Close()

	s, err = c.Stream("SELECT number FROM numbers(1000000000000)", "TSV")
	require.NoError(t, err)
	_, err = s.Next()
	require.NoError(t, err)
	s.Close() // Ends what would take hours.
	out, _, err := c.Exec("SELECT 1", "TSV")
	require.NoError(t, err)
	require.Equal(t, "1\n", string(out), "the session goes on")
}

func testInserts(t *testing.T, _ *Library, c *Conn) {
	t.Helper()
	count := func() string {
		t.Helper()
		out, _, err := c.Exec("SELECT count() FROM default.t", "TSV")
		require.NoError(t, err)
		return strings.TrimSpace(string(out))
	}
	ins, err := c.Insert("INSERT INTO default.t (n, s)", "TSV")
	require.NoError(t, err)
	for _, piece := range []string{"1\ta\n2", "", "\tb\n3\tc", "\n"} { // A row may be split anywhere.
		require.NoError(t, ins.Append([]byte(piece)))
	}
	stats, err := ins.Done()
	require.NoError(t, err)
	require.Equal(t, uint64(3), stats.RowsWritten)
	ins.Cancel() // Does nothing after Done.
	require.Equal(t, "3", count())

	ins, err = c.Insert("INSERT INTO default.t (n, s)", "TSV")
	require.NoError(t, err)
	require.NoError(t, ins.Append([]byte("4\td\n")))
	ins.Cancel()
	ins.Cancel()
	require.Equal(t, "3", count(), "what was cancelled is not stored")

	_, err = c.Insert("INSERT INTO default.nothing", "TSV")
	require.ErrorContains(t, err, "Code: 60.")

	ins, err = c.Insert("INSERT INTO default.t (n, s)", "TSV")
	require.NoError(t, err)
	err = ins.Append([]byte("x\ty\n"))
	if err == nil {
		_, err = ins.Done()
	} else {
		ins.Cancel()
	}
	require.ErrorContains(t, err, "Code: 27.")
	require.Equal(t, "3", count())
}

func testSessions(t *testing.T, lib *Library, c *Conn, dir string) {
	t.Helper()
	other, err := lib.Connect("--path="+dir, "--max_threads=3")
	require.NoError(t, err)
	defer other.Close()
	threads := func(c *Conn) string {
		out, _, err := c.Exec("SELECT getSetting('max_threads')", "TSV")
		require.NoError(t, err)
		return strings.TrimSpace(string(out))
	}
	require.Equal(t, "3", threads(other))
	require.NotEqual(t, "3", threads(c), "settings are of one session")
	_, _, err = other.Exec("SET max_threads = 5", "Null")
	require.NoError(t, err)
	require.Equal(t, "5", threads(other))
	out, _, err := other.Exec("SELECT count() FROM default.t", "TSV")
	require.NoError(t, err)
	require.Equal(t, "3\n", string(out), "the data are those of all")
	_, err = lib.Connect("--path=" + t.TempDir())
	require.Error(t, err, "a process opens one data path")
}

// A statement that one session runs is ended by another one.
func testKills(t *testing.T, lib *Library, c *Conn, dir string) {
	t.Helper()
	other, err := lib.Connect("--path=" + dir)
	require.NoError(t, err)
	defer other.Close()
	_, _, err = other.Exec("SET log_comment = 'to be killed'", "Null")
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() {
		_, _, err := other.Exec("SELECT count() FROM numbers(1000000000000000) WHERE NOT ignore(sipHash64(number)) SETTINGS max_execution_time = 60", "TSV")
		done <- err
	}()
	require.Eventually(t, func() bool {
		out, _, err := c.Exec("SELECT count() FROM system.processes WHERE Settings['log_comment'] = 'to be killed'", "TSV")
		return err == nil && string(out) == "1\n"
	}, 20*time.Second, 10*time.Millisecond)
	_, _, err = c.Exec("KILL QUERY WHERE Settings['log_comment'] = 'to be killed' ASYNC", "Null")
	require.NoError(t, err)
	require.ErrorContains(t, <-done, "Code: 394.")
	out, _, err := other.Exec("SELECT 1", "TSV")
	require.NoError(t, err)
	require.Equal(t, "1\n", string(out), "the session goes on")
}

// Each goroutine has a session of its own; rows of all are there afterwards, bytes as they were.
func testMany(t *testing.T, lib *Library, dir string) {
	t.Helper()
	raw := "\x00\xff'\"\\\u767b"
	escaped := strings.NewReplacer(`\`, `\\`, "\x00", `\0`).Replace(raw)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			c, err := lib.Connect("--path=" + dir)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			for j := range 5 {
				ins, err := c.Insert("INSERT INTO default.t (n, s)", "TSV")
				if err == nil {
					err = ins.Append(fmt.Appendf(nil, "%d\t%s\n", 1000+i*10+j, escaped))
				}
				if err == nil {
					_, err = ins.Done()
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	c, err := lib.Connect("--path=" + dir)
	require.NoError(t, err)
	defer c.Close()
	out, _, err := c.Exec("SELECT count(), uniqExact(n) FROM default.t WHERE n >= 1000 AND s = {s:String}", "TSV", Param{"s", escaped})
	require.NoError(t, err)
	require.Equal(t, "20\t20\n", string(out))
	out, _, err = c.Exec("SELECT s FROM default.t WHERE n = 1000", "RawBLOB")
	require.NoError(t, err)
	require.Equal(t, raw, string(out))
}

func TestResultOfNothing(t *testing.T) {
	require.ErrorContains(t, load(t).resultErr(0), "no result")
}
