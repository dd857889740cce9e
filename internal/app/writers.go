// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/ingest/writer"
	"github.com/strata-apm/strata/internal/selfmon"
	"github.com/strata-apm/strata/signal"
	"github.com/strata-apm/strata/tenant"
)

// newWriters returns one writer per topic that this process takes off the bus.
func (a *App) newWriters() map[string]func(context.Context, bus.Partition) error {
	quarantine := writer.NewQuarantine(filepath.Join(a.cfg.DataDir, "quarantine"))
	opts := func(topic string) writer.Options {
		return writer.Options{
			Topic: topic, Ledger: a.stores.ledger, Logger: a.logger.With("part", "writer", "topic", topic),
			Tracer: a.self.Tracer.Tracer(selfmon.ServiceName), Quarantine: quarantine, Shared: a.cfg.Bus.Shared(),
		}
	}
	out := map[string]func(context.Context, bus.Partition) error{}
	if a.cfg.Writer.Takes(signal.Traces) {
		out[signal.Traces.Topic()] = writer.NewBatches(opts(signal.Traces.Topic()), writer.TraceSink{Appender: a.stores.clickhouse, Derived: a.derived(signal.Traces)}).Handle
	}
	if a.cfg.Writer.Takes(signal.Logs) {
		out[signal.Logs.Topic()] = writer.NewBatches(opts(signal.Logs.Topic()), writer.LogSink{Appender: a.stores.clickhouse, Derived: a.derived(signal.Logs)}).Handle
	}
	if a.cfg.Writer.Takes(signal.Metrics) {
		out[signal.Metrics.Topic()] = writer.NewSamples(opts(signal.Metrics.Topic()), a.sampleStore, func(md writer.MetadataSink) writer.Translator {
			return writer.NewOTLPTranslator(md, a.cfg.OTLP.Series.WithLookback(a.cfg.Query.Lookback))
		}).Handle
		out[bus.TopicRemoteWrite] = writer.NewSamples(opts(bus.TopicRemoteWrite), a.sampleStore, func(md writer.MetadataSink) writer.Translator {
			return writer.NewRemoteWriteTranslator(md)
		}).Handle
	}
	return out
}

// sampleStore is the tsdb of a tenant, for the writers.
func (a *App) sampleStore(id tenant.ID) (writer.SampleStore, writer.MetadataSink, error) {
	t, err := a.stores.tsdb.Tenant(id)
	if err != nil {
		return nil, nil, err // It names the tenant.
	}
	return t, t.Metadata, nil
}

// runWriters runs one writer per topic.
func (a *App) runWriters(ctx context.Context, g *errgroup.Group) {
	for topic, handle := range a.writers {
		g.Go(func() error {
			if err := a.stores.bus.Consume(ctx, topic, handle); err != nil && ctx.Err() == nil {
				return fmt.Errorf("writer of %s: %w", topic, err)
			}
			return nil
		})
	}
	g.Go(func() error { return a.stores.ledger.Run(ctx) })
	if a.counting != nil {
		g.Go(func() error { return a.counting.Run(ctx) })
	}
}
