// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/ingest/bus/kafka"
	"github.com/strata-apm/strata/ingest/split"
	"github.com/strata-apm/strata/internal/auth"
	"github.com/strata-apm/strata/internal/cluster"
	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/internal/lease"
	"github.com/strata-apm/strata/internal/ledger"
	"github.com/strata-apm/strata/query/promapi"
	"github.com/strata-apm/strata/storage/catalog"
	"github.com/strata-apm/strata/storage/clickhouse"
	"github.com/strata-apm/strata/storage/clickhouse/engine"
	"github.com/strata-apm/strata/storage/clickhouse/engine/supervise"
	"github.com/strata-apm/strata/storage/metrics"
	"github.com/strata-apm/strata/storage/metrics/fanout"
)

// stores are everything that keeps data; those that the role does not need are nil.
type stores struct {
	catalog *catalog.Catalog
	ledger  *ledger.Ledger
	bus     transport
	kafka   *kafka.Bus // the bus where it is Kafka
	// producer is the bus as the gateway uses it.
	producer bus.Producer
	// layout is how the gateway cuts requests for the bus; nil leaves them whole.
	layout split.Layout
	tsdb   *metrics.Tenants
	// metrics is what is queried: the tsdb of this process, or those of all writers.
	metrics    promapi.Storage
	fanout     *fanout.Storage
	engine     *supervise.Supervisor // nil with a ClickHouse server
	clickhouse *clickhouse.Store
}

// schemaLease is held by the process that brings ClickHouse's tables up to date.
const schemaLease = "clickhouse-schema"

// storeTimeout is how long a ClickHouse that is still starting is waited for.
const storeTimeout = 2 * time.Minute

func (a *App) openStores(ctx context.Context) error {
	s, role := a.stores, a.opts.Role
	usesClickHouse := a.cfg.UsesClickHouse(role)
	if usesClickHouse {
		if err := a.startEngine(s); err != nil { //nolint:contextcheck // First: it loads while the others open, and it outlives ctx.
			return err
		}
	}
	var err error
	if s.ledger, err = ledger.Open(filepath.Join(a.cfg.DataDir, "ledger"), a.logger, time.Now); err != nil {
		return fmt.Errorf("open ledger: %w", err)
	}
	a.stack.push("ledger", s.ledger.Close)
	a.reg.MustRegister(ledger.NewCollector(s.ledger))
	if err := a.openBus(ctx); err != nil {
		return err
	}
	if s.bus != nil {
		a.reg.MustRegister(bus.NewCollector(s.bus))
	}
	if err := a.openMetrics(); err != nil { //nolint:contextcheck // A store runs until it is closed.
		return err
	}
	if !usesClickHouse {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	opts := clickhouse.Options{Logger: a.logger.With("part", "clickhouse")}
	if s.engine != nil {
		opts.Dial = s.engine.DialContext
	}
	if a.peers != nil {
		opts.Alone = func(ctx context.Context) (context.Context, func(), error) {
			return lease.Exclusive(ctx, s.catalog, schemaLease, a.instance)
		}
	}
	if s.clickhouse, err = clickhouse.Open(ctx, a.cfg.ClickHouse, opts); err != nil {
		return fmt.Errorf("open ClickHouse: %w", err)
	}
	a.stack.push("clickhouse", s.clickhouse.Close)
	return nil
}

// openMetrics opens the tsdb of a writer, and the way to those of all writers where this process queries and is not the only one.
func (a *App) openMetrics() error {
	s, role := a.stores, a.opts.Role
	if a.storesMetrics() {
		tsdb, err := metrics.OpenTenants(filepath.Join(a.cfg.DataDir, "metrics"), a.cfg.Metrics, a.logger.With("part", "tsdb"), a.reg)
		if err != nil {
			return fmt.Errorf("open metrics: %w", err)
		}
		s.tsdb, s.metrics = tsdb, tsdb.View()
		a.stack.push("metrics", tsdb.Close)
	}
	if a.peers == nil || !role.Is(config.RoleQuery) && !role.Is(config.RoleAlert) {
		return nil
	}
	f, err := fanout.New(fanout.Options{Config: a.cfg.Fanout, Registry: writers{cluster.NewWriters(s.catalog)}, Bearer: a.peers.Key(), TenantHeader: auth.TenantHeader, TLS: a.tls.peers})
	if err != nil {
		return fmt.Errorf("open the way to the writers: %w", err)
	}
	s.fanout, s.metrics = f, f
	a.stack.push("fan-out", f.Close)
	return nil
}

// startEngine starts the embedded ClickHouse unless a server is configured.
func (a *App) startEngine(s *stores) error {
	if a.cfg.ClickHouse.URL != "" {
		return nil
	}
	library, err := engine.FindLibrary(engine.Search{Path: a.cfg.Engine.Library, DataDir: a.cfg.DataDir})
	if err != nil {
		return fmt.Errorf("embedded ClickHouse: %w", err)
	}
	s.engine, err = supervise.New(supervise.Options{
		Command: a.opts.EngineCommand, Library: library, DataDir: filepath.Join(a.cfg.DataDir, "clickhouse"),
		MaxMemoryBytes: a.cfg.Engine.MemoryBytes, Logger: a.logger.With("part", "engine"),
	})
	if err != nil {
		return fmt.Errorf("embedded ClickHouse: %w", err)
	}
	// Not bound to ctx: the engine outlives the request to stop until the writers have finished, and Close stops it.
	go func() {
		if err := s.engine.Run(context.Background()); err != nil {
			a.logger.Error("the engine's supervisor ended", "err", err)
		}
	}()
	a.stack.push("engine", s.engine.Close)
	return nil
}
