// SPDX-License-Identifier: Apache-2.0

// Package timerange has what searches do with ranges of time: refuse them, cut them into pieces and buckets.
package timerange

import (
	"fmt"
	"time"

	"github.com/strata-apm/strata/storage"
)

// Check refuses ranges that cannot be meant: empty ones, and those that ClickHouse's DateTime64 of nanoseconds does not hold. The
// error wraps storage.ErrBadQuery.
func Check(r storage.TimeRange) error {
	first, last := time.Unix(0, 0), time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)
	if r.Start.Before(first) || r.End.After(last) {
		return fmt.Errorf("%w: the time range must lie between 1970 and 2262", storage.ErrBadQuery)
	}
	if !r.Start.Before(r.End) {
		return fmt.Errorf("%w: the time range ends before it starts", storage.ErrBadQuery)
	}
	return nil
}

// Windows cuts a range into pieces from its newer or older end, each five times as long as the piece before. A search in order of
// time can stop after the first piece that fills its page, which over days saves reading nearly everything.
func Windows(r storage.TimeRange, newestFirst bool) []storage.TimeRange {
	const (
		// A busy system has a million records a minute; a quiet one costs a few milliseconds for each empty piece.
		first = time.Minute
		grow  = 5
	)
	var out []storage.TimeRange
	for size := first; r.Start.Before(r.End); size *= grow {
		piece := r
		// A last piece that would be shorter than this one is taken along.
		if r.End.Sub(r.Start) > 2*size {
			if newestFirst {
				piece.Start = r.End.Add(-size)
			} else {
				piece.End = r.Start.Add(size)
			}
		}
		out = append(out, piece)
		if newestFirst {
			r.End = piece.Start
		} else {
			r.Start = piece.End
		}
	}
	return out
}

// Step returns the length of one of about n buckets of a range that is length long: rounded up to a length people count in. An n
// below 1 is 1.
func Step(length time.Duration, n int) time.Duration {
	steps := []time.Duration{
		time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second,
		15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute,
		30 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour,
	}
	want := length / time.Duration(max(1, n))
	for _, s := range steps {
		if s >= want {
			return s
		}
	}
	const day = 24 * time.Hour
	return (want + day - 1) / day * day
}

// UnixNano is the time, in UTC, that is n nanoseconds after the beginning of 1970.
func UnixNano(n int64) time.Time { return time.Unix(0, n).UTC() }

// Latest is the later of two times.
func Latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Earliest is the earlier of two times.
func Earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
