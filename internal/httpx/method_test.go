// SPDX-License-Identifier: Apache-2.0

package httpx_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/internal/httpx"
)

// TestMethodNotAllowed: the answer has the form of other errors and lists every method that the path has.
func TestMethodNotAllowed(t *testing.T) {
	answer := func(*http.Request) (any, error) { return map[string]any{}, nil }
	r := chi.NewRouter()
	r.Route("/api/v1", func(r chi.Router) {
		httpx.Mounter{}.Mount(r, []httpx.Route{
			{Method: http.MethodGet, Path: "/things", Handle: answer},
			{Method: http.MethodPost, Path: "/things", Handle: answer},
			{Method: http.MethodPut, Path: "/things/{id}", Handle: answer},
			{Method: http.MethodDelete, Path: "/things/{id}", Handle: answer},
		})
	})
	for request, want := range map[[2]string]string{
		{"PUT", "/api/v1/things"}:     "GET, HEAD, POST",
		{"PATCH", "/api/v1/things/7"}: "PUT, DELETE",
		{"GET", "/api/v1/things/7"}:   "PUT, DELETE",
	} {
		w := httptest.NewRecorder()
		r.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), request[0], request[1], http.NoBody))
		require.Equal(t, http.StatusMethodNotAllowed, w.Code, request)
		require.Equal(t, want, w.Header().Get("Allow"), request)
		require.Contains(t, w.Body.String(), `"code":"method_not_allowed"`, request)
		require.Contains(t, w.Header().Get("Content-Type"), "application/json")
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/things", http.NoBody))
	require.Equal(t, http.StatusOK, w.Code)
}
