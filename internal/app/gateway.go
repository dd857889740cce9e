// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/ingest/otlp"
	"github.com/strata-apm/strata/ingest/remotewrite"
	"github.com/strata-apm/strata/ingest/writer"
	"github.com/strata-apm/strata/internal/auth"
	"github.com/strata-apm/strata/internal/ledger"
)

// gatewayPart is what takes telemetry in.
type gatewayPart struct {
	recv        *otlp.Receiver
	otlp        http.Handler // OTLP over HTTP
	remoteWrite http.Handler
}

func (a *App) newGateway() *gatewayPart {
	var series intake.SeriesBound
	if a.stores.tsdb != nil { // In this process: then the gateway knows the bound on series.
		series = writer.NewSeriesBound(a.stores.tsdb, a.cfg.OTLP.Series.WithLookback(a.cfg.Query.Lookback))
	}
	in := a.newIntake(series)
	recv := otlp.NewReceiver(in)
	return &gatewayPart{recv: recv, otlp: recv.Handler(), remoteWrite: remotewrite.NewHandler(in, a.logger.With("part", "remote write"))}
}

// otlpGRPC serves OTLP over gRPC to a listener.
func (a *App) otlpGRPC(c *tls.Config, l auth.Listener) server {
	return grpcServer{a.gateway.recv.NewGRPCServer(c, a.access.grpcOptions(l)...)}
}

// otlpHTTP serves OTLP over HTTP to a listener.
func (a *App) otlpHTTP(c *tls.Config, l auth.Listener) server {
	return &httpServer{newServer(a.access.otlp(l, a.gateway.otlp)), c}
}

// newIntake is the way to the bus; series is nil where the bound on series is not known.
func (a *App) newIntake(series intake.SeriesBound) *intake.Intake {
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
