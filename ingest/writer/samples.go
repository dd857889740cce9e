// SPDX-License-Identifier: Apache-2.0

package writer

import (
	"context"
	"errors"
	"fmt"
	"time"

	promstorage "github.com/prometheus/prometheus/storage"

	"github.com/strata-apm/strata/backoff"
	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/internal/ledger"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

// SampleStore takes samples. Committed samples are visible at once and durable after Sync.
type SampleStore interface {
	promstorage.AppendableV2
	promstorage.Queryable
	// Sync returns when every appender committed before the call is on stable storage. After a sync that failed it fails until the
	// store is opened again.
	Sync() error
}

// SampleStores returns the store of a tenant's samples and what notes the metadata of its metrics; they are made where they do not exist. Safe
// for concurrent use.
type SampleStores func(id tenant.ID) (SampleStore, MetadataSink, error)

// Translator appends the samples of one message. It returns how many items the message had and those the store did not take, by
// reason; an error means that nothing more can be appended now.
type Translator interface {
	Append(ctx context.Context, app promstorage.AppenderV2, m bus.Message) (items int, rejected map[string]int64, err error)
}

// Samples writes a metrics topic into the tsdb.
type Samples struct {
	opts   Options
	stores SampleStores
	// translator returns a new Translator; each partition and tenant has its own because they keep scratch space and what they know of series.
	translator func(MetadataSink) Translator
}

const (
	samplesFetchBytes = 4 << 20
	// syncEvery bounds how much is replayed after a crash, syncBytes how much waits for an fsync.
	syncEvery = time.Second
	syncBytes = 64 << 20
)

// NewSamples returns a writer of samples.
func NewSamples(opts Options, stores SampleStores, translator func(MetadataSink) Translator) *Samples {
	return &Samples{opts: opts, stores: stores, translator: translator}
}

// samplesRun is the state of one partition between two syncs.
type samplesRun struct {
	*Samples
	p          bus.Partition
	tenants    map[tenant.ID]*tenantSamples
	next       int64
	outcomes   []ledger.Outcome
	bytes      int
	dirtySince time.Time
}

// Handle owns p until ctx ends. It is the handler for bus.Consumer.
func (w *Samples) Handle(ctx context.Context, p bus.Partition) error {
	pos, err := p.Position(ctx)
	if err != nil {
		return fmt.Errorf("read position of %s: %w", p.Name(), err)
	}
	r := &samplesRun{Samples: w, p: p, tenants: map[tenant.ID]*tenantSamples{}, next: pos.Offset}
	for {
		if len(r.outcomes) > 0 && (r.bytes >= syncBytes || time.Since(r.dirtySince) >= syncEvery || ctx.Err() != nil) {
			if err := r.checkpoint(ctx); err != nil {
				return err
			}
		}
		if ctx.Err() != nil {
			return nil //nolint:nilerr // Told to stop is no failure.
		}
		if err := r.step(ctx); err != nil {
			return err
		}
	}
}

// step appends what the bus has, or waits for it no longer than the next checkpoint is due.
func (r *samplesRun) step(ctx context.Context) error {
	var deadline time.Time
	if len(r.outcomes) > 0 {
		deadline = r.dirtySince.Add(syncEvery)
	}
	msgs, err := fetchUntil(ctx, r.p, r.next, samplesFetchBytes, deadline)
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("fetch %s: %w", r.p.Name(), err)
	}
	return r.append(ctx, msgs)
}

