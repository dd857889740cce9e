// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/rules"

	"github.com/strata-apm/strata/alerting/receiver"
	"github.com/strata-apm/strata/internal/lease"
)

const (
	// missedReports is how many reports of an alert may be missing before it is no longer believed.
	missedReports = 4
	// resolvedRetention is how long the end of an alert is remembered for notifiers that have not been told.
	resolvedRetention = 15 * time.Minute
	// storeTimeout bounds how long a rule's evaluation waits for the catalog.
	storeTimeout = 10 * time.Second
)

// dispatcher gathers the alerts of each rule group by their name and decides what each notifier has to hear. It acts for the rule
// groups whose lease this copy has. Safe for concurrent use.
type dispatcher struct {
	opts     Options
	counts   *counts
	delivery *delivery

	mu      sync.Mutex
	groups  map[string]*alertGroup // by group key; guarded by mu
	adopted map[string]uint64      // epoch of the lease whose log was taken up, by lease; guarded by mu
}

// alertGroup are the alerts of one name from one rule group, firing and recently resolved.
type alertGroup struct {
	lease, name string
	alerts      map[model.Fingerprint]*activeAlert
}

func (g *alertGroup) has(fp string) bool {
	f, err := model.ParseFingerprint(fp)
	_, ok := g.alerts[f]
	return err == nil && ok
}

type activeAlert struct {
	alert receiver.Alert
	// validUntil is when a firing alert counts as resolved, and a resolved one as forgotten, unless it is reported again.
	validUntil time.Time
}

// toldGroup is what a notifier was told last: the alerts that fired.
type toldGroup struct {
	Firing map[string]receiver.Alert `json:"firing"` // by fingerprint
	at     time.Time
}

func newDispatcher(opts Options, c *counts, d *delivery) *dispatcher {
	return &dispatcher{
		opts: opts, counts: c, delivery: d,
		groups: make(map[string]*alertGroup), adopted: make(map[string]uint64),
	}
}

// groupKey is the identity of a group of alerts in Alertmanager's notation: the rule group it comes from, and what its alerts have in
// common.
func groupKey(ruleGroup, name string) string {
	return fmt.Sprintf("{}/{rule_group=%q}:{alertname=%q}", ruleGroup, name)
}

func (o *Options) groupKey(lease, name string) string {
	return groupKey(strings.TrimPrefix(lease, o.RulePrefix), name)
}

// leaseOfKey is the lease of the rule group that a key names.
func (o *Options) leaseOfKey(key string) (string, bool) {
	rest, ok := strings.CutPrefix(key, "{}/{rule_group=")
	if !ok {
		return "", false
	}
	quoted, err := strconv.QuotedPrefix(rest)
	if err != nil {
		return "", false
	}
	group, err := strconv.Unquote(quoted)
	return o.RulePrefix + group, err == nil && group != ""
}

func (d *dispatcher) group(lease, name string) *alertGroup {
	key := d.opts.groupKey(lease, name)
	if d.groups[key] == nil {
		d.groups[key] = &alertGroup{lease: lease, name: name, alerts: make(map[model.Fingerprint]*activeAlert)}
	}
	return d.groups[key]
}

