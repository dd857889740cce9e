// SPDX-License-Identifier: Apache-2.0

package traces

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/client"
	"github.com/strata-apm/strata/storage/clickhouse/page"
	"github.com/strata-apm/strata/storage/clickhouse/resource"
	"github.com/strata-apm/strata/storage/clickhouse/timerange"
	"github.com/strata-apm/strata/tenant"
)

// spanPosition is where a page of a trace's spans ended. Span ids alone are not unique: the two sides of a call may share one.
type spanPosition struct {
	Nano    int64
	SpanID  string
	Kind    string
	Service string
	Skip    int // spans with exactly this position on earlier pages
}

// Trace implements storage.TraceReader.
func (s *Store) Trace(ctx context.Context, q storage.TraceQuery) (storage.Trace, error) {
	id, ok := search.NormalID(q.TraceID, search.TraceIDDigits)
	if !ok {
		return storage.Trace{}, fmt.Errorf("%w: a trace id has at most 32 hexadecimal digits", storage.ErrInvalid)
	}
	var after *spanPosition
	if q.Cursor != "" {
		after = &spanPosition{}
		if err := page.DecodeCursor(q.Cursor, after); err != nil {
			return storage.Trace{}, err
		}
	}
	at, err := s.traceExtent(ctx, q.Tenant, []string{id})
	if err != nil {
		return storage.Trace{}, err
	}
	if len(at.ranges) == 0 {
		return storage.Trace{}, fmt.Errorf("trace %s: %w", id, storage.ErrNotFound)
	}
	read := traceRead{store: s, owner: q.Tenant, extent: at, trace: storage.Trace{TraceID: id}, limit: max(1, q.Limit), byHash: map[uint64]int{}}
	// Most traces fit one page: their totals follow from the spans, and one read less is a third of the time.
	read.whole = after == nil && at.spans <= uint64(min(read.limit, smallTrace)) //nolint:gosec // both are positive
	if !read.whole {
		if err := read.totals(ctx); err != nil {
			return storage.Trace{}, err
		}
	}
	if err := read.page(ctx, after); err != nil {
		return storage.Trace{}, err
	}
	if read.whole && read.trace.NextCursor != "" { // spans have arrived since they were counted
		read.trace.SpanCount, read.whole = 0, false
		if err := read.totals(ctx); err != nil {
			return storage.Trace{}, err
		}
		if err := read.page(ctx, after); err != nil {
			return storage.Trace{}, err
		}
	}
	if read.whole {
		read.sum()
	}
	if err := read.straighten(ctx); err != nil {
		return storage.Trace{}, err
	}
	if read.trace.SpanCount == 0 {
		return storage.Trace{}, fmt.Errorf("trace %s: %w", id, storage.ErrNotFound)
	}
	return read.trace, nil
}

// smallTrace is the size up to which every span brings its resource along.
const smallTrace = 1000

// sum makes the totals of a trace whose spans are all there. They are in order of start.
func (r *traceRead) sum() {
	services := map[string]int{}
	var end time.Time
	for i := range r.trace.Spans {
		sp := &r.trace.Spans[i]
		if i == 0 {
			r.trace.Start = sp.Start
		}
		end = timerange.Latest(end, sp.Start.Add(sp.Duration))
		at, ok := services[sp.Service]
		if !ok {
			at = len(r.trace.Services)
			services[sp.Service] = at
			r.trace.Services = append(r.trace.Services, storage.ServiceShare{Name: sp.Service})
		}
		r.trace.Services[at].Spans++
		r.trace.SpanCount++
		if sp.Status == "error" {
			r.trace.Services[at].Errors++
			r.trace.Errors++
		}
	}
	r.trace.Duration = end.Sub(r.trace.Start)
}

// traceRead reads one page of one trace.
type traceRead struct {
	store  *Store
	owner  tenant.ID
	extent extent
	trace  storage.Trace
	limit  int
	whole  bool           // all spans are on this page and bring their resources along
	byHash map[uint64]int // resource hash → index
}

func (r *traceRead) where(st *client.Statement) string {
	return st.OfTenant() + " AND TraceId = " + st.Str(r.trace.TraceID) + " AND " + r.extent.where(st)
}

