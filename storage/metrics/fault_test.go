// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"encoding/binary"
	"errors"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/internal/testutil/seedtest"
	"github.com/strata-apm/strata/storage"
)

// After an fsync that failed a second one would succeed and lie, so it is not asked.
func TestFailedSyncIsForGood(t *testing.T) {
	s := open(t, t.TempDir())
	require.NoError(t, add(t, s, time.Now().UnixMilli(), 1))
	s.fdatasync = func(int) error { return errors.New("input/output error") }
	require.ErrorContains(t, s.Sync(), "input/output error")
	s.fdatasync = func(int) error { return nil }
	require.ErrorContains(t, s.Sync(), "input/output error")
	require.ErrorContains(t, s.Err(), "input/output error")
	require.Len(t, read(t, s), 1, "reads go on")
}

func TestNearlyFullDiskTakesNoSamples(t *testing.T) {
	s := open(t, t.TempDir())
	now := time.Now()
	require.NoError(t, add(t, s, now.UnixMilli(), 1))
	require.NoError(t, s.Err())
	set := func(later time.Duration, ask func(string) (free, total uint64, err error)) {
		s.space.mu.Lock()
		defer s.space.mu.Unlock()
		s.space.now = func() time.Time { return now.Add(later) }
		s.space.ask = ask
	}
	set(time.Minute, func(dir string) (uint64, uint64, error) { return freeSpace(filepath.Join(dir, "missing")) })
	ls := labels.FromStrings("__name__", "m", "a", "b")
	_, err := s.AppenderV2(t.Context()).Append(0, ls, 0, now.UnixMilli()+1, 2, nil, nil, promstorage.AOptions{})
	require.ErrorIs(t, err, storage.ErrUnavailable)
	_, err = s.Appender(t.Context()).Append(0, ls, now.UnixMilli()+1, 2)
	require.ErrorIs(t, err, storage.ErrUnavailable)
	require.ErrorIs(t, s.Err(), storage.ErrUnavailable)
	set(2*time.Minute, freeSpace)
	require.NoError(t, add(t, s, now.UnixMilli()+1, 2))
	require.NoError(t, s.Err())
	require.Len(t, read(t, s), 2)
}

// TestFinishedChunksOnNearlyFullDisk: the tsdb panics where it cannot write a finished chunk, so those are written while there is room, and
// not where there is none.
func TestFinishedChunksOnNearlyFullDisk(t *testing.T) {
	for name, free := range map[string]uint64{"nearly": spaceLeast - 1, "all but full": spaceChunks, "full": spaceChunks - 1} {
		t.Run(name, func(t *testing.T) {
			reg := prometheus.NewRegistry()
			s, err := Open(t.TempDir(), DefaultConfig(), slog.New(slog.DiscardHandler), reg)
			require.NoError(t, err)
			// Within one range of two hours: a chunk ends with its range as well.
			base := time.Now().UnixMilli()/blockRange*blockRange - blockRange
			for i := range int64(300) { // More than the 120 samples of a chunk.
				require.NoError(t, add(t, s, base+i*10_000, float64(i)))
			}
			written := func() float64 {
				families, err := reg.Gather()
				require.NoError(t, err)
				for _, f := range families {
					if f.GetName() == "prometheus_tsdb_mmap_chunks_total" {
						return f.GetMetric()[0].GetCounter().GetValue()
					}
				}
				return 0
			}
			require.Zero(t, written())
			s.space.mu.Lock()
			s.space.ask = func(string) (uint64, uint64, error) { return free, 1 << 30, nil }
			s.space.mu.Unlock()
			if free >= spaceChunks {
				require.Eventually(t, func() bool { return written() == 2 }, 10*time.Second, 10*time.Millisecond)
			} else {
				require.Never(t, func() bool { return written() > 0 }, 2*spaceEvery+spaceEvery/2, 100*time.Millisecond)
			}
			require.Len(t, read(t, s), 300)
			require.NoError(t, s.Close())
		})
	}
}

