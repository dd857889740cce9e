// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage/clickhouse/engine"
)

// started is an engine in this process.
type started struct {
	address string
	done    <-chan error // what Serve returned
	stop    func() error
}

// start serves over TCP with a password until the test ends or stop is called.
func start(t *testing.T, dir string, parent io.Reader) started {
	t.Helper()
	path, err := engine.FindLibrary(engine.Search{})
	require.NoError(t, err, "the tests need the embedded engine: run `make engine`")
	ctx, cancel := context.WithCancel(t.Context())
	listening, done := make(chan string, 1), make(chan error, 1)
	go func() {
		done <- Serve(ctx, Options{
			Library: path, DataDir: dir, Listen: "127.0.0.1:0", Password: "secret", MaxMemoryBytes: 2 << 30, MaxConcurrent: 4, Parent: parent,
			OnListen: func(address string) { listening <- address }, Logger: slog.New(slog.DiscardHandler),
		})
	}()
	t.Cleanup(cancel)
	s := started{done: done, stop: func() error { cancel(); return <-done }}
	select {
	case s.address = <-listening:
	case err := <-done:
		t.Fatalf("the engine ended: %v", err)
	}
	return s
}

func (s started) ask(t *testing.T, password, statement string) (status int, body string) {
	t.Helper()
	status, body, err := s.try(t, password, statement)
	require.NoError(t, err)
	return status, body
}

// try is ask for other goroutines than the test's.
func (s started) try(t *testing.T, password, statement string) (status int, body string, err error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.address+"/", strings.NewReader(statement))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("X-ClickHouse-Key", password)
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(out), err
}

// An engine over TCP asks for its password, lets running statements end when it is stopped, and finds its data again.
func TestServe(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "data")
	s := start(t, dir, nil)
	status, body := s.ask(t, "wrong", "SELECT 1")
	require.Equal(t, http.StatusForbidden, status)
	require.Contains(t, body, "Code: 516.")
	_, body = s.ask(t, "secret", "CREATE TABLE default.t ENGINE = MergeTree ORDER BY number AS SELECT number FROM numbers(10)")
	require.Empty(t, body)
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm(), "the data are the user's alone")

	slow := make(chan string, 1)
	go func() {
		_, body, err := s.try(t, "secret", "SELECT sleep(1), count() FROM default.t")
		slow <- fmt.Sprint(body, err)
	}()
	require.Eventually(t, func() bool {
		_, body := s.ask(t, "secret", "SELECT count() FROM system.processes WHERE query LIKE 'SELECT sleep%'")
		return body == "1\n"
	}, 10*time.Second, 10*time.Millisecond)
	require.NoError(t, s.stop())
	require.Equal(t, "0\t10\n<nil>", <-slow, "what runs may end")

	s = start(t, dir, nil)
	_, body = s.ask(t, "secret", "SELECT count() FROM default.t")
	require.Equal(t, "10\n", body)
	require.NoError(t, s.stop())
}

// The engine ends with the process that started it: the pipe to that one closes.
func TestServeEndsWithItsParent(t *testing.T) {
	parent, pipe, err := os.Pipe()
	require.NoError(t, err)
	defer parent.Close()
	s := start(t, t.TempDir(), parent)
	_, body := s.ask(t, "secret", "SELECT 1")
	require.Equal(t, "1\n", body)
	t.Cleanup(func() { signal.Reset(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP) })
	require.NoError(t, pipe.Close())
	select {
	case err := <-s.done:
		require.NoError(t, err)
	case <-time.After(20 * time.Second):
		t.Fatal("the engine goes on without its parent")
	}
}

// Options that the engine refuses are an error, not a crash.
func TestServeOnAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.ErrorContains(t, Serve(t.Context(), Options{Listen: "127.0.0.1:0", DataDir: file, Library: "/none"}), "create the engine's data directory")
}
