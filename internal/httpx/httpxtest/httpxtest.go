// SPDX-License-Identifier: Apache-2.0

// Package httpxtest serves tables of routes in tests, to everybody, for the default tenant.
package httpxtest

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/tenant"
)

// Handler serves the routes below /api/v1 without a check of permissions. turns may be nil: every query has its turn at once.
func Handler(turns httpx.Turns, routes []httpx.Route) http.Handler {
	r := chi.NewRouter()
	r.Route("/api/v1", func(r chi.Router) { Mount(r, turns, routes) })
	return r
}

// Mount adds the routes to r, as Handler does.
func Mount(r chi.Router, turns httpx.Turns, routes []httpx.Route) {
	if turns == nil {
		turns = always{}
	}
	everybody := func(httpx.Route) func(http.Handler) http.Handler {
		return func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				next.ServeHTTP(w, r.WithContext(tenant.NewContext(r.Context(), tenant.Default)))
			})
		}
	}
	httpx.Mounter{Permit: everybody, Turns: turns, Logger: slog.New(slog.DiscardHandler)}.Mount(r, routes)
}

type always struct{}

// Enter implements httpx.Turns.
func (always) Enter(context.Context) (func(), error) { return func() {}, nil }
