// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/strata-apm/strata/storage"
)

const (
	patience = 2 * time.Minute
	tick     = 50 * time.Millisecond
)

func instanceNamed(id string) storage.Instance {
	return storage.Instance{ID: id, Role: "writer", URL: "http://10.0.0.1:7080", Version: "1.2", Group: "strata", StartedAt: time.Now()}
}

func serveText(t *testing.T, text string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }))
	t.Cleanup(srv.Close)
	return srv.URL + "/package.tgz"
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}

// begin runs a command in the background until the returned function stops it, which returns its exit code.
func begin(t *testing.T, args ...string) (stdout, stderr *lines, stop func() int) {
	t.Helper()
	stdout, stderr = &lines{}, &lines{}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan int, 1)
	go func() { done <- run(ctx, args, stdout, stderr) }()
	ended := false
	stop = func() int {
		ended = true
		cancel()
		return <-done
	}
	t.Cleanup(func() {
		if !ended {
			stop()
		}
	})
	return stdout, stderr, stop
}

// matches waits until a stream has a line of the pattern, and returns its first group.
func matches(t *testing.T, in *lines, pattern string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	require.Eventually(t, func() bool { return re.MatchString(in.String()) }, patience, tick, "%s", pattern)
	return re.FindStringSubmatch(in.String())[1]
}

// TestAll runs the server as the command line does, with the engine as its child, beside the commands that need a server.
func TestAll(t *testing.T) {
	limit := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(limit) })
	debug.SetMemoryLimit(math.MaxInt64)
	dir := t.TempDir()
	t.Setenv("STRATA_SELF_ENABLED", "false")
	t.Setenv("STRATA_ENGINE_MEMORY_BYTES", "2147483648")
	stdout, _, stop := begin(t, "--data-dir", dir, "--http-listen", "127.0.0.1:0", "--otlp-grpc-listen", "127.0.0.1:0", "--otlp-http-listen", "127.0.0.1:0")
	url := matches(t, stdout, `Strata dev is ready: (http://127\.0\.0\.1:\d+)\n`)
	require.Less(t, debug.SetMemoryLimit(-1), int64(math.MaxInt64), "the heap has a limit")
	code, body := get(t, url+"/-/ready")
	require.Equal(t, http.StatusOK, code, body)

	b, err := os.ReadFile(filepath.Join(dir, "run.json"))
	require.NoError(t, err)
	var running map[string]any
	require.NoError(t, json.Unmarshal(b, &running))
	otlp, ok := running["otlp_grpc"].(string)
	require.True(t, ok)

	require.Contains(t, fails(t, 1, "all", "--data-dir", dir, "--http-listen", "127.0.0.1:0"), "start: data directory: directory is in use by another process")
	key := strings.TrimSpace(works(t, "key", "create", "--data-dir", dir, "--name", "demo", "--scope", "ingest"))
	require.Regexp(t, `^strata_`, key, "also while the server runs")

	t.Run("demo", func(t *testing.T) {
		code, out, log := strata(t, "demo", "--endpoint", otlp, "--key", key, "--traces", "3", "--rate", "100", "--seed", "1")
		require.Equal(t, 0, code, log)
		var sum map[string]any
		require.NoError(t, json.Unmarshal([]byte(out), &sum), out)
		require.NotEmpty(t, sum)
		require.Eventually(t, func() bool {
			_, body := get(t, url+"/api/v1/ledger")
			return strings.Contains(body, `"source":"demo"`)
		}, patience, tick)
	})
	t.Run("vulture", func(t *testing.T) {
		code, out, log := strata(t, "vulture", "--endpoint", otlp, "--url", url, "--rate", "5", "--window", "1s", "--duration", "3s", "--listen", "127.0.0.1:0", "--verbose")
		require.Equal(t, 0, code, log)
		require.True(t, json.Valid([]byte(out)), out)
	})
	require.Equal(t, 0, stop())
	require.NoFileExists(t, filepath.Join(dir, "run.json"))
}

