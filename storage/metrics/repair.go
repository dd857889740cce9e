// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/tsdb/wlog"
	"github.com/prometheus/prometheus/util/compression"
)

// quarantineDir takes what the tsdb cannot open; the tsdb passes it over because its name is no block's.
const quarantineDir = "quarantine"

// openTries bounds how often a tsdb is opened until it is whole.
const openTries = 5

// openRepaired opens the tsdb, and again without what it cannot read: the tsdb itself cuts a damaged log and passes over a block without
// meta.json, but refuses to start over a block or head chunks that are damaged. It is opened again after it cut a log, too: a damaged WAL
// keeps it from reading the log of out-of-order samples, and the next compaction would delete them.
func openRepaired(dir string, logger *slog.Logger, reg prometheus.Registerer, opts *tsdb.Options) (*tsdb.DB, error) {
	for _, name := range []string{"wal", "wbl"} {
		if err := cutTail(filepath.Join(dir, name), logger); err != nil {
			return nil, err
		}
	}
	for try := 1; ; try++ {
		undo := &undoable{Registerer: reg}
		db, err := tsdb.Open(dir, logger, undo, opts, tsdb.NewDBStats())
		if err == nil && (try >= openTries || !undo.sawCorruption()) {
			return db, nil
		}
		undo.undo()
		if err == nil {
			logger.Warn("a log was cut where it could not be read; it is read once more")
			if err := db.Close(); err != nil {
				return nil, fmt.Errorf("close after repair: %w", err)
			}
			continue
		}
		moved, merr := quarantine(dir, err, logger)
		if merr != nil || moved == 0 || try >= openTries {
			return nil, errors.Join(err, merr)
		}
	}
}

// cutTail cuts an append that a crash left unfinished at the end of a log, before the tsdb finds it.
func cutTail(dir string, logger *slog.Logger) error {
	first, last, err := wlog.Segments(dir)
	if errors.Is(err, os.ErrNotExist) || err == nil && last < 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list the segments of %s: %w", dir, err)
	}
	// Every segment before the last two was synced when it was full.
	segments, err := wlog.NewSegmentsRangeReader(wlog.SegmentRange{Dir: dir, First: max(first, last-1), Last: last})
	if err != nil {
		return fmt.Errorf("read %s: %w", dir, err)
	}
	r := wlog.NewReader(segments)
	for r.Next() {
		continue // Only whether the records can be read matters.
	}
	_ = segments.Close() // Only read.
	if r.Err() == nil {
		return nil
	}
	log, err := wlog.New(logger, nil, dir, compression.Snappy)
	if err != nil {
		return fmt.Errorf("open %s to repair it: %w", dir, err)
	}
	if err := errors.Join(log.Repair(r.Err()), log.Close()); err != nil {
		return fmt.Errorf("repair %s: %w", dir, err)
	}
	return nil
}

// quarantine moves away what err may be about and returns how much that was.
func quarantine(dir string, err error, logger *slog.Logger) (int, error) {
	moved := 0
	move := func(name string, why error) error {
		to := filepath.Join(dir, quarantineDir, name+"-"+strconv.FormatInt(time.Now().UnixNano(), 10))
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return fmt.Errorf("create quarantine: %w", err)
		}
		if err := os.Rename(filepath.Join(dir, name), to); err != nil {
			return fmt.Errorf("move %s into quarantine: %w", name, err)
		}
		logger.Error("what cannot be read is put aside; its samples are missing", "path", name, "moved_to", to, "err", why)
		moved++
		return nil
	}
	entries, rerr := os.ReadDir(dir)
	if rerr != nil {
		return 0, fmt.Errorf("list blocks: %w", rerr)
	}
	for _, e := range entries {
		if _, perr := ulid.ParseStrict(e.Name()); perr != nil || !e.IsDir() {
			continue
		}
		if _, serr := os.Stat(filepath.Join(dir, e.Name(), "meta.json")); errors.Is(serr, os.ErrNotExist) {
			continue // Left by a compaction that was cut off; the tsdb passes it over.
		}
		b, berr := tsdb.OpenBlock(nil, filepath.Join(dir, e.Name()), nil, nil)
		if berr == nil {
			_ = b.Close() // Only read.
			continue
		}
		if merr := move(e.Name(), berr); merr != nil {
			return moved, merr
		}
	}
	if moved > 0 {
		return moved, nil
	}
	if cerr := openHeadChunks(filepath.Join(dir, headChunksDir)); cerr != nil { // The WAL has all that they have.
		merr := move(headChunksDir, cerr)
		return moved, merr
	}
	if log, ok := errors.AsType[*wlog.CorruptionErr](err); ok { // It could not be repaired by cutting it.
		name := "wal"
		if filepath.Base(log.Dir) == "wbl" {
			name = "wbl"
		}
		merr := move(name, err)
		return moved, merr
	}
	return moved, nil
}

const headChunksDir = "chunks_head"

func openHeadChunks(dir string) error {
	m, err := chunks.NewChunkDiskMapper(nil, dir, chunkenc.NewPool(), chunks.DefaultWriteBufferSize, chunks.DefaultWriteQueueSize)
	if err != nil {
		return fmt.Errorf("open head chunks: %w", err)
	}
	return m.Close() // Only read.
}

// undoable remembers what was registered, because an attempt to open leaves its metrics behind.
type undoable struct {
	prometheus.Registerer
	registered []prometheus.Collector
}

// Register implements prometheus.Registerer.
func (u *undoable) Register(c prometheus.Collector) error {
	err := u.Registerer.Register(c)
	if err == nil {
		u.registered = append(u.registered, c)
	}
	return err // The registry's own error.
}

// MustRegister implements prometheus.Registerer.
func (u *undoable) MustRegister(cs ...prometheus.Collector) {
	u.Registerer.MustRegister(cs...)
	u.registered = append(u.registered, cs...)
}

func (u *undoable) undo() {
	for _, c := range u.registered {
		u.Unregister(c)
	}
	u.registered = nil
}

// sawCorruption says whether the tsdb found a log damaged.
func (u *undoable) sawCorruption() bool {
	for _, c := range u.registered {
		m, ok := c.(prometheus.Counter)
		if !ok || !strings.Contains(m.Desc().String(), `"prometheus_tsdb_wal_corruptions_total"`) {
			continue
		}
		alone := prometheus.NewRegistry()
		if alone.Register(c) != nil {
			return false
		}
		families, err := alone.Gather()
		return err == nil && len(families) == 1 && families[0].GetMetric()[0].GetCounter().GetValue() > 0
	}
	return false
}
