// SPDX-License-Identifier: Apache-2.0

package writer

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/signal"
)

type attributes map[string]any

// source is one resource with one scope that sends one gauge.
type source struct {
	resource               attributes
	scope, version, schema string
	scopeAttributes        attributes
	point                  attributes
	metric                 string // "m" when empty
}

func record(t *testing.T, at time.Time, sources ...source) bus.Record {
	t.Helper()
	md := pmetric.NewMetrics()
	for i, s := range sources {
		rm := md.ResourceMetrics().AppendEmpty()
		require.NoError(t, rm.Resource().Attributes().FromRaw(s.resource))
		sm := rm.ScopeMetrics().AppendEmpty()
		sm.Scope().SetName(s.scope)
		sm.Scope().SetVersion(s.version)
		sm.SetSchemaUrl(s.schema)
		require.NoError(t, sm.Scope().Attributes().FromRaw(s.scopeAttributes))
		m := sm.Metrics().AppendEmpty()
		m.SetName("m")
		if s.metric != "" {
			m.SetName(s.metric)
		}
		p := m.SetEmptyGauge().DataPoints().AppendEmpty()
		p.SetTimestamp(pcommon.NewTimestampFromTime(at))
		p.SetDoubleValue(float64(i + 1))
		require.NoError(t, p.Attributes().FromRaw(s.point))
	}
	return toRecord(t, md)
}

func toRecord(t *testing.T, md pmetric.Metrics) bus.Record {
	t.Helper()
	body, err := pmetricotlp.NewExportRequestFromMetrics(md).MarshalProto()
	require.NoError(t, err)
	return bus.Record{Value: body, Headers: []bus.Header{{Key: intake.HeaderSource, Value: "s"}, {Key: intake.HeaderItems, Value: strconv.Itoa(md.DataPointCount())}}}
}

func values(v promql.Vector) []float64 {
	out := make([]float64, 0, len(v))
	for _, s := range v {
		out = append(out, s.F)
	}
	slices.Sort(out)
	return out
}

