// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/client"
	"github.com/strata-apm/strata/storage/clickhouse/logs"
	"github.com/strata-apm/strata/storage/clickhouse/rollups"
	"github.com/strata-apm/strata/storage/clickhouse/schema"
	"github.com/strata-apm/strata/storage/clickhouse/traces"
)

// Store is one ClickHouse. Safe for concurrent use.
type Store struct {
	client *client.Client
	*logStore
	*traceStore
	*rollupStore
}

// The names under which the stores of the kinds of data are embedded: what they implement of package storage's contracts is the Store's.
type (
	logStore    = logs.Store
	traceStore  = traces.Store
	rollupStore = rollups.Store
)

var (
	_ storage.TraceAppender  = (*Store)(nil)
	_ storage.TraceReader    = (*Store)(nil)
	_ storage.TraceSearcher  = (*Store)(nil)
	_ storage.ServiceReader  = (*Store)(nil)
	_ storage.TopologyReader = (*Store)(nil)
	_ storage.LogAppender    = (*Store)(nil)
	_ storage.LogSearcher    = (*Store)(nil)
	_ storage.FieldReader    = (*Store)(nil)
	_ storage.RollupAppender = (*Store)(nil)
	_ storage.RollupReader   = (*Store)(nil)
)

// Open connects, brings the schema up to date and returns the store. It waits as long as ctx allows for a ClickHouse that is not
// there yet: the error then wraps storage.ErrUnavailable.
func Open(ctx context.Context, cfg Config, opts Options) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("clickhouse configuration: %w", err)
	}
	c, err := client.New(cfg.client(), client.Options{Dial: opts.Dial, DialServer: opts.dialServer, Unreplicated: opts.unreplicated, Logger: opts.Logger})
	if err != nil {
		return nil, err
	}
	s := &Store{client: c, logStore: logs.New(c), traceStore: traces.New(c), rollupStore: rollups.New(c)}
	m := schema.New(c, schema.Options{Cluster: cfg.Cluster, Unreplicated: opts.unreplicated})
	prepare := func(ctx context.Context) error { return s.migrate(ctx, m, cfg.Retention, opts.Alone) }
	if err := c.Await(ctx, prepare); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// migrate waits for an answer as long as ctx allows, finds the shards of the cluster and brings the schema up to date.
func (s *Store) migrate(ctx context.Context, m *schema.Migrator, keep schema.Retention, alone func(context.Context) (context.Context, func(), error)) error {
	if _, err := s.client.Send(ctx, url.Values{}, []byte("SELECT 1")); err != nil {
		return fmt.Errorf("ask ClickHouse whether it answers: %w", err)
	}
	if err := s.client.FindShards(ctx); err != nil {
		return err
	}
	// ClickHouse answers: what it does now may take as long as it needs, for a table may have to be made anew.
	ctx, cancel := withoutDeadline(ctx)
	defer cancel()
	if alone != nil {
		held, release, err := alone(ctx)
		if err != nil {
			return fmt.Errorf("wait for the turn to change the tables: %w", err)
		}
		defer release()
		ctx = held
	}
	if err := m.Migrate(ctx); err != nil {
		return err
	}
	return m.ApplyRetention(ctx, keep)
}

// withoutDeadline returns a context that ends when ctx is cancelled, but not when its deadline passes.
func withoutDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			cancel()
		}
	})
	return out, func() {
		stop()
		cancel()
	}
}

// Ping reports whether ClickHouse answers statements; the error wraps storage.ErrUnavailable when it does not.
func (s *Store) Ping(ctx context.Context) error { return s.client.Ping(ctx) }

// Close frees the connections. Appends and reads in flight may fail.
func (s *Store) Close() error { return s.client.Close() }
