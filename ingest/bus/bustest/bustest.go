// SPDX-License-Identifier: Apache-2.0

// Package bustest is the conformance suite of ingest/bus: what every bus must do, run against each of them by their own tests.
package bustest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/ingest/bus"
)

// Bus is all that a bus does.
type Bus interface {
	bus.Producer
	bus.Consumer
	bus.Inspector
}

// Target is the bus under test.
type Target struct {
	// Open opens a bus with the topics, which may exist already; what was produced and committed earlier in the same test must be there
	// again. The suite closes it.
	Open func(t *testing.T, topics ...string) (b Bus, closeBus func())
	// TooLarge is the size of a random value that must be refused with bus.ErrTooLarge, Large that of one that must pass.
	TooLarge, Large int
	// Gap is a time after which an idle Fetch has surely begun to wait.
	Gap time.Duration
}

const patience = 30 * time.Second

// Run runs the suite. Every case uses a topic of its own with one partition.
func Run(t *testing.T, target Target) {
	t.Helper()
	cases := []struct {
		name string
		run  func(*testing.T, *fixture)
	}{
		{"produced records come back in order", testOrder},
		{"keys, headers and empty values survive", testFields},
		{"fetch gives at most maxBytes but at least one", testMaxBytes},
		{"fetch again from an earlier offset", testFetchAgain},
		{"a partition never committed starts at its first offset", testNeverCommitted},
		{"commit and metadata survive a reopen", testCommitSurvives},
		{"uncommitted records are read again", testUncommitted},
		{"fetch waits for a record", testFetchWaits},
		{"fetch ends with its context", testFetchEnds},
		{"a deadline that passes loses nothing", testDeadline},
		{"large records", testLarge},
		{"a record over the limit", testTooLarge},
		{"concurrent producers", testConcurrent},
		{"an unknown topic", testUnknownTopic},
		{"an ended context", testEndedContext},
		{"an error of the handler ends Consume", testHandlerError},
		{"stats", testStats},
	}
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := &fixture{Target: target, topic: fmt.Sprintf("bustest.%d.%d", i, rand.Uint32())} //nolint:gosec // A name.
			f.reopen(t)
			t.Cleanup(func() { f.close() })
			c.run(t, f)
		})
	}
}

type fixture struct {
	Target
	topic string
	bus   Bus
	close func()
}

func (f *fixture) reopen(t *testing.T) {
	t.Helper()
	if f.close != nil {
		f.close()
	}
	f.bus, f.close = f.Open(t, f.topic)
}

func (f *fixture) produce(t *testing.T, values ...string) {
	t.Helper()
	recs := make([]bus.Record, 0, len(values))
	for _, v := range values {
		recs = append(recs, bus.Record{Key: []byte("k"), Value: []byte(v)})
	}
	require.NoError(t, f.bus.Produce(t.Context(), f.topic, recs...))
}

// consume runs handle over the one partition and waits for its end.
func (f *fixture) consume(t *testing.T, handle func(context.Context, bus.Partition) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ran := false
	require.NoError(t, f.bus.Consume(ctx, f.topic, func(ctx context.Context, p bus.Partition) error {
		defer cancel()
		ran = true
		return handle(ctx, p)
	}))
	require.True(t, ran, "no partition was handed out in %s", patience)
}

// read fetches n messages from offset on.
func read(ctx context.Context, t *testing.T, p bus.Partition, offset int64, n int) []bus.Message {
	t.Helper()
	var out []bus.Message
	for len(out) < n {
		msgs, err := p.Fetch(ctx, offset, 1<<20)
		require.NoError(t, err)
		require.NotEmpty(t, msgs)
		out = append(out, msgs...)
		offset = msgs[len(msgs)-1].Offset + 1
	}
	require.Len(t, out, n)
	return out
}

func values(msgs []bus.Message) []string {
	out := make([]string, 0, len(msgs))
	for _, m := range msgs {
		out = append(out, string(m.Value))
	}
	return out
}

