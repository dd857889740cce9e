// SPDX-License-Identifier: Apache-2.0

package rollup

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/strata-apm/strata/rollup"
	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/search/match"
	"github.com/strata-apm/strata/signal"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

// running is one version of a rollup at work.
type running struct {
	tenant    tenant.ID
	name      string
	state     string
	plan      *rollup.Plan
	holds     func(match.Record) bool
	admission *rollup.Admission
	idle      sync.Pool // of *counter

	restoring sync.Mutex
	restored  bool // guarded by restoring
}

// latest is the last time that a bucket of a state may have; what says that it is later is counted then, so that totals stay exact.
const latest = uint64(4_294_800_000) * uint64(time.Second) // 2106-02-05

// counter counts the records of one batch for one rollup.
type counter struct {
	of         *running
	aggregator *rollup.Aggregator
	event      *rollup.Event
	dims       []int // the numbers of the dimensions in the reader
	inputs     []int // and of the inputs
}

func newRunning(def storage.Rollup) (*running, error) {
	d, err := rollup.ParseJSON([]byte(def.Definition))
	if err != nil {
		return nil, err // The caller names the rollup.
	}
	plan, err := rollup.Compile(d)
	if err != nil {
		return nil, err // As above.
	}
	r := &running{tenant: def.Tenant, name: def.Name, state: rollup.StateOf(def.ID, def.Version), plan: plan, admission: rollup.NewAdmission(plan)}
	if r.holds, err = compile(plan.Signal, plan.Filter); err != nil {
		return nil, err // As above.
	}
	return r, nil
}

// compile returns nil for a filter that holds for all.
func compile(of signal.Signal, f search.Filter) (func(match.Record) bool, error) {
	if f == nil {
		return nil, nil
	}
	if of == signal.Logs {
		m, err := match.CompileLogs(f)
		if err != nil {
			return nil, fmt.Errorf("compile the filter: %w", err)
		}
		return m.Holds, nil
	}
	m, err := match.CompileSpans(f)
	if err != nil {
		return nil, fmt.Errorf("compile the filter: %w", err)
	}
	return m.Holds, nil
}

// restore makes the admitted values those that were stored lately, the first time.
func (r *running) restore(ctx context.Context, states States, now time.Time) error {
	r.restoring.Lock()
	defer r.restoring.Unlock()
	if r.restored {
		return nil
	}
	steps := r.plan.Steps()
	step := steps[0].Step
	since := now.Add(-max(rollup.Window, 2*step)).Truncate(step)
	snapshot := rollup.Snapshot{Time: now, Dimensions: make([]rollup.Admitted, len(r.plan.Dimensions))}
	for d := range r.plan.Dimensions {
		rows, err := states.RollupRows(ctx, r.tenant, storage.RollupQuery{
			State: r.state, Range: storage.TimeRange{Start: since, End: now.Truncate(step).Add(step)}, Step: step, Group: []int{d}, NoSketches: true, NoRegisters: true,
		})
		if err != nil {
			return fmt.Errorf("read the values of rollup %s: %w", r.name, err)
		}
		for _, row := range rows {
			if row.Folded&(1<<d) == 0 {
				snapshot.Dimensions[d].Values = append(snapshot.Dimensions[d].Values, rollup.Weighted{Value: row.Values[d], Weight: float64(row.Count)})
			}
		}
	}
	r.admission.Restore(snapshot)
	r.restored = true
	return nil
}

// begin returns a counter for a batch that arrives now.
func (r *running) begin(now time.Time) (*counter, error) {
	c, ok := r.idle.Get().(*counter)
	if !ok {
		aggregator, err := rollup.NewAggregator(r.plan, r.admission)
		if err != nil {
			return nil, fmt.Errorf("count for rollup %s: %w", r.name, err)
		}
		c = &counter{of: r, aggregator: aggregator, event: r.plan.NewEvent()}
	}
	c.aggregator.Reset(now)
	return c, nil
}

// reads makes the counter take its fields from a reader.
func (c *counter) reads(r *reader) {
	c.dims, c.inputs = c.dims[:0], c.inputs[:0]
	for _, f := range c.of.plan.Dimensions {
		c.dims = append(c.dims, r.add(f))
	}
	for _, in := range c.of.plan.Inputs {
		c.inputs = append(c.inputs, r.add(in.Field))
	}
}

// count counts the reader's record if the filter holds for it.
func (c *counter) count(r *reader) {
	if c.of.holds != nil && !c.of.holds(r.record) {
		return
	}
	e, plan := c.event, c.of.plan
	e.Time = r.time()
	for i, f := range c.dims {
		e.Values[i] = r.text(f)
	}
	for i, f := range c.inputs {
		need, o := plan.Inputs[i].Need, &e.Observations[i]
		if need.Numeric() {
			o.Number, o.HasNumber = r.numeric(f)
		}
		if need&rollup.NeedRegisters != 0 {
			o.Hash, o.HasText = r.hashed(f)
		}
	}
	c.aggregator.Add(e)
}

// rows are what was counted, with when it may be forgotten.
func (c *counter) rows() storage.RollupRows {
	plan := c.of.plan
	out := storage.RollupRows{Tenant: c.of.tenant, State: c.of.state}
	keep := map[time.Duration]time.Duration{}
	for _, s := range plan.Steps() {
		keep[s.Step] = s.Keep
	}
	for _, row := range c.aggregator.Rows() {
		out.Rows = append(out.Rows, storage.RollupRow{Row: row, Expires: row.Time.Add(keep[row.Step])})
	}
	for _, h := range c.aggregator.Hidden() {
		out.Hidden = append(out.Hidden, storage.RollupHidden{Hidden: h, Expires: h.Time.Add(time.Duration(plan.Definition.Retention))})
	}
	return out
}
