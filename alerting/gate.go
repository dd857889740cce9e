// SPDX-License-Identifier: Apache-2.0

package alerting

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"github.com/strata-apm/strata/internal/lease"
)

// errLeaseOver ends an evaluation whose group may be another copy's by now.
var errLeaseOver = errors.New("another copy evaluates this group now")

type grantKey struct{}

// withGrant puts a lease into the context of an evaluation: the context is all that Prometheus hands on to its query and notify functions.
func withGrant(ctx context.Context, g lease.Grant) context.Context {
	return context.WithValue(ctx, grantKey{}, g)
}

// grantOf returns the lease that an evaluation goes on under.
func grantOf(ctx context.Context) lease.Grant {
	g, _ := ctx.Value(grantKey{}).(lease.Grant)
	return g
}

// gate keeps how far each rule group has come in this copy. Safe for concurrent use.
type gate struct {
	mu     sync.Mutex
	groups map[string]*gateState // by lease; guarded by mu
}

type gateState struct {
	// mu is held while the group is evaluated: one that was renamed keeps its lease, and the last evaluation under the old name may overlap with
	// the first under the new one.
	mu sync.Mutex
	// epoch is the grant that the group's alerts belong to, 0 when there are none.
	epoch uint64
	// restoreIn is after how many evaluations pending time is restored, 0 when it has been.
	restoreIn int
	// restoreKept says that alerts which were kept firing are put back by the next evaluation.
	restoreKept bool
	// kept are the labels of the alerts that are kept firing.
	kept map[string]labels.Labels
	// continued says that another copy evaluated the group until a moment ago.
	continued bool
}

func newGate() *gate { return &gate{groups: make(map[string]*gateState)} }

func (g *gate) state(name string) *gateState {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.groups[name] == nil {
		g.groups[name] = &gateState{}
	}
	return g.groups[name]
}

// evaluate is the rules.GroupEvalIterationFunc: it lets a group's evaluation pass while this copy has the group's lease.
func (a *Alerting) evaluate(ctx context.Context, g *rules.Group, ts time.Time) {
	name := ruleLease(g.File(), g.Name())
	st := a.gate.state(name)
	st.mu.Lock()
	defer st.mu.Unlock()
	gr, ok := a.leases.Grant(name)
	if !ok {
		if st.epoch != 0 {
			forgetAlerts(g)
			st.epoch = 0
		}
		return
	}
	if st.epoch != gr.Epoch {
		if err := a.dispatcher.adopt(ctx, a.ruleLeases()); err != nil {
			a.opts.Logger.Error("rule group not taken over, tried again at its next evaluation", "group", g.Name(), "error", err)
			return
		}
		a.takeOver(g, st)
		st.epoch = gr.Epoch
	}
	ctx = withGrant(ctx, gr)
	evalCtx, back := ctx, (*revivals)(nil)
	if st.restoreKept {
		back = a.keptAlerts(ctx, g, ts)
		evalCtx = context.WithValue(ctx, revivalKey{}, back)
	}
	rules.DefaultEvalIterationFunc(evalCtx, g, ts)
	if !a.leases.Holds(gr) {
		return
	}
	if back != nil {
		back.revive(ts)
		st.restoreKept = false
	}
	if st.restoreIn == 0 {
		a.recordKept(ctx, g, st, ts)
		return
	}
	if st.restoreIn--; st.restoreIn == 0 {
		g.RestoreForState(time.Now())
		if st.continued {
			a.continueForState(ctx, g, ts)
		}
	}
}

// takeOver prepares a group that another copy, or an earlier run, evaluated before. Until pending time is restored the group must not
// write ALERTS_FOR_STATE, which it is restored from.
func (a *Alerting) takeOver(g *rules.Group, st *gateState) {
	forgetAlerts(g)
	switch {
	case a.first[ruleLease(g.File(), g.Name())] && (a.opts.Store.Leases == nil || time.Since(a.started) <= 2*g.Interval()):
		// After a start Prometheus waits for a second evaluation, because what the alerts depend on may have been away as well.
		st.restoreIn, st.continued = 2, false
	case a.opts.Store.Leases == nil: // A group that is new.
		st.restoreIn, st.continued = 0, false
	default:
		st.restoreIn, st.continued = 1, true
		a.counts.takeovers.Inc()
	}
	st.restoreKept, st.kept = st.restoreIn > 0, nil
	for _, r := range g.AlertingRules() {
		r.SetRestored(st.restoreIn == 0)
	}
}

// forgetAlerts empties the group of alerts that this copy knew of at another time. Prometheus has no way to do so; what is inactive
// for longer than it keeps resolved alerts is neither shown nor sent, and is dropped or made anew by the next evaluation.
func forgetAlerts(g *rules.Group) {
	for _, r := range g.AlertingRules() {
		r.ForEachActiveAlert(func(al *rules.Alert) {
			al.State = rules.StateInactive
			al.ResolvedAt = time.Now().Add(-2 * resolvedRetention)
			al.LastSentAt = time.Now()
		})
		r.SetHealth(rules.HealthUnknown)
		r.SetLastError(nil)
	}
}

// continueForState gives alerts the time they have been pending in the copy before, when that went on until a moment ago. What
// Prometheus does after an outage (Group.RestoreForState) lets an alert be pending for some more minutes first, and begins anew with
// those whose "for" is short; here nothing was missed but an evaluation or two.
func (a *Alerting) continueForState(ctx context.Context, g *rules.Group, ts time.Time) {
	gap := 2*g.Interval() + 2*a.opts.LeaseTTL
	q, err := a.opts.Queryable.Querier(ts.Add(-gap).UnixMilli(), ts.UnixMilli())
	if err != nil {
		a.opts.Logger.Error("pending time not continued", "group", g.Name(), "error", err)
		return
	}
	defer func() { _ = q.Close() }()
	for _, r := range g.AlertingRules() {
		series, err := r.QueryForStateSeries(ctx, q)
		if err != nil {
			a.opts.Logger.Error("pending time not continued", "rule", r.Name(), "error", err)
			continue
		}
		since := make(map[string]time.Time)
		for series.Next() {
			s := series.At()
			it := s.Iterator(nil)
			for it.Next() == chunkenc.ValFloat {
				_, v := it.At()
				key := s.Labels().DropReserved(func(n string) bool { return n == "__name__" }).String()
				if value.IsStaleNaN(v) {
					delete(since, key) // It ended in between.
					continue
				}
				since[key] = time.Unix(int64(v), 0).UTC()
			}
		}
		if err := series.Err(); err != nil {
			a.opts.Logger.Error("pending time not continued", "rule", r.Name(), "error", err)
			continue
		}
		r.ForEachActiveAlert(func(al *rules.Alert) {
			if at, ok := since[al.Labels.String()]; ok && al.State == rules.StatePending {
				al.ActiveAt = at
			}
		})
	}
}

// guarded is a rules.QueryFunc that fails once the lease is over, so that an evaluation that was held up neither sends nor writes.
func (a *Alerting) guarded(query rules.QueryFunc) rules.QueryFunc {
	return func(ctx context.Context, q string, t time.Time) (promql.Vector, error) {
		g := grantOf(ctx)
		if !a.leases.Holds(g) {
			return nil, errLeaseOver
		}
		v, err := query(ctx, q, t)
		if err == nil && !a.leases.Holds(g) {
			return nil, errLeaseOver
		}
		return v, err
	}
}