func numbers(from, to int) []string {
	var out []string
	for i := from; i < to; i++ {
		out = append(out, strconv.Itoa(i))
	}
	return out
}

func position(ctx context.Context, t *testing.T, p bus.Partition) bus.Position {
	t.Helper()
	pos, err := p.Position(ctx)
	require.NoError(t, err)
	return pos
}

func random(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(b)
	return b
}

func testOrder(t *testing.T, f *fixture) {
	t.Helper()
	f.produce(t, numbers(0, 50)...)
	for _, v := range numbers(50, 60) {
		f.produce(t, v)
	}
	f.consume(t, func(ctx context.Context, p bus.Partition) error {
		msgs := read(ctx, t, p, position(ctx, t, p).Offset, 60)
		require.Equal(t, numbers(0, 60), values(msgs))
		for i, m := range msgs {
			require.WithinDuration(t, time.Now(), m.Time, time.Minute)
			if i > 0 {
				require.Greater(t, m.Offset, msgs[i-1].Offset)
			}
		}
		require.Contains(t, p.Name(), f.topic+"-0")
		return nil
	})
}

func testFields(t *testing.T, f *fixture) {
	t.Helper()
	recs := []bus.Record{
		{Key: []byte{0, 255}, Value: []byte("v"), Headers: []bus.Header{{Key: "a", Value: "1"}, {Key: "a", Value: "2"}, {Key: "b", Value: "ü\x00"}}},
		{Key: []byte("k"), Value: []byte{}},
		{Value: []byte("no key")},
	}
	require.NoError(t, f.bus.Produce(t.Context(), f.topic, recs...))
	f.consume(t, func(ctx context.Context, p bus.Partition) error {
		for i, m := range read(ctx, t, p, position(ctx, t, p).Offset, len(recs)) {
			require.True(t, bytes.Equal(recs[i].Key, m.Key), "key of %d: %q", i, m.Key)
			require.True(t, bytes.Equal(recs[i].Value, m.Value), "value of %d: %q", i, m.Value)
			require.Equal(t, recs[i].Headers, m.Headers)
		}
		return nil
	})
}

func testMaxBytes(t *testing.T, f *fixture) {
	t.Helper()
	f.produce(t, "aaaa", "bbbb", "cccc", "dddd")
	f.consume(t, func(ctx context.Context, p bus.Partition) error {
		first := position(ctx, t, p).Offset
		read(ctx, t, p, first, 4)
		for _, c := range []struct{ maxBytes, want int }{{-5, 1}, {0, 1}, {1, 1}, {4, 1}, {8, 2}} {
			msgs, err := p.Fetch(ctx, first, c.maxBytes)
			require.NoError(t, err)
			require.NotEmpty(t, msgs)
			require.LessOrEqual(t, len(msgs), max(c.want, 1), "maxBytes %d", c.maxBytes)
		}
		return nil
	})
}

func testFetchAgain(t *testing.T, f *fixture) {
	t.Helper()
	f.produce(t, numbers(0, 20)...)
	f.consume(t, func(ctx context.Context, p bus.Partition) error {
		msgs := read(ctx, t, p, position(ctx, t, p).Offset, 20)
		for _, i := range []int{19, 0, 7, 3} {
			again, err := p.Fetch(ctx, msgs[i].Offset, 1<<20)
			require.NoError(t, err)
			require.Equal(t, values(msgs[i:])[:len(again)], values(again))
		}
		return nil
	})
}

func testNeverCommitted(t *testing.T, f *fixture) {
	t.Helper()
	f.produce(t, "a", "b")
	f.consume(t, func(ctx context.Context, p bus.Partition) error {
		pos := position(ctx, t, p)
		require.Empty(t, pos.Metadata)
		require.Equal(t, []string{"a", "b"}, values(read(ctx, t, p, pos.Offset, 2)))
		return nil
	})
}

