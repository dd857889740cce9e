// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/prompb"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/strata-apm/strata/internal/auth"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

// tenants are those of these tests, each with the same names for everything. Whatever belongs to tenant x has the text "of-x" in it.
func tenants() []tenant.ID { return []tenant.ID{"a", "b", tenant.Default} }

func mark(owner tenant.ID) string { return "of-" + string(owner) }

// isolation is processes, or one, that take data in, store it and answer questions, with keys of equal names for every tenant.
type isolation struct {
	intake, query *process
	writer        *process
	ingest, read  map[tenant.ID]string
	admin         string
	start         time.Time
}

func newIsolation(intake, writer, query *process) *isolation {
	x := &isolation{intake: intake, writer: writer, query: query, ingest: map[tenant.ID]string{}, read: map[tenant.ID]string{}, start: time.Now().Add(-time.Minute)}
	for _, owner := range tenants() {
		x.ingest[owner], x.read[owner] = query.key(owner, auth.ScopeIngest, "sender"), query.key(owner, auth.ScopeRead, "reader")
	}
	x.admin = query.key(tenant.Default, auth.ScopeAdmin, "administrator")
	return x
}

func resource(attrs pcommon.Map, owner tenant.ID) {
	attrs.PutStr("service.name", "shared")
	attrs.PutStr("host.name", "node")
	attrs.PutStr("deployment.environment.name", "env-"+mark(owner))
}

func stamp() pcommon.Timestamp { return pcommon.NewTimestampFromTime(time.Now()) }

func logsOf(owner tenant.ID, body string) plogotlp.ExportRequest {
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	resource(rl.Resource().Attributes(), owner)
	rec := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	rec.SetTimestamp(stamp())
	rec.Body().SetStr(body)
	rec.Attributes().PutStr("owner", mark(owner))
	rec.Attributes().PutStr("key."+mark(owner), "1")
	return plogotlp.NewExportRequestFromLogs(ld)
}

// tracesOf is a trace with the same ids for everybody: a request that is served, and a call of a peer.
func tracesOf(owner tenant.ID) ptraceotlp.ExportRequest {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	resource(rs.Resource().Attributes(), owner)
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	for i, kind := range []ptrace.SpanKind{ptrace.SpanKindServer, ptrace.SpanKindClient} {
		s := spans.AppendEmpty()
		s.SetTraceID(pcommon.TraceID{7, 7})
		s.SetSpanID(pcommon.SpanID{byte(i + 1)})
		s.SetKind(kind)
		s.SetName("GET " + mark(owner))
		s.SetStartTimestamp(stamp())
		s.SetEndTimestamp(s.StartTimestamp() + pcommon.Timestamp(time.Second))
		s.Attributes().PutStr("owner", mark(owner))
		s.Attributes().PutStr("key."+mark(owner), "1")
		if kind == ptrace.SpanKindClient {
			s.SetParentSpanID(pcommon.SpanID{1})
			s.Attributes().PutStr("http.request.method", "GET")
			s.Attributes().PutStr("server.address", "peer-"+mark(owner))
		}
	}
	return ptraceotlp.NewExportRequestFromTraces(td)
}

func metricsOf(owner tenant.ID) pmetricotlp.ExportRequest {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	resource(rm.Resource().Attributes(), owner)
	m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("shared.gauge")
	m.SetDescription("help " + mark(owner))
	p := m.SetEmptyGauge().DataPoints().AppendEmpty()
	p.SetTimestamp(stamp())
	p.SetDoubleValue(1)
	p.Attributes().PutStr("owner", mark(owner))
	return pmetricotlp.NewExportRequestFromMetrics(md)
}

