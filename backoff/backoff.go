// SPDX-License-Identifier: Apache-2.0

// Package backoff is the pause between attempts: it doubles from Min to Max, and each differs by up to a fifth, so that those who failed together do not come back
// together.
package backoff

import (
	"context"
	"math/rand/v2"
	"time"
)

// Backoff counts the attempts of one task. Not safe for concurrent use.
type Backoff struct {
	// Min is the first pause, Max the longest; both before the difference of a fifth.
	Min, Max time.Duration

	last time.Duration
}

// New returns a back-off whose first pause is about first.
func New(first, longest time.Duration) *Backoff { return &Backoff{Min: first, Max: longest} }

// Next returns the pause before the next attempt.
func (b *Backoff) Next() time.Duration {
	b.last = min(max(b.Min, 2*b.last), b.Max)
	return time.Duration(float64(b.last) * (0.8 + 0.4*rand.Float64())) //nolint:gosec // A pause needs no secrecy.
}

// Reset makes the next pause the first again.
func (b *Backoff) Reset() { b.last = 0 }

// Wait pauses before the next attempt. It returns ctx's error when ctx ends first.
func (b *Backoff) Wait(ctx context.Context) error { return Sleep(ctx, b.Next()) }

// Sleep pauses for d, or until ctx ends, whose error it returns then.
func Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err // The caller's own context.
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err() // As above.
	case <-t.C:
		return nil
	}
}
