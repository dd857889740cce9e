// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/internal/testutil/kafkatest"
)

// TestOutage needs a broker of its own, which it pauses and kills.
func TestOutage(t *testing.T) {
	t.Parallel()
	own := kafkatest.Start(t, kafkatest.Options{})
	t.Run("full", func(t *testing.T) { testFull(t, own) })
	t.Run("away and back", func(t *testing.T) { testAwayAndBack(t, own) })
}

// The broker is paused, killed and restarted under producers and a consumer. Nothing acknowledged is lost, nothing acknowledged is
// doubled, and what was refused while the broker was surely away was not kept.
func testAwayAndBack(t *testing.T, own *kafkatest.Cluster) {
	t.Helper()
	topic := topicName(t)
	cfg := testConfig(own.Brokers...)
	cfg.Partitions = 2
	cfg.Timeout, cfg.DeliveryTimeout = 2*time.Second, 8*time.Second
	b := open(t, cfg, Options{Topics: []string{topic}})
	rec := func(v string) bus.Record { return bus.Record{Key: []byte(v), Value: []byte(v)} }

	var mu sync.Mutex
	seen := map[string]map[string]bool{} // by value, the places it was read from: a commit in doubt may have it read again there
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- b.Consume(ctx, topic, func(ctx context.Context, p bus.Partition) error {
			partition, _, _ := strings.Cut(strings.TrimPrefix(p.Name(), topic), ".") // Without the epoch, which begins with the first commit.
			pos, err := p.Position(ctx)
			for err == nil {
				var msgs []bus.Message
				if msgs, err = p.Fetch(ctx, pos.Offset, 1<<20); err != nil {
					break
				}
				mu.Lock()
				for _, m := range msgs {
					if seen[string(m.Value)] == nil {
						seen[string(m.Value)] = map[string]bool{}
					}
					seen[string(m.Value)][fmt.Sprint(partition, " ", m.Offset)] = true
				}
				mu.Unlock()
				pos.Offset = msgs[len(msgs)-1].Offset + 1
				err = p.Commit(ctx, pos)
			}
			return err
		})
	}()
	var acknowledged, refused []string
	for i := range 10 { // Both partitions are warm after this. A busy machine may need more than one attempt.
		n := 0
		require.Eventually(t, func() bool {
			n++
			v := fmt.Sprintf("before-%d-%d", i, n)
			if b.Produce(t.Context(), topic, rec(v)) != nil {
				return false
			}
			acknowledged = append(acknowledged, v)
			return true
		}, 30*time.Second, 50*time.Millisecond)
	}

	// A pause longer than one attempt: what was under way is sent again and must be there once; what waited behind it is refused and
	// must not be there.
	require.NoError(t, own.Pause(t.Context(), 1))
	var answers sync.WaitGroup
	for i := range 20 {
		answers.Go(func() {
			v := fmt.Sprintf("paused-%d", i)
			err := b.Produce(t.Context(), topic, rec(v))
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				acknowledged = append(acknowledged, v)
			} else {
				refused = append(refused, v)
			}
		})
	}
	resume := time.NewTimer(cfg.Timeout + time.Second)
	<-resume.C
	require.NoError(t, own.Resume(t.Context(), 1))
	answers.Wait()
	require.Greater(t, len(acknowledged), 10)

	require.NoError(t, own.Kill(t.Context(), 1))
	_ = b.Produce(t.Context(), topic, rec("in doubt"), rec("in doubt too")) // The connection breaks; it may or may not have been written.
	for i := range 3 {
		begin := time.Now()
		refused = append(refused, fmt.Sprintf("away-%d", i))
		require.ErrorIs(t, b.Produce(t.Context(), topic, rec(refused[len(refused)-1])), bus.ErrUnavailable)
		require.Less(t, time.Since(begin), cfg.Timeout+2*time.Second)
	}
	require.Eventually(t, func() bool { return errors.Is(b.Err(), bus.ErrUnavailable) }, 20*time.Second, 10*time.Millisecond)

	require.NoError(t, own.Restart(t.Context(), 1))
	n := 0
	require.Eventually(t, func() bool {
		n++
		one, two := fmt.Sprintf("after-%d", n), fmt.Sprintf("after-%d-too", n)
		if b.Produce(t.Context(), topic, rec(one), rec(two)) != nil {
			return false
		}
		acknowledged = append(acknowledged, one, two)
		return true
	}, 30*time.Second, 100*time.Millisecond)
	require.Eventually(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		for _, v := range acknowledged {
			if len(seen[v]) == 0 {
				return false
			}
		}
		return b.Err() == nil
	}, 30*time.Second, 10*time.Millisecond)
	cancel()
	require.NoError(t, <-done)
	for v, places := range seen {
		require.Len(t, places, 1, v)
		require.NotContains(t, refused, v)
	}
}

