// SPDX-License-Identifier: Apache-2.0

package app

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/strata-apm/strata/internal/auth"
	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/query/guard"
)

// ask sends a request to one route of the mounted table as somebody with the scope, "" for a stranger, and returns the status.
func ask(t *testing.T, routes []httpx.Route, rt httpx.Route, scope auth.Scope) int {
	t.Helper()
	a := &App{guard: guard.New(1, time.Second), logger: slog.New(slog.DiscardHandler)}
	r := chi.NewRouter()
	a.mounter().Mount(r, routes)
	req := httptest.NewRequestWithContext(t.Context(), rt.Method, strings.NewReplacer("{", "", "}", "").Replace(rt.Path), http.NoBody)
	if scope != "" {
		scopes := []auth.Scope{scope}
		if scope == auth.ScopeAdmin {
			scopes = []auth.Scope{auth.ScopeIngest, auth.ScopeRead, auth.ScopeAdmin}
		}
		req = req.WithContext(auth.NewContext(req.Context(), auth.Principal{Name: "who", Scopes: scopes}))
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	return w.Code
}