// adopt takes up the log for the leases that this copy has got since the last call: what the copy or the run before has told. Alerts
// that notifiers believe to fire are believed until their rules have had the time to report them again. having are the rule groups that this copy may act for.
func (d *dispatcher) adopt(ctx context.Context, having []lease.Grant) error {
	fresh := d.fresh(having)
	if len(fresh) == 0 {
		return nil
	}
	stored, err := d.opts.Log.NotifiedGroups(ctx, "")
	if err != nil {
		return fmt.Errorf("read notification log: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, epoch := range fresh {
		if d.adopted[name] == epoch {
			delete(fresh, name) // Another goroutine was faster; since then there may be news.
			continue
		}
		d.adopted[name] = epoch
	}
	for key, g := range d.groups {
		if _, ok := fresh[g.lease]; ok {
			delete(d.groups, key)
		}
	}
	for _, s := range stored {
		lease, ok := d.opts.leaseOfKey(s.GroupKey)
		if _, now := fresh[lease]; !ok || !now {
			continue
		}
		for _, a := range d.told(s.Alerts, s.GroupKey).Firing {
			if fp, err := model.ParseFingerprint(a.Fingerprint); err == nil {
				d.group(lease, a.Labels[labels.AlertName]).alerts[fp] = &activeAlert{alert: a, validUntil: d.opts.Now().Add(d.opts.validity())}
			}
		}
	}
	return nil
}

// fresh lists the leases whose log has not been taken up, with their epochs, and forgets those that were lost.
func (d *dispatcher) fresh(grants []lease.Grant) map[string]uint64 {
	having := make(map[string]uint64)
	for _, g := range grants {
		having[g.Name] = g.Epoch
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for key, g := range d.groups {
		if _, ok := having[g.lease]; !ok && g.lease != "" {
			delete(d.groups, key)
			delete(d.adopted, g.lease)
		}
	}
	for name, epoch := range having {
		if d.adopted[name] == epoch {
			delete(having, name)
		}
	}
	return having
}

// told decodes a log entry. An entry that cannot be read counts as nothing told: saying it again is the lesser evil.
func (d *dispatcher) told(entry, key string) *toldGroup {
	t := &toldGroup{}
	if err := json.Unmarshal([]byte(entry), t); err != nil {
		d.opts.Logger.Error("notification log not readable", "group_key", key, "error", err)
		return &toldGroup{}
	}
	return t
}

// ruleURL is the page's view of the rules of that name.
func ruleURL(external *url.URL, alert string) string {
	u := external.JoinPath("alerts")
	u.RawQuery = url.Values{"tab": {"rules"}, "rule": {alert}}.Encode()
	return u.String()
}

// notify takes what a rule group reports. When it returns, what had to be told is stored.
func (d *dispatcher) notify(ctx context.Context, grant lease.Grant, alerts []*rules.Alert) {
	if len(alerts) == 0 || !d.opts.Leases.Holds(grant) {
		return // After a lease was lost its next holder finds out for himself.
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	touched := make(map[string]*alertGroup)
	for _, a := range alerts {
		ls := withExternal(a.Labels, d.opts.ExternalLabels)
		name := ls.Get(labels.AlertName)
		g := d.group(grant.Name, name)
		touched[d.opts.groupKey(grant.Name, name)] = g
		fp := fingerprint(ls)
		entry := &activeAlert{validUntil: a.ValidUntil, alert: receiver.Alert{
			Status: receiver.StatusFiring, Labels: ls.Map(), Annotations: a.Annotations.Map(), StartsAt: a.FiredAt.UTC(),
			GeneratorURL: ruleURL(d.opts.ExternalURL, ls.Get(labels.AlertName)), Fingerprint: fp.String(),
		}}
		if had := g.alerts[fp]; had != nil && had.alert.Status == receiver.StatusFiring && had.alert.StartsAt.Before(entry.alert.StartsAt) {
			entry.alert.StartsAt = had.alert.StartsAt // It goes on; only the copy that evaluates it is new.
		}
		if !a.ResolvedAt.IsZero() {
			entry.alert.Status, entry.alert.EndsAt = receiver.StatusResolved, a.ResolvedAt.UTC()
			entry.validUntil = a.ResolvedAt.Add(resolvedRetention)
		}
		g.alerts[fp] = entry
	}
	d.decide(ctx, touched)
}

// sweep resolves alerts that nobody reports any more, such as those of a deleted rule, and forgets old ones. having are the rule groups that this copy may act
// for. stillActive is asked before an alert that is not reported any more counts as resolved.
func (d *dispatcher) sweep(ctx context.Context, having []lease.Grant, stillActive StillActive) {
	if err := d.adopt(ctx, having); err != nil {
		d.opts.Logger.Error("notification log not taken up", "error", err)
		return
	}
	// The rules are asked without the lock: they are changed by somebody who waits for evaluations, which wait for the lock.
	ended := make(map[model.Fingerprint]map[string]bool)
	for key, fps := range d.overdue() {
		for fp, g := range fps {
			if ended[fp] == nil {
				ended[fp] = make(map[string]bool)
			}
			ended[fp][key] = !stillActive(g.lease, g.name, func(ls labels.Labels) bool {
				return fingerprint(withExternal(ls, d.opts.ExternalLabels)) == fp
			})
		}
	}
	now := d.opts.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	touched := make(map[string]*alertGroup)
	for key, g := range d.groups {
		for fp, a := range g.alerts {
			over, asked := ended[fp][key]
			switch {
			case now.Before(a.validUntil):
			case a.alert.Status == receiver.StatusResolved:
				delete(g.alerts, fp)
			case asked && over:
				a.alert.Status, a.alert.EndsAt, a.validUntil = receiver.StatusResolved, now.UTC(), now.Add(resolvedRetention)
				touched[key] = g
			case asked:
				a.validUntil = now.Add(d.opts.validity())
			}
		}
		if len(g.alerts) == 0 {
			delete(d.groups, key)
		}
	}
	d.decide(ctx, touched)
}

// overdue lists the firing alerts that have not been reported for too long, by group key.
func (d *dispatcher) overdue() map[string]map[model.Fingerprint]*alertGroup {
	now := d.opts.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make(map[string]map[model.Fingerprint]*alertGroup)
	for key, g := range d.groups {
		for fp, a := range g.alerts {
			if a.alert.Status != receiver.StatusFiring || now.Before(a.validUntil) {
				continue
			}
			if out[key] == nil {
				out[key] = make(map[model.Fingerprint]*alertGroup)
			}
			out[key][fp] = g
		}
	}
	return out
}

// tell makes a notifier that is new hear of what fires already.
func (d *dispatcher) tell(ctx context.Context) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.decide(ctx, maps.Clone(d.groups))
}
