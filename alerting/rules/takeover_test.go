// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	promrules "github.com/prometheus/prometheus/rules"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/internal/lease"
)

// wanting is an owner that wants leases and does nothing under them.
type wanting []string

// Wanted implements lease.Owner.
func (w wanting) Wanted() []string { return w }

// LetGo implements lease.Owner.
func (wanting) LetGo([]string) {}

// Changed implements lease.Owner.
func (wanting) Changed([]string) {}

// newCopy is an evaluator that shares its catalog with others, which may be a first one.
func newCopy(t *testing.T, holder string, first *fixture, edits ...func(*Options)) *fixture {
	t.Helper()
	f := newFixture(t)
	if first != nil {
		f.db, f.cat = first.db, first.cat
		f.opts.Queryable, f.opts.Appendable, f.opts.Groups = first.opts.Queryable, first.opts.Appendable, first.opts.Groups
	}
	f.opts.Leases = lease.New(lease.Options{
		Store: f.cat, Holder: holder, Presence: "alerting/", Kinds: []string{LeasePrefix}, Replaced: f.opts.LeaseTTL, Logger: slog.New(slog.DiscardHandler),
	})
	for _, e := range edits {
		e(&f.opts)
	}
	f.build()
	return f
}

// take makes the copy take the leases of all its groups, as far as they are free.
func (f *fixture) take() {
	f.opts.Leases.Tick(f.t.Context(), wanting(f.Leases()))
}

// giveBack makes the copy release what it has.
func (f *fixture) giveBack() {
	f.opts.Leases.Tick(f.t.Context(), wanting(nil))
}

func (f *fixture) state(rule string) promrules.AlertState {
	if r := f.rule(rule); r != nil {
		return r.State()
	}
	return promrules.StateUnknown
}

// TestEvaluatesUnderALease: without it nothing is evaluated, and what was known of the group is forgotten when it goes.
func TestEvaluatesUnderALease(t *testing.T) {
	f := newCopy(t, "one", nil)
	f.group(simpleGroup)
	f.start()
	f.sample(time.Now(), 1, "broken", "instance", "a")
	require.Never(t, func() bool { return len(f.reported()) > 0 || f.takeUpCount() > 0 }, 300*time.Millisecond, 20*time.Millisecond)
	f.take()
	f.eventually("reported", func() bool { return len(f.reported()) == 1 })
	require.Equal(t, f.Leases()[0], f.reportedBy().Name)
	require.Equal(t, 1, f.takeUpCount())
	f.giveBack()
	f.eventually("forgotten", func() bool { return f.rule("Broken").Health() == promrules.HealthUnknown })
	require.Equal(t, promrules.StateInactive, f.state("Broken"))
	n := len(f.reported())
	f.sample(time.Now(), 0, "broken", "instance", "a")
	require.Never(t, func() bool { return len(f.reported()) > n }, 300*time.Millisecond, 20*time.Millisecond, "its end is another copy's to tell")
	f.take()
	f.eventually("taken up anew", func() bool { return f.takeUpCount() == 2 && f.rule("Broken").Health() == promrules.HealthGood })
	require.Equal(t, promrules.StateInactive, f.state("Broken"))
	require.Len(t, f.reported(), n)
	require.GreaterOrEqual(t, f.metric("strata_alerting_takeovers_total"), 1.0)
}

// reportedBy is the lease of the last report.
func (f *fixture) reportedBy() lease.Grant {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.by
}

// TestHandOverContinues: an alert that was pending in the copy before goes on as if nothing had happened, although its "for" is shorter
// than the grace period of a restart.
func TestHandOverContinues(t *testing.T) {
	one := newCopy(t, "one", nil)
	one.group("name: g\ninterval: 50ms\nrules:\n- {alert: Slow, expr: broken > 0, for: 1500ms}\n- {alert: Never, expr: broken > 0, for: 1h}\n")
	one.start()
	begin := time.Now()
	one.sample(begin, 1, "broken", "instance", "a")
	one.take()
	one.eventually("pending", func() bool { return one.state("Slow") == promrules.StatePending })
	one.eventually("written", func() bool { return one.seriesValue("ALERTS_FOR_STATE") > 0 })
	two := newCopy(t, "two", one)
	two.start()
	one.giveBack()
	one.eventually("let go", func() bool { return one.state("Slow") == promrules.StateInactive })
	two.take()
	two.eventually("fires", func() bool { return two.state("Slow") == promrules.StateFiring })
	require.Less(t, time.Since(begin), 6*time.Second)
	require.Equal(t, promrules.StatePending, two.state("Never"))
	al := two.rule("Slow").ActiveAlerts()[0]
	require.WithinDuration(t, begin, al.ActiveAt, 1200*time.Millisecond, "pending since the first copy saw it")
}

// TestLeaseEndsInAQuery: what the query says is not used, neither to report nor to write.
func TestLeaseEndsInAQuery(t *testing.T) {
	stopping := &stoppingQueryable{inQuery: make(chan struct{}), goOn: make(chan struct{})}
	f := newCopy(t, "one", nil, func(o *Options) { stopping.Queryable, o.Queryable = o.Queryable, stopping })
	f.group(simpleGroup)
	f.start()
	f.take()
	f.eventually("evaluates", func() bool { r := f.rule("Broken"); return r.Health() == promrules.HealthGood && r.Restored() })
	stopping.armed.Store(true)
	<-stopping.inQuery
	f.sample(time.Now(), 1, "broken", "instance", "a")
	f.giveBack()
	close(stopping.goOn)
	f.eventually("forgotten", func() bool { return f.rule("Broken").Health() == promrules.HealthUnknown })
	require.Empty(t, f.reported())
	_, written := f.newest("ALERTS")
	require.True(t, written.IsZero())
}

// stoppingQueryable stands still in one query.
type stoppingQueryable struct {
	promstorage.Queryable
	armed         atomic.Bool
	inQuery, goOn chan struct{}
}

func (q *stoppingQueryable) Querier(mint, maxt int64) (promstorage.Querier, error) {
	if q.armed.CompareAndSwap(true, false) {
		close(q.inQuery)
		<-q.goOn
	}
	return q.Queryable.Querier(mint, maxt)
}

// TestGrantOfNothing: a query outside an evaluation needs no lease.
func TestGrantOfNothing(t *testing.T) {
	require.Zero(t, grantOf(t.Context()))
	g := lease.Grant{Name: "rules/x", Epoch: 3}
	require.Equal(t, g, grantOf(withGrant(t.Context(), g)))
	ctx, cancel := context.WithCancel(withGrant(t.Context(), g))
	cancel()
	require.Equal(t, g, grantOf(ctx))
}
