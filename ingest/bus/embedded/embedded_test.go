// SPDX-License-Identifier: Apache-2.0

package embedded

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/internal/dirlock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const topic = "strata.logs"

func open(t *testing.T, dir string, opts Options) *Bus {
	t.Helper()
	opts.Topics = []string{topic}
	b, err := Open(dir, opts)
	require.NoError(t, err)
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func value(i, size int) []byte {
	v := fmt.Appendf(nil, "record %d ", i)
	for len(v) < size {
		v = append(v, byte('a'+len(v)%7))
	}
	return v
}

// withPartition runs f as the owner of the topic's partition.
func withPartition(t *testing.T, b *Bus, f func(ctx context.Context, p bus.Partition)) {
	t.Helper()
	require.NoError(t, b.Consume(t.Context(), topic, func(ctx context.Context, p bus.Partition) error {
		f(ctx, p)
		return nil
	}))
}

// readAll fetches n messages from offset on.
func readAll(ctx context.Context, t *testing.T, p bus.Partition, offset int64, n int) []bus.Message {
	t.Helper()
	var out []bus.Message
	for len(out) < n {
		msgs, err := p.Fetch(ctx, offset, 64<<10)
		require.NoError(t, err)
		out = append(out, msgs...)
		offset = msgs[len(msgs)-1].Offset + 1
	}
	return out
}

func TestRoundTripOverSegmentsAndRestart(t *testing.T) {
	dir := t.TempDir()
	opts := Options{SegmentBytes: 32 << 10}
	b := open(t, dir, opts)
	const n = 500
	for i := range n {
		rec := bus.Record{Key: fmt.Appendf(nil, "k%d", i), Value: value(i, i*7), Headers: []bus.Header{{Key: "source", Value: "test"}, {Key: "empty"}}}
		require.NoError(t, b.Produce(t.Context(), topic, rec))
	}
	check := func(ctx context.Context, p bus.Partition) {
		for i, m := range readAll(ctx, t, p, 0, n) {
			require.Equal(t, int64(i), m.Offset)
			require.Equal(t, value(i, i*7), m.Value)
			require.Equal(t, fmt.Sprintf("k%d", i), string(m.Key))
			require.Equal(t, []bus.Header{{Key: "source", Value: "test"}, {Key: "empty"}}, m.Headers)
			require.WithinDuration(t, time.Now(), m.Time, time.Minute)
		}
		some := readAll(ctx, t, p, 321, 10) // A jump, then back.
		require.Equal(t, int64(321), some[0].Offset)
		require.Equal(t, int64(7), readAll(ctx, t, p, 7, 1)[0].Offset)
	}
	withPartition(t, b, check)
	require.NoError(t, b.Close())
	withPartition(t, open(t, dir, opts), check)
}

func TestConcurrentProducersShareSyncsAndKeepEveryRecordOnce(t *testing.T) {
	b := open(t, t.TempDir(), Options{SegmentBytes: 64 << 10})
	const producers, each = 16, 50
	var wg sync.WaitGroup
	for w := range producers {
		wg.Go(func() {
			for i := range each {
				require.NoError(t, b.Produce(context.Background(), topic, bus.Record{Value: fmt.Appendf(nil, "%d/%d", w, i)}))
			}
		})
	}
	wg.Wait()
	withPartition(t, b, func(ctx context.Context, p bus.Partition) {
		seen := map[string]bool{}
		for _, m := range readAll(ctx, t, p, 0, producers*each) {
			require.False(t, seen[string(m.Value)], "twice: %s", m.Value)
			seen[string(m.Value)] = true
		}
		require.Len(t, seen, producers*each)
	})
}

func TestFetchWaitsForTheNextRecord(t *testing.T) {
	b := open(t, t.TempDir(), Options{})
	withPartition(t, b, func(ctx context.Context, p bus.Partition) {
		short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
		_, err := p.Fetch(short, 0, 1)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		go func() { _ = b.Produce(ctx, topic, bus.Record{Value: []byte("x")}) }()
		require.Equal(t, "x", string(readAll(ctx, t, p, 0, 1)[0].Value))
	})
}

func TestPositionSurvivesAndTrimsOnlyBehindIt(t *testing.T) {
	dir := t.TempDir()
	opts := Options{SegmentBytes: 4 << 10}
	b := open(t, dir, opts)
	for i := range 100 {
		v := make([]byte, 500)
		for j := range v {
			v[j] = byte(rand.IntN(256))
		}
		require.NoError(t, b.Produce(t.Context(), topic, bus.Record{Key: fmt.Appendf(nil, "%d", i), Value: v}))
	}
	withPartition(t, b, func(ctx context.Context, p bus.Partition) {
		pos, err := p.Position(ctx)
		require.NoError(t, err)
		require.Equal(t, bus.Position{}, pos)
		require.NoError(t, p.Commit(ctx, bus.Position{Offset: 50, Metadata: "59"}))
		require.Equal(t, int64(50), readAll(ctx, t, p, 50, 1)[0].Offset)
		_, err = p.Fetch(ctx, 0, 1)
		require.ErrorContains(t, err, "trimmed")
		require.ErrorContains(t, p.Commit(ctx, bus.Position{Offset: 10}), "position is at 50")
		require.ErrorContains(t, p.Commit(ctx, bus.Position{Offset: 101}), "the log ends at 100")
	})
	st := b.Stats()[0]
	require.Positive(t, st.First)
	require.LessOrEqual(t, st.First, int64(50))
	require.Equal(t, int64(100), st.Next)
	require.False(t, st.Oldest.IsZero())
	require.NoError(t, b.Close())

	b = open(t, dir, opts)
	withPartition(t, b, func(ctx context.Context, p bus.Partition) {
		pos, err := p.Position(ctx)
		require.NoError(t, err)
		require.Equal(t, bus.Position{Offset: 50, Metadata: "59"}, pos)
		require.NoError(t, p.Commit(ctx, bus.Position{Offset: 100}))
	})
	require.LessOrEqual(t, b.Stats()[0].Bytes, int64(8<<10))
	require.True(t, b.Stats()[0].Oldest.IsZero())
}

func TestPositionSurvivesATornSlot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "position")
	p, err := openPosition(osDisk{}, path, true)
	require.NoError(t, err)
	require.NoError(t, p.commit(bus.Position{Offset: 7, Metadata: "a"}))
	require.NoError(t, p.commit(bus.Position{Offset: 8, Metadata: "b"}))
	_, err = p.f.WriteAt([]byte("torn"), 0+20) // Slot 0 holds sequence 2.
	require.NoError(t, err)
	require.NoError(t, p.f.Close())
	p, err = openPosition(osDisk{}, path, true)
	require.NoError(t, err)
	require.Equal(t, bus.Position{Offset: 7, Metadata: "a"}, p.pos)
	_, err = p.f.WriteAt([]byte("torn"), slotSize+20)
	require.NoError(t, err)
	require.NoError(t, p.f.Close())
	_, err = openPosition(osDisk{}, path, true)
	require.ErrorContains(t, err, "neither slot")
}

