// SPDX-License-Identifier: Apache-2.0

package alerting

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/strata-apm/strata/alerting/webhook"
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

// retryPolicy is the pause between the attempts to deliver one notification.
type retryPolicy struct {
	first, longest time.Duration
}

func defaultRetry() retryPolicy { return retryPolicy{first: time.Second, longest: 5 * time.Minute} }

func (p retryPolicy) start() *backoff.Backoff { return backoff.New(p.first, p.longest) }

// pause is the next pause of b, or what the receiver asked for when that is more.
func pause(b *backoff.Backoff, asked time.Duration) time.Duration { return max(b.Next(), asked) }

// delivery sends what is queued, one worker for each enabled notifier whose lease this copy has. Safe for concurrent use.
type delivery struct {
	opts   Options
	counts *counts
	sender *webhook.Sender
	leases *lease.Manager
	// changed asks run to look at the notifiers again.
	changed chan struct{}

	mu      sync.Mutex
	enabled []string           // ids of all enabled notifiers, sorted; guarded by mu
	workers map[string]*worker // by notifier; guarded by mu
}

type worker struct {
	notifier storage.Notifier
	grant    lease.Grant
	// work has room for one signal: there is something in the queue.
	work   chan struct{}
	cancel context.CancelFunc
	done   chan struct{}
}

func newDelivery(opts Options, c *counts, l *lease.Manager, s *webhook.Sender) *delivery {
	return &delivery{
		opts: opts, counts: c, sender: s, leases: l, changed: make(chan struct{}, 1), workers: make(map[string]*worker),
	}
}

// names lists the leases of all enabled notifiers.
func (d *delivery) names() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make([]string, len(d.enabled))
	for i, id := range d.enabled {
		out[i] = notifierPrefix + id
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
	defer d.sender.Close()
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
	if d.opts.Store.Leases == nil {
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
		pending, err := d.opts.Store.Log.CountPending(ctx)
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
	notifiers, _, err := d.opts.Store.Notifiers.ListNotifiers(ctx)
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
		d.leases.Kick()
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
		if want[id] != w.notifier || w.ended() || !d.leases.Holds(w.grant) {
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
		g, ok := d.leases.Grant(notifierPrefix + id)
		if !ok || d.workers[id] != nil {
			continue
		}
		wctx, cancel := context.WithCancel(ctx)
		w := &worker{notifier: n, grant: g, work: make(chan struct{}, 1), cancel: cancel, done: make(chan struct{})}
		d.workers[id] = w
		go func() {
			defer close(w.done)
			d.work(wctx, w)
		}()
	}
}

// letGo ends the workers whose leases are about to be released, and waits for them.
func (d *delivery) letGo(names []string) {
	d.mu.Lock()
	var stopped []*worker
	for _, name := range names {
		id, ok := strings.CutPrefix(name, notifierPrefix)
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
		page, err := d.opts.Store.Queue.PendingNotifications(ctx, w.notifier.ID, pageSize)
		if err != nil {
			d.opts.Logger.Error("queue not read", "notifier", w.notifier.Name, "error", err)
			_ = backoff.Sleep(ctx, d.opts.retry.longest) // The loop asks for the context.
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
	n := w.notifier
	retry := d.opts.retry.start()
	for attempt := 0; ; attempt++ {
		if !d.leases.Holds(w.grant) {
			return false
		}
		r := d.sender.Send(ctx, webhook.Target{URL: n.URL, Secret: n.Secret, AllowPrivate: n.AllowPrivate}, item.ID, []byte(item.Payload))
		switch {
		case ctx.Err() != nil && r.Err != nil:
			return false // Stopped on the way. It is sent again, under the same id.
		case r.Err == nil:
			d.counts.delivered.WithLabelValues(n.ID).Inc()
			d.status(ctx, n, storage.NotifierStatus{OK: true})
			d.finish(ctx, item)
			return true
		}
		d.counts.failures.WithLabelValues(n.ID).Inc()
		if r.Gone() && d.disable(ctx, n) {
			return false
		}
		d.status(ctx, n, storage.NotifierStatus{Error: r.Err.Error()})
		if time.Since(item.CreatedAt) > maxAge {
			d.opts.Logger.Error("notification given up after a day", "notifier", n.Name, "id", item.ID, "error", r.Err)
			d.counts.dropped.WithLabelValues(n.ID, dropExpired).Inc()
			d.finish(ctx, item)
			return true
		}
		if attempt == 0 {
			d.opts.Logger.Warn("notification not delivered, trying again", "notifier", n.Name, "id", item.ID, "error", r.Err)
		}
		if backoff.Sleep(ctx, pause(retry, r.RetryAfter)) != nil {
			return false
		}
	}
}

// finish takes a notification off the queue. The context of a worker that is being stopped must not keep it there.
func (d *delivery) finish(ctx context.Context, item storage.Notification) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	if err := d.opts.Store.Queue.FinishNotification(ctx, item.ID); err != nil {
		d.opts.Logger.Error("delivered notification stays queued and will be sent again", "id", item.ID, "error", err)
		_ = backoff.Sleep(ctx, d.opts.retry.first) // The worker asks for the context.
	}
}

func (d *delivery) status(ctx context.Context, n storage.Notifier, s storage.NotifierStatus) {
	setStatus(ctx, d.opts.Store.Notifiers, d.opts.Logger, n, s)
}

// setStatus stores how an attempt that is over went, also when its request or worker is being stopped.
func setStatus(ctx context.Context, store storage.NotifierStore, logger *slog.Logger, n storage.Notifier, s storage.NotifierStatus) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	s.LastAttempt = time.Now()
	if err := store.SetNotifierStatus(ctx, n.ID, s); err != nil {
		logger.Error("status of notifier not stored", "notifier", n.Name, "error", err)
	}
}

// disable does what 410 asks for. It returns false when that could not be stored; then delivery goes on, and is refused again.
func (d *delivery) disable(ctx context.Context, n storage.Notifier) bool {
	d.opts.Logger.Warn("receiver answered 410 Gone, notifier disabled", "notifier", n.Name)
	d.status(ctx, n, storage.NotifierStatus{Error: "disabled: the receiver answered 410 Gone"})
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	all, _, err := d.opts.Store.Notifiers.ListNotifiers(ctx)
	if err == nil && !slices.Contains(all, n) {
		d.refresh()
		return true // Somebody has changed it meanwhile; the answer was not to what it is now.
	}
	n.Enabled = false
	if err = errors.Join(err, d.opts.Store.Notifiers.PutNotifier(ctx, n)); err != nil {
		d.opts.Logger.Error("notifier not disabled", "notifier", n.Name, "error", err)
		return false
	}
	purge(ctx, d.opts.Store.Queue, d.opts.Logger, n.ID, dropped{dropGone, d.counts})
	d.refresh()
	return true
}

// dropped counts what is given up, and why. The counts are nil in a process that delivers nothing.
type dropped struct {
	reason string
	counts *counts
}

// purge empties a notifier's queue and log.
func purge(ctx context.Context, queue storage.NotificationQueue, logger *slog.Logger, notifier string, d dropped) {
	n, err := queue.PurgeNotifier(ctx, notifier)
	if err != nil {
		logger.Error("queue not emptied", "notifier", notifier, "reason", d.reason, "error", err)
	}
	if d.counts != nil {
		d.counts.dropped.WithLabelValues(notifier, d.reason).Add(float64(n))
	}
}
