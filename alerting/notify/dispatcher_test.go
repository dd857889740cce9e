// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/rules"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/alerting/receiver"
	"github.com/strata-apm/strata/internal/lease"
	"github.com/strata-apm/strata/storage"
)

func TestNewNeedsItsOptions(t *testing.T) {
	full := newFixture(t).opts
	full.Registerer = newFixture(t).reg
	_, err := New(full)
	require.ErrorContains(t, err, "register metrics", "twice on one registry")
	for name, leaveOut := range map[string]func(*Options){
		"notifiers": func(o *Options) { o.Notifiers = nil }, "queue": func(o *Options) { o.Queue = nil }, "log": func(o *Options) { o.Log = nil },
		"leases": func(o *Options) { o.Leases = nil }, "URL": func(o *Options) { o.ExternalURL = nil }, "logger": func(o *Options) { o.Logger = nil },
		"registerer": func(o *Options) { o.Registerer = nil }, "report interval": func(o *Options) { o.ReportInterval = 0 },
		"repeat interval": func(o *Options) { o.RepeatInterval = 0 }, "poll interval": func(o *Options) { o.PollInterval = 0 },
	} {
		opts := full
		leaveOut(&opts)
		_, err := New(opts)
		require.EqualError(t, err, "notifications: an option is missing", name)
	}
}

func TestGroupKeys(t *testing.T) {
	o := Options{RulePrefix: "rules/"}
	for _, name := range []string{"rules/api/01J", "rules//etc/a \"b\".yml/g/1 }", "rules/x/中\n"} {
		got, ok := o.leaseOfKey(o.groupKey(name, `na"me`))
		require.True(t, ok)
		require.Equal(t, name, got)
	}
	require.Equal(t, `{}/{rule_group="api/1"}:{alertname="A"}`, o.groupKey("rules/api/1", "A"))
	for _, key := range []string{"", `{}:{alertname="x"}`, `{}/{rule_group=x`, groupKey("", "x")} {
		_, ok := o.leaseOfKey(key)
		require.False(t, ok, key)
	}
}

// TestDecides tells of changes and reminders, each notifier as it wants it.
func TestDecides(t *testing.T) {
	clock := &pausedClock{at: time.Now()}
	f := newFixture(t, func(o *Options) { o.Now = clock.now })
	f.add("all")
	f.add("quiet", quiet)
	f.add("off", func(n *storage.Notifier) { n.Enabled = false })
	pending := func() [3]int { return [3]int{f.pending("all"), f.pending("quiet"), f.pending("off")} }
	f.report(firing("A"))
	require.Equal(t, [3]int{1, 1, 0}, pending())
	f.report(firing("A"))
	require.Equal(t, [3]int{1, 1, 0}, pending(), "what goes on is not repeated")
	f.report(firing("A", "x", "2"))
	require.Equal(t, [3]int{2, 2, 0}, pending(), "another alert of the group is news")
	clock.advance(f.opts.RepeatInterval)
	f.report(firing("A"), firing("A", "x", "2"))
	require.Equal(t, [3]int{3, 3, 0}, pending(), "until it is time for a reminder")
	f.report(resolved("A"))
	require.Equal(t, [3]int{4, 3, 0}, pending(), "the end only to those who want it")
	f.report(resolved("A"))
	require.Equal(t, [3]int{4, 3, 0}, pending(), "once")
	f.report(firing("A"))
	require.Equal(t, [3]int{5, 4, 0}, pending(), "firing again is news to both")
	f.report(resolved("B"))
	require.Equal(t, [3]int{5, 4, 0}, pending(), "the end of what nobody heard of is none")
	f.report()
	require.Equal(t, [3]int{5, 4, 0}, pending())
	require.InDelta(t, 9, f.metric("notifications_enqueued_total"), 0)
}

