// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/alerting/receiver"
	"github.com/strata-apm/strata/storage"
)

var errDown = errors.New("receiver answered 500: no way")

func down(context.Context, int) error { return errDown }

func hang(ctx context.Context, _ int) error {
	<-ctx.Done()
	return ctx.Err()
}

// running is a fixture whose pipeline runs on the clock of the bubble.
func running(t *testing.T, test func(*fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		stop := f.start()
		defer stop()
		synctest.Wait() // It has seen that there is no notifier yet.
		test(f)
	})
}

// TestDelivers in order, one after another, each under the id that it has in the queue.
func TestDelivers(t *testing.T) {
	running(t, func(f *fixture) {
		r := f.add("n")
		f.NotifiersChanged(f.t.Context())
		synctest.Wait()
		const n = 2*pageSize + 3
		for i := range n {
			f.report(firing("A", "i", string(rune('a'+i))))
		}
		synctest.Wait()
		got := r.all()
		require.Len(f.t, got, n)
		for i := 1; i < n; i++ {
			require.Less(f.t, got[i-1].ID, got[i].ID)
			require.Len(f.t, got[i].Message.Alerts, i+1)
		}
		require.Zero(f.t, f.pending("n"))
		require.Equal(f.t, storage.NotifierStatus{LastAttempt: time.Now(), OK: true}, f.store.status("n"))
		require.InDelta(f.t, n, f.metric("notifications_delivered_total"), 0)
	})
}

// TestRetries: attempts come after 1 s, 2 s, 4 s … 5 min with some jitter, all under one id.
func TestRetries(t *testing.T) {
	running(t, func(f *fixture) {
		r := f.add("n")
		r.respond(func(_ context.Context, attempt int) error {
			if attempt <= 12 {
				return errDown
			}
			return nil
		})
		f.NotifiersChanged(f.t.Context())
		f.report(firing("A"))
		synctest.Wait()
		require.Equal(f.t, storage.NotifierStatus{LastAttempt: time.Now(), Error: errDown.Error()}, f.store.status("n"))
		time.Sleep(2 * time.Hour)
		pauses := r.pauses()
		require.Len(f.t, pauses, 12)
		for i, p := range pauses {
			want := min(time.Second<<i, 5*time.Minute)
			require.InDelta(f.t, want.Seconds(), p.Seconds(), want.Seconds()/5, "attempt %d", i+2)
		}
		for _, n := range r.all() {
			require.Equal(f.t, r.all()[0].ID, n.ID)
		}
		require.True(f.t, f.store.status("n").OK)
		require.InDelta(f.t, 12, f.metric("notification_attempts_failed_total"), 0)
	})
}

// TestRetryAfter: the receiver may ask for more time than the schedule has, not for less.
func TestRetryAfter(t *testing.T) {
	running(t, func(f *fixture) {
		r := f.add("n")
		r.respond(func(_ context.Context, attempt int) error {
			switch attempt {
			case 1:
				return &receiver.Error{Err: errDown, Status: 429, RetryAfter: time.Hour}
			case 2:
				return &receiver.Error{Err: errDown, Status: 503, RetryAfter: time.Millisecond}
			default:
				return nil
			}
		})
		f.NotifiersChanged(f.t.Context())
		f.report(firing("A"))
		time.Sleep(2 * time.Hour)
		pauses := r.pauses()
		require.Len(f.t, pauses, 2)
		require.Equal(f.t, time.Hour, pauses[0])
		require.Greater(f.t, pauses[1], time.Second)
	})
}

// TestExpires: after a day a notification is given up, so that the next one gets its turn.
func TestExpires(t *testing.T) {
	running(t, func(f *fixture) {
		r := f.add("n")
		r.respond(down)
		f.NotifiersChanged(f.t.Context())
		f.report(firing("A"))
		time.Sleep(maxAge - time.Hour)
		require.Equal(f.t, 1, f.pending("n"))
		time.Sleep(time.Hour + 6*time.Minute)
		require.Zero(f.t, f.pending("n"))
		require.InDelta(f.t, 1, f.metric("notifications_dropped_total"), 0)
		r.respond(nil)
		f.report(firing("B"))
		synctest.Wait()
		require.True(f.t, f.store.status("n").OK)
	})
}

