// SPDX-License-Identifier: Apache-2.0

package storagetest

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/signal"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

// RunTenants runs the suite of isolation: two tenants whose services, hosts, traces, spans and keys have equal names. Every method that reads
// is asked as each of them, as a tenant that has nothing, and as nobody. Whatever belongs to tenant x has the text "of-x" in it.
func RunTenants(t *testing.T, open Open) {
	t.Helper()
	s := &suite{Harness: open(t)}
	day := s.day()
	s.putBothTenants(t, day)
	for name, ask := range s.tenantQuestions(day) {
		t.Run(name, func(t *testing.T) {
			for _, mine := range []tenant.ID{"a", "b"} {
				other := map[tenant.ID]string{"a": "of-b", "b": "of-a"}[mine]
				got, err := ask(t, mine)
				require.NoError(t, err)
				require.Contains(t, got, "of-"+string(mine), "what the tenant has itself")
				require.NotContains(t, got, other, "what another tenant has")
			}
			for _, stranger := range []tenant.ID{"c", tenant.Default, "a' OR '1'='1", "%"} {
				got, err := ask(t, stranger)
				if err != nil {
					require.ErrorIs(t, err, storage.ErrNotFound, stranger)
				}
				require.NotContains(t, got, "of-", stranger)
			}
			_, err := ask(t, "")
			require.ErrorIs(t, err, storage.ErrInvalid, "a query of no tenant")
		})
	}
	t.Run("Counts", func(t *testing.T) { s.tenantCounts(t, day) })
	t.Run("Append", s.appendOfNobody)
}

// putBothTenants stores the same names for both tenants in the same batches; tenant b has everything twice as often.
func (s *suite) putBothTenants(t *testing.T, day time.Time) {
	t.Helper()
	var ld []storage.Owned[[]byte]
	var td []storage.Owned[[]byte]
	for i, owner := range []tenant.ID{"a", "b"} {
		mark := "of-" + string(owner)
		attrs := map[string]string{"owner": mark, "key." + mark: "1"}
		for n := range i + 1 {
			at := day.Add(time.Duration(n) * time.Second)
			ld = append(ld, Requests(t, owner, logs(logSpec{
				service: "shared", body: "body " + mark, time: at, attrs: attrs,
			})...)...)
			td = append(td, Requests(t, owner, spans(
				spanSpec{
					trace: 777, id: 1 + 10*n, service: "shared", name: "GET " + mark, start: at, duration: time.Duration(i+1) * time.Second,
					kind: ptrace.SpanKindServer, attrs: attrs, resource: map[string]string{"host.name": "node", "deployment.environment.name": "env-" + mark},
				},
				spanSpec{
					trace: 777, id: 2 + 10*n, parent: 1 + 10*n, service: "callee-" + mark, name: "work", start: at, duration: time.Second,
					kind: ptrace.SpanKindServer, resource: map[string]string{"host.name": "node"},
				},
				spanSpec{
					trace: 777, id: 3 + 10*n, parent: 1 + 10*n, service: "shared", name: "call", start: at, duration: time.Second,
					kind: ptrace.SpanKindClient, attrs: map[string]string{"http.request.method": "GET", "server.address": "peer-" + mark}, resource: map[string]string{"host.name": "node"},
				},
			)...)...)
		}
	}
	_, err := s.Store.AppendLogs(t.Context(), storage.BatchID(t.Name()+"-logs"), ld)
	require.NoError(t, err)
	_, err = s.Store.AppendTraces(t.Context(), storage.BatchID(t.Name()+"-spans"), td)
	require.NoError(t, err)
}

// tenantQuestion asks one method as a tenant and returns all it answers as text.
type tenantQuestion func(t *testing.T, mine tenant.ID) (string, error)

// tenantQuestions are all questions of both signals, by the method that is asked.
func (s *suite) tenantQuestions(day time.Time) map[string]tenantQuestion {
	out := s.tenantQuestionsOfLogs(day)
	maps.Copy(out, s.tenantQuestionsOfSpans(day))
	return out
}

// selected is a selection of the day as a tenant.
func selected(mine tenant.ID, f search.Filter, day time.Time) storage.Selection {
	return storage.Selection{Tenant: mine, Filter: f, Range: dayOf(day)}
}

