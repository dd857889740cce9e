// SPDX-License-Identifier: Apache-2.0

package traces

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/clickhousetest"
	"github.com/strata-apm/strata/storage/storagetest"
	"github.com/strata-apm/strata/tenant"
)

// TestCutListsAreSaid: a list that is shorter than what there is says of how many it is a part.
func TestCutListsAreSaid(t *testing.T) {
	c, _ := clickhousetest.Open(t)
	s := New(c)
	now := time.Now().Truncate(time.Minute)
	td := ptrace.NewTraces()
	add := func(n int, service, instance string, kind ptrace.SpanKind) {
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", service)
		rs.Resource().Attributes().PutStr("service.instance.id", instance)
		sp := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		sp.SetTraceID(pcommon.TraceID{1, byte(n >> 8), byte(n)})
		sp.SetSpanID(pcommon.SpanID{1, byte(n >> 8), byte(n)})
		sp.SetName(fmt.Sprintf("operation %d", n))
		sp.SetKind(kind)
		sp.Attributes().PutStr("server.address", fmt.Sprintf("far-%d", n))
		sp.SetStartTimestamp(pcommon.NewTimestampFromTime(now))
		sp.SetEndTimestamp(pcommon.NewTimestampFromTime(now.Add(time.Second)))
	}
	for i := range mostOperations + 1 {
		add(i, "wide", fmt.Sprintf("i-%d", i%(mostInstances+2)), ptrace.SpanKindServer)
	}
	for i := range mostDependencies + 3 {
		add(i, "wide", "i-0", ptrace.SpanKindClient)
	}
	for i := range mostServices + 1 - 2 {
		add(i, fmt.Sprintf("service-%d", i), "", ptrace.SpanKindServer)
	}
	add(1, "narrow", "i", ptrace.SpanKindServer)
	_, err := s.AppendTraces(t.Context(), "strata.traces-0.cut-0-9", storagetest.Requests(t, tenant.Default, td))
	require.NoError(t, err)

	rng := storage.TimeRange{Start: now, End: now.Add(time.Minute)}
	list, err := s.Services(t.Context(), storage.ServicesQuery{Tenant: tenant.Default, Range: rng, Points: 1})
	require.NoError(t, err)
	require.Len(t, list.Services, mostServices)
	require.Equal(t, []string{"10000 of 10001 services are listed"}, list.Warnings)
	wide, err := s.Service(t.Context(), storage.ServiceQuery{Tenant: tenant.Default, Name: "wide", Range: rng, Points: 1})
	require.NoError(t, err)
	require.Equal(t, []string{"500 of 704 operations are listed", "200 of 203 dependencies are listed", "200 of 202 instances are listed"}, wide.Warnings)
	narrow, err := s.Service(t.Context(), storage.ServiceQuery{Tenant: tenant.Default, Name: "narrow", Range: rng, Points: 1})
	require.NoError(t, err)
	require.Empty(t, narrow.Warnings)
}