func (r *samplesRun) append(ctx context.Context, msgs []bus.Message) error {
	retry := backoff.New(minBackoff, maxBackoff)
	for {
		outcomes, err := r.tryAppend(context.WithoutCancel(ctx), msgs)
		if err == nil {
			if len(r.outcomes) == 0 {
				r.dirtySince = time.Now()
			}
			r.outcomes = append(r.outcomes, outcomes...)
			for _, m := range msgs {
				r.bytes += len(m.Value)
			}
			r.next = msgs[len(msgs)-1].Offset + 1
			return nil
		}
		if errors.Is(err, storage.ErrBroken) {
			return fmt.Errorf("append samples of %s: %w", r.p.Name(), err)
		}
		// The disk is full or failing. The samples wait on the bus; appending them again is harmless.
		pause := retry.Next()
		r.opts.Logger.Error("samples not appended", "first_offset", msgs[0].Offset, "err", err, "retry_in", pause)
		if backoff.Sleep(ctx, pause) != nil {
			return nil //nolint:nilerr // They are appended again at the next start.
		}
	}
}

// tenantSamples is one tenant's part of a partition.
type tenantSamples struct {
	store      SampleStore
	translator Translator
	// dirty says that something was appended since the last sync.
	dirty bool
}

// tenant returns where a message belongs. The error wraps tenant.ErrInvalid where that can never be said.
func (r *samplesRun) tenant(m bus.Message) (*tenantSamples, error) {
	id, err := intake.RecordTenant(m.Headers)
	if err != nil {
		return nil, fmt.Errorf("read the tenant of offset %d: %w", m.Offset, err)
	}
	if t := r.tenants[id]; t != nil {
		return t, nil
	}
	store, md, err := r.stores(id)
	if err != nil {
		return nil, fmt.Errorf("open the samples of tenant %s: %w", id, err)
	}
	t := &tenantSamples{store: store, translator: r.translator(md)}
	r.tenants[id] = t
	return t, nil
}

// sync makes durable what was appended. Its errors are those of SampleStore.Sync.
func (r *samplesRun) sync() error {
	for _, t := range r.tenants {
		if !t.dirty {
			continue
		}
		if err := t.store.Sync(); err != nil {
			return err // The caller names the partition.
		}
		t.dirty = false
	}
	return nil
}

// tryAppend commits message by message, so that a sample that contradicts an earlier message is seen and counted.
func (r *samplesRun) tryAppend(ctx context.Context, msgs []bus.Message) ([]ledger.Outcome, error) {
	outcomes := make([]ledger.Outcome, 0, len(msgs))
	for _, m := range msgs {
		to, err := r.tenant(m)
		if errors.Is(err, tenant.ErrInvalid) { // Only another producer on the topic can send this.
			outcomes = append(outcomes, misaddressed(r.opts.Topic, m))
			continue
		}
		if err != nil {
			return nil, err
		}
		app := to.store.AppenderV2(ctx)
		items, rejected, err := to.translator.Append(ctx, checkedAppender{AppenderV2: app, ctx: ctx, store: to.store}, m)
		if err != nil {
			return nil, errors.Join(err, app.Rollback())
		}
		if err := app.Commit(); err != nil {
			return nil, fmt.Errorf("commit samples: %w", err)
		}
		out := outcome(r.opts.Topic, m, items)
		out.Rejected = rejected
		outcomes = append(outcomes, out)
		to.dirty = true
	}
	return outcomes, nil
}

// checkpoint makes everything appended durable and moves the position past it. While that fails the samples stay on the bus.
func (r *samplesRun) checkpoint(ctx context.Context) error {
	retry := backoff.New(minBackoff, maxBackoff)
	for {
		err := r.sync()
		if err == nil {
			break
		}
		if errors.Is(err, storage.ErrBroken) { // The process ends; at the next start the samples are taken off the bus again.
			return fmt.Errorf("sync samples of %s: %w", r.p.Name(), err)
		}
		pause := retry.Next()
		r.opts.Logger.Error("samples not synced; they stay on the bus", "partition", r.p.Name(), "err", err, "retry_in", pause)
		if backoff.Sleep(ctx, pause) != nil {
			return nil //nolint:nilerr // They are appended again at the next start.
		}
	}
	if err := r.opts.settle(ctx, r.p, bus.Position{Offset: r.next}, r.outcomes); err != nil {
		return fmt.Errorf("samples: %w", err)
	}
	r.outcomes, r.bytes = r.outcomes[:0], 0
	return nil
}
