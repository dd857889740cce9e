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

// shop makes a request a minute for ten minutes: front calls back, back calls a database, and a job runs beside them.
func (s *suite) shop(t *testing.T, day time.Time, env string) {
	t.Helper()
	res := map[string]string{"deployment.environment.name": env, "host.name": "node-" + env, "service.instance.id": "i-" + env, "telemetry.sdk.language": "go"}
	var specs []spanSpec
	for i := range 10 {
		at := day.Add(time.Duration(i) * time.Minute)
		trace := 8000 + i
		if env != "prod" {
			trace += 100
		}
		failed := i == 9
		specs = append(specs,
			spanSpec{trace: trace, id: 1, service: "front", name: "GET /", start: at, duration: 100 * time.Millisecond, kind: ptrace.SpanKindServer, resource: res},
			spanSpec{
				trace: trace, id: 2, parent: 1, service: "front", name: "call", start: at, duration: 80 * time.Millisecond, kind: ptrace.SpanKindClient, resource: res,
				attrs: map[string]string{"rpc.system": "grpc", "rpc.service": "Back", "server.address": "back"},
			},
			spanSpec{trace: trace, id: 3, parent: 2, service: "back", name: "Back/Do", start: at, duration: 70 * time.Millisecond, kind: ptrace.SpanKindServer, resource: res, failed: failed},
			spanSpec{
				trace: trace, id: 4, parent: 3, service: "back", name: "SELECT", start: at, duration: 50 * time.Millisecond, kind: ptrace.SpanKindClient, resource: res,
				attrs: map[string]string{"db.system.name": "postgresql", "db.namespace": "shop"}, failed: failed,
			},
			spanSpec{trace: trace + 50, id: 5, service: "job", name: "tick", start: at, duration: time.Second, kind: ptrace.SpanKindInternal, resource: res},
		)
	}
	s.putSpans(t, env, spans(specs...))
}

func (s *suite) services(t *testing.T) {
	day := s.day()
	s.shop(t, day, "prod")
	s.shop(t, day, "test")
	list, err := s.Store.Services(t.Context(), storage.ServicesQuery{Tenant: tenant.Default, Range: dayOf(day), Environment: "prod", Points: 30})
	require.NoError(t, err)
	require.Equal(t, []string{"prod", "test"}, list.Environments)
	require.Len(t, list.Services, 3)
	back, front, job := list.Services[0], list.Services[1], list.Services[2]
	require.Equal(t, "back", back.Name)
	require.Equal(t, "prod", back.Environment)
	require.Equal(t, "go", back.Language)
	require.EqualValues(t, 20, back.Spans)
	require.EqualValues(t, 10, back.Requests)
	require.EqualValues(t, 1, back.Errors)
	require.InEpsilon(t, 70e6, *back.Latency.P50, 0.02)
	require.InEpsilon(t, 70e6, *back.Latency.P99, 0.02)
	require.Equal(t, day.Add(9*time.Minute), back.LastSeen)
	require.Equal(t, "front", front.Name)
	require.EqualValues(t, 10, front.Requests)
	require.EqualValues(t, 10, job.Requests, "a service without server spans is measured by its roots")
	require.Len(t, front.Series, 30)
	require.EqualValues(t, 2, front.Series[0].Requests)
	require.EqualValues(t, 2, job.Series[4].Requests)
	require.Zero(t, front.Series[29].Requests)

	all, err := s.Store.Services(t.Context(), storage.ServicesQuery{Tenant: tenant.Default, Range: dayOf(day), Points: 30})
	require.NoError(t, err)
	require.EqualValues(t, 20, all.Services[0].Requests)
	names, err := s.Store.HostServices(t.Context(), storage.HostQuery{Tenant: tenant.Default, Host: "node-test", Range: dayOf(day)})
	require.NoError(t, err)
	require.Equal(t, []string{"back", "front", "job"}, names)
}

