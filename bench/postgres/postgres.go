// SPDX-License-Identifier: Apache-2.0

// Package postgres runs a PostgreSQL to be measured: a cluster of its own, with fsync, ended by its owner. It needs Debian's package
// postgresql.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// superuser is the cluster's superuser.
const superuser = "strata"

const (
	startWithin = time.Minute
	stopWithin  = time.Minute
	pollEvery   = 50 * time.Millisecond
)

// Server is one PostgreSQL that runs.
type Server struct {
	cmd   *exec.Cmd
	addr  string
	ended chan struct{}
}

// Start makes a cluster in dir, which others than its owner must be able to reach, and starts it.
func Start(ctx context.Context, dir string) (*Server, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // The pattern is good.
	if len(found) == 0 {
		return nil, errors.New("PostgreSQL is not installed: run `make test-deps`")
	}
	bin := found[len(found)-1]
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make directory of PostgreSQL: %w", err)
	}
	as, err := credential()
	if err != nil {
		return nil, err
	}
	if as != nil {
		if err := os.Chown(dir, int(as.Uid), int(as.Gid)); err != nil {
			return nil, fmt.Errorf("give %s away: %w", dir, err)
		}
	}
	data := filepath.Join(dir, "data")
	initdb := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "--pgdata", data, "--username", superuser, "--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8") //nolint:gosec // Our own arguments.
	initdb.Dir, initdb.SysProcAttr = dir, &syscall.SysProcAttr{Credential: as}
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	s := &Server{ended: make(chan struct{})}
	port, err := s.pickPort(ctx)
	if err != nil {
		return nil, err
	}
	s.cmd = exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-h", "127.0.0.1", "-p", port, "-k", dir, //nolint:gosec,noctx // As above; ended by Stop.
		"-c", "max_connections=300", "-c", "shared_buffers=512MB", "-c", "max_wal_size=4GB")
	s.cmd.Dir, s.cmd.SysProcAttr = dir, &syscall.SysProcAttr{Credential: as}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	go func() {
		_ = s.cmd.Wait() // How it ended says nothing: it was told to.
		close(s.ended)
	}()
	if err := s.wait(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start PostgreSQL: %w", err), s.Stop())
	}
	return s, nil
}

func (s *Server) pickPort(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	s.addr = l.Addr().String()
	if err := l.Close(); err != nil {
		return "", fmt.Errorf("free a port: %w", err)
	}
	_, port, err := net.SplitHostPort(s.addr)
	if err != nil {
		return "", fmt.Errorf("read port: %w", err)
	}
	return port, nil
}

// wait returns when the server answers.
func (s *Server) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	for {
		_, err := s.Numbers(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-s.ended:
			return errors.Join(errors.New("it has ended"), err)
		case <-ctx.Done():
			return err
		case <-time.After(pollEvery):
		}
	}
}

// PID is the process whose children serve the connections.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// URL is where the database is.
func (s *Server) URL() string {
	return "postgres://" + superuser + "@" + s.addr + "/postgres?sslmode=disable"
}

// Stop ends the server without waiting for its clients.
func (s *Server) Stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGINT); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop PostgreSQL: %w", err)
	}
	select {
	case <-s.ended:
		return nil
	case <-time.After(stopWithin):
		err := s.cmd.Process.Kill()
		<-s.ended
		return errors.Join(errors.New("PostgreSQL did not end within a minute"), err)
	}
}

// credential is whom PostgreSQL runs as where we are root, as whom it refuses.
func credential() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // As ourselves.
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("find the user of PostgreSQL: %w", err)
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("read the user of PostgreSQL: %w", err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// Numbers are what the server has done as a catalog, and what it holds.
type Numbers struct {
	Commits, Rows int64
	WAL           int64 // bytes of the log written
	Agents        int64 // bytes of the table of agents, with its indexes
}

// Numbers asks the server; its statistics may be of a second ago.
func (s *Server) Numbers(ctx context.Context) (n Numbers, err error) {
	conn, err := pgx.Connect(ctx, s.URL())
	if err != nil {
		return n, fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	err = conn.QueryRow(ctx, `SELECT xact_commit, tup_inserted + tup_updated + tup_deleted, (pg_current_wal_insert_lsn() - '0/0')::bigint,
		coalesce(pg_total_relation_size(to_regclass('agents')), 0) FROM pg_stat_database WHERE datname = 'postgres'`).Scan(&n.Commits, &n.Rows, &n.WAL, &n.Agents)
	if err != nil {
		return n, fmt.Errorf("ask PostgreSQL: %w", err)
	}
	return n, nil
}
