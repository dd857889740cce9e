// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/strata-apm/strata/storage"
)

// encodeCursor makes the opaque text of a position.
func encodeCursor(position any) string {
	b, err := json.Marshal(position)
	if err != nil {
		return "" // Positions are numbers and strings; this cannot happen.
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// decodeCursor reads the position back; a text that is none is the caller's mistake.
func decodeCursor(cursor string, position any) error {
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil {
		err = json.Unmarshal(b, position)
	}
	if err != nil {
		return fmt.Errorf("%w: the cursor is malformed; start again without one", storage.ErrBadQuery)
	}
	return nil
}

// windows cuts a range into pieces from its newer or older end, each five times as long as the one before. A search in order of time
// can stop after the first piece that fills its page, which over days saves reading nearly everything.
func windows(r storage.TimeRange, newestFirst bool) []storage.TimeRange {
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

// niceStep rounds the length of one of n buckets up to a length people count in.
func niceStep(length time.Duration, n int) time.Duration {
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

func unixNano(n int64) time.Time { return time.Unix(0, n).UTC() }
