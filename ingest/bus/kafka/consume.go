// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/strata-apm/strata/backoff"
	"github.com/strata-apm/strata/ingest/bus"
)

// handler is what Consume is given.
type handler func(context.Context, bus.Partition) error

// Consume implements bus.Consumer. It goes on over everything the brokers do; it returns nil when ctx ends and the handler's error when
// that is none of bus.ErrFenced, bus.ErrUnavailable and the end of its context.
//
// When a rebalance ends the handler's context, the next generation begins only after the handler has returned; after RebalanceTimeout
// the others go on without this process, and what it still commits is refused.
func (b *Bus) Consume(ctx context.Context, topic string, handle func(context.Context, bus.Partition) error) error {
	topic = b.cfg.full(topic)
	if err := b.hasTopic(topic); err != nil {
		return err
	}
	logger := b.opts.Logger.With("topic", topic, "group", b.cfg.groupOf(topic))
	retry := backoff.New(minBackoff, maxBackoff)
	for ctx.Err() == nil {
		began := time.Now()
		err := b.member(ctx, topic, handle, logger)
		if fatal, ok := errors.AsType[*handlerError](err); ok {
			return fatal.err
		}
		if ctx.Err() != nil {
			return nil //nolint:nilerr // Told to stop is no failure.
		}
		if time.Since(began) > maxBackoff {
			retry.Reset()
		}
		pause := retry.Next()
		logger.Warn("kafka membership ended; joining again", "err", err, "retry_in", pause)
		_ = backoff.Sleep(ctx, pause) // The loop asks for the context.
	}
	return nil
}

// handlerError carries an error of the handler that ends Consume.
type handlerError struct{ err error }

func (e *handlerError) Error() string { return e.err.Error() }

var errGone = errors.New("the handler ended without an answer")

// member joins the group, once, and hands out partitions generation by generation. It leaves when ctx ends or when a partition ends
// with an error: after a commit whose answer was lost only a new member id and a new generation make certain that the lost commit
// cannot arrive later and move the position back (docs/design/0008).
func (b *Bus) member(ctx context.Context, topic string, handle handler, logger *slog.Logger) error {
	if err := b.Check(ctx); err != nil {
		return err
	}
	group, err := kafkago.NewConsumerGroup(kafkago.ConsumerGroupConfig{
		ID: b.cfg.groupOf(topic), Brokers: b.cfg.Brokers, Dialer: b.dialer, Topics: []string{topic},
		GroupBalancers:    []kafkago.GroupBalancer{balancer{b.opts.Instance}},
		HeartbeatInterval: min(b.cfg.SessionTimeout/10, 3*time.Second), SessionTimeout: b.cfg.SessionTimeout,
		RebalanceTimeout: b.cfg.RebalanceTimeout, JoinGroupBackoff: 500 * time.Millisecond, Timeout: b.cfg.Timeout,
		WatchPartitionChanges: true, PartitionWatchInterval: 5 * time.Second,
	})
	if err != nil {
		return fmt.Errorf("join group %s: %w", b.cfg.groupOf(topic), err)
	}
	m := &membership{bus: b, topic: topic, handle: handle, logger: logger}
	ctx, m.end = context.WithCancel(ctx)
	defer m.end()
	for failures := 0; ; {
		gen, err := group.Next(ctx)
		switch {
		case ctx.Err() != nil:
			_ = group.Close() // Waits for the handlers, then leaves.
			return m.error()
		case err != nil: // kafka-go tries again by itself.
			b.stats.groupError(topic, err)
			if failures&(failures+1) == 0 { // 0, 1, 3, 7, …
				logger.Warn("kafka group not joined; trying again", "attempt", failures+1, "err", err)
			}
			failures++
		default:
			failures = 0
			b.stats.groupError(topic, nil)
			m.begin(ctx, gen)
		}
	}
}

// membership is one stay of this process in the group of one topic.
type membership struct {
	bus    *Bus
	topic  string
	handle handler
	logger *slog.Logger
	end    context.CancelFunc

	mu  sync.Mutex
	err error
}

func (m *membership) error() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.err
}

// fail ends the membership.
func (m *membership) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var fatal, old *handlerError
	if m.err == nil || errors.As(err, &fatal) && !errors.As(m.err, &old) {
		m.err = err
	}
	m.end()
}

// begin starts a goroutine for every partition of the generation.
func (m *membership) begin(ctx context.Context, gen *kafkago.Generation) {
	assigned := gen.Assignments[m.topic]
	ids := make([]int, 0, len(assigned))
	for _, a := range assigned {
		ids = append(ids, a.ID)
	}
	m.logger.Info("kafka partitions assigned", "generation", gen.ID, "member", gen.MemberID, "partitions", ids)
	for _, id := range ids {
		gen.Start(func(genCtx context.Context) {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			stop := context.AfterFunc(genCtx, cancel)
			defer stop()
			// In a goroutine of its own: a handler that ends by runtime.Goexit, as a failed test does, must not take with it what
			// kafka-go waits for.
			err, done := error(&handlerError{errGone}), make(chan struct{})
			go func() {
				defer close(done)
				err = m.own(ctx, cancel, gen, id)
			}()
			if <-done; err != nil {
				m.fail(err)
			}
			<-ctx.Done() // A partition that its handler is done with does not end the generation.
		})
	}
}

// own runs the handler over one partition. An error ends the membership.
func (m *membership) own(ctx context.Context, cancel context.CancelFunc, gen *kafkago.Generation, id int) error {
	p := &partition{
		bus: m.bus, topic: m.topic, id: id, generation: int32(gen.ID), member: gen.MemberID, owned: ctx, lose: cancel, //nolint:unconvert // Says the width on the wire.
		logger: m.logger.With("partition", id),
	}
	defer p.close()
	if err := p.begin(ctx); err != nil {
		return nil // Only the end of ctx ends it.
	}
	err := m.handle(ctx, p)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, bus.ErrFenced), errors.Is(err, bus.ErrUnavailable):
		return err // Consume logs it with the topic.
	case ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)):
		return nil
	default:
		return &handlerError{err}
	}
}
