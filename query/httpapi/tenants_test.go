// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
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

// TestTailEndsWithItsKey: a stream ends at the next look behind the revocation of its key, and nothing more is read for it.
func TestTailEndsWithItsKey(t *testing.T) {
	f := &fake{}
	var revoked atomic.Bool
	srv := serve(t, f, func(o *Options) {
		o.TailInterval = time.Millisecond
		o.Allowed = func(context.Context) error {
			if revoked.Load() {
				return errors.New("revoked")
			}
			return nil
		}
	})
	resp, err := http.Get(srv.URL + "/api/v1/logs/tail")
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	revoked.Store(true)
	_, err = io.ReadAll(resp.Body) // To the end of the stream.
	require.NoError(t, err)
}
