// SPDX-License-Identifier: Apache-2.0

package embedded

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/internal/testutil/seedtest"
)

var errPower = errors.New("the power is off")

// cutDisk passes everything on to the real disk and remembers what of it was synced. After a number of operations the power goes off:
// every later one fails, and restore writes what a disk would hold then: all that was synced, and of the rest whatever chance leaves,
// in any order, with pages of zeros where the length was written and the bytes were not.
type cutDisk struct {
	osDisk
	random *rand.Rand
	left   int
	files  map[string]*cutFile
	// names are those that the synced directory has; the rest of the changes may or may not be there.
	names map[string]bool
}

// cutFile is the content of a file as the disk surely has it, and what was written since.
type cutFile struct {
	synced, now []byte
}

// newCutDisk is the disk with what a former life left in dir.
func newCutDisk(t *testing.T, dir string, random *rand.Rand, operations int) *cutDisk {
	t.Helper()
	d := &cutDisk{random: random, left: operations, files: map[string]*cutFile{}, names: map[string]bool{}}
	paths, err := filepath.Glob(filepath.Join(dir, topic, "*"))
	require.NoError(t, err)
	for _, path := range paths {
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		d.files[path], d.names[path] = &cutFile{synced: b, now: append([]byte(nil), b...)}, true
	}
	return d
}

// step says whether the power is still there for one more operation.
func (d *cutDisk) step() error {
	if d.left--; d.left < 0 {
		return errPower
	}
	return nil
}

// known returns the file at path, a new one where there is none.
func (d *cutDisk) known(path string) *cutFile {
	if d.files[path] == nil {
		d.files[path] = &cutFile{}
	}
	return d.files[path]
}

func (d *cutDisk) open(path string) (file, error) {
	if err := d.step(); err != nil {
		return nil, err
	}
	c := d.known(path)
	f, err := d.osDisk.open(path)
	return &cutSegment{file: f, d: d, c: c}, err
}

func (d *cutDisk) openSlots(path string) (slots, error) {
	if err := d.step(); err != nil {
		return nil, err
	}
	c := d.known(path)
	f, err := d.osDisk.openSlots(path)
	return &cutSlots{slots: f, d: d, c: c}, err
}

func (d *cutDisk) remove(path string) error {
	if err := d.step(); err != nil {
		return err
	}
	return d.osDisk.remove(path)
}

func (d *cutDisk) syncDir(dir string) error {
	if err := d.step(); err != nil {
		return err
	}
	maps.DeleteFunc(d.names, func(path string, _ bool) bool { return filepath.Dir(path) == dir })
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		d.names[filepath.Join(dir, e.Name())] = true
	}
	return err
}

func (d *cutDisk) sync(c *cutFile) error {
	if err := d.step(); err != nil {
		return err
	}
	c.synced = append([]byte(nil), c.now...)
	return nil
}

type cutSegment struct {
	file
	d *cutDisk
	c *cutFile
}

func (f *cutSegment) Write(b []byte) (int, error) {
	if err := f.d.step(); err != nil {
		n := f.d.random.IntN(len(b) + 1) // The last write may get through in part.
		f.c.now = append(f.c.now, b[:n]...)
		return 0, err
	}
	f.c.now = append(f.c.now, b...)
	return f.file.Write(b)
}

func (f *cutSegment) Truncate(size int64) error {
	if err := f.d.step(); err != nil {
		return err
	}
	f.c.now = f.c.now[:min(size, int64(len(f.c.now)))]
	return f.file.Truncate(size)
}

func (f *cutSegment) Datasync() error { return f.d.sync(f.c) }

type cutSlots struct {
	slots
	d *cutDisk
	c *cutFile
}

func (f *cutSlots) WriteAt(b []byte, at int64) (int, error) {
	if missing := int(at) + len(b) - len(f.c.now); missing > 0 {
		f.c.now = append(f.c.now, make([]byte, missing)...)
	}
	if err := f.d.step(); err != nil {
		copy(f.c.now[at:], b[:f.d.random.IntN(len(b)+1)])
		return 0, err
	}
	copy(f.c.now[at:], b)
	return f.slots.WriteAt(b, at)
}

func (f *cutSlots) Datasync() error { return f.d.sync(f.c) }

// restore writes into dir what the disk holds after the cut of what was in from.
func (d *cutDisk) restore(from, dir string) error {
	for path, c := range d.files {
		_, err := os.Stat(path)
		exists := err == nil
		if exists != d.names[path] && d.random.IntN(2) == 0 {
			exists = !exists // Created or removed since the directory was synced.
		}
		if !exists {
			continue
		}
		to := filepath.Join(dir, path[len(from):])
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return fmt.Errorf("restore: %w", err)
		}
		if err := os.WriteFile(to, d.survives(c), 0o600); err != nil {
			return fmt.Errorf("restore: %w", err)
		}
	}
	return nil
}

