// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/strata-apm/strata/collector/fleet"

	"go.opentelemetry.io/collector/otelcol"
)

// startWithin is how long a collector may take to start with a pushed configuration.
const startWithin = 30 * time.Second

// errAgain says that a collector ended so that another one can start.
var errAgain = errors.New("start again")

// runCollectors runs one collector after the other until ctx ends: each pushed configuration gets a new one, on the same queue and the
// same checkpoints.
func (a *Agent) runCollectors(ctx context.Context) error {
	// Each collector handles SIGHUP. Between two of them it must not end the process.
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	for {
		err := a.runOne(ctx)
		if !errors.Is(err, errAgain) {
			return err
		}
	}
}

// runOne runs one collector until it ends, ctx ends or another one is to start.
func (a *Agent) runOne(ctx context.Context) error {
	a.health.reset()
	col, err := a.collector()
	if err != nil {
		return a.takeBack(err)
	}
	done := make(chan error, 1)
	// The collector is told to stop by Shutdown and not by its context, because a cancelled context would also cancel the stop.
	go func() { done <- col.Run(context.WithoutCancel(ctx)) }()
	trial := time.NewTimer(startWithin)
	defer trial.Stop()
	var started <-chan time.Time
	if a.remote.OnTrial() {
		started = trial.C
	}
	for {
		select {
		case err := <-done:
			a.health.setRunning(false)
			if err == nil && a.remote.OnTrial() {
				err = errors.New("it ended by itself")
			}
			return a.takeBack(err)
		case <-a.health.ready:
			if err := a.remote.Applied(); err != nil {
				a.opts.Logger.Error("pushed configuration not kept", "error", err)
			}
			trial.Reset(fleet.TrialTime)
		case reason := <-a.health.failed:
			if a.remote.OnTrial() {
				return a.takeBack(errors.Join(errors.New(reason), a.stop(ctx, col, done)))
			}
		case <-started:
			if !a.health.tell().Healthy {
				return a.takeBack(errors.Join(fmt.Errorf("it does not run within %s", startWithin), a.stop(ctx, col, done)))
			}
			if err := a.remote.Confirm(); err != nil {
				a.opts.Logger.Error("pushed configuration not kept", "error", err)
			}
			started = nil
		case v := <-a.remote.Offers():
			if !a.accept(ctx, v) {
				continue
			}
			if err := a.stop(ctx, col, done); err != nil {
				return err
			}
			return errAgain
		case <-ctx.Done():
			if err := a.remote.Confirm(); err != nil { // It was told to stop, which says nothing against the configuration.
				a.opts.Logger.Error("pushed configuration not kept", "error", err)
			}
			return a.stop(ctx, col, done)
		}
	}
}

// takeBack goes back to the configuration before when the one on trial did not run, and passes the error on otherwise.
func (a *Agent) takeBack(cause error) error {
	if cause == nil || errors.Is(cause, ErrStopTimeout) || !a.remote.OnTrial() {
		return cause
	}
	a.opts.Logger.Error("the pushed configuration does not run, back to the one before", "error", cause)
	if err := a.remote.Revert(cause.Error()); err != nil {
		return errors.Join(cause, err)
	}
	return errAgain
}

// accept validates an offer and puts it on trial; it reports whether a collector is to start with it. A refused offer changes nothing.
func (a *Agent) accept(ctx context.Context, v fleet.ConfigVersion) bool {
	log := a.opts.Logger.With("hash", v.Hash)
	if now := a.remote.State(); now.Current.Text == v.Text && !now.Trial {
		if err := a.remote.Same(v); err != nil {
			log.Error("pushed configuration not kept", "error", err)
		}
		return false
	}
	if err := a.validate(ctx, []byte(v.Text)); err != nil {
		log.Warn("pushed configuration refused, nothing changed", "reason", err)
		if err := a.remote.Refuse(v, err); err != nil {
			log.Error("refusal not kept", "error", err)
		}
		return false
	}
	if err := a.remote.Try(v); err != nil {
		log.Error("pushed configuration not kept, nothing changed", "error", err)
		return false
	}
	log.Info("pushed configuration accepted")
	return true
}

// stop ends a collector. When ctx ends meanwhile the time for that is bounded; otherwise it takes as long as lines wait for the queue,
// because two collectors cannot share it.
func (a *Agent) stop(ctx context.Context, col *otelcol.Collector, done <-chan error) error {
	go col.Shutdown()
	select {
	case err := <-done:
		return a.stopped(ctx, err)
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return a.stopped(ctx, err)
	case <-time.After(stopTimeout):
		return ErrStopTimeout
	}
}

// stopped judges how a collector ended. A collector that makes room for another may have complained.
func (a *Agent) stopped(ctx context.Context, err error) error {
	if err != nil && ctx.Err() == nil {
		a.opts.Logger.Warn("a part of the collector did not stop well", "error", err)
		return nil
	}
	return err
}