func TestFullRefusesAndRecoversWhenTrimmed(t *testing.T) {
	b := open(t, t.TempDir(), Options{LimitBytes: 64 << 10, SegmentBytes: 1 << 30})
	v := make([]byte, 3000)
	for i := range v {
		v[i] = byte(rand.IntN(256))
	}
	n := int64(0)
	var err error
	for err == nil {
		if err = b.Produce(t.Context(), topic, bus.Record{Value: v}); err == nil {
			n++
		}
	}
	require.ErrorIs(t, err, bus.ErrFull)
	require.Greater(t, n, int64(15))
	require.ErrorIs(t, b.Produce(t.Context(), topic, bus.Record{Value: append(make([]byte, 0), randomBytes(80<<10)...)}), bus.ErrTooLarge)
	withPartition(t, b, func(ctx context.Context, p bus.Partition) {
		require.NoError(t, p.Commit(ctx, bus.Position{Offset: n}))
	})
	require.NoError(t, b.Produce(t.Context(), topic, bus.Record{Value: v}))
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.IntN(256))
	}
	return b
}

func TestTornTailIsCutAtEveryLength(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir, Options{})
	for i := range 3 {
		require.NoError(t, b.Produce(t.Context(), topic, bus.Record{Value: value(i, 60)}))
	}
	require.NoError(t, b.Close())
	seg := segmentPath(filepath.Join(dir, topic), 0)
	data, err := os.ReadFile(seg)
	require.NoError(t, err)
	frame := (len(data) - segmentHeaderLen) / 3
	for cut := len(data) - frame; cut < len(data); cut++ {
		require.NoError(t, os.WriteFile(seg, data[:cut], 0o600))
		b := open(t, dir, Options{})
		require.Equal(t, int64(2), b.Stats()[0].Next, "cut at %d", cut)
		require.NoError(t, b.Produce(t.Context(), topic, bus.Record{Value: []byte("after")}))
		withPartition(t, b, func(ctx context.Context, p bus.Partition) {
			msgs := readAll(ctx, t, p, 0, 3)
			require.Equal(t, "after", string(msgs[2].Value))
		})
		require.NoError(t, b.Close())
	}
}

