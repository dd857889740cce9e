// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"net/http"
	"time"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/internal/auth"
	"github.com/strata-apm/strata/internal/cluster"
	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/internal/httpx"
)

type authStatus struct {
	Mode          string       `json:"mode" enum:"open,required"`
	Authenticated bool         `json:"authenticated"`
	Scopes        []auth.Scope `json:"scopes" enum:"ingest,read,admin,browser"`
}

type statusAnswer struct {
	Version    string            `json:"version"`
	Commit     string            `json:"commit"`
	StartedAt  *time.Time        `json:"started_at"`
	Instance   string            `json:"instance"`
	Roles      []string          `json:"roles"`
	Addresses  map[string]string `json:"addresses"`
	Auth       authStatus        `json:"auth"`
	Components []component       `json:"components"`
}

// status tells a stranger only how to sign in.
func (a *App) status(r *http.Request) (any, error) {
	mode := string(auth.ModeRequired)
	if a.listeners.loopback() {
		mode = a.cfg.Auth.Local
	}
	ans := statusAnswer{
		Version: a.opts.Version, Auth: authStatus{Mode: mode, Scopes: []auth.Scope{}}, Roles: []string{}, Addresses: map[string]string{}, Components: []component{},
	}
	if p, ok := auth.FromContext(r.Context()); ok {
		ans.Auth.Authenticated, ans.Auth.Scopes = true, p.Scopes
		ans.Commit, ans.StartedAt, ans.Roles = a.opts.Commit, &a.started, []string{string(a.opts.Role)}
		ans.Instance = a.instance
		ans.Addresses = a.listeners.addresses()
		if a.gateway == nil && a.opts.Role.Is(config.RoleQuery) {
			a.addIntake(r.Context(), ans.Addresses)
		}
		ans.Components = a.components(r.Context())
	}
	return ans, nil
}

// addIntake adds where telemetry is sent to: the addresses of a gateway.
func (a *App) addIntake(ctx context.Context, addresses map[string]string) {
	all, err := a.peers.List(ctx)
	if err != nil {
		return // The registry's state is one of the components.
	}
	for _, p := range cluster.With(all, config.RoleGateway) {
		var st statusAnswer
		if p.Live && a.peers.Get(ctx, p.URL+"/api/v1/status", &st) == nil {
			addresses["otlp_grpc"], addresses["otlp_http"] = st.Addresses["otlp_grpc"], st.Addresses["otlp_http"]
			return
		}
	}
}

// account is what this process counted and, unless the request asks for that alone, what the others did.
func (a *App) account(r *http.Request) (any, error) {
	rng, err := httpx.Range(r, time.Now())
	if err != nil {
		return nil, err //nolint:wrapcheck // The client's own words.
	}
	ans := cluster.LocalLedger(a.stores.ledger, a.busStats, rng.Start, rng.End)
	if a.peers != nil && r.URL.Query().Get("local") == "" {
		a.peers.AddLedgers(r.Context(), rng, a.cfg.Bus.Kafka.Group, &ans)
	}
	return ans, nil
}

func (a *App) busStats() []bus.TopicStats {
	if a.stores.bus == nil {
		return nil
	}
	return a.stores.bus.Stats()
}
