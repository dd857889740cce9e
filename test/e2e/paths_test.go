// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

func readJSONFile(path string, into any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}

// ask returns the answer to a request with headers in pairs, and its body.
func ask(t *testing.T, method, url, body string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp, string(b)
}

// TestUnknownPaths: below the prefix of an API there is never the page.
func TestUnknownPaths(t *testing.T) {
	t.Parallel()
	s := start(t, append(quiet(), "STRATA_OTLP_CORS_ALLOWED_ORIGINS=[https://shop.example.com, 'http://localhost:*']")...)
	t.Run("404", func(t *testing.T) {
		for path, want := range map[string]string{
			"/api": `"code":"not_found"`, "/api/v2/x": `"code":"not_found"`, "/api/v1/nothing": `"code":"not_found"`, "/api/v1/services/a/b/c": `"code":"not_found"`,
			"/prometheus": `"errorType":"not_found"`, "/prometheus/api/v1/nothing": `"errorType":"not_found"`, "/prometheus/graph": `"errorType":"not_found"`,
			"/jaeger/api/nothing": `"errors":[{"code":404`, "/loki/api/v1/nothing": "nothing", "/zipkin/api/v2/nothing": "nothing",
			"/elasticsearch/nothing": `"status":404`, "/alertmanager/api/v2/nothing": `"code":404`, "/v1": `"code":5`, "/v1/profiles": `"code":5`, "/-/nothing": "nothing",
		} {
			for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodHead} {
				resp, body := ask(t, method, s.url(path), "")
				require.Equal(t, 404, resp.StatusCode, "%s %s: %s", method, path, body)
				if method != http.MethodHead {
					require.Contains(t, body, want, path)
				}
			}
		}
		for _, path := range []string{"/", "/services", "/apis", "/v1x"} {
			resp, _ := ask(t, http.MethodGet, s.url(path), "")
			require.Equal(t, 200, resp.StatusCode, path)
			require.Contains(t, resp.Header.Get("Content-Type"), "text/html", path)
		}
		resp, body := ask(t, http.MethodGet, "http://"+s.run.OTLPHTTP+"/v1/profiles", "")
		require.Equal(t, 404, resp.StatusCode)
		require.Contains(t, body, `"code":5`)
	})
	t.Run("HEAD", func(t *testing.T) {
		for _, path := range []string{
			"/", "/-/healthy", "/-/ready", "/metrics", "/api/v1/services", "/api/v1/openapi.json", "/api/v1/logs/tail", "/prometheus/api/v1/labels",
			"/prometheus/api/v1/query?query=1", "/install.sh",
		} {
			resp, body := ask(t, http.MethodHead, s.url(path), "")
			require.Equal(t, 200, resp.StatusCode, path)
			require.Empty(t, body, path)
		}
		resp, _ := ask(t, http.MethodHead, s.url("/v1/traces"), "")
		require.Equal(t, 405, resp.StatusCode)
	})
	t.Run("CORS", func(t *testing.T) { pagesMaySend(t, s) })
}

func pagesMaySend(t *testing.T, s *server) {
	t.Helper()
	key := s.createKey(t, "browser", "shop")
	for _, base := range []string{"http://" + s.run.OTLPHTTP, "http://" + s.run.HTTP} {
		url := base + "/v1/traces"
		preflight := func(origin string) *http.Response {
			resp, _ := ask(t, http.MethodOptions, url, "", "Origin", origin, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,content-type")
			return resp
		}
		for _, origin := range []string{"https://shop.example.com", "http://localhost:3000"} {
			resp := preflight(origin)
			require.Equal(t, 204, resp.StatusCode)
			require.Equal(t, origin, resp.Header.Get("Access-Control-Allow-Origin"))
			require.Empty(t, resp.Header.Get("Access-Control-Allow-Credentials"))
			for _, auth := range [][]string{{"Authorization", "Bearer " + key}, nil} { // This machine's own requests need no key.
				resp, body := ask(t, http.MethodPost, url, "{}", append([]string{"Origin", origin, "Content-Type", "application/json", "Sec-Fetch-Site", "cross-site"}, auth...)...)
				require.Equal(t, 200, resp.StatusCode, body)
				require.Equal(t, origin, resp.Header.Get("Access-Control-Allow-Origin"))
			}
		}
		for _, origin := range []string{"https://evil.example", "https://shop.example.com.evil.example", "null"} {
			require.Empty(t, preflight(origin).Header.Get("Access-Control-Allow-Origin"), origin)
			resp, _ := ask(t, http.MethodPost, url, "{}", "Origin", origin, "Content-Type", "application/json")
			require.Equal(t, 401, resp.StatusCode, origin)
			resp, body := ask(t, http.MethodPost, url, "{}", "Origin", origin, "Content-Type", "application/json", "Authorization", "Bearer "+key)
			require.Equal(t, 403, resp.StatusCode, origin)
			require.Contains(t, body, `"code":7`)
		}
	}
	resp, _ := ask(t, http.MethodGet, s.url("/api/v1/services"), "", "Origin", "https://shop.example.com")
	require.Equal(t, 401, resp.StatusCode, "an allowed page sends, it does not read")
	resp, _ = ask(t, http.MethodGet, s.url("/api/v1/services"), "", "Authorization", "Bearer "+key)
	require.Equal(t, 403, resp.StatusCode)
	resp, _ = ask(t, http.MethodPost, s.url("/prometheus/api/v1/write"), "", "Authorization", "Bearer "+key)
	require.Equal(t, 403, resp.StatusCode, "nor writes anything but OTLP")

	codes := map[int]int{}
	for range 200 {
		resp, _ := ask(t, http.MethodPost, "http://"+s.run.OTLPHTTP+"/v1/traces", "{}", "Authorization", "Bearer "+key, "Content-Type", "application/json")
		codes[resp.StatusCode]++
		if resp.StatusCode == http.StatusTooManyRequests {
			require.NotEmpty(t, resp.Header.Get("Retry-After"))
		}
	}
	require.Positive(t, codes[200])
	require.Positive(t, codes[429], "%v", codes)
}

// TestEmptyCredentials: with its own telemetry off, a server has no password for itself, and none is not one.
func TestEmptyCredentials(t *testing.T) {
	t.Parallel()
	s := start(t, append(quiet(), "STRATA_AUTH_LOCAL=required")...)
	conn, err := grpc.NewClient(s.run.OTLPGRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	for _, md := range []metadata.MD{{}, {"authorization": {""}}, {"authorization": {"", ""}}, {"authorization": {"Bearer "}}} {
		_, err := ptraceotlp.NewGRPCClient(conn).Export(metadata.NewOutgoingContext(t.Context(), md), ptraceotlp.NewExportRequest())
		require.Equal(t, codes.Unauthenticated, status.Code(err), "%v", md)
	}
	for _, value := range []string{"", "Bearer ", "Bearer"} {
		resp, _ := ask(t, http.MethodPost, "http://"+s.run.OTLPHTTP+"/v1/traces", "{}", "Authorization", value, "Content-Type", "application/json")
		require.Equal(t, 401, resp.StatusCode, value)
	}
}
