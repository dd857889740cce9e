// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/ingest/bus/embedded"
	"github.com/strata-apm/strata/ingest/writer"
	"github.com/strata-apm/strata/internal/ledger"
	"github.com/strata-apm/strata/storage/catalog"
	"github.com/strata-apm/strata/storage/clickhouse"
	"github.com/strata-apm/strata/storage/clickhouse/engine"
	"github.com/strata-apm/strata/storage/clickhouse/engine/supervise"
	"github.com/strata-apm/strata/storage/metrics"
)

// stores are everything that keeps data.
type stores struct {
	ledger     *ledger.Ledger
	bus        *embedded.Bus
	metrics    *metrics.Store
	metadata   *metrics.Metadata
	engine     *supervise.Supervisor // nil with a ClickHouse server
	clickhouse *clickhouse.Store
	catalog    *catalog.Catalog
}

// storeTimeout is how long a ClickHouse that is still starting is waited for.
const storeTimeout = 2 * time.Minute

func (a *App) openStores(ctx context.Context) (*stores, error) {
	s := &stores{metadata: metrics.NewMetadata()}
	dir := a.cfg.DataDir
	if err := a.startEngine(s); err != nil { //nolint:contextcheck // First: it loads while the others open, and it outlives ctx.
		return nil, err
	}
	var err error
	if s.catalog, err = catalog.Open(ctx, filepath.Join(dir, catalogName)); err != nil {
		return nil, fmt.Errorf("open catalog: %w", err)
	}
	a.stack.push("catalog", s.catalog.Close)
	if s.ledger, err = ledger.Open(filepath.Join(dir, "ledger"), a.logger, time.Now); err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	a.stack.push("ledger", s.ledger.Close)
	if s.bus, err = a.openBus(s.ledger); err != nil {
		return nil, err
	}
	a.stack.push("bus", s.bus.Close)
	if err := recount(ctx, s.bus, s.ledger); err != nil {
		return nil, fmt.Errorf("count what the bus holds: %w", err)
	}
	if s.metrics, err = metrics.Open(filepath.Join(dir, "metrics"), a.cfg.Metrics, a.logger.With("part", "tsdb"), a.reg); err != nil {
		return nil, fmt.Errorf("open metrics: %w", err)
	}
	a.stack.push("metrics", s.metrics.Close)
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	opts := clickhouse.Options{Logger: a.logger.With("part", "clickhouse")}
	if s.engine != nil {
		opts.Dial = s.engine.DialContext
	}
	if s.clickhouse, err = clickhouse.Open(ctx, a.cfg.ClickHouse, opts); err != nil {
		return nil, fmt.Errorf("open ClickHouse: %w", err)
	}
	a.stack.push("clickhouse", s.clickhouse.Close)
	return s, nil
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

func topics() []string {
	return []string{bus.TopicMetrics, bus.TopicRemoteWrite, bus.TopicTraces, bus.TopicLogs}
}

func (a *App) openBus(l *ledger.Ledger) (*embedded.Bus, error) {
	b, err := embedded.Open(filepath.Join(a.cfg.DataDir, "bus"), embedded.Options{
		Logger: a.logger.With("part", "bus"), Topics: topics(), LimitBytes: a.cfg.Bus.LimitBytes, SegmentBytes: a.cfg.Bus.SegmentBytes,
		OnDurable: func(topic string, offset int64, headers []bus.Header) {
			l.Accepted(topic, offset, writer.Item(topic, headers))
		},
	})
	if err != nil {
		return nil, fmt.Errorf("open bus: %w", err)
	}
	return b, nil
}

// recount counts the records that the bus took after the ledger was last saved: those of the seconds before a kill.
func recount(ctx context.Context, b *embedded.Bus, l *ledger.Ledger) error {
	for _, st := range b.Stats() {
		next := max(l.AcceptedOffset(st.Topic), st.First)
		if next >= st.Next {
			continue
		}
		err := b.Consume(ctx, st.Topic, func(ctx context.Context, p bus.Partition) error {
			for next < st.Next {
				msgs, err := p.Fetch(ctx, next, 1<<20)
				if err != nil {
					return fmt.Errorf("read %s from %d: %w", st.Topic, next, err)
				}
				for _, m := range msgs {
					l.Accepted(st.Topic, m.Offset, writer.Item(st.Topic, m.Headers))
					next = m.Offset + 1
				}
			}
			return nil
		})
		if err != nil {
			return err //nolint:wrapcheck // Wrapped above.
		}
	}
	return nil
}
