// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/strata-apm/strata/tenant"
)

const (
	// resentWindow is how long, at least, a request is remembered: an agent that was killed sends again what it was sending when it is back.
	resentWindow = time.Hour
	// resentMax bounds each of the two generations; past it the window is shorter.
	resentMax = 1 << 17
)

// recent remembers the hashes of accepted requests in two generations, so that forgetting costs nothing. Safe for concurrent use.
type recent struct {
	mu     sync.Mutex
	young  map[uint64]struct{}
	old    map[uint64]struct{}
	turned time.Time
}

func newRecent(now time.Time) *recent {
	return &recent{young: map[uint64]struct{}{}, turned: now}
}

// hash tells requests apart, and those of one tenant from another's. That of parts does not depend on their order.
func (req Request) hash(owner tenant.ID) uint64 {
	var sum uint64
	if owner != tenant.Default {
		sum = xxhash.Sum64String(string(owner))
	}
	if req.Body != nil {
		return sum + xxhash.Sum64(req.Body)
	}
	for _, p := range req.Parts {
		sum += xxhash.Sum64(p.Body)
	}
	return sum
}

// add notes the hash of a request and says whether it was noted before.
func (r *recent) add(h uint64, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.turned) > resentWindow || len(r.young) >= resentMax {
		r.old, r.young, r.turned = r.young, map[uint64]struct{}{}, now
	}
	_, seen := r.young[h]
	if !seen {
		_, seen = r.old[h]
	}
	r.young[h] = struct{}{}
	return seen
}
