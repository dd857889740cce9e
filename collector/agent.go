// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/featuregate"
	"go.opentelemetry.io/collector/otelcol"
)

const (
	// stopTimeout bounds an orderly stop. It is exceeded when lines wait for a full queue; giving up then is as safe as a kill.
	stopTimeout = 10 * time.Second
	// gcPercent trades some CPU for memory: the agent allocates little but should stay small beside what it watches.
	gcPercent = 40
)

// ErrStopTimeout says that the agent gave up waiting for its parts. Everything acknowledged is on disk.
var ErrStopTimeout = errors.New("stopped before all parts had ended; what was not queued is read again at the next start")

// Options are given by the program, not by the user's file.
type Options struct {
	// ConfigFile is the path of the configuration; empty means the defaults.
	ConfigFile string
	// StateDir holds the queue and the checkpoints.
	StateDir string
	Version  string
	Logger   *slog.Logger
}

// Agent runs the collector. It is made for one run.
type Agent struct {
	opts Options
}

// New returns an agent that does nothing yet.
func New(opts Options) *Agent {
	return &Agent{opts: opts}
}

// LoadConfig reads the file, or returns the defaults when there is no file to read.
func (a *Agent) LoadConfig() (Config, error) {
	if a.opts.ConfigFile == "" {
		return Default(), nil
	}
	text, err := os.ReadFile(a.opts.ConfigFile)
	if err != nil {
		return Config{}, fmt.Errorf("read configuration: %w", err)
	}
	cfg, err := Parse(text)
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", a.opts.ConfigFile, err)
	}
	return cfg, nil
}

// Generate returns the collector configuration the agent would run with.
func (a *Agent) Generate() (map[string]any, error) {
	cfg, err := a.LoadConfig()
	if err != nil {
		return nil, err
	}
	stateDir, err := filepath.Abs(a.opts.StateDir)
	if err != nil {
		return nil, fmt.Errorf("resolve state directory: %w", err)
	}
	host, err := DetectHost(stateDir, cfg.Host.RootPath)
	if err != nil {
		return nil, err
	}
	return Generate(cfg, Environment{Host: host, StateDir: stateDir})
}

// Check validates the file and what is generated from it, by the collector's own rules, and starts nothing.
func (a *Agent) Check(ctx context.Context) error {
	col, err := a.collector()
	if err != nil {
		return err
	}
	return col.DryRun(ctx)
}

// Run ships data until ctx ends. SIGHUP makes it read its file again. It returns nil after an orderly stop.
func (a *Agent) Run(ctx context.Context) error {
	unlock, err := lockDir(a.opts.StateDir)
	if err != nil {
		return err
	}
	defer unlock()
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	col, err := a.collector()
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	// The collector is told to stop by Shutdown and not by its context, because a cancelled context would also cancel the stop.
	go func() { done <- col.Run(context.WithoutCancel(ctx)) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	go col.Shutdown()
	select {
	case err := <-done:
		return err
	case <-time.After(stopTimeout):
		return ErrStopTimeout
	}
}

func (a *Agent) collector() (*otelcol.Collector, error) {
	// Without it, file receivers hand lines to a buffer in memory and move their checkpoint past them: a kill would lose them.
	if err := featuregate.GlobalRegistry().Set("stanza.synchronousLogEmitter", true); err != nil {
		return nil, fmt.Errorf("switch log receivers to synchronous hand-over: %w", err)
	}
	cfg, err := a.LoadConfig()
	if err != nil {
		return nil, err
	}
	p := &provider{logger: a.opts.Logger, load: a.Generate}
	return otelcol.NewCollector(otelcol.CollectorSettings{
		BuildInfo:               component.BuildInfo{Command: "strata-agent", Description: "strata-agent", Version: a.opts.Version},
		DisableGracefulShutdown: true,
		SkipSettingGRPCLogger:   true,
		Factories:               func() (otelcol.Factories, error) { return factories(a.opts.Logger, cfg.Server.Endpoint) },
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
			URIs:              []string{providerScheme + ":agent"},
			ProviderFactories: []confmap.ProviderFactory{p.factory()},
		}},
	})
}
