// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/storage"
)

func TestTopology(t *testing.T) {
	srv := serve(t, &fake{}, nil)
	status, _, body := get(t, srv, "/topology?start=2026-01-02T02:00:00Z&end=2026-01-02T03:00:00Z")
	require.Equal(t, http.StatusOK, status)
	nodes := body["nodes"].([]any)
	require.Len(t, nodes, 3)
	service := nodes[0].(map[string]any)
	require.Equal(t, "service:s service s", service["id"].(string)+" "+service["kind"].(string)+" "+service["name"].(string))
	require.InDelta(t, 2, service["rate"], 0)
	require.InDelta(t, 0.1, service["error_rate"], 1e-9)
	require.InDelta(t, 5, service["p95_ns"], 0)
	require.Equal(t, []any{}, service["service"].(map[string]any)["sparkline"].(map[string]any)["time"])
	require.NotContains(t, service, "host")
	redis := nodes[1].(map[string]any)
	require.Equal(t, "limited", redis["middleware"].(map[string]any)["state"])
	require.Equal(t, "db redis", redis["type"].(string)+" "+redis["system"].(string))
	require.Nil(t, redis["p95_ns"])
	require.Zero(t, redis["error_rate"], "of nothing nothing failed")
	require.Equal(t, true, nodes[2].(map[string]any)["host"].(map[string]any)["up"])
	require.Equal(t, []any{map[string]any{
		"source": "service:s", "target": "middleware:redis:h:1", "kind": "calls", "type": "db", "system": "redis", "calls": 3600.0, "errors": 0.0, "rate": 1.0,
		"error_rate": 0.0, "p95_ns": nil, "estimated": true,
	}}, body["edges"])
	require.Equal(t, []any{}, body["environments"])
}

func TestMiddleware(t *testing.T) {
	srv := serve(t, &fake{}, nil)
	status, _, body := get(t, srv, "/middleware")
	require.Equal(t, http.StatusOK, status)
	list := body["instances"].([]any)
	require.Len(t, list, 2)
	require.Equal(t, map[string]any{
		"kind": "redis", "title": "Redis", "instance": "h:1", "host": "h", "agent": "a1", "version": "", "state": "limited", "since": "2026-01-02T03:04:05Z", "error": "",
		"figures": []any{map[string]any{"title": "Memory", "unit": "bytes", "value": 3.5}}, "missing_count": 1.0,
		"missing": []any{map[string]any{"what": "a", "why": "b", "how": "c"}}, "series": 30.0,
	}, list[0])
	down := list[1].(map[string]any)
	require.Nil(t, down["since"])
	require.Nil(t, down["series"])
	require.Equal(t, []any{}, down["missing"])
	require.Equal(t, []any{}, down["figures"])
}

func TestReadersFail(t *testing.T) {
	for _, path := range []string{"/topology", "/middleware"} {
		srv := serve(t, &fake{err: storage.ErrUnavailable}, nil)
		status, _, body := get(t, srv, path)
		require.Equal(t, http.StatusServiceUnavailable, status, path)
		require.Equal(t, string(httpx.CodeUnavailable), body["error"].(map[string]any)["code"])
	}
	_, err := New(Options{})
	require.Error(t, err)
}

func TestDashboards(t *testing.T) {
	srv := serve(t, &fake{}, nil)
	status, _, body := get(t, srv, "/dashboards")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body["dashboards"], map[string]any{"name": "service", "title": "Service", "panels": 3.0})
	require.Equal(t, []any{}, body["warnings"])
	status, _, body = get(t, srv, "/dashboards/host")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, []any{map[string]any{"name": "host", "kind": "text"}, map[string]any{"name": "window", "kind": "window"}}, body["variables"])
	require.Equal(t, []any{}, body["figures"])
	status, _, _ = get(t, srv, "/dashboards/none")
	require.Equal(t, http.StatusNotFound, status)
}