// asText is an answer as text, with its error.
func asText(v any, err error) (string, error) { return fmt.Sprintf("%+v", v), err }

// anyOwner is a filter that every row fulfils.
func anyOwner() search.Filter { return search.Not{Of: search.Contains{Text: "no such text"}} }

func (s *suite) tenantQuestionsOfLogs(day time.Time) map[string]tenantQuestion {
	r := dayOf(day)
	return map[string]tenantQuestion{
		"SearchLogs": func(t *testing.T, mine tenant.ID) (string, error) {
			t.Helper()
			return asText(s.Store.SearchLogs(t.Context(), storage.LogSearch{Selection: selected(mine, nil, day), Limit: 100}))
		},
		"SearchLogs filtered": func(t *testing.T, mine tenant.ID) (string, error) {
			t.Helper()
			return asText(s.Store.SearchLogs(t.Context(), storage.LogSearch{Selection: selected(mine, anyOwner(), day), Ascending: true, Limit: 100}))
		},
		"LogFacets": func(t *testing.T, mine tenant.ID) (string, error) {
			t.Helper()
			// Both have the same service: how often it occurs tells them apart.
			facets, err := s.Store.LogFacets(t.Context(), selected(mine, nil, day))
			return ownerByCount(facets, search.FieldService, "shared", 1), err
		},
		"AttributeKeys": func(t *testing.T, mine tenant.ID) (string, error) {
			t.Helper()
			return asText(s.Store.AttributeKeys(t.Context(), storage.FieldQuery{Tenant: mine, Signal: signal.Logs, Text: "key.", Range: r}))
		},
		"AttributeKeys of spans": func(t *testing.T, mine tenant.ID) (string, error) {
			t.Helper()
			return asText(s.Store.AttributeKeys(t.Context(), storage.FieldQuery{Tenant: mine, Signal: signal.Traces, Text: "key.", Range: r}))
		},
		"FieldValues": func(t *testing.T, mine tenant.ID) (string, error) {
			t.Helper()
			return asText(s.Store.FieldValues(t.Context(), storage.FieldQuery{Tenant: mine, Signal: signal.Logs, Range: r}, attr("owner")))
		},
		"FieldValues of spans": func(t *testing.T, mine tenant.ID) (string, error) {
			t.Helper()
			return asText(s.Store.FieldValues(t.Context(), storage.FieldQuery{Tenant: mine, Signal: signal.Traces, Range: r}, field(search.FieldEnvironment)))
		},
	}
}

func (s *suite) tenantQuestionsOfSpans(day time.Time) map[string]tenantQuestion {
	r := dayOf(day)
	return map[string]tenantQuestion{
		"SearchTraces": func(t *testing.T, mine tenant.ID) (string, error) {
			t.Helper()
			return asText(s.Store.SearchTraces(t.Context(), storage.TraceSearch{Selection: selected(mine, nil, day), Limit: 100}))
		},
		"SearchTraces slowest": func(t *testing.T, mine tenant.ID) (string, error) {
			t.Helper()
			return asText(s.Store.SearchTraces(t.Context(), storage.TraceSearch{Selection: selected(mine, anyOwner(), day), Order: storage.SlowestFirst, Limit: 100}))
		},
		"TraceFacets": func(t *testing.T, mine tenant.ID) (string, error) {
			t.Helper()
			return asText(s.Store.TraceFacets(t.Context(), selected(mine, nil, day)))
		},
		"Trace": func(t *testing.T, mine tenant.ID) (string, error) {
			t.Helper()
			return asText(s.Store.Trace(t.Context(), storage.TraceQuery{Tenant: mine, TraceID: hexTrace(777), Limit: 100}))
		},
		"Trace by pages": func(t *testing.T, mine tenant.ID) (string, error) {
			t.Helper()
			var all strings.Builder
			q := storage.TraceQuery{Tenant: mine, TraceID: hexTrace(777), Limit: 1}
			for {
				page, err := s.Store.Trace(t.Context(), q)
				if err != nil {
					return "", err // The caller compares it.
				}
				fmt.Fprintf(&all, "%+v", page)
				if q.Cursor = page.NextCursor; q.Cursor == "" {
					return all.String(), nil
				}
			}
		},
		"Services": func(t *testing.T, mine tenant.ID) (string, error) {
			t.Helper()
			return asText(s.Store.Services(t.Context(), storage.ServicesQuery{Tenant: mine, Range: r, Points: 10}))
		},
		"Service": func(t *testing.T, mine tenant.ID) (string, error) {
			t.Helper()
			return asText(s.Store.Service(t.Context(), storage.ServiceQuery{Tenant: mine, Name: "shared", Range: r, Points: 10}))
		},
		"Dependencies": func(t *testing.T, mine tenant.ID) (string, error) {
			t.Helper()
			return asText(s.Store.Dependencies(t.Context(), storage.TopologyQuery{Tenant: mine, Range: r, Limit: 100}))
		},
		"Links": func(t *testing.T, mine tenant.ID) (string, error) {
			t.Helper()
			return asText(s.Store.Links(t.Context(), storage.TopologyQuery{Tenant: mine, Range: r, Limit: 100, MaxSpans: 1000}))
		},
		"HostServices": func(t *testing.T, mine tenant.ID) (string, error) {
			t.Helper()
			return asText(s.Store.HostServices(t.Context(), storage.HostQuery{Tenant: mine, Host: "node", Range: r}))
		},
	}
}