// TestIdentityIsKept sends sources that differ in one thing and wants a series of each.
func TestIdentityIsKept(t *testing.T) {
	shop := attributes{"service.name": "shop", "service.instance.id": "1"}
	cases := map[string][]source{
		"pids on a host": {
			{resource: attributes{"host.name": "h", "process.pid": 1, "process.executable.name": "java"}},
			{resource: attributes{"host.name": "h", "process.pid": 2, "process.executable.name": "java"}},
		},
		"a pid that was used again": {
			{resource: attributes{"host.name": "h", "process.pid": 1, "process.executable.name": "java"}},
			{resource: attributes{"host.name": "h", "process.pid": 1, "process.executable.name": "nginx"}},
		},
		"commands without pids": {{resource: attributes{"host.name": "h", "process.command": "a"}}, {resource: attributes{"host.name": "h", "process.command": "b"}}},
		"replicas without instance ids": {
			{resource: attributes{"service.name": "shop", "process.pid": 7}},
			{resource: attributes{"service.name": "shop", "process.pid": 8}},
			{resource: attributes{"service.name": "shop", "process.pid": 8, "service.instance.id": "x"}},
			{resource: attributes{"service.name": "shop"}},
		},
		"empty instance ids": {
			{resource: attributes{"service.name": "shop", "service.instance.id": "", "process.pid": 7}},
			{resource: attributes{"service.name": "shop", "service.instance.id": "", "process.pid": 8}},
		},
		"databases": {{resource: attributes{"db.instance": "a"}}, {resource: attributes{"db.instance": "b"}}, {resource: attributes{}}},
		"queues": {
			{resource: attributes{"messaging.destination.name": "a,b=c"}},
			{resource: attributes{"messaging.destination.name": "a", "b": "c"}},
			{resource: attributes{"messaging.destination.name": `a\,b=c`}},
			{resource: attributes{"队列": "甲"}},
			{resource: attributes{"队列": "乙"}},
		},
		"long values": {
			{resource: attributes{"arn": strings.Repeat("水", 3000) + "a"}}, {resource: attributes{"arn": strings.Repeat("水", 3000) + "b"}},
		},
		"containers":  {{resource: attributes{"container.id": "a"}}, {resource: attributes{"container.id": "b"}}},
		"pods by uid": {{resource: attributes{"k8s.pod.uid": "a"}}, {resource: attributes{"k8s.pod.uid": "b"}}},
		"volumes of a pod": {
			{resource: attributes{"k8s.pod.name": "p", "k8s.volume.name": "a"}}, {resource: attributes{"k8s.pod.name": "p", "k8s.volume.name": "b"}},
		},
		"hosts by id":         {{resource: attributes{"host.id": "a"}}, {resource: attributes{"host.id": "b"}}},
		"promoted attributes": {{resource: attributes{"k8s.pod.name": "a"}}, {resource: attributes{"k8s.pod.name": "b"}}},
		"structured values":   {{resource: attributes{"shards": []any{1, 2}}}, {resource: attributes{"shards": []any{1, 3}}}},
		"scopes":              {{resource: shop, scope: "one"}, {resource: shop, scope: "two"}, {resource: shop}},
		"versions of a scope": {{resource: shop, scope: "one", version: "1"}, {resource: shop, scope: "one", version: "2"}, {resource: shop, scope: "one"}},
		"unnamed scopes":      {{resource: shop, version: "1"}, {resource: shop, version: "2"}, {resource: shop, scopeAttributes: attributes{"a": "b"}}},
		"schemas of a scope":  {{resource: shop, scope: "one", schema: "https://x/1"}, {resource: shop, scope: "one", schema: "https://x/2"}},
		"attributes of a scope": {
			{resource: shop, scope: "one", scopeAttributes: attributes{"plugin": "a"}}, {resource: shop, scope: "one", scopeAttributes: attributes{"plugin": "b"}},
		},
		"attributes of a scope that Prometheus writes alike": {
			{resource: shop, scope: "one", scopeAttributes: attributes{"a.b": "1", "a_b": "2"}},
			{resource: shop, scope: "one", scopeAttributes: attributes{"a.b": "3", "a_b": "2"}},
			{resource: shop, scope: "one", scopeAttributes: attributes{"name": "x"}},
			{resource: shop, scope: "one", scopeAttributes: attributes{"name": "y"}},
		},
		"points that hide what the resource says": {
			{resource: attributes{"host.name": "a"}, point: attributes{"host.name": "x"}},
			{resource: attributes{"host.name": "b"}, point: attributes{"host.name": "x"}},
			{resource: attributes{"host.name": "a"}, point: attributes{"host_name": "y"}},
			{resource: attributes{"host.name": "b"}, point: attributes{"host_name": "y"}},
		},
		"points with labels of Prometheus": {
			{resource: shop, scope: "s", point: attributes{"job": "a"}},
			{resource: shop, scope: "s", point: attributes{"job": "b"}},
			{resource: shop, scope: "s", point: attributes{"instance": "a"}},
			{resource: shop, scope: "s", point: attributes{"instance": "b"}},
			{resource: shop, scope: "s", point: attributes{"otel_scope_name": "a"}},
			{resource: shop, scope: "s", point: attributes{"otel.scope.name": "b"}},
			{resource: shop, scope: "s", point: attributes{"__name__": "a"}},
			{resource: shop, scope: "s", point: attributes{"__name__": "b"}},
			{resource: shop, scope: "s", point: attributes{"job": "a", "exported_job": "c"}},
		},
	}
	f := newFixture(t, t.TempDir())
	now := time.Now().Truncate(time.Millisecond)
	var recs []bus.Record
	sent := 0
	for name, sources := range cases {
		for i := range sources {
			sources[i].metric = strings.ReplaceAll(name, " ", "_")
		}
		recs = append(recs, record(t, now, sources...))
		sent += len(sources)
	}
	store, _ := f.writeMetrics(t, recs...)
	for name, sources := range cases {
		want := make([]float64, 0, len(sources))
		for i := range sources {
			want = append(want, float64(i+1))
		}
		got := instant(t, store, strings.ReplaceAll(name, " ", "_"), now)
		require.Equal(t, want, values(got), "%s: %s", name, got)
	}
	require.Equal(t, int64(sent), f.ledger.Totals()[signal.Metrics].Stored)
	require.Empty(t, f.ledger.Totals()[signal.Metrics].Rejected)
}

