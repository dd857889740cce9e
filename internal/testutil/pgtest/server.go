// SPDX-License-Identifier: Apache-2.0

package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

const (
	owner    = "strata"
	password = "p@ss word/?" // Needs escaping in a URL, as real ones do.
	// startTimeout is for initdb and start-up on a busy machine.
	startTimeout = 60 * time.Second
)

// TB is what a Server needs of whoever starts it: a testing.TB, or what a package's tests share.
type TB interface {
	require.TestingT
	Helper()
	Cleanup(f func())
}

// Server is one PostgreSQL. Its methods fail the test that started it; Database alone is safe for concurrent use.
type Server struct {
	t         TB
	bin, dir  string
	port      int
	cmd       *exec.Cmd
	exited    chan struct{}
	databases atomic.Int32
}

// Start initialises a cluster and starts it. It ends with the test.
func Start(tb TB) *Server {
	tb.Helper()
	bin, err := findPrograms()
	require.NoError(tb, err)
	dir, err := os.MkdirTemp("", "strata-pg-") // TempDir's parents may be closed to another user, and its path too long for a socket.
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, os.RemoveAll(dir)) })
	s := &Server{t: tb, bin: bin, dir: dir}
	require.NoError(tb, s.initialise())
	s.pickPort()
	s.Launch()
	tb.Cleanup(s.Stop)
	return s
}

// initialise makes the cluster.
func (s *Server) initialise() error {
	secret := filepath.Join(s.dir, "password")
	if err := os.WriteFile(secret, []byte(password), 0o600); err != nil {
		return fmt.Errorf("write password: %w", err)
	}
	if id := unprivileged(); id != nil {
		for _, path := range []string{s.dir, secret} {
			if err := os.Chown(path, int(id.Uid), int(id.Gid)); err != nil {
				return fmt.Errorf("give %s away: %w", path, err)
			}
		}
	}
	args := []string{
		"--pgdata", filepath.Join(s.dir, "data"), "--username", owner, "--pwfile", secret, "--auth", "scram-sha-256",
		"--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync",
	}
	if s.version() >= 15 {
		args = append(args, "--locale-provider", "icu", "--icu-locale", "en-US")
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if out, err := s.command(ctx, "initdb", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

// version is the major version, which is in the path of the programs.
func (s *Server) version() int { return major(s.bin) }

// command runs a program of PostgreSQL's with nothing of our environment, so that no PG* variable leads it astray.
func (s *Server) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, name), args...) //nolint:gosec // A program of PostgreSQL's, and our own arguments.
	cmd.Dir, cmd.Env = s.dir, []string{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: unprivileged()}
	return cmd
}

func (s *Server) pickPort() {
	s.t.Helper()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	require.NoError(s.t, err)
	s.port = l.Addr().(*net.TCPAddr).Port
	require.NoError(s.t, l.Close())
}

// Launch starts the server after Stop or Kill, on the address it had, and waits until it answers. What it logs is in the file log.
func (s *Server) Launch() {
	s.t.Helper()
	deadline := time.Now().Add(startTimeout)
	for {
		s.spawn()
		err := s.wait(deadline)
		if err == nil {
			return
		}
		// After a kill the children of the old server may still hold its shared memory.
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			require.NoError(s.t, err, "PostgreSQL does not start:\n%s", log)
		}
		s.Stop()
		time.Sleep(50 * time.Millisecond)
	}
}

func (s *Server) spawn() {
	s.t.Helper()
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(s.t, err)
	defer log.Close()
	cmd := s.command(context.Background(), "postgres", "-D", filepath.Join(s.dir, "data"), "-h", "127.0.0.1", "-p", strconv.Itoa(s.port), "-k", s.dir,
		// Only a loss of power could tell the difference, and this is a test.
		"-c", "fsync=off", "-c", "max_connections=100", "-c", "shared_buffers=16MB")
	cmd.Stdout, cmd.Stderr = log, log
	require.NoError(s.t, cmd.Start())
	exited := make(chan struct{})
	s.cmd, s.exited = cmd, exited
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
}

// wait returns when the server answers, or has ended.
func (s *Server) wait(deadline time.Time) error {
	for {
		err := s.ask(func(context.Context, *pgx.Conn) error { return nil })
		if err == nil {
			return nil
		}
		select {
		case <-s.exited:
			return errors.Join(errors.New("postgres has ended"), err)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return err
		}
	}
}

func (s *Server) ask(fn func(context.Context, *pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.url("postgres", password))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	return errors.Join(fn(ctx, conn), conn.Close(ctx))
}

// Exec runs a statement as the owner of the cluster in the database "postgres".
func (s *Server) Exec(statement string) {
	s.t.Helper()
	require.NoError(s.t, s.ask(func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, statement)
		return err
	}))
}

// Database makes an empty database and returns its URL, with the password.
func (s *Server) Database() string {
	s.t.Helper()
	name := "db" + strconv.Itoa(int(s.databases.Add(1)))
	s.Exec("CREATE DATABASE " + name)
	return s.url(name, password)
}

// Password is the password in the URLs.
func (s *Server) Password() string { return password }

// PID is the process id of the server.
func (s *Server) PID() int { return s.cmd.Process.Pid }

func (s *Server) url(database, secret string) string {
	return (&url.URL{
		Scheme: "postgres", User: url.UserPassword(owner, secret), Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)), Path: database,
		RawQuery: "sslmode=disable",
	}).String()
}

// Kill ends the server as a crash does (SIGKILL) and returns when it is gone.
func (s *Server) Kill() {
	s.t.Helper()
	s.end(syscall.SIGKILL)
}

// Stop ends the server at once, cutting off its clients ("fast shutdown"). Stopping twice is no error.
func (s *Server) Stop() {
	s.t.Helper()
	s.end(syscall.SIGINT)
}

func (s *Server) end(sig syscall.Signal) {
	s.t.Helper()
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(sig) // An error says that it has ended.
	select {
	case <-s.exited:
	case <-time.After(20 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.exited
	}
	s.cmd = nil
}