// What waits for brokers that hang is bounded.
func testFull(t *testing.T, own *kafkatest.Cluster) {
	t.Helper()
	topic := topicName(t)
	cfg := testConfig(own.Brokers...)
	cfg.BufferBytes = 4 << 20
	cfg.Timeout, cfg.DeliveryTimeout = 2*time.Second, 4*time.Second
	b, closeBus := openRunning(t, cfg, Options{Topics: []string{topic}})
	// The topic is made with the first record, which may take longer than the timeout that this test is about.
	require.Eventually(t, func() bool { return b.Produce(t.Context(), topic, bus.Record{Value: []byte("v")}) == nil }, time.Minute, 50*time.Millisecond)
	require.NoError(t, own.Pause(t.Context(), 1))
	value := make([]byte, 512<<10)
	answers := make(chan error, 16)
	for range cap(answers) {
		go func() { answers <- b.Produce(t.Context(), topic, bus.Record{Value: value}) }()
	}
	full := 0
	for range cap(answers) {
		err := <-answers
		if errors.Is(err, bus.ErrFull) {
			full++
			continue
		}
		require.ErrorIs(t, err, bus.ErrUnavailable)
	}
	require.Equal(t, 9, full, "seven records of 512 KiB and their frames fit into 4 MiB")
	// A caller that goes away is let go at once, though its record stays counted until its batch is decided.
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, b.Produce(ctx, topic, bus.Record{Value: []byte("v")}), context.DeadlineExceeded)
	require.NoError(t, own.Resume(t.Context(), 1))
	require.Eventually(t, func() bool { return b.Produce(t.Context(), topic, bus.Record{Value: value}) == nil }, 20*time.Second, 50*time.Millisecond)
	closeBus()
	require.ErrorIs(t, b.Produce(t.Context(), topic, bus.Record{Value: value}), bus.ErrUnavailable)
	require.Zero(t, b.buffered.Load())
}

// One of three brokers is killed under load. Producers wait for the new leaders; every acknowledged record is there once.
func TestLeaderDies(t *testing.T) {
	t.Parallel()
	own := kafkatest.Start(t, kafkatest.Options{Brokers: 3})
	topic := topicName(t)
	cfg := testConfig(own.Brokers...)
	cfg.Partitions, cfg.ReplicationFactor = 3, 3
	cfg.Timeout, cfg.DeliveryTimeout = 15*time.Second, 30*time.Second
	b := open(t, cfg, Options{Topics: []string{topic}})
	require.NoError(t, b.Check(t.Context()))
	ctx, stop := context.WithCancel(t.Context())
	var (
		producers sync.WaitGroup
		mu        sync.Mutex
		acked     = map[string]int{}
	)
	for n := range 6 {
		producers.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				v := fmt.Sprintf("%d/%d", n, i)
				if err := b.Produce(t.Context(), topic, bus.Record{Key: []byte(v), Value: []byte(v)}); err != nil {
					t.Errorf("produce %s: %v", v, err)
					return
				}
				mu.Lock()
				acked[v] = 0
				mu.Unlock()
			}
		})
	}
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(acked)
	}
	require.Eventually(t, func() bool { return count() > 100 }, time.Minute, 5*time.Millisecond)
	require.NoError(t, own.Kill(t.Context(), 1)) // It leads one of the three partitions.
	before := count()
	require.Eventually(t, func() bool { return count() > before+200 }, time.Minute, 5*time.Millisecond)
	stop()
	producers.Wait()

	readCtx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	left := len(acked)
	require.NoError(t, b.Consume(readCtx, topic, func(ctx context.Context, p bus.Partition) error {
		for offset := int64(0); ; {
			msgs, err := p.Fetch(ctx, offset, 1<<20)
			if err != nil {
				return err
			}
			mu.Lock()
			for _, m := range msgs {
				if acked[string(m.Value)]++; acked[string(m.Value)] == 1 {
					left--
				}
			}
			if left == 0 {
				cancel()
			}
			mu.Unlock()
			offset = msgs[len(msgs)-1].Offset + 1
		}
	}))
	for v, n := range acked {
		require.Equal(t, 1, n, v)
	}
}