// blockRange is the least range of a block, in milliseconds. A block and its chunks end at a multiple of it.
const blockRange = 2 * 60 * 60 * 1000

// fillBlock writes one block of samples from base on and the same number after it into the head, in a closed tsdb.
func fillBlock(t *testing.T, dir string) (base int64, block string) {
	t.Helper()
	s := open(t, dir)
	base = time.Now().Add(-6*time.Hour).UnixMilli() / blockRange * blockRange
	for i := range int64(4 * 60) {
		require.NoError(t, add(t, s, base+i*60_000, float64(i)))
	}
	require.NoError(t, s.db.Compact(t.Context()))
	require.Len(t, s.db.Blocks(), 1)
	block = s.db.Blocks()[0].Dir()
	require.Len(t, read(t, s), 4*60)
	require.NoError(t, s.Close())
	return base, block
}

// What is damaged is repaired or put aside, the rest can be read, and the store takes samples.
func TestDamageIsPutAsideAndTheRestIsRead(t *testing.T) {
	overwrite := func(t *testing.T, path string, at int) {
		t.Helper()
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		copy(b[at:], []byte("damaged"))
		require.NoError(t, os.WriteFile(path, b, 0o600))
	}
	segment := func(t *testing.T, dir string) string {
		t.Helper()
		paths, err := filepath.Glob(filepath.Join(dir, "wal", "0*"))
		require.NoError(t, err)
		for _, path := range paths {
			if info, err := os.Stat(path); err == nil && info.Size() > 1000 {
				return path
			}
		}
		t.Fatal("no segment has anything")
		return ""
	}
	for name, c := range map[string]struct {
		damage      func(t *testing.T, dir, block string)
		keeps       func(n int) bool
		quarantined bool
	}{
		"index of a block": {func(t *testing.T, _, block string) {
			t.Helper()
			info, err := os.Stat(filepath.Join(block, "index"))
			require.NoError(t, err)
			overwrite(t, filepath.Join(block, "index"), int(info.Size())-12)
		}, func(n int) bool { return n >= 2*60 }, true},
		"chunks of a block": {func(t *testing.T, _, block string) {
			t.Helper()
			overwrite(t, filepath.Join(block, "chunks", "000001"), 0)
		}, func(n int) bool { return n >= 2*60 }, true},
		"meta.json of a block is not JSON": {func(t *testing.T, _, block string) {
			t.Helper()
			overwrite(t, filepath.Join(block, "meta.json"), 0)
		}, func(n int) bool { return n >= 2*60 }, false},
		"meta.json of a block is missing": {func(t *testing.T, _, block string) {
			t.Helper()
			require.NoError(t, os.Remove(filepath.Join(block, "meta.json")))
		}, func(n int) bool { return n >= 2*60 }, false},
		"middle of a WAL segment": {func(t *testing.T, dir, _ string) {
			t.Helper()
			path := segment(t, dir)
			info, err := os.Stat(path)
			require.NoError(t, err)
			overwrite(t, path, int(info.Size())/2)
		}, func(n int) bool { return n >= 2*60 }, false},
		"chunks of the head": {func(t *testing.T, dir, _ string) {
			t.Helper()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "chunks_head", "000001"), []byte("damaged all over"), 0o600))
		}, func(n int) bool { return n == 4*60 }, true},
		"checkpoint of the WAL": {func(t *testing.T, dir, _ string) {
			t.Helper()
			path := filepath.Join(dir, "wal", "checkpoint.00000000")
			require.NoError(t, os.MkdirAll(path, 0o700))
			require.NoError(t, os.WriteFile(filepath.Join(path, "00000000"), []byte("damaged all over the page"), 0o600))
		}, func(n int) bool { return n >= 2*60 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			base, block := fillBlock(t, dir)
			c.damage(t, dir, block)
			s := open(t, dir)
			got := read(t, s)
			require.True(t, c.keeps(len(got)), "%d samples", len(got))
			aside, err := filepath.Glob(filepath.Join(dir, quarantineDir, "*"))
			require.NoError(t, err)
			require.Equal(t, c.quarantined, len(aside) == 1, "%v", aside)
			require.NoError(t, add(t, s, base+4*3600_000, 7))
			require.NoError(t, s.Sync())
			require.Len(t, read(t, s), len(got)+1)
		})
	}
}

