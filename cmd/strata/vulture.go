// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/strata-apm/strata/internal/vulture"
)

// vultureCmd writes known data and reads it back.
type vultureCmd struct {
	Endpoint  []string      `default:"127.0.0.1:4317" placeholder:"ADDR" help:"OTLP gRPC address; more than one take turns."`
	URL       string        `default:"http://127.0.0.1:7080" placeholder:"URL" help:"Where the query API is served."`
	IngestKey string        `placeholder:"KEY" help:"Key with scope ingest."`
	ReadKey   string        `placeholder:"KEY" help:"Key with scope read."`
	Rate      float64       `default:"2" help:"Requests per second of each signal."`
	Window    time.Duration `default:"10s" help:"How much is read back at once."`
	LateAfter time.Duration `default:"10s" help:"When something that is not readable counts as late."`
	Patience  time.Duration `default:"1m" help:"When it counts as missing."`
	Duration  time.Duration `help:"End after this time (default: go on)."`
	Listen    string        `placeholder:"ADDR" help:"Serve /metrics there."`
	Verbose   bool          `help:"Log every request that is not acknowledged."`
}

// Run implements the command. Anything missing, doubled or wrong is an error.
func (c *vultureCmd) Run(ctx context.Context, s streams) error {
	level := slog.LevelInfo
	if c.Verbose {
		level = slog.LevelDebug
	}
	for _, addr := range c.Endpoint {
		if err := checkGRPC(addr); err != nil {
			return err
		}
	}
	reg := prometheus.NewRegistry()
	if c.Listen != "" {
		stop, err := serveMetrics(ctx, c.Listen, reg)
		if err != nil {
			return err
		}
		defer stop()
	}
	report, err := vulture.Run(ctx, vulture.Options{
		Endpoints: c.Endpoint, URL: c.URL, IngestKey: c.IngestKey, ReadKey: c.ReadKey, Rate: c.Rate, Window: c.Window,
		LateAfter: c.LateAfter, Patience: c.Patience, Duration: c.Duration, Registerer: reg,
		Logger: slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: level})),
	})
	if err != nil {
		return fmt.Errorf("vulture: %w", err)
	}
	b, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return fmt.Errorf("vulture: %w", err)
	}
	if _, err := fmt.Fprintln(s.out, string(b)); err != nil {
		return err // Writing to standard output.
	}
	if report.Bad() {
		return errors.New("vulture: something was missing, doubled or wrong")
	}
	return nil
}

func serveMetrics(ctx context.Context, address string, reg *prometheus.Registry) (func(), error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	srv := &http.Server{Handler: promhttp.HandlerFor(reg, promhttp.HandlerOpts{}), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = srv.Serve(ln) }()
	return func() { _ = srv.Close() }, nil
}
