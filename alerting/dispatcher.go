// SPDX-License-Identifier: Apache-2.0

package alerting

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/rules"

	"github.com/strata-apm/strata/alerting/webhook"
	"github.com/strata-apm/strata/storage"
)

const (
	// minValidity is how long an alert is believed after it was last reported, at least.
	minValidity = 4 * resendDelay
	// resolvedRetention is how long the end of an alert is remembered for notifiers that have not been told.
	resolvedRetention = 15 * time.Minute
	// storeTimeout bounds how long a rule's evaluation waits for the catalog.
	storeTimeout = 10 * time.Second
)

// dispatcher gathers alerts into groups by their name and decides what each notifier has to hear. Safe for concurrent use.
type dispatcher struct {
	opts     Options
	counts   *counts
	delivery *delivery
	// stillActive is asked before an alert that is not reported any more counts as resolved.
	stillActive func(name string, fp model.Fingerprint) bool

	mu     sync.Mutex
	groups map[string]*alertGroup           // by group key; guarded by mu
	told   map[string]map[string]*toldGroup // by notifier and group key; guarded by mu. A copy of the log in the catalog.
}

// alertGroup are the alerts of one name, firing and recently resolved.
type alertGroup struct {
	name   string
	alerts map[model.Fingerprint]*activeAlert
}

func (g *alertGroup) has(fp string) bool {
	f, err := model.ParseFingerprint(fp)
	_, ok := g.alerts[f]
	return err == nil && ok
}

type activeAlert struct {
	alert webhook.Alert
	// validUntil is when a firing alert counts as resolved, and a resolved one as forgotten, unless it is reported again.
	validUntil time.Time
}

// toldGroup is what a notifier was told last: the alerts that fired.
type toldGroup struct {
	Firing map[string]webhook.Alert `json:"firing"` // by fingerprint
	at     time.Time
}

func newDispatcher(opts Options, c *counts, d *delivery, stillActive func(string, model.Fingerprint) bool) *dispatcher {
	return &dispatcher{
		opts: opts, counts: c, delivery: d, stillActive: stillActive,
		groups: make(map[string]*alertGroup), told: make(map[string]map[string]*toldGroup),
	}
}

