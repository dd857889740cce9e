// SPDX-License-Identifier: Apache-2.0

package app

import (
	"net/http"
	"slices"

	"github.com/strata-apm/strata/internal/auth"
	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/internal/httpx/openapi"
	"github.com/strata-apm/strata/query/httpapi"
)

// mounter mounts what lies below /api/v1.
func (a *App) mounter() httpx.Mounter {
	return httpx.Mounter{
		Permit: auth.Permit,
		Turns:  a.guard, Logger: a.logger.With("part", "api"),
	}
}

// routes is the table of every route below /api/v1 that this process serves. api is nil where it does not query.
func (a *App) routes(api *httpapi.API) []httpx.Route {
	routes := a.status.Routes()
	if a.opts.Role.Is(config.RoleQuery) {
		routes = append(routes, a.auth.Routes()...)
	}
	if api != nil {
		routes = append(routes, api.Routes()...)
	}
	if a.rules != nil {
		routes = append(routes, a.rules.Routes()...)
	}
	if a.rollups != nil && a.opts.Role.Is(config.RoleQuery) {
		routes = append(routes, a.rollups.Routes()...)
	}
	if a.fleetAPI != nil {
		routes = append(routes, a.fleetAPI.Routes()...)
	}
	if api == nil {
		return routes
	}
	self := httpx.Route{Method: http.MethodGet, Path: "/openapi.json", Permission: httpx.Read, PerTenant: true, Tag: "meta", Summary: "This document", Answer: map[string]any{}}
	all := slices.Concat(routes, []httpx.Route{self})
	all[len(routes)].Handle = func(*http.Request) (any, error) { return openapi.Document(all) }
	return all
}
