// SPDX-License-Identifier: Apache-2.0

// Package guard bounds the queries that run at once in a process, whichever API they come by.
package guard

import (
	"context"
	"fmt"
	"time"

	"github.com/strata-apm/strata/storage"
)

// waitingPerRunning is how many queries may wait for each that runs; a page or a dashboard asks many things at once.
const waitingPerRunning = 10

// Guard lets a number of queries run and others wait for their turn. Safe for concurrent use.
type Guard struct {
	running, waiting chan struct{}
	patience         time.Duration
}

// New lets n queries run at once; others wait for at most patience.
func New(n int, patience time.Duration) *Guard {
	return &Guard{running: make(chan struct{}, n), waiting: make(chan struct{}, waitingPerRunning*n), patience: patience}
}

// BusyError says that a query did not get its turn.
type BusyError struct {
	// Limit is how many run at once, After how long to wait before the next attempt.
	Limit int
	After time.Duration
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("%d queries are running, the limit (query.max_concurrent); try again", e.Limit)
}

// Unwrap makes it an error of a store that is not available at the moment.
func (e *BusyError) Unwrap() error { return storage.ErrUnavailable }

// RetryAfter implements httpx.Waiting.
func (e *BusyError) RetryAfter() time.Duration { return e.After }

// Enter waits for a turn and returns how to end it. It returns a *BusyError, or the error of ctx.
func (g *Guard) Enter(ctx context.Context) (leave func(), err error) {
	leave = func() { <-g.running }
	select {
	case g.running <- struct{}{}:
		return leave, nil
	default:
	}
	busy := &BusyError{Limit: cap(g.running), After: max(time.Second, g.patience)}
	select {
	case g.waiting <- struct{}{}:
		defer func() { <-g.waiting }()
	default:
		return nil, busy
	}
	timer := time.NewTimer(g.patience)
	defer timer.Stop()
	select {
	case g.running <- struct{}{}:
		return leave, nil
	case <-timer.C:
		return nil, busy
	case <-ctx.Done():
		return nil, ctx.Err() // The caller knows its context.
	}
}