// remoteWriteOf has a host, an instance of middleware and a series of the same names for everybody.
func remoteWriteOf(owner tenant.ID) []byte {
	var req prompb.WriteRequest
	add := func(value float64, pairs ...string) {
		ts := prompb.TimeSeries{Samples: []prompb.Sample{{Value: value, Timestamp: time.Now().UnixMilli()}}}
		for i := 0; i < len(pairs); i += 2 {
			ts.Labels = append(ts.Labels, prompb.Label{Name: pairs[i], Value: pairs[i+1]})
		}
		req.Timeseries = append(req.Timeseries, ts)
	}
	add(1, "__name__", "only_"+strings.ReplaceAll(mark(owner), "-", "_"), "owner", mark(owner))
	add(1, "__name__", "shared_metric", "owner", mark(owner))
	add(1, "__name__", "strata_middleware_info", "host_name", "node", "instance", "node:6379", "middleware", "redis", "version", mark(owner))
	add(9, "__name__", "strata_middleware_series", "host_name", "node", "instance", "node:6379", "middleware", "redis")
	add(1, "__name__", "strata_middleware_up", "host_name", "node", "instance", "node:6379", "middleware", "redis")
	for _, host := range []string{"node", "node-" + mark(owner)} {
		add(1, "__name__", "system_cpu_time_seconds_total", "cpu", "cpu0", "host_name", host, "state", "idle")
		add(1, "__name__", "system_memory_usage_bytes", "host_name", host, "state", "used")
	}
	b, err := req.Marshal()
	if err != nil {
		return nil // The sender's request fails.
	}
	return snappy.Encode(nil, b)
}

// send sends everything of a tenant: metrics and logs over HTTP, traces over gRPC, series by remote write.
func (x *isolation) send(t *testing.T, owner tenant.ID) {
	t.Helper()
	type marshaler interface{ MarshalProto() ([]byte, error) }
	for path, req := range map[string]marshaler{"/v1/metrics": metricsOf(owner), "/v1/logs": logsOf(owner, "body "+mark(owner))} {
		body, err := req.MarshalProto()
		require.NoError(t, err)
		code, answer := x.intake.do(request{listener: "otlp_http", method: http.MethodPost, path: path, key: x.ingest[owner], contentType: "application/x-protobuf", body: string(body)})
		require.Equal(t, http.StatusOK, code, answer)
	}
	conn, err := grpc.NewClient(x.intake.listeners.Of("otlp_grpc").Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = ptraceotlp.NewGRPCClient(conn).Export(metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+x.ingest[owner]), tracesOf(owner))
	require.NoError(t, err)
	code, answer := x.intake.do(request{
		method: http.MethodPost, path: "/prometheus/api/v1/write", key: x.ingest[owner], contentType: "application/x-protobuf", body: string(remoteWriteOf(owner)),
		header: map[string]string{"Content-Encoding": "snappy", "X-Prometheus-Remote-Write-Version": "0.1.0"},
	})
	require.Less(t, code, 300, answer)
}

// ask reads an answer over the whole range of the test.
func (x *isolation) ask(owner tenant.ID, path string, q url.Values) (int, string) {
	if q == nil {
		q = url.Values{}
	}
	q.Set("start", x.start.UTC().Format(time.RFC3339))
	q.Set("end", time.Now().Add(time.Minute).UTC().Format(time.RFC3339))
	return x.query.do(request{method: http.MethodGet, path: path + "?" + q.Encode(), key: x.read[owner]})
}

// question is what is asked of one route below /api/v1.
type question struct {
	path  string
	query url.Values
	// told says that the answer has the tenant's mark in it.
	told bool
}

// questions has a row for each route that answers for a tenant; x is who asks.
func questions(x tenant.ID) map[string]question {
	return map[string]question{
		"/services":           {path: "/services", told: true},
		"/services/{name}":    {path: "/services/shared", told: true},
		"/traces":             {path: "/traces", told: true},
		"/traces/facets":      {path: "/traces/facets", told: true},
		"/traces/{id}":        {path: "/traces/" + "07070000000000000000000000000000", told: true},
		"/logs":               {path: "/logs", told: true},
		"/logs/histogram":     {path: "/logs/histogram"},
		"/logs/facets":        {path: "/logs/facets", told: true},
		"/fields":             {path: "/fields", query: url.Values{"signal": {"logs"}, "prefix": {"key."}}, told: true},
		"/fields/values":      {path: "/fields/values", query: url.Values{"signal": {"traces"}, "field": {"attr.owner"}}, told: true},
		"/hosts":              {path: "/hosts", told: true},
		"/hosts/{name}":       {path: "/hosts/node-" + mark(x), told: true},
		"/middleware":         {path: "/middleware", told: true},
		"/topology":           {path: "/topology", told: true},
		"/rollups":            {path: "/rollups", told: true},
		"/rollups/{id}":       {path: "/rollups/same", told: true},
		"/rollups/{id}/query": {path: "/rollups/same/query", query: url.Values{"group": {"attr.owner"}}, told: true},
		"/dashboards":         {path: "/dashboards"},
		"/dashboards/{name}":  {path: "/dashboards/host"},
		"/packs":              {path: "/packs"},
		"/packs/{name}":       {path: "/packs/redis"},
		"/logs/tail":          {}, // followed below
		"/keys":               {}, // for administrators
		"/openapi.json":       {path: "/openapi.json"},
	}
}

