// SPDX-License-Identifier: Apache-2.0

package link

import (
	"math"
	"net/http"
	"sync"
	"time"
)

// clockWindow is how long an answer says something about the clocks: they drift apart by some 50 µs/s at the most.
const clockWindow = 10 * time.Minute

// Clock measures how far the server's clock is ahead of this host's. An answer's Date, which has whole seconds, and the times around the
// request bound the difference; many answers together narrow it down to the time of a round trip. Safe for concurrent use.
type Clock struct {
	mu sync.Mutex
	// low and high bound the server's clock minus ours. Guarded by mu, as since is.
	low, high time.Duration
	since     time.Time // of the first answer in the bounds; zero: none
}

// ClockStatus is what the status board shows.
type ClockStatus struct {
	// OffsetSeconds is the server's clock minus this host's; UncertaintySeconds is how far the true value may be from it.
	OffsetSeconds      float64 `json:"offset_seconds"`
	UncertaintySeconds float64 `json:"uncertainty_seconds"`
}

// answered notes an answer with the date that was asked for at sent and arrived at received.
func (c *Clock) answered(date string, sent, received time.Time) {
	d, err := http.ParseTime(date)
	if err != nil || received.Before(sent) {
		return
	}
	// The server wrote a time in [d, d+1s) at a moment in [sent, received].
	low, high := d.Sub(received), d.Add(time.Second).Sub(sent)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.since.IsZero() && received.Sub(c.since) < clockWindow && max(low, c.low) <= min(high, c.high) {
		c.low, c.high = max(low, c.low), min(high, c.high)
		return
	}
	c.low, c.high, c.since = low, high, received // The first one, a new window, or a clock was set.
}

// Status returns what is known, false when there was no answer with a date yet.
func (c *Clock) Status() (ClockStatus, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.since.IsZero() {
		return ClockStatus{}, false
	}
	milli := func(d time.Duration) float64 { return math.Round(d.Seconds()*1000) / 1000 }
	return ClockStatus{OffsetSeconds: milli((c.low + c.high) / 2), UncertaintySeconds: milli((c.high - c.low) / 2)}, true
}
