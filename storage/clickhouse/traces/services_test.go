// SPDX-License-Identifier: Apache-2.0

package traces

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/clickhousetest"
	"github.com/strata-apm/strata/storage/storagetest"
	"github.com/strata-apm/strata/tenant"
)

// TestServiceParts asks for what a service's page shows, of services that differ in what counts as their requests.
func TestServiceParts(t *testing.T) {
	c, _ := clickhousetest.Open(t)
	s := New(c)
	at := time.Now().UTC().Truncate(time.Hour).Add(-4 * time.Hour)
	p := parts{s, at, storage.TimeRange{Start: at, End: at.Add(3 * time.Hour)}}
	for _, part := range []struct {
		name string
		test func(*testing.T, parts)
	}{
		{"requests", testRequests}, {"instances", testInstances}, {"resource", testResource}, {"dependencies", testDependencies}, {"environments", testEnvironments}, {"tenants", testTenants}, {"hosts", testHosts}, {"facets", testFacets},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, p) })
	}
}

type parts struct {
	*Store
	at  time.Time
	rng storage.TimeRange
}

func (p parts) service(t *testing.T, name, env string) storage.ServiceDetail {
	t.Helper()
	got, err := p.Service(t.Context(), storage.ServiceQuery{Tenant: tenant.Default, Name: name, Range: p.rng, Environment: env, Points: 3})
	require.NoError(t, err)
	return got
}

func (p parts) listed(t *testing.T, env string) map[string]storage.ServiceSummary {
	t.Helper()
	list, err := p.Services(t.Context(), storage.ServicesQuery{Tenant: tenant.Default, Range: p.rng, Environment: env, Points: 3})
	require.NoError(t, err)
	out := map[string]storage.ServiceSummary{}
	names := []string{}
	for _, sv := range list.Services {
		out[sv.Name] = sv
		names = append(names, sv.Name)
	}
	require.True(t, slices.IsSorted(names))
	return out
}

// Server and consumer spans are a service's requests; root spans where it has none of them.
func testRequests(t *testing.T, p parts) {
	t.Helper()
	kinds := map[string][]ptrace.SpanKind{
		"serves":   {ptrace.SpanKindServer, ptrace.SpanKindServer, ptrace.SpanKindInternal, ptrace.SpanKindClient},
		"consumes": {ptrace.SpanKindConsumer, ptrace.SpanKindInternal},
		"runs":     {ptrace.SpanKindInternal, ptrace.SpanKindInternal, ptrace.SpanKindClient},
	}
	trace := 0
	for service, of := range kinds {
		trace++
		var spans []made
		for i, kind := range of {
			m := made{trace: trace, id: trace*10 + i + 1, service: service, host: "h", name: fmt.Sprint("op", i), kind: kind, start: p.at, duration: time.Duration(i+1) * 100 * time.Millisecond, failed: i == 0}
			if i > 0 {
				m.parent = trace*10 + 1
			}
			spans = append(spans, m)
		}
		put(t, p.Store, service, spans...)
	}
	list := p.listed(t, "")
	for service, want := range map[string][]uint64{"serves": {4, 2, 1}, "consumes": {2, 1, 1}, "runs": {3, 1, 1}} {
		got := p.service(t, service, "")
		require.Equal(t, want, []uint64{got.Summary.Spans, got.Summary.Requests, got.Summary.Errors}, service)
		listed := list[service]
		require.Equal(t, want, []uint64{listed.Spans, listed.Requests, listed.Errors}, service)
		require.Equal(t, got.Summary.LastSeen, listed.LastSeen)
		require.InEpsilon(t, *got.Summary.Latency.P95, *listed.Latency.P95, 0.001)
		require.Equal(t, want[1], got.Summary.Series[0].Requests+got.Summary.Series[1].Requests+got.Summary.Series[2].Requests)
		require.InEpsilon(t, 100e6, *p.service(t, "runs", "").Summary.Latency.P50, 0.02)
	}
	var names []string
	for _, op := range p.service(t, "serves", "").Operations {
		names = append(names, op.Name+" "+op.Kind)
	}
	require.Equal(t, []string{"op1 server", "op0 server"}, names, "what takes most time together comes first; what is no request is none")
	_, err := p.Service(t.Context(), storage.ServiceQuery{Tenant: tenant.Default, Name: "nobody", Range: p.rng, Points: 1})
	require.ErrorIs(t, err, storage.ErrNotFound)
	_, err = p.Service(t.Context(), storage.ServiceQuery{Tenant: tenant.Default, Name: "serves", Range: storage.TimeRange{Start: p.at, End: p.at}, Points: 1})
	require.ErrorIs(t, err, storage.ErrBadQuery)
}

