// SPDX-License-Identifier: Apache-2.0

package app

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/alerting"
	alertapi "github.com/strata-apm/strata/alerting/httpapi"
	"github.com/strata-apm/strata/fleet"
	"github.com/strata-apm/strata/internal/auth"
	"github.com/strata-apm/strata/internal/cluster"
	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/internal/httpx/openapi"
	"github.com/strata-apm/strata/internal/status"
	"github.com/strata-apm/strata/query/guard"
	"github.com/strata-apm/strata/query/httpapi"
	"github.com/strata-apm/strata/query/rollups"
	"github.com/strata-apm/strata/storage/catalog"
)

// updateEnv writes what the tests compare with.
const updateEnv = "STRATA_TEST_UPDATE"

// everyRoute is the table of the one process that serves everything. No handler of it can be called.
func everyRoute(t *testing.T) []httpx.Route {
	t.Helper()
	a := &App{opts: Options{Role: config.RoleAll}, auth: &auth.Service{}, status: status.New(status.Options{}), fleetAPI: &fleet.API{}, rollups: &rollups.Service{}}
	types, err := a.notifierTypes()
	require.NoError(t, err)
	var cat alerting.Catalog = &catalog.Catalog{}
	a.rules, err = alertapi.New(alertapi.Options{
		Rules: cat, Notifiers: cat, Queue: cat, Log: cat, State: &cluster.Peers{}, Types: types, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	return a.routes(&httpapi.API{})
}

// TestOpenAPIDocument: the document of the repository, from which the page's types are made, is that of the routes.
func TestOpenAPIDocument(t *testing.T) {
	const path = "../../docs/reference/openapi.json"
	doc, err := openapi.Document(everyRoute(t))
	require.NoError(t, err)
	compact, err := json.Marshal(doc)
	require.NoError(t, err)
	var sorted any // huma writes maps in random order.
	require.NoError(t, json.Unmarshal(compact, &sorted))
	got, err := json.MarshalIndent(sorted, "", "  ")
	require.NoError(t, err)
	got = append(got, '\n')
	if os.Getenv(updateEnv) != "" {
		require.NoError(t, os.WriteFile(path, got, 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "run %s=1 go test ./internal/app, then npm run types in web/ui", updateEnv)
}

// TestReferenceListsEveryRoute: the table in docs/reference/api.md is the table of routes.
func TestReferenceListsEveryRoute(t *testing.T) {
	const path, begin, end = "../../docs/reference/api.md", "<!-- routes: begin -->\n", "<!-- routes: end -->\n"
	var table strings.Builder
	table.WriteString("| route | scope | what |\n|---|---|---|\n")
	for _, rt := range everyRoute(t) {
		scope := string(rt.Permission)
		if rt.Permission == httpx.Public {
			scope = "–"
		}
		fmt.Fprintf(&table, "| `%s /api/v1%s` | %s | %s |\n", rt.Method, rt.Path, scope, rt.Summary)
	}
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(text), begin)
	require.True(t, ok, "%s has no %s", path, begin)
	got, after, ok := strings.Cut(rest, end)
	require.True(t, ok, "%s has no %s", path, end)
	if os.Getenv(updateEnv) != "" {
		require.NoError(t, os.WriteFile(path, []byte(before+begin+table.String()+end+after), 0o600))
		got = table.String()
	}
	require.Equal(t, table.String(), got, "run %s=1 go test ./internal/app", updateEnv)
}

// TestPermissions: a stranger reaches what signs in and one line of the status; who may read changes nothing.
func TestPermissions(t *testing.T) {
	public := map[string]bool{"GET /status": true, "POST /session": true, "DELETE /session": true, "GET /session/signin": true}
	n := 0
	for _, rt := range everyRoute(t) {
		name := rt.Method + " " + rt.Path
		require.Equal(t, public[name], rt.Permission == httpx.Public, name)
		if rt.Permission != httpx.Public && rt.Method != http.MethodGet {
			require.Equal(t, httpx.Admin, rt.Permission, name)
		}
		require.NotEqual(t, rt.Handle == nil, rt.Serve == nil, "%s has one handler", name)
		n++
	}
	require.Greater(t, n, 40)
}

// TestPermissionsAreChecked asks every route with every scope through the mounted table.
func TestPermissionsAreChecked(t *testing.T) {
	routes := everyRoute(t)
	for i := range routes {
		routes[i].Status, routes[i].Serve = http.StatusOK, func(w http.ResponseWriter, _ *http.Request) error {
			w.WriteHeader(http.StatusOK)
			return nil
		}
	}
	for _, who := range []struct {
		scope auth.Scope
		may   map[httpx.Permission]bool
	}{
		{"", map[httpx.Permission]bool{httpx.Public: true}},
		{auth.ScopeIngest, map[httpx.Permission]bool{httpx.Public: true}},
		{auth.ScopeBrowser, map[httpx.Permission]bool{httpx.Public: true}},
		{auth.ScopeRead, map[httpx.Permission]bool{httpx.Public: true, httpx.Read: true}},
		{auth.ScopeAdmin, map[httpx.Permission]bool{httpx.Public: true, httpx.Read: true, httpx.Admin: true}},
	} {
		for _, rt := range routes {
			want := http.StatusOK
			switch {
			case !who.may[rt.Permission] && who.scope == "":
				want = http.StatusUnauthorized
			case !who.may[rt.Permission]:
				want = http.StatusForbidden
			}
			require.Equal(t, want, askRoute(t, routes, rt, who.scope), "%s %s as %q", rt.Method, rt.Path, who.scope)
		}
	}
}

// askRoute sends a request to one route of the mounted table as somebody with the scope, "" for a stranger, and returns the status.
func askRoute(t *testing.T, routes []httpx.Route, rt httpx.Route, scope auth.Scope) int {
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