// TestHangingReceiver delays nobody else, and not the stop.
func TestHangingReceiver(t *testing.T) {
	running(t, func(f *fixture) {
		hanging, good := f.add("a"), f.add("b")
		hanging.respond(hang)
		f.NotifiersChanged(f.t.Context())
		f.report(firing("A"))
		f.report(resolved("A"))
		synctest.Wait()
		require.Len(f.t, good.all(), 2)
		require.Len(f.t, hanging.all(), 1)
		require.Equal(f.t, 2, f.pending("a"), "what a stop interrupts stays")
	})
}

// TestGone: the notifier is disabled and its queue emptied.
func TestGone(t *testing.T) {
	running(t, func(f *fixture) {
		r := f.add("n")
		r.respond(func(context.Context, int) error {
			return &receiver.Error{Err: errors.New("receiver answered 410"), Status: 410, Gone: true}
		})
		f.report(firing("A"))
		f.report(firing("B"))
		f.NotifiersChanged(f.t.Context())
		synctest.Wait()
		require.Len(f.t, r.all(), 1)
		require.False(f.t, f.store.notifier("n").Enabled)
		require.Equal(f.t, "disabled: receiver answered 410", f.store.status("n").Error)
		require.Zero(f.t, f.pending("n"))
		require.InDelta(f.t, 2, f.metric("notifications_dropped_total"), 0)
		require.Empty(f.t, f.Leases())
	})
}

// TestGoneIsNotStored: with the catalog away the receiver is asked again, and is gone again.
func TestGoneIsNotStored(t *testing.T) {
	running(t, func(f *fixture) {
		r := f.add("n")
		r.respond(func(context.Context, int) error { return &receiver.Error{Err: errDown, Gone: true} })
		f.report(firing("A"))
		f.store.fail("PutNotifier", storage.ErrUnavailable)
		f.NotifiersChanged(f.t.Context())
		synctest.Wait()
		require.True(f.t, f.store.notifier("n").Enabled)
		require.Equal(f.t, 1, f.pending("n"))
		f.store.fail("PutNotifier", nil)
		time.Sleep(3 * time.Second)
		require.False(f.t, f.store.notifier("n").Enabled)
		require.Len(f.t, r.all(), 2)
	})
}

// TestGoneWhileItIsChanged: the answer was not to what the notifier is now.
func TestGoneWhileItIsChanged(t *testing.T) {
	running(t, func(f *fixture) {
		r := f.add("n")
		r.respond(func(context.Context, int) error {
			f.add("n", func(n *storage.Notifier) { n.SendResolved = false })
			return &receiver.Error{Err: errDown, Gone: true}
		})
		f.report(firing("A"))
		f.NotifiersChanged(f.t.Context())
		synctest.Wait()
		require.True(f.t, f.store.notifier("n").Enabled)
		f.mu.Lock()
		again := f.receivers["n"]
		f.mu.Unlock()
		require.Len(f.t, again.all(), 1, "the new one gets it")
		require.Equal(f.t, r.all()[0].ID, again.all()[0].ID)
	})
}

// TestUnusableConfig: a type or config that this program does not know fails until it is mended.
func TestUnusableConfig(t *testing.T) {
	running(t, func(f *fixture) {
		r := f.add("n", func(n *storage.Notifier) { n.Type = "pigeon" })
		f.report(firing("A"))
		f.NotifiersChanged(f.t.Context())
		synctest.Wait()
		require.Contains(f.t, f.store.status("n").Error, "pigeon")
		n := f.store.notifier("n")
		n.Type, n.Config = "test", `{"name":"nobody"}`
		require.NoError(f.t, f.store.PutNotifier(f.t.Context(), n))
		time.Sleep(f.opts.PollInterval + time.Second)
		require.Equal(f.t, "config.name: there is no such receiver", f.store.status("n").Error)
		n.Config = `{"name":"n"}`
		require.NoError(f.t, f.store.PutNotifier(f.t.Context(), n))
		time.Sleep(f.opts.PollInterval + time.Second)
		require.Len(f.t, r.all(), 1, "without losing the notification")
	})
}