// forgetful acknowledges whatever it is sent over gRPC, and keeps nothing.
func forgetful(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	srv := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error {
		if err := s.RecvMsg(&emptypb.Empty{}); err != nil {
			return err
		}
		return s.SendMsg(&emptypb.Empty{})
	}))
	go func() { _ = srv.Serve(ln) }()
	t.Cleanup(srv.Stop)
	return ln.Addr().String()
}

// TestVultureFindsLosses: what was acknowledged and cannot be read is told in the report, and the command fails.
func TestVultureFindsLosses(t *testing.T) {
	empty := serveText(t, `{"status":"success","data":{"resultType":"matrix","result":[]},"logs":[],"traces":[],"warnings":[]}`)
	code, out, log := strata(t, "vulture", "--endpoint", forgetful(t), "--url", strings.TrimSuffix(empty, "/package.tgz"), "--rate", "5", "--window", "1s",
		"--patience", "1s", "--late-after", "1s", "--duration", "2s")
	require.Equal(t, 1, code, log)
	require.Contains(t, log, "strata: vulture: something was missing, doubled or wrong")
	var report struct {
		Signals map[string]struct{ Acknowledged, Missing int }
	}
	require.NoError(t, json.Unmarshal([]byte(out), &report), out)
	for _, s := range []string{"metrics", "traces", "logs"} {
		require.Positive(t, report.Signals[s].Acknowledged, s)
		require.Equal(t, report.Signals[s].Acknowledged, report.Signals[s].Missing, s)
	}
}

// TestToolsFail: what the tools cannot begin with.
func TestToolsFail(t *testing.T) {
	require.Contains(t, fails(t, 1, "demo", "--incident", "nonsense"), "--incident: ")
	require.Contains(t, fails(t, 1, "vulture", "--listen", taken(t)), "listen on ")
}

// taken is the address of a listener that is open as long as the test.
func taken(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	return ln.Addr().String()
}

// TestRolesNeedTheirParts: a role that runs beside others names what it lacks.
func TestRolesNeedTheirParts(t *testing.T) {
	for _, role := range []string{"gateway", "writer", "query", "alert"} {
		said := fails(t, 1, role, "--data-dir", t.TempDir())
		require.Contains(t, said, "catalog.url: the role "+role+" needs")
		require.Contains(t, said, "strata all works without")
	}
	require.Contains(t, fails(t, 1, "all", "--data-dir", t.TempDir(), "--http-listen", taken(t)), "start: listen on 127.0.0.1:")
}

// TestEngineAlone runs the engine as a process of its own: with a password nobody else gets an answer, and it ends when it is told to.
func TestEngineAlone(t *testing.T) {
	exe, err := os.Executable()
	require.NoError(t, err)
	password := write(t, "secret\n")
	stdout := &lines{}
	cmd := exec.CommandContext(t.Context(), exe, "engine", "--listen", "127.0.0.1:0", "--data-dir", t.TempDir(), "--memory-bytes", "2147483648", "--password-file", password)
	cmd.Stdout, cmd.Stderr = stdout, stdout
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	url := matches(t, stdout, `The engine is ready: (http://127\.0\.0\.1:\d+)\n`)
	code, _ := get(t, url+"/?query=SELECT+7")
	require.Equal(t, http.StatusForbidden, code)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/", strings.NewReader("SELECT 7"))
	require.NoError(t, err)
	req.Header.Set("X-ClickHouse-User", "default")
	req.Header.Set("X-ClickHouse-Key", "secret")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, "7\n", string(body))
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, cmd.Wait(), stdout)
}

// TestEngineForOthers: the engine reads any file that it may, so it is not served to a network without a password.
func TestEngineForOthers(t *testing.T) {
	library := write(t, "no library")
	for _, listen := range []string{":0", "0.0.0.0:0", "[::]:0"} {
		said := fails(t, 1, "engine", "--listen", listen, "--data-dir", t.TempDir(), "--library", library)
		require.Contains(t, said, "engine: listening on "+listen+" needs a password")
	}
}
