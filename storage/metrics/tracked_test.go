// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage"
)

// TestCommitThatTheWALDidNotTake: after it the tsdb would lose series silently at the next start, so nothing is taken or synced any more.
func TestCommitThatTheWALDidNotTake(t *testing.T) {
	disk := t.TempDir()
	require.NoError(t, syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=96m"), "this test mounts a disk of its own, which needs root")
	t.Cleanup(func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) })
	dir := filepath.Join(disk, "metrics")
	open := func() *Store {
		s, err := Open(dir, DefaultConfig(), slog.New(slog.DiscardHandler), prometheus.NewRegistry())
		require.NoError(t, err)
		return s
	}
	write := func(s *Store, name string) error {
		app := s.AppenderV2(t.Context())
		for i := range 200 {
			ls := labels.FromStrings("__name__", name, "i", strconv.Itoa(i), "pad", strings.Repeat("x", 500))
			if _, err := app.Append(0, ls, 0, time.Now().UnixMilli(), 1, nil, nil, promstorage.AOptions{}); err != nil {
				return errors.Join(err, app.Rollback())
			}
		}
		return app.Commit()
	}
	s := open()
	require.NoError(t, write(s, "before"))
	require.NoError(t, s.Sync())

	// The disk fills up between the look at its space and the commit.
	filler, err := os.Create(filepath.Join(disk, "filler"))
	require.NoError(t, err)
	for size := 1 << 20; size > 0; {
		if _, err := filler.Write(make([]byte, size)); err != nil {
			size /= 4
		}
	}
	require.ErrorIs(t, write(s, "during"), storage.ErrBroken)
	require.NoError(t, filler.Close())
	require.NoError(t, os.Remove(filler.Name()))
	require.ErrorIs(t, s.Sync(), storage.ErrBroken, "also when there is room again")
	require.ErrorIs(t, write(s, "during"), storage.ErrBroken)
	_ = s.Close()

	s = open()
	t.Cleanup(func() { _ = s.Close() })
	require.NoError(t, write(s, "during"))
	require.NoError(t, s.Sync())
	q, err := s.Querier(0, time.Now().UnixMilli())
	require.NoError(t, err)
	defer func() { _ = q.Close() }()
	for _, name := range []string{"before", "during"} {
		set := q.Select(t.Context(), true, nil, labels.MustNewMatcher(labels.MatchEqual, "__name__", name))
		n := 0
		for set.Next() {
			n++
		}
		require.Equal(t, 200, n, name)
	}
}
