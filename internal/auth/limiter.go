// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// badBurst attempts may fail at once from one address, then one each badRefill.
	badBurst  = 20
	badRefill = 3 * time.Second
	// maxAddresses bounds memory; with more, the table starts again, which an attacker gains little by.
	maxAddresses = 10_000
)

// limiter counts bad attempts by address. It slows down who guesses and never refuses a good key, so that one broken agent does not
// lock out its neighbours behind the same address.
type limiter struct {
	mu  sync.Mutex
	bad map[string]*rate.Limiter // guarded by mu
}

func newLimiter() *limiter {
	return &limiter{bad: make(map[string]*rate.Limiter)}
}

// fail records a bad attempt and says whether there were too many.
func (l *limiter) fail(addr string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	attempts := l.bad[addr]
	if attempts == nil {
		if len(l.bad) >= maxAddresses {
			clear(l.bad)
		}
		attempts = rate.NewLimiter(rate.Every(badRefill), badBurst)
		l.bad[addr] = attempts
	}
	return !attempts.AllowN(now, 1)
}
