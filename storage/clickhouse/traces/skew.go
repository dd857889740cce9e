// SPDX-License-Identifier: Apache-2.0

package traces

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/client"
	"github.com/strata-apm/strata/storage/clickhouse/resource"
	"github.com/strata-apm/strata/storage/clickhouse/timerange"
	"github.com/strata-apm/strata/storage/skew"
	"github.com/strata-apm/strata/tenant"
)

const (
	// skewSpans is up to how many spans of one trace, or of all traces of a page of a list, are compared. A larger trace keeps its times.
	skewSpans = 100_000
	// skewHost names the host whose clock a span's times are of. Names within Kubernetes and containers stand in for the
	// host's; two of them on one host have one clock and show no skew.
	skewHost = "coalesce(nullIf(toString(HostName), ''), nullIf(ResourceAttributes['host.id'], ''), nullIf(ResourceAttributes['k8s.node.name'], '')," +
		" nullIf(ResourceAttributes['k8s.pod.name'], ''), ResourceAttributes['container.id'])"
)

// hostOf is skewHost for a resource that was read.
func hostOf(attrs map[string]string) string {
	return cmp.Or(attrs["host.name"], attrs["host.id"], attrs["k8s.node.name"], attrs["k8s.pod.name"], attrs["container.id"])
}

// skewKey finds a span of a page among all spans of its trace.
type skewKey struct {
	nano                      int64
	id, parent, kind, service string
}

// straightened is what is known of a trace once its hosts' clocks agree.
type straightened struct {
	moved      map[skewKey]int64
	start, end int64
	skews      []storage.ClockSkew
}

// straighten compares the spans of one trace.
func straighten(spans []skew.Span) straightened {
	out := straightened{moved: map[skewKey]int64{}}
	index := map[storage.ClockSkew]int{}
	for i, by := range skew.Of(spans) {
		sp := &spans[i]
		if start, end := sp.Start+by, sp.Start+by+sp.Duration; i == 0 {
			out.start, out.end = start, end
		} else {
			out.start, out.end = min(out.start, start), max(out.end, end)
		}
		if by == 0 {
			continue
		}
		out.moved[skewKey{sp.Start, sp.ID, sp.Parent, sp.Kind, sp.Service}] = by
		who := storage.ClockSkew{Service: sp.Service, Host: sp.Host}
		at, ok := index[who]
		if !ok {
			at = len(out.skews)
			index[who] = at
			out.skews = append(out.skews, who)
		}
		s := &out.skews[at]
		s.Spans++
		if by := time.Duration(by); by.Abs() > s.By.Abs() {
			s.By = by
		}
	}
	slices.SortFunc(out.skews, func(a, b storage.ClockSkew) int { return cmp.Compare(b.Spans, a.Spans) })
	return out
}

// apply moves the spans of a page, with their events, and sets when the trace was.
func (s straightened) apply(t *storage.Trace) {
	t.Skews = s.skews
	t.Start, t.Duration = timerange.UnixNano(s.start), time.Duration(s.end-s.start)
	if len(s.moved) == 0 {
		return
	}
	for i := range t.Spans {
		sp := &t.Spans[i]
		by := time.Duration(s.moved[skewKey{sp.Start.UnixNano(), sp.ID, sp.Parent, sp.Kind, sp.Service}])
		sp.Start, sp.Skew = sp.Start.Add(by), by
		for e := range sp.Events {
			sp.Events[e].Time = sp.Events[e].Time.Add(by)
		}
	}
}

// skewRows reads what straighten compares, by trace.
func (s *Store) skewRows(ctx context.Context, owner tenant.ID, ids []string, at extent) (map[string][]skew.Span, error) {
	st := client.For(owner)
	query := "SELECT TraceId, SpanId, ParentSpanId, " + resource.ServiceName + ", " + skewHost + ", lower(toString(SpanKind)), toUnixTimestamp64Nano(Timestamp), toInt64(Duration)" +
		" FROM {db}." + table + " WHERE " + st.OfTenant() + " AND TraceId IN " + st.Strs(ids) + " AND " + at.where(st) +
		" ORDER BY Timestamp, SpanId LIMIT " + strconv.Itoa(skewSpans+1)
	out := map[string][]skew.Span{}
	n := 0
	err := s.client.Each(ctx, "compare clocks", query, st, func(scan func(...any) error) error {
		var id string
		var sp skew.Span
		if err := scan(&id, &sp.ID, &sp.Parent, &sp.Service, &sp.Host, &sp.Kind, &sp.Start, &sp.Duration); err != nil {
			return err
		}
		out[id] = append(out[id], sp)
		n++
		return nil
	})
	if n > skewSpans { // some spans are not among them
		return nil, err
	}
	return out, err
}

// straighten makes the hosts' clocks of the trace agree. A trace that is all here needs no other read.
func (r *traceRead) straighten(ctx context.Context) error {
	if r.whole {
		spans := make([]skew.Span, len(r.trace.Spans))
		for i := range r.trace.Spans {
			sp := &r.trace.Spans[i]
			spans[i] = skew.Span{
				ID: sp.ID, Parent: sp.Parent, Service: sp.Service, Host: hostOf(r.trace.Resources[sp.Resource]), Kind: sp.Kind,
				Start: sp.Start.UnixNano(), Duration: int64(sp.Duration),
			}
		}
		if len(spans) > 0 {
			straighten(spans).apply(&r.trace)
		}
		return nil
	}
	hosts := map[string]bool{}
	for _, res := range r.trace.Resources {
		hosts[hostOf(res)] = true
	}
	if r.trace.SpanCount > skewSpans || len(hosts) < 2 {
		return nil
	}
	rows, err := r.store.skewRows(ctx, r.owner, []string{r.trace.TraceID}, r.extent)
	if err != nil || len(rows) == 0 {
		return err
	}
	straighten(rows[r.trace.TraceID]).apply(&r.trace)
	return nil
}

// straighten corrects when the traces of a page were. Only those are looked at that go beyond their root and have more than one host
// or service, and only those are read again whose spans are not known or do not say a host; where they have too many spans their times
// stay as they were sent.
func (w *traceWalk) straighten(ctx context.Context, traces []storage.TraceSummary) error {
	var ids []string
	count := 0
	at := map[string]int{}
	known := map[string][]skew.Span{}
	for i := range traces {
		f := &w.found[i] // In the same order.
		if !f.crooked {
			continue
		}
		id := f.position.TraceID
		at[id] = i
		if f.spans != nil {
			known[id] = f.spans
		} else if count+f.summary.Spans <= skewSpans {
			count += f.summary.Spans
			ids = append(ids, id)
		}
	}
	if len(ids) > 0 {
		extent, err := w.store.traceExtent(ctx, w.q.Tenant, ids)
		if err != nil {
			return err
		}
		rows, err := w.store.skewRows(ctx, w.q.Tenant, ids, extent)
		if err != nil {
			return err
		}
		maps.Copy(known, rows)
	}
	for id, spans := range known {
		s := straighten(spans)
		t := &traces[at[id]]
		t.Start, t.Duration = timerange.UnixNano(s.start), time.Duration(s.end-s.start)
	}
	return nil
}
