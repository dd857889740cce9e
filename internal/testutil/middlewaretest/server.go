// SPDX-License-Identifier: Apache-2.0

package middlewaretest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// startTimeout is for the slowest, a JVM or Erlang on a busy machine.
const startTimeout = 90 * time.Second

// Server is one running server. Its methods fail the test that started it.
type Server struct {
	// Addr is 127.0.0.1:port.
	Addr string
	Port int
	Dir  string

	tb  testing.TB
	cmd *exec.Cmd
	env []string // further variables of the environment
	// management is the address of RabbitMQ's management API.
	management string
	// Transport is the address that the nodes of Elasticsearch or OpenSearch use among themselves; secure says that HTTP has TLS.
	Transport string
	secure    bool
	exited    chan struct{}
}

// start makes a folder, lets prepare write the configuration and name the command, and waits until ready returns nil.
func start(tb testing.TB, prepare func(s *Server) []string, ready func(ctx context.Context, s *Server) error) *Server {
	tb.Helper()
	dir, err := os.MkdirTemp("", "strata-mw-") //nolint:usetesting // TempDir's parents may be closed to another user.
	require.NoError(tb, err)
	require.NoError(tb, os.Chmod(dir, 0o755)) //nolint:gosec // The server may run as another user.
	tb.Cleanup(func() { require.NoError(tb, os.RemoveAll(dir)) })
	s := &Server{tb: tb, Dir: dir, Port: FreePort(tb)}
	s.Addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port))
	s.cmd = command(s, prepare(s))
	s.launch(ready)
	tb.Cleanup(s.Kill)
	return s
}

func command(s *Server, args []string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), args[0], args[1:]...) //nolint:gosec // A server, and our own arguments.
	cmd.Dir, cmd.Env = s.Dir, s.environment()
	// A group of its own: Kill ends all of it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

func (s *Server) launch(ready func(ctx context.Context, s *Server) error) {
	s.tb.Helper()
	log, err := os.OpenFile(filepath.Join(s.Dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(s.tb, err)
	defer log.Close()
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		s.tb.Fatalf("%v: run `make test-deps`", err)
	}
	s.exited = make(chan struct{})
	go func() {
		_ = s.cmd.Wait()
		close(s.exited)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for {
		err := ready(ctx, s)
		if err == nil {
			return
		}
		select {
		case <-s.exited:
			s.fail(errors.New("it has ended"))
		case <-ctx.Done():
			s.fail(err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *Server) fail(err error) {
	s.tb.Helper()
	log, _ := os.ReadFile(filepath.Join(s.Dir, "log"))
	s.Kill()
	s.tb.Fatalf("%s does not start: %v\n%s", s.cmd.Path, err, log[max(0, len(log)-4000):])
}

// PID is the process that was started.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Kill ends the server and its children as a crash does (SIGKILL) and returns when it is gone. Killing twice is no error.
func (s *Server) Kill() {
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
	<-s.exited
}

// Pause stops the server so that connections stay open and nothing answers; it goes on when f returns.
func (s *Server) Pause(f func()) {
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGSTOP)
	defer func() { _ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGCONT) }()
	f()
}

// Write writes a file into the server's folder and returns its path.
func (s *Server) Write(name, text string) string {
	s.tb.Helper()
	path := filepath.Join(s.Dir, name)
	require.NoError(s.tb, os.MkdirAll(filepath.Dir(path), 0o755))  //nolint:gosec // The server may run as another user.
	require.NoError(s.tb, os.WriteFile(path, []byte(text), 0o644)) //nolint:gosec // The server may run as another user.
	return path
}

// FreePort returns a free port on loopback.
func FreePort(tb testing.TB) int {
	tb.Helper()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

// listens is a ready that only connects.
func listens(ctx context.Context, s *Server) error {
	c, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", s.Addr)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	return c.Close()
}