// prometheusPaths is every path of Prometheus's API that tells of data; told says that the tenant's mark is in the answer.
func prometheusPaths() map[string]bool {
	all := url.QueryEscape(`{__name__=~".+"}`)
	return map[string]bool{
		"/query?query=" + all: true, "/series?match[]=" + all: true, "/labels": false, "/label/owner/values": true, "/label/__name__/values": false,
		"/query_range?step=15&start=" + time.Now().Add(-time.Minute).UTC().Format(time.RFC3339) + "&end=" + time.Now().UTC().Format(time.RFC3339) + "&query=" + url.QueryEscape(`last_over_time({__name__=~".+"}[5m])`): true,
		"/metadata": true, "/targets/metadata?match_target=" + all: false, "/query_exemplars?start=0&end=1&query=" + all: false, "/rules": false, "/alerts": false, "/targets": false,
	}
}

// alone fails the test when a text has the mark of another tenant.
func alone(t *testing.T, owner tenant.ID, text, asked string) {
	t.Helper()
	for _, other := range tenants() {
		if other != owner {
			require.NotContains(t, text, mark(other), "%s as %s", asked, owner)
			require.NotContains(t, text, strings.ReplaceAll(mark(other), "-", "_"), "%s as %s", asked, owner)
		}
	}
}

// check sends everything as every tenant and asks everything as every tenant.
func (x *isolation) check(t *testing.T) {
	t.Helper()
	x.rollups(t)
	for _, owner := range tenants() {
		x.send(t, owner)
	}
	x.board(t)
	require.Eventually(t, func() bool { return x.arrived(t) }, patience, 4*tick, "everything can be read")
	t.Run("api", x.checkAPI)
	t.Run("prometheus", x.checkPrometheus)
	t.Run("rules", x.checkRules)
	t.Run("ledger", x.checkLedger)
	t.Run("tail", x.checkTail)
	t.Run("hosts of agents", x.checkSeen)
}

// rollups makes a rollup of the same id and name for every tenant.
func (x *isolation) rollups(t *testing.T) {
	t.Helper()
	for _, owner := range tenants() {
		require.NoError(t, x.query.stores.catalog.PutRollup(t.Context(), storage.Rollup{
			ID: "same", Tenant: owner, Name: "same", Version: 1, CreatedAt: x.start, UpdatedAt: x.start, Definition: fmt.Sprintf(
				`{"name":"same","source":"spans","filter":"attr.owner:%s OR root:*","dimensions":["attr.owner"],"measures":[{"func":"count"}],"step":"1h","retention":"30d"}`, mark(owner)),
		}))
	}
	require.NoError(t, x.writer.counting.Refresh(t.Context()))
}

// board puts an agent of the installation, with a board, beside the instance of middleware that every tenant has.
func (x *isolation) board(t *testing.T) {
	t.Helper()
	_, err := x.query.stores.catalog.SaveAgents(t.Context(), []storage.Agent{{
		ID: "agent-of-default", HostName: "node", Heartbeat: time.Minute, Labels: map[string]string{}, Health: "{}",
		Board: `{"middleware":[{"kind":"redis","instance":"127.0.0.1:6379","state":"collecting","version":"board-of-default","addresses":["10.0.0.1:6379"]}]}`,
	}}, nil)
	require.NoError(t, err)
}

func (x *isolation) arrived(t *testing.T) bool {
	t.Helper()
	for _, owner := range tenants() {
		for _, path := range []string{"/logs", "/traces", "/hosts", "/rollups/same/query"} {
			if _, body := x.ask(owner, "/api/v1"+path, url.Values{"group": {"attr.owner"}}); !strings.Contains(body, mark(owner)) {
				return false
			}
		}
		for _, metric := range []string{"shared_metric", "shared_gauge"} {
			if _, body := x.ask(owner, "/prometheus/api/v1/query", url.Values{"query": {metric}}); !strings.Contains(body, mark(owner)) {
				return false
			}
		}
	}
	return true
}

