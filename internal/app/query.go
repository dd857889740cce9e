// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"
	"net/http"
	"net/url"
	"sync/atomic"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/prometheus/promql"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"

	"github.com/strata-apm/strata/alerting"
	"github.com/strata-apm/strata/internal/auth"
	"github.com/strata-apm/strata/query/hosts"
	"github.com/strata-apm/strata/query/httpapi"
	"github.com/strata-apm/strata/query/promapi"
	"github.com/strata-apm/strata/web"
)

// queryPart is everything behind the HTTP listener.
type queryPart struct {
	http     *http.Server
	engine   *promql.Engine
	api      *httpapi.API
	alerting *alerting.Alerting
	ready    atomic.Bool
}

func (a *App) newQuery() (*queryPart, error) {
	p := &queryPart{engine: promapi.NewEngine(a.cfg.Query, a.logger.With("part", "promql"), a.reg)}
	var err error
	if p.alerting, err = a.newAlerting(p.engine); err != nil {
		return nil, err
	}
	store := a.stores.clickhouse
	if p.api, err = httpapi.New(httpapi.Options{
		TraceSearch: store, Traces: store, Logs: store, Fields: store, Services: store,
		Hosts:         hosts.New(hosts.NewMetrics(p.engine, a.stores.metrics)),
		MaxConcurrent: a.cfg.Query.MaxConcurrent, Logger: a.logger.With("part", "api"),
	}); err != nil {
		return nil, fmt.Errorf("query API: %w", err)
	}
	l := auth.ListenerOf(a.listeners.http.Addr())
	r := chi.NewRouter()
	r.Use(middleware.Recoverer)
	a.mountHealth(r, p)
	r.Handle("/prometheus/api/v1/write", a.access.ingest(l, a.ingest.remoteWrite))
	r.Group(func(r chi.Router) {
		r.Use(a.access.auth.Authenticate(l))
		r.Route("/api/v1", func(r chi.Router) { a.mountAPI(r, p) })
		r.Group(func(r chi.Router) {
			r.Use(auth.Require(auth.ScopeRead))
			r.Handle("/prometheus/api/v1/*", a.traced("prometheus", http.StripPrefix("/prometheus/api/v1", a.newPromAPI(p))))
			r.Handle("/metrics", promhttp.HandlerFor(a.reg, promhttp.HandlerOpts{Registry: a.reg, EnableOpenMetrics: true}))
		})
	})
	r.Handle("/*", web.Handler())
	p.http = newServer(r)
	p.http.ReadTimeout = 0 // It would end a followed log; bodies are bounded by their own deadline below.
	return p, nil
}

func (a *App) newPromAPI(p *queryPart) http.Handler {
	return promapi.New(promapi.Options{
		Config: a.cfg.Query, Engine: p.engine, Storage: a.stores.metrics, Metadata: a.stores.metadata,
		Gatherer: a.reg, Registerer: a.reg, Logger: a.logger.With("part", "prometheus api"),
		Listen: a.listeners.http.Addr().String(), DataDir: a.cfg.DataDir, Version: a.opts.Version, Started: a.started, Rules: p.alerting.Manager(),
	})
}

// mountAPI serves everything below /api/v1.
func (a *App) mountAPI(r chi.Router, p *queryPart) {
	r.Use(func(next http.Handler) http.Handler { return a.traced("api", next) })
	a.mountRoutes(r, p)
}

func (a *App) mountRoutes(r chi.Router, p *queryPart) {
	a.access.auth.Routes(r)
	r.Get("/status", a.serveStatus)
	r.Group(func(r chi.Router) {
		r.Use(auth.RequireByMethod(auth.ScopeRead, auth.ScopeAdmin))
		r.Get("/ledger", a.serveLedger)
		p.api.Mount(r)
		p.alerting.Routes(r)
	})
}

// traced records own requests as spans; the intake is not traced, because a span about a span would never end.
func (a *App) traced(name string, h http.Handler) http.Handler {
	return otelhttp.NewHandler(h, name, otelhttp.WithTracerProvider(a.self.Tracer),
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string { return r.Method + " " + r.URL.Path }))
}

func (a *App) mountHealth(r chi.Router, p *queryPart) {
	r.Get("/-/healthy", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("healthy\n")) })
	r.Get("/-/ready", func(w http.ResponseWriter, req *http.Request) {
		if err := a.readiness(req.Context(), p); err != nil {
			http.Error(w, "not ready: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ready\n"))
	})
}

func (a *App) newAlerting(engine *promql.Engine) (*alerting.Alerting, error) {
	external, err := url.Parse(a.externalURL())
	if err != nil {
		return nil, fmt.Errorf("http.external_url: %w", err)
	}
	al, err := alerting.New(alerting.Options{
		Engine: engine, Queryable: a.stores.metrics, Appendable: a.stores.metrics,
		Store: alerting.Store{
			Rules: a.stores.catalog, Notifiers: a.stores.catalog, Queue: a.stores.catalog, Log: a.stores.catalog,
		},
		RuleFiles: a.cfg.Alerting.RuleFiles, EvaluationInterval: a.cfg.Alerting.EvaluationInterval,
		RepeatInterval: a.cfg.Alerting.RepeatInterval, ExternalURL: external,
		Version: a.opts.Version, Logger: a.logger.With("part", "alerting"), Registerer: a.reg,
	})
	if err != nil {
		return nil, fmt.Errorf("alerting: %w", err)
	}
	return al, nil
}