// TestMessage: a group are the alerts of one name from one rule group, firing ones first.
func TestMessage(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.ExternalLabels = labels.FromStrings("site", "north", "x", "outer") })
	f.add("n")
	a, b := firing("A", "x", "1"), firing("A", "host", "h")
	a.FiredAt, b.FiredAt = b.FiredAt.Add(time.Second), b.FiredAt.Add(-time.Hour)
	a.Annotations = labels.FromStrings("summary", "text")
	f.report(a, b)
	m := f.message("n")
	require.Equal(t, `{}/{rule_group="api/1"}:{alertname="A"}`, m.GroupKey)
	require.Equal(t, map[string]string{"alertname": "A"}, m.GroupLabels)
	require.Equal(t, map[string]string{"alertname": "A", "site": "north"}, m.CommonLabels)
	require.Equal(t, []string{"n", "http://strata.example", receiver.StatusFiring}, []string{m.Receiver, m.ExternalURL, m.Status})
	require.Len(t, m.Alerts, 2)
	require.Equal(t, map[string]string{"alertname": "A", "host": "h", "site": "north", "x": "outer"}, m.Alerts[0].Labels, "the oldest first")
	require.Equal(t, map[string]string{"alertname": "A", "site": "north", "x": "1"}, m.Alerts[1].Labels, "an alert's own label stays")
	require.Equal(t, "text", m.Alerts[1].Annotations["summary"])
	require.Equal(t, "http://strata.example/alerts?rule=A&tab=rules", m.Alerts[1].GeneratorURL)
	require.True(t, m.Alerts[1].EndsAt.IsZero())

	_, err := f.store.PurgeNotifier(t.Context(), "n")
	require.NoError(t, err)
	f.report(a, resolved("A", "host", "h"))
	m = f.message("n")
	require.Equal(t, receiver.StatusFiring, m.Status)
	require.Len(t, m.Alerts, 1, "its log was emptied, so that it never heard of the other")
}

// TestDecisionNotStored: with the catalog away nothing counts as told, and the next report says it.
func TestDecisionNotStored(t *testing.T) {
	for _, method := range []string{"ListNotifiers", "NotifiedGroups", "Enqueue"} {
		t.Run(method, func(t *testing.T) {
			f := newFixture(t)
			f.add("n")
			f.store.fail(method, storage.ErrUnavailable)
			f.report(firing("A"))
			require.Zero(t, f.pending("n"))
			require.InDelta(t, 1, f.metric("decisions_failed_total"), 0)
			f.store.fail(method, nil)
			f.report(firing("A"))
			require.Equal(t, 1, f.pending("n"))
			require.InDelta(t, 1, f.metric("decisions_failed_total"), 0)
		})
	}
}

// TestDecisionOfALeaseThatIsLost: the catalog refuses it, which is no failure: the copy that has the rule group decides itself.
func TestDecisionOfALeaseThatIsLost(t *testing.T) {
	f := newFixture(t)
	f.add("n")
	f.store.fail("Enqueue", storage.ErrConflict)
	f.report(firing("A"))
	require.Zero(t, f.pending("n"))
	require.InDelta(t, 0, f.metric("decisions_failed_total"), 0)
	f.store.fail("Enqueue", nil)
	f.Notify(t.Context(), lease.Grant{Name: testRule, Epoch: 7}, []*rules.Alert{firing("A")})
	require.Zero(t, f.pending("n"), "a lease before this one")
}

// TestLogThatCannotBeRead counts as nothing told: saying it again is the lesser evil.
func TestLogThatCannotBeRead(t *testing.T) {
	f := newFixture(t)
	f.add("n")
	f.report(firing("A"))
	key := [2]string{"n", f.opts.groupKey(testRule, "A")}
	g := f.store.log[key]
	g.Alerts = "{"
	f.store.log[key] = g
	f.report(firing("A"))
	require.Equal(t, 2, f.pending("n"))
	require.NotEqual(t, "{", f.store.log[key].Alerts)
}

// sweep is one look at what nobody reports any more.
func (f *fixture) sweep(still bool) (asked int) {
	f.Sweep(f.t.Context(), []lease.Grant{f.grant(testRule)}, func(ruleLease, rule string, is func(labels.Labels) bool) bool {
		require.Equal(f.t, testRule, ruleLease)
		require.Equal(f.t, "A", rule)
		require.True(f.t, is(labels.FromStrings("alertname", "A")))
		require.False(f.t, is(labels.FromStrings("alertname", "A", "x", "1")))
		asked++
		return still
	})
	return asked
}

// TestSweep: an alert that is not reported any more ends when its rule does not have it, and no earlier.
func TestSweep(t *testing.T) {
	clock := &pausedClock{at: time.Now()}
	f := newFixture(t, func(o *Options) { o.Now, o.ExternalLabels = clock.now, labels.FromStrings("site", "north") })
	f.add("n")
	require.NoError(t, f.TakeUp(t.Context(), []lease.Grant{f.grant(testRule)}))
	f.report(firing("A"))
	require.Zero(t, f.sweep(false), "it is believed for some minutes")
	clock.advance(5 * time.Minute)
	require.Equal(t, 1, f.sweep(true))
	require.Equal(t, 1, f.pending("n"), "its rule cannot be evaluated")
	require.Zero(t, f.sweep(false), "which is asked again after some minutes")
	clock.advance(5 * time.Minute)
	require.Equal(t, 1, f.sweep(false))
	require.Equal(t, 2, f.pending("n"), "now it has ended")
	require.Zero(t, f.sweep(false))
	clock.advance(resolvedRetention)
	require.Zero(t, f.sweep(false))
	require.Empty(t, f.dispatcher.groups, "and is forgotten")
	orphans, err := f.Orphans(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, orphans)
}

