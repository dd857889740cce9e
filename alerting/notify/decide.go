// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/strata-apm/strata/alerting/receiver"
	"github.com/strata-apm/strata/storage"
)

// decide compares the groups with what each notifier was told, and stores what has to be said; mu is held. When the catalog does not
// take it nothing has been said: the same decision is made at the next report. The log of what was told is read from the catalog each time,
// because other processes empty it when somebody switches a notifier off and on.
func (d *dispatcher) decide(ctx context.Context, groups map[string]*alertGroup) {
	if len(groups) == 0 {
		return
	}
	// A stop must not cut off a decision: the evaluation behind it is over and will not be made again.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	notifiers, _, err := d.opts.Notifiers.ListNotifiers(ctx)
	if err != nil {
		d.failed(fmt.Errorf("read notifiers: %w", err))
		return
	}
	one := ""
	if len(groups) == 1 {
		for one = range groups {
		}
	}
	stored, err := d.opts.Log.NotifiedGroups(ctx, one)
	if err != nil {
		d.failed(fmt.Errorf("read notification log: %w", err))
		return
	}
	told := make(map[[2]string]*toldGroup) // by notifier and key
	for _, s := range stored {
		if groups[s.GroupKey] != nil {
			t := d.told(s.Alerts, s.GroupKey)
			t.at = s.UpdatedAt
			told[[2]string{s.NotifierID, s.GroupKey}] = t
		}
	}
	byLease := make(map[string][]string)
	for key, g := range groups {
		byLease[g.lease] = append(byLease[g.lease], key)
	}
	for _, lease := range slices.Sorted(maps.Keys(byLease)) {
		dec := decisions{dispatcher: d, told: told}
		for _, key := range byLease[lease] {
			for _, n := range notifiers {
				if err == nil && n.Enabled {
					err = dec.add(n, key, groups[key])
				}
			}
		}
		if err == nil {
			err = dec.store(ctx, lease)
		}
		if err != nil {
			d.failed(err)
			return
		}
	}
}

func (d *dispatcher) failed(err error) {
	d.counts.lost.Inc()
	d.opts.Logger.Error("notifications not decided, tried again within a minute", "error", err)
}

// decisions are those about one rule group.
type decisions struct {
	*dispatcher
	told  map[[2]string]*toldGroup
	queue []storage.Notification
	log   []storage.NotifiedGroup
}

func (d *decisions) add(n storage.Notifier, key string, g *alertGroup) error {
	before := d.told[[2]string{n.ID, key}]
	if before == nil {
		before = &toldGroup{}
	}
	dec := d.compare(n, before, g)
	if dec.told == nil {
		return nil
	}
	entry, err := d.logEntry(n.ID, key, dec.told)
	if err != nil {
		return err
	}
	d.log = append(d.log, entry)
	if dec.alerts == nil {
		return nil
	}
	item, err := d.notification(n, key, g, dec.alerts)
	if err != nil {
		return err
	}
	d.queue = append(d.queue, item)
	return nil
}

// store makes the decisions count, if the lease lasts.
func (d *decisions) store(ctx context.Context, lease string) error {
	if len(d.log) == 0 {
		return nil
	}
	err := d.opts.Queue.Enqueue(ctx, d.queue, d.log, d.opts.Leases.Fence(lease))
	if lease != "" && errors.Is(err, storage.ErrConflict) {
		d.opts.Logger.Warn("decision left to the copy that has the rule group now", "lease", lease, "error", err)
		return nil
	}
	if err != nil {
		return err // It says what was done.
	}
	for _, q := range d.queue {
		d.counts.enqueued.WithLabelValues(q.NotifierID).Inc()
		d.delivery.wake(q.NotifierID)
	}
	return nil
}

// decision is what one notifier has to hear about one group. told is nil when nothing changed for it, alerts is nil when something
// changed that is not said.
type decision struct {
	told   *toldGroup
	alerts []receiver.Alert
}

func (d *dispatcher) compare(n storage.Notifier, before *toldGroup, g *alertGroup) decision {
	firing := make(map[string]receiver.Alert)
	var resolved []receiver.Alert
	fresh := false
	for _, a := range g.alerts {
		fp := a.alert.Fingerprint
		_, known := before.Firing[fp]
		switch {
		case a.alert.Status == receiver.StatusFiring:
			firing[fp] = a.alert
			fresh = fresh || !known
		case known:
			resolved = append(resolved, a.alert)
		}
	}
	now := d.opts.Now()
	for fp, a := range before.Firing {
		if !g.has(fp) { // Forgotten before this notifier could be told.
			a.Status, a.EndsAt = receiver.StatusResolved, now.UTC()
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

func (d *dispatcher) notification(n storage.Notifier, key string, g *alertGroup, alerts []receiver.Alert) (storage.Notification, error) {
	b, err := json.Marshal(receiver.NewMessage(receiver.Group{
		Key: key, Labels: map[string]string{labels.AlertName: g.name}, Receiver: n.Name, ExternalURL: d.opts.ExternalURL.String(),
	}, alerts))
	if err != nil {
		return storage.Notification{}, fmt.Errorf("encode notification: %w", err)
	}
	return storage.Notification{ID: NewID(), NotifierID: n.ID, Payload: string(b), CreatedAt: d.opts.Now()}, nil
}

// NewID makes the id of a notification. It sorts by its time of creation, also within one millisecond.
func NewID() string { return "msg_" + ulid.Make().String() }