func TestBitFlipLosesOnlyItsRecord(t *testing.T) {
	for _, at := range []int{0, 2, 5, 9, 20, 40} { // Length, checksum, offset, and the value.
		dir := t.TempDir()
		b := open(t, dir, Options{})
		for i := range 5 {
			require.NoError(t, b.Produce(t.Context(), topic, bus.Record{Value: value(i, 60)}))
		}
		require.NoError(t, b.Close())
		seg := segmentPath(filepath.Join(dir, topic), 0)
		data, err := os.ReadFile(seg)
		require.NoError(t, err)
		frame := (len(data) - segmentHeaderLen) / 5
		data[segmentHeaderLen+2*frame+at] ^= 0x40
		require.NoError(t, os.WriteFile(seg, data, 0o600))

		b = open(t, dir, Options{})
		require.Equal(t, int64(1), b.logs[topic].damaged, "flip at %d", at)
		withPartition(t, b, func(ctx context.Context, p bus.Partition) {
			var got []int64
			for _, m := range readAll(ctx, t, p, 0, 4) {
				got = append(got, m.Offset)
			}
			require.Equal(t, []int64{0, 1, 3, 4}, got, "flip at %d", at)
		})
		require.NoError(t, b.Close())
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, Options{})
	_, err := Open(dir, Options{Topics: []string{topic}})
	require.ErrorIs(t, err, dirlock.ErrLocked)
	require.ErrorContains(t, err, strconv.Itoa(os.Getpid()))
}

// badDisk fails on demand.
type badDisk struct {
	osDisk
	write, sync, position *error
}

func (d badDisk) open(path string) (file, error) {
	f, err := d.osDisk.open(path)
	return badFile{f, d}, err
}

func (d badDisk) openSlots(path string) (slots, error) {
	f, err := d.osDisk.openSlots(path)
	return badSlots{f, d}, err
}

type badSlots struct {
	slots
	badDisk
}

func (d badSlots) WriteAt(b []byte, at int64) (int, error) {
	if *d.write != nil {
		n, _ := d.slots.WriteAt(b[:len(b)/2], at)
		return n, *d.write
	}
	return d.slots.WriteAt(b, at)
}

func (d badSlots) Datasync() error {
	if *d.position != nil {
		return *d.position
	}
	return d.slots.Datasync()
}

type badFile struct {
	file
	badDisk
}

func newBadDisk() badDisk { return badDisk{write: new(error), sync: new(error), position: new(error)} }

func (d badFile) Write(b []byte) (int, error) {
	if *d.write != nil {
		n, _ := d.file.Write(b[:len(b)/2]) // A full disk takes a part first.
		return n, *d.write
	}
	return d.file.Write(b)
}

func (d badFile) Datasync() error {
	if *d.sync != nil {
		return *d.sync
	}
	return d.file.Datasync()
}

