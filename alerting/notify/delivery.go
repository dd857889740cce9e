// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/strata-apm/strata/alerting/receiver"
	"github.com/strata-apm/strata/internal/backoff"
	"github.com/strata-apm/strata/internal/lease"
	"github.com/strata-apm/strata/storage"
)

const (
	// pageSize is how many notifications are read at once.
	pageSize = 16
	// maxAge is how long delivery of one notification is tried.
	maxAge = 24 * time.Hour
	// queueInterval is how often the queue is looked at for what another copy has put there.
	queueInterval = time.Second
)

// Retry is the pause between the attempts to deliver one notification: it doubles from First to Longest, with jitter.
type Retry struct {
	First, Longest time.Duration
}

func defaultRetry() Retry { return Retry{First: time.Second, Longest: 5 * time.Minute} }

func (r Retry) start() *backoff.Backoff { return backoff.New(r.First, r.Longest) }

// pause is the next pause of b, or what the receiver asked for when that is more. The answer is nil when there was none.
func pause(b *backoff.Backoff, answer *receiver.Error) time.Duration {
	if answer == nil {
		return b.Next()
	}
	return max(b.Next(), answer.RetryAfter)
}

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

type worker struct {
	stored   storage.Notifier
	notifier receiver.Notifier
	grant    lease.Grant
	// work has room for one signal: there is something in the queue.
	work   chan struct{}
	cancel context.CancelFunc
	done   chan struct{}
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

// ended says whether a worker has ended by itself.
func (w *worker) ended() bool {
	select {
	case <-w.done:
		return true
	default:
		return false
	}
}

// work delivers a notifier's queue in order until ctx ends.
func (d *delivery) work(ctx context.Context, w *worker) {
	for ctx.Err() == nil {
		page, err := d.opts.Queue.PendingNotifications(ctx, w.stored.ID, pageSize)
		if err != nil {
			d.opts.Logger.Error("queue not read", "notifier", w.stored.Name, "error", err)
			_ = backoff.Sleep(ctx, d.opts.Retry.Longest) // The loop asks for the context.
			continue
		}
		if len(page) == 0 {
			select {
			case <-ctx.Done():
			case <-w.work:
			}
			continue
		}
		for _, n := range page {
			if !d.deliver(ctx, w, n) {
				return
			}
		}
	}
}

// deliver tries until the notification is done with. It returns false when the worker has to end: it is being stopped, its lease is
// over, or the receiver wants nothing any more.
func (d *delivery) deliver(ctx context.Context, w *worker, item storage.Notification) bool {
	n, sent := w.stored, receiver.Notification{ID: item.ID}
	if err := json.Unmarshal([]byte(item.Payload), &sent.Message); err != nil {
		d.giveUp(ctx, n, item, dropUnreadable, err)
		return true
	}
	retry := d.opts.Retry.start()
	for attempt := 0; ; attempt++ {
		if !d.opts.Leases.Holds(w.grant) {
			return false
		}
		err := w.notifier.Notify(ctx, sent)
		switch {
		case ctx.Err() != nil && err != nil:
			return false // Stopped on the way. It is sent again, under the same id.
		case err == nil:
			d.counts.delivered.WithLabelValues(n.ID).Inc()
			d.status(ctx, n, storage.NotifierStatus{OK: true})
			d.finish(ctx, item)
			return true
		}
		d.counts.failures.WithLabelValues(n.ID).Inc()
		answer, _ := errors.AsType[*receiver.Error](err)
		if answer != nil && answer.Gone && d.disable(ctx, n, err) {
			return false
		}
		d.status(ctx, n, storage.NotifierStatus{Error: err.Error()})
		if d.opts.Now().Sub(item.CreatedAt) > maxAge {
			d.giveUp(ctx, n, item, dropExpired, err)
			return true
		}
		if attempt == 0 {
			d.opts.Logger.Warn("notification not delivered, trying again", "notifier", n.Name, "id", item.ID, "error", err)
		}
		if backoff.Sleep(ctx, pause(retry, answer)) != nil {
			return false
		}
	}
}

func (d *delivery) giveUp(ctx context.Context, n storage.Notifier, item storage.Notification, reason string, err error) {
	d.opts.Logger.Error("notification given up", "notifier", n.Name, "id", item.ID, "reason", reason, "error", err)
	d.counts.dropped.WithLabelValues(n.ID, reason).Inc()
	d.finish(ctx, item)
}

// finish takes a notification off the queue. The context of a worker that is being stopped must not keep it there.
func (d *delivery) finish(ctx context.Context, item storage.Notification) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	if err := d.opts.Queue.FinishNotification(ctx, item.ID); err != nil {
		d.opts.Logger.Error("delivered notification stays queued and will be sent again", "id", item.ID, "error", err)
		_ = backoff.Sleep(ctx, d.opts.Retry.First) // The worker asks for the context.
	}
}

func (d *delivery) status(ctx context.Context, n storage.Notifier, s storage.NotifierStatus) {
	s.LastAttempt = d.opts.Now()
	SetStatus(ctx, d.opts.Notifiers, d.opts.Logger, n, s)
}

// SetStatus stores how an attempt that is over went, also when its request or worker is being stopped.
func SetStatus(ctx context.Context, store storage.NotifierStore, logger *slog.Logger, n storage.Notifier, s storage.NotifierStatus) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	if err := store.SetNotifierStatus(ctx, n.ID, s); err != nil {
		logger.Error("status of notifier not stored", "notifier", n.Name, "error", err)
	}
}

// disable switches a notifier off whose receiver is gone. It returns false when that could not be stored; then delivery goes on, and is
// refused again.
func (d *delivery) disable(ctx context.Context, n storage.Notifier, cause error) bool {
	d.opts.Logger.Warn("receiver wants nothing any more, notifier disabled", "notifier", n.Name, "error", cause)
	d.status(ctx, n, storage.NotifierStatus{Error: "disabled: " + cause.Error()})
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	all, _, err := d.opts.Notifiers.ListNotifiers(ctx)
	if err == nil && !slices.Contains(all, n) {
		d.refresh()
		return true // Somebody has changed it meanwhile; the answer was not to what it is now.
	}
	n.Enabled = false
	if err = errors.Join(err, d.opts.Notifiers.PutNotifier(ctx, n)); err != nil {
		d.opts.Logger.Error("notifier not disabled", "notifier", n.Name, "error", err)
		return false
	}
	purged, err := d.opts.Queue.PurgeNotifier(ctx, n.ID)
	if err != nil {
		d.opts.Logger.Error("queue of disabled notifier not emptied", "notifier", n.Name, "error", err)
	}
	d.counts.dropped.WithLabelValues(n.ID, dropGone).Add(float64(purged))
	d.refresh()
	return true
}