// TestIdentityDoesNotChange sends one source again with other company, in another order and after a restart: it stays one series.
func TestIdentityDoesNotChange(t *testing.T) {
	now := time.Now().Truncate(time.Millisecond)
	process := func(title, restarts string) source {
		return source{scope: "one", resource: attributes{
			"service.name": "shop", "host.name": "h", "host.ip": []any{restarts}, "process.pid": 7, "process.executable.name": "pg", "process.command_line": title,
			"k8s.pod.name": "p", "k8s.pod.uid": restarts, "k8s.container.restart_count": restarts, "os.description": title, "telemetry.sdk.version": restarts,
		}}
	}
	other := source{scope: "two", resource: attributes{"service.name": "shop", "process.pid": 8}}
	for _, order := range [][]source{{process("idle", "0"), other}, {other, process("busy", "1")}} {
		f := newFixture(t, t.TempDir())
		store, _ := f.writeMetrics(t,
			record(t, now.Add(-2*time.Second), process("idle", "0")), record(t, now.Add(-time.Second), order...), record(t, now, process("new", "2")))
		got := instant(t, store, `count_over_time(m{otel_scope_name="one"}[1m])`, now)
		require.Len(t, got, 1, got.String())
		require.InDelta(t, 3, got[0].F, 0)
		require.Equal(t, `process.executable.name=pg,process.pid=7`, got[0].Metric.Get("instance"))
	}
}

// TestUsualQueriesGoOn asks what dashboards ask.
func TestUsualQueriesGoOn(t *testing.T) {
	const receivers = "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/hostmetricsreceiver/internal/scraper/"
	f := newFixture(t, t.TempDir())
	now := time.Now().Truncate(time.Millisecond)
	host := attributes{"host.name": "h", "host.id": "id", "service.instance.id": "id", "os.type": "linux"}
	var recs []bus.Record
	for at := now.Add(-5 * time.Second); !at.After(now); at = at.Add(time.Second) {
		recs = append(recs, record(t, at,
			source{metric: "load", resource: host, scope: receivers + "loadscraper"}, source{metric: "cpus", resource: host, scope: receivers + "cpuscraper"},
			source{metric: "a", scope: "one", resource: attributes{"service.name": "shop", "process.pid": 7, "build": "1"}},
			source{metric: "a", scope: "two", resource: attributes{"service.name": "shop", "process.pid": 7, "build": "1"}},
			source{metric: "a", scope: "one", resource: attributes{"service.name": "shop", "process.pid": 8, "build": "2"}},
			source{metric: "plain", resource: attributes{"service.name": "plain", "telemetry.sdk.language": "go", "host.name": "h"}}))
	}
	store, _ := f.writeMetrics(t, recs...)
	for expr, want := range map[string][]float64{
		`load / cpus`:                    {0.5},
		`sum by (job) (a)`:               {12},
		`count(rate(a{job="shop"}[1m]))`: {3},
		`sum by (build) (a * on (job, instance) group_left (build) target_info)`: {5, 7},
		`sum by (instance) (a) / sum by (instance) (a)`:                          {1, 1},
		`count(target_info{job="shop"})`:                                         {2},
		`plain{instance="",otel_scope_name=""}`:                                  {6},
		`load{instance="id",otel_scope_name=""}`:                                 {1},
	} {
		require.Equal(t, want, values(instant(t, store, expr, now)), expr)
	}
}

func TestScopeLabelsByConfiguration(t *testing.T) {
	require.Error(t, Translation{ScopeLabels: "sometimes"}.Validate())
	require.NoError(t, DefaultTranslation().Validate())
	for how, want := range map[ScopeLabels][]string{
		ScopeLabelsAuto: {"", "lib"}, ScopeLabelsAlways: {"github.com/strata-apm/strata/collector/logs", "lib"}, ScopeLabelsNever: {"", ""}, "": {"", "lib"},
	} {
		md := pmetric.NewMetrics()
		for _, name := range []string{"github.com/strata-apm/strata/collector/logs", "lib"} {
			sm := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty()
			sm.Scope().SetName(name)
		}
		newRewriter(Translation{ScopeLabels: how}).rewrite(md, nil)
		var got []string
		for _, rm := range md.ResourceMetrics().All() {
			got = append(got, rm.ScopeMetrics().At(0).Scope().Name())
		}
		require.Equal(t, want, got, fmt.Sprint(how))
	}
}
