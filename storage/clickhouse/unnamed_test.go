// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/signal"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/storagetest"
	"github.com/strata-apm/strata/tenant"
)

// TestRowsWithoutService reads what was stored before services without a name got one, beside what is stored since.
func TestRowsWithoutService(t *testing.T) {
	s, _ := openStore(t)
	at := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	old, host := "000000000000000000000000000000a1", "old-host"
	require.NoError(t, s.client.Exec(t.Context(), "INSERT INTO "+s.client.Database()+".otel_traces (Timestamp, TraceId, SpanId, SpanName, SpanKind, Duration, StatusCode, ResourceAttributes)"+
		" VALUES ('"+at.Format("2006-01-02 15:04:05")+"', '"+old+"', '00000000000000a1', 'GET /', 'Server', 5000000, 'Unset', map('host.name', '"+host+"'))"))
	require.NoError(t, s.client.Exec(t.Context(), "INSERT INTO "+s.client.Database()+".otel_logs (Timestamp, Body) VALUES ('"+at.Format("2006-01-02 15:04:05")+"', 'nameless line')"))
	td := ptrace.NewTraces()
	sp := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	sp.SetTraceID([16]byte{15: 0xa2})
	sp.SetSpanID([8]byte{7: 1})
	sp.SetKind(ptrace.SpanKindServer)
	sp.SetStartTimestamp(pcommon.NewTimestampFromTime(at))
	sp.SetEndTimestamp(pcommon.NewTimestampFromTime(at))
	_, err := s.AppendTraces(t.Context(), "new", storagetest.Requests(t, tenant.Default, td))
	require.NoError(t, err)

	r := storage.TimeRange{Start: at.Add(-time.Minute), End: at.Add(2 * time.Minute)}
	list, err := s.Services(t.Context(), storage.ServicesQuery{Tenant: tenant.Default, Range: r, Points: 3})
	require.NoError(t, err)
	require.Len(t, list.Services, 1)
	require.Equal(t, storage.UnknownService, list.Services[0].Name)
	require.EqualValues(t, 2, list.Services[0].Requests)
	for _, name := range []string{storage.UnknownService, ""} {
		detail, err := s.Service(t.Context(), storage.ServiceQuery{Tenant: tenant.Default, Name: name, Range: r, Points: 3})
		require.NoError(t, err)
		require.Equal(t, storage.UnknownService, detail.Summary.Name)
		require.EqualValues(t, 2, detail.Summary.Requests)
		require.NotEmpty(t, detail.Operations)
	}
	trace, err := s.Trace(t.Context(), storage.TraceQuery{Tenant: tenant.Default, TraceID: old, Limit: 5})
	require.NoError(t, err)
	require.Equal(t, storage.UnknownService, trace.Spans[0].Service)
	require.Equal(t, storage.UnknownService, trace.Services[0].Name)
	service := search.Field{Name: search.FieldService}
	for _, p := range []search.Pattern{{"unknown_service"}, {"unknown", ""}, {"", "service"}} {
		sel := storage.Selection{Tenant: tenant.Default, Range: r, Filter: search.Equals{Field: service, Values: []search.Pattern{p}}}
		traces, err := s.SearchTraces(t.Context(), storage.TraceSearch{Selection: sel, Limit: 10})
		require.NoError(t, err)
		require.Len(t, traces.Traces, 2, p)
		require.Equal(t, storage.UnknownService, traces.Traces[0].RootService)
		logs, err := s.SearchLogs(t.Context(), storage.LogSearch{Selection: sel, Limit: 10})
		require.NoError(t, err)
		require.Len(t, logs.Logs, 1, p)
		require.Equal(t, storage.UnknownService, logs.Logs[0].Service)
	}
	facets, err := s.LogFacets(t.Context(), storage.Selection{Tenant: tenant.Default, Range: r})
	require.NoError(t, err)
	require.Equal(t, []storage.FacetValue{{Value: storage.UnknownService, Count: 1}}, facets[0].Values)
	values, err := s.FieldValues(t.Context(), storage.FieldQuery{Tenant: tenant.Default, Signal: signal.Traces, Text: "unk", Range: r}, service)
	require.NoError(t, err)
	require.Equal(t, []string{storage.UnknownService}, values)
	hosts, err := s.HostServices(t.Context(), storage.HostQuery{Tenant: tenant.Default, Host: host, Range: r})
	require.NoError(t, err)
	require.Equal(t, []string{storage.UnknownService}, hosts)
}
