// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	promrules "github.com/prometheus/prometheus/rules"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// Prometheus restores how long an alert has been pending (ALERTS_FOR_STATE) and forgets at a restart that one goes on firing for keep_firing_for after its
// expression has ended: nothing reports it any more, so it is resolved. Here the time since when it is kept is written as a series of its own, and such alerts are put
// back by the first evaluation, which sees the elements of the expression that they were made of.

// keptName is the series of one kept alert; its value is the Unix time in seconds since when its expression has not held.
const keptName = "ALERTS_KEEP_FIRING_SINCE"

// kept is an alert that fired when the group was evaluated last, by another run or copy.
type kept struct {
	labels   labels.Labels
	activeAt time.Time
	// since is zero when the expression still held; held is when it did last.
	since, held time.Time
}

// revival are the alerts of one rule that have to be put back.
type revival struct {
	alerts map[string]kept // by labels
	// used are the labels of those that the expression does not report; set by the evaluation.
	used map[string]bool
	done bool
}

type revivalKey struct{}

// revivals of a group, by rule. They are handed to the evaluation by its context.
type revivals struct {
	mu sync.Mutex
	of map[*promrules.AlertingRule]*revival // guarded by mu
}

// keptAlerts reads what fired until a moment ago in rules that keep alerts firing.
func (e *Evaluator) keptAlerts(ctx context.Context, g *promrules.Group, ts time.Time) *revivals {
	out := &revivals{of: map[*promrules.AlertingRule]*revival{}}
	for _, r := range g.AlertingRules() {
		if r.KeepFiringFor() <= 0 {
			continue
		}
		alerts, err := e.keptBy(ctx, g, r, ts)
		if err != nil {
			e.opts.Logger.Error("alerts that were kept firing not restored", "rule", r.Name(), "error", err)
			continue
		}
		if len(alerts) > 0 {
			out.of[r] = &revival{alerts: alerts, used: map[string]bool{}}
		}
	}
	return out
}

func (e *Evaluator) keptBy(ctx context.Context, g *promrules.Group, r *promrules.AlertingRule, ts time.Time) (map[string]kept, error) {
	firing, err := e.last(ctx, r, "ALERTS", ts, labels.MustNewMatcher(labels.MatchEqual, "alertstate", "firing"))
	if err != nil || len(firing) == 0 {
		return nil, err
	}
	active, err := e.last(ctx, r, "ALERTS_FOR_STATE", ts)
	if err != nil {
		return nil, err
	}
	since, err := e.last(ctx, r, keptName, ts)
	if err != nil {
		return nil, err
	}
	out := make(map[string]kept)
	for _, s := range firing {
		k := kept{labels: labels.NewBuilder(s.labels).Del("alertstate").Labels(), activeAt: s.at, held: s.at}
		key := k.labels.String()
		if was, ok := active[key]; ok {
			k.activeAt = time.Unix(int64(was.value), 0).UTC()
		}
		if was, ok := since[key]; ok && !was.at.Before(s.at) { // Both are written at each evaluation.
			k.since = time.UnixMilli(int64(math.Round(was.value * 1000))).UTC()
			k.held = k.since.Add(-g.Interval())
		}
		if !k.since.IsZero() && ts.Sub(k.since) >= r.KeepFiringFor() {
			continue // Its time has run out while nobody looked.
		}
		out[key] = k
	}
	return out, nil
}

// lastSample is the end of a series that has not ended.
type lastSample struct {
	labels labels.Labels
	at     time.Time
	value  float64
}

// last returns the newest sample of every series of that name which the rule wrote within the time that an outage may last, by the series' labels without the
// name.
func (e *Evaluator) last(ctx context.Context, r *promrules.AlertingRule, name string, ts time.Time, more ...*labels.Matcher) (map[string]lastSample, error) {
	q, err := e.opts.Queryable.Querier(ts.Add(-outageTolerance).UnixMilli(), ts.UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	defer func() { _ = q.Close() }()
	matchers := append([]*labels.Matcher{
		labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, name), labels.MustNewMatcher(labels.MatchEqual, labels.AlertName, r.Name()),
	}, more...)
	set := q.Select(ctx, false, nil, matchers...)
	out := make(map[string]lastSample)
	var it chunkenc.Iterator
	for set.Next() {
		s := set.At()
		it = s.Iterator(it)
		newest, ok := lastSample{labels: s.Labels().DropReserved(func(n string) bool { return n == model.MetricNameLabel })}, false
		for it.Next() == chunkenc.ValFloat {
			t, v := it.At()
			newest.at, newest.value, ok = time.UnixMilli(t).UTC(), v, !value.IsStaleNaN(v)
		}
		if err := it.Err(); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		if ok {
			out[newest.labels.String()] = newest
		}
	}
	if err := set.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return out, nil
}

// withKept adds to what a rule's expression gives the elements of the alerts that have to be put back.
func withKept(query promrules.QueryFunc) promrules.QueryFunc {
	return func(ctx context.Context, expr string, t time.Time) (promql.Vector, error) {
		v, err := query(ctx, expr, t)
		rv, _ := ctx.Value(revivalKey{}).(*revivals)
		if err != nil || rv == nil {
			return v, err
		}
		rv.mu.Lock()
		defer rv.mu.Unlock()
		r, x := rv.next(promrules.FromOriginContext(ctx), expr)
		if r == nil {
			return v, nil
		}
		x.done = true
		return x.add(ctx, r, v, query, t), nil
	}
}