// TestTakeUp: another copy goes on where the first one was: it tells nothing twice, and ends what it was told of.
func TestTakeUp(t *testing.T) {
	clock := &pausedClock{at: time.Now()}
	f := newFixture(t, func(o *Options) { o.Now = clock.now })
	f.add("n")
	began := firing("A")
	f.report(began)

	second := newFixture(t, func(o *Options) { o.Now, o.Notifiers, o.Queue, o.Log = clock.now, f.store, f.store, f.store })
	having := []lease.Grant{second.grant(testRule)}
	f.store.fail("NotifiedGroups", storage.ErrUnavailable)
	require.ErrorIs(t, second.TakeUp(t.Context(), having), storage.ErrUnavailable)
	second.Sweep(t.Context(), having, nil) // It does not know yet what there is to end.
	f.store.fail("NotifiedGroups", nil)
	require.NoError(t, second.TakeUp(t.Context(), having))
	later := firing("A")
	later.FiredAt = later.FiredAt.Add(time.Hour)
	second.report(later)
	require.Equal(t, 1, f.pending("n"), "it goes on")
	_, err := f.store.PurgeNotifier(t.Context(), "n")
	require.NoError(t, err)
	second.report(later)
	require.WithinDuration(t, began.FiredAt, f.message("n").Alerts[0].StartsAt, 0, "and began when it began")

	require.NoError(t, second.TakeUp(t.Context(), nil))
	require.Empty(t, second.dispatcher.groups, "what it acts no longer for it forgets")
}

func TestOrphans(t *testing.T) {
	f := newFixture(t)
	f.add("n")
	f.add("m")
	f.report(firing("A"), firing("B"))
	orphans, err := f.Orphans(t.Context(), []string{"rules/api/2"})
	require.NoError(t, err)
	require.Equal(t, []string{testRule}, orphans, "once")
	orphans, err = f.Orphans(t.Context(), []string{testRule})
	require.NoError(t, err)
	require.Empty(t, orphans)
	f.store.fail("NotifiedKeys", storage.ErrUnavailable)
	_, err = f.Orphans(t.Context(), nil)
	require.ErrorIs(t, err, storage.ErrUnavailable)
}

// TestForgottenBeforeItWasTold: the end of an alert comes from the log when the alert itself is gone.
func TestForgottenBeforeItWasTold(t *testing.T) {
	clock := &pausedClock{at: time.Now()}
	f := newFixture(t, func(o *Options) { o.Now = clock.now })
	f.add("n")
	having := []lease.Grant{f.grant(testRule)}
	require.NoError(t, f.TakeUp(t.Context(), having))
	f.report(firing("A"), firing("A", "x", "1"))
	f.store.fail("Enqueue", storage.ErrUnavailable)
	f.report(resolved("A", "x", "1"))
	clock.advance(resolvedRetention + time.Minute)
	f.Sweep(t.Context(), having, func(string, string, func(labels.Labels) bool) bool { return true })
	f.store.fail("Enqueue", nil)
	f.report(firing("A"))
	page, err := f.store.PendingNotifications(t.Context(), "n", 10)
	require.NoError(t, err)
	require.Len(t, page, 2)
	var m receiver.Message
	require.NoError(t, json.Unmarshal([]byte(page[1].Payload), &m))
	require.Len(t, m.Alerts, 2)
	require.Equal(t, []string{receiver.StatusResolved, "1"}, []string{m.Alerts[1].Status, m.Alerts[1].Labels["x"]})
}

func TestTrial(t *testing.T) {
	f := newFixture(t)
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("east", 3600))
	n := Trial("pager", f.opts.ExternalURL, now)
	require.NotEmpty(t, n.ID)
	require.NotEqual(t, n.ID, Trial("pager", f.opts.ExternalURL, now).ID)
	require.Equal(t, "pager", n.Message.Receiver)
	require.Equal(t, receiver.StatusFiring, n.Message.Status)
	require.Equal(t, now.UTC(), n.Message.Alerts[0].StartsAt)
	require.Equal(t, "http://strata.example/alerts", n.Message.Alerts[0].GeneratorURL)
	_, ok := f.opts.leaseOfKey(n.Message.GroupKey)
	require.False(t, ok, "it is of no rule group")
}
