// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// binaries are built once for all tests.
var binaries = sync.OnceValues(buildBinaries)

func buildBinaries() (string, error) {
	if dir := os.Getenv("STRATA_TEST_BIN"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.MkdirTemp("", "strata-e2e-bin-")
	if err != nil {
		return "", err
	}
	for _, name := range []string{"strata", "strata-agent"} {
		out, err := exec.Command("go", "build", "-o", filepath.Join(dir, name), "../../cmd/"+name).CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("build %s: %w\n%s", name, err, out)
		}
	}
	return dir, nil
}

func program(t *testing.T, name string) string {
	t.Helper()
	dir, err := binaries()
	require.NoError(t, err)
	return filepath.Join(dir, name)
}

// long says whether the long forms are asked for.
func long() bool { return os.Getenv("STRATA_TEST_LONG") != "" }

// running is run.json.
type running struct {
	PID      int    `json:"pid"`
	HTTP     string `json:"http"`
	OTLPGRPC string `json:"otlp_grpc"`
	OTLPHTTP string `json:"otlp_http"`
}

// server is one strata process on a data directory; it can be killed and started again on the same ports.
type server struct {
	t    *testing.T
	role string
	dir  string
	env  []string
	// writeHTTP is where remote write goes: this process, or the gateway of a spread-out form.
	writeHTTP string
	// intake is the process that takes requests where it is another one.
	intake *server
	cmd    *exec.Cmd
	run    running
	logs   *bytes.Buffer
	mu     sync.Mutex // protects logs
	done   chan error
	// life is held by whoever kills and starts the process.
	life sync.Mutex
}

// Write collects the log of the process.
func (s *server) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logs.Write(b)
}

// start starts a server with environment variables env and waits until it is ready.
func start(t *testing.T, env ...string) *server {
	t.Helper()
	return startRole(t, "all", "", env...)
}

// startRole is start for a process of one role, on dir unless that is empty.
func startRole(t *testing.T, role, dir string, env ...string) *server {
	t.Helper()
	if dir == "" {
		dir = t.TempDir()
	}
	s := &server{t: t, role: role, dir: dir, env: env, logs: &bytes.Buffer{}}
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			s.mu.Lock()
			defer s.mu.Unlock()
			log := s.logs.String()
			t.Logf("log of %s:\n%s", role, log[max(0, len(log)-8000):])
		}
	})
	s.launch("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0")
	s.waitReady()
	return s
}

func (s *server) launch(httpAddr, grpcAddr, otlpHTTP string) {
	s.t.Helper()
	_ = os.Remove(filepath.Join(s.dir, "run.json"))
	cmd := exec.Command(program(s.t, "strata"), s.role, "--data-dir", s.dir, "--http-listen", httpAddr,
		"--otlp-grpc-listen", grpcAddr, "--otlp-http-listen", otlpHTTP)
	cmd.Env = append(os.Environ(), s.env...)
	cmd.Stdout, cmd.Stderr = s, s
	require.NoError(s.t, cmd.Start())
	s.cmd, s.done = cmd, make(chan error, 1)
	go func() { s.done <- cmd.Wait() }()
}

// waitReady reads run.json and asks /-/ready.
func (s *server) waitReady() {
	s.t.Helper()
	eventually(s.t, 60*time.Second, "the server is ready", func() error {
		select {
		case err := <-s.done:
			s.done <- err
			return fatal(fmt.Errorf("the server ended: %w", errors.Join(err, errors.New(s.logs.String()))))
		default:
		}
		b, err := os.ReadFile(filepath.Join(s.dir, "run.json"))
		if err != nil {
			return err
		}
		if err := json.Unmarshal(b, &s.run); err != nil {
			return err
		}
		_, err = s.get("/-/ready")
		return err
	})
	s.writeHTTP = s.run.HTTP
}

// restart starts the process again on the ports it had.
func (s *server) restart() {
	s.t.Helper()
	s.launch(s.run.HTTP, orAny(s.run.OTLPGRPC), orAny(s.run.OTLPHTTP))
	s.waitReady()
}

// orAny is an address that a process without such a listener may be given.
func orAny(address string) string {
	if address == "" {
		return "127.0.0.1:0"
	}
	return address
}

// kill ends the process at once and waits for it; the engine's child notices and ends too.
func (s *server) kill() {
	if s.cmd == nil || s.cmd.ProcessState != nil {
		return
	}
	_ = s.cmd.Process.Kill()
	if err := <-s.done; err == nil {
		s.t.Log("the server had ended by itself")
	}
	s.cmd = nil
}

// terminate sends SIGTERM and returns how long the process took to end.
func (s *server) terminate() time.Duration {
	s.t.Helper()
	started := time.Now()
	require.NoError(s.t, s.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case err := <-s.done:
		require.NoError(s.t, err)
	case <-time.After(40 * time.Second):
		s.t.Fatal("the server did not end within 40 s of SIGTERM")
	}
	s.cmd = nil
	return time.Since(started)
}

// enginePID finds the engine's child by its parent.
func (s *server) enginePID() int {
	s.t.Helper()
	pid := 0
	eventually(s.t, 20*time.Second, "the engine runs", func() error {
		lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", s.cmd.Process.Pid))
		if err != nil {
			return err
		}
		for _, list := range lists { // A child belongs to the thread that started it.
			b, err := os.ReadFile(list)
			if f := strings.Fields(string(b)); err == nil && len(f) > 0 {
				pid, err = strconv.Atoi(f[0])
				return err
			}
		}
		return errors.New("no child")
	})
	return pid
}

func (s *server) url(path string) string { return "http://" + s.run.HTTP + path }

// get returns the body of a 200 answer.
func (s *server) get(path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url(path), nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %.300s", path, resp.Status, b)
	}
	return b, err
}

// getJSON decodes a 200 answer into v.
func (s *server) getJSON(path string, v any) error {
	b, err := s.get(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("GET %s: %w: %.300s", path, err, b)
	}
	return nil
}

// fatalError stops eventually at once.
type fatalError struct{ error }

func fatal(err error) error { return fatalError{err} }

// eventually calls f until it returns nil.
func eventually(t *testing.T, within time.Duration, what string, f func() error) {
	t.Helper()
	deadline := time.Now().Add(within)
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		err := f()
		if err == nil {
			return
		}
		var stop fatalError
		if errors.As(err, &stop) || time.Now().After(deadline) {
			t.Fatalf("%s: %v", what, err)
		}
		<-again.C
	}
}

// during calls f again and again for a time; it must return nil every time.
func during(t *testing.T, d time.Duration, what string, f func() error) {
	t.Helper()
	over := time.After(d)
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		if err := f(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		select {
		case <-over:
			return
		case <-again.C:
		}
	}
}

// post sends an OTLP protobuf body.
func (s *server) post(t *testing.T, path string, body []byte) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.run.OTLPHTTP+path, bytes.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-protobuf")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	return resp
}

// log is what the process has printed so far.
func (s *server) log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logs.String()
}
