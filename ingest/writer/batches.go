// SPDX-License-Identifier: Apache-2.0

package writer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/strata-apm/strata/backoff"
	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/internal/ledger"
	"github.com/strata-apm/strata/storage"
)

// Sink stores one batch of records, as one block or several: the position moves past the batch when all of them are stored. Store is called
// again with the same id and messages after an error that wraps storage.ErrUnavailable and after a crash, and must store them once all the
// same. With outcomes an error is of BlockErrors alone: the records are stored, and the blocks named in it never will be.
type Sink interface {
	Store(ctx context.Context, id storage.BatchID, msgs []bus.Message) ([]ledger.Outcome, error)
}

// Options are shared by both kinds of writer.
type Options struct {
	Topic  string
	Ledger *ledger.Ledger
	Logger *slog.Logger
	Tracer trace.Tracer
	// Shared says that partitions move between processes: a batch is counted only once its position is committed, so that two
	// processes never both count it.
	Shared bool
	// Quarantine keeps a batch that its store refuses for good.
	Quarantine *Quarantine
	// BatchBytes is how much is stored at once, Linger how long a smaller batch waits for more.
	BatchBytes int
	Linger     time.Duration
}

const (
	defaultBatchBytes = 24 << 20
	defaultLinger     = 400 * time.Millisecond
	minBackoff        = 100 * time.Millisecond
	maxBackoff        = 5 * time.Second
	// finishTimeout is how long the batch under way may take after the process was told to stop.
	finishTimeout = 15 * time.Second
)

// settle counts what was stored and moves the position past it. A ledger that cannot be saved, as on a full disk, is tried again: what it
// counted is in memory, and the batch is not stored a second time for it.
func (o Options) settle(ctx context.Context, p bus.Partition, pos bus.Position, outcomes []ledger.Outcome) error {
	count := func() error {
		retry := backoff.New(minBackoff, maxBackoff)
		for {
			err := o.Ledger.Stored(p.Name(), outcomes)
			if err == nil {
				return nil
			}
			if ctx.Err() != nil {
				return fmt.Errorf("count the stored records: %w", err)
			}
			pause := retry.Next()
			o.Logger.Error("the stored records are not counted yet", "partition", p.Name(), "err", err, "retry_in", pause)
			_ = backoff.Sleep(ctx, pause) // It is counted once more when the process is told to stop.
		}
	}
	if !o.Shared {
		if err := count(); err != nil {
			return err
		}
	}
	// The store has it, so the position moves also when this process is told to stop.
	if err := p.Commit(context.WithoutCancel(ctx), pos); err != nil {
		return fmt.Errorf("commit %s: %w", p.Name(), err)
	}
	if o.Shared {
		return count()
	}
	return nil
}

// Batches writes the batches of one topic into a Sink.
type Batches struct {
	opts  Options
	sink  Sink
	turns turns
}

// NewBatches returns a writer; zero sizes take their defaults.
func NewBatches(opts Options, sink Sink) *Batches {
	if opts.BatchBytes <= 0 {
		opts.BatchBytes = defaultBatchBytes
	}
	if opts.Linger <= 0 {
		opts.Linger = defaultLinger
	}
	return &Batches{opts: opts, sink: sink, turns: newTurns(max(1, runtime.GOMAXPROCS(0)/2))}
}

// progress is what of a partition is stored, up to first, and where the batch ends that is decided; -1 where none is.
type progress struct {
	first, end int64
}

// Handle owns p until ctx ends. It is the handler for bus.Consumer.
func (w *Batches) Handle(ctx context.Context, p bus.Partition) error {
	pos, err := p.Position(ctx)
	if err != nil {
		return fmt.Errorf("read position of %s: %w", p.Name(), err)
	}
	at := progress{first: pos.Offset, end: -1}
	if pos.Metadata != "" {
		if at.end, err = strconv.ParseInt(pos.Metadata, 10, 64); err != nil {
			return fmt.Errorf("position of %s: metadata %q is not an offset", p.Name(), pos.Metadata)
		}
	}
	for more := true; more && ctx.Err() == nil; {
		if more, err = w.step(ctx, p, &at); err != nil {
			return err
		}
	}
	return nil
}