func testCommitSurvives(t *testing.T, f *fixture) {
	t.Helper()
	f.produce(t, numbers(0, 10)...)
	var want bus.Position
	var name string
	for i, metadata := range []string{"17", "", "a longer note: 12345678901234567890"} {
		f.consume(t, func(ctx context.Context, p bus.Partition) error {
			pos := position(ctx, t, p)
			if i == 0 {
				want, name = pos, p.Name()
			}
			require.Equal(t, want, pos)
			require.Equal(t, name, p.Name())
			want = bus.Position{Offset: pos.Offset + 2, Metadata: metadata}
			require.NoError(t, p.Commit(ctx, want))
			require.Equal(t, want, position(ctx, t, p))
			return nil
		})
		f.reopen(t)
	}
	f.consume(t, func(ctx context.Context, p bus.Partition) error {
		require.Equal(t, want, position(ctx, t, p))
		require.Equal(t, name, p.Name())
		return nil
	})
}

func testUncommitted(t *testing.T, f *fixture) {
	t.Helper()
	f.produce(t, numbers(0, 10)...)
	f.consume(t, func(ctx context.Context, p bus.Partition) error {
		msgs := read(ctx, t, p, position(ctx, t, p).Offset, 10)
		return p.Commit(ctx, bus.Position{Offset: msgs[4].Offset + 1})
	})
	for range 2 {
		f.consume(t, func(ctx context.Context, p bus.Partition) error {
			require.Equal(t, numbers(5, 10), values(read(ctx, t, p, position(ctx, t, p).Offset, 5)))
			return nil
		})
		f.reopen(t)
	}
}

func testFetchWaits(t *testing.T, f *fixture) {
	t.Helper()
	f.consume(t, func(ctx context.Context, p bus.Partition) error {
		var wg sync.WaitGroup
		wg.Go(func() {
			select {
			case <-ctx.Done():
			case <-time.After(f.Gap):
			}
			if err := f.bus.Produce(ctx, f.topic, bus.Record{Value: []byte("late")}); err != nil {
				t.Errorf("produce: %v", err)
			}
		})
		require.Equal(t, []string{"late"}, values(read(ctx, t, p, position(ctx, t, p).Offset, 1)))
		wg.Wait()
		return nil
	})
}

func testFetchEnds(t *testing.T, f *fixture) {
	t.Helper()
	f.consume(t, func(ctx context.Context, p bus.Partition) error {
		pos := position(ctx, t, p)
		end, cancel := context.WithCancel(ctx)
		stop := time.AfterFunc(f.Gap, cancel)
		defer stop.Stop()
		_, err := p.Fetch(end, pos.Offset, 1<<20)
		require.ErrorIs(t, err, context.Canceled)
		return nil
	})
}

func testDeadline(t *testing.T, f *fixture) {
	t.Helper()
	f.consume(t, func(ctx context.Context, p bus.Partition) error {
		offset := position(ctx, t, p).Offset
		var got []string
		var wg sync.WaitGroup
		wg.Go(func() {
			for _, v := range numbers(0, 20) {
				if err := f.bus.Produce(ctx, f.topic, bus.Record{Value: []byte(v)}); err != nil {
					t.Errorf("produce: %v", err)
				}
			}
		})
		for len(got) < 20 {
			short, cancel := context.WithTimeout(ctx, 3*time.Millisecond)
			msgs, err := p.Fetch(short, offset, 1<<20)
			cancel()
			require.NoError(t, ctx.Err())
			if err != nil {
				require.ErrorIs(t, err, context.DeadlineExceeded)
				continue
			}
			got = append(got, values(msgs)...)
			offset = msgs[len(msgs)-1].Offset + 1
		}
		wg.Wait()
		require.Equal(t, numbers(0, 20), got)
		return nil
	})
}

