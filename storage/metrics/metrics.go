// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/util/compression"
	"golang.org/x/sys/unix"
)

// Config are the settings a user may change.
type Config struct {
	// Retention is how long samples are kept. Default 15 days, as Prometheus.
	Retention time.Duration `yaml:"retention"`
	// RetentionBytes bounds the blocks on disk; 0 leaves them unbounded.
	RetentionBytes int64 `yaml:"retention_bytes"`
	// OutOfOrderWindow is how far behind the newest sample a late one is still taken.
	OutOfOrderWindow time.Duration `yaml:"out_of_order_window"`
	// Exemplars is how many exemplars are kept in memory.
	Exemplars int64 `yaml:"exemplars"`
	// MaxSeries bounds the series in memory, about 1.5 KiB each; past it new ones are refused and known ones go on. 0 is no bound.
	MaxSeries uint64 `yaml:"max_series"`
}

// DefaultConfig follows Prometheus where it has a default.
func DefaultConfig() Config {
	return Config{Retention: 15 * 24 * time.Hour, OutOfOrderWindow: 2 * time.Hour, Exemplars: 100_000, MaxSeries: 2_000_000}
}

// Validate says which setting makes no sense.
func (c Config) Validate() error {
	if c.Retention < 2*time.Hour {
		return fmt.Errorf("metrics: retention %s is shorter than one block (2h)", c.Retention)
	}
	if c.OutOfOrderWindow < 0 || c.RetentionBytes < 0 || c.Exemplars < 0 {
		return errors.New("metrics: out_of_order_window, retention_bytes and exemplars must not be negative")
	}
	return nil
}

// Store is an open tsdb. Safe for concurrent use.
type Store struct {
	db        *tsdb.DB
	dir       string
	maxSeries uint64
	// allSeries is how many series the bound is about: those of this tsdb, or of all tenants.
	allSeries func() uint64

	syncMu sync.Mutex
	synced map[string]int64 // size of each WAL file when it was last synced
	// syncFailed is the fsync that failed, for good: the kernel may have dropped the pages, and a second one would lie.
	syncFailed error

	space space
	stop  func() // ends the goroutine that writes chunks out
	// fdatasync is unix.Fdatasync but for tests.
	fdatasync func(fd int) error
}

// Open opens or creates the tsdb in dir and repairs what a crash left: a log is cut where it can be read no further, and what cannot be
// opened at all is moved into dir/quarantine. The WAL is replayed before it returns.
func Open(dir string, cfg Config, logger *slog.Logger, reg prometheus.Registerer) (*Store, error) {
	opts := tsdb.DefaultOptions()
	opts.RetentionDuration = cfg.Retention.Milliseconds()
	opts.MaxBytes = cfg.RetentionBytes
	opts.WALCompression = compression.Snappy
	opts.EnableExemplarStorage = cfg.Exemplars > 0
	opts.MaxExemplars = cfg.Exemplars
	opts.OutOfOrderTimeWindow = cfg.OutOfOrderWindow.Milliseconds()
	// A counter whose start is known begins with a zero there: the first sample of a short job counts, and a restart shows whatever the value.
	opts.EnableSTAsZeroSample = true
	// Prometheus's own ladder of block sizes: up to a tenth of the retention, at most 31 days.
	opts.MaxBlockDuration = min(31*24*time.Hour, max(cfg.Retention/10, 2*time.Hour)).Milliseconds()
	db, err := openRepaired(dir, logger, reg, opts)
	if err != nil {
		return nil, fmt.Errorf("open tsdb in %s: %w", dir, err)
	}
	s := &Store{
		db: db, dir: dir, maxSeries: cfg.MaxSeries, allSeries: db.Head().NumSeries, synced: map[string]int64{},
		space: space{dir: dir, now: time.Now, ask: freeSpace}, fdatasync: unix.Fdatasync,
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.writeOut(ctx)
	}()
	s.stop = func() {
		cancel()
		<-done
	}
	return s, nil
}

// DB is the tsdb itself, for the parts of Prometheus that are embedded.
func (s *Store) DB() *tsdb.DB { return s.db }

// Querier implements storage.Queryable.
func (s *Store) Querier(mint, maxt int64) (storage.Querier, error) {
	q, err := s.db.Querier(mint, maxt)
	if err != nil {
		return nil, fmt.Errorf("open querier: %w", err)
	}
	return q, nil
}

// ChunkQuerier implements storage.ChunkQueryable.
func (s *Store) ChunkQuerier(mint, maxt int64) (storage.ChunkQuerier, error) {
	q, err := s.db.ChunkQuerier(mint, maxt)
	if err != nil {
		return nil, fmt.Errorf("open chunk querier: %w", err)
	}
	return q, nil
}

// ExemplarQuerier implements storage.ExemplarQueryable.
func (s *Store) ExemplarQuerier(ctx context.Context) (storage.ExemplarQuerier, error) {
	q, err := s.db.ExemplarQuerier(ctx)
	if err != nil {
		return nil, fmt.Errorf("open exemplar querier: %w", err)
	}
	return q, nil
}

// StartTime implements storage.Storage: the oldest timestamp held, in milliseconds.
func (s *Store) StartTime() (int64, error) {
	t, err := s.db.StartTime()
	if err != nil {
		return 0, fmt.Errorf("oldest sample: %w", err)
	}
	return t, nil
}

// Close writes what is open and releases the directory.
func (s *Store) Close() error {
	s.stop()
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close tsdb in %s: %w", s.dir, err)
	}
	return nil
}

// walDirs are where an appender's Commit leaves its records: the WAL, and the WBL for out-of-order samples.
func (s *Store) walDirs() []string {
	return []string{filepath.Join(s.dir, "wal"), filepath.Join(s.dir, "wbl")}
}
