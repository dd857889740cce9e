// SPDX-License-Identifier: Apache-2.0

package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/internal/dirlock"
)

// Options configure Open.
type Options struct {
	Logger *slog.Logger
	// Topics the bus has; others are refused.
	Topics []string
	// SegmentBytes is the size at which a segment is closed and the next one begun. Default 64 MiB, at most an eighth of LimitBytes
	// so that a full log always has closed segments to give back.
	SegmentBytes int64
	// LimitBytes is the most one topic may hold on disk. Default 4 GiB.
	LimitBytes int64

	// OnDurable is told of every record when it is on stable storage, in order of offsets. It must be quick. May be nil.
	OnDurable func(topic string, offset int64, headers []bus.Header)

	disk disk
	now  func() time.Time
}

func (o Options) withDefaults() Options {
	if o.LimitBytes <= 0 {
		o.LimitBytes = 4 << 30
	}
	if o.SegmentBytes <= 0 {
		o.SegmentBytes = 64 << 20
	}
	o.SegmentBytes = min(o.SegmentBytes, o.LimitBytes/8)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.OnDurable == nil {
		o.OnDurable = func(string, int64, []bus.Header) {}
	}
	if o.disk == nil {
		o.disk = osDisk{}
	}
	if o.now == nil {
		o.now = time.Now
	}
	return o
}

// Bus is the embedded bus. It implements bus.Producer, bus.Consumer and bus.Inspector.
type Bus struct {
	opts Options
	lock *dirlock.Lock
	logs map[string]*topicLog
}

var (
	_ bus.Producer  = (*Bus)(nil)
	_ bus.Consumer  = (*Bus)(nil)
	_ bus.Inspector = (*Bus)(nil)
)

// Open opens or creates the bus in dir and recovers what a crash left. It starts no goroutines.
func Open(dir string, opts Options) (*Bus, error) {
	opts = opts.withDefaults()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create bus directory: %w", err)
	}
	lock, err := dirlock.Acquire(dir)
	if err != nil {
		return nil, fmt.Errorf("open bus: %w", err)
	}
	b := &Bus{opts: opts, lock: lock, logs: map[string]*topicLog{}}
	for _, topic := range opts.Topics {
		l, err := openLog(filepath.Join(dir, topic), topic, opts)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open bus topic %s: %w", topic, err), b.Close())
		}
		b.logs[topic] = l
	}
	return b, nil
}

// Close waits for the append under way and releases the directory. Appends after it get bus.ErrUnavailable.
func (b *Bus) Close() error {
	var err error
	for _, l := range b.logs {
		err = errors.Join(err, l.close())
	}
	return errors.Join(err, b.lock.Release())
}

func (b *Bus) topic(name string) (*topicLog, error) {
	l, ok := b.logs[name]
	if !ok {
		return nil, fmt.Errorf("bus has no topic %q", name)
	}
	return l, nil
}

// Produce implements bus.Producer.
func (b *Bus) Produce(ctx context.Context, topic string, recs ...bus.Record) error {
	if err := ctx.Err(); err != nil {
		return err // The caller's own end.
	}
	l, err := b.topic(topic)
	if err != nil || len(recs) == 0 {
		return err
	}
	frames := make([][]byte, 0, len(recs))
	for i := range recs {
		f, err := encodeFrame(nil, &recs[i], b.opts.now())
		if err != nil {
			return err
		}
		frames = append(frames, f)
	}
	return l.append(frames, recs)
}

// handAgain is how long a partition rests after its handler met an error that may pass.
const handAgain = time.Second

// Consume implements bus.Consumer: a topic has one partition and this process owns it. After an error that wraps bus.ErrUnavailable the
// partition is handed out anew from its position; after bus.ErrFailed it rests until ctx ends, because what the disk holds is unknown.
func (b *Bus) Consume(ctx context.Context, topic string, handle func(context.Context, bus.Partition) error) error {
	l, err := b.topic(topic)
	if err != nil {
		return err
	}
	for {
		err := handle(ctx, &partition{log: l})
		switch {
		case errors.Is(err, bus.ErrFailed):
			l.logger.Error("the disk failed; nothing more is taken from the bus until a restart", "err", err)
			<-ctx.Done()
			return nil
		case errors.Is(err, bus.ErrUnavailable):
			l.logger.Warn("the partition is handed out again", "err", err, "in", handAgain)
		default:
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(handAgain):
		}
	}
}

// Err implements bus.Inspector.
func (b *Bus) Err() error {
	for _, l := range b.logs {
		l.mu.Lock()
		failed, full := l.failed, l.full
		l.mu.Unlock()
		if failed != nil {
			return fmt.Errorf("%w: topic %s: %w", bus.ErrFailed, l.topic, failed)
		}
		if full != nil {
			return fmt.Errorf("%w: topic %s: %w", bus.ErrUnavailable, l.topic, full)
		}
	}
	return nil
}

// Stats implements bus.Inspector.
func (b *Bus) Stats() []bus.TopicStats {
	stats := make([]bus.TopicStats, 0, len(b.logs))
	for _, l := range b.logs {
		stats = append(stats, l.stats())
	}
	slices.SortFunc(stats, func(x, y bus.TopicStats) int {
		return slices.Index(b.opts.Topics, x.Topic) - slices.Index(b.opts.Topics, y.Topic)
	})
	return stats
}

func (l *topicLog) stats() bus.TopicStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := bus.TopicStats{
		Topic: l.topic, First: l.segments[0].base, Next: l.durable, Committed: l.pos.pos.Offset,
		Bytes: l.bytes, LimitBytes: l.opts.LimitBytes,
	}
	if s.Committed < s.Next && len(l.marks) > 0 {
		s.Oldest = l.marks[0].time
	}
	return s
}
