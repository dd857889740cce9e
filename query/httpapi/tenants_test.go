// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/tenant"
)

// TestEveryRouteAsksForItsTenant: whatever a route asks the stores, it asks for the tenant of the request, and every route says that it does.
func TestEveryRouteAsksForItsTenant(t *testing.T) {
	f := &fake{}
	api, err := New(Options{TraceSearch: f, Traces: f, Logs: f, Fields: f, Services: f, Hosts: f, Middleware: instances{f}, Topology: f, Now: func() time.Time { return now }, TailInterval: time.Millisecond})
	require.NoError(t, err)
	r := chi.NewRouter()
	httpx.Mounter{Permit: func(httpx.Route) func(http.Handler) http.Handler {
		return func(next http.Handler) http.Handler { return next }
	}, Turns: api.opts.Guard}.Mount(r, api.Routes())
	values := strings.NewReplacer("{name}", "x", "{id}", "00112233445566778899aabbccddeeff")
	for _, rt := range api.Routes() {
		t.Run(rt.Path, func(t *testing.T) {
			require.True(t, rt.PerTenant)
			f.owners = nil
			ctx, cancel := context.WithTimeout(tenant.NewContext(t.Context(), "team"), 100*time.Millisecond)
			defer cancel()
			w := httptest.NewRecorder()
			r.ServeHTTP(w, httptest.NewRequestWithContext(ctx, rt.Method, values.Replace(rt.Path)+"?signal=logs&field=host&prefix=a&tenant=other", http.NoBody))
			for _, owner := range f.owners {
				require.Equal(t, tenant.ID("team"), owner)
			}
			if asks := !strings.HasPrefix(rt.Path, "/packs") && !strings.HasPrefix(rt.Path, "/dashboards"); asks {
				require.NotEmpty(t, f.owners, w.Body)
			}
		})
	}
}
