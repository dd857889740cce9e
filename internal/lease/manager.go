// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/strata-apm/strata/storage"
)

// Grant is a lease as this copy has it. The zero value is held always: it is for work that needs no lease.
type Grant struct {
	Name string
	// Epoch counts from 1; it is another one after every gap, in which somebody else may have had the lease.
	Epoch uint64

	until time.Time
}

// over says that the lease may be another's by now. The monotonic clock goes on while the process is stopped, but not while the
// machine sleeps, and the other one can be set; whichever is later counts.
func (g Grant) over(now time.Time) bool {
	return !now.Before(g.until) || !now.Round(0).Before(g.until.Round(0))
}

// Owner is what works under the leases of a Manager. Its methods are called by Run and Tick, never concurrently.
type Owner interface {
	// Wanted returns the names of all leases there are to have.
	Wanted() []string
	// LetGo ends the work under leases that are about to be released, and returns when it has ended.
	LetGo(names []string)
	// Changed is told the sorted names of the leases that this copy has, when they are others than before.
	Changed(held []string)
}

// Options are what a Manager needs.
type Options struct {
	// Store is nil for a copy that is alone: it may act for everything.
	Store storage.LeaseStore
	// Holder names this copy among those that share the store. Two that run must not have the same.
	Holder string
	// Presence begins the names of the leases by which copies know of each other, one for each that lives.
	Presence string
	// Kinds begin the names of the leases that are shared out, each kind by itself.
	Kinds []string
	// Replaced is within what time a copy that dies has been replaced. It must be positive.
	Replaced time.Duration
	Logger   *slog.Logger
}

// Manager keeps this copy's share of the leases. Safe for concurrent use, but for Run, Tick and Release, which belong to one goroutine.
type Manager struct {
	store    storage.LeaseStore
	holder   string
	presence string
	timing   timing
	logger   *slog.Logger
	balance  *balance // used by Tick only
	// kicked has room for one signal: look now.
	kicked chan struct{}
	now    func() time.Time

	renewed time.Time // used by Tick only
	failing bool      // used by Tick only

	mu    sync.Mutex
	held  map[string]Grant // by name; guarded by mu
	epoch uint64           // guarded by mu
}

// timing are the parts of Options.Replaced.
type timing struct {
	ttl   time.Duration // of a lease in the store
	renew time.Duration // how often
	tick  time.Duration // how often the store is looked at
	call  time.Duration // how long one call may take
}

func timingOf(replaced time.Duration) timing {
	return timing{ttl: replaced * 4 / 5, renew: replaced / 5, tick: min(replaced/15, time.Second), call: replaced / 3}
}

// New returns a manager that has no leases yet.
func New(opts Options) *Manager {
	t := timingOf(opts.Replaced)
	return &Manager{
		store: opts.Store, holder: opts.Holder, presence: opts.Presence, timing: t, logger: opts.Logger,
		balance: newBalance(opts.Holder, opts.Presence, opts.Kinds, t.ttl), kicked: make(chan struct{}, 1), now: time.Now, held: make(map[string]Grant),
	}
}

// Alone says that there is no store: this copy may act for everything.
func (l *Manager) Alone() bool { return l.store == nil }

// Grant returns the lease of this name, if this copy has it now.
func (l *Manager) Grant(name string) (Grant, bool) {
	if l.store == nil {
		return Grant{Name: name, Epoch: 1}, true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	g, ok := l.held[name]
	return g, ok && !g.over(l.now())
}

// Holds says whether a grant has lasted without a gap until now.
func (l *Manager) Holds(g Grant) bool {
	if g.Name == "" {
		return true
	}
	have, ok := l.Grant(g.Name)
	return ok && have.Epoch == g.Epoch
}

// Fence is what a store checks before it takes something that is written under the lease.
func (l *Manager) Fence(name string) storage.Lease {
	if l.store == nil || name == "" {
		return storage.Lease{}
	}
	return storage.Lease{Name: name, Holder: l.holder}
}

// Having lists the leases of one kind that this copy has. A copy that is alone has none: it acts for everything.
func (l *Manager) Having(kind string) []Grant {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	var out []Grant
	for name, g := range l.held {
		if strings.HasPrefix(name, kind) && !g.over(now) {
			out = append(out, g)
		}
	}
	return out
}

// Kick makes Run look now, because there is something new to have.
func (l *Manager) Kick() {
	select {
	case l.kicked <- struct{}{}:
	default: // One signal that waits is as good as two.
	}
}

// Run keeps the leases for the owner until ctx ends. Release gives them back.
func (l *Manager) Run(ctx context.Context, owner Owner) error {
	if l.store == nil {
		<-ctx.Done()
		return nil
	}
	ticker := time.NewTicker(l.timing.tick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		case <-l.kicked:
		}
		l.Tick(ctx, owner)
	}
}