// restore takes up the log of the run before. Alerts that notifiers believe to fire are believed until their rules have had the time
// to report them again.
func (d *dispatcher) restore(ctx context.Context) error {
	stored, err := d.opts.Store.Log.NotifiedGroups(ctx, "")
	if err != nil {
		return fmt.Errorf("restore notification log: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range stored {
		t := &toldGroup{at: s.UpdatedAt}
		if err := json.Unmarshal([]byte(s.Alerts), t); err != nil {
			return fmt.Errorf("restore notification log of %s for %s: %w", s.GroupKey, s.NotifierID, err)
		}
		d.toldBy(s.NotifierID)[s.GroupKey] = t
		for _, a := range t.Firing {
			if fp, err := model.ParseFingerprint(a.Fingerprint); err == nil {
				d.group(a.Labels[labels.AlertName]).alerts[fp] = &activeAlert{alert: a, validUntil: d.opts.now().Add(minValidity)}
			}
		}
	}
	return nil
}

func (d *dispatcher) toldBy(notifier string) map[string]*toldGroup {
	if d.told[notifier] == nil {
		d.told[notifier] = make(map[string]*toldGroup)
	}
	return d.told[notifier]
}

func groupKey(name string) string { return fmt.Sprintf("{}:{alertname=%q}", name) }

func (d *dispatcher) group(name string) *alertGroup {
	key := groupKey(name)
	if d.groups[key] == nil {
		d.groups[key] = &alertGroup{name: name, alerts: make(map[model.Fingerprint]*activeAlert)}
	}
	return d.groups[key]
}

// notify is the rules.NotifyFunc. When it returns, what had to be told is stored.
func (d *dispatcher) notify(ctx context.Context, _ string, alerts ...*rules.Alert) {
	if len(alerts) == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	touched := make(map[string]*alertGroup)
	for _, a := range alerts {
		ls := withExternal(a.Labels, d.opts.ExternalLabels)
		name := ls.Get(labels.AlertName)
		g := d.group(name)
		touched[groupKey(name)] = g
		fp := fingerprint(ls)
		entry := &activeAlert{validUntil: a.ValidUntil, alert: webhook.Alert{
			Status: webhook.StatusFiring, Labels: ls.Map(), Annotations: a.Annotations.Map(), StartsAt: a.FiredAt.UTC(),
			GeneratorURL: d.opts.ExternalURL.JoinPath("alerts").String(), Fingerprint: fp.String(),
		}}
		if !a.ResolvedAt.IsZero() {
			entry.alert.Status, entry.alert.EndsAt = webhook.StatusResolved, a.ResolvedAt.UTC()
			entry.validUntil = a.ResolvedAt.Add(resolvedRetention)
		}
		g.alerts[fp] = entry
	}
	d.decide(ctx, touched)
}

// sweep resolves alerts that nobody reports any more, such as those of a deleted rule, and forgets old ones.
func (d *dispatcher) sweep(ctx context.Context) {
	// The rules are asked without the lock: they are changed by somebody who waits for evaluations, which wait for the lock.
	ended := make(map[model.Fingerprint]bool)
	for fp, name := range d.overdue() {
		ended[fp] = !d.stillActive(name, fp)
	}
	now := d.opts.now()
	d.mu.Lock()
	defer d.mu.Unlock()
	touched := make(map[string]*alertGroup)
	for key, g := range d.groups {
		for fp, a := range g.alerts {
			over, asked := ended[fp]
			switch {
			case now.Before(a.validUntil):
			case a.alert.Status == webhook.StatusResolved:
				delete(g.alerts, fp)
			case asked && over:
				a.alert.Status, a.alert.EndsAt, a.validUntil = webhook.StatusResolved, now.UTC(), now.Add(resolvedRetention)
				touched[key] = g
			case asked:
				a.validUntil = now.Add(minValidity)
			}
		}
		if len(g.alerts) == 0 {
			delete(d.groups, key)
		}
	}
	d.decide(ctx, touched)
}

// overdue lists the firing alerts that have not been reported for too long, with their names.
func (d *dispatcher) overdue() map[model.Fingerprint]string {
	now := d.opts.now()
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make(map[model.Fingerprint]string)
	for _, g := range d.groups {
		for fp, a := range g.alerts {
			if a.alert.Status == webhook.StatusFiring && !now.Before(a.validUntil) {
				out[fp] = g.name
			}
		}
	}
	return out
}

// decide compares the groups with what each notifier was told, and stores what has to be said; mu is held. When the catalog does not
// take it nothing has been said: the same decision is made at the next report.
func (d *dispatcher) decide(ctx context.Context, groups map[string]*alertGroup) {
	if len(groups) == 0 {
		return
	}
	// A stop must not cut off a decision: the evaluation behind it is over and will not be made again.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	notifiers, _, err := d.opts.Store.Notifiers.ListNotifiers(ctx)
	if err != nil {
		d.failed(fmt.Errorf("read notifiers: %w", err))
		return
	}
	var queue []storage.Notification
	var log []storage.NotifiedGroup
	var apply []func()
	for _, n := range notifiers {
		if !n.Enabled {
			continue
		}
		for key, g := range groups {
			dec := d.compare(n, key, g)
			if dec.told == nil {
				continue
			}
			entry, err := d.logEntry(n.ID, key, dec.told)
			if err != nil {
				d.failed(err)
				return
			}
			log = append(log, entry)
			if dec.alerts != nil {
				item, err := d.notification(n, key, g, dec.alerts)
				if err != nil {
					d.failed(err)
					return
				}
				queue = append(queue, item)
			}
			apply = append(apply, func() { d.remember(n.ID, key, dec.told) })
		}
	}
	if len(log) == 0 {
		return
	}
	if err := d.opts.Store.Queue.Enqueue(ctx, queue, log, storage.Lease{}); err != nil {
		d.failed(err)
		return
	}
	for _, f := range apply {
		f()
	}
	for _, q := range queue {
		d.counts.enqueued.WithLabelValues(q.NotifierID).Inc()
		d.delivery.wake(q.NotifierID)
	}
}

func (d *dispatcher) failed(err error) {
	d.counts.lost.Inc()
	d.opts.Logger.Error("notifications not decided, tried again within a minute", "error", err)
}

// decision is what one notifier has to hear about one group. told is nil when nothing changed for it, alerts is nil when something
// changed that is not said.
type decision struct {
	told   *toldGroup
	alerts []webhook.Alert
}

func (d *dispatcher) compare(n storage.Notifier, key string, g *alertGroup) decision {
	before := d.told[n.ID][key]
	if before == nil {
		before = &toldGroup{}
	}
	firing := make(map[string]webhook.Alert)
	var resolved []webhook.Alert
	fresh := false
	for _, a := range g.alerts {
		fp := a.alert.Fingerprint
		_, known := before.Firing[fp]
		switch {
		case a.alert.Status == webhook.StatusFiring:
			firing[fp] = a.alert
			fresh = fresh || !known
		case known:
			resolved = append(resolved, a.alert)
		}
	}
	now := d.opts.now()
	for fp, a := range before.Firing {
		if !g.has(fp) { // Forgotten before this notifier could be told.
			a.Status, a.EndsAt = webhook.StatusResolved, now.UTC()
			resolved = append(resolved, a)
		}
	}
	told := &toldGroup{Firing: firing, at: now}
	say := fresh || (n.SendResolved && len(resolved) > 0) || (len(firing) > 0 && now.Sub(before.at) >= d.opts.RepeatInterval)
	switch {
	case say:
		if !n.SendResolved {
			resolved = nil
		}
		return decision{told: told, alerts: inOrder(firing, resolved)}
	case len(resolved) > 0: // Not said, but firing again will be news.
		told.at = before.at
		return decision{told: told}
	default:
		return decision{}
	}
}

func (d *dispatcher) logEntry(notifier, key string, told *toldGroup) (storage.NotifiedGroup, error) {
	entry := storage.NotifiedGroup{NotifierID: notifier, GroupKey: key, UpdatedAt: told.at}
	if len(told.Firing) == 0 {
		return entry, nil // Without alerts it is deleted.
	}
	b, err := json.Marshal(told)
	if err != nil {
		return storage.NotifiedGroup{}, fmt.Errorf("encode notification log: %w", err)
	}
	entry.Alerts = string(b)
	return entry, nil
}

func (d *dispatcher) notification(n storage.Notifier, key string, g *alertGroup, alerts []webhook.Alert) (storage.Notification, error) {
	b, err := json.Marshal(webhook.NewMessage(webhook.Group{
		Key: key, Labels: map[string]string{labels.AlertName: g.name}, Receiver: n.Name, ExternalURL: d.opts.ExternalURL.String(),
	}, alerts))
	if err != nil {
		return storage.Notification{}, fmt.Errorf("encode notification: %w", err)
	}
	return storage.Notification{ID: newID("msg_"), NotifierID: n.ID, Payload: string(b), CreatedAt: d.opts.now()}, nil
}

// newID makes an id that sorts by its time of creation, also within one millisecond.
func newID(prefix string) string { return prefix + ulid.Make().String() }

func (d *dispatcher) remember(notifier, key string, told *toldGroup) {
	if len(told.Firing) == 0 {
		delete(d.toldBy(notifier), key)
		return
	}
	d.toldBy(notifier)[key] = told
}

// forget drops what a notifier was told, so that it hears of everything that fires once it is switched on again.
func (d *dispatcher) forget(notifier string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.told, notifier)
}

// tell makes a notifier that is new hear of what fires already.
func (d *dispatcher) tell(ctx context.Context) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.decide(ctx, maps.Clone(d.groups))
}
