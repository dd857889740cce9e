// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/strata-apm/strata/internal/lease"
	"github.com/strata-apm/strata/storage"
)

const (
	leaseName = "fleet/driver"
	leaseTTL  = 15 * time.Second
	driveTick = 2 * time.Second
	// doneRollouts is how many finished roll-outs are looked at for an agent that is new.
	doneRollouts = 50
)

// driver moves roll-outs on and exposes who is silent, in one process at a time.
type driver struct {
	opts    Options
	metrics *metrics
	lease   lease.Single
	now     func() time.Time
	// since is when this process began to drive.
	since time.Time
}

func newDriver(opts Options) *driver {
	return &driver{
		opts: opts, metrics: newMetrics(), now: time.Now,
		lease: lease.Single{Store: opts.Leases, Name: leaseName, Holder: opts.Instance, TTL: leaseTTL},
	}
}

func (d *driver) run(ctx context.Context) error {
	tick := time.NewTicker(driveTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			d.release(ctx)
			return nil
		case <-tick.C:
		}
		if err := d.drive(ctx); err != nil && ctx.Err() == nil {
			d.opts.Logger.Warn("agents not looked after, tried again", "err", err)
		}
	}
}

func (d *driver) release(ctx context.Context) {
	d.metrics.clear()
	if err := d.lease.Release(ctx); err != nil {
		d.opts.Logger.Warn("the lease of the fleet's driver ends by itself", "err", err)
	}
}

// drive does what is due when this process has the lease.
func (d *driver) drive(ctx context.Context) error {
	held, err := d.lease.Hold(ctx)
	if !held {
		d.metrics.clear()
		d.since = time.Time{}
		return err // It names the lease.
	}
	if d.since.IsZero() {
		d.since = d.now()
	}
	rollouts, err := d.opts.Store.ListRollouts(ctx, "", doneRollouts)
	if err != nil {
		return fmt.Errorf("list roll-outs: %w", err)
	}
	active := slices.IndexFunc(rollouts, func(r storage.Rollout) bool { return r.Active })
	all, err := d.opts.Store.ListAgents(ctx, storage.AgentQuery{Brief: active < 0})
	if err != nil {
		return fmt.Errorf("list agents: %w", err)
	}
	d.metrics.set(all, d.now().Sub(d.since))
	assigned, err := d.opts.Store.Assignments(ctx)
	if err != nil {
		return fmt.Errorf("read assignments: %w", err)
	}
	if active >= 0 {
		return d.advance(ctx, rollouts[active], all, assigned)
	}
	return d.adopt(ctx, rollouts, all, assigned)
}

// advance moves the active roll-out on. It stores only while it has the lease.
func (d *driver) advance(ctx context.Context, r storage.Rollout, all []storage.Agent, assigned map[string]storage.Assignment) error {
	p, err := decodeProgress(r.Data)
	if err != nil {
		return err
	}
	w, err := d.world(ctx, r, p, all, assigned)
	if err != nil {
		return err
	}
	var state string
	var assignments []storage.Assignment
	if r.Cancel && (r.State == RolloutPending || r.State == RolloutCanary || r.State == RolloutRest) {
		state, assignments = back(p, w, RolloutCancelled, "cancelled")
	} else {
		state, assignments = step(r.State, p, w)
		for i := range assignments {
			if state != RolloutBack {
				assignments[i].ConfigID = r.ConfigID
			}
		}
	}
	data, err := p.encode()
	if err != nil || data == r.Data && state == r.State {
		return err
	}
	if state != r.State {
		d.opts.Logger.Info("roll-out", "rollout", r.ID, "state", state, "reason", p.Reason)
	}
	r.State, r.Active, r.Data, r.UpdatedAt = state, !over(state), data, d.now()
	if err := d.opts.Store.UpdateRollout(ctx, r, assignments, d.lease.Fence()); err != nil {
		return fmt.Errorf("store roll-out %s: %w", r.ID, err)
	}
	return nil
}

func (d *driver) world(ctx context.Context, r storage.Rollout, p *Progress, all []storage.Agent, assigned map[string]storage.Assignment) (world, error) {
	w := world{now: d.now(), looked: d.now().Sub(d.since), agents: make(map[string]storage.Agent, len(all)), assigned: assigned, hashes: map[string]string{"": HashOf("")}}
	for _, a := range all {
		w.agents[a.ID] = a
	}
	ids := []string{r.ConfigID}
	for _, t := range p.Targets {
		ids = append(ids, t.Previous)
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		if id == "" {
			continue
		}
		c, err := d.opts.Store.AgentConfig(ctx, id)
		if err != nil {
			return w, fmt.Errorf("read configuration %s: %w", id, err)
		}
		w.hashes[id] = c.Hash
	}
	w.hash = w.hashes[r.ConfigID]
	w.lost = func(source string, since time.Time) (int64, bool) {
		if d.opts.Losses == nil {
			return 0, false
		}
		n, err := d.opts.Losses.Lost(ctx, source, since)
		if err != nil {
			d.opts.Logger.Warn("losses of an agent are not known", "source", source, "err", err)
		}
		return n, err == nil
	}
	return w, nil
}

// adopt gives agents that never had an assignment the newest configuration that was rolled out for such as they are.
func (d *driver) adopt(ctx context.Context, rollouts []storage.Rollout, all []storage.Agent, assigned map[string]storage.Assignment) error {
	type rolled struct {
		configID string
		selector Selector
	}
	var done []rolled
	for _, r := range rollouts {
		if r.State != RolloutDone {
			continue
		}
		p, err := decodeProgress(r.Data)
		if err != nil {
			return err
		}
		done = append(done, rolled{r.ConfigID, p.Selector})
	}
	var out []storage.Assignment
	for _, a := range all {
		if _, ok := assigned[a.ID]; ok {
			continue
		}
		for _, r := range done {
			if r.selector.Matches(a) {
				out = append(out, storage.Assignment{AgentID: a.ID, ConfigID: r.configID})
				break
			}
		}
	}
	if len(out) == 0 {
		return nil
	}
	if err := d.opts.Store.Assign(ctx, out, d.lease.Fence()); err != nil && !errors.Is(err, storage.ErrConflict) {
		return fmt.Errorf("assign to new agents: %w", err)
	}
	return nil
}