// step stores the next batch. more is false when it was told to stop before.
func (w *Batches) step(ctx context.Context, p bus.Partition, at *progress) (more bool, err error) {
	t := &turn{of: w.turns}
	defer t.give()
	msgs, err := w.next(ctx, p, at, t)
	if errors.Is(err, context.Canceled) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	d := decision{p: p, pos: bus.Position{Offset: at.first, Metadata: strconv.FormatInt(at.end, 10)}}
	if at.end < 0 {
		at.end = msgs[len(msgs)-1].Offset
		d.pos.Metadata = strconv.FormatInt(at.end, 10)
		if err := d.confirm(ctx); err != nil {
			return false, err
		}
	}
	id := storage.BatchID(fmt.Sprintf("%s-%d-%d", p.Name(), at.first, at.end))
	var outcomes []ledger.Outcome
	if len(msgs) > 0 { // A range that was decided may have been deleted from the bus since.
		if outcomes, err = w.store(ctx, id, msgs, &d, t); err != nil {
			return false, err
		}
		if outcomes == nil { // Told to stop before the store answered: the same range is cut again at the next start.
			return false, nil
		}
	}
	if err := w.opts.settle(ctx, p, bus.Position{Offset: at.end + 1}, outcomes); err != nil {
		return false, fmt.Errorf("batch %s: %w", id, err)
	}
	*at = progress{first: at.end + 1, end: -1}
	return true, nil
}

// fresh is how old the confirmation of a decision may be when its insert begins. A writer that was stopped for longer may have lost its
// partition, and by the time it goes on the store may have forgotten the batch: it asks before it inserts.
const fresh = 5 * time.Second

// attemptTimeout bounds one insert, so that none begins long after its confirmation, even when the process was stopped on the way.
const attemptTimeout = time.Minute

// decision is the range of the batch under way, as it is committed.
type decision struct {
	p         bus.Partition
	pos       bus.Position
	confirmed time.Time
}

// confirm commits the decision, again where it was committed before: that fails when the partition belongs to somebody else by now.
func (d *decision) confirm(ctx context.Context) error {
	if err := d.p.Commit(ctx, d.pos); err != nil {
		return fmt.Errorf("commit end of batch: %w", err)
	}
	d.confirmed = time.Now()
	return nil
}

// keepAside quarantines the batch under the name of every block that was refused for good, while its records are stored.
func (w *Batches) keepAside(id storage.BatchID, msgs []bus.Message, err error) error {
	for _, name := range refusedBlocks(err) {
		w.opts.Logger.Error("the store refuses a block of a batch for good; the batch is kept aside under the block's name", "batch", id, "block", name, "dir", w.opts.Quarantine.dir, "err", err)
		if _, err := w.opts.Quarantine.put(w.opts.Topic, id.Block(name), msgs, "refused_by_store"); err != nil {
			return fmt.Errorf("%w: %w", storage.ErrUnavailable, err)
		}
	}
	return nil
}

// refusedBlocks returns the blocks that an error of a Sink names.
func refusedBlocks(err error) []string {
	var out []string
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			out = append(out, refusedBlocks(e)...)
		}
		return out
	}
	if b, ok := errors.AsType[*BlockError](err); ok {
		out = append(out, b.Block)
	}
	return out
}

// store stores the batch, trying again for as long as the store is away. It returns no outcomes when it was told to stop meanwhile.
func (w *Batches) store(ctx context.Context, id storage.BatchID, msgs []bus.Message, d *decision, t *turn) ([]ledger.Outcome, error) {
	finish, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(finishTimeout, cancel) })
	defer stop()
	finish, span := w.opts.Tracer.Start(finish, "store batch", trace.WithAttributes(
		attribute.String("messaging.destination.name", w.opts.Topic), attribute.Int("messaging.batch.message_count", len(msgs))))
	defer span.End()
	retry := backoff.New(minBackoff, maxBackoff)
	for {
		if time.Since(d.confirmed) > fresh {
			if err := d.confirm(finish); err != nil {
				return nil, err
			}
		}
		attempt, cancel := context.WithDeadline(finish, d.confirmed.Add(fresh+attemptTimeout))
		outcomes, err := w.sink.Store(attempt, id, msgs)
		cutOff := attempt.Err() != nil // By us, or by the end of the process: that says nothing about the batch.
		cancel()
		if err == nil {
			return outcomes, nil
		}
		span.RecordError(err)
		if outcomes != nil {
			if err = w.keepAside(id, msgs, err); err == nil {
				return outcomes, nil
			}
		}
		if !errors.Is(err, storage.ErrUnavailable) && !cutOff {
			span.SetStatus(codes.Error, err.Error())
			w.opts.Logger.Error("the store refuses a batch for good; it is kept aside", "batch", id, "dir", w.opts.Quarantine.dir, "err", err)
			if outcomes, err = w.opts.Quarantine.put(w.opts.Topic, id, msgs, "refused_by_store"); err == nil {
				return outcomes, nil
			}
		}
		if ctx.Err() != nil {
			return nil, nil
		}
		pause := retry.Next()
		w.opts.Logger.Warn("the batch is not stored yet; it waits on the bus", "batch", id, "err", err, "retry_in", pause)
		t.give() // Another partition's store may be there.
		if backoff.Sleep(ctx, pause) != nil {
			return nil, nil
		}
		if _, err := t.take(ctx); err != nil {
			return nil, nil
		}
	}
}
