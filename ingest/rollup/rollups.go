// SPDX-License-Identifier: Apache-2.0

package rollup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/strata-apm/strata/rollup"
	"github.com/strata-apm/strata/signal"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

// Definitions is where the rollups are kept. Safe for concurrent use.
type Definitions interface {
	// ListRollups returns the newest version of every rollup of every tenant.
	ListRollups(ctx context.Context) ([]storage.Rollup, error)
	// RollupsVersion returns a text that is another one after every change of a rollup.
	RollupsVersion(ctx context.Context) (string, error)
}

// States keeps what was counted. Safe for concurrent use.
type States interface {
	storage.RollupAppender
	// RollupRows is storage.RollupReader's.
	RollupRows(ctx context.Context, owner tenant.ID, q storage.RollupQuery) ([]rollup.Row, error)
}

// Options are what New needs; all but the durations and Now are needed.
type Options struct {
	Definitions Definitions
	States      States
	Logger      *slog.Logger
	// Poll is how often the definitions are looked at. Default: 2 s.
	Poll time.Duration
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// Rollups are the rollups in force in this process. Safe for concurrent use.
type Rollups struct {
	opts Options

	refreshing sync.Mutex // so that what was read later is not replaced by what was read before

	mu      sync.RWMutex
	running map[owned][]*running // in an order that does not change
	version string
	known   bool // the definitions were read
}

// owned is whose records of a signal.
type owned struct {
	tenant tenant.ID
	signal signal.Signal
}

// New returns the rollups of the catalog; Run follows its changes.
func New(opts Options) (*Rollups, error) {
	if opts.Definitions == nil || opts.States == nil || opts.Logger == nil {
		return nil, errors.New("rollups: an option is missing")
	}
	if opts.Poll <= 0 {
		opts.Poll = 2 * time.Second
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Rollups{opts: opts}, nil
}

// Run follows changes of the catalog until ctx ends.
func (r *Rollups) Run(ctx context.Context) error {
	tick := time.NewTicker(r.opts.Poll)
	defer tick.Stop()
	for {
		if err := r.Refresh(ctx); err != nil && ctx.Err() == nil {
			r.opts.Logger.Error("rollups not looked at; those that are in force go on", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Refresh makes what the catalog says now effective. Its errors are those of the catalog.
func (r *Rollups) Refresh(ctx context.Context) error {
	r.refreshing.Lock()
	defer r.refreshing.Unlock()
	version, err := r.opts.Definitions.RollupsVersion(ctx) // Before the list, so that a change in between is seen as one.
	if err != nil {
		return fmt.Errorf("look for changed rollups: %w", err)
	}
	r.mu.RLock()
	same := r.known && version == r.version
	r.mu.RUnlock()
	if same {
		return nil
	}
	all, err := r.opts.Definitions.ListRollups(ctx)
	if err != nil {
		return fmt.Errorf("list rollups: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	before := map[string]*running{}
	for _, list := range r.running {
		for _, one := range list {
			before[string(one.tenant)+"/"+one.state] = one
		}
	}
	next := map[owned][]*running{}
	for _, def := range all {
		if def.Paused {
			continue
		}
		one := before[string(def.Tenant)+"/"+rollup.StateOf(def.ID, def.Version)]
		if one == nil {
			if one, err = newRunning(def); err != nil {
				r.opts.Logger.Error("a rollup of the catalog cannot be used", "rollup", def.Name, "tenant", def.Tenant, "err", err)
				continue
			}
		}
		key := owned{tenant: one.tenant, signal: one.plan.Signal}
		next[key] = append(next[key], one)
	}
	r.running, r.version, r.known = next, version, true
	return nil
}

// of returns the rollups for a tenant's records of a signal, reading the definitions if that was not done yet.
func (r *Rollups) of(ctx context.Context, key owned) ([]*running, error) {
	r.mu.RLock()
	known, list := r.known, r.running[key]
	r.mu.RUnlock()
	if known {
		return list, nil
	}
	if err := r.Refresh(ctx); err != nil {
		return nil, fmt.Errorf("%w: %w", storage.ErrUnavailable, err)
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.running[key], nil
}