// Instances are those of the hour before the service was seen last, the newest first.
func testInstances(t *testing.T, p parts) {
	t.Helper()
	for i, after := range []time.Duration{0, 90 * time.Minute, 2 * time.Hour} {
		td := tracesOf([]made{{trace: 100 + i, id: 1, service: "scaled", host: fmt.Sprint("h", i), name: "op", kind: ptrace.SpanKindServer, start: p.at.Add(after), duration: time.Second}})
		td.ResourceSpans().At(0).Resource().Attributes().PutStr("service.instance.id", fmt.Sprint("i", i))
		_, err := p.AppendTraces(t.Context(), storage.BatchID(fmt.Sprint("instance", i)), storagetest.Requests(t, tenant.Default, td))
		require.NoError(t, err)
	}
	put(t, p.Store, "no instance", made{trace: 110, id: 1, service: "scaled", name: "op", kind: ptrace.SpanKindServer, start: p.at.Add(2 * time.Hour), duration: time.Second})
	got := p.service(t, "scaled", "").Instances
	require.Equal(t, []storage.ServiceInstance{{ID: "i2", Host: "h2", LastSeen: p.at.Add(2 * time.Hour)}, {ID: "i1", Host: "h1", LastSeen: p.at.Add(90 * time.Minute)}}, got)
}

// The resource is that of the newest span.
func testResource(t *testing.T, p parts) {
	t.Helper()
	for i, version := range []string{"1", "2"} {
		td := tracesOf([]made{{trace: 200 + i, id: 1, service: "released", name: "op", kind: ptrace.SpanKindServer, start: p.at.Add(time.Duration(i) * time.Second), duration: time.Second}})
		res := td.ResourceSpans().At(0).Resource().Attributes()
		res.PutStr("service.version", version)
		res.PutStr("telemetry.sdk.language", "java")
		_, err := p.AppendTraces(t.Context(), storage.BatchID("release"+version), storagetest.Requests(t, tenant.Default, td))
		require.NoError(t, err)
	}
	got := p.service(t, "released", "")
	require.Equal(t, map[string]string{"service.name": "released", "service.version": "2", "telemetry.sdk.language": "java"}, got.Resource)
	require.Equal(t, "java", got.Summary.Language)
}

func testDependencies(t *testing.T, p parts) {
	t.Helper()
	call := func(i int, kind ptrace.SpanKind, attrs map[string]string) made {
		return made{trace: 300, id: 300 + i, service: "calls", name: "call", kind: kind, start: p.at, duration: time.Duration(i) * time.Millisecond, failed: i == 1, attrs: attrs}
	}
	put(t, p.Store, "calls",
		call(1, ptrace.SpanKindClient, map[string]string{"db.system": "redis", "db.name": "0"}),
		call(2, ptrace.SpanKindClient, map[string]string{"db.system": "redis", "db.name": "0"}),
		call(3, ptrace.SpanKindProducer, map[string]string{"messaging.system": "kafka", "messaging.destination.name": "orders"}),
		call(4, ptrace.SpanKindClient, nil),
		call(5, ptrace.SpanKindInternal, map[string]string{"db.system": "sqlite"}),
	)
	got := p.service(t, "calls", "").Dependencies
	require.Len(t, got, 3, "what is no call is none")
	for i := range got {
		require.NotNil(t, got[i].P95)
		got[i].P95 = nil
	}
	require.Equal(t, []storage.Dependency{
		{Type: "db", System: "redis", Target: "0", Calls: 2, Errors: 1}, {Type: "other", Calls: 1}, {Type: "messaging", System: "kafka", Target: "orders", Calls: 1},
	}, got)
}

