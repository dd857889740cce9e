// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/strata-apm/strata/internal/listen"
)

// drainTimeout is how long requests under way may take after the process was told to stop.
const drainTimeout = 10 * time.Second

// Run serves until ctx ends, then stops taking requests, lets those under way finish, and stops the writers. Records that
// are not yet stored stay on the bus.
func (a *App) Run(ctx context.Context) error {
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServing()
	g, gctx := errgroup.WithContext(serving)
	a.runWriters(gctx, g)
	a.listeners.Run(gctx, g)
	g.Go(func() error { return a.auth.Run(gctx) })
	if a.alerting != nil {
		g.Go(func() error { return a.alerting.Run(gctx) })
		g.Go(func() error { return a.reloadOnHangup(gctx) })
	}
	if a.fleet != nil {
		g.Go(func() error { return a.fleet.Run(gctx) })
	}
	if a.member != nil {
		g.Go(func() error { return a.member.Run(gctx) })
	}
	if a.stores.kafka != nil {
		g.Go(func() error { return a.stores.kafka.Run(gctx) })
	}
	if err := a.listeners.WriteRunFile(a.cfg.DataDir); err != nil {
		stopServing()
		return errors.Join(err, g.Wait())
	}
	a.status.SetReady(true)
	a.logger.Info("ready", "role", a.opts.Role, "instance", a.instance, "listeners", a.listeners.Addresses(), "after", time.Since(a.started).Round(time.Millisecond))
	_, _ = fmt.Fprintf(a.opts.Stdout, "Strata %s is ready: %s\n", a.opts.Version, a.ownURL())

	select {
	case <-ctx.Done():
		a.logger.Info("stopping", "reason", context.Cause(ctx))
	case <-gctx.Done(): // A part failed; the rest is stopped below.
	}
	a.status.SetReady(false)
	a.drain() //nolint:contextcheck // The context that ended is the reason to drain.
	stopServing()
	return g.Wait() // Parts wrap their own errors.
}

// Close closes what New opened.
func (a *App) Close() error {
	return errors.Join(a.stack.closeAll(), listen.RemoveRunFile(a.cfg.DataDir))
}

// drain stops taking requests and waits for those under way: each is acknowledged after the bus holds it, or refused.
func (a *App) drain() {
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	if err := a.self.Close(ctx); err != nil { // While what it sends to still listens.
		a.logger.Warn("own telemetry not sent", "err", err)
	}
	if err := a.listeners.Shutdown(ctx); err != nil {
		a.logger.Warn("requests were cut off", "after", drainTimeout, "err", err)
	}
}