// Tick renews, gives back what is too much, and takes what is free.
func (l *Manager) Tick(ctx context.Context, owner Owner) {
	if l.store == nil {
		return
	}
	before := l.names()
	err := l.exchange(ctx, owner)
	switch {
	case err != nil && ctx.Err() != nil:
		return
	case err != nil && !l.failing:
		l.logger.Warn("leases are not renewed; the work under them goes on no longer than they last", "error", err)
	case err == nil && l.failing:
		l.logger.Info("leases are renewed again")
	}
	l.failing = err != nil
	if after := l.names(); !slices.Equal(before, after) {
		owner.Changed(after)
	}
}

func (l *Manager) exchange(ctx context.Context, owner Owner) error {
	ctx, cancel := context.WithTimeout(ctx, l.timing.call)
	defer cancel()
	l.expire()
	if now := l.now(); now.Sub(l.renewed) >= l.timing.renew {
		names := append(l.names(), l.presence+l.holder)
		got, err := l.acquire(ctx, names)
		if err != nil {
			return err
		}
		l.renewed = now
		l.drop(slices.DeleteFunc(names, func(n string) bool { return slices.Contains(got, n) }), "leases are held by another copy")
	}
	all, err := l.store.ListLeases(ctx, "")
	if err != nil {
		return err // It says what was done.
	}
	take, release := l.balance.plan(owner.Wanted(), l.names(), all, l.now())
	if len(release) > 0 {
		l.drop(release, "")
		owner.LetGo(release)
		if err := l.store.ReleaseLeases(ctx, l.holder, release); err != nil {
			return err // It says what was done.
		}
	}
	if len(take) > 0 {
		_, err = l.acquire(ctx, take)
	}
	return err
}

// acquire asks for names. A lease that it gets is counted from before it asked, so that it ends here no later than in the store.
func (l *Manager) acquire(ctx context.Context, names []string) ([]string, error) {
	asked := l.now()
	got, err := l.store.AcquireLeases(ctx, l.holder, names, l.timing.ttl)
	if err != nil {
		return nil, err // It says what was done.
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	for _, name := range got {
		g := Grant{Name: name, until: asked.Add(l.timing.ttl)}
		if strings.HasPrefix(name, l.presence) || g.over(now) {
			continue
		}
		if had, ok := l.held[name]; ok && !had.over(now) {
			g.Epoch = had.Epoch
		} else {
			l.epoch++
			g.Epoch = l.epoch
		}
		l.held[name] = g
	}
	return got, nil
}

// expire forgets what has run out while nobody renewed it.
func (l *Manager) expire() {
	l.mu.Lock()
	now := l.now()
	var gone []string
	for name, g := range l.held {
		if g.over(now) {
			gone = append(gone, name)
		}
	}
	l.mu.Unlock()
	l.drop(gone, "leases have run out")
	if len(gone) > 0 {
		l.renewed = time.Time{}
	}
}

func (l *Manager) drop(names []string, why string) {
	if len(names) == 0 {
		return
	}
	if why != "" {
		l.logger.Warn("leases lost", "reason", why, "leases", len(names))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range names {
		delete(l.held, name)
	}
}

// names lists what was held at the last look, sorted.
func (l *Manager) names() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Sorted(maps.Keys(l.held))
}

// Release gives everything back at once. It is for the end, when no work goes on any more.
func (l *Manager) Release(ctx context.Context) {
	if l.store == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.timing.call)
	defer cancel()
	names := append(l.names(), l.presence+l.holder)
	l.drop(names, "")
	if err := l.store.ReleaseLeases(ctx, l.holder, names); err != nil {
		l.logger.Warn("leases not released, they run out", "error", err)
	}
}
