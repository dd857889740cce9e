// SPDX-License-Identifier: Apache-2.0

package traces

import (
	"context"
	"strconv"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/client"
	"github.com/strata-apm/strata/storage/clickhouse/page"
	"github.com/strata-apm/strata/storage/clickhouse/timerange"
	"github.com/strata-apm/strata/storage/skew"
)

// tracePosition is where a page of traces ended: the key of its last trace. The key is the start of the newest matching span, or the
// duration of the slowest.
type tracePosition struct {
	Key     int64
	TraceID string
}

// before reports whether p comes before o in the order of a search, which is descending.
func (p tracePosition) before(o tracePosition) bool {
	return p.Key > o.Key || p.Key == o.Key && p.TraceID > o.TraceID
}

// SearchTraces implements storage.TraceSearcher. It walks matching spans in order of the key and takes each trace at its first span;
// a trace whose first span lies before the cursor was on an earlier page.
func (s *Store) SearchTraces(ctx context.Context, q storage.TraceSearch) (storage.TracePage, error) {
	var out storage.TracePage
	if err := timerange.Check(q.Range); err != nil {
		return out, err
	}
	walk := traceWalk{store: s, q: q, limit: max(1, q.Limit), seen: map[string]bool{}, matches: map[string]*matches{}}
	if q.Cursor != "" {
		walk.after, walk.partly = &tracePosition{}, true
		if err := page.DecodeCursor(q.Cursor, walk.after); err != nil {
			return out, err
		}
	}
	pieces := []storage.TimeRange{q.Range}
	if q.Order == storage.NewestFirst {
		r := q.Range
		if walk.after != nil {
			r.End = timerange.Earliest(r.End, timerange.UnixNano(walk.after.Key).Add(1))
		}
		pieces = timerange.Windows(r, true)
	}
	for _, piece := range pieces {
		if err := walk.through(ctx, piece); err != nil {
			return storage.TracePage{}, err
		}
		if walk.full() {
			break
		}
	}
	if err := walk.summarise(ctx); err != nil {
		return storage.TracePage{}, err
	}
	for i, f := range walk.found {
		if i == walk.limit {
			last := walk.found[i-1]
			out.NextCursor = page.EncodeCursor(last.position)
			break
		}
		out.Traces = append(out.Traces, f.summary)
	}
	if err := walk.straighten(ctx, out.Traces); err != nil {
		return storage.TracePage{}, err
	}
	return out, nil
}

// foundTrace is a trace with its place in the order.
type foundTrace struct {
	position tracePosition
	summary  storage.TraceSummary
	// crooked says that the trace goes beyond its root, or has none, and is of more than one host or service: its times may be those of clocks
	// that disagree.
	crooked bool
	// spans are all spans of a crooked trace, nil where they were not read.
	spans []skew.Span
}

// matches are the matching spans of one trace that the walk met.
type matches struct {
	spans uint64
	key   int64 // of the first in the order
}

// traceWalk collects traces, one more than the page has.
type traceWalk struct {
	store *Store
	q     storage.TraceSearch
	limit int
	after *tracePosition
	seen  map[string]bool
	// pending are traces that were met and not read yet.
	pending []string
	found   []foundTrace
	matches map[string]*matches
	// partly says that the walk did not meet every matching span of the range, so that matches does not say how many a trace has.
	partly bool
}

// through walks one piece of the range until the page is full or no span is left. Whole traces are read once enough are known.
func (w *traceWalk) through(ctx context.Context, piece storage.TimeRange) error {
	const least, most = 200, 5000
	batch := min(max(w.limit*8, least), most)
	for again := false; !w.full(); again = true {
		spans, err := w.spans(ctx, piece, batch, again)
		if err != nil {
			return err
		}
		all := true
		for _, p := range spans {
			if w.seen[p.TraceID] {
				w.matches[p.TraceID].spans++
				continue
			}
			if w.enough() {
				all = false // The rest comes again if the page needs it.
				break
			}
			w.seen[p.TraceID] = true
			w.matches[p.TraceID] = &matches{spans: 1, key: p.Key}
			w.pending = append(w.pending, p.TraceID)
		}
		w.partly = w.partly || !all || len(spans) == batch
		if w.enough() {
			w.partly = true // There may be more of them in the pieces that follow.
			if err := w.summarise(ctx); err != nil {
				return err
			}
		}
		if all && len(spans) < batch {
			return nil
		}
	}
	return nil
}

// full reports whether the page has all its traces and the one that proves that there are more.
func (w *traceWalk) full() bool { return len(w.found) > w.limit }

// enough reports whether it would be full if every pending trace belonged on it.
func (w *traceWalk) enough() bool { return len(w.found)+len(w.pending) > w.limit }

// key is the key of a span in the order, and the column that it is of.
func (w *traceWalk) key() (key, column string) {
	if w.q.Order == storage.SlowestFirst {
		return "toInt64(Duration)", "Duration"
	}
	return "toUnixTimestamp64Nano(Timestamp)", "Timestamp"
}

// spans returns the first matching spans of a piece, in order; the next time those of traces that were not seen.
func (w *traceWalk) spans(ctx context.Context, piece storage.TimeRange, limit int, again bool) ([]tracePosition, error) {
	st := client.For(w.q.Tenant)
	where, err := condition(st, storage.Selection{Tenant: w.q.Tenant, Filter: w.q.Filter, Range: piece})
	if err != nil {
		return nil, err
	}
	key, order := w.key()
	if w.after != nil {
		where += " AND (" + key + ", TraceId) < (" + st.Int(w.after.Key) + ", " + st.Str(w.after.TraceID) + ")"
	}
	if len(w.seen) > 0 && (again || w.partly) {
		ids := make([]string, 0, len(w.seen))
		for id := range w.seen {
			ids = append(ids, id)
		}
		where += " AND TraceId NOT IN " + st.Strs(ids)
	}
	query := "SELECT " + key + ", TraceId FROM {db}." + table + " WHERE " + where + " ORDER BY " + order + " DESC, TraceId DESC LIMIT " + strconv.Itoa(limit)
	var out []tracePosition
	err = w.store.client.Each(ctx, "search traces", query, st, func(scan func(...any) error) error {
		var p tracePosition
		if err := scan(&p.Key, &p.TraceID); err != nil {
			return err
		}
		out = append(out, p)
		return nil
	})
	return out, err
}
