// SPDX-License-Identifier: Apache-2.0

package seriescache

import "time"

const (
	// keptFor is how long what does not come again is remembered.
	keptFor = time.Hour
	// most bounds what is remembered, about 300 bytes each: a sender whose descriptions change with every request would make it grow.
	most = 2_000_000
	// leastSwept is the number below which nothing is forgotten.
	leastSwept = 1 << 12
)

// memory is what is known by its bytes.
type memory[S any] struct {
	known map[key]*known[S]
	// sweepAt is the number at which what did not come again is forgotten; limit is most but for tests.
	sweepAt, limit int
}

// known are the series of something that has come before.
type known[S any] struct {
	series []S
	seen   int64 // when it came last, in seconds since 1970
}

func newMemory[S any]() memory[S] {
	return memory[S]{known: map[key]*known[S]{}, sweepAt: leastSwept, limit: most}
}

// sweep forgets what did not come again for long, and everything where that is not enough.
func (m *memory[S]) sweep(now time.Time) {
	if len(m.known) < m.sweepAt {
		return
	}
	for k, v := range m.known {
		if now.Unix()-v.seen > int64(keptFor/time.Second) {
			delete(m.known, k)
		}
	}
	if len(m.known) >= m.limit {
		m.known = map[key]*known[S]{}
	}
	m.sweepAt = max(leastSwept, min(2*len(m.known), m.limit))
}
