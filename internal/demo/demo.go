// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// spanDelay puts live traces a little into the past, so that their last span has ended when it is sent.
	spanDelay = 3 * time.Second
	// pace is how often traces are made; more than one at a time at high rates.
	pace = 20 * time.Millisecond
	// flushTimeout is how long what is left may take to be sent after the run has reached its limits.
	flushTimeout = 30 * time.Second
	// backfillRate bounds the traces per second of simulated past, which are sent as fast as the server takes them.
	backfillRate = 2.0
)

// Options say what to produce. The zero value of everything but Endpoint is usable.
type Options struct {
	// Endpoint is the OTLP gRPC address, host:port without TLS.
	Endpoint string
	// Key is sent as a bearer token when it is not empty.
	Key string
	// Rate is the number of traces per second; 0 means 5.
	Rate float64
	// Seed makes a run repeatable, ids included; 0 picks one.
	Seed uint64
	// Traces ends the run after so many live traces, Duration after so much time; 0 means when ctx ends.
	Traces   int
	Duration time.Duration
	// Backfill is how far into the past traces and logs are produced before the live ones. The SDK cannot backdate metrics.
	Backfill time.Duration
	// MetricInterval is how often metrics are sent; 0 means 10 s.
	MetricInterval time.Duration
	// Incidents are switched on by themselves at their time.
	Incidents []Incident
	// Control is a loopback address for switching incidents by HTTP; empty is off. See controlHandler.
	Control string
	// StopTimeout is how long sending goes on after ctx has ended; 0 means 5 s. Telemetry that is not sent by then is given up.
	StopTimeout time.Duration
	Logger      *slog.Logger
}

// Summary counts what the server acknowledged and what it finally refused.
type Summary struct {
	Traces     int
	Spans      int64
	LogRecords int64
	DataPoints int64
	Failed     int64
	Seed       uint64
}

func (o *Options) setDefaults() error {
	if o.Endpoint == "" {
		return errors.New("demo: no endpoint")
	}
	if o.Rate < 0 || o.Backfill < 0 || o.Traces < 0 {
		return errors.New("demo: rate, traces and backfill must not be negative")
	}
	if o.Rate == 0 {
		o.Rate = 5
	}
	if o.MetricInterval == 0 {
		o.MetricInterval = 10 * time.Second
	}
	if o.StopTimeout == 0 {
		o.StopTimeout = 5 * time.Second
	}
	if o.Seed == 0 {
		o.Seed = rand.Uint64() //nolint:gosec // A seed needs no secrecy.
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	for _, i := range o.Incidents {
		if !i.Name.known() {
			return fmt.Errorf("demo: unknown incident %q", i.Name)
		}
	}
	return nil
}

// Run produces telemetry until ctx ends or the options' limits are reached, then sends what is left: for StopTimeout at most after the
// end of ctx, for 30 s after a limit. It returns the summary also with an error.
func Run(ctx context.Context, opts Options) (Summary, error) {
	if err := opts.setDefaults(); err != nil {
		return Summary{}, err
	}
	// Exporters outlive ctx: its end stops production, and what was produced is still sent.
	sendCtx, abort := outlive(ctx, opts.StopTimeout)
	defer abort()
	out, err := newOutput(sendCtx, opts)
	if err != nil {
		return Summary{}, err
	}
	sw := newSwitches()
	shop, err := newShop(out, opts, sw)
	if err != nil {
		return Summary{}, errors.Join(err, out.close(context.WithoutCancel(ctx)))
	}
	if opts.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, opts.Duration)
		defer cancel()
	}
	runErr := produce(ctx, shop, opts, sw)
	flush := time.AfterFunc(flushTimeout, abort)
	defer flush.Stop()
	// The end of sendCtx bounds each export, and by that the closing, which is waited for: it counts what was given up.
	closeErr := out.close(context.WithoutCancel(ctx))
	if closeErr != nil && sendCtx.Err() != nil {
		closeErr = fmt.Errorf("demo: %s did not take what was left in time, it is given up", opts.Endpoint)
	}
	sum := out.counts.summary()
	sum.Traces, sum.Seed = shop.traces, opts.Seed
	return sum, errors.Join(runErr, closeErr)
}

// outlive returns a context that ends d after ctx, or when the function is called.
func outlive(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-out.Done():
		}
	})
	return out, func() {
		stop()
		cancel()
	}
}

// produce runs the shop, the incident schedule and the control server until the shop is done.
func produce(ctx context.Context, shop *shop, opts Options, sw *switches) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	if opts.Control != "" {
		control, err := listenControl(ctx, opts.Control, sw)
		if err != nil {
			return err
		}
		opts.Logger.Info("demo control listens", "address", control.addr())
		g.Go(func() error { return control.run(ctx) })
	}
	for _, i := range opts.Incidents {
		g.Go(func() error { sw.schedule(ctx, i); return nil })
	}
	g.Go(func() error {
		defer cancel() // The helpers have nothing left to do.
		shop.backfill(ctx, opts)
		shop.live(ctx, opts)
		return nil
	})
	return g.Wait()
}

// backfill produces the past from its beginning, so that the newest comes last as it would have.
func (s *shop) backfill(ctx context.Context, opts Options) {
	if opts.Backfill == 0 {
		return
	}
	s.recordMetrics = false
	defer func() { s.recordMetrics = true }()
	step := time.Duration(float64(time.Second) / min(opts.Rate, backfillRate))
	now := time.Now()
	for at := now.Add(-opts.Backfill); at.Before(now.Add(-spanDelay)) && ctx.Err() == nil; at = at.Add(step) {
		s.visit(at) //nolint:contextcheck // A trace is simulated as a whole; the end of the run must not cut it.
	}
}

// live produces traces at the rate until ctx ends or the limit is reached.
func (s *shop) live(ctx context.Context, opts Options) {
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	first, done := time.Now(), 0
	for {
		due := int(time.Since(first).Seconds()*opts.Rate) + 1
		for ; done < due; done++ {
			if ctx.Err() != nil || (opts.Traces > 0 && done >= opts.Traces) {
				return
			}
			s.visit(time.Now().Add(-spanDelay)) //nolint:contextcheck // As above.
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
