// SPDX-License-Identifier: Apache-2.0

package link

import (
	"context"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/collector/config"
)

// answers is a server that gives one answer after the other, the last one for ever.
type answers struct {
	list  []func(w http.ResponseWriter, r *http.Request)
	asked atomic.Int32
}

func (a *answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := int(a.asked.Add(1)) - 1
	a.list[min(n, len(a.list)-1)](w, r)
}

func code(code int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// seen says when the server last heard of the host, relative to now.
func seen(ago time.Duration) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"last_seen_unix_ms": %d}`, time.Now().Add(-ago).UnixMilli())
	}
}

func text(s string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, s) }
}

// TestVerify: everything but a refused key may pass.
func TestVerify(t *testing.T) {
	const never, future = 24 * time.Hour, -time.Hour
	type list = []func(http.ResponseWriter, *http.Request)
	for name, tc := range map[string]struct {
		list    list
		asked   int32
		refused bool
	}{
		"at once":               {list{seen(future)}, 1, false},
		"old data are not new":  {list{seen(never), seen(future)}, 2, false},
		"the server is away":    {list{code(502), seen(future)}, 2, false},
		"no such host yet":      {list{code(404), seen(future)}, 2, false},
		"an answer of another":  {list{text("<html>"), seen(future)}, 2, false},
		"a key that is unknown": {list{code(401)}, 1, true},
		"a key without rights":  {list{seen(never), code(403)}, 2, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := &answers{list: tc.list}
			server := httptest.NewServer(a)
			defer server.Close()
			err := Verify(t.Context(), config.Server{}, server.URL, "web-1")
			if tc.refused {
				require.ErrorIs(t, err, ErrKeyRefused)
			} else {
				require.NoError(t, err)
			}
			require.Equal(t, tc.asked, a.asked.Load())
		})
	}
}

// TestVerifyAsks: the question names the host and carries the key.
func TestVerifyAsks(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(file, []byte("strata_file\n"), 0o600))
	for key, cfg := range map[string]config.Server{
		"":                   {},
		"Bearer strata_k":    {Key: "strata_k"},
		"Bearer strata_file": {KeyFile: file},
	} {
		a := &answers{list: []func(http.ResponseWriter, *http.Request){func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != key || r.URL.Path != "/v1/agent/host" || r.URL.Query().Get("name") != "web 1/ü" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			seen(-time.Hour)(w, r)
		}}}
		server := httptest.NewServer(a)
		require.NoError(t, Verify(t.Context(), cfg, server.URL+"/", "web 1/ü"), key)
		server.Close()
	}
	require.ErrorContains(t, Verify(t.Context(), config.Server{KeyFile: filepath.Join(t.TempDir(), "none")}, "http://a", "h"), "read server.key_file")
	require.ErrorContains(t, Verify(t.Context(), config.Server{TLS: config.TLS{CAFile: filepath.Join(t.TempDir(), "none")}}, "http://a", "h"), "server.tls")
}

// TestLastSeen: why an answer does not do is told.
func TestLastSeen(t *testing.T) {
	for want, answer := range map[string]func(http.ResponseWriter, *http.Request){
		"ask the server: 503 Service Unavailable":             code(503),
		"the server refuses the key (401 Unauthorized)":       code(401),
		"the server refuses the key (403 Forbidden)":          code(403),
		"read the server's answer: unexpected end of JSON":    text("{"),
		"read the server's answer: invalid character":         text("<html>"),
		"read the server's answer: json: cannot unmarshal":    text(`{"last_seen_unix_ms": "x"}`),
		"read the server's answer: unexpected end of JSON in": text(fmt.Sprintf(`{"x": "%8192d", "last_seen_unix_ms": 1}`, 0)), // Longer than is read.
	} {
		server := httptest.NewServer(http.HandlerFunc(answer))
		_, err := lastSeen(t.Context(), server.Client(), server.URL, "")
		require.ErrorContains(t, err, want)
		server.Close()
	}
	server := httptest.NewServer(http.HandlerFunc(text(`{"last_seen_unix_ms": 1000}`)))
	defer server.Close()
	got, err := lastSeen(t.Context(), server.Client(), server.URL, "")
	require.NoError(t, err)
	require.Equal(t, time.Unix(1, 0), got)
	_, err = lastSeen(t.Context(), server.Client(), "http://a b", "")
	require.ErrorContains(t, err, "ask the server")
}

// TestVerifyGivesUp: it ends with its context and tells the last reason.
func TestVerifyGivesUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	a := &answers{list: []func(http.ResponseWriter, *http.Request){seen(24 * time.Hour), func(http.ResponseWriter, *http.Request) { cancel() }}}
	server := httptest.NewServer(a)
	defer server.Close()
	err := Verify(ctx, config.Server{}, server.URL, "web-1")
	require.ErrorContains(t, err, "gave up after")
	require.Equal(t, int32(2), a.asked.Load())
}

// TestTLS: the certificates are those that the exporter trusts.
func TestTLS(t *testing.T) {
	server := httptest.NewTLSServer(&answers{list: []func(http.ResponseWriter, *http.Request){seen(-time.Hour)}})
	defer server.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	for name, cfg := range map[string]config.TLS{
		"its authority is known": {CAFile: ca},
		"under another name":     {CAFile: ca, ServerName: "example.com"},
		"not looked at":          {InsecureSkipVerify: true},
	} {
		require.NoError(t, Verify(t.Context(), config.Server{TLS: cfg}, server.URL, "h"), name)
	}
	got, err := TLS(t.Context(), config.TLS{CAFile: ca, ServerName: "n", InsecureSkipVerify: true})
	require.NoError(t, err)
	require.Equal(t, "n", got.ServerName)
	require.True(t, got.InsecureSkipVerify)
	require.NotNil(t, got.RootCAs)
	_, err = TLS(t.Context(), config.TLS{CertFile: ca, KeyFile: ca})
	require.ErrorContains(t, err, "server.tls")
}
