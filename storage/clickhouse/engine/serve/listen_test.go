// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage/clickhouse/engine/chdb"
)

func TestParseArgs(t *testing.T) {
	opts, err := ParseArgs([]string{"--library", "/l.so", "--data-dir=/d", "--socket", "/s", "--max-memory-bytes", "123"})
	require.NoError(t, err)
	require.Equal(t, Options{Library: "/l.so", DataDir: "/d", Socket: "/s", MaxMemoryBytes: 123}, opts)
	whole := []string{"--library=/l", "--data-dir=/d", "--socket=/s"}
	for name, args := range map[string][]string{
		"nothing": nil, "no library": whole[1:], "no socket": whole[:2], "no data": {whole[0], whole[2]}, "more": append(whole, "more"), "unknown": append(whole, "--listen=:1"),
		"no number": append(whole, "--max-memory-bytes=x"), "negative": append(whole, "--max-memory-bytes=-1"), "help": {"-h"},
	} {
		_, err := ParseArgs(args)
		require.ErrorContains(t, err, "engine's arguments", name)
	}
}

func TestCheckListen(t *testing.T) {
	for _, c := range []struct {
		socket, listen, password string
		want                     string
	}{
		{"/s", "", "", ""},
		{"", "127.0.0.1:8123", "", ""},
		{"", "[::1]:8123", "", ""},
		{"", "0.0.0.0:8123", "x", ""},
		{"", "10.0.0.1:1", "x", ""},
		{"", ":8123", "x", ""},
		{"", "", "", "not both"},
		{"/s", "127.0.0.1:1", "", "not both"},
		{"", "0.0.0.0:8123", "", "needs a password"},
		{"", ":8123", "", "needs a password"},
		{"", "localhost:8123", "", "needs a password"},
		{"", "10.0.0.1:8123", "", "needs a password"},
		{"", "8123", "", "not host:port"},
	} {
		err := Options{Socket: c.socket, Listen: c.listen, Password: c.password}.checkListen()
		if c.want == "" {
			require.NoError(t, err, c)
		} else {
			require.ErrorContains(t, err, c.want, c)
		}
	}
}

// What a process that was killed has left is replaced; the socket is the user's alone.
func TestListenUnix(t *testing.T) {
	dir := t.TempDir()
	socket := filepath.Join(dir, "engine-2.sock")
	for _, old := range []string{"engine-1.sock", "engine-2.sock"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, old), nil, 0o600))
	}
	keep := filepath.Join(dir, "data.bin")
	require.NoError(t, os.WriteFile(keep, nil, 0o600))
	l, err := listen(t.Context(), Options{DataDir: dir, Socket: socket})
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	info, err := os.Stat(socket)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	require.NoFileExists(t, filepath.Join(dir, "engine-1.sock"))
	require.FileExists(t, keep)
	_, err = listen(t.Context(), Options{DataDir: dir, Socket: filepath.Join(dir, "no", "folder.sock")})
	require.ErrorContains(t, err, "listen on")
}

func TestListenTCP(t *testing.T) {
	told := ""
	l, err := listen(t.Context(), Options{Listen: "127.0.0.1:0", OnListen: func(a string) { told = a }})
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	require.Equal(t, l.Addr().String(), told)
	_, err = listen(t.Context(), Options{Listen: told})
	require.ErrorContains(t, err, "listen on "+told)
}

func TestGuard(t *testing.T) {
	get := func(opts Options, change func(*http.Request)) int {
		r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8123/ping", nil)
		change(r)
		w := httptest.NewRecorder()
		(&server{opts: opts}).guarded().ServeHTTP(w, r)
		if w.Code == http.StatusForbidden {
			require.Equal(t, "516", w.Header().Get("X-ClickHouse-Exception-Code"))
		}
		return w.Code
	}
	open, locked := Options{Listen: "127.0.0.1:1"}, Options{Listen: "0.0.0.0:1", Password: "secret"}
	for name, c := range map[string]struct {
		opts   Options
		change func(*http.Request)
		want   int
	}{
		"socket":                {Options{Socket: "/s"}, func(r *http.Request) { r.Host, r.Header = "evil.example", http.Header{"Origin": {"x"}} }, 200},
		"loopback":              {open, func(*http.Request) {}, 200},
		"localhost":             {open, func(r *http.Request) { r.Host = "localhost:8123" }, 200},
		"loopback of IPv6":      {open, func(r *http.Request) { r.Host = "[::1]:8123" }, 200},
		"another site's page":   {open, func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, 403},
		"a name bound to us":    {open, func(r *http.Request) { r.Host = "evil.example:8123" }, 403},
		"no password":           {locked, func(*http.Request) {}, 403},
		"wrong password":        {locked, func(r *http.Request) { r.Header.Set("X-ClickHouse-Key", "secre") }, 403},
		"password":              {locked, func(r *http.Request) { r.Header.Set("X-ClickHouse-Key", "secret") }, 200},
		"basic":                 {locked, func(r *http.Request) { r.SetBasicAuth("any", "secret") }, 200},
		"wrong basic":           {locked, func(r *http.Request) { r.SetBasicAuth("secret", "any") }, 403},
		"password in the URL":   {locked, func(r *http.Request) { r.URL.RawQuery = "password=secret" }, 403},
		"password, any origin":  {locked, func(r *http.Request) { r.Header.Set("X-ClickHouse-Key", "secret"); r.Header.Set("Origin", "x") }, 200},
		"header before basic":   {locked, func(r *http.Request) { r.Header.Set("X-ClickHouse-Key", "x"); r.SetBasicAuth("any", "secret") }, 403},
		"host without a port":   {open, func(r *http.Request) { r.Host = "127.0.0.1" }, 200},
		"a host that is no one": {open, func(r *http.Request) { r.Host = "" }, 403},
	} {
		require.Equal(t, c.want, get(c.opts, c.change), name)
	}
}