func (s *suite) service(t *testing.T) {
	day := s.day()
	s.shop(t, day, "prod")
	got, err := s.Store.Service(t.Context(), storage.ServiceQuery{Tenant: tenant.Default, Name: "back", Range: dayOf(day), Points: 60})
	require.NoError(t, err)
	require.Equal(t, "back", got.Summary.Name)
	require.Equal(t, time.Minute, got.Step)
	require.Len(t, got.Summary.Series, 60)
	require.EqualValues(t, 1, got.Summary.Series[0].Requests)
	require.InEpsilon(t, 70e6, *got.Summary.Series[0].Latency.P95, 0.02)
	require.Nil(t, got.Summary.Series[59].Latency.P95)
	require.EqualValues(t, 1, got.Summary.Series[9].Errors)
	require.Equal(t, "node-prod", got.Resource["host.name"])
	require.Equal(t, []storage.ServiceInstance{{ID: "i-prod", Host: "node-prod", LastSeen: day.Add(9 * time.Minute)}}, got.Instances)
	require.Len(t, got.Operations, 1)
	op := got.Operations[0]
	require.Equal(t, "Back/Do", op.Name)
	require.Equal(t, "server", op.Kind)
	require.EqualValues(t, 10, op.Requests)
	require.Equal(t, 700*time.Millisecond, op.Total)
	require.Len(t, got.Dependencies, 1)
	dep := got.Dependencies[0]
	require.Equal(t, "db postgresql shop", dep.Type+" "+dep.System+" "+dep.Target)
	require.EqualValues(t, 10, dep.Calls)
	require.EqualValues(t, 1, dep.Errors)
	require.Equal(t, []storage.Caller{{Service: "front", Calls: 10, Errors: 1}}, got.Callers)
	require.Empty(t, got.Warnings)
}

// unknownService has spans without a name of their service: none, an empty one, blanks, with and without a process.
func (s *suite) unknownService(t *testing.T) {
	day := s.day()
	at := func(minute int) time.Time { return day.Add(time.Duration(minute) * time.Minute) }
	server := func(trace, minute int, resource map[string]string) spanSpec {
		return spanSpec{trace: trace, id: 1, name: "nameless", start: at(minute), duration: time.Second, kind: ptrace.SpanKindServer, resource: resource}
	}
	s.putSpans(t, "nameless", spans(
		server(8801, 0, map[string]string{"host.name": "nameless-host"}),
		server(8802, 1, map[string]string{"service.name": ""}),
		server(8803, 2, map[string]string{"service.name": "  "}),
		server(8804, 3, map[string]string{"process.executable.name": "java"}),
		server(8805, 4, map[string]string{"service.name": "", "process.executable.path": "/opt/jvm/bin/java"}),
		server(8806, 5, map[string]string{"service.name": "named", "process.executable.name": "java"}),
	))
	list, err := s.Store.Services(t.Context(), storage.ServicesQuery{Tenant: tenant.Default, Range: dayOf(day), Points: 60})
	require.NoError(t, err)
	got := map[string]uint64{}
	for _, sv := range list.Services {
		got[sv.Name] = sv.Requests
	}
	require.Equal(t, map[string]uint64{"named": 1, "unknown_service": 3, "unknown_service:java": 2}, got)
	for name, n := range got {
		detail, err := s.Store.Service(t.Context(), storage.ServiceQuery{Tenant: tenant.Default, Name: name, Range: dayOf(day), Points: 60})
		require.NoError(t, err)
		require.Equal(t, n, detail.Operations[0].Requests)
		require.Len(t, s.findTraces(t, day, equals(field(search.FieldService), name)), int(n)) //nolint:gosec // a few
	}
	trace, err := s.Store.Trace(t.Context(), storage.TraceQuery{Tenant: tenant.Default, TraceID: hexTrace(8804), Limit: 10})
	require.NoError(t, err)
	require.Equal(t, "unknown_service:java", trace.Spans[0].Service)
	names, err := s.Store.HostServices(t.Context(), storage.HostQuery{Tenant: tenant.Default, Host: "nameless-host", Range: dayOf(day)})
	require.NoError(t, err)
	require.Equal(t, []string{"unknown_service"}, names)
}
