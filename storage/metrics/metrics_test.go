// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/metadata"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/stretchr/testify/require"
)

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir, DefaultConfig(), slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func add(t *testing.T, s *Store, ts int64, v float64) error {
	t.Helper()
	app := s.AppenderV2(t.Context())
	_, err := app.Append(0, labels.FromStrings("__name__", "m", "a", "b"), 0, ts, v, nil, nil, storage.AOptions{})
	require.NoError(t, app.Commit())
	return err
}

func read(t *testing.T, s *Store) map[int64]float64 {
	t.Helper()
	q, err := s.Querier(0, math.MaxInt64)
	require.NoError(t, err)
	defer func() { _ = q.Close() }()
	out := map[int64]float64{}
	set := q.Select(context.Background(), false, nil, labels.MustNewMatcher(labels.MatchEqual, "__name__", "m"))
	for set.Next() {
		it := set.At().Iterator(nil)
		for it.Next() != chunkenc.ValNone {
			ts, v := it.At()
			_, twice := out[ts]
			require.False(t, twice)
			out[ts] = v
		}
		require.NoError(t, it.Err())
	}
	require.NoError(t, set.Err())
	return out
}

// A replay writes what is there already, in order and out of order; each sample must be read back once.
func TestReplayIsIdempotent(t *testing.T) {
	s := open(t, t.TempDir())
	base := time.Now().UnixMilli()
	for range 3 {
		for i := range int64(10) {
			require.NoError(t, add(t, s, base+i*1000, float64(i)))
		}
	}
	got := read(t, s)
	require.Len(t, got, 10)
	require.InDelta(t, 7, got[base+7000], 0)
	require.ErrorIs(t, add(t, s, base+9000, 99), storage.ErrDuplicateSampleForTimestamp)
	require.ErrorIs(t, add(t, s, base-3*3600*1000, 1), storage.ErrTooOldSample)
}

// Sync must cover both logs: what was committed before it is in the files it syncs. The files are copied as a power cut would
// leave them and opened as another store.
func TestSyncedSamplesAreInTheSyncedFiles(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	base := time.Now().UnixMilli()
	require.NoError(t, add(t, s, base, 1))
	require.NoError(t, add(t, s, base-60_000, 2)) // Out of order: goes to the WBL.
	require.NoError(t, s.Sync())
	require.NotEmpty(t, s.synced[filepath.Join(dir, "wal", "00000000")])
	require.NotEmpty(t, s.synced[filepath.Join(dir, "wbl", "00000000")])

	cut := t.TempDir()
	for path, size := range s.synced {
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		to := filepath.Join(cut, filepath.Base(filepath.Dir(path)), filepath.Base(path))
		require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o700))
		require.NoError(t, os.WriteFile(to, b[:size], 0o600))
	}
	require.Equal(t, map[int64]float64{base: 1, base - 60_000: 2}, read(t, open(t, cut)))
}

func TestMetadataKeepsTheLast(t *testing.T) {
	m := NewMetadata()
	m.Set("a", metadata.Metadata{Type: "gauge", Help: "one"})
	m.Set("a", metadata.Metadata{Type: "gauge", Help: "two"})
	m.Set("b", metadata.Metadata{Type: "counter", Unit: "By"})
	got, ok := m.GetMetadata("a")
	require.True(t, ok)
	require.Equal(t, "two", got.Help)
	require.Len(t, m.ListMetadata(), 2)
	require.Equal(t, 2, m.LengthMetadata())
	require.Equal(t, len("a")+len("two")+len("b")+len("By"), m.SizeMetadata())
}
