// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"net/http"
	"slices"

	"github.com/strata-apm/strata/internal/httpx"
)

// Routes is the table of the API's routes.
func (a *API) Routes() []httpx.Route {
	rng := httpx.RangeParams()
	found := append([]httpx.Param{{Name: "query", Description: "the search language"}}, rng...)
	with := func(base []httpx.Param, more ...httpx.Param) []httpx.Param {
		return append(slices.Clip(base), more...)
	}
	env := httpx.Param{Name: "env", Description: "this environment only"}
	signal := httpx.Param{Name: "signal", OneOf: []string{"traces", "logs"}}
	sort := httpx.Param{Name: "sort", OneOf: []string{"newest", "slowest"}}
	order := httpx.Param{Name: "order", OneOf: []string{"desc", "asc"}}
	prefix := httpx.Param{Name: "prefix", Description: "what has been typed so far"}
	page := httpx.PageParams()
	routes := []httpx.Route{
		{Path: "/services", Tag: "services", Summary: "List services with their rates, errors and durations", Params: with(rng, env), Answer: servicesAnswer{}, Handle: a.services},
		{Path: "/services/{name}", Tag: "services", Summary: "Describe one service", Params: with(rng, env, httpx.Param{Name: "points", Integer: true}), Answer: serviceDetailAnswer{}, Handle: a.service},
		{Path: "/traces", Tag: "traces", Summary: "Search traces", Params: with(found, append(page, sort)...), Answer: tracesAnswer{}, Handle: a.searchTraces},
		{Path: "/traces/facets", Tag: "traces", Summary: "Count matching spans by field", Params: found, Answer: facetsAnswer{}, Handle: a.traceFacets},
		{Path: "/traces/{id}", Tag: "traces", Summary: "Read one trace, in pages of spans", Params: page, Answer: traceAnswer{}, Handle: a.trace},
		{Path: "/logs", Tag: "logs", Summary: "Search log records", Params: with(found, append(page, order)...), Answer: logsAnswer{}, Handle: a.searchLogs},
		{Path: "/logs/histogram", Tag: "logs", Summary: "Count matching log records over time by level", Params: with(found, httpx.Param{Name: "buckets", Integer: true}), Answer: histogramAnswer{}, Handle: a.logHistogram},
		{Path: "/logs/facets", Tag: "logs", Summary: "Count matching log records by field", Params: found, Answer: facetsAnswer{}, Handle: a.logFacets},
		{Path: "/fields", Tag: "fields", Summary: "Complete a field's name", Params: with(rng, signal, prefix), Answer: fieldsAnswer{}, Handle: a.fields},
		{Path: "/fields/values", Tag: "fields", Summary: "Complete a field's value", Params: with(rng, signal, httpx.Param{Name: "field"}, prefix), Answer: valuesAnswer{}, Handle: a.fieldValues},
		{Path: "/hosts", Tag: "hosts", Summary: "List hosts", Params: rng, Answer: hostsAnswer{}, Handle: a.hosts},
		{Path: "/hosts/{name}", Tag: "hosts", Summary: "Describe one host", Params: rng, Answer: hostDetailAnswer{}, Handle: a.host},
		{Path: "/middleware", Tag: "middleware", Summary: "List the instances of middleware with their states and figures, at the end of the range", Params: rng, Answer: middlewareAnswer{}, Handle: a.middleware},
		{Path: "/topology", Tag: "topology", Summary: "What runs and who calls whom: services, middleware, peers, hosts, and what is between them", Params: with(rng, env), Answer: topologyAnswer{}, Handle: a.topology},
		{Path: "/dashboards", Tag: "dashboards", Summary: "List the built-in dashboards", Answer: dashboardsAnswer{}, Handle: a.dashboards},
		{Path: "/dashboards/{name}", Tag: "dashboards", Summary: "Read a dashboard: variables, figures, panels", Answer: dashboardAnswer{}, Handle: a.dashboard},
		{Path: "/packs", Tag: "packs", Summary: "List the packs of middleware", Answer: packsAnswer{}, Handle: a.packs},
		{Path: "/packs/{name}", Tag: "packs", Summary: "Describe a pack: metrics, dashboard, rules, budget", Answer: packAnswer{}, Handle: a.pack},
	}
	for i := range routes {
		routes[i].Method, routes[i].Permission, routes[i].Queries, routes[i].PerTenant = http.MethodGet, httpx.Read, true, true
	}
	return append(routes, httpx.Route{
		Method: http.MethodGet, Path: "/logs/tail", Permission: httpx.Read, PerTenant: true, Tag: "logs", Summary: "Follow new log records as server-sent events: log, skipped",
		Params: found[:1], ContentType: "text/event-stream", Serve: a.tail, // Each look waits for its turn.
	})
}