func TestAdmit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{slots: make(chan struct{}, 2), running: map[string]struct{}{}}
		first, err := s.admit(t.Context(), "a")
		require.NoError(t, err)
		_, err = s.admit(t.Context(), "a")
		require.ErrorContains(t, err, "Code: 216.")
		second, err := s.admit(t.Context(), "b")
		require.NoError(t, err, "the refused one has given its slot back")

		start := time.Now()
		_, err = s.admit(t.Context(), "c")
		require.ErrorContains(t, err, "Code: 202.")
		require.Equal(t, queueTimeout, time.Since(start))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = s.admit(ctx, "c")
		require.ErrorIs(t, err, context.DeadlineExceeded, "whoever leaves does not wait")

		time.AfterFunc(5*time.Second, first)
		third, err := s.admit(t.Context(), "a")
		require.NoError(t, err, "a slot that becomes free within the time is taken")
		second()
		third()
		require.Empty(t, s.running)
		require.Empty(t, s.slots)
	})
}

func TestWriteError(t *testing.T) {
	for message, c := range map[string]struct{ code, status int }{
		"Code: 60. DB::Exception: no table": {60, 404}, "Code: 62. DB::Exception: syntax": {62, 400}, "Code: 164. readonly": {164, 403}, "Code: 159. timeout": {159, 408}, "Code: 202. too many": {202, 503},
		"Code: 241. memory": {241, 500}, "Code: 158. rows": {158, 400}, "a text of no code": {1002, 500}, "Code: x.": {1002, 500},
	} {
		w := httptest.NewRecorder()
		writeError(w, &chdb.Error{Message: message})
		require.Equal(t, c.status, w.Code, message)
		require.Equal(t, strconv.Itoa(c.code), w.Header().Get("X-ClickHouse-Exception-Code"))
		require.Contains(t, w.Body.String(), message)
		require.True(t, strings.HasPrefix(w.Body.String(), "Code: "), "clients look for the code")
	}
}

// A body that was cut off is not a short one: the rows in it must not be stored.
func TestFill(t *testing.T) {
	buf := make([]byte, 4)
	body := strings.NewReader("abcdefgh")
	n, end, err := fill(body, buf)
	require.NoError(t, err)
	require.Equal(t, "abcd", string(buf[:n]))
	require.False(t, end)
	n, _, err = fill(body, buf)
	require.NoError(t, err)
	require.Equal(t, "efgh", string(buf[:n]))
	n, end, err = fill(body, buf)
	require.NoError(t, err)
	require.Zero(t, n)
	require.True(t, end)
	n, end, err = fill(io.MultiReader(strings.NewReader("ab"), failing{}), buf)
	require.ErrorContains(t, err, "cut off")
	require.Equal(t, 2, n)
	require.False(t, end)
	_, _, err = fill(io.MultiReader(strings.NewReader("ab"), truncated{}), buf)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

type truncated struct{}

func (truncated) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestSummaryAndTimezone(t *testing.T) {
	require.JSONEq(t, `{"read_rows":"1","read_bytes":"2","written_rows":"3","written_bytes":"4","elapsed_ns":"1500000000"}`,
		summary(chdb.Stats{RowsRead: 1, BytesRead: 2, RowsWritten: 3, BytesWritten: 4, ElapsedSeconds: 1.5}))
	t.Setenv("TZ", "")
	require.Equal(t, "UTC", timezone())
	t.Setenv("TZ", "Europe/Berlin")
	require.Equal(t, "Europe/Berlin", timezone())
}

// A data directory is one process's; whoever comes second waits a little and then says so.
func TestLockDataDir(t *testing.T) {
	dir := t.TempDir()
	unlock, err := lockDataDir(t.Context(), dir)
	require.NoError(t, err)
	pid, err := os.ReadFile(filepath.Join(dir, "strata.lock"))
	require.NoError(t, err)
	require.Equal(t, strconv.Itoa(os.Getpid())+"\n", string(pid))

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = lockDataDir(ctx, dir)
	require.ErrorContains(t, err, "another process uses it")

	time.AfterFunc(100*time.Millisecond, unlock)
	again, err := lockDataDir(t.Context(), dir)
	require.NoError(t, err, "the predecessor has closed meanwhile")
	again()
	_, err = lockDataDir(t.Context(), filepath.Join(dir, "missing"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// Nothing is opened and nothing is locked for options that cannot work.
func TestServeRefuses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	require.ErrorContains(t, Serve(t.Context(), Options{DataDir: dir}), "not both")
	require.NoDirExists(t, dir)
	require.ErrorContains(t, Serve(t.Context(), Options{DataDir: dir, Listen: "0.0.0.0:0"}), "needs a password")
	require.ErrorContains(t, Serve(t.Context(), Options{DataDir: dir, Listen: "127.0.0.1:0", Library: "/no/library.so", MaxMemoryBytes: 1 << 40}), "load /no/library.so")
	var opErr *net.OpError
	require.NotErrorAs(t, Serve(t.Context(), Options{DataDir: "/dev/null/x", Listen: "127.0.0.1:0"}), &opErr)
}
