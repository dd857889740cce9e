// SPDX-License-Identifier: Apache-2.0

package alerting

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/rules"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/alerting/receiver"
	"github.com/strata-apm/strata/backoff"
	"github.com/strata-apm/strata/internal/lease"
)

type storageQueryable = promstorage.Queryable

func (b *brokenQueryable) Querier(mint, maxt int64) (promstorage.Querier, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return nil, b.err
	}
	return b.storageQueryable.Querier(mint, maxt)
}

const simpleGroup = `
name: shop
interval: 50ms
rules:
- alert: Broken
  expr: broken > 0
  labels: {severity: page}
  annotations: {summary: "{{ $labels.instance }} has {{ $value }}"}
`

func TestFiringAndResolved(t *testing.T) {
	f, s := newFixture(t), newSink(t)
	f.start()
	n := f.webhook("pager", s.URL, "secret", "0123456789abcdef")
	f.group(simpleGroup)
	begin := time.Now()
	f.sample(begin, 3, "broken", "instance", "a")
	f.eventually("firing is told", func() bool { return len(s.all()) == 1 })
	got := s.all()[0]
	require.NotEmpty(t, got.id)
	require.NotEmpty(t, got.signature)
	m := got.message
	require.Equal(t, "4", m.Version)
	require.Equal(t, receiver.StatusFiring, m.Status)
	require.Equal(t, "pager", m.Receiver)
	require.Equal(t, map[string]string{"alertname": "Broken"}, m.GroupLabels)
	require.Len(t, m.Alerts, 1)
	require.Equal(t, map[string]string{"alertname": "Broken", "instance": "a", "severity": "page"}, m.Alerts[0].Labels)
	require.Equal(t, "a has 3", m.Alerts[0].Annotations["summary"])
	require.WithinDuration(t, begin, m.Alerts[0].StartsAt, 5*time.Second)
	require.True(t, m.Alerts[0].EndsAt.IsZero())

	f.sample(time.Now(), 0, "broken", "instance", "a")
	f.eventually("the end is told", func() bool { return len(s.all()) == 2 })
	end := s.all()[1]
	require.Equal(t, receiver.StatusResolved, end.message.Status)
	require.False(t, end.message.Alerts[0].EndsAt.IsZero())
	require.NotEqual(t, got.id, end.id)
	require.Equal(t, m.Alerts[0].Fingerprint, end.message.Alerts[0].Fingerprint)
	f.eventually("status is stored", func() bool { return f.notifier(n).LastStatus == "ok" && f.notifier(n).Pending == 0 })

	q, err := f.db.Querier(begin.Add(-time.Minute).UnixMilli(), time.Now().UnixMilli())
	require.NoError(t, err)
	defer func() { require.NoError(t, q.Close()) }()
	for _, name := range []string{"ALERTS", "ALERTS_FOR_STATE"} {
		require.True(t, q.Select(t.Context(), false, nil, labels.MustNewMatcher(labels.MatchEqual, "__name__", name)).Next(), name)
	}
}