func (x *isolation) checkAPI(t *testing.T) {
	asked := 0
	for _, rt := range routesOf(t, x.query) {
		if !rt.PerTenant || rt.Method != http.MethodGet {
			continue
		}
		for _, owner := range tenants() {
			q, known := questions(owner)[rt.Path]
			require.True(t, known, "%s answers for a tenant and is not asked here", rt.Path)
			if q.path == "" {
				continue
			}
			code, body := x.ask(owner, "/api/v1"+q.path, q.query)
			require.Equal(t, http.StatusOK, code, "%s as %s: %s", q.path, owner, body)
			alone(t, owner, body, q.path)
			if q.told {
				require.Contains(t, body, mark(owner), "%s as %s", q.path, owner)
			}
			asked++
		}
	}
	require.GreaterOrEqual(t, asked, 3*18)
	for _, owner := range tenants() {
		var sum struct{ Total int }
		_, body := x.ask(owner, "/api/v1/logs/histogram", nil)
		require.NoError(t, json.Unmarshal([]byte(body), &sum))
		require.Equal(t, 1, sum.Total, "log records of %s", owner)
		for _, other := range tenants() {
			code, _ := x.ask(owner, "/api/v1/hosts/node-"+mark(other), nil)
			require.Equal(t, owner == other, code == http.StatusOK, "the host of %s as %s: %d", other, owner, code)
		}
	}
}

func (x *isolation) checkPrometheus(t *testing.T) {
	for path, told := range prometheusPaths() {
		for _, owner := range tenants() {
			code, body := x.query.do(request{method: http.MethodGet, path: "/prometheus/api/v1" + path, key: x.read[owner]})
			require.Equal(t, http.StatusOK, code, "%s as %s: %s", path, owner, body)
			alone(t, owner, body, path)
			if told {
				require.Contains(t, body, mark(owner), "%s as %s", path, owner)
			}
		}
	}
	for _, path := range []string{"/status/tsdb", "/status/config", "/status/flags", "/status/runtimeinfo"} {
		for _, owner := range tenants() {
			code, body := x.query.do(request{method: http.MethodGet, path: "/prometheus/api/v1" + path, key: x.read[owner]})
			require.Equal(t, owner != tenant.Default, code == http.StatusForbidden, "%s as %s: %d %s", path, owner, code, body)
			alone(t, owner, body, path)
		}
	}
	for _, owner := range tenants() {
		_, body := x.query.do(request{method: http.MethodGet, path: "/prometheus/api/v1/query?query=" + url.QueryEscape("count({__name__=~\".+\",owner!=\"\"})"), key: x.read[owner]})
		require.Contains(t, body, `"3"`, "the series of %s with its mark", owner)
		x.remoteRead(t, owner)
	}
}

// remoteRead reads every series as another Prometheus would.
func (x *isolation) remoteRead(t *testing.T, owner tenant.ID) {
	t.Helper()
	now := time.Now()
	req := prompb.ReadRequest{Queries: []*prompb.Query{{
		StartTimestampMs: now.Add(-time.Hour).UnixMilli(), EndTimestampMs: now.Add(time.Hour).UnixMilli(),
		Matchers: []*prompb.LabelMatcher{{Type: prompb.LabelMatcher_RE, Name: "__name__", Value: ".+"}},
	}}}
	b, err := req.Marshal()
	require.NoError(t, err)
	code, body := x.query.do(request{
		method: http.MethodPost, path: "/prometheus/api/v1/read", key: x.read[owner], contentType: "application/x-protobuf", body: string(snappy.Encode(nil, b)),
		header: map[string]string{"Content-Encoding": "snappy", "X-Prometheus-Remote-Read-Version": "0.1.0"},
	})
	require.Equal(t, http.StatusOK, code, body)
	raw, err := snappy.Decode(nil, []byte(body))
	require.NoError(t, err)
	alone(t, owner, string(raw), "/read")
	require.Contains(t, string(raw), mark(owner))
}

