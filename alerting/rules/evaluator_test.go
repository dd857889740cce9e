// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	promrules "github.com/prometheus/prometheus/rules"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage"
)

func TestNewNeedsItsOptions(t *testing.T) {
	full := newFixture(t).opts
	full.Registerer = prometheus.NewRegistry()
	for name, leaveOut := range map[string]func(*Options){
		"engine": func(o *Options) { o.Engine = nil }, "queryable": func(o *Options) { o.Queryable = nil }, "appendable": func(o *Options) { o.Appendable = nil },
		"parser": func(o *Options) { o.Parser = nil }, "groups": func(o *Options) { o.Groups = nil }, "leases": func(o *Options) { o.Leases = nil },
		"URL": func(o *Options) { o.ExternalURL = nil }, "take up": func(o *Options) { o.TakeUp = nil }, "notify": func(o *Options) { o.Notify = nil },
		"logger": func(o *Options) { o.Logger = nil }, "registerer": func(o *Options) { o.Registerer = nil },
		"evaluation interval": func(o *Options) { o.EvaluationInterval = 0 }, "poll interval": func(o *Options) { o.PollInterval = -1 },
	} {
		opts := full
		leaveOut(&opts)
		_, err := New(opts)
		require.Error(t, err, name)
	}
	_, err := New(full)
	require.NoError(t, err)
	_, err = New(full)
	require.ErrorContains(t, err, "register metrics of rules", "twice on one registry")
}

// TestReports: what fires is reported, and its end; ALERTS and ALERTS_FOR_STATE are written.
func TestReports(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.ExternalLabels = labels.FromStrings("site", "north") })
	f.start()
	f.group("name: g\ninterval: 50ms\nrules:\n- {alert: Broken, expr: broken > 0, labels: {severity: page}, annotations: {at: '{{ $externalURL }} {{ $externalLabels.site }}'}}\n")
	f.sample(time.Now(), 3, "broken", "instance", "a")
	f.eventually("firing", func() bool { return len(f.reported()) == 1 })
	al := f.reported()[0]
	require.Equal(t, labels.FromStrings("alertname", "Broken", "instance", "a", "severity", "page"), al.Labels)
	require.Equal(t, "http://strata.example north", al.Annotations.Get("at"))
	require.Zero(t, al.ResolvedAt)
	require.Equal(t, 1, f.takeUpCount(), "what was told before was read first")
	f.sample(time.Now(), 0, "broken", "instance", "a")
	f.eventually("its end", func() bool { all := f.reported(); return !all[len(all)-1].ResolvedAt.IsZero() })
	for _, name := range []string{"ALERTS", "ALERTS_FOR_STATE"} {
		f.eventually(name+" is written", func() bool { _, at := f.newest(name); return !at.IsZero() })
	}
}

func (f *fixture) takeUpCount() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.takeUps
}

// TestNothingIsEvaluatedBeforeItIsTakenUp: without knowing what was told before, an evaluation would tell it again.
func TestNothingIsEvaluatedBeforeItIsTakenUp(t *testing.T) {
	f := newFixture(t)
	f.refuse = storage.ErrUnavailable
	f.start()
	f.group(simpleGroup)
	f.sample(time.Now(), 1, "broken")
	f.eventually("tried again and again", func() bool { return f.takeUpCount() > 2 })
	require.Empty(t, f.reported())
	require.True(t, f.rule("Broken").GetEvaluationTimestamp().IsZero())
	f.mu.Lock()
	f.refuse = nil
	f.mu.Unlock()
	f.eventually("evaluated", func() bool { return len(f.reported()) == 1 })
}

// TestForStateRestored is row 55: pending for all but two seconds of ten minutes before the outage.
func TestForStateRestored(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.ForGracePeriod = time.Millisecond })
	now := time.Now()
	active := now.Add(-11 * time.Minute)
	for _, ago := range []time.Duration{90 * time.Second, 62 * time.Second} {
		f.sample(now.Add(-ago), float64(active.Unix()), "ALERTS_FOR_STATE", "alertname", "Slow", "instance", "a")
	}
	f.sample(now, 1, "broken", "instance", "a")
	f.group("name: g\nrules:\n- {alert: Slow, expr: broken > 0, for: 10m}\n- {alert: Fresh, expr: broken > 0, for: 10m}\n")
	f.start()
	f.eventually("pending time was kept", func() bool { r := f.rule("Slow"); return r != nil && r.State() == promrules.StateFiring })
	require.Equal(t, promrules.StatePending, f.rule("Fresh").State())
}

