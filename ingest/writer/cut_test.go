// SPDX-License-Identifier: Apache-2.0

package writer

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/internal/ledger"
	"github.com/strata-apm/strata/storage"
)

// These tests run in real time: under the race detector bubbles of testing/synctest with many timers crash (https://github.com/golang/go/issues/78156).

// trickle is a partition that gets one message of so many bytes every step.
type trickle struct {
	bus.Partition
	name  string
	began time.Time
	step  time.Duration
	bytes int
}

func (p trickle) Name() string { return p.name }

func (p trickle) Position(context.Context) (bus.Position, error) { return bus.Position{}, nil }

func (p trickle) Commit(context.Context, bus.Position) error { return nil }

func (p trickle) Fetch(ctx context.Context, offset int64, _ int) ([]bus.Message, error) {
	there := time.NewTimer(time.Until(p.began.Add(time.Duration(offset+1) * p.step)))
	defer there.Stop()
	select {
	case <-there.C:
		return []bus.Message{{Record: bus.Record{Value: make([]byte, p.bytes)}, Offset: offset}}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// TestLinger: a batch waits for more, and one that is large enough does not.
func TestLinger(t *testing.T) {
	w := NewBatches(Options{Linger: 200 * time.Millisecond, BatchBytes: 3000}, nil)
	began := time.Now()
	var g gathered
	require.NoError(t, w.cut(t.Context(), trickle{began: began, step: time.Millisecond, bytes: 1}, &g, -1, w.opts.Linger))
	require.GreaterOrEqual(t, time.Since(began), w.opts.Linger)
	require.Greater(t, len(g.msgs), 3)

	w.opts.Linger = time.Hour
	g = gathered{}
	require.NoError(t, w.cut(t.Context(), trickle{began: began, step: time.Millisecond, bytes: 1001}, &g, -1, w.opts.Linger))
	require.Len(t, g.msgs, 3)
}

// handle runs w on partitions of these names for a while, each with a message every few milliseconds.
func handle(t *testing.T, w *Batches, names ...string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	stop := time.AfterFunc(2*time.Second, cancel)
	defer stop.Stop()
	var partitions sync.WaitGroup
	for _, name := range names {
		partitions.Go(func() {
			assert.NoError(t, w.Handle(ctx, trickle{name: name, began: time.Now(), step: 2 * time.Millisecond, bytes: 1000}))
		})
	}
	partitions.Wait()
}

func turnsWriter(t *testing.T, s Sink, n int) *Batches {
	t.Helper()
	l, err := ledger.Open(t.TempDir(), slog.New(slog.DiscardHandler), time.Now)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	w := NewBatches(Options{Ledger: l, Logger: slog.New(slog.DiscardHandler), Tracer: noop.NewTracerProvider().Tracer(""), Linger: 10 * time.Millisecond}, s)
	w.turns = newTurns(n)
	return w
}

// slow is a store that takes a while for a batch.
type slow struct {
	mu        sync.Mutex
	now, most int
	messages  map[string][]int // of each batch, by partition
}

func (s *slow) Store(_ context.Context, id storage.BatchID, msgs []bus.Message) ([]ledger.Outcome, error) {
	name, _, _ := strings.Cut(string(id), "-")
	s.mu.Lock()
	s.now++
	s.most = max(s.most, s.now)
	s.messages[name] = append(s.messages[name], len(msgs))
	s.mu.Unlock()
	time.Sleep(100 * time.Millisecond)
	s.mu.Lock()
	s.now--
	s.mu.Unlock()
	return []ledger.Outcome{}, nil
}

// TestTurns: however many partitions there are, so many batches are stored at once and no more, every partition has its turn, and what waits for it grows.
func TestTurns(t *testing.T) {
	s := &slow{messages: map[string][]int{}}
	handle(t, turnsWriter(t, s, 2), "a", "b", "c", "d", "e", "f")
	require.Equal(t, 2, s.most)
	require.Len(t, s.messages, 6)
	for name, batches := range s.messages {
		require.Greater(t, len(batches), 2, name)
		require.Greater(t, batches[2], 50, "%s waited for two others", name) // Of 10 ms it would be 5.
	}
}

// half is a store that is away for one partition.
type half struct {
	mu              sync.Mutex
	stored, refused int
}

func (s *half) Store(_ context.Context, id storage.BatchID, _ []bus.Message) ([]ledger.Outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if strings.HasPrefix(string(id), "away") {
		s.refused++
		return nil, storage.ErrUnavailable
	}
	s.stored++
	return []ledger.Outcome{}, nil
}

// TestTurnIsGivenWhileTheStoreIsAway: a partition whose batch cannot be stored does not keep the others from theirs.
func TestTurnIsGivenWhileTheStoreIsAway(t *testing.T) {
	s := &half{}
	handle(t, turnsWriter(t, s, 1), "away", "there")
	require.Greater(t, s.stored, 10)
	require.Greater(t, s.refused, 1)
}