// TestIsolationAndRetry is row 52: one receiver hangs, one fails and recovers, and a third hears at once.
func TestIsolationAndRetry(t *testing.T) {
	f, hanging, failing, good := newFixture(t), newSink(t), newSink(t), newSink(t)
	f.start()
	hanging.respond(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	failing.respond(func(w http.ResponseWriter, _ *http.Request) {
		if len(failing.all()) < 3 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	f.webhook("a hanging", hanging.URL)
	id := f.webhook("b failing", failing.URL)
	f.webhook("c good", good.URL)
	f.group(simpleGroup)
	f.sample(time.Now(), 1, "broken")
	f.eventually("the good one hears", func() bool { return len(good.all()) == 1 })
	f.eventually("the failing one hears", func() bool { return len(failing.all()) == 3 && f.notifier(id).LastStatus == "ok" })
	ids := failing.ids()
	require.Equal(t, []string{ids[0], ids[0], ids[0]}, ids, "the id is constant over retries")
	f.sample(time.Now(), 0, "broken")
	f.eventually("and hears the end while the other still hangs", func() bool { return len(good.all()) == 2 })
	require.Len(t, hanging.all(), 1)
	require.InDelta(t, 2, f.metric("strata_alerting_notification_attempts_failed_total"), 0)
}

// TestGone is row 53.
func TestGone(t *testing.T) {
	f, s := newFixture(t), newSink(t)
	f.start()
	s.respond(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) })
	id := f.webhook("n", s.URL)
	f.group(simpleGroup)
	f.sample(time.Now(), 1, "broken")
	f.eventually("disabled", func() bool { return !f.notifier(id).Enabled })
	n := f.notifier(id)
	require.Contains(t, n.LastError, "410")
	require.Equal(t, "failing", n.LastStatus)
	f.eventually("queue emptied", func() bool { return f.notifier(id).Pending == 0 })
	require.Len(t, s.all(), 1)

	s.respond(nil)
	n.Enabled = true
	require.Equal(t, 200, f.do("PUT", "/notifiers/"+id, n).Code)
	f.eventually("switched on again, it hears what fires", func() bool { return len(s.all()) == 2 })
	require.Equal(t, receiver.StatusFiring, s.all()[1].message.Status)
}

// TestKillBeforeSend is row 54: the decision was stored, and the process was gone before it was sent.
func TestKillBeforeSend(t *testing.T) {
	f, s := newFixture(t), newSink(t)
	f.webhook("n", s.URL)
	f.notify.Notify(t.Context(), lease.Grant{}, []*rules.Alert{alertOf("Killed", false)})
	pending, err := f.cat.PendingNotifications(t.Context(), f.notifierIDs()[0], 10)
	require.NoError(t, err)
	require.Len(t, pending, 1)

	f.build() // The process before this one never ran its delivery.
	f.start()
	f.eventually("sent after the start", func() bool { return len(s.all()) == 1 })
	require.Equal(t, pending[0].ID, s.all()[0].id)
}

func (f *fixture) notifierIDs() []string {
	ns, _, err := f.cat.ListNotifiers(f.t.Context())
	require.NoError(f.t, err)
	var out []string
	for _, n := range ns {
		out = append(out, n.ID)
	}
	return out
}

// TestKillWhileSending: attempts before and after a restart carry one id, and the alert that goes on firing is not told twice.
func TestKillWhileSending(t *testing.T) {
	f, s := newFixture(t), newSink(t)
	f.start()
	s.respond(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	f.webhook("n", s.URL)
	f.group(simpleGroup)
	f.sample(time.Now(), 1, "broken")
	f.eventually("tried", func() bool { return len(s.all()) > 1 })
	f.restart()
	tried := len(s.all())
	f.eventually("tried again", func() bool { return len(s.all()) > tried })
	s.respond(nil)
	f.eventually("rule runs again", func() bool { r := f.rule("Broken"); return r != nil && r.State() == rules.StateFiring })
	f.eventually("delivered", func() bool { return f.metric("strata_alerting_notifications_delivered_total") == 1 })
	for _, id := range s.ids() {
		require.Equal(t, s.ids()[0], id)
	}
	f.restart()
	f.eventually("fires again", func() bool { r := f.rule("Broken"); return r != nil && r.State() == rules.StateFiring })
	f.sample(time.Now(), 0, "broken")
	f.eventually("the end comes next", func() bool { return s.all()[len(s.all())-1].message.Status == receiver.StatusResolved })
	last := s.ids()[len(s.ids())-1]
	require.NotEqual(t, s.ids()[0], last)
	unique := map[string]bool{}
	for _, id := range s.ids() {
		unique[id] = true
	}
	require.Len(t, unique, 2, "firing once, resolved once")
}

// TestTemplateError is row 56.
func TestTemplateError(t *testing.T) {
	f, s := newFixture(t), newSink(t)
	f.start()
	f.webhook("n", s.URL)
	f.group("name: g\nrules:\n- alert: A\n  expr: broken > 0\n  annotations: {bad: '{{ index .Labels 3 }}', missing: 'on {{ $labels.nothing }}'}\n")
	f.sample(time.Now(), 1, "broken")
	f.eventually("sent all the same", func() bool { return len(s.all()) == 1 })
	a := s.all()[0].message.Alerts[0].Annotations
	require.Contains(t, a["bad"], "error expanding template")
	require.Equal(t, "on ", a["missing"])
}

// TestSlowEvaluation is row 57.
func TestSlowEvaluation(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Queryable = &slowQueryable{o.Queryable, 150 * time.Millisecond} })
	f.start()
	f.group("name: g\ninterval: 20ms\nrules:\n- {alert: A, expr: broken > 0}\n")
	f.eventually("missed evaluations are counted", func() bool { return f.metric("prometheus_rule_group_iterations_missed_total") > 2 })
}

type slowQueryable struct {
	storageQueryable
	pause time.Duration
}

