// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	promrules "github.com/prometheus/prometheus/rules"
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

// takeovers keeps what this copy knows of each rule group's state, which it takes over from an earlier run or another copy. Safe for
// concurrent use.
type takeovers struct {
	mu     sync.Mutex
	groups map[string]*takeover // by lease; guarded by mu
}

// takeover is how far this copy has come in taking over one rule group.
type takeover struct {
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

func newTakeovers() *takeovers { return &takeovers{groups: make(map[string]*takeover)} }

func (t *takeovers) of(name string) *takeover {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.groups[name] == nil {
		t.groups[name] = &takeover{}
	}
	return t.groups[name]
}

// evaluate is the GroupEvalIterationFunc: it lets a group's evaluation pass while this copy has the group's lease.
func (e *Evaluator) evaluate(ctx context.Context, g *promrules.Group, ts time.Time) {
	name := LeaseName(g.File(), g.Name())
	st := e.takeovers.of(name)
	st.mu.Lock()
	defer st.mu.Unlock()
	gr, ok := e.opts.Leases.Grant(name)
	if !ok {
		if st.epoch != 0 {
			forgetAlerts(g)
			st.epoch = 0
		}
		return
	}
	if st.epoch != gr.Epoch {
		if err := e.opts.TakeUp(ctx); err != nil {
			e.opts.Logger.Error("rule group not taken over, tried again at its next evaluation", "group", g.Name(), "error", err)
			return
		}
		e.takeOver(g, st)
		st.epoch = gr.Epoch
	}
	ctx = withGrant(ctx, gr)
	evalCtx, back := ctx, (*revivals)(nil)
	if st.restoreKept {
		back = e.keptAlerts(ctx, g, ts)
		evalCtx = context.WithValue(ctx, revivalKey{}, back)
	}
	promrules.DefaultEvalIterationFunc(evalCtx, g, ts)
	if !e.opts.Leases.Holds(gr) {
		return
	}
	if back != nil {
		back.revive(ts)
		st.restoreKept = false
	}
	if st.restoreIn == 0 {
		e.recordKept(ctx, g, st, ts)
		return
	}
	if st.restoreIn--; st.restoreIn == 0 {
		g.RestoreForState(time.Now())
		if st.continued {
			e.continueForState(ctx, g, ts)
		}
	}
}

// takeOver prepares a group that another copy, or an earlier run, evaluated before. Until pending time is restored the group must not
// write ALERTS_FOR_STATE, which it is restored from.
func (e *Evaluator) takeOver(g *promrules.Group, st *takeover) {
	forgetAlerts(g)
	switch {
	case e.first[LeaseName(g.File(), g.Name())] && (e.opts.Leases.Alone() || time.Since(e.started) <= 2*g.Interval()):
		// After a start Prometheus waits for a second evaluation, because what the alerts depend on may have been away as well.
		st.restoreIn, st.continued = 2, false
	case e.opts.Leases.Alone(): // A group that is new.
		st.restoreIn, st.continued = 0, false
	default:
		st.restoreIn, st.continued = 1, true
		e.counts.takeovers.Inc()
	}
	st.restoreKept, st.kept = st.restoreIn > 0, nil
	for _, r := range g.AlertingRules() {
		r.SetRestored(st.restoreIn == 0)
	}
}

// forgetAlerts empties the group of alerts that this copy knew of at another time. Prometheus has no way to do so; what is inactive
// for longer than it keeps resolved alerts is neither shown nor sent, and is dropped or made anew by the next evaluation.
func forgetAlerts(g *promrules.Group) {
	for _, r := range g.AlertingRules() {
		r.ForEachActiveAlert(func(al *promrules.Alert) {
			al.State = promrules.StateInactive
			al.ResolvedAt = time.Now().Add(-2 * resolvedRetention)
			al.LastSentAt = time.Now()
		})
		r.SetHealth(promrules.HealthUnknown)
		r.SetLastError(nil)
	}
}

// continueForState gives alerts the time they have been pending in the copy before, when that went on until a moment ago. What
// Prometheus does after an outage (Group.RestoreForState) lets an alert be pending for some more minutes first, and begins anew with
// those whose "for" is short; here nothing was missed but an evaluation or two.
func (e *Evaluator) continueForState(ctx context.Context, g *promrules.Group, ts time.Time) {
	gap := 2*g.Interval() + 2*e.opts.LeaseTTL
	q, err := e.opts.Queryable.Querier(ts.Add(-gap).UnixMilli(), ts.UnixMilli())
	if err != nil {
		e.opts.Logger.Error("pending time not continued", "group", g.Name(), "error", err)
		return
	}
	defer func() { _ = q.Close() }()
	for _, r := range g.AlertingRules() {
		series, err := r.QueryForStateSeries(ctx, q)
		if err != nil {
			e.opts.Logger.Error("pending time not continued", "rule", r.Name(), "error", err)
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
			e.opts.Logger.Error("pending time not continued", "rule", r.Name(), "error", err)
			continue
		}
		r.ForEachActiveAlert(func(al *promrules.Alert) {
			if at, ok := since[al.Labels.String()]; ok && al.State == promrules.StatePending {
				al.ActiveAt = at
			}
		})
	}
}

// guarded is a rules.QueryFunc that fails once the lease is over, so that an evaluation that was held up neither sends nor writes.
func (e *Evaluator) guarded(query promrules.QueryFunc) promrules.QueryFunc {
	return func(ctx context.Context, q string, t time.Time) (promql.Vector, error) {
		g := grantOf(ctx)
		if !e.opts.Leases.Holds(g) {
			return nil, errLeaseOver
		}
		v, err := query(ctx, q, t)
		if err == nil && !e.opts.Leases.Holds(g) {
			return nil, errLeaseOver
		}
		return v, err
	}
}