func TestDiskFullIsUndoneAndRecovers(t *testing.T) {
	d := newBadDisk()
	b := open(t, t.TempDir(), Options{disk: d})
	require.NoError(t, b.Produce(t.Context(), topic, bus.Record{Value: []byte("one")}))
	*d.write = errors.New("no space left on device")
	require.ErrorIs(t, b.Produce(t.Context(), topic, bus.Record{Value: []byte("two")}), bus.ErrUnavailable)
	require.ErrorContains(t, b.Err(), "no space left")
	*d.write = nil
	require.NoError(t, b.Produce(t.Context(), topic, bus.Record{Value: []byte("three")}))
	require.NoError(t, b.Err())
	withPartition(t, b, func(ctx context.Context, p bus.Partition) {
		msgs := readAll(ctx, t, p, 0, 2)
		require.Equal(t, "three", string(msgs[1].Value))
	})
}

// A commit that a full disk refuses ends the handler, and the partition is handed out again from the position before it.
func TestCommitOnAFullDiskIsHandedOutAgain(t *testing.T) {
	d := newBadDisk()
	b := open(t, t.TempDir(), Options{disk: d})
	for range 3 {
		require.NoError(t, b.Produce(t.Context(), topic, bus.Record{Value: []byte("x")}))
	}
	withPartition(t, b, func(ctx context.Context, p bus.Partition) { require.NoError(t, p.Commit(ctx, bus.Position{Offset: 1})) })
	times := 0
	require.NoError(t, b.Consume(t.Context(), topic, func(ctx context.Context, p bus.Partition) error {
		times++
		pos, err := p.Position(ctx)
		require.NoError(t, err)
		require.Equal(t, int64(1), pos.Offset)
		*d.write = nil
		if times == 1 {
			*d.write = errors.New("no space left on device")
		}
		err = p.Commit(ctx, bus.Position{Offset: 2})
		if times == 1 {
			require.ErrorIs(t, err, bus.ErrUnavailable)
			return fmt.Errorf("commit: %w", err)
		}
		return err
	}))
	require.Equal(t, 2, times)
	require.NoError(t, b.Err())
}

func TestFailedSyncStopsAcknowledgingForGood(t *testing.T) {
	for name, which := range map[string]func(badDisk) *error{"segment": func(d badDisk) *error { return d.sync }, "position": func(d badDisk) *error { return d.position }} {
		t.Run(name, func(t *testing.T) {
			d := newBadDisk()
			b := open(t, t.TempDir(), Options{disk: d})
			require.NoError(t, b.Produce(t.Context(), topic, bus.Record{Value: []byte("before")}))
			*which(d) = errors.New("input/output error")
			ctx, cancel := context.WithCancel(t.Context())
			consumed := make(chan error, 1)
			go func() {
				consumed <- b.Consume(ctx, topic, func(ctx context.Context, p bus.Partition) error { return p.Commit(ctx, bus.Position{Offset: 1}) })
			}()
			if name == "segment" {
				require.ErrorIs(t, b.Produce(t.Context(), topic, bus.Record{Value: []byte("x")}), bus.ErrFailed)
			} else {
				require.Eventually(t, func() bool { return errors.Is(b.Err(), bus.ErrFailed) }, 10*time.Second, time.Millisecond)
			}
			*which(d) = nil // A second sync would succeed, and lie.
			require.ErrorIs(t, b.Produce(t.Context(), topic, bus.Record{Value: []byte("y")}), bus.ErrFailed)
			require.ErrorIs(t, b.Err(), bus.ErrFailed)
			cancel()
			require.NoError(t, <-consumed)
			withPartition(t, b, func(ctx context.Context, p bus.Partition) {
				require.Equal(t, "before", string(readAll(ctx, t, p, 0, 1)[0].Value), "what is there can be read")
			})
		})
	}
}

func FuzzScan(f *testing.F) {
	rec := bus.Record{Key: []byte("k"), Value: value(1, 300), Headers: []bus.Header{{Key: "a", Value: "b"}}}
	frame, _ := encodeFrame(nil, &rec, time.Unix(1, 0))
	sealFrame(frame, 0, crcTable())
	f.Add(frame)
	f.Add(append(append([]byte{1, 2, 3}, frame...), frame[:9]...))
	f.Fuzz(func(t *testing.T, data []byte) {
		last := int64(-1)
		scanFrames(data, 0, crcTable(), func(_ int64, frame []byte, offset int64) {
			require.Greater(t, offset, last)
			last = offset
			_, _ = decodeFrame(frame)
		})
	})
}
