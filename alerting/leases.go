// SPDX-License-Identifier: Apache-2.0

package alerting

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

// Prefixes of the names of leases.
const (
	copyPrefix     = "alerting/" // one for each copy that lives, held by itself
	rulesPrefix    = "rules/"
	notifierPrefix = "notifier/"
)

// ruleLease names the lease of a rule group. A group from the API is known by its id, so that it keeps its lease when it is renamed.
func ruleLease(file, group string) string {
	if strings.HasPrefix(file, apiPrefix) {
		return rulesPrefix + file
	}
	return rulesPrefix + file + "/" + group
}

// grant is a lease as this copy has it. The epoch is another one after every gap, in which somebody else may have had it.
type grant struct {
	name  string
	epoch uint64
	until time.Time
}

// over says that the lease may be another's by now. The monotonic clock goes on while the process is stopped, but not while the
// machine sleeps, and the other one can be set; whichever is later counts.
func (g grant) over(now time.Time) bool {
	return !now.Before(g.until) || !now.Round(0).Before(g.until.Round(0))
}

// leases says which rule groups and notifiers this copy may act for. Without a store it may act for all. Safe for concurrent use.
type leases struct {
	store   storage.LeaseStore
	holder  string
	timing  leaseTiming
	logger  *slog.Logger
	counts  *counts
	balance *balance // used by tick only
	// wanted returns the names of all leases there are to have.
	wanted func() []string
	// letGo ends what goes on under leases that are about to be released.
	letGo func(names []string)
	// changed is told when this copy has other leases than before.
	changed func()
	// kicked has room for one signal: look now.
	kicked chan struct{}
	now    func() time.Time

	renewed time.Time // used by tick only
	failing bool      // used by tick only

	mu    sync.Mutex
	held  map[string]grant // by name; guarded by mu
	epoch uint64           // guarded by mu
}

// leaseTiming are the parts of Options.LeaseTTL, the time within which a copy that dies has been replaced.
type leaseTiming struct {
	ttl   time.Duration // of a lease in the store
	renew time.Duration // how often
	tick  time.Duration // how often the store is looked at
	call  time.Duration // how long one call may take
}

func timingOf(replaced time.Duration) leaseTiming {
	return leaseTiming{ttl: replaced * 4 / 5, renew: replaced / 5, tick: min(replaced/15, time.Second), call: replaced / 3}
}

func newLeases(opts Options, c *counts) *leases {
	t := timingOf(opts.LeaseTTL)
	return &leases{
		store: opts.Store.Leases, holder: opts.Holder, timing: t, logger: opts.Logger, counts: c, balance: newBalance(opts.Holder, t.ttl),
		wanted: func() []string { return nil }, letGo: func([]string) {}, changed: func() {},
		kicked: make(chan struct{}, 1), now: time.Now, held: make(map[string]grant),
	}
}

// grant returns the lease of this name, if this copy has it now.
func (l *leases) grant(name string) (grant, bool) {
	if l.store == nil {
		return grant{name: name, epoch: 1}, true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	g, ok := l.held[name]
	return g, ok && !g.over(l.now())
}

// holds says whether what was granted has lasted without a gap until now.
func (l *leases) holds(g grant) bool {
	if g.name == "" {
		return true
	}
	have, ok := l.grant(g.name)
	return ok && have.epoch == g.epoch
}

// fence is what the store checks before it takes something under the lease.
func (l *leases) fence(name string) storage.Lease {
	if l.store == nil || name == "" {
		return storage.Lease{}
	}
	return storage.Lease{Name: name, Holder: l.holder}
}

// having lists what this copy has of one prefix.
func (l *leases) having(prefix string) []grant {
	var out []grant
	if l.store == nil {
		for _, name := range l.wanted() {
			if strings.HasPrefix(name, prefix) {
				out = append(out, grant{name: name, epoch: 1})
			}
		}
		return out
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	for name, g := range l.held {
		if strings.HasPrefix(name, prefix) && !g.over(now) {
			out = append(out, g)
		}
	}
	return out
}

// kick makes run look now, because there is something new to have.
func (l *leases) kick() { signal(l.kicked) }

// run keeps the leases until ctx ends. release gives them back.
func (l *leases) run(ctx context.Context) error {
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
		l.tick(ctx)
	}
}

// tick renews, gives back what is too much, and takes what is free. It is not called concurrently.
func (l *leases) tick(ctx context.Context) {
	if l.store == nil {
		return
	}
	before := l.names()
	err := l.exchange(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		return
	case err != nil && !l.failing:
		l.logger.Warn("leases are not renewed; rules are evaluated no longer than they last", "error", err)
	case err == nil && l.failing:
		l.logger.Info("leases are renewed again")
	}
	l.failing = err != nil
	if after := l.names(); !slices.Equal(before, after) {
		l.counts.held(after)
		l.changed()
	}
}

func (l *leases) exchange(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, l.timing.call)
	defer cancel()
	l.expire()
	if now := l.now(); now.Sub(l.renewed) >= l.timing.renew {
		names := append(l.names(), copyPrefix+l.holder)
		got, err := l.acquire(ctx, names)
		if err != nil {
			return err
		}
		l.renewed = now
		l.drop(slices.DeleteFunc(names, func(n string) bool { return slices.Contains(got, n) }), "leases are held by another copy")
	}
	all, err := l.store.ListLeases(ctx, "")
	if err != nil {
		return err //nolint:wrapcheck // It says what was done.
	}
	take, release := l.balance.plan(l.wanted(), l.names(), all, l.now())
	if len(release) > 0 {
		l.drop(release, "")
		l.letGo(release)
		if err := l.store.ReleaseLeases(ctx, l.holder, release); err != nil {
			return err //nolint:wrapcheck // It says what was done.
		}
	}
	if len(take) > 0 {
		_, err = l.acquire(ctx, take)
	}
	return err
}

// acquire asks for names. What it gets is counted from before it asked, so that it ends here no later than in the store.
func (l *leases) acquire(ctx context.Context, names []string) ([]string, error) {
	asked := l.now()
	got, err := l.store.AcquireLeases(ctx, l.holder, names, l.timing.ttl)
	if err != nil {
		return nil, err //nolint:wrapcheck // It says what was done.
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	for _, name := range got {
		g := grant{name: name, until: asked.Add(l.timing.ttl)}
		if strings.HasPrefix(name, copyPrefix) || g.over(now) {
			continue
		}
		if had, ok := l.held[name]; ok && !had.over(now) {
			g.epoch = had.epoch
		} else {
			l.epoch++
			g.epoch = l.epoch
		}
		l.held[name] = g
	}
	return got, nil
}

// expire forgets what has run out while nobody renewed it.
func (l *leases) expire() {
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

func (l *leases) drop(names []string, why string) {
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
func (l *leases) names() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Sorted(maps.Keys(l.held))
}

// release gives everything back at once. It is for the end, when nothing goes on any more.
func (l *leases) release(ctx context.Context) {
	if l.store == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.timing.call)
	defer cancel()
	names := append(l.names(), copyPrefix+l.holder)
	l.drop(names, "")
	if err := l.store.ReleaseLeases(ctx, l.holder, names); err != nil {
		l.logger.Warn("leases not released, they run out", "error", err)
	}
}