// TestForStateTooOld: an outage of more than an hour starts the pending time again.
func TestForStateTooOld(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.ForGracePeriod = time.Millisecond })
	now := time.Now()
	f.sample(now.Add(-61*time.Minute), float64(now.Add(-2*time.Hour).Unix()), "ALERTS_FOR_STATE", "alertname", "Slow")
	f.sample(now, 1, "broken")
	f.group("name: g\nrules:\n- {alert: Slow, expr: broken > 0, for: 10m}\n")
	f.start()
	f.eventually("pending", func() bool {
		r := f.rule("Slow")
		return r != nil && r.State() == promrules.StatePending && r.Restored()
	})
}

// brokenQueryable fails while it is told to.
type brokenQueryable struct {
	promstorage.Queryable
	mu  sync.Mutex
	err error
}

func (b *brokenQueryable) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
}

func (b *brokenQueryable) Querier(mint, maxt int64) (promstorage.Querier, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return nil, b.err
	}
	return b.Queryable.Querier(mint, maxt)
}

func TestStillActive(t *testing.T) {
	broken := &brokenQueryable{}
	f := newFixture(t, func(o *Options) { broken.Queryable, o.Queryable = o.Queryable, broken })
	f.start()
	id := f.group(simpleGroup)
	f.sample(time.Now(), 1, "broken", "instance", "a")
	f.eventually("fires", func() bool { return f.rule("Broken").State() == promrules.StateFiring })
	name := LeasePrefix + APIPrefix + id
	a := func(ls labels.Labels) bool { return ls.Get("instance") == "a" }
	b := func(ls labels.Labels) bool { return ls.Get("instance") == "b" }
	require.True(t, f.StillActive(name, "Broken", a))
	require.False(t, f.StillActive(name, "Broken", b), "a rule that works does not have it")
	require.False(t, f.StillActive(name, "Other", a), "no such rule")
	require.False(t, f.StillActive("rules/api/none", "Broken", a), "another group")
	broken.fail(errors.New("away"))
	f.eventually("errs", func() bool { return f.rule("Broken").Health() == promrules.HealthBad })
	require.True(t, f.StillActive(name, "Broken", b), "a rule that cannot be evaluated resolves nothing")
	require.Equal(t, promrules.StateFiring, f.rule("Broken").State())
	broken.fail(nil)
	f.eventually("works again", func() bool { return f.rule("Broken").Health() == promrules.HealthGood })
}

// TestStopDoesNotWait: an evaluation that hangs in a query is ended by the stop.
func TestStopDoesNotWait(t *testing.T) {
	hanging := &hangingQueryable{in: make(chan struct{})}
	f := newFixture(t, func(o *Options) { hanging.Queryable, o.Queryable = o.Queryable, hanging })
	f.start()
	f.group(simpleGroup)
	<-hanging.in
	begin := time.Now()
	f.stop()
	require.Less(t, time.Since(begin), 5*time.Second)
}

// hangingQueryable answers no query before its context ends.
type hangingQueryable struct {
	promstorage.Queryable
	once sync.Once
	in   chan struct{}
}

func (h *hangingQueryable) Querier(mint, maxt int64) (promstorage.Querier, error) {
	q, err := h.Queryable.Querier(mint, maxt)
	return &hangingQuerier{q, h}, err
}

type hangingQuerier struct {
	promstorage.Querier
	of *hangingQueryable
}

func (q *hangingQuerier) Select(ctx context.Context, _ bool, _ *promstorage.SelectHints, _ ...*labels.Matcher) promstorage.SeriesSet {
	q.of.once.Do(func() { close(q.of.in) })
	<-ctx.Done()
	return promstorage.ErrSeriesSet(ctx.Err())
}