// ownerByCount is the mark of the tenant that has the value so often: once is tenant a, twice tenant b.
func ownerByCount(facets []storage.Facet, field, value string, once uint64) string {
	for _, f := range facets {
		for _, v := range f.Values {
			if f.Field == field && v.Value == value {
				return map[uint64]string{once: "of-a", 2 * once: "of-b"}[v.Count]
			}
		}
	}
	return ""
}

// tenantCounts looks at the numbers that carry no name: nothing of the other tenant is counted in.
func (s *suite) tenantCounts(t *testing.T, day time.Time) {
	t.Helper()
	r := dayOf(day)
	for i, mine := range []tenant.ID{"a", "b"} {
		n := i + 1
		h, err := s.Store.LogHistogram(t.Context(), storage.Selection{Tenant: mine, Range: r}, 10)
		require.NoError(t, err)
		require.EqualValues(t, n, h.Total)
		tr, err := s.Store.Trace(t.Context(), storage.TraceQuery{Tenant: mine, TraceID: hexTrace(777), Limit: 2})
		require.NoError(t, err)
		require.Equal(t, 3*n, tr.SpanCount)
		svc, err := s.Store.Service(t.Context(), storage.ServiceQuery{Tenant: mine, Name: "shared", Range: r, Points: 10})
		require.NoError(t, err)
		require.EqualValues(t, n, svc.Summary.Requests)
		require.InEpsilon(t, float64(n)*1e9, *svc.Summary.Latency.P50, 0.02)
		list, err := s.Store.Services(t.Context(), storage.ServicesQuery{Tenant: mine, Range: r, Points: 10})
		require.NoError(t, err)
		require.Len(t, list.Services, 2)
		require.Equal(t, []string{"env-of-" + string(mine)}, list.Environments)
	}
	_, err := s.Store.LogHistogram(t.Context(), storage.Selection{Range: r}, 10)
	require.ErrorIs(t, err, storage.ErrInvalid)
	none, err := s.Store.LogHistogram(t.Context(), storage.Selection{Tenant: "c", Range: r}, 10)
	require.NoError(t, err)
	require.Zero(t, none.Total)
}

// appendOfNobody refuses data of no tenant, beside data of one: nothing of the batch is stored.
func (s *suite) appendOfNobody(t *testing.T) {
	day := s.day()
	ld := logs(logSpec{service: "x", body: "x", time: day})
	_, err := s.Store.AppendLogs(t.Context(), storage.BatchID(t.Name()), append(Requests(t, "a", ld...), Requests(t, "", ld...)...))
	require.ErrorIs(t, err, storage.ErrInvalid)
	td := spans(spanSpec{trace: 778, id: 1, service: "x", name: "x", start: day, duration: 1})
	_, err = s.Store.AppendTraces(t.Context(), storage.BatchID(t.Name()+"t"), append(Requests(t, "a", td...), Requests(t, "", td...)...))
	require.ErrorIs(t, err, storage.ErrInvalid)
	h, err := s.Store.LogHistogram(t.Context(), storage.Selection{Tenant: "a", Range: dayOf(day)}, 10)
	require.NoError(t, err)
	require.Zero(t, h.Total)
}