// checkRules: a rule sees the default tenant's series alone, and nobody else sees the rule.
func (x *isolation) checkRules(t *testing.T) {
	code, body := x.query.do(request{
		method: http.MethodPost, path: "/api/v1/rules", key: x.admin, contentType: "application/json",
		body: `{"yaml":"name: group-of-default\ninterval: 1s\nrules:\n- {alert: Shared, expr: shared_metric > 0}\n- {record: 'recorded:shared', expr: shared_metric}\n"}`,
	})
	require.Less(t, code, 300, body)
	alerts := func(owner tenant.ID) string { return x.query.get(x.read[owner], "/prometheus/api/v1/alerts") }
	require.Eventually(t, func() bool { return strings.Contains(alerts(tenant.Default), `"owner":"of-default"`) }, patience, 4*tick, "the alert fires")
	recorded := func(owner tenant.ID) string {
		return x.query.get(x.read[owner], "/prometheus/api/v1/query?query=recorded:shared")
	}
	require.Eventually(t, func() bool { return strings.Contains(recorded(tenant.Default), mark(tenant.Default)) }, patience, 4*tick, "the rule records")
	for _, owner := range tenants() {
		for _, text := range []string{alerts(owner), recorded(owner), x.query.get(x.read[owner], "/prometheus/api/v1/rules")} {
			alone(t, owner, text, "rules")
		}
	}
	require.NotContains(t, alerts("a"), "Shared")
	require.Contains(t, x.query.get(x.read[tenant.Default], "/prometheus/api/v1/rules"), "group-of-default")
}

// checkLedger: keys of equal names are told apart by their tenant, and only the installation is told.
func (x *isolation) checkLedger(t *testing.T) {
	var ans struct {
		Rows []struct {
			Signal, Source                   string
			Received, Accepted, Stored, Sent int64
		}
		Totals []struct {
			Signal   string
			Balanced bool
		}
	}
	want := map[string]int64{"metrics": 10, "traces": 2, "logs": 1}
	stored := func() map[string]map[string]int64 {
		_, body := x.ask(tenant.Default, "/api/v1/ledger", nil)
		require.NoError(t, json.Unmarshal([]byte(body), &ans))
		sums := map[string]map[string]int64{"a/sender": {}, "b/sender": {}, "sender": {}}
		for _, row := range ans.Rows {
			if sums[row.Source] != nil {
				sums[row.Source][row.Signal] += row.Stored
			}
		}
		return sums
	}
	require.Eventually(t, func() bool { return stored()["b/sender"]["metrics"] >= want["metrics"] }, patience, 4*tick, "everything is counted as stored")
	require.Equal(t, map[string]map[string]int64{"a/sender": want, "b/sender": want, "sender": want}, stored())
	for _, total := range ans.Totals {
		require.True(t, total.Balanced, total.Signal)
	}
	code, _ := x.ask("a", "/api/v1/ledger", nil)
	require.Equal(t, http.StatusForbidden, code)
}

// checkTail: who follows the logs is sent the records of the tenant alone.
func (x *isolation) checkTail(t *testing.T) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, x.query.url(httpListener, "/api/v1/logs/tail"), http.NoBody)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+x.read["a"])
	resp, err := x.query.client.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	for _, owner := range []tenant.ID{"b", tenant.Default, "a"} { // That of a is stored last.
		body, err := logsOf(owner, "late "+mark(owner)).MarshalProto()
		require.NoError(t, err)
		code, answer := x.intake.do(request{method: http.MethodPost, path: "/v1/logs", key: x.ingest[owner], contentType: "application/x-protobuf", body: string(body)})
		require.Equal(t, http.StatusOK, code, answer)
		require.Eventually(t, func() bool {
			_, body := x.ask(owner, "/api/v1/logs", url.Values{"query": {`"late ` + mark(owner) + `"`}})
			return strings.Contains(body, "late "+mark(owner))
		}, patience, 4*tick)
	}
	var seen strings.Builder
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		seen.Write(lines.Bytes())
		if strings.Contains(lines.Text(), "late "+mark("a")) {
			break
		}
	}
	require.Contains(t, seen.String(), "late "+mark("a"))
	alone(t, "a", seen.String(), "/logs/tail")
}

// checkSeen: an agent's question about its host is answered from the data of its own tenant.
func (x *isolation) checkSeen(t *testing.T) {
	for _, owner := range tenants() {
		for _, other := range tenants() {
			var ans struct {
				LastSeen int64 `json:"last_seen_unix_ms"`
			}
			x.query.getJSON(x.ingest[owner], "/v1/agent/host?name=node-"+mark(other), &ans)
			require.Equal(t, owner == other, ans.LastSeen > 0, "the host of %s as %s", other, owner)
		}
	}
}
