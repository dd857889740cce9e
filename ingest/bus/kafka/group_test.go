// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/ingest/bus"
)

// owners knows who handles which partition, and fails the test when two do at once without either being told to stop.
type owners struct {
	mu   sync.Mutex
	held map[string]map[string]bool // by instance
}

func (o *owners) hold(instance, partition string, held bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.held == nil {
		o.held = map[string]map[string]bool{}
	}
	if o.held[instance] == nil {
		o.held[instance] = map[string]bool{}
	}
	if o.held[instance][partition] = held; !held {
		delete(o.held[instance], partition)
	}
}

func (o *owners) counts(instances ...string) []int {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []int
	for _, i := range instances {
		out = append(out, len(o.held[i]))
	}
	return out
}

// A second consumer joins and leaves; every record is committed past exactly once, none twice.
func TestRebalance(t *testing.T) {
	t.Parallel()
	topic := topicName(t)
	const partitions = 6
	var (
		own  owners
		mu   sync.Mutex
		seen = map[string]int{}
	)
	total := 0
	cfg := testConfig(cluster.Brokers...)
	cfg.Partitions = partitions
	consume := func(instance string) (stop func()) {
		b, closeBus := openRunning(t, cfg, Options{Topics: []string{topic}, Instance: instance})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- b.Consume(ctx, topic, func(ctx context.Context, p bus.Partition) error {
				own.hold(instance, p.Name(), true)
				defer own.hold(instance, p.Name(), false)
				pos, err := p.Position(ctx)
				for err == nil {
					var msgs []bus.Message
					if msgs, err = p.Fetch(ctx, pos.Offset, 100); err != nil {
						break
					}
					pos.Offset = msgs[len(msgs)-1].Offset + 1
					// What was read is counted only if this owner could commit it.
					if err = p.Commit(context.WithoutCancel(ctx), pos); err == nil {
						mu.Lock()
						for _, m := range msgs {
							seen[string(m.Value)]++
						}
						mu.Unlock()
					}
				}
				return err
			})
		}()
		return func() {
			cancel()
			require.NoError(t, <-done)
			closeBus()
		}
	}
	producer := open(t, cfg, Options{Topics: []string{topic}})
	produce := func(n int) {
		for range n {
			key := fmt.Appendf(nil, "%d", total)
			require.NoError(t, producer.Produce(t.Context(), topic, bus.Record{Key: key, Value: key}))
			total++
		}
	}
	settled := func(want []int, instances ...string) {
		t.Helper()
		require.Eventually(t, func() bool { return fmt.Sprint(own.counts(instances...)) == fmt.Sprint(want) }, 30*time.Second, 10*time.Millisecond,
			"%v", want)
	}
	produce(50)
	stopA := consume("a")
	settled([]int{6}, "a")
	produce(50)
	stopB := consume("b")
	settled([]int{3, 3}, "a", "b")
	produce(100)
	stopA()
	settled([]int{0, 6}, "a", "b")
	produce(50)
	require.Eventually(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(seen) == total
	}, 30*time.Second, 10*time.Millisecond)
	stopB()
	for v, n := range seen {
		require.Equal(t, 1, n, v)
	}
}

// A handler that does not let go is left behind: the others go on without it, and its commit is refused.
func TestStaleGenerationIsFenced(t *testing.T) {
	t.Parallel()
	topic := topicName(t)
	cfg := testConfig(cluster.Brokers...)
	cfg.SessionTimeout, cfg.RebalanceTimeout = 2*time.Second, 2*time.Second
	zombie := open(t, cfg, Options{Topics: []string{topic}, Instance: "zombie"})
	require.NoError(t, zombie.Produce(t.Context(), topic, bus.Record{Value: []byte("a")}, bus.Record{Value: []byte("b")}))
	ctx, cancel := context.WithCancel(t.Context())
	var (
		decided, wake = make(chan error, 1), make(chan struct{})
		once          sync.Once
		stale         error
		ended         atomic.Bool
	)
	zombieDone := make(chan error, 1)
	go func() {
		zombieDone <- zombie.Consume(ctx, topic, func(ctx context.Context, p bus.Partition) error {
			err := error(nil)
			once.Do(func() {
				decided <- p.Commit(ctx, bus.Position{Offset: 0, Metadata: "1"})
				<-wake // It ignores the end of ctx.
				ended.Store(ctx.Err() != nil)
				err = p.Commit(context.WithoutCancel(ctx), bus.Position{Offset: 1, Metadata: "stale"})
				stale = err
			})
			if err == nil {
				<-ctx.Done()
			}
			return err
		})
	}()
	require.NoError(t, <-decided)
	heir := open(t, cfg, Options{Topics: []string{topic}, Instance: "heir"})
	heirCtx, stopHeir := context.WithCancel(t.Context())
	found, committed, heirDone := make(chan bus.Position, 1), make(chan error, 1), make(chan error, 1)
	var first sync.Once
	go func() {
		heirDone <- heir.Consume(heirCtx, topic, func(ctx context.Context, p bus.Partition) error {
			pos, err := p.Position(ctx)
			if err != nil {
				return err
			}
			first.Do(func() {
				found <- pos
				committed <- p.Commit(ctx, bus.Position{Offset: 2})
			})
			<-ctx.Done()
			return nil
		})
	}()
	// Which of the two gets the one partition is a matter of hashing; the zombie's member is gone, so now it is the heir.
	select {
	case err := <-committed:
		require.NoError(t, err)
		require.Equal(t, bus.Position{Offset: 0, Metadata: "1"}, <-found, "what the former owner decided before is seen")
	case <-time.After(30 * time.Second):
		t.Fatal("the heir did not get the partition")
	}
	close(wake)
	require.Eventually(t, func() bool {
		for _, s := range heir.Stats() {
			if s.Committed == 2 {
				return ended.Load()
			}
		}
		return false
	}, 20*time.Second, 10*time.Millisecond)
	cancel()
	require.NoError(t, <-zombieDone)
	require.ErrorIs(t, stale, bus.ErrFenced)
	stopHeir()
	require.NoError(t, <-heirDone)
}

// An error of the kind that ends a partition does not end Consume.
func TestConsumeGoesOn(t *testing.T) {
	t.Parallel()
	topic := topicName(t)
	b := open(t, testConfig(cluster.Brokers...), Options{Topics: []string{topic}})
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	require.NoError(t, b.Consume(ctx, topic, func(context.Context, bus.Partition) error {
		switch n++; n {
		case 1:
			return fmt.Errorf("commit: %w", bus.ErrFenced)
		case 2:
			return fmt.Errorf("commit: %w", bus.ErrUnavailable)
		default:
			cancel()
			return nil
		}
	}))
	require.Equal(t, 3, n)
}
