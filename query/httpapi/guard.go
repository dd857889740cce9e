// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"net/http"
	"time"
)

// queueWait is how long a query waits for its turn. A page asks several things at once, so a short wait is worth more than an error.
const queueWait = 3 * time.Second

// guard lets a number of queries run and as many again wait.
type guard struct {
	running chan struct{}
	waiting chan struct{}
}

func newGuard(n int) *guard {
	return &guard{running: make(chan struct{}, n), waiting: make(chan struct{}, n)}
}

// enter waits for a turn and returns how to end it.
func (g *guard) enter(ctx context.Context) (func(), error) {
	leave := func() { <-g.running }
	select {
	case g.running <- struct{}{}:
		return leave, nil
	default:
	}
	busy := &Error{Status: http.StatusServiceUnavailable, Code: CodeUnavailable, Message: "too many queries are running; try again shortly"}
	select {
	case g.waiting <- struct{}{}:
		defer func() { <-g.waiting }()
	default:
		return nil, busy
	}
	timer := time.NewTimer(queueWait)
	defer timer.Stop()
	select {
	case g.running <- struct{}{}:
		return leave, nil
	case <-timer.C:
		return nil, busy
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