func testLarge(t *testing.T, f *fixture) {
	t.Helper()
	want := [][]byte{random(f.Large), bytes.Repeat([]byte("x"), f.Large), random(f.Large / 2), {}, random(f.Large)}
	var recs []bus.Record
	for _, v := range want {
		recs = append(recs, bus.Record{Value: v, Key: []byte("k")})
	}
	require.NoError(t, f.bus.Produce(t.Context(), f.topic, recs...))
	f.consume(t, func(ctx context.Context, p bus.Partition) error {
		for i, m := range read(ctx, t, p, position(ctx, t, p).Offset, len(want)) {
			require.True(t, bytes.Equal(want[i], m.Value), "record %d of %d bytes came back with %d", i, len(want[i]), len(m.Value))
		}
		return nil
	})
}

func testTooLarge(t *testing.T, f *fixture) {
	t.Helper()
	require.ErrorIs(t, f.bus.Produce(t.Context(), f.topic, bus.Record{Value: random(f.TooLarge)}), bus.ErrTooLarge)
	f.produce(t, "the next one")
	f.consume(t, func(ctx context.Context, p bus.Partition) error {
		require.Equal(t, []string{"the next one"}, values(read(ctx, t, p, position(ctx, t, p).Offset, 1)))
		return nil
	})
}

func testConcurrent(t *testing.T, f *fixture) {
	t.Helper()
	const producers, each = 8, 40
	var wg sync.WaitGroup
	for n := range producers {
		wg.Go(func() {
			for i := range each {
				if err := f.bus.Produce(t.Context(), f.topic, bus.Record{Value: fmt.Appendf(nil, "%d/%d", n, i)}); err != nil {
					t.Errorf("produce: %v", err)
				}
			}
		})
	}
	wg.Wait()
	f.consume(t, func(ctx context.Context, p bus.Partition) error {
		next := map[int]int{}
		for _, m := range read(ctx, t, p, position(ctx, t, p).Offset, producers*each) {
			var n, i int
			_, err := fmt.Sscanf(string(m.Value), "%d/%d", &n, &i)
			require.NoError(t, err)
			require.Equal(t, next[n], i, "producer %d: each of its records once and in order", n)
			next[n]++
		}
		return nil
	})
}

func testUnknownTopic(t *testing.T, f *fixture) {
	t.Helper()
	require.Error(t, f.bus.Produce(t.Context(), "bustest.unknown", bus.Record{Value: []byte("v")}))
	require.Error(t, f.bus.Consume(t.Context(), "bustest.unknown", func(context.Context, bus.Partition) error { return nil }))
}

func testEndedContext(t *testing.T, f *fixture) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, f.bus.Produce(ctx, f.topic, bus.Record{Value: []byte("v")}), context.Canceled)
}

func testHandlerError(t *testing.T, f *fixture) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err := f.bus.Consume(ctx, f.topic, func(context.Context, bus.Partition) error { return errHandler })
	require.ErrorIs(t, err, errHandler)
	require.NoError(t, ctx.Err())
}

var errHandler = errors.New("the handler gives up")

func testStats(t *testing.T, f *fixture) {
	t.Helper()
	f.produce(t, numbers(0, 7)...)
	f.consume(t, func(ctx context.Context, p bus.Partition) error {
		msgs := read(ctx, t, p, position(ctx, t, p).Offset, 7)
		return p.Commit(ctx, bus.Position{Offset: msgs[3].Offset})
	})
	require.Eventually(t, func() bool {
		stats := f.bus.Stats()
		if len(stats) != 1 || f.bus.Err() != nil {
			return false
		}
		s := stats[0]
		return s.Topic == f.topic && s.Partition == 0 && s.Next-s.Committed == 4 && s.First <= s.Committed &&
			!s.Oldest.IsZero() && time.Since(s.Oldest) < time.Minute
	}, patience, 20*time.Millisecond, "%+v %v", f.bus.Stats(), f.bus.Err())
}
