// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/ingest/otlp"
	"github.com/strata-apm/strata/ingest/remotewrite"
	"github.com/strata-apm/strata/ingest/writer"
	"github.com/strata-apm/strata/internal/auth"
	"github.com/strata-apm/strata/internal/selfmon"
)

// ingestPart is the gateway and the writers.
type ingestPart struct {
	grpc        *grpc.Server
	http        *http.Server
	remoteWrite http.Handler
	handlers    map[string]func(context.Context, bus.Partition) error // by topic
}

func (a *App) newIngest() *ingestPart {
	in := intake.New(a.stores.bus, a.stores.ledger, a.cfg.OTLP.MaxBodyBytes, a.cfg.OTLP.InFlightBytes)
	recv := otlp.NewReceiver(in, otlp.Options{Limits: a.cfg.OTLP.Limits, Gate: writer.NewSeriesGate(a.stores.metrics, a.cfg.Query.Lookback)})
	limits := a.cfg.OTLP.Limits
	p := &ingestPart{
		grpc: recv.NewGRPCServer(a.access.grpcOptions(auth.ListenerOf(a.listeners.otlpGRPC.Addr()))...),
		http: newServer(a.access.ingest(auth.ListenerOf(a.listeners.otlpHTTP.Addr()), recv.Handler())),
		remoteWrite: remotewrite.NewHandler(in, remotewrite.Limits{
			Labels: limits.Attributes, LabelBytes: limits.AttributeBytes, Past: limits.MetricsPast, Series: a.stores.metrics,
		}, a.logger.With("part", "remote write"), a.reg),
	}
	quarantine := writer.NewQuarantine(filepath.Join(a.cfg.DataDir, "quarantine"))
	opts := func(topic string) writer.Options {
		return writer.Options{
			Topic: topic, Ledger: a.stores.ledger, Logger: a.logger.With("part", "writer", "topic", topic),
			Tracer: a.self.Tracer.Tracer(selfmon.ServiceName), Quarantine: quarantine,
		}
	}
	md := a.stores.metadata
	p.handlers = map[string]func(context.Context, bus.Partition) error{
		bus.TopicTraces: writer.NewBatches(opts(bus.TopicTraces), writer.TraceSink{Appender: a.stores.clickhouse}).Handle,
		bus.TopicLogs:   writer.NewBatches(opts(bus.TopicLogs), writer.LogSink{Appender: a.stores.clickhouse}).Handle,
		bus.TopicMetrics: writer.NewSamples(opts(bus.TopicMetrics), a.stores.metrics, func() writer.Translator {
			return writer.NewOTLPTranslator(md, a.cfg.Query.Lookback)
		}).Handle,
		bus.TopicRemoteWrite: writer.NewSamples(opts(bus.TopicRemoteWrite), a.stores.metrics, func() writer.Translator {
			return writer.NewRemoteWriteTranslator(md)
		}).Handle,
	}
	return p
}

// newServer bounds what a slow or silent client can hold.
func newServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 60 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
	}
}

// runWriters runs one writer per topic.
func (a *App) runWriters(ctx context.Context, g *errgroup.Group) {
	for topic, handle := range a.ingest.handlers {
		g.Go(func() error {
			if err := a.stores.bus.Consume(ctx, topic, handle); err != nil && ctx.Err() == nil {
				return fmt.Errorf("writer of %s: %w", topic, err)
			}
			return nil
		})
	}
	g.Go(func() error { return a.stores.ledger.Run(ctx) })
}

// runServers serves until the servers are shut down by drain or ctx ends.
func (a *App) runServers(ctx context.Context, g *errgroup.Group) {
	serve := func(name string, f func() error) {
		g.Go(func() error {
			if err := f(); err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, grpc.ErrServerStopped) {
				return fmt.Errorf("serve %s: %w", name, err)
			}
			return nil
		})
	}
	serve("OTLP gRPC", func() error { return a.ingest.grpc.Serve(a.listeners.otlpGRPC) })
	serve("OTLP HTTP", func() error { return a.ingest.http.Serve(a.listeners.otlpHTTP) })
	serve("HTTP", func() error { return a.query.http.Serve(a.listeners.http) })
	context.AfterFunc(ctx, func() {
		a.ingest.grpc.Stop()
		_ = a.ingest.http.Close()
		_ = a.query.http.Close()
	})
}

// drain stops taking requests and waits for those under way: each is acknowledged after the bus holds it, or refused.
func (a *App) drain() {
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	if err := a.self.Close(ctx); err != nil { // While the port it sends to still listens.
		a.logger.Warn("own telemetry not sent", "err", err)
	}
	var g errgroup.Group
	g.Go(func() error { return a.ingest.http.Shutdown(ctx) })
	g.Go(func() error { return a.query.http.Shutdown(ctx) })
	g.Go(func() error {
		stop := context.AfterFunc(ctx, a.ingest.grpc.Stop)
		defer stop()
		a.ingest.grpc.GracefulStop()
		return nil
	})
	if err := g.Wait(); err != nil {
		a.logger.Warn("requests were cut off", "after", drainTimeout, "err", err)
	}
}