// survives is the content of one file: each page of 512 bytes that changed since the sync is there, or as it was before.
func (d *cutDisk) survives(c *cutFile) []byte {
	size := len(c.synced)
	if len(c.now) != size && d.random.IntN(3) > 0 { // The length is written on its own.
		size = min(size, len(c.now)) + d.random.IntN(max(len(c.now), size)-min(len(c.now), size)+1)
	}
	out := make([]byte, size)
	copy(out, c.synced)
	for at := 0; at < size; at += 512 {
		if end := min(at+512, size, len(c.now)); at < end && d.random.IntN(2) == 0 {
			copy(out[at:end], c.now[at:end])
		}
	}
	return out
}

// told is what the outside was told.
type told struct {
	acked     map[int64]string // by offset
	committed int64            // the last commit that was answered
	next      int              // number of the next record
	seed      uint64
}

// live opens the bus in dir on a disk that will lose power and uses it until then.
func (w *told) live(t *testing.T, dir string, d *cutDisk, random *rand.Rand) {
	t.Helper()
	acking := map[string]bool{}
	b, err := Open(dir, Options{
		Topics: []string{topic}, SegmentBytes: 2 << 10, LimitBytes: 1 << 20, disk: d,
		OnDurable: func(_ string, offset int64, h []bus.Header) {
			if acking[h[0].Value] {
				w.acked[offset] = h[0].Value
			}
		},
	})
	if err != nil {
		require.ErrorIs(t, err, errPower)
		return
	}
	defer func() { _ = b.Close() }()
	require.NoError(t, w.verify(b), "STRATA_TEST_SEED=%d", w.seed)
	for d.left >= 0 {
		recs := make([]bus.Record, 1+random.IntN(3))
		names := make([]string, len(recs))
		for i := range recs {
			names[i] = strconv.Itoa(w.next)
			w.next++
			acking[names[i]] = true
			recs[i] = bus.Record{Value: randomText(random, 400), Headers: []bus.Header{{Key: "n", Value: names[i]}}}
		}
		before := len(w.acked)
		if err := b.Produce(context.Background(), topic, recs...); err != nil {
			require.Len(t, w.acked, before, "durable and yet not acknowledged")
			require.NotErrorIs(t, err, bus.ErrFull)
		}
		if random.IntN(3) == 0 {
			_ = b.Consume(context.Background(), topic, func(ctx context.Context, p bus.Partition) error {
				pos, err := p.Position(ctx)
				require.NoError(t, err)
				pos.Offset += random.Int64N(b.Stats()[0].Next - pos.Offset + 1)
				if p.Commit(ctx, pos) == nil {
					w.committed = pos.Offset
				}
				return nil
			})
		}
	}
}

// verify reads the log: what was acknowledged and is behind the position must be there once, at its offset.
func (w *told) verify(b *Bus) error {
	return b.Consume(context.Background(), topic, func(ctx context.Context, p bus.Partition) error {
		pos, err := p.Position(ctx)
		if err != nil {
			return err
		}
		if pos.Offset < w.committed {
			return fmt.Errorf("the position is at %d, %d was committed", pos.Offset, w.committed)
		}
		next, got, seen := b.Stats()[0].Next, map[int64]string{}, map[string]int64{}
		for at := pos.Offset; at < next; {
			msgs, err := p.Fetch(ctx, at, 1<<20)
			if err != nil {
				return fmt.Errorf("fetch at %d of %d: %w", at, next, err)
			}
			for _, m := range msgs {
				n := m.Headers[0].Value
				if before, twice := seen[n]; twice {
					return fmt.Errorf("record %s is at %d and at %d", n, before, m.Offset)
				}
				seen[n], got[m.Offset] = m.Offset, n
				at = m.Offset + 1
			}
		}
		for offset, n := range w.acked {
			if offset >= pos.Offset && got[offset] != n {
				return fmt.Errorf("record %s was acknowledged at %d, and %q is there; position %d, end %d", n, offset, got[offset], pos.Offset, next)
			}
		}
		return nil
	})
}

func randomText(random *rand.Rand, most int) []byte {
	b := make([]byte, random.IntN(most))
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}

// TestPowerCut cuts the power again and again at a random operation of the disk, five lives of one log per seed.
func TestPowerCut(t *testing.T) {
	for _, seed := range seedtest.Seeds(t, 150, 10_000) {
		random := rand.New(rand.NewPCG(seed, 0))
		w := &told{acked: map[int64]string{}, seed: seed}
		dir := t.TempDir()
		for life := range 5 {
			in := filepath.Join(dir, strconv.Itoa(life))
			operations := random.IntN(200)
			if random.IntN(3) == 0 {
				operations = random.IntN(10) // While the log is opened.
			}
			d := newCutDisk(t, in, random, operations)
			w.live(t, in, d, random)
			require.NoError(t, d.restore(in, filepath.Join(dir, strconv.Itoa(life+1))))
		}
		require.NoError(t, os.RemoveAll(dir))
	}
}