// headChunkFiles are the names of the files of head chunks, in order.
func headChunkFiles(t *testing.T, s *Store) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(s.dir, headChunksDir))
	require.NoError(t, err)
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// cutCopy copies a running tsdb as a power cut would leave it: whole what was synced, of the rest of the logs and of the last file of head
// chunks, unless it is one of old, a part that chance decides, some of it zeros. The tsdb syncs a file of head chunks when it begins the next.
func cutCopy(t *testing.T, s *Store, old []string, random *rand.Rand) string {
	t.Helper()
	to := t.TempDir()
	unsynced := headChunkFiles(t, s)
	unsynced = unsynced[max(0, len(unsynced)-1):]
	require.NoError(t, filepath.WalkDir(s.dir, func(path string, d os.DirEntry, err error) error {
		rel, _ := filepath.Rel(s.dir, path)
		if err != nil || d.IsDir() {
			return errors.Join(err, os.MkdirAll(filepath.Join(to, rel), 0o700))
		}
		if filepath.Base(rel) == "lock" || filepath.Base(rel) == "queries.active" {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		switch filepath.Dir(rel) {
		case "wal", "wbl":
			synced, known := s.synced[path]
			if !known && random.IntN(2) == 0 {
				return nil // Not even its name.
			}
			b = b[:synced+random.Int64N(int64(len(b))-synced+1)]
			if zeros := random.IntN(3); zeros == 0 && int64(len(b)) > synced {
				clear(b[synced+random.Int64N(int64(len(b))-synced):])
			}
		case headChunksDir:
			if slices.Contains(unsynced, filepath.Base(rel)) && !slices.Contains(old, filepath.Base(rel)) {
				b = b[:random.IntN(len(b)+1)]
			}
		}
		return os.WriteFile(filepath.Join(to, rel), b, 0o600)
	}))
	return to
}

// TestPowerCut: whatever was synced is there after a power cut, once, and the store goes on.
func TestPowerCut(t *testing.T) {
	for _, seed := range seedtest.Seeds(t, 5, 500) {
		random := rand.New(rand.NewPCG(seed, 0))
		s := open(t, t.TempDir())
		s.db.DisableCompactions() // None of its own accord while files are copied.
		base := time.Now().Add(-10*time.Hour).UnixMilli() / blockRange * blockRange
		acked, since, at := map[int64]float64{}, map[int64]float64{}, base
		for range 3 { // Lives.
			old := headChunkFiles(t, s)
			for range 100 + random.IntN(400) {
				at += int64(random.IntN(60_000))
				ts := at
				if random.IntN(5) == 0 {
					ts -= int64(random.IntN(3_600_000))
				}
				v := float64(binary.LittleEndian.Uint16([]byte{byte(random.Uint32()), byte(random.Uint32())}))
				if add(t, s, ts, v) == nil && acked[ts] == 0 && since[ts] == 0 {
					since[ts] = v
				}
				switch random.IntN(60) {
				case 0, 1, 2:
					require.NoError(t, s.Sync())
					maps.Copy(acked, since)
					clear(since)
				case 3:
					s.db.ForceHeadMMap()
				case 4:
					require.NoError(t, s.db.Compact(t.Context()))
				}
			}
			to := cutCopy(t, s, old, random)
			require.NoError(t, s.Close())
			s = open(t, to)
			s.db.DisableCompactions()
			got := read(t, s)
			for ts, v := range acked {
				require.InDelta(t, v, got[ts], 0, "STRATA_TEST_SEED=%d: sample %d of %d", seed, ts, len(acked))
			}
			clear(since)
			maps.Copy(acked, got) // Also what was not synced and is there must stay, from now on.
			at = max(at, base)
			require.NoError(t, s.Sync())
		}
		require.NoError(t, s.Close())
	}
}
