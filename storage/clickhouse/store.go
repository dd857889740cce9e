// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/strata-apm/strata/storage"
)

// Store is one ClickHouse. Safe for concurrent use.
type Store struct {
	cfg    Config
	target target
	log    *slog.Logger
	sender *sender
	conn   driver.Conn
	now    func() time.Time

	unreplicated bool
	shards       []shard // of the cluster; none without one

	logBlocks, traceBlocks, buffers sync.Pool
}

var (
	_ storage.TraceAppender = (*Store)(nil)
	_ storage.LogAppender   = (*Store)(nil)
)

// Open connects, brings the schema up to date and returns the store. It waits as long as ctx allows for a ClickHouse that is not
// there yet: the error then wraps storage.ErrUnavailable.
func Open(ctx context.Context, cfg Config, opts Options) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("clickhouse configuration: %w", err)
	}
	t, err := cfg.target()
	if err != nil {
		return nil, err
	}
	if t.embedded && opts.Dial == nil {
		return nil, errors.New("clickhouse configuration: no url, and no embedded engine to dial")
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Store{cfg: cfg, target: t, log: opts.Logger, sender: newSender(t, opts), now: time.Now, unreplicated: opts.unreplicated}
	if s.conn, err = connect(t, cfg, opts); err != nil {
		return nil, err
	}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// prepare runs the migrations, waiting while ClickHouse is away.
func (s *Store) prepare(ctx context.Context) error {
	m := &migrator{sender: s.sender, database: s.target.database, cluster: s.cfg.Cluster, plain: s.unreplicated, now: s.now}
	var cause error // The last attempt that was not cut short by ctx: it says what is wrong.
	for pause := retryPause; ; pause = min(pause*2, retryPauseMax) {
		err := s.migrate(ctx, m)
		if errors.Is(err, errNoCluster) {
			return err
		}
		if err = writeError(err); err == nil || !errors.Is(err, storage.ErrUnavailable) {
			return err
		}
		if ctx.Err() == nil || cause == nil {
			cause = err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), cause)
		}
	}
}

func (s *Store) migrate(ctx context.Context, m *migrator) error {
	if m.cluster != "" {
		shards, err := readShards(ctx, s.sender, m.cluster)
		if err != nil {
			return err
		}
		s.shards = shards
	}
	if err := m.migrate(ctx); err != nil {
		return err
	}
	return m.applyRetention(ctx, s.cfg.Retention)
}

// connect makes the pool for reads. It dials lazily, so a server that is away is no error here.
func connect(t target, cfg Config, opts Options) (driver.Conn, error) {
	o := &clickhouse.Options{
		Addr:     []string{t.host},
		Protocol: clickhouse.HTTP,
		Auth:     clickhouse.Auth{Username: t.user, Password: t.password},
		Settings: clickhouse.Settings{
			"log_queries": 0,
			"output_format_native_encode_types_in_binary_format": 0,
		},
		MaxOpenConns:     32,
		MaxIdleConns:     8,
		ConnMaxLifetime:  time.Hour,
		DialTimeout:      5 * time.Second,
		ReadTimeout:      cfg.Query.Timeout + 10*time.Second,
		BlockBufferSize:  4,
		ConnOpenStrategy: clickhouse.ConnOpenInOrder,
	}
	if t.embedded || opts.dialServer {
		o.DialContext = func(ctx context.Context, addr string) (net.Conn, error) { return opts.Dial(ctx, "tcp", addr) }
	}
	if t.scheme == "https" {
		o.TLS = tlsConfig(t.host)
	}
	conn, err := clickhouse.Open(o)
	if err != nil {
		return nil, fmt.Errorf("open clickhouse: %w", err)
	}
	return conn, nil
}

// Ping reports whether ClickHouse answers statements; the error wraps storage.ErrUnavailable when it does not.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.sender.exec(ctx, "SELECT 1"); err != nil {
		return fmt.Errorf("ping clickhouse: %w", writeError(err))
	}
	return nil
}

// Close frees the connections. Appends and reads in flight may fail.
func (s *Store) Close() error {
	s.sender.close()
	if s.conn == nil {
		return nil
	}
	return s.conn.Close()
}
