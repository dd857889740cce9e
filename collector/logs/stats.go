// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/strata-apm/strata/backoff"
)

// Head is the beginning of a text's first line, by which its file is recognised.
func Head(text string) string {
	line, _, _ := strings.Cut(strings.TrimLeftFunc(text, unicode.IsSpace), "\n")
	if len(line) > headBytes {
		line = strings.ToValidUTF8(line[:headBytes], "")
	}
	return strings.TrimRight(line, "\r")
}

// Counters are what happened to the records of one source since the agent started.
type Counters struct {
	// Records were handed over, Bytes is their size in the source, Masked how many secrets were replaced in them.
	Records, Bytes, Masked atomic.Int64
	// HeldBack counts records that were read later because of the source's limit, HeldBackMillis for how long reading waited.
	HeldBack, HeldBackMillis atomic.Int64
	// Dropped counts records of a source that cannot wait, such as UDP. The status adds what the kernel dropped.
	Dropped atomic.Int64
}

// SourceStatus is what the status board shows of a source.
type SourceStatus struct {
	Source          string  `json:"source"`
	Records         int64   `json:"records"`
	Bytes           int64   `json:"bytes"`
	Masked          int64   `json:"masked"`
	HeldBack        int64   `json:"held_back"`
	HeldBackSeconds float64 `json:"held_back_seconds"`
	Dropped         int64   `json:"dropped"`
}

// Stats are the counters of all sources, over all collectors that the agent runs one after the other. Safe for concurrent use.
type Stats struct {
	mu      sync.Mutex
	sources map[string]*Counters // guarded by mu
}

// NewStats returns counters at zero.
func NewStats() *Stats { return &Stats{sources: make(map[string]*Counters)} }

// Source returns the counters of a source that is named by its patterns or by one name.
func (s *Stats) Source(names []string) *Counters {
	name := strings.Join(names, " ")
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sources[name] == nil {
		s.sources[name] = &Counters{}
	}
	return s.sources[name]
}

// Status lists the sources by name.
func (s *Stats) Status() []SourceStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]SourceStatus, 0, len(s.sources))
	for _, name := range slices.Sorted(maps.Keys(s.sources)) {
		c := s.sources[name]
		dropped := c.Dropped.Load()
		if address, ok := strings.CutPrefix(name, "udp://"); ok {
			dropped += kernelDrops(address)
		}
		out = append(out, SourceStatus{
			Source: name, Records: c.Records.Load(), Bytes: c.Bytes.Load(), Masked: c.Masked.Load(), HeldBack: c.HeldBack.Load(),
			HeldBackSeconds: float64(c.HeldBackMillis.Load()) / 1000, Dropped: dropped,
		})
	}
	return out
}

// limiter lets so many records through in a second, and a second's worth at once. Safe for concurrent use.
type limiter struct {
	mu    sync.Mutex
	rate  float64   // 0: no limit
	ready time.Time // when what was let through is paid for; guarded by mu
}

func newLimiter(perSecond int, now time.Time) *limiter {
	return &limiter{rate: float64(perSecond), ready: now.Add(-time.Second)}
}

// reserve lets n records through and returns how long to wait before.
func (l *limiter) reserve(n int, now time.Time) time.Duration {
	if l.rate == 0 {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if earliest := now.Add(-time.Second); l.ready.Before(earliest) {
		l.ready = earliest
	}
	l.ready = l.ready.Add(time.Duration(float64(n) / l.rate * float64(time.Second)))
	return max(0, l.ready.Sub(now))
}

// try lets n records through, or none of them.
func (l *limiter) try(n int, now time.Time) bool {
	if l.rate == 0 {
		return true
	}
	pause := l.reserve(n, now)
	if pause > 0 {
		l.mu.Lock()
		l.ready = l.ready.Add(-time.Duration(float64(n) / l.rate * float64(time.Second)))
		l.mu.Unlock()
	}
	return pause <= 0
}

// wait waits for n records' turn, or until ctx ends.
func (l *limiter) wait(ctx context.Context, n int) time.Duration {
	pause := l.reserve(n, time.Now())
	if pause <= 0 {
		return 0
	}
	_ = backoff.Sleep(ctx, pause) // The records are let through either way.
	return pause
}
