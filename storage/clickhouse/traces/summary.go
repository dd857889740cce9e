// SPDX-License-Identifier: Apache-2.0

package traces

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/client"
	"github.com/strata-apm/strata/storage/clickhouse/resource"
	"github.com/strata-apm/strata/storage/clickhouse/timerange"
	"github.com/strata-apm/strata/storage/skew"
)

// foldSpans is up to how many spans the traces of a page are read span by span, once, to sum them up and to straighten their clocks. The
// engine sums larger ones up.
const foldSpans = 20_000

// summaryRow is one service's part of one trace.
type summaryRow struct {
	service             string
	spans, errors       uint64
	start, end          int64 // of all of them, in nanoseconds
	roots, hosts        uint64
	rootStart, rootEnd  int64 // of the first root, 0 without roots
	rootName, firstName string
}

// tracePart is what is read of one trace.
type tracePart struct {
	rows  []summaryRow
	spans []skew.Span // all of them, nil where they were not read or one does not say its host
}

// summarise reads the pending traces and adds those that belong on this page or a later one.
func (w *traceWalk) summarise(ctx context.Context) error {
	ids := w.pending
	w.pending = nil
	if len(ids) == 0 {
		return nil
	}
	at, err := w.store.traceExtent(ctx, w.q.Tenant, ids)
	if err != nil {
		return err
	}
	matched := w.matches
	if w.partly {
		if matched, err = w.countMatches(ctx, ids, at); err != nil {
			return err
		}
	}
	read := w.readSums
	if at.spans <= foldSpans {
		read = w.readSpans
	}
	parts, err := read(ctx, ids, at)
	if err != nil {
		return err
	}
	for id, part := range parts {
		m := matched[id]
		if m == nil {
			continue
		}
		f := foldTrace(id, part.rows)
		f.position.Key, f.summary.MatchedSpans = m.key, int(m.spans) //nolint:gosec // a count
		if w.after != nil && !w.after.before(f.position) {
			continue
		}
		if f.crooked {
			f.spans = part.spans
		}
		w.found = append(w.found, f)
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

// countMatches counts the matching spans of some traces, each with the first key in the order. It looks for them as a search does, by the
// indexes.
func (w *traceWalk) countMatches(ctx context.Context, ids []string, at extent) (map[string]*matches, error) {
	st := client.For(w.q.Tenant)
	where, err := condition(st, w.q.Selection)
	if err != nil {
		return nil, err
	}
	key, _ := w.key()
	query := "SELECT TraceId, count(), max(" + key + ") FROM {db}." + table + " WHERE " + where + " AND TraceId IN " + st.Strs(ids) + " AND " + at.where(st) +
		" GROUP BY TraceId"
	out := make(map[string]*matches, len(ids))
	err = w.store.client.Each(ctx, "count matching spans", query, st, func(scan func(...any) error) error {
		var id string
		var m matches
		if err := scan(&id, &m.spans, &m.key); err != nil {
			return err
		}
		out[id] = &m
		return nil
	})
	return out, err
}

// readSums lets the engine sum the traces up by service.
func (w *traceWalk) readSums(ctx context.Context, ids []string, at extent) (map[string]*tracePart, error) {
	st := client.For(w.q.Tenant)
	query := `SELECT TraceId, ` + resource.ServiceName + ` AS Service, count(), countIf(StatusCode = 'Error'), min(toUnixTimestamp64Nano(Timestamp)),
		max(toUnixTimestamp64Nano(Timestamp) + toInt64(Duration)), countIf(ParentSpanId = ''), minIf(toUnixTimestamp64Nano(Timestamp), ParentSpanId = ''),
		argMinIf(SpanName, Timestamp, ParentSpanId = ''), argMin(SpanName, Timestamp),
		argMinIf(toUnixTimestamp64Nano(Timestamp) + toInt64(Duration), Timestamp, ParentSpanId = ''), uniqExact(HostName)
		FROM {db}.` + table + ` WHERE ` + st.OfTenant() + ` AND TraceId IN ` + st.Strs(ids) + ` AND ` + at.where(st) + `
		GROUP BY TraceId, Service`
	out := make(map[string]*tracePart, len(ids))
	err := w.store.client.Each(ctx, "sum traces up", query, st, func(scan func(...any) error) error {
		var id string
		var r summaryRow
		if err := scan(&id, &r.service, &r.spans, &r.errors, &r.start, &r.end, &r.roots, &r.rootStart, &r.rootName, &r.firstName, &r.rootEnd, &r.hosts); err != nil {
			return err
		}
		partOf(out, id).rows = append(partOf(out, id).rows, r)
		return nil
	})
	return out, err
}

// partOf is the part of a trace, a new one where there is none.
func partOf(parts map[string]*tracePart, id string) *tracePart {
	p := parts[id]
	if p == nil {
		p = &tracePart{}
		parts[id] = p
	}
	return p
}

// summedSpan is what a summary needs of a span.
type summedSpan struct {
	skew.Span
	name  string
	error bool
}

// readSpans reads the traces span by span and sums them up. It reads no attributes: they cost more than all else.
func (w *traceWalk) readSpans(ctx context.Context, ids []string, at extent) (map[string]*tracePart, error) {
	st := client.For(w.q.Tenant)
	query := "SELECT TraceId, SpanId, ParentSpanId, " + resource.ServiceName + ", toString(HostName), lower(toString(SpanKind)), toUnixTimestamp64Nano(Timestamp)," +
		" toInt64(Duration), toString(SpanName), toBool(StatusCode = 'Error') FROM {db}." + table + " WHERE " + st.OfTenant() + " AND TraceId IN " + st.Strs(ids) +
		" AND " + at.where(st) + " ORDER BY Timestamp, SpanId"
	spans := make(map[string][]summedSpan, len(ids))
	err := w.store.client.Each(ctx, "read traces", query, st, func(scan func(...any) error) error {
		var id string
		var r summedSpan
		if err := scan(&id, &r.ID, &r.Parent, &r.Service, &r.Host, &r.Kind, &r.Start, &r.Duration, &r.name, &r.error); err != nil {
			return err
		}
		spans[id] = append(spans[id], r)
		return nil
	})
	out := make(map[string]*tracePart, len(spans))
	for id, rows := range spans {
		out[id] = sumUp(rows)
	}
	return out, err
}

// sumUp sums the spans of one trace up, which are in order of their start.
func sumUp(rows []summedSpan) *tracePart {
	out := &tracePart{spans: make([]skew.Span, 0, len(rows))}
	index := map[string]int{}
	hosts := map[[2]string]bool{}
	told := true
	for i := range rows {
		r := &rows[i]
		n, ok := index[r.Service]
		if !ok {
			n = len(out.rows)
			index[r.Service] = n
			out.rows = append(out.rows, summaryRow{service: r.Service, start: r.Start, end: r.Start + r.Duration, firstName: r.name})
		}
		sum := &out.rows[n]
		sum.spans++
		if r.error {
			sum.errors++
		}
		sum.end = max(sum.end, r.Start+r.Duration)
		if host := [2]string{r.Service, r.Host}; !hosts[host] {
			hosts[host] = true
			sum.hosts++
		}
		if r.Parent == "" {
			if sum.roots == 0 {
				sum.rootStart, sum.rootEnd, sum.rootName = r.Start, r.Start+r.Duration, r.name
			}
			sum.roots++
		}
		told = told && r.Host != ""
		out.spans = append(out.spans, r.Span)
	}
	if !told { // The clocks are those of other names, which are not read here.
		out.spans = nil
	}
	return out
}

// foldTrace puts a trace together from its services' parts.
func foldTrace(id string, rows []summaryRow) foundTrace {
	slices.SortFunc(rows, func(a, b summaryRow) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.service, b.service))
	})
	f := foundTrace{position: tracePosition{TraceID: id}, summary: storage.TraceSummary{TraceID: id, RootMissing: true}}
	sum := &f.summary
	start, end := rows[0].start, rows[0].end
	sum.RootService, sum.RootName = rows[0].service, rows[0].firstName
	var rootStart, rootEnd int64
	hosts := uint64(0)
	for _, r := range rows {
		start, end, hosts = min(start, r.start), max(end, r.end), max(hosts, r.hosts)
		sum.Spans += int(r.spans)                                                                                              //nolint:gosec // a count
		sum.Errors += int(r.errors)                                                                                            //nolint:gosec // a count
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
