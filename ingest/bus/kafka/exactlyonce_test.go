// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/ingest/writer"
	"github.com/strata-apm/strata/internal/ledger"
	"github.com/strata-apm/strata/signal"
	"github.com/strata-apm/strata/storage"
)

// tokenStore is a store that drops a token it has seen, and sometimes loses the answer or is away.
type tokenStore struct {
	mu     sync.Mutex
	tokens map[storage.BatchID]bool
	rows   map[string]int
	faults bool
}

var errLost = errors.New("the answer is lost")

func (s *tokenStore) Store(_ context.Context, id storage.BatchID, msgs []bus.Message) ([]ledger.Outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fate := 1.0
	if s.faults {
		fate = rand.Float64()
	}
	if fate < 0.1 {
		return nil, fmt.Errorf("%w: restarting", storage.ErrUnavailable)
	}
	if !s.tokens[id] {
		s.tokens[id] = true
		for _, m := range msgs {
			s.rows[string(m.Value)]++
		}
	}
	if fate < 0.3 {
		return nil, fmt.Errorf("%w: %w", storage.ErrUnavailable, errLost)
	}
	return []ledger.Outcome{}, nil
}

func (s *tokenStore) count() (rows, doubled int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.rows {
		if n > 1 {
			doubled++
		}
	}
	return len(s.rows), doubled
}

// Writers of batches come and go, in the middle of a batch too, over a store that is away at times and loses answers. Every record is
// stored once.
func TestWritersStoreOnce(t *testing.T) {
	t.Parallel()
	const partitions, rounds = 4, 12
	topic := signal.Logs.Topic()
	cfg := testConfig(cluster.Brokers...)
	cfg.Group = topicName(t)
	cfg.Partitions = partitions
	cfg.SessionTimeout, cfg.RebalanceTimeout = 2*time.Second, 3*time.Second
	store := &tokenStore{tokens: map[storage.BatchID]bool{}, rows: map[string]int{}, faults: true}
	start := func(instance string) (stop func()) {
		b, closeBus := openRunning(t, cfg, Options{Topics: []string{topic}, Instance: instance, Logger: slog.New(slog.DiscardHandler)})
		book, err := ledger.Open(filepath.Join(t.TempDir(), "ledger"), slog.New(slog.DiscardHandler), time.Now)
		require.NoError(t, err)
		w := writer.NewBatches(writer.Options{
			Topic: topic, Ledger: book, Logger: slog.New(slog.DiscardHandler), Tracer: noop.NewTracerProvider().Tracer(""),
			Quarantine: writer.NewQuarantine(filepath.Join(t.TempDir(), "q")), BatchBytes: 2000, Linger: 5 * time.Millisecond,
		}, store)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- b.Consume(ctx, topic, w.Handle) }()
		return func() {
			cancel()
			require.NoError(t, <-done)
			closeBus()
		}
	}
	producer := open(t, cfg, Options{Topics: []string{topic}, Logger: slog.New(slog.DiscardHandler)})
	produceCtx, endProduce := context.WithCancel(t.Context())
	produced := make(chan int, 1)
	go func() {
		n := 0
		for produceCtx.Err() == nil {
			recs := make([]bus.Record, 20)
			for i := range recs {
				v := fmt.Appendf(nil, "record %d", n+i)
				recs[i] = bus.Record{Key: v, Value: v}
			}
			if err := producer.Produce(t.Context(), topic, recs...); err != nil {
				t.Errorf("produce: %v", err)
				break
			}
			n += len(recs)
		}
		produced <- n
	}()
	stops := map[string]func(){"w0": start("w0")}
	for range rounds {
		name := fmt.Sprintf("w%d", rand.IntN(3))
		if stop, ok := stops[name]; ok {
			stop()
			delete(stops, name)
		} else {
			stops[name] = start(name)
		}
		pause := time.NewTimer(time.Duration(rand.IntN(1000)) * time.Millisecond)
		<-pause.C
	}
	endProduce()
	total := <-produced
	store.mu.Lock()
	store.faults = false
	store.mu.Unlock()
	if len(stops) == 0 {
		stops["last"] = start("last")
	}
	require.Eventually(t, func() bool { rows, _ := store.count(); return rows == total }, 40*time.Second, 20*time.Millisecond)
	for _, stop := range stops {
		stop()
	}
	rows, doubled := store.count()
	require.Equal(t, total, rows)
	require.Zero(t, doubled)
	t.Logf("%d records in %d batches", rows, len(store.tokens))
}
