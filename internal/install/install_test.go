// SPDX-License-Identifier: Apache-2.0

package install

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"
)

func newTest(t *testing.T, opts Options) http.Handler {
	t.Helper()
	h, err := New(opts)
	require.NoError(t, err)
	r := chi.NewRouter()
	h.Routes(r)
	r.Get("/v1/agent/host", h.ServeSeen)
	return r
}

func get(h http.Handler, target string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, target, nil)
	for _, f := range change {
		f(r)
	}
	h.ServeHTTP(w, r)
	return w
}

// TestScriptTakesOnlyAddresses: what a request says of itself ends in a script that root runs.
func TestScriptTakesOnlyAddresses(t *testing.T) {
	h := newTest(t, Options{})
	for host, want := range map[string]string{
		"strata.example.com:7080":  "http://strata.example.com:7080",
		"strata":                   "http://strata",
		"10.1.2.3:7080":            "http://10.1.2.3:7080",
		"[::1]:7080":               "http://[::1]:7080",
		"[2001:db8::1]":            "http://[2001:db8::1]",
		"a'; rm -rf /; '":          "",
		"$(id)":                    "",
		"`id`":                     "",
		"a\nb":                     "",
		"user@host":                "",
		"host:port":                "",
		"[::1]:7080'":              "",
		"[::1]:'x'":                "",
		"[':1]:7080":               "",
		"":                         "",
		strings.Repeat("a", 300):   "",
		"@SERVER@":                 "",
		"-oProxyCommand":           "",
		"strata.example.com:70800": "http://strata.example.com:70800",
	} {
		w := get(h, "/install.sh", func(r *http.Request) { r.Host = host })
		if want == "" {
			require.Equal(t, http.StatusBadRequest, w.Code, host)
			continue
		}
		require.Equal(t, http.StatusOK, w.Code, host)
		require.Contains(t, w.Body.String(), "\nserver='"+want+"'\nendpoint='"+want+"'\n")
		require.Contains(t, w.Header().Get("Content-Type"), "text/x-shellscript")
	}
}

func TestScriptScheme(t *testing.T) {
	h := newTest(t, Options{Config: Config{Endpoint: "https://otlp.example.com"}})
	for proto, want := range map[string]string{"https": "https", "http": "http", "gopher": "http", "https'": "http"} {
		w := get(h, "/install.sh", func(r *http.Request) { r.Host = "h"; r.Header.Set("X-Forwarded-Proto", proto) })
		require.Contains(t, w.Body.String(), "\nserver='"+want+"://h'\nendpoint='https://otlp.example.com'\n")
	}
	conf := get(h, "/agent/agent.yaml", func(r *http.Request) { r.Host = "h:1" }).Body.String()
	require.Contains(t, conf, "server:\n  endpoint: https://otlp.example.com\n")
	require.Contains(t, conf, "opamp:\n  endpoint: http://h:1\n")
	external := newTest(t, Options{ExternalURL: "https://strata.example.com"})
	require.Contains(t, get(external, "/install.sh", func(r *http.Request) { r.Host = "h" }).Body.String(), "server='https://strata.example.com'")
}

func TestConfigEndpoint(t *testing.T) {
	for endpoint, ok := range map[string]bool{
		"": true, "http://h:1": true, "https://h/otlp": true, "h:1": false, "ftp://h": false, "http://": false, "http://h'": false,
		"http://h/'": false, "http://u:p@h": false, "http://h?x": false,
	} {
		require.Equal(t, ok, Config{Endpoint: endpoint}.Validate() == nil, endpoint)
	}
}

func TestBinary(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "agents", "linux-amd64"), 0o750))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "agents", "linux-amd64", "strata-agent"), []byte("ELF"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "secret"), []byte("no"), 0o600))
	h := newTest(t, Options{Config: Config{Dir: filepath.Join(dir, "agents")}})
	require.Equal(t, "ELF", get(h, "/agent/linux-amd64/strata-agent").Body.String())
	missing := get(h, "/agent/linux-riscv64/strata-agent")
	require.Equal(t, http.StatusNotFound, missing.Code)
	require.Contains(t, missing.Body.String(), "make agents")
	for _, path := range []string{"/agent/linux-amd64/secret", "/agent/..%2f/secret", "/agent/linux-amd64/..%2f..%2fsecret", "/agent/linux-amd64"} {
		w := get(h, path)
		require.Equal(t, http.StatusNotFound, w.Code, path)
		require.NotContains(t, w.Body.String(), "no\n")
	}
	unit := get(h, "/agent/strata-agent.service").Body.String()
	require.Contains(t, unit, "ExecStart=/usr/local/bin/strata-agent ")
}

// TestPlatforms: every platform that `make agents` builds for is served under the name that it builds, with its checksum.
func TestPlatforms(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	require.NoError(t, err)
	platforms := regexp.MustCompile(`(?m)^PLATFORMS\s*:= (.+)$`).FindSubmatch(makefile)
	require.Len(t, platforms, 2)
	dir := t.TempDir()
	h := newTest(t, Options{Config: Config{Dir: dir}})
	for platform := range strings.FieldsSeq(string(platforms[1])) {
		name := "strata-agent"
		if strings.HasPrefix(platform, "windows-") {
			name += ".exe"
		}
		require.NoError(t, os.Mkdir(filepath.Join(dir, platform), 0o750))
		for _, file := range []string{name, name + ".sha256"} {
			require.NoError(t, os.WriteFile(filepath.Join(dir, platform, file), []byte(file+" for "+platform), 0o600))
			require.Equal(t, file+" for "+platform, get(h, "/agent/"+platform+"/"+file).Body.String())
		}
	}
}

func TestSeen(t *testing.T) {
	h := newTest(t, Options{LastSeen: func(_ context.Context, host string) (time.Time, error) {
		switch host {
		case "here":
			return time.UnixMilli(1234), nil
		case "broken":
			return time.Time{}, errors.New("store is down at 10.0.0.1")
		default:
			return time.Time{}, nil
		}
	}})
	require.JSONEq(t, `{"last_seen_unix_ms":1234}`, get(h, "/v1/agent/host?name=here").Body.String())
	require.JSONEq(t, `{"last_seen_unix_ms":0}`, get(h, "/v1/agent/host?name=away").Body.String())
	require.Equal(t, http.StatusBadRequest, get(h, "/v1/agent/host").Code)
	broken := get(h, "/v1/agent/host?name=broken")
	require.Equal(t, http.StatusServiceUnavailable, broken.Code)
	require.NotContains(t, broken.Body.String(), "10.0.0.1")
}