// next returns the rule whose expression is evaluated, once: its templates may ask the same.
func (rv *revivals) next(origin promrules.RuleDetail, expr string) (*promrules.AlertingRule, *revival) {
	for r, x := range rv.of {
		if d := promrules.NewRuleDetail(r); !x.done && d.Name == origin.Name && d.Query == origin.Query && labels.Equal(d.Labels, origin.Labels) && r.Query().String() == expr {
			return r, x
		}
	}
	return nil, nil
}

// add appends one element for each alert that v does not report: the one that the expression gave when it held last, so that the alert's
// annotations are what they were, or one made of the alert's labels where the samples are gone.
func (x *revival) add(ctx context.Context, r *promrules.AlertingRule, v promql.Vector, query promrules.QueryFunc, t time.Time) promql.Vector {
	have := make(map[string]bool)
	for _, s := range v {
		if key, ok := x.alertOf(r, s.Metric); ok {
			have[key] = true
		}
	}
	for key, k := range x.alerts {
		if have[key] {
			continue
		}
		element := promql.Sample{Metric: labels.NewBuilder(k.labels).Del(labels.AlertName).Labels(), F: math.NaN(), T: t.UnixMilli()}
		if was, err := query(ctx, r.Query().String(), k.held); err == nil {
			for _, s := range was {
				if other, ok := x.alertOf(r, s.Metric); ok && other == key {
					element = s
				}
			}
		}
		v = append(v, element)
		x.used[key] = true
	}
	return v
}

// alertOf returns the alert that an element of the expression makes: it has the element's labels, and over them the rule's, which may be
// templates whose result is not known here.
func (x *revival) alertOf(r *promrules.AlertingRule, element labels.Labels) (string, bool) {
	for key, k := range x.alerts {
		n := 1 // alertname
		same := true
		element.Range(func(l labels.Label) {
			if l.Name == model.MetricNameLabel || l.Name == labels.AlertName || r.Labels().Has(l.Name) {
				return
			}
			n++
			same = same && k.labels.Get(l.Name) == l.Value
		})
		r.Labels().Range(func(l labels.Label) {
			if k.labels.Has(l.Name) {
				n++
			}
		})
		if same && n == k.labels.Len() {
			return key, true
		}
	}
	return "", false
}

// revive makes the alerts what they were, after the evaluation that made them anew.
func (rv *revivals) revive(ts time.Time) {
	rv.mu.Lock()
	defer rv.mu.Unlock()
	for r, x := range rv.of {
		r.ForEachActiveAlert(func(al *promrules.Alert) {
			key := al.Labels.String()
			k, ok := x.alerts[key]
			if !ok || !x.used[key] || al.State == promrules.StateInactive {
				return
			}
			al.State, al.ActiveAt, al.FiredAt = promrules.StateFiring, k.activeAt, k.activeAt.Add(r.HoldDuration())
			if al.KeepFiringSince = k.since; k.since.IsZero() {
				al.KeepFiringSince = ts
			}
		})
	}
}

// recordKept writes since when alerts are kept, and ends the series of those that are not kept any more.
func (e *Evaluator) recordKept(ctx context.Context, g *promrules.Group, st *takeover, ts time.Time) {
	now := make(map[string]labels.Labels)
	since := make(map[string]float64)
	for _, r := range g.AlertingRules() {
		if r.KeepFiringFor() <= 0 || !r.Restored() {
			continue
		}
		r.ForEachActiveAlert(func(al *promrules.Alert) {
			if al.State == promrules.StateFiring && !al.KeepFiringSince.IsZero() {
				key := al.Labels.String()
				now[key] = al.Labels
				since[key] = float64(al.KeepFiringSince.UnixMilli()) / 1000
			}
		})
	}
	if len(now) == 0 && len(st.kept) == 0 {
		return
	}
	if err := e.writeKept(ctx, st.kept, now, since, ts); err != nil {
		e.opts.Logger.Error("since when alerts are kept firing not written, tried again at the next evaluation", "group", g.Name(), "error", err)
		return
	}
	st.kept = now
}

func (e *Evaluator) writeKept(ctx context.Context, before, now map[string]labels.Labels, since map[string]float64, ts time.Time) error {
	app := e.opts.Appendable.Appender(ctx)
	write := func(ls labels.Labels, v float64) error {
		_, err := app.Append(0, labels.NewBuilder(ls).Set(model.MetricNameLabel, keptName).Labels(), ts.UnixMilli(), v)
		return err // Below.
	}
	for key, ls := range now {
		if err := write(ls, since[key]); err != nil {
			return fmt.Errorf("append: %w", joinRollback(app, err))
		}
	}
	for key, ls := range before {
		if _, still := now[key]; still {
			continue
		}
		if err := write(ls, math.Float64frombits(value.StaleNaN)); err != nil {
			return fmt.Errorf("append: %w", joinRollback(app, err))
		}
	}
	if err := app.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

func joinRollback(app promstorage.Appender, err error) error {
	if rerr := app.Rollback(); rerr != nil {
		return fmt.Errorf("%w (and roll back: %w)", err, rerr)
	}
	return err
}
