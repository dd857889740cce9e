// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

func pack(t *testing.T, text string) []byte {
	t.Helper()
	var out bytes.Buffer
	writer := gzip.NewWriter(&out)
	_, err := writer.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, writer.Close())
	return out.Bytes()
}

func build(t *testing.T) fstest.MapFS {
	t.Helper()
	return fstest.MapFS{
		".keep":               {Data: nil},
		"index.html":          {Data: []byte("<title>Strata</title>")},
		"favicon.svg":         {Data: []byte("<svg/>")},
		"assets/app-1f2e.js":  {Data: []byte("console.log(1)")},
		"assets/app-1f2e.css": {Data: []byte("a{}")},
		// Compressed copies of other content, so that the tests see which one was served.
		"assets/app-1f2e.js.gz": {Data: pack(t, "packed")},
	}
}

func get(t *testing.T, h http.Handler, method, target string, header map[string]string) *http.Response {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), method, target, http.NoBody)
	for key, value := range header {
		request.Header.Set(key, value)
	}
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, request)
	return recorder.Result()
}

func text(t *testing.T, response *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return string(body)
}

func TestHandlerServes(t *testing.T) {
	t.Parallel()
	h := newHandler(build(t))
	for _, c := range []struct {
		name, target string
		status       int
		contentType  string
		cache        string
		body         string
	}{
		{"root", "/", http.StatusOK, "text/html; charset=utf-8", "no-cache", "<title>Strata</title>"},
		{"index by name", "/index.html", http.StatusOK, "text/html; charset=utf-8", "no-cache", "<title>Strata</title>"},
		{"client route", "/services/checkout", http.StatusOK, "text/html; charset=utf-8", "no-cache", "<title>Strata</title>"},
		{"client route with a dot", "/services/a.b", http.StatusOK, "text/html; charset=utf-8", "no-cache", "<title>Strata</title>"},
		{"asset", "/assets/app-1f2e.css", http.StatusOK, "text/css; charset=utf-8", "public, max-age=31536000, immutable", "a{}"},
		{"unhashed file", "/favicon.svg", http.StatusOK, "image/svg+xml", "no-cache", "<svg/>"},
		{"missing asset", "/assets/gone.js", http.StatusNotFound, "text/plain; charset=utf-8", "no-cache", "not found\n"},
		{"assets folder", "/assets", http.StatusNotFound, "text/plain; charset=utf-8", "no-cache", "not found\n"},
		{"compressed copy by name", "/assets/app-1f2e.js.gz", http.StatusNotFound, "text/plain; charset=utf-8", "no-cache", "not found\n"},
		{"hidden file", "/.keep", http.StatusOK, "text/html; charset=utf-8", "no-cache", "<title>Strata</title>"},
		{"climbing out", "/assets/../../embed.go", http.StatusOK, "text/html; charset=utf-8", "no-cache", "<title>Strata</title>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			response := get(t, h, http.MethodGet, c.target, nil)
			require.Equal(t, c.status, response.StatusCode)
			require.Equal(t, c.contentType, response.Header.Get("Content-Type"))
			require.Equal(t, c.cache, response.Header.Get("Cache-Control"))
			require.Equal(t, c.body, text(t, response))
		})
	}
}

func TestHandlerCompression(t *testing.T) {
	t.Parallel()
	h := newHandler(build(t))
	for _, c := range []struct {
		accept string
		packed bool
	}{
		{"", false},
		{"gzip", true},
		{"br, gzip;q=0.8", true},
		{"*", true},
		{"gzip;q=0", false},
		{"br", false},
	} {
		t.Run(c.accept, func(t *testing.T) {
			t.Parallel()
			response := get(t, h, http.MethodGet, "/assets/app-1f2e.js", map[string]string{"Accept-Encoding": c.accept})
			require.Equal(t, http.StatusOK, response.StatusCode)
			require.Equal(t, "text/javascript; charset=utf-8", response.Header.Get("Content-Type"))
			require.Equal(t, "Accept-Encoding", response.Header.Get("Vary"))
			if !c.packed {
				require.Empty(t, response.Header.Get("Content-Encoding"))
				require.Equal(t, "console.log(1)", text(t, response))
				return
			}
			require.Equal(t, "gzip", response.Header.Get("Content-Encoding"))
			reader, err := gzip.NewReader(response.Body)
			require.NoError(t, err)
			unpacked, err := io.ReadAll(reader)
			require.NoError(t, err)
			require.Equal(t, "packed", string(unpacked))
		})
	}
}

func TestHandlerSecurityHeaders(t *testing.T) {
	t.Parallel()
	h := newHandler(build(t))
	for _, target := range []string{"/", "/assets/app-1f2e.js", "/assets/gone.js"} {
		response := get(t, h, http.MethodGet, target, nil)
		policy := response.Header.Get("Content-Security-Policy")
		require.Contains(t, policy, "default-src 'none'")
		require.Contains(t, policy, "script-src 'self';")
		require.Contains(t, policy, "frame-ancestors 'none'")
		require.Equal(t, "nosniff", response.Header.Get("X-Content-Type-Options"))
		require.Equal(t, "same-origin", response.Header.Get("Referrer-Policy"))
	}
}

func TestHandlerMethods(t *testing.T) {
	t.Parallel()
	h := newHandler(build(t))
	head := get(t, h, http.MethodHead, "/", nil)
	require.Equal(t, http.StatusOK, head.StatusCode)
	require.Empty(t, text(t, head))
	post := get(t, h, http.MethodPost, "/", nil)
	require.Equal(t, http.StatusMethodNotAllowed, post.StatusCode)
	require.Equal(t, "GET, HEAD", post.Header.Get("Allow"))
}

func TestHandlerWithoutBuild(t *testing.T) {
	t.Parallel()
	h := newHandler(fstest.MapFS{".keep": {Data: nil}})
	for _, target := range []string{"/", "/logs"} {
		response := get(t, h, http.MethodGet, target, nil)
		require.Equal(t, http.StatusOK, response.StatusCode)
		require.Equal(t, "no-store", response.Header.Get("Cache-Control"))
		require.Contains(t, text(t, response), "make ui")
	}
}

// Whatever is embedded at the time, the root is a page.
func TestEmbedded(t *testing.T) {
	t.Parallel()
	response := get(t, Handler(), http.MethodGet, "/", nil)
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Contains(t, text(t, response), "Strata")
}