const resourceHash = "cityHash64(mapKeys(ResourceAttributes), mapValues(ResourceAttributes))"

// totals reads what is true of the whole trace and each of its resources once: a trace has few, and its spans would repeat them.
func (r *traceRead) totals(ctx context.Context) error {
	st := client.For(r.owner)
	query := `SELECT ` + resource.ServiceName + ` AS Service, ` + resourceHash + ` AS h, any(ResourceAttributes), count(), countIf(StatusCode = 'Error'),
		min(toUnixTimestamp64Nano(Timestamp)) AS start, max(toUnixTimestamp64Nano(Timestamp) + toInt64(Duration))
		FROM {db}.` + table + ` WHERE ` + r.where(st) + ` GROUP BY Service, h ORDER BY start, Service LIMIT 50000`
	r.trace.Resources = []map[string]string{}
	services := map[string]int{}
	var first, last int64
	err := r.store.client.Each(ctx, "read a trace", query, st, func(scan func(...any) error) error {
		var service string
		var hash, spans, errors uint64
		var attrs map[string]string
		var start, end int64
		if err := scan(&service, &hash, &attrs, &spans, &errors, &start, &end); err != nil {
			return err
		}
		if r.trace.SpanCount == 0 {
			first = start
		}
		first, last = min(first, start), max(last, end)
		at, ok := services[service]
		if !ok {
			at = len(r.trace.Services)
			services[service] = at
			r.trace.Services = append(r.trace.Services, storage.ServiceShare{Name: service})
		}
		r.trace.SpanCount += int(spans)
		r.trace.Errors += int(errors)
		r.trace.Services[at].Spans += int(spans)
		r.trace.Services[at].Errors += int(errors)
		if _, ok := r.byHash[hash]; !ok {
			r.byHash[hash] = len(r.trace.Resources)
			r.trace.Resources = append(r.trace.Resources, attrs)
		}
		return nil
	})
	r.trace.Start, r.trace.Duration = timerange.UnixNano(first), time.Duration(last-first)
	return err
}

const spanKey = "toUnixTimestamp64Nano(Timestamp), SpanId, toString(SpanKind), toString(ServiceName)"

// page reads the spans of the page, fewer when they are too large for the engine's memory.
func (r *traceRead) page(ctx context.Context, after *spanPosition) error {
	for {
		err := r.spans(ctx, after)
		if !errors.Is(err, client.ErrMemory) || r.limit == 1 {
			return err
		}
		r.limit = max(1, r.limit/8)
	}
}

func (r *traceRead) spans(ctx context.Context, after *spanPosition) error {
	st := client.For(r.owner)
	where := r.where(st)
	skip := 0
	if after != nil {
		where += " AND (" + spanKey + ") >= (" + st.Int(after.Nano) + ", " + st.Str(after.SpanID) + ", " + st.Str(after.Kind) + ", " + st.Str(after.Service) + ")"
		skip = after.Skip
	}
	attributes := resourceHash + ", map()::Map(LowCardinality(String), String)"
	if r.whole {
		attributes = "0::UInt64, ResourceAttributes"
	}
	query := `SELECT ` + spanKey + `, ParentSpanId, SpanName, Duration, StatusCode, StatusMessage, ScopeName, ScopeVersion, ` + attributes + `,
		SpanAttributes, arrayMap(t -> toUnixTimestamp64Nano(t), Events.Timestamp), Events.Name, Events.Attributes, Links.TraceId, Links.SpanId, Links.Attributes,
		 ScopeSchemaUrl, ScopeAttributes, ResourceSchemaUrl, Flags
		FROM {db}.` + table + ` WHERE ` + where + ` ORDER BY Timestamp, SpanId, toString(SpanKind), toString(ServiceName), toString(SpanName), ParentSpanId, Duration LIMIT ` +
		strconv.Itoa(r.limit+1+skip)
	r.trace.Scopes, r.trace.Spans, r.trace.NextCursor = []storage.Scope{}, []storage.Span{}, ""
	if r.whole {
		r.trace.Resources = []map[string]string{}
	}
	var last spanPosition
	size := 0
	return r.store.client.Each(ctx, "read a trace's spans", query, st, func(scan func(...any) error) error {
		row, err := scanSpan(scan)
		if err != nil {
			return err
		}
		if skip > 0 {
			skip--
			if after != nil {
				last = *after
			}
			return nil
		}
		if len(r.trace.Spans) == r.limit {
			r.trace.NextCursor = page.EncodeCursor(last)
			return nil
		}
		p := row.position
		p.Skip = 1
		if p.Nano == last.Nano && p.SpanID == last.SpanID && p.Kind == last.Kind && p.Service == last.Service {
			p.Skip = last.Skip + 1
		}
		last = p
		row.span.Scope, row.span.Resource = r.scope(row.scope), r.resource(&row)
		r.trace.Spans = append(r.trace.Spans, row.span)
		if size += spanBytes(&row.span); size > page.MaxBytes {
			r.trace.NextCursor = page.EncodeCursor(last)
			return client.ErrPageFull
		}
		return nil
	})
}

