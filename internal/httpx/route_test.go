// SPDX-License-Identifier: Apache-2.0

package httpx

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage"
)

// turns counts who has one; err refuses everybody.
type turns struct {
	entered, left int
	err           error
}

func (t *turns) Enter(context.Context) (func(), error) {
	if t.err != nil {
		return nil, t.err
	}
	t.entered++
	return func() { t.left++ }, nil
}

// site is a table of routes that is mounted, with what it logs.
type site struct {
	turns turns
	log   bytes.Buffer
	asked []string // the routes for which permission was asked
}

func (s *site) do(t *testing.T, method, path string, routes ...Route) *httptest.ResponseRecorder {
	t.Helper()
	permit := func(rt Route) func(http.Handler) http.Handler {
		return func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if s.asked = append(s.asked, rt.Path); rt.Permission == Admin {
					w.WriteHeader(http.StatusForbidden)
					return
				}
				next.ServeHTTP(w, r)
			})
		}
	}
	r := chi.NewRouter()
	Mounter{Permit: permit, Turns: &s.turns, Logger: slog.New(slog.NewTextHandler(&s.log, nil))}.Mount(r, routes)
	w := httptest.NewRecorder()
	r.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody))
	return w
}

func answering(v any, err error) func(*http.Request) (any, error) {
	return func(*http.Request) (any, error) { return v, err }
}

// TestMount: what a handler returns becomes the answer, with the status of its route.
func TestMount(t *testing.T) {
	s := &site{}
	w := s.do(t, "GET", "/things/7", Route{Method: "GET", Path: "/things/{id}", Handle: func(r *http.Request) (any, error) {
		return map[string]string{"id": PathParam(r, "id")}, nil
	}})
	require.Equal(t, []any{200, `{"id":"7"}` + "\n", "application/json; charset=utf-8", "nosniff"},
		[]any{w.Code, w.Body.String(), w.Header().Get("Content-Type"), w.Header().Get("X-Content-Type-Options")})
	w = s.do(t, "POST", "/things", Route{Method: "POST", Path: "/things", Status: 201, Handle: answering([]int{1}, nil)})
	require.Equal(t, []any{201, "[1]\n"}, []any{w.Code, w.Body.String()})
	w = s.do(t, "DELETE", "/things", Route{Method: "DELETE", Path: "/things", Status: 204, Handle: answering(nil, nil)})
	require.Equal(t, []any{204, ""}, []any{w.Code, w.Body.String()})
	w = s.do(t, "GET", "/stream", Route{Method: "GET", Path: "/stream", Serve: func(w http.ResponseWriter, _ *http.Request) error {
		_, err := w.Write([]byte("event"))
		return err
	}})
	require.Equal(t, "event", w.Body.String())
	require.Equal(t, http.StatusMethodNotAllowed, s.do(t, "PUT", "/stream", Route{Method: "GET", Path: "/stream", Handle: answering(nil, nil)}).Code)
	require.Empty(t, s.asked, "public routes ask for nothing")
	require.Zero(t, s.turns.entered, "nor do they wait")
}

// TestMountErrors: an error is answered in the API's form, by either kind of handler; only what the client is not told is logged.
func TestMountErrors(t *testing.T) {
	for name, rt := range map[string]func(err error) Route{
		"handle": func(err error) Route { return Route{Method: "GET", Path: "/x", Handle: answering(nil, err)} },
		"serve": func(err error) Route {
			return Route{Method: "GET", Path: "/x", Serve: func(http.ResponseWriter, *http.Request) error { return err }}
		},
	} {
		s := &site{}
		w := s.do(t, "GET", "/x", rt(storage.ErrNotFound))
		require.Equal(t, 404, w.Code, name)
		require.Empty(t, s.log.String())
		w = s.do(t, "GET", "/x", rt(errors.New("password in the path")))
		require.Equal(t, 500, w.Code, name)
		require.NotContains(t, w.Body.String(), "password")
		require.Contains(t, s.log.String(), "password in the path")
		require.Contains(t, s.log.String(), "path=/x")
	}
}

// TestMountPermission: every route but the public ones asks, before its handler runs and before it waits for its turn.
func TestMountPermission(t *testing.T) {
	s := &site{}
	ran := false
	handle := func(*http.Request) (any, error) { ran = true; return nil, nil }
	require.Equal(t, 403, s.do(t, "GET", "/x", Route{Method: "GET", Path: "/x", Permission: Admin, Queries: true, Handle: handle}).Code)
	require.False(t, ran)
	require.Zero(t, s.turns.entered)
	require.Equal(t, 200, s.do(t, "GET", "/y", Route{Method: "GET", Path: "/y", Permission: Read, Handle: handle}).Code)
	require.True(t, ran)
	require.Equal(t, []string{"/x", "/y"}, s.asked)
}

