// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"github.com/strata-apm/strata/alerting"
	"github.com/strata-apm/strata/fleet"
	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/internal/auth"
	"github.com/strata-apm/strata/internal/cluster"
	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/internal/dirlock"
	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/internal/selfmon"
	"github.com/strata-apm/strata/query/guard"
	"github.com/strata-apm/strata/query/promapi"
)

// Options are what the command line hands in.
type Options struct {
	// Role is what this process does; empty is everything.
	Role    config.Role
	Version string
	Commit  string
	// Stderr takes the log, Stdout the few lines meant for the person who started the process.
	Stderr io.Writer
	Stdout io.Writer
	// EngineCommand starts the embedded engine's child; empty means this executable with "engine serve".
	EngineCommand []string
}

// App is one server process. The parts that its role does not have are nil.
type App struct {
	cfg  config.Config
	opts Options
	// instance names the process among the others.
	instance string
	logs     *selfmon.Handler
	logger   *slog.Logger
	reg      *prometheus.Registry
	started  time.Time
	stack    stack

	// selfKey is sent with the server's own telemetry.
	selfKey   auth.Self
	tls       tlsFiles
	stores    *stores
	access    *access
	listeners *listeners
	gateway   *gatewayPart
	writers   map[string]func(context.Context, bus.Partition) error // by topic
	alerting  *alerting.Alerting
	rules     interface{ Routes() []httpx.Route } // the API of rules and notifiers
	peers     *cluster.Peers                      // where there are other processes
	fleet     *fleet.Service                      // what talks to agents
	fleetAPI  *fleet.API
	http      *http.Server
	guard     *guard.Guard // of all APIs that query
	ready     atomic.Bool
	self      *selfmon.Telemetry
}

// New takes the data directory, opens the listeners' sockets and the stores. The engine's child is the only thing it starts.
func New(ctx context.Context, cfg config.Config, opts Options) (*App, error) {
	if opts.Role == "" {
		opts.Role = config.RoleAll
	}
	if err := cfg.ValidateFor(opts.Role); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.LogLevel)); err != nil {
		return nil, fmt.Errorf("configuration: log_level: %w", err)
	}
	a := &App{cfg: cfg, opts: opts, logs: selfmon.NewHandler(opts.Stderr, level), reg: prometheus.NewRegistry(), started: time.Now()}
	a.logger = slog.New(a.logs)
	a.stack.logger = a.logger
	a.reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if err := a.open(ctx); err != nil {
		return nil, errors.Join(err, a.stack.closeAll())
	}
	return a, nil
}

func (a *App) open(ctx context.Context) error {
	dir, err := filepath.Abs(a.cfg.DataDir)
	if err != nil {
		return fmt.Errorf("resolve data directory: %w", err)
	}
	a.cfg.DataDir = dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("create data directory: %w", err)
	}
	lock, err := dirlock.Acquire(dir)
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	a.stack.push("data directory", lock.Release)
	if a.instance, err = a.instanceName(); err != nil {
		return err
	}
	if a.tls, err = a.loadTLS(); err != nil {
		return err
	}
	if err := a.openListeners(ctx, listenerTable()); err != nil {
		return err
	}
	a.stores = &stores{}
	if err = a.openCatalog(ctx); err != nil {
		return err
	}
	if a.self, err = a.openSelf(ctx); err != nil {
		return err
	}
	if err = a.openStores(ctx); err != nil {
		return err
	}
	if a.access, err = a.newAccess(ctx); err != nil {
		return err
	}
	return a.newParts()
}

// newParts makes what the role consists of.
func (a *App) newParts() error {
	role := a.opts.Role
	if role.Is(config.RoleGateway) {
		a.gateway = a.newGateway()
	}
	if role.Is(config.RoleWriter) {
		a.writers = a.newWriters()
	}
	engine := promapi.NewEngine(a.cfg.Query, a.logger.With("part", "promql"), a.reg)
	switch {
	case role.Is(config.RoleAlert):
		al, err := a.newAlerting(engine)
		if err != nil {
			return err
		}
		a.alerting, a.rules = al, al
	case role == config.RoleQuery:
		api, err := a.newRulesAPI()
		if err != nil {
			return err
		}
		a.rules = api
	}
	if err := a.newFleet(); err != nil {
		return err
	}
	a.guard = guard.New(a.cfg.Query.MaxConcurrent, a.cfg.Query.QueueTimeout)
	handler, err := a.newHTTP(engine)
	if err != nil {
		return err
	}
	a.http = newServer(handler)
	a.http.ReadTimeout = 0 // It would end a followed log; bodies are bounded by their own deadline.
	a.makeServers()
	return nil
}

