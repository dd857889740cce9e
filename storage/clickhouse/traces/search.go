// SPDX-License-Identifier: Apache-2.0

package traces

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/client"
	"github.com/strata-apm/strata/storage/clickhouse/page"
	"github.com/strata-apm/strata/storage/clickhouse/resource"
	"github.com/strata-apm/strata/storage/clickhouse/timerange"
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
	walk := traceWalk{store: s, q: q, limit: max(1, q.Limit), seen: map[string]bool{}, crooked: map[string]bool{}}
	if q.Cursor != "" {
		walk.after = &tracePosition{}
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
	crooked  bool // it goes beyond its root, or has none, and is of more than one host or service
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
	// crooked are the traces whose times may be those of clocks that disagree.
	crooked map[string]bool
}

// through walks one piece of the range until the page is full or no span is left. Whole traces are read once enough are known.
func (w *traceWalk) through(ctx context.Context, piece storage.TimeRange) error {
	const least, most = 200, 5000
	batch := min(max(w.limit*8, least), most)
	for !w.full() {
		spans, err := w.spans(ctx, piece, batch)
		if err != nil {
			return err
		}
		all := true
		for _, p := range spans {
			if w.seen[p.TraceID] {
				continue
			}
			if w.enough() {
				all = false // The rest comes again if the page needs it.
				break
			}
			w.seen[p.TraceID] = true
			w.pending = append(w.pending, p.TraceID)
		}
		if w.enough() {
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

// spans returns the next matching spans of traces that were not seen, in order.
func (w *traceWalk) spans(ctx context.Context, piece storage.TimeRange, limit int) ([]tracePosition, error) {
	st := client.For(w.q.Tenant)
	where, err := condition(st, storage.Selection{Tenant: w.q.Tenant, Filter: w.q.Filter, Range: piece})
	if err != nil {
		return nil, err
	}
	key, order := "toUnixTimestamp64Nano(Timestamp)", "Timestamp"
	if w.q.Order == storage.SlowestFirst {
		key, order = "toInt64(Duration)", "Duration"
	}
	if w.after != nil {
		where += " AND (" + key + ", TraceId) < (" + st.Int(w.after.Key) + ", " + st.Str(w.after.TraceID) + ")"
	}
	if len(w.seen) > 0 {
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

// summaryRow is one service's part of one trace.
type summaryRow struct {
	id, service            string
	spans, errors, matched uint64
	start, end, key        int64
	roots, hosts           uint64
	rootStart, rootEnd     int64
	rootName, firstName    string
}

// summarise reads the pending traces and adds those that belong on this page or a later one.
func (w *traceWalk) summarise(ctx context.Context) error {
	ids := w.pending
	w.pending = nil
	if len(ids) == 0 {
		return nil
	}
	extent, err := w.store.traceExtent(ctx, w.q.Tenant, ids)
	if err != nil {
		return err
	}
	st := client.For(w.q.Tenant)
	matching, err := condition(st, w.q.Selection)
	if err != nil {
		return err
	}
	key := "toUnixTimestamp64Nano(Timestamp)"
	if w.q.Order == storage.SlowestFirst {
		key = "toInt64(Duration)"
	}
	query := `SELECT TraceId, ` + resource.ServiceName + ` AS Service, count(), countIf(StatusCode = 'Error'), countIf(m), min(toUnixTimestamp64Nano(Timestamp)),
		max(toUnixTimestamp64Nano(Timestamp) + toInt64(Duration)), maxIf(` + key + `, m), countIf(ParentSpanId = ''),
		minIf(toUnixTimestamp64Nano(Timestamp), ParentSpanId = ''), argMinIf(SpanName, Timestamp, ParentSpanId = ''), argMin(SpanName, Timestamp),
		argMinIf(toUnixTimestamp64Nano(Timestamp) + toInt64(Duration), Timestamp, ParentSpanId = ''), uniqExact(HostName)
		FROM (SELECT *, (` + matching + `) AS m FROM {db}.` + table + ` WHERE ` + st.OfTenant() + ` AND TraceId IN ` + st.Strs(ids) +
		` AND ` + extent.where(st) + `)
		GROUP BY TraceId, Service`
	byTrace := make(map[string][]summaryRow, len(ids))
	err = w.store.client.Each(ctx, "summarise traces", query, st, func(scan func(...any) error) error {
		var r summaryRow
		if err := scan(&r.id, &r.service, &r.spans, &r.errors, &r.matched, &r.start, &r.end, &r.key, &r.roots, &r.rootStart, &r.rootName, &r.firstName, &r.rootEnd, &r.hosts); err != nil {
			return err
		}
		byTrace[r.id] = append(byTrace[r.id], r)
		return nil
	})
	if err != nil {
		return err
	}
	for id, rows := range byTrace {
		f := foldTrace(id, rows)
		if f.summary.MatchedSpans > 0 && (w.after == nil || w.after.before(f.position)) {
			w.found = append(w.found, f)
			w.crooked[id] = f.crooked
		}
	}
	slices.SortFunc(w.found, func(a, b foundTrace) int {
		if a.position.before(b.position) {
			return -1
		}
		if b.position.before(a.position) {
			return 1
		}
		return 0
	})
	return nil
}

// foldTrace puts a trace together from its services' parts.
func foldTrace(id string, rows []summaryRow) foundTrace {
	slices.SortFunc(rows, func(a, b summaryRow) int { return cmp.Compare(a.start, b.start) })
	f := foundTrace{position: tracePosition{TraceID: id}, summary: storage.TraceSummary{TraceID: id, RootMissing: true}}
	sum := &f.summary
	start, end := rows[0].start, rows[0].end
	sum.RootService, sum.RootName = rows[0].service, rows[0].firstName
	var rootStart, rootEnd int64
	hosts := uint64(0)
	for _, r := range rows {
		start, end, hosts = min(start, r.start), max(end, r.end), max(hosts, r.hosts)
		sum.Spans += int(r.spans)          //nolint:gosec // a count
		sum.Errors += int(r.errors)        //nolint:gosec // a count
		sum.MatchedSpans += int(r.matched) //nolint:gosec // a count
		if r.matched > 0 {
			f.position.Key = max(f.position.Key, r.key)
		}
		sum.Services = append(sum.Services, storage.ServiceShare{Name: r.service, Spans: int(r.spans), Errors: int(r.errors)}) //nolint:gosec // counts
		if r.roots > 0 && (sum.RootMissing || r.rootStart < rootStart) {
			sum.RootMissing, rootStart, rootEnd = false, r.rootStart, r.rootEnd
			sum.RootService, sum.RootName = r.service, r.rootName
		}
	}
	f.crooked = (len(rows) > 1 || hosts > 1) && (sum.RootMissing || start < rootStart || end > rootEnd)
	sum.Start, sum.Duration = timerange.UnixNano(start), time.Duration(end-start)
	return f
}
