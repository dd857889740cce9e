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
	"sync"
	"time"

	"github.com/strata-apm/strata/collector/fleet"

	"github.com/strata-apm/strata/collector/config"
	"github.com/strata-apm/strata/collector/enrich"
	"github.com/strata-apm/strata/collector/link"
	"github.com/strata-apm/strata/collector/otelconfig"
	"github.com/strata-apm/strata/collector/queue"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/featuregate"
	"go.opentelemetry.io/collector/otelcol"

	"github.com/strata-apm/strata/collector/logs"
	"github.com/strata-apm/strata/collector/middleware"
	"github.com/strata-apm/strata/collector/pushed"
	"github.com/strata-apm/strata/collector/status"
)

const (
	// stopTimeout bounds an orderly stop. It is exceeded when lines wait for a full queue; giving up then is as safe as a kill.
	stopTimeout = 10 * time.Second
	// gcPercent trades some CPU for memory: the agent allocates little but should stay small beside what it watches.
	gcPercent = 40
)

// ErrStopTimeout says that the agent gave up waiting for its parts. Everything acknowledged is on disk.
var ErrStopTimeout = errors.New("stopped before all parts had ended; records that were not queued are read again at the next start")

// errLocked says that a state directory has its agent.
var errLocked = errors.New("is used by another agent")

// Options are given by the program, not by the user's file.
type Options struct {
	// ConfigFile is the path of the configuration; empty means the defaults.
	ConfigFile string
	// StateDir holds the queue and the checkpoints.
	StateDir string
	Version  string
	Logger   *slog.Logger
	// Board is where the agent's parts write what they know of themselves; New makes one when it is nil.
	Board *status.Board
}

// Agent runs the collector. It is made for one run.
type Agent struct {
	opts   Options
	health *health
	volume *queue.Volume
	found  *middleware.Memory
	queue  *queue.State
	clock  *link.Clock
	// logStats are the counters of the log sources.
	logStats *logs.Stats
	// remote is what the server pushed; nil outside Run: a check is about the file alone.
	remote *fleet.Remote
}

// New returns an agent that does nothing yet.
func New(opts Options) *Agent {
	if opts.Board == nil {
		opts.Board = status.New()
	}
	return &Agent{
		opts: opts, health: newHealth(), volume: queue.NewVolume(time.Now()), found: middleware.NewMemory(), queue: queue.NewState(),
		clock: new(link.Clock), logStats: logs.NewStats(),
	}
}

// LoadConfig reads the file, or returns the defaults when there is no file to read. The configuration that the server pushed lies below it.
func (a *Agent) LoadConfig() (config.Config, error) {
	var under []byte
	if a.remote != nil {
		under = a.remote.Text()
	}
	return a.loadOver(under)
}

// loadOver reads the file over a pushed configuration.
func (a *Agent) loadOver(under []byte) (config.Config, error) {
	return config.Load(a.opts.ConfigFile, under)
}

// Generate returns the collector configuration the agent would run with.
func (a *Agent) Generate() (map[string]any, error) {
	cfg, err := a.LoadConfig()
	if err != nil {
		return nil, err
	}
	return a.generate(cfg)
}

func (a *Agent) generate(cfg config.Config) (map[string]any, error) {
	stateDir, err := filepath.Abs(a.opts.StateDir)
	if err != nil {
		return nil, fmt.Errorf("resolve state directory: %w", err)
	}
	host, err := enrich.DetectHost(stateDir, cfg.Host.RootPath)
	if err != nil {
		return nil, err
	}
	return otelconfig.Generate(cfg, otelconfig.Environment{Host: host, StateDir: stateDir})
}

// HideSecrets replaces what signs in within a generated configuration, so that it can be shown.
func HideSecrets(generated map[string]any) { otelconfig.HideSecrets(generated) }

// Check validates the file and what is generated from it, by the collector's own rules, and starts nothing.
func (a *Agent) Check(ctx context.Context) error {
	col, err := a.collector()
	if err != nil {
		return err
	}
	return col.DryRun(ctx)
}

// validate decides about a configuration that the server offers, by what may be pushed at all, by the agent's own rules and by the
// collector's, and starts nothing.
func (a *Agent) validate(ctx context.Context, text []byte) error {
	if err := pushed.Check(text); err != nil {
		return err
	}
	if _, err := config.Merge(text, nil); err != nil { // By itself, for a message that does not name the host's own file.
		return err
	}
	cfg, err := a.loadOver(text)
	if err != nil {
		return err
	}
	col, err := a.newCollector(cfg, func() (map[string]any, error) { return a.generate(cfg) })
	if err != nil {
		return err
	}
	return col.DryRun(ctx)
}

// Verify waits until the server at the URL has metrics of this host that are younger than the call, and returns the host's name; see
// link.Verify.
func (a *Agent) Verify(ctx context.Context, server string) (string, error) {
	cfg, err := a.LoadConfig()
	if err != nil {
		return "", err
	}
	name := cfg.Attributes["host.name"]
	if name == "" {
		if name, err = os.Hostname(); err != nil {
			return "", fmt.Errorf("read host name: %w", err)
		}
	}
	if err := link.Verify(ctx, cfg.Server, server, name); err != nil {
		return "", err
	}
	return name, nil
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
	if a.remote, err = fleet.OpenRemote(a.opts.StateDir); err != nil {
		return err
	}
	member, err := a.newMember(ctx)
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	wg.Go(func() { member.run(ctx) })
	err = a.runCollectors(ctx)
	cancel()
	wg.Wait()
	return err
}

func (a *Agent) collector() (*otelcol.Collector, error) {
	cfg, err := a.LoadConfig()
	if err != nil {
		return nil, err
	}
	return a.newCollector(cfg, a.Generate)
}

func (a *Agent) newCollector(cfg config.Config, load func() (map[string]any, error)) (*otelcol.Collector, error) {
	// Without it, file receivers hand lines to a buffer in memory and move their checkpoint past them: a kill would lose them.
	if err := featuregate.GlobalRegistry().Set("stanza.synchronousLogEmitter", true); err != nil {
		return nil, fmt.Errorf("switch log receivers to synchronous hand-over: %w", err)
	}
	return otelcol.NewCollector(otelcol.CollectorSettings{
		BuildInfo:               component.BuildInfo{Command: "strata-agent", Description: "strata-agent", Version: a.opts.Version},
		DisableGracefulShutdown: true,
		SkipSettingGRPCLogger:   true,
		Factories:               func() (otelcol.Factories, error) { return a.factories(cfg.Server.Endpoint) },
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
			URIs:              []string{otelconfig.ProviderScheme + ":agent"},
			ProviderFactories: []confmap.ProviderFactory{otelconfig.NewProviderFactory(a.opts.Logger, load)},
		}},
	})
}
