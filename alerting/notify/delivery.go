// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/strata-apm/strata/alerting/receiver"
	"github.com/strata-apm/strata/storage"
)

// queueInterval is how often the queue is looked at for what another copy has put there.
const queueInterval = time.Second

// delivery sends what is queued, one worker for each enabled notifier whose lease this copy has. Safe for concurrent use.
type delivery struct {
	opts   Options
	counts *counts
	// changed asks run to look at the notifiers again.
	changed chan struct{}

	mu      sync.Mutex
	enabled []string           // ids of all enabled notifiers, sorted; guarded by mu
	workers map[string]*worker // by notifier; guarded by mu
}

func newDelivery(opts Options, c *counts) *delivery {
	return &delivery{opts: opts, counts: c, changed: make(chan struct{}, 1), workers: make(map[string]*worker)}
}

// names lists the leases of all enabled notifiers.
func (d *delivery) names() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make([]string, len(d.enabled))
	for i, id := range d.enabled {
		out[i] = LeasePrefix + id
	}
	return out
}

// wake tells a notifier's worker that something was queued.
func (d *delivery) wake(notifier string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if w := d.workers[notifier]; w != nil {
		signal(w.work)
	}
}

// refresh makes run look at the notifiers again.
func (d *delivery) refresh() { signal(d.changed) }

// signal never blocks: one signal that waits is as good as two.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run keeps the workers equal to the notifiers of the catalog, which other processes change as well, until ctx ends, then waits for
// them. onNew is told when a notifier was added or switched on.
func (d *delivery) run(ctx context.Context, onNew func(context.Context)) error {
	defer d.stopAll()
	ticker := time.NewTicker(d.opts.PollInterval)
	defer ticker.Stop()
	for {
		if err := d.sync(ctx, onNew); err != nil && ctx.Err() == nil {
			d.opts.Logger.Error("notifiers not read", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-d.changed:
		case <-ticker.C:
		}
	}
}

// watchQueue wakes the workers when another copy has queued something, until ctx ends.
func (d *delivery) watchQueue(ctx context.Context) error {
	if d.opts.Leases.Alone() {
		return nil
	}
	ticker := time.NewTicker(queueInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		pending, err := d.opts.Log.CountPending(ctx)
		if err != nil {
			continue // Reading the queue itself reports it.
		}
		for id := range pending {
			d.wake(id)
		}
	}
}

// load reads the notifiers and says whether one is enabled that was not before.
func (d *delivery) load(ctx context.Context) (want map[string]storage.Notifier, fresh bool, err error) {
	notifiers, _, err := d.opts.Notifiers.ListNotifiers(ctx)
	if err != nil {
		return nil, false, fmt.Errorf("read notifiers: %w", err)
	}
	want = make(map[string]storage.Notifier)
	for _, n := range notifiers {
		if n.Enabled {
			want[n.ID] = n
		}
	}
	d.mu.Lock()
	before := d.enabled
	d.enabled = slices.Sorted(maps.Keys(want))
	now := d.enabled
	d.mu.Unlock()
	fresh = slices.ContainsFunc(now, func(id string) bool { return !slices.Contains(before, id) })
	if !slices.Equal(before, now) {
		d.opts.Leases.Kick()
	}
	return want, fresh, nil
}

func (d *delivery) sync(ctx context.Context, onNew func(context.Context)) error {
	want, fresh, err := d.load(ctx)
	if err != nil {
		return err
	}
	d.mu.Lock()
	var stopped []*worker
	for id, w := range d.workers {
		if want[id] != w.stored || w.ended() || !d.opts.Leases.Holds(w.grant) {
			w.cancel()
			stopped = append(stopped, w)
			delete(d.workers, id)
		}
	}
	d.mu.Unlock()
	// The old worker of a notifier ends before its new one begins, so that one notification is not sent by two.
	for _, w := range stopped {
		<-w.done
	}
	d.start(ctx, want)
	if fresh {
		onNew(ctx)
	}
	return nil
}

// start begins the workers that are missing.
func (d *delivery) start(ctx context.Context, want map[string]storage.Notifier) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, n := range want {
		g, ok := d.opts.Leases.Grant(LeasePrefix + id)
		if !ok || d.workers[id] != nil {
			continue
		}
		wctx, cancel := context.WithCancel(ctx)
		w := &worker{stored: n, notifier: d.notifier(n), grant: g, work: make(chan struct{}, 1), cancel: cancel, done: make(chan struct{})}
		d.workers[id] = w
		go func() {
			defer close(w.done)
			d.work(wctx, w)
		}()
	}
}

// notifier makes the notifier of what is stored. A type or config that this program does not know is a notifier that fails: it is shown,
// and tried again until somebody mends it or the notifications are too old.
func (d *delivery) notifier(n storage.Notifier) receiver.Notifier {
	made, err := d.opts.Types.Notifier(n.Type, n.Config)
	if err != nil {
		return unusable{err}
	}
	return made
}

type unusable struct{ err error }

// Notify implements receiver.Notifier.
func (u unusable) Notify(context.Context, receiver.Notification) error { return u.err }

// letGo ends the workers whose leases are about to be released, and waits for them.
func (d *delivery) letGo(names []string) {
	d.mu.Lock()
	var stopped []*worker
	for _, name := range names {
		id, ok := strings.CutPrefix(name, LeasePrefix)
		if w := d.workers[id]; ok && w != nil {
			w.cancel()
			stopped = append(stopped, w)
			delete(d.workers, id)
		}
	}
	d.mu.Unlock()
	for _, w := range stopped {
		<-w.done
	}
}

// stopAll waits without the lock, which whoever a worker waits for may want.
func (d *delivery) stopAll() {
	d.mu.Lock()
	workers := slices.Collect(maps.Values(d.workers))
	d.mu.Unlock()
	for _, w := range workers {
		w.cancel()
	}
	for _, w := range workers {
		<-w.done
	}
}
