// SPDX-License-Identifier: Apache-2.0

package promapi

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/metadata"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage/metrics"
	"github.com/strata-apm/strata/storage/metrics/fanout"
	"github.com/strata-apm/strata/tenant"
)

const tenantHeader = "Test-Tenant"

// forTenant answers a request for the tenant that its header names: it stands for the check of keys.
func forTenant(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(tenant.NewContext(r.Context(), tenant.ID(r.Header.Get(tenantHeader)).OrDefault())))
	})
}

// startTenants serves the API over tsdbs of the tenants a, b and default, each with the same series and one of its own.
func startTenants(t *testing.T) *proc {
	t.Helper()
	ts, err := metrics.OpenTenants(filepath.Join(t.TempDir(), "metrics"), metrics.DefaultConfig(), slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, ts.Close()) })
	now := time.Now().UnixMilli()
	for i, id := range []tenant.ID{"a", "b", tenant.Default} {
		own, err := ts.Tenant(id)
		require.NoError(t, err)
		p := &proc{store: own.Store, metadata: own.Metadata}
		p.add(t, []sample{
			{ls: labels.FromStrings("__name__", "shared", "job", "same"), t: now, v: float64(i + 1)},
			{ls: labels.FromStrings("__name__", "only_of_"+string(id), "owner", "of-"+string(id), "k_"+string(id), "1"), t: now, v: 1},
		})
		own.Metadata.Set("shared", metadata.Metadata{Type: model.MetricTypeGauge, Help: "help of-" + string(id)})
	}
	p := &proc{}
	view := ts.View()
	cfg, log := DefaultConfig(), slog.New(slog.DiscardHandler)
	api := New(Options{
		Config: cfg, Engine: NewEngine(cfg, log, nil), Storage: view, Local: view, Metadata: view.MetadataFor, Gatherer: prometheus.NewRegistry(),
		Registerer: prometheus.NewRegistry(), Logger: log, Listen: "127.0.0.1:0",
	})
	p.listen(t, forTenant(api))
	return p
}

// listen serves an API at its usual path.
func (p *proc) listen(t *testing.T, api http.Handler) {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/prometheus/api/v1/", http.StripPrefix("/prometheus/api/v1", api))
	mux.HandleFunc("/-/healthy", func(http.ResponseWriter, *http.Request) {})
	p.srv = httptest.NewServer(mux)
	t.Cleanup(p.srv.Close)
}

func (p *proc) ask(t *testing.T, id, path string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.srv.URL+"/prometheus/api/v1"+path, http.NoBody)
	require.NoError(t, err)
	req.Header.Set(tenantHeader, id)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}

// everyPath is every path of the API that tells of data.
func everyPath() []string {
	all := url.Values{"match[]": {`{__name__=~".+"}`}, "query": {`{__name__=~".+"}`}, "start": {"0"}, "end": {"9999999999"}, "step": {"1000000"}}.Encode()
	return []string{
		"/query?query=" + url.QueryEscape(`{__name__=~".+"}`), "/query_range?query=" + url.QueryEscape(`last_over_time({__name__=~".+"}[1h])`) + "&start=" + stamp(-time.Minute) + "&end=" + stamp(time.Minute) + "&step=30",
		"/series?" + all, "/labels?" + all, "/labels", "/label/owner/values?" + all, "/label/__name__/values", "/metadata", "/targets/metadata?" + all, "/query_exemplars?" + all, "/rules", "/alerts", "/targets",
	}
}

func stamp(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.RFC3339) }

// TestTenantsOfTheAPI asks every path as each tenant: no answer has a name or a value of another, by one process and over several.
func TestTenantsOfTheAPI(t *testing.T) {
	writer := startTenants(t)
	f, err := fanout.New(fanout.Options{Config: fanout.DefaultConfig(), Registry: fanout.Static([]fanout.Writer{{ID: "w", URL: writer.srv.URL, Group: "g"}}), TenantHeader: tenantHeader})
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	reader := &proc{}
	cfg, log := DefaultConfig(), slog.New(slog.DiscardHandler)
	reader.listen(t, forTenant(New(Options{
		Config: cfg, Engine: NewEngine(cfg, log, nil), Storage: f, Remote: f, Gatherer: prometheus.NewRegistry(), Registerer: prometheus.NewRegistry(), Logger: log, Listen: "127.0.0.1:0",
	})))
	for name, p := range map[string]*proc{"one process": writer, "over writers": reader} {
		for _, id := range []string{"a", "b", "default", "c"} {
			for _, path := range everyPath() {
				code, body := p.ask(t, id, path)
				require.Equal(t, http.StatusOK, code, "%s %s %s: %s", name, id, path, body)
				for _, other := range []string{"a", "b", "default"} {
					if other != id {
						require.NotContains(t, body, "of-"+other, "%s %s %s", name, id, path)
						require.NotContains(t, body, "only_of_"+other, "%s %s %s", name, id, path)
						require.NotContains(t, body, `"k_`+other, "%s %s %s", name, id, path)
					}
				}
			}
			code, body := p.ask(t, id, "/query?query=shared")
			require.Equal(t, http.StatusOK, code)
			var ans struct {
				Data struct {
					Result []struct{ Value []any }
				}
			}
			require.NoError(t, json.Unmarshal([]byte(body), &ans))
			if want := map[string]string{"a": "1", "b": "2", "default": "3"}[id]; want == "" {
				require.Empty(t, ans.Data.Result)
			} else {
				require.Len(t, ans.Data.Result, 1, body)
				require.Equal(t, want, ans.Data.Result[0].Value[1])
				_, labels := p.ask(t, id, "/label/owner/values")
				require.Contains(t, labels, `["of-`+id+`"]`)
				_, meta := p.ask(t, id, "/metadata")
				require.Contains(t, meta, "help of-"+id)
			}
		}
	}
}

// TestInstallationStatusOfTheAPI: what tells of the process is the default tenant's.
func TestInstallationStatusOfTheAPI(t *testing.T) {
	p := startTenants(t)
	for _, path := range []string{"/status/tsdb", "/status/config", "/status/flags", "/status/runtimeinfo", "/status/walreplay"} {
		code, body := p.ask(t, "a", path)
		require.Equal(t, http.StatusForbidden, code, path)
		require.True(t, strings.HasPrefix(body, `{"status":"error"`), body)
		code, body = p.ask(t, "default", path)
		require.Equal(t, http.StatusOK, code, "%s %s", path, body)
	}
	code, _ := p.ask(t, "a", "/status/buildinfo")
	require.Equal(t, http.StatusOK, code)
}
