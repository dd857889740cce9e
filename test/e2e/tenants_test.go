// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// tenantKey makes a key of a tenant by the command line.
func (s *server) tenantKey(t *testing.T, owner, scope string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program(t, "strata"), "key", "create", "--data-dir", s.dir, "--tenant", owner, "--scope", scope, "--name", "same name")
	cmd.Env = append(os.Environ(), s.env...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return strings.TrimSpace(string(out))
}

// ask returns the status and the body of a request with a key, and with a header that tries to choose a tenant.
func (s *server) ask(t *testing.T, key, method, path, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Strata-Tenant", "globex")
	req.Header.Set("X-Scope-OrgID", "globex")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(b)
}

// twoTenants: two tenants and the default one send the same names, with the same ids and times; everybody reads its own alone.
func twoTenants(t *testing.T, s *server) { //nolint:thelper // A case of TestBothForms.
	now := time.Now()
	nano := func(d time.Duration) string { return strconv.FormatInt(now.Add(d).UnixNano(), 10) }
	owners := []string{"default", "acme", "globex"}
	read := map[string]string{}
	for _, owner := range owners {
		ingest := s.tenantKey(t, owner, "ingest")
		read[owner] = s.tenantKey(t, owner, "admin")
		mark := "of-" + owner
		resource := `"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"tenants-shared"}},{"key":"host.name","value":{"stringValue":"tenants-node"}}]}`
		attrs := `"attributes":[{"key":"owner","value":{"stringValue":"` + mark + `"}}]`
		for path, body := range map[string]string{
			"/v1/traces":  `{"resourceSpans":[{` + resource + `,"scopeSpans":[{"spans":[{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708","name":"GET ` + mark + `","kind":2,"startTimeUnixNano":"` + nano(-time.Second) + `","endTimeUnixNano":"` + nano(0) + `",` + attrs + `}]}]}]}`,
			"/v1/logs":    `{"resourceLogs":[{` + resource + `,"scopeLogs":[{"logRecords":[{"timeUnixNano":"` + nano(0) + `","body":{"stringValue":"tenants body ` + mark + `"},` + attrs + `}]}]}]}`,
			"/v1/metrics": `{"resourceMetrics":[{` + resource + `,"scopeMetrics":[{"metrics":[{"name":"tenants_load","gauge":{"dataPoints":[{"timeUnixNano":"` + nano(0) + `","asDouble":` + strconv.Itoa(len(mark)) + `,` + attrs + `}]}}]}]}]}`,
		} {
			code, answer := s.ask(t, ingest, http.MethodPost, "http://"+s.run.OTLPHTTP+path, body)
			require.Equal(t, 200, code, answer)
		}
	}
	paths := []string{
		"/api/v1/traces/0102030405060708090a0b0c0d0e0f10", "/api/v1/traces?query=service:tenants-shared", "/api/v1/logs?query=tenants", "/api/v1/services/tenants-shared",
		"/api/v1/traces/facets?query=service:tenants-shared", "/api/v1/fields/values?signal=logs&field=attr.owner",
		"/prometheus/api/v1/query?query=" + url.QueryEscape(`tenants_load`), "/prometheus/api/v1/label/owner/values", "/prometheus/api/v1/series?match[]=tenants_load",
	}
	for _, owner := range owners {
		eventually(t, 30*time.Second, "the data of "+owner, func() error {
			for _, path := range paths {
				code, body := s.ask(t, read[owner], http.MethodGet, s.url(path), "")
				for _, other := range owners {
					if other != owner && strings.Contains(body, "of-"+other) {
						return fatal(fmt.Errorf("%s as %s has what %s sent: %s", path, owner, other, body))
					}
				}
				if code != http.StatusOK || !strings.Contains(body, "of-"+owner) {
					return fmt.Errorf("%s: %d %.200s", path, code, body)
				}
			}
			return nil
		})
	}
	for _, path := range []string{"/api/v1/rules", "/api/v1/notifiers", "/api/v1/agents", "/api/v1/ledger", "/metrics", "/prometheus/api/v1/status/tsdb"} {
		code, body := s.ask(t, read["acme"], http.MethodGet, s.url(path), "")
		require.Equal(t, http.StatusForbidden, code, "%s: %s", path, body)
	}
	code, body := s.ask(t, read["acme"], http.MethodGet, s.url("/api/v1/keys"), "")
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, 2, strings.Count(body, `"prefix"`), "an administrator sees the keys of its tenant: %s", body)
	eventually(t, 20*time.Second, "the ledger's sources", func() error {
		_, body := s.ask(t, read["default"], http.MethodGet, s.url("/api/v1/ledger"), "")
		if !strings.Contains(body, `"acme/same name"`) || !strings.Contains(body, `"globex/same name"`) {
			return errors.New("the sources of tenants are missing")
		}
		return nil
	})
}