// spanBytes is about the text that a span holds.
func spanBytes(sp *storage.Span) int {
	n := len(sp.Name) + len(sp.StatusMessage) + page.TextBytes(sp.Attributes)
	for _, e := range sp.Events {
		n += len(e.Name) + page.TextBytes(e.Attributes)
	}
	for _, l := range sp.Links {
		n += page.TextBytes(l.Attributes)
	}
	return n
}

// scope returns the index of a span's scope. A trace has few.
func (r *traceRead) scope(s storage.Scope) int {
	for i, known := range r.trace.Scopes {
		if known.Name == s.Name && known.Version == s.Version && known.SchemaURL == s.SchemaURL && maps.Equal(known.Attributes, s.Attributes) {
			return i
		}
	}
	r.trace.Scopes = append(r.trace.Scopes, s)
	return len(r.trace.Scopes) - 1
}

// resource returns the index of a span's resource. A resource that arrived after the list was read gets an empty entry.
func (r *traceRead) resource(row *spanRow) int {
	if r.whole {
		for i, known := range r.trace.Resources {
			if maps.Equal(known, row.resource) {
				return i
			}
		}
		r.trace.Resources = append(r.trace.Resources, row.resource)
		return len(r.trace.Resources) - 1
	}
	at, ok := r.byHash[row.hash]
	if !ok {
		at = len(r.trace.Resources)
		r.byHash[row.hash] = at
		r.trace.Resources = append(r.trace.Resources, map[string]string{})
	}
	return at
}

// spanRow is one span as it is read.
type spanRow struct {
	position spanPosition
	span     storage.Span
	scope    storage.Scope
	hash     uint64
	resource map[string]string // of a small trace
}

func scanSpan(scan func(...any) error) (spanRow, error) {
	var (
		row                     spanRow
		duration                uint64
		status                  string
		eventTimes              []int64
		eventNames              []string
		eventAttrs, linkAttrs   []map[string]string
		linkTraces, linkSpanIDs []string
	)
	p, sp := &row.position, &row.span
	if err := scan(&p.Nano, &p.SpanID, &p.Kind, &p.Service, &sp.Parent, &sp.Name, &duration, &status, &sp.StatusMessage,
		&row.scope.Name, &row.scope.Version, &row.hash, &row.resource, &sp.Attributes, &eventTimes, &eventNames, &eventAttrs, &linkTraces, &linkSpanIDs, &linkAttrs,
		&row.scope.SchemaURL, &row.scope.Attributes, &sp.ResourceSchemaURL, &sp.Flags); err != nil {
		return row, err
	}
	if len(row.scope.Attributes) == 0 {
		row.scope.Attributes = nil
	}
	sp.ID, sp.Service, sp.Kind = p.SpanID, resource.ShownService(p.Service), strings.ToLower(p.Kind)
	sp.Start, sp.Duration, sp.Status = timerange.UnixNano(p.Nano), time.Duration(duration), strings.ToLower(status)
	for i := range eventTimes {
		sp.Events = append(sp.Events, storage.SpanEvent{Name: eventNames[i], Time: timerange.UnixNano(eventTimes[i]), Attributes: eventAttrs[i]})
	}
	for i := range linkTraces {
		sp.Links = append(sp.Links, storage.SpanLink{TraceID: linkTraces[i], SpanID: linkSpanIDs[i], Attributes: linkAttrs[i]})
	}
	return row, nil
}
