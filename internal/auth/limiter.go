// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"sync"
	"time"
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
	bad map[string]bucket // guarded by mu
}

type bucket struct {
	level float64
	at    time.Time
}

func newLimiter() *limiter {
	return &limiter{bad: make(map[string]bucket)}
}

// fail records a bad attempt and says whether there were too many.
func (l *limiter) fail(addr string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, known := l.bad[addr]
	if !known && len(l.bad) >= maxAddresses {
		clear(l.bad)
	}
	b.level = max(0, b.level-now.Sub(b.at).Seconds()/badRefill.Seconds())
	b.at = now
	over := b.level >= badBurst
	if !over {
		b.level++
	}
	l.bad[addr] = b
	return over
}
