// SPDX-License-Identifier: Apache-2.0

package app

import (
	"crypto/tls"
	"net/http"

	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/ingest/otlp"
	"github.com/strata-apm/strata/ingest/remotewrite"
	"github.com/strata-apm/strata/ingest/writer"
	"github.com/strata-apm/strata/internal/auth"
	"github.com/strata-apm/strata/internal/listen"
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
func (a *App) otlpGRPC(c *tls.Config, l auth.Listener) listen.Server {
	return listen.GRPC(a.gateway.recv.NewGRPCServer(c, a.senders.GRPC(l)...))
}

// otlpHTTP serves OTLP over HTTP to a listener.
func (a *App) otlpHTTP(l auth.Listener) listen.Server {
	return listen.HTTP(listen.NewHTTPServer(a.senders.OTLP(l, a.gateway.otlp)))
}

// newIntake is the way to the bus; series is nil where the bound on series is not known.
func (a *App) newIntake(series intake.SeriesBound) *intake.Intake {
	cfg := a.cfg.Intake
	cfg.InFlightBytes = a.inFlightBytes()
	return intake.New(intake.Options{Config: cfg, Producer: a.stores.producer, Ledger: a.stores.ledger, Series: series, Layout: a.stores.layout})
}