// selfEndpoint is a name for the connection within the process.
const selfEndpoint = "passthrough:///self"

// openSelf sends the process's own telemetry to its own intake, past the ports and their TLS, or where the configuration says when it has none.
func (a *App) openSelf(ctx context.Context) (*selfmon.Telemetry, error) {
	opts := selfmon.Options{
		Version: a.opts.Version, Instance: a.instance, Ratio: a.cfg.Self.TraceRatio, Interval: a.cfg.Self.Interval, Gatherer: a.reg,
	}
	endpoint, secure := strings.CutPrefix(a.cfg.Self.Endpoint, "https://")
	credentials := ""
	switch {
	case !a.cfg.Self.Enabled:
		return selfmon.Off(), nil
	case a.opts.Role.Is(config.RoleGateway):
		a.selfKey = auth.NewSelf(selfmon.ServiceName)
		endpoint, secure, credentials = selfEndpoint, false, a.selfKey.Header()
		opts.Dial = func(ctx context.Context, _ string) (net.Conn, error) {
			return a.listeners.of(selfListener).pipe.DialContext(ctx)
		}
	case endpoint == "":
		return selfmon.Off(), nil
	default:
		secret, err := a.internalKey(ctx, auth.ScopeIngest)
		if err != nil {
			return nil, err
		}
		credentials = "Bearer " + secret
	}
	if secure {
		opts.TLS = a.tls.peers
	}
	opts.Endpoint, opts.Headers = endpoint, map[string]string{"authorization": credentials}
	t, err := selfmon.Start(ctx, opts)
	if err != nil {
		return nil, fmt.Errorf("start self-monitoring: %w", err)
	}
	a.logs.Tee(t.Logs)
	return t, nil
}

// drainTimeout is how long requests under way may take after the process was told to stop.
const drainTimeout = 10 * time.Second

// Run serves until ctx ends, then stops taking requests, lets those under way finish, and stops the writers. What is not yet stored
// stays on the bus.
func (a *App) Run(ctx context.Context) error {
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServing()
	g, gctx := errgroup.WithContext(serving)
	a.runWriters(gctx, g)
	a.listeners.run(gctx, g)
	g.Go(func() error { return a.access.auth.Run(gctx) })
	if a.alerting != nil {
		g.Go(func() error { return a.alerting.Run(gctx) })
		g.Go(func() error { return a.reloadOnHangup(gctx) })
	}
	if a.fleet != nil {
		g.Go(func() error { return a.fleet.Run(gctx) })
	}
	if a.peers != nil {
		g.Go(func() error { return a.heartbeat(gctx) })
	}
	if a.stores.kafka != nil {
		g.Go(func() error { return a.stores.kafka.Run(gctx) })
	}
	if err := a.listeners.writeRunFile(a.cfg.DataDir); err != nil {
		stopServing()
		return errors.Join(err, g.Wait())
	}
	a.ready.Store(true)
	a.logger.Info("ready", "role", a.opts.Role, "instance", a.instance, "listeners", a.listeners.addresses(), "after", time.Since(a.started).Round(time.Millisecond))
	_, _ = fmt.Fprintf(a.opts.Stdout, "Strata %s is ready: %s%s\n", a.opts.Version, scheme(a.tls.http), a.Addr())

	select {
	case <-ctx.Done():
		a.logger.Info("stopping", "reason", context.Cause(ctx))
	case <-gctx.Done(): // A part failed; the rest is stopped below.
	}
	a.ready.Store(false)
	a.drain() //nolint:contextcheck // The context that ended is the reason to drain.
	stopServing()
	return g.Wait() //nolint:wrapcheck // Parts wrap their own errors.
}

// Close closes what New opened.
func (a *App) Close() error {
	return errors.Join(a.stack.closeAll(), a.listeners.removeRunFile(a.cfg.DataDir))
}

// Addr is where the page and the APIs are served.
func (a *App) Addr() string { return a.listeners.of(httpListener).Addr().String() }
