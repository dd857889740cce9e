// SPDX-License-Identifier: Apache-2.0

package storagetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

// clockSkew has traces over two hosts: one whose clocks agree, one whose server is twenty minutes behind, one with an asynchronous span.
func (s *suite) clockSkew(t *testing.T) {
	day := s.day().Add(30 * time.Minute)
	host := func(name string) map[string]string { return map[string]string{"host.name": name} }
	of := func(trace int, behind time.Duration) []spanSpec {
		return []spanSpec{
			{trace: trace, id: 1, service: "front", name: "GET /", start: day, duration: 200 * time.Millisecond, kind: ptrace.SpanKindServer, resource: host("a")},
			{trace: trace, id: 2, parent: 1, service: "front", name: "call", start: day.Add(10 * time.Millisecond), duration: 100 * time.Millisecond, kind: ptrace.SpanKindClient, resource: host("a")},
			{trace: trace, id: 3, parent: 2, service: "stock", name: "handle", start: day.Add(30*time.Millisecond - behind), duration: 60 * time.Millisecond, kind: ptrace.SpanKindServer, resource: host("b")},
			{trace: trace, id: 4, parent: 3, service: "stock", name: "count", start: day.Add(35*time.Millisecond - behind), duration: 5 * time.Millisecond, kind: ptrace.SpanKindInternal, resource: host("b")},
		}
	}
	const behind = 20 * time.Minute
	s.putSpans(t, "straight", spans(of(8901, 0)...))
	s.putSpans(t, "skewed", spans(of(8902, behind)...))
	s.putSpans(t, "ahead", spans(of(8903, -behind)...))
	late := of(8904, 0)
	late[3].kind, late[3].resource, late[3].service, late[3].start = ptrace.SpanKindConsumer, host("c"), "mail", day.Add(time.Minute)
	s.putSpans(t, "late", spans(late...))

	asRecorded := map[int]time.Duration{8901: 200 * time.Millisecond, 8904: time.Minute + 5*time.Millisecond}
	listed := map[string]storage.TraceSummary{}
	for _, sum := range s.findTraces(t, day.Add(-30*time.Minute), equals(field(search.FieldService), "front")) {
		listed[sum.TraceID] = sum
	}
	for trace, want := range map[int]time.Duration{8901: 0, 8902: behind, 8903: -behind, 8904: 0} {
		for _, limit := range []int{100, 2} {
			var all []storage.Span
			q := storage.TraceQuery{Tenant: tenant.Default, TraceID: hexTrace(trace), Limit: limit}
			for {
				tr, err := s.Store.Trace(t.Context(), q)
				require.NoError(t, err)
				duration := asRecorded[trace]
				if duration == 0 {
					duration = 200 * time.Millisecond
				}
				require.Equal(t, day, tr.Start)
				require.Equal(t, duration, tr.Duration)
				require.Equal(t, duration, listed[tr.TraceID].Duration)
				require.Equal(t, day, listed[tr.TraceID].Start)
				if want == 0 {
					require.Empty(t, tr.Skews)
				} else {
					require.Equal(t, []storage.ClockSkew{{Service: "stock", Host: "b", By: want, Spans: 2}}, tr.Skews)
				}
				all = append(all, tr.Spans...)
				if q.Cursor = tr.NextCursor; q.Cursor == "" {
					break
				}
			}
			require.Len(t, all, 4)
			for _, sp := range all {
				if sp.Service == "stock" {
					require.Equal(t, want, sp.Skew)
					require.WithinDuration(t, day.Add(30*time.Millisecond), sp.Start, 6*time.Millisecond)
				} else {
					require.Zero(t, sp.Skew)
				}
			}
		}
	}
}
