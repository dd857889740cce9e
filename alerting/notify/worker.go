// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/strata-apm/strata/alerting/receiver"
	"github.com/strata-apm/strata/backoff"
	"github.com/strata-apm/strata/internal/lease"
	"github.com/strata-apm/strata/storage"
)

const (
	// pageSize is how many notifications are read at once.
	pageSize = 16
	// maxAge is how long delivery of one notification is tried.
	maxAge = 24 * time.Hour
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

// worker delivers the queue of one notifier.
type worker struct {
	stored   storage.Notifier
	notifier receiver.Notifier
	grant    lease.Grant
	// work has room for one signal: there is something in the queue.
	work   chan struct{}
	cancel context.CancelFunc
	done   chan struct{}
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
