// SPDX-License-Identifier: Apache-2.0

package supervise

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/strata-apm/strata/backoff"
	"github.com/strata-apm/strata/storage"
)

// Options say which child is run and how.
type Options struct {
	// Command is the program and the arguments before the engine's own. Default: this executable, "engine", "serve".
	Command []string
	// Env is added to the environment of the child.
	Env []string
	// Library is the path of libchdb.so, as engine.FindLibrary returned it.
	Library string
	// DataDir is the engine's own folder, <data-dir>/clickhouse or the like.
	DataDir string
	// MaxMemoryBytes limits the engine. Default: the child takes a share of what there is.
	MaxMemoryBytes uint64
	// Logger receives the child's own log lines too. Default: none.
	Logger *slog.Logger
	// StopTimeout is how long the child may take to close before it is killed. Default: 20 s.
	StopTimeout time.Duration
}

// Phase is how the child is.
type Phase string

// The phases. Down means that the child died and is started again after a pause.
const (
	Starting Phase = "starting"
	OK       Phase = "ok"
	Down     Phase = "down"
	Stopped  Phase = "stopped"
)

// State is what a status page shows.
type State struct {
	Phase    Phase
	Message  string
	Restarts int
	PID      int
	Since    time.Time
}

const (
	minPause = 100 * time.Millisecond
	maxPause = 15 * time.Second
	// steady is the uptime after which a child counts as healthy, so that the next death is answered quickly again.
	steady = 30 * time.Second
	// maxSocketPath leaves room below the 108 bytes that a unix socket's address has.
	maxSocketPath = 100
)

// Supervisor owns one engine process. Safe for concurrent use.
type Supervisor struct {
	opts   Options
	log    *slog.Logger
	socket string
	tmp    string // folder of the socket when it is not in DataDir

	stop     chan struct{}
	stopOnce sync.Once
	ended    chan struct{} // closed when Run has returned

	mu      sync.Mutex // protects the fields below
	state   State
	changed chan struct{} // closed and replaced at every change of state
	running bool
}

// New prepares a supervisor; Run starts the child.
func New(opts Options) (*Supervisor, error) {
	if opts.Library == "" || opts.DataDir == "" {
		return nil, errors.New("the engine's library and data directory must be set")
	}
	if len(opts.Command) == 0 {
		exe, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("find this program: %w", err)
		}
		opts.Command = []string{exe, "engine", "serve"}
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.StopTimeout <= 0 {
		opts.StopTimeout = 20 * time.Second
	}
	dir, err := filepath.Abs(opts.DataDir)
	if err != nil {
		return nil, fmt.Errorf("resolve the engine's data directory: %w", err)
	}
	opts.DataDir = dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create the engine's data directory: %w", err)
	}
	// The name is this supervisor's own: on a directory that another one holds, its child must not seem to be ours.
	name := fmt.Sprintf("engine-%d-%04x.sock", os.Getpid(), rand.N(1<<16)) //nolint:gosec // A name, not a secret.
	s := &Supervisor{
		opts: opts, log: opts.Logger, socket: filepath.Join(dir, name),
		stop: make(chan struct{}), ended: make(chan struct{}), changed: make(chan struct{}),
		state: State{Phase: Starting, Message: "not started yet", Since: time.Now()},
	}
	if len(s.socket) > maxSocketPath {
		if s.tmp, err = os.MkdirTemp("", "strata-engine-"); err != nil {
			return nil, fmt.Errorf("create a folder for the engine's socket: %w", err)
		}
		s.socket = filepath.Join(s.tmp, name)
	}
	return s, nil
}

// Run keeps the child running until ctx ends or Close is called, then stops it gracefully. It may be called once.
func (s *Supervisor) Run(ctx context.Context) error {
	s.mu.Lock()
	if s.running {
		s.mu.Unlock()
		return errors.New("the engine's supervisor runs already")
	}
	s.running = true
	s.mu.Unlock()
	defer close(s.ended)
	if s.tmp != "" {
		defer os.RemoveAll(s.tmp)
	}

	pauses := backoff.New(minPause, maxPause)
	for restarts := 0; ; restarts++ {
		s.setState(State{Phase: Starting, Message: "the engine is starting", Restarts: restarts})
		started := time.Now()
		err := s.runChild(ctx, restarts)
		if s.stopping(ctx) {
			s.setState(State{Phase: Stopped, Message: "the engine is stopped", Restarts: restarts})
			return nil
		}
		if time.Since(started) > steady {
			pauses.Reset()
		}
		pause := pauses.Next()
		s.log.Error("the engine ended, starting it again", "error", err, "pause", pause.String())
		s.setState(State{Phase: Down, Message: err.Error(), Restarts: restarts})
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		case <-s.stop:
		}
	}
}

func (s *Supervisor) stopping(ctx context.Context) bool {
	select {
	case <-s.stop:
		return true
	default:
		return ctx.Err() != nil
	}
}

// Close stops the child gracefully and waits until it has ended. Requests in flight are given time to end.
func (s *Supervisor) Close() error {
	s.stopOnce.Do(func() { close(s.stop) })
	s.mu.Lock()
	running := s.running
	s.mu.Unlock()
	if running {
		<-s.ended
	}
	return nil
}

// State returns how the child is now.
func (s *Supervisor) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

func (s *Supervisor) setState(st State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st.Since = time.Now()
	s.state = st
	close(s.changed)
	s.changed = make(chan struct{})
}

// Ready waits until the child answers. The error wraps storage.ErrUnavailable and says what keeps it.
func (s *Supervisor) Ready(ctx context.Context) error {
	for {
		s.mu.Lock()
		st, changed := s.state, s.changed
		s.mu.Unlock()
		switch st.Phase {
		case OK:
			return nil
		case Stopped:
			return unavailable(st)
		case Starting, Down:
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", unavailable(st), ctx.Err())
		}
	}
}

// DialContext connects to the child's socket, whatever network and address say, or fails at once while there is no child. It has
// the form http.Transport wants.
func (s *Supervisor) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	if st := s.State(); st.Phase != OK {
		return nil, unavailable(st)
	}
	return s.dial(ctx)
}

func (s *Supervisor) dial(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", s.socket)
	if err != nil {
		return nil, fmt.Errorf("connect to the engine: %w: %w", storage.ErrUnavailable, err)
	}
	return conn, nil
}

func unavailable(st State) error {
	return fmt.Errorf("%w: engine %s: %s", storage.ErrUnavailable, st.Phase, st.Message)
}

func (s *Supervisor) childArgs() []string {
	args := append(append([]string{}, s.opts.Command[1:]...), "--library="+s.opts.Library, "--data-dir="+s.opts.DataDir, "--socket="+s.socket)
	if s.opts.MaxMemoryBytes > 0 {
		args = append(args, "--max-memory-bytes="+strconv.FormatUint(s.opts.MaxMemoryBytes, 10))
	}
	return args
}