func (s *slowQueryable) Querier(mint, maxt int64) (promstorage.Querier, error) {
	q, err := s.storageQueryable.Querier(mint, maxt)
	return &slowQuerier{q, s.pause}, err
}

type slowQuerier struct {
	promstorage.Querier
	pause time.Duration
}

func (q *slowQuerier) Select(ctx context.Context, sorted bool, hints *promstorage.SelectHints, matchers ...*labels.Matcher) promstorage.SeriesSet {
	_ = backoff.Sleep(ctx, q.pause)
	return q.Querier.Select(ctx, sorted, hints, matchers...)
}

// TestBackendDown is row 58: the rule is in error and nothing is resolved, however long it takes.
func TestBackendDown(t *testing.T) {
	broken := &brokenQueryable{}
	clock := &pausedClock{at: time.Now()}
	f, s := newFixture(t, func(o *Options) {
		broken.storageQueryable = o.Queryable
		o.Queryable, o.now = broken, clock.now
	}), newSink(t)
	f.start()
	f.webhook("n", s.URL)
	f.group(simpleGroup)
	f.sample(time.Now(), 1, "broken")
	f.eventually("fires", func() bool { return len(s.all()) == 1 })
	broken.fail(errors.New("backend down"))
	f.eventually("in error", func() bool { return f.rule("Broken").Health() == rules.HealthBad })
	clock.advance(time.Hour)
	f.notify.Sweep(t.Context(), f.ruleLeases(), f.rules.StillActive)
	require.Equal(t, rules.StateFiring, f.rule("Broken").State())
	broken.fail(nil)
	f.eventually("works again", func() bool { return f.rule("Broken").Health() == rules.HealthGood })
	require.Len(t, s.all(), 1)
}

// TestSameLabelsTwice: by the specification the rule errs and sends nothing.
func TestSameLabelsTwice(t *testing.T) {
	f, s := newFixture(t), newSink(t)
	f.start()
	f.webhook("n", s.URL)
	f.group("name: g\nrules:\n- {alert: A, expr: broken > 0, labels: {instance: same}}\n")
	now := time.Now()
	f.sample(now, 1, "broken", "instance", "a")
	f.sample(now, 1, "broken", "instance", "b")
	f.eventually("errs", func() bool { r := f.rule("A"); return r != nil && r.Health() == rules.HealthBad })
	require.Empty(t, s.all())
}

// TestDeletedRule: nobody reports its alert any more, so after a while it counts as resolved, also over a restart.
func TestDeletedRule(t *testing.T) {
	clock := &pausedClock{at: time.Now()}
	f, s := newFixture(t, func(o *Options) { o.now = clock.now }), newSink(t)
	f.start()
	f.webhook("n", s.URL)
	id := f.group(simpleGroup)
	f.sample(time.Now(), 1, "broken")
	f.eventually("fires", func() bool { return len(s.all()) == 1 })
	require.Equal(t, 204, f.do("DELETE", "/rules/"+id, "").Code)
	f.restart()
	require.Len(t, f.ruleLeases(), 1, "its group is gone, and there is something left to end")
	f.notify.Sweep(t.Context(), f.ruleLeases(), f.rules.StillActive)
	require.Len(t, s.all(), 1)
	clock.advance(5 * time.Minute)
	f.eventually("resolved", func() bool { return len(s.all()) == 2 })
	require.Equal(t, receiver.StatusResolved, s.all()[1].message.Status)
	require.Equal(t, s.all()[0].message.Alerts[0].StartsAt, s.all()[1].message.Alerts[0].StartsAt)
}

func TestLinksOfAlerts(t *testing.T) {
	f := newFixture(t)
	sink := newSink(t)
	f.webhook("hook", sink.URL)
	f.sample(time.Now(), 5, "load", "instance", "a")
	f.group("name: g\nrules:\n- {alert: 'Too much & more', expr: load > 1, annotations: {graph: '{{ graphLink \"load > 1\" }}', table: '{{ tableLink \"load\" }}'}}\n")
	f.start()
	f.eventually("told", func() bool { return len(sink.all()) > 0 })
	al := sink.all()[0].message.Alerts[0]
	require.Equal(t, "http://127.0.0.1:7080/alerts?rule=Too+much+%26+more&tab=rules", al.GeneratorURL)
	require.Equal(t, "/graph?g0.expr=load+%3E+1&g0.tab=0", al.Annotations["graph"], "the page takes Prometheus's address")
}