// TestUnreadablePayload is given up at once: no attempt can succeed.
func TestUnreadablePayload(t *testing.T) {
	running(t, func(f *fixture) {
		r := f.add("n")
		require.NoError(f.t, f.store.Enqueue(f.t.Context(), []storage.Notification{{ID: "msg_0", NotifierID: "n", Payload: "{", CreatedAt: time.Now()}}, nil, storage.Lease{}))
		f.report(firing("A"))
		f.NotifiersChanged(f.t.Context())
		synctest.Wait()
		require.Len(f.t, r.all(), 1)
		require.Zero(f.t, f.pending("n"))
		require.InDelta(f.t, 1, f.metric("notifications_dropped_total"), 0)
	})
}

// TestNotFinished: a notification that was delivered and could not be taken off the queue is sent again under its id.
func TestNotFinished(t *testing.T) {
	running(t, func(f *fixture) {
		r := f.add("n")
		f.store.fail("FinishNotification", storage.ErrUnavailable)
		f.report(firing("A"))
		f.NotifiersChanged(f.t.Context())
		time.Sleep(1500 * time.Millisecond)
		f.store.fail("FinishNotification", nil)
		time.Sleep(time.Minute)
		all := r.all()
		require.Len(f.t, all, 3)
		require.Equal(f.t, all[0].ID, all[2].ID)
		require.Zero(f.t, f.pending("n"))
	})
}

// TestQueueNotRead: delivery goes on by itself when the catalog is back.
func TestQueueNotRead(t *testing.T) {
	running(t, func(f *fixture) {
		f.store.fail("PendingNotifications", storage.ErrUnavailable)
		r := f.add("n")
		f.report(firing("A"))
		f.NotifiersChanged(f.t.Context())
		synctest.Wait()
		require.Empty(f.t, r.all())
		f.store.fail("PendingNotifications", nil)
		time.Sleep(5*time.Minute + time.Second)
		require.Len(f.t, r.all(), 1)
	})
}

// TestChangesOfOthers: what another process adds, changes and removes is seen within the polling interval.
func TestChangesOfOthers(t *testing.T) {
	running(t, func(f *fixture) {
		f.report(firing("A"))
		r := f.add("n")
		time.Sleep(f.opts.PollInterval + time.Second)
		require.Len(f.t, r.all(), 1, "a new one hears what fires")
		require.Equal(f.t, []string{LeasePrefix + "n"}, f.Leases())
		f.store.fail("ListNotifiers", storage.ErrUnavailable)
		time.Sleep(f.opts.PollInterval + time.Second)
		require.Equal(f.t, []string{LeasePrefix + "n"}, f.Leases(), "a catalog that is away removes none")
		f.store.fail("ListNotifiers", nil)
		require.NoError(f.t, f.store.DeleteNotifier(f.t.Context(), "n"))
		time.Sleep(f.opts.PollInterval + time.Second)
		require.Empty(f.t, f.Leases())
		require.Empty(f.t, f.delivery.workers)
	})
}

// TestLetGo: when it returns nobody sends under the lease.
func TestLetGo(t *testing.T) {
	running(t, func(f *fixture) {
		r := f.add("n")
		ended := false
		r.respond(func(ctx context.Context, _ int) error {
			<-ctx.Done()
			ended = true
			return ctx.Err()
		})
		f.report(firing("A"))
		f.NotifiersChanged(f.t.Context())
		synctest.Wait()
		require.Len(f.t, r.all(), 1)
		f.LetGo([]string{"rules/x", LeasePrefix + "none", LeasePrefix + "n"})
		require.True(f.t, ended)
		require.Equal(f.t, 1, f.pending("n"))
		r.respond(nil)
		f.LeasesChanged() // It is alone, and has the lease again.
		synctest.Wait()
		require.Zero(f.t, f.pending("n"))
	})
}

func TestLoadFails(t *testing.T) {
	f := newFixture(t)
	f.store.fail("ListNotifiers", storage.ErrUnavailable)
	require.ErrorIs(t, f.Load(t.Context()), storage.ErrUnavailable)
}

func TestDropped(t *testing.T) {
	f := newFixture(t)
	f.Dropped("n", 3)
	require.InDelta(t, 3, f.metric("notifications_dropped_total"), 0)
}
