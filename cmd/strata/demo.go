// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/strata-apm/strata/internal/demo"
)

// demoCmd sends the telemetry of a synthetic shop.
type demoCmd struct {
	Endpoint string        `default:"127.0.0.1:4317" help:"OTLP gRPC address."`
	Key      string        `env:"STRATA_KEY" help:"Ingest key, where one is required."`
	Rate     float64       `default:"5" help:"Traces per second."`
	Seed     uint64        `help:"Repeats a run, ids included."`
	Traces   int           `help:"Stop after so many traces."`
	Duration time.Duration `help:"Stop after so much time."`
	Backfill time.Duration `help:"Also send traces and logs of the past."`
	Incident []string      `placeholder:"NAME[@START[+LENGTH]]" help:"Switch an incident on: slow-database, failing-dependency, memory-leak, error-burst."`
	Control  string        `placeholder:"ADDR" help:"Loopback address to switch incidents by HTTP."`
}

// Run implements the command.
func (c *demoCmd) Run(ctx context.Context, s streams) error {
	if err := checkGRPC(c.Endpoint); err != nil {
		return err
	}
	opts := demo.Options{
		Endpoint: c.Endpoint, Key: c.Key, Rate: c.Rate, Seed: c.Seed, Traces: c.Traces, Duration: c.Duration, Backfill: c.Backfill,
		Control: c.Control, Logger: slog.New(slog.NewTextHandler(s.err, nil)),
	}
	for _, text := range c.Incident {
		in, err := demo.ParseIncident(text)
		if err != nil {
			return fmt.Errorf("--incident: %w", err)
		}
		opts.Incidents = append(opts.Incidents, in)
	}
	sum, err := demo.Run(ctx, opts)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if err := json.NewEncoder(s.out).Encode(sum); err != nil {
		return fmt.Errorf("print summary: %w", err)
	}
	return nil
}
