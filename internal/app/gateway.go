// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"
	"net/http"

	"google.golang.org/grpc"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/ingest/otlp"
	"github.com/strata-apm/strata/ingest/remotewrite"
	"github.com/strata-apm/strata/ingest/writer"
	"github.com/strata-apm/strata/internal/auth"
	"github.com/strata-apm/strata/internal/ledger"
)

// gatewayPart is the intake.
type gatewayPart struct {
	grpc        *grpc.Server
	self        *grpc.Server // within the process
	http        *http.Server
	remoteWrite http.Handler
	otlp        http.Handler // OTLP over HTTP, for the HTTP listener
}

func (a *App) newGateway() *gatewayPart {
	var series intake.SeriesGate
	if a.stores.tsdb != nil { // In this process: then the gateway knows the bound on series.
		series = writer.NewSeriesGate(a.stores.tsdb, a.cfg.OTLP.Series.WithLookback(a.cfg.Query.Lookback))
	}
	in := a.newIntake(series)
	recv := otlp.NewReceiver(in)
	return &gatewayPart{
		otlp:        recv.Handler(),
		grpc:        recv.NewGRPCServer(a.tls.otlp, a.access.grpcOptions(auth.ListenerOf(a.listeners.otlpGRPC.Addr()))...),
		self:        recv.NewGRPCServer(nil, a.access.grpcOptions(auth.Listener{})...),
		http:        newServer(a.access.otlp(auth.ListenerOf(a.listeners.otlpHTTP.Addr()), recv.Handler())),
		remoteWrite: remotewrite.NewHandler(in, a.logger.With("part", "remote write")),
	}
}

// newIntake is the way to the bus; series is nil where the bound on series is not known.
func (a *App) newIntake(series intake.SeriesGate) *intake.Intake {
	cfg := a.cfg.Intake
	cfg.InFlightBytes = a.inFlightBytes()
	return intake.New(intake.Options{Config: cfg, Producer: a.stores.producer, Ledger: a.stores.ledger, Series: series, Layout: a.stores.layout})
}

// countedProducer counts what a bus outside this process took; the embedded one counts for itself, record by record.
type countedProducer struct {
	bus.Producer
	ledger *ledger.Ledger
}

// Produce implements bus.Producer.
func (p countedProducer) Produce(ctx context.Context, topic string, recs ...bus.Record) error {
	if err := p.Producer.Produce(ctx, topic, recs...); err != nil {
		return fmt.Errorf("produce: %w", err)
	}
	for _, r := range recs {
		p.ledger.AcceptedElsewhere(writer.Item(topic, r.Headers))
	}
	return nil
}
