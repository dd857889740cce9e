// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/scrape"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"

	"github.com/strata-apm/strata/internal/auth"
	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/internal/install"
	"github.com/strata-apm/strata/packs"
	"github.com/strata-apm/strata/query/hosts"
	"github.com/strata-apm/strata/query/httpapi"
	"github.com/strata-apm/strata/query/middleware"
	"github.com/strata-apm/strata/query/prom"
	"github.com/strata-apm/strata/query/promapi"
	"github.com/strata-apm/strata/query/topology"
	"github.com/strata-apm/strata/signal"
	"github.com/strata-apm/strata/web"
)

// newHTTP returns everything behind the HTTP listener: health and status for every role, the rest by role.
func (a *App) newHTTP(engine *promql.Engine) (http.Handler, error) {
	l := auth.ListenerOf(a.listeners.Of(httpListener).Addr())
	api, err := a.newAPI(engine)
	if err != nil {
		return nil, err
	}
	r := chi.NewRouter()
	r.Use(chimiddleware.Recoverer, httpx.HeadAsGet)
	page := http.NotFoundHandler()
	if a.opts.Role.Is(config.RoleQuery) {
		page = web.Handler()
	}
	r.NotFound(httpx.UnknownPaths(page))
	a.status.MountHealth(r)
	if a.gateway != nil {
		r.Handle("/prometheus/api/v1/write", a.senders.HTTP(l, a.gateway.remoteWrite))
		// The same as on otlp.http_listen: an agent behind a proxy needs one address.
		for _, s := range signal.All() {
			r.Handle(s.Path(), a.senders.OTLP(l, a.gateway.otlp))
		}
	}
	if err := a.mountInstall(r, l, engine); err != nil {
		return nil, err
	}
	if a.fleet != nil {
		r.Handle("/v1/opamp", a.senders.HTTP(l, auth.RequireInstallation(a.fleet.Handler())))
	}
	r.Group(func(r chi.Router) {
		r.Use(a.auth.Authenticate(l))
		r.Route("/api/v1", func(r chi.Router) {
			r.Use(func(next http.Handler) http.Handler { return a.traced("api", next) })
			a.mounter().Mount(r, a.routes(api))
		})
		r.Group(func(r chi.Router) {
			r.Use(auth.Require(auth.ScopeRead))
			a.mountPrometheus(r, engine)
			r.With(auth.RequireInstallation).Handle("/metrics", promhttp.HandlerFor(a.reg, promhttp.HandlerOpts{Registry: a.reg, EnableOpenMetrics: true}))
		})
	})
	return r, nil
}

// newAPI is the product's own query API, for the roles that have it.
func (a *App) newAPI(engine *promql.Engine) (*httpapi.API, error) {
	if !a.opts.Role.Is(config.RoleQuery) {
		return nil, nil // No API is one of the answers.
	}
	known, err := packs.All()
	if err != nil {
		return nil, fmt.Errorf("query API: %w", err)
	}
	store, metrics := a.stores.clickhouse, prom.New(engine, a.stores.metrics)
	machines, instances := hosts.New(metrics), middleware.New(metrics, a.stores.catalog, known)
	api, err := httpapi.New(httpapi.Options{
		TraceSearch: store, Traces: store, Logs: store, Fields: store, Services: store, Hosts: machines, Middleware: instances,
		Topology: topology.New(topology.Options{Services: store, Links: store, Middleware: instances, Hosts: machines}),
		Guard:    a.guard, Logger: a.logger.With("part", "api"), Allowed: auth.StillValid,
	})
	if err != nil {
		return nil, fmt.Errorf("query API: %w", err)
	}
	return api, nil
}

// mountPrometheus serves the Prometheus API of what this process queries, and of its own tsdb to the other processes.
func (a *App) mountPrometheus(r chi.Router, engine *promql.Engine) {
	mount := func(prefix string, opts promapi.Options) {
		path := prefix + "/prometheus/api/v1"
		h := http.StripPrefix(path, a.newPromAPI(engine, opts))
		if a.alerting == nil && a.opts.Role == config.RoleQuery {
			h = a.peers.WithRules(path, h)
		}
		r.Handle(path+"/*", a.traced("prometheus", h))
	}
	s := a.stores
	switch {
	case s.fanout != nil:
		mount("", promapi.Options{Storage: s.metrics, Remote: s.fanout, Registerer: a.reg})
	case s.tsdb != nil:
		mount("", promapi.Options{Storage: s.metrics, Local: s.tsdb.View(), Registerer: a.reg})
	}
	if s.tsdb != nil && a.peers != nil {
		reg := prometheus.WrapRegistererWith(prometheus.Labels{"api": "local"}, prometheus.NewRegistry())
		mount(localPrefix, promapi.Options{Storage: s.tsdb.View(), Local: s.tsdb.View(), Registerer: reg})
	}
}

// newPromAPI makes the API of a storage; opts say which.
func (a *App) newPromAPI(engine *promql.Engine, opts promapi.Options) http.Handler {
	opts.Config, opts.Guard, opts.Engine = a.cfg.Query, a.guard, engine
	if a.stores.tsdb != nil {
		opts.Metadata = a.stores.tsdb.View().MetadataFor
		if a.rollups != nil {
			opts.Metadata = func(ctx context.Context) scrape.MetricMetadataStore {
				return a.rollups.Metadata(ctx, a.stores.tsdb.View().MetadataFor(ctx))
			}
		}
	}
	opts.Gatherer, opts.Logger = a.reg, a.logger.With("part", "prometheus api")
	opts.Listen, opts.DataDir, opts.Version, opts.Started = a.Addr(), a.cfg.DataDir, a.opts.Version, a.started
	if a.alerting != nil {
		opts.Rules = a.alerting.Manager()
	}
	return promapi.New(opts)
}

// traced records own requests as spans; the intake is not traced, because a span about a span would never end.
func (a *App) traced(name string, h http.Handler) http.Handler {
	return otelhttp.NewHandler(h, name, otelhttp.WithTracerProvider(a.self.Tracer),
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string { return r.Method + " " + r.URL.Path }))
}

// mountInstall serves what a host needs to get an agent, from the processes that have the page.
func (a *App) mountInstall(r chi.Router, l auth.Listener, engine *promql.Engine) error {
	if !a.opts.Role.Is(config.RoleQuery) {
		return nil
	}
	reader := hosts.New(prom.New(engine, a.stores.metrics))
	h, err := install.New(install.Options{
		Config: a.cfg.Agents, ExternalURL: a.cfg.HTTP.ExternalURL,
		LastSeen: func(ctx context.Context, name string) (time.Time, error) {
			return reader.LastSeen(ctx, name, time.Now())
		},
	})
	if err != nil {
		return err
	}
	h.Routes(r)
	r.Method(http.MethodGet, "/v1/agent/host", a.senders.HTTP(l, http.HandlerFunc(h.ServeSeen)))
	return nil
}
