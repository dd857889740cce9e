// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/strata-apm/strata/storage/clickhouse/engine/chdb"
)

// Options say what the child process serves.
type Options struct {
	// Library is the path of libchdb.so.
	Library string
	// DataDir is the engine's folder. It is created when absent and locked while the process lives.
	DataDir string
	// Socket is the path of the unix socket; its folder must exist. A stale socket file is replaced.
	Socket string
	// Listen is a TCP address instead of the socket, for an engine that several processes use.
	Listen string
	// Password is asked of every request over TCP. It may be empty on a loopback address only.
	Password string
	// OnListen is told the TCP address; may be nil.
	OnListen func(address string)
	// MaxMemoryBytes bounds all queries, inserts and merges together. Default: a share of what the machine or the cgroup has.
	MaxMemoryBytes uint64
	// MaxConcurrent bounds the statements that run at once; further ones wait shortly. Default: 64.
	MaxConcurrent int
	// Parent is read until it ends; then the process ends. The supervisor keeps the other end of the pipe open. May be nil.
	Parent io.Reader
	// Logger may be nil.
	Logger *slog.Logger
}

const (
	defaultMaxConcurrent = 64
	drainTimeout         = 10 * time.Second
	lockTimeout          = 15 * time.Second
)

// Serve runs the engine until ctx or the parent ends, then waits for running statements and returns.
func Serve(ctx context.Context, opts Options) error {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.MaxConcurrent <= 0 {
		opts.MaxConcurrent = defaultMaxConcurrent
	}
	if opts.MaxMemoryBytes == 0 {
		opts.MaxMemoryBytes = DefaultMemory()
	}
	if err := opts.checkListen(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if opts.Parent != nil {
		// A terminal and a service manager signal the whole group; the parent decides when the engine ends, after it has drained.
		signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
		go func() {
			_, _ = io.Copy(io.Discard, opts.Parent)
			cancel()
		}()
	}

	if err := os.MkdirAll(opts.DataDir, 0o700); err != nil {
		return fmt.Errorf("create the engine's data directory: %w", err)
	}
	unlock, err := lockDataDir(ctx, opts.DataDir)
	if err != nil {
		return err
	}
	defer unlock()

	if err := tuneAllocator(opts.MaxMemoryBytes); err != nil {
		return err
	}
	lib, err := chdb.Load(opts.Library)
	if err != nil {
		return err
	}
	srv, err := newServer(lib, opts)
	if err != nil {
		return err
	}
	defer srv.close()
	purged := make(chan struct{})
	go func() {
		defer close(purged)
		srv.purge(ctx)
	}()
	defer func() {
		cancel()
		<-purged
	}()

	listener, err := listen(ctx, opts)
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }()
	opts.Logger.Info("engine is ready", "version", lib.Version(), "data_dir", opts.DataDir, "max_memory_bytes", opts.MaxMemoryBytes)
	return srv.run(ctx, listener)
}

// lockDataDir waits a little for a predecessor that is still closing: a restarted server must not fail because of it.
func lockDataDir(ctx context.Context, dir string) (func(), error) {
	path := filepath.Join(dir, "strata.lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the operator names the directory
	if err != nil {
		return nil, fmt.Errorf("lock the engine's data directory: %w", err)
	}
	deadline := time.Now().Add(lockTimeout)
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) || time.Now().After(deadline) || ctx.Err() != nil {
			_ = f.Close()
			return nil, fmt.Errorf("lock the engine's data directory %s: another process uses it: %w", dir, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return func() { _ = f.Close() }, nil
}

// server holds the process's sessions and statements.
type server struct {
	opts  Options
	lib   *chdb.Library
	log   *slog.Logger
	slots chan struct{}

	// base keeps the engine running: it would shut down with its last session.
	base *chdb.Conn

	killMu sync.Mutex // protects killer, which runs one statement at a time
	killer *chdb.Conn

	mu      sync.Mutex // protects running
	running map[string]struct{}
}

func newServer(lib *chdb.Library, opts Options) (*server, error) {
	s := &server{opts: opts, lib: lib, log: opts.Logger, slots: make(chan struct{}, opts.MaxConcurrent), running: make(map[string]struct{})}
	var err error
	if s.base, err = lib.Connect(s.bootArgs()...); err != nil {
		return nil, fmt.Errorf("open the engine in %s: %w", opts.DataDir, err)
	}
	if s.killer, err = lib.Connect("--path=" + opts.DataDir); err != nil {
		s.base.Close()
		return nil, fmt.Errorf("open the engine in %s: %w", opts.DataDir, err)
	}
	return s, nil
}

// bootArgs are the server options; only the first session of a process takes them.
func (s *server) bootArgs() []string {
	cache := s.opts.MaxMemoryBytes / 20
	option := func(name string, value uint64) string { return "--" + name + "=" + strconv.FormatUint(value, 10) }
	return []string{
		"--path=" + s.opts.DataDir,
		option("max_server_memory_usage", s.opts.MaxMemoryBytes),
		option("merges_mutations_memory_usage_soft_limit", s.opts.MaxMemoryBytes/2),
		// The library's caches default to gigabytes; what they save is small on one machine's disk cache.
		option("mark_cache_size", cache),
		option("index_mark_cache_size", cache),
		option("primary_index_cache_size", cache),
		option("vector_similarity_index_cache_size", 1<<20),
		option("text_index_tokens_cache_size", cache/2),
		option("text_index_header_cache_size", cache/2),
		option("text_index_postings_cache_size", cache),
		option("compiled_expression_cache_size", 32<<20),
		// The library looks for user-defined functions and the like in the working directory otherwise.
		"--user_scripts_path=" + filepath.Join(s.opts.DataDir, "user_scripts"),
	}
}

func (s *server) close() {
	s.killMu.Lock()
	s.killer.Close()
	s.killMu.Unlock()
	s.base.Close()
}

func (s *server) run(ctx context.Context, listener net.Listener) error {
	// Requests outlive ctx by the time they are given to end, so they are not derived from it.
	hs := &http.Server{Handler: s.guarded(), ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 4 << 20}
	served := make(chan error, 1)
	go func() { served <- hs.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve on %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	s.log.Info("engine is closing")
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if err := hs.Shutdown(drain); err != nil {
		s.log.Warn("statements are still running, stopping them", "error", err)
		_ = hs.Close()
		s.killAll()
	}
	return nil
}

func (s *server) killAll() {
	deadline := time.Now().Add(5 * time.Second)
	for time.Now().Before(deadline) {
		s.mu.Lock()
		ids := make([]string, 0, len(s.running))
		for id := range s.running {
			ids = append(ids, id)
		}
		s.mu.Unlock()
		if len(ids) == 0 {
			return
		}
		for _, id := range ids {
			s.kill(id)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// kill stops the statement with this id. A statement the engine has not registered yet is missed; callers repeat.
func (s *server) kill(id string) {
	s.killMu.Lock()
	defer s.killMu.Unlock()
	_, _, err := s.killer.Exec("KILL QUERY WHERE Settings['log_comment'] = {id:String} ASYNC", "Null", chdb.Param{Name: "id", Value: escapeParam(id)})
	if err != nil {
		s.log.Warn("kill a statement", "query_id", id, "error", err)
	}
}
