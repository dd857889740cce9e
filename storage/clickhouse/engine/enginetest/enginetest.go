// SPDX-License-Identifier: Apache-2.0

package enginetest

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/strata-apm/strata/storage/clickhouse/engine"
	"github.com/strata-apm/strata/storage/clickhouse/engine/serve"
	"github.com/strata-apm/strata/storage/clickhouse/engine/supervise"
)

// childArg is the first argument of a test binary that was started as the engine.
const childArg = "enginetest-child"

// memory is enough for tests and leaves room for several packages at once.
const memory = 2 << 30

// Main runs the tests and returns the exit code, unless this process was started as an engine: then it serves. Tests that pass and leave a goroutine
// behind fail.
func Main(m *testing.M) int {
	if len(os.Args) < 2 || os.Args[1] != childArg {
		return withoutLeaks(m.Run())
	}
	opts, err := serve.ParseArgs(os.Args[2:])
	if err == nil {
		opts.Parent = os.Stdin
		opts.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
		err = serve.Serve(context.Background(), opts)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// withoutLeaks is code, or 1 where it is 0 and a goroutine is left.
func withoutLeaks(code int) int {
	http.DefaultClient.CloseIdleConnections()
	if code != 0 {
		return code
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, "the tests leave goroutines behind:", err)
		return 1
	}
	return 0
}

// Library returns the path of the shared library or fails the test.
func Library(tb testing.TB) string {
	tb.Helper()
	path, err := engine.FindLibrary(engine.Search{})
	require.NoError(tb, err, "the tests need the embedded engine: run `strata engine fetch`, or `make engine` in the repository")
	return path
}

// Command starts this test binary as the engine; what the engine is told comes behind it.
func Command(tb testing.TB) []string {
	tb.Helper()
	exe, err := os.Executable()
	require.NoError(tb, err)
	return []string{exe, childArg}
}

// Options are those of a supervisor whose child is this test binary, on the data directory dir.
func Options(tb testing.TB, dir string) supervise.Options {
	tb.Helper()
	level := slog.LevelWarn
	if testing.Verbose() {
		level = slog.LevelInfo
	}
	return supervise.Options{
		Command:        Command(tb),
		Library:        Library(tb),
		DataDir:        dir,
		MaxMemoryBytes: memory,
		Logger:         slog.New(slog.NewTextHandler(testWriter{tb}, &slog.HandlerOptions{Level: level})),
	}
}

// Start runs an engine on dir until the test ends and returns when it answers.
func Start(tb testing.TB, dir string) *supervise.Supervisor {
	tb.Helper()
	return start(tb, Options(tb, dir))
}

func start(tb testing.TB, opts supervise.Options) *supervise.Supervisor {
	tb.Helper()
	s, err := supervise.New(opts)
	require.NoError(tb, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	tb.Cleanup(func() {
		cancel()
		require.NoError(tb, <-done)
	})
	ready, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	require.NoError(tb, s.Ready(ready))
	return s
}

// Client is an HTTP client whose every connection goes to the engine.
func Client(tb testing.TB, s *supervise.Supervisor) *http.Client {
	tb.Helper()
	tr := &http.Transport{DialContext: s.DialContext, MaxIdleConnsPerHost: 8}
	tb.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// testWriter prints the log lines with the test.
type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	fmt.Fprintf(os.Stderr, "%s: %s", w.t.Name(), p)
	return len(p), nil
}

// DialAddr is the supervisor's dialer in the form clickhouse-go wants.
func DialAddr(s *supervise.Supervisor) func(ctx context.Context, addr string) (net.Conn, error) {
	return func(ctx context.Context, addr string) (net.Conn, error) { return s.DialContext(ctx, "tcp", addr) }
}
