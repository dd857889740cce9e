// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/strata-apm/strata/alerting"
	"github.com/strata-apm/strata/fleet"
	"github.com/strata-apm/strata/ingest/bus"
	counting "github.com/strata-apm/strata/ingest/rollup"
	"github.com/strata-apm/strata/internal/access"
	"github.com/strata-apm/strata/internal/auth"
	"github.com/strata-apm/strata/internal/cluster"
	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/internal/dirlock"
	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/internal/listen"
	"github.com/strata-apm/strata/internal/selfmon"
	"github.com/strata-apm/strata/internal/status"
	"github.com/strata-apm/strata/query/guard"
	"github.com/strata-apm/strata/query/promapi"
	"github.com/strata-apm/strata/query/rollups"
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
	auth      *auth.Service
	senders   *access.Senders
	listeners *listen.Listeners
	gateway   *gatewayPart
	writers   map[string]func(context.Context, bus.Partition) error // by topic
	alerting  *alerting.Alerting
	rules     interface{ Routes() []httpx.Route } // the API of rules and notifiers
	peers     *cluster.Peers                      // where there are other processes
	member    *cluster.Member                     // this one among them
	fleet     *fleet.Service                      // what talks to agents
	fleetAPI  *fleet.API
	http      *http.Server
	guard     *guard.Guard // of all APIs that query
	counting  *counting.Rollups
	rollups   *rollups.Service
	status    *status.API
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
	if err := a.openListeners(ctx); err != nil {
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
	if err = a.newAccess(ctx); err != nil {
		return err
	}
	return a.newParts()
}

// newParts makes what the role consists of.
func (a *App) newParts() error {
	role := a.opts.Role
	if err := a.newRollups(); err != nil {
		return err
	}
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
	a.status = a.newStatus()
	a.guard = guard.New(a.cfg.Query.MaxConcurrent, a.cfg.Query.QueueTimeout)
	handler, err := a.newHTTP(engine)
	if err != nil {
		return err
	}
	a.http = listen.NewHTTPServer(handler)
	a.http.ReadTimeout = 0 // It would end a followed log; bodies are bounded by their own deadline.
	a.makeServers()
	return nil
}