// TestMountTurns: a route that queries has a turn while it runs, and gives it back whatever becomes of it.
func TestMountTurns(t *testing.T) {
	s := &site{}
	for _, err := range []error{nil, storage.ErrLimit, errors.New("x")} {
		s.turns = turns{}
		s.do(t, "GET", "/x", Route{Method: "GET", Path: "/x", Queries: true, Handle: func(*http.Request) (any, error) {
			require.Equal(t, []int{1, 0}, []int{s.turns.entered, s.turns.left})
			return nil, err
		}})
		require.Equal(t, []int{1, 1}, []int{s.turns.entered, s.turns.left})
	}
	s.turns = turns{err: storage.ErrUnavailable}
	w := s.do(t, "GET", "/x", Route{Method: "GET", Path: "/x", Queries: true, Handle: func(*http.Request) (any, error) {
		t.Error("it has no turn")
		return nil, nil
	}})
	require.Equal(t, 503, w.Code)
	require.NotEmpty(t, w.Header().Get("Retry-After"))
}

// TestUnknownPaths: below the prefix of an API a path that is not there is answered as that API does; everything else is the page's.
func TestUnknownPaths(t *testing.T) {
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) })
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		UnknownPaths(page).ServeHTTP(w, &http.Request{Method: http.MethodGet, URL: mustURL(t, path)})
		return w
	}
	for path, want := range map[string]string{
		"/api/v1/none":           `{"error":{"code":"not_found","message":"there is nothing at GET /api/v1/none","details":{}}}`,
		"/api":                   `{"error":{"code":"not_found","message":"there is nothing at GET /api","details":{}}}`,
		"/prometheus/api/v9":     `{"status":"error","errorType":"not_found","error":"there is nothing at GET /prometheus/api/v9"}`,
		"/jaeger/api/traces":     `{"data":null,"total":0,"limit":0,"offset":0,"errors":[{"code":404,"msg":"there is nothing at GET /jaeger/api/traces"}]}`,
		"/alertmanager/api":      `{"code":404,"message":"there is nothing at GET /alertmanager/api"}`,
		"/v1/none":               `{"code":5,"message":"there is nothing at GET /v1/none"}`,
		"/elasticsearch/_search": `{"error":{"root_cause":[{"type":"invalid_index_name_exception","reason":"there is nothing at GET /elasticsearch/_search"}],"type":"invalid_index_name_exception","reason":"there is nothing at GET /elasticsearch/_search"},"status":404}`,
	} {
		w := get(path)
		require.Equal(t, http.StatusNotFound, w.Code, path)
		require.JSONEq(t, want, w.Body.String(), path)
		require.Contains(t, w.Header().Get("Content-Type"), "application/json", path)
		require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"), path)
	}
	for _, path := range []string{"/loki/api/v1/query", "/zipkin/api", "/-/reload", "//api/v1/x", "/x/../api/v1/x", "/./v1"} {
		require.Equal(t, http.StatusNotFound, get(path).Code, path)
		require.Contains(t, get(path).Body.String(), "there is nothing at", path)
	}
	for _, path := range []string{"/", "/traces/api", "/apis", "/v1x", "/logs", ""} {
		require.Equal(t, "<html>", get(path).Body.String(), path)
	}
}

// TestHeadAsGet: HEAD has the status and the headers of GET; a stream ends with its headers, and its handler learns it.
func TestHeadAsGet(t *testing.T) {
	srv := httptest.NewServer(HeadAsGet(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Method", r.Method)
		if r.URL.Path != "/stream" {
			w.WriteHeader(http.StatusTeapot)
			_, _ = w.Write([]byte("body"))
			return
		}
		for range 2 {
			_, _ = w.Write([]byte("event"))
			_ = http.NewResponseController(w).Flush()
			if f, ok := w.(http.Flusher); ok {
				f.Flush()
			}
		}
		<-r.Context().Done() // A stream ends when its client leaves.
	})))
	defer srv.Close()
	for method, want := range map[string]string{http.MethodHead: http.MethodGet, http.MethodGet: http.MethodGet, http.MethodPost: http.MethodPost} {
		req, err := http.NewRequestWithContext(t.Context(), method, srv.URL, http.NoBody)
		require.NoError(t, err)
		resp, err := srv.Client().Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, []any{want, http.StatusTeapot}, []any{resp.Header.Get("X-Method"), resp.StatusCode})
		require.Equal(t, int64(4), resp.ContentLength, method)
	}
	resp, err := srv.Client().Head(srv.URL + "/stream")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode)
}

// TestPrometheusAnswers are in the envelope that Prometheus's clients read.
func TestPrometheusAnswers(t *testing.T) {
	w := httptest.NewRecorder()
	WritePrometheus(w, map[string]any{"groups": []int{}}, []string{"partial"})
	require.Equal(t, http.StatusOK, w.Code)
	require.JSONEq(t, `{"status":"success","data":{"groups":[]},"warnings":["partial"]}`, w.Body.String())
	w = httptest.NewRecorder()
	WritePrometheusError(w, http.StatusBadRequest, PrometheusBadData, "parse error")
	require.Equal(t, http.StatusBadRequest, w.Code)
	require.JSONEq(t, `{"status":"error","errorType":"bad_data","error":"parse error"}`, w.Body.String())
	require.NotContains(t, w.Body.String(), "data\":")
}
