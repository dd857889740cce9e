// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	promstorage "github.com/prometheus/prometheus/storage"
	"golang.org/x/sys/unix"

	"github.com/strata-apm/strata/storage"
)

const (
	// spaceShare of the file system is left free, at least spaceLeast and at most spaceMost bytes.
	spaceShare = 20
	spaceLeast = 32 << 20
	spaceMost  = 256 << 20
	// spaceChunks is what a file of finished chunks may need at once: its preallocation and a buffer (tsdb/chunks, MinWriteBufferSize and others).
	spaceChunks = 8 << 20
	// spaceEvery is how often the file system is asked.
	spaceEvery = time.Second
)

// space stops appends shortly before the disk is full: a tsdb that cannot write a finished chunk panics, and one without room for a
// block can free none either. It looks at most once a second, so what is appended in a second may overshoot the bound.
type space struct {
	dir string

	mu sync.Mutex // protects the rest
	// now is time.Now and ask is freeSpace but for tests.
	now     func() time.Time
	ask     func(dir string) (free, total uint64, err error)
	checked time.Time
	err     error
}

// check returns an error that wraps storage.ErrUnavailable while there is too little room.
func (s *space) check() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if now.Sub(s.checked) < spaceEvery {
		return s.err
	}
	s.checked = now
	free, total, err := s.ask(s.dir)
	if err != nil {
		s.err = fmt.Errorf("%w: free space of %s: %w", storage.ErrUnavailable, s.dir, err)
		return s.err
	}
	keep := min(max(total/spaceShare, spaceLeast), spaceMost)
	s.err = nil
	if free < keep {
		s.err = fmt.Errorf("%w: %s has %d MiB free, %d MiB are left for what is written already", storage.ErrUnavailable, s.dir, free>>20, keep>>20)
	}
	return s.err
}

// freeSpace returns the bytes that may still be written to the file system of dir, and its size.
func freeSpace(dir string) (free, total uint64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, 0, err // The caller names the directory.
	}
	unit := uint64(st.Bsize) //nolint:gosec // Never negative.
	return st.Bavail * unit, st.Blocks * unit, nil
}

// writeOut writes finished chunks out as soon as the disk is nearly full, while what is left free still holds them, until ctx ends. The tsdb
// does so itself every minute, and when it is closed, and panics where there is no room by then. Nothing is appended meanwhile that would
// finish others.
func (s *Store) writeOut(ctx context.Context) {
	tick := time.NewTicker(spaceEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if s.space.low() {
			s.db.ForceHeadMMap()
		}
	}
}

// low says whether there is too little room for samples, but enough for finished chunks.
func (s *space) low() bool {
	if s.check() == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	free, _, err := s.ask(s.dir)
	return err == nil && free >= spaceChunks
}

// refusing takes no sample.
type refusing struct {
	promstorage.AppenderV2
	err error
}

// Append implements promstorage.AppenderV2.
func (a refusing) Append(promstorage.SeriesRef, labels.Labels, int64, int64, float64, *histogram.Histogram, *histogram.FloatHistogram, promstorage.AOptions) (promstorage.SeriesRef, error) {
	return 0, a.err
}

// refusingV1 is refusing for the older interface, which rules use.
type refusingV1 struct {
	promstorage.Appender
	err error
}

// Append implements promstorage.Appender.
func (a refusingV1) Append(promstorage.SeriesRef, labels.Labels, int64, float64) (promstorage.SeriesRef, error) {
	return 0, a.err
}

// AppendHistogram implements promstorage.Appender.
func (a refusingV1) AppendHistogram(promstorage.SeriesRef, labels.Labels, int64, *histogram.Histogram, *histogram.FloatHistogram) (promstorage.SeriesRef, error) {
	return 0, a.err
}

// Appender implements storage.Appendable. While the disk is nearly full every append fails, as with AppenderV2.
func (s *Store) Appender(ctx context.Context) promstorage.Appender {
	app := s.db.Appender(ctx)
	if err := s.space.check(); err != nil {
		return refusingV1{app, err}
	}
	return trackedV1{app, s}
}

// Err says why the store takes no samples now: the disk is nearly full, which passes, or a sync failed, which does not until the store is
// opened again.
func (s *Store) Err() error {
	s.syncMu.Lock()
	failed := s.syncFailed
	s.syncMu.Unlock()
	if failed != nil {
		return failed
	}
	return s.space.check()
}