func testEnvironments(t *testing.T, p parts) {
	t.Helper()
	span := func(i int, env string) made {
		return made{trace: 400 + i, id: 1, service: "everywhere", name: "op", kind: ptrace.SpanKindServer, start: p.at, duration: time.Second, env: env}
	}
	put(t, p.Store, "environments", span(1, "prod"), span(2, "prod"), span(3, "test"), span(4, ""))
	require.Equal(t, uint64(4), p.service(t, "everywhere", "").Summary.Requests)
	require.Equal(t, uint64(2), p.service(t, "everywhere", "prod").Summary.Requests)
	require.Equal(t, uint64(1), p.listed(t, "test")["everywhere"].Requests)
	require.Equal(t, "prod", p.listed(t, "")["everywhere"].Environment, "that of most spans")
	require.NotContains(t, p.listed(t, "test"), "serves")
	list, err := p.Services(t.Context(), storage.ServicesQuery{Tenant: tenant.Default, Range: p.rng, Environment: "test", Points: 1})
	require.NoError(t, err)
	require.Equal(t, []string{"prod", "test"}, list.Environments, "all of them, whatever is asked for")
}

// A batch may hold spans of several tenants; each reads its own.
func testTenants(t *testing.T, p parts) {
	t.Helper()
	of := func(owner tenant.ID, service string) storage.Owned[[]byte] {
		td := tracesOf([]made{{trace: 500, id: 1, service: service, host: "shared", name: "op", kind: ptrace.SpanKindServer, start: p.at, duration: time.Second}})
		return storagetest.Requests(t, owner, td)[0]
	}
	n, err := p.AppendTraces(t.Context(), "tenants", []storage.Owned[[]byte]{of("red", "of-red"), of("blue", "of-blue"), of("red", "of-red-too")})
	require.NoError(t, err)
	require.Equal(t, 3, n)
	for owner, want := range map[tenant.ID][]string{"red": {"of-red", "of-red-too"}, "blue": {"of-blue"}, "green": nil} {
		list, err := p.Services(t.Context(), storage.ServicesQuery{Tenant: owner, Range: p.rng, Points: 1})
		require.NoError(t, err)
		var names []string
		for _, sv := range list.Services {
			names = append(names, sv.Name)
		}
		require.Equal(t, want, names)
		trace, err := p.Trace(t.Context(), storage.TraceQuery{Tenant: owner, TraceID: hexTrace(500), Limit: 10})
		if want == nil {
			require.ErrorIs(t, err, storage.ErrNotFound)
			continue
		}
		require.NoError(t, err)
		require.Len(t, trace.Spans, len(want), "one id, a trace of each tenant")
		onHost, err := p.ServicesOnHost(t.Context(), storage.HostQuery{Tenant: owner, Host: "shared", Range: p.rng})
		require.NoError(t, err)
		require.ElementsMatch(t, want, onHost)
	}
}

func testHosts(t *testing.T, p parts) {
	t.Helper()
	put(t, p.Store, "hosts", made{trace: 600, id: 1, service: "here", host: "it's", name: "op", start: p.at}, made{trace: 600, id: 2, service: "here", host: "it's", name: "op", start: p.at},
		made{trace: 600, id: 3, service: "there", host: "other", name: "op", start: p.at}, made{trace: 600, id: 4, service: "later", host: "it's", name: "op", start: p.rng.End})
	got, err := p.ServicesOnHost(t.Context(), storage.HostQuery{Tenant: tenant.Default, Host: "it's", Range: p.rng})
	require.NoError(t, err)
	require.Equal(t, []string{"here"}, got)
}

// Facets are of the matching spans, with every field that the page offers.
func testFacets(t *testing.T, p parts) {
	t.Helper()
	f, err := search.Parse("traces", "service:calls")
	require.NoError(t, err)
	facets, err := p.TraceFacets(t.Context(), storage.Selection{Tenant: tenant.Default, Range: p.rng, Filter: f})
	require.NoError(t, err)
	got := map[string][]storage.FacetValue{}
	for _, facet := range facets {
		got[facet.Field] = facet.Values
		_, err := search.ResolveField("traces", facet.Field)
		require.NoError(t, err, "a facet can be searched for")
	}
	require.Len(t, got, len(facets))
	require.Equal(t, []storage.FacetValue{{Value: "calls", Count: 5}}, got[search.FieldService])
	require.Equal(t, []storage.FacetValue{{Value: "client", Count: 3}, {Value: "internal", Count: 1}, {Value: "producer", Count: 1}}, got[search.FieldKindOfSpan])
	require.Equal(t, []storage.FacetValue{{Value: "redis", Count: 2}, {Value: "sqlite", Count: 1}}, got[search.FieldDB])
	require.Equal(t, []storage.FacetValue{{Value: "kafka", Count: 1}}, got[search.FieldMessaging])
	require.Empty(t, got[search.FieldHTTPStatus], "0 is none")
	require.Empty(t, got[search.FieldRPC])
}
