// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/prometheus/promql"

	"github.com/strata-apm/strata/internal/auth"
	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/internal/install"
	"github.com/strata-apm/strata/query/hosts"
	"github.com/strata-apm/strata/query/prom"
)

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
	r.Method(http.MethodGet, "/v1/agent/host", a.access.ingest(l, http.HandlerFunc(h.ServeSeen)))
	return nil
}
