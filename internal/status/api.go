// SPDX-License-Identifier: Apache-2.0

package status

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/internal/auth"
	"github.com/strata-apm/strata/internal/cluster"
	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/internal/ledger"
)

// Options are given by the program.
type Options struct {
	Version, Commit string
	// Instance is the name of the process among the others, URL where they reach it.
	Instance, URL string
	Role          config.Role
	Started       time.Time
	// AuthMode is how a request without credentials is answered.
	AuthMode auth.Mode
	// Addresses are those of the listeners by name.
	Addresses map[string]string
	// Probes are asked for each answer, in this order.
	Probes []Probe
	Ledger *ledger.Ledger
	// Bus is nil in a process without it.
	Bus bus.Inspector
	// Group is this process's group of consumers, empty without Kafka.
	Group string
	// Peers is nil where there are no other processes.
	Peers *cluster.Peers
}

// API answers for a process. Safe for concurrent use.
type API struct {
	opts  Options
	ready atomic.Bool
}

// New returns the answers of a process that is not ready yet.
func New(opts Options) *API { return &API{opts: opts} }

// SetReady says whether the process serves: not before everything runs, and no longer once it stops.
func (a *API) SetReady(ready bool) { a.ready.Store(ready) }

var errStarting = errors.New("starting or stopping")

// Ready says why the process cannot do its work, nil when it can.
func (a *API) Ready(ctx context.Context) error {
	if !a.ready.Load() {
		return errStarting
	}
	return down(a.components(ctx))
}

func (a *API) components(ctx context.Context) []Component {
	out := make([]Component, 0, len(a.opts.Probes))
	for _, ask := range a.opts.Probes {
		out = append(out, ask(ctx))
	}
	return out
}

// MountHealth serves /-/healthy, whether the process runs, and /-/ready, whether it can do its work. Both are for everybody.
func (a *API) MountHealth(r chi.Router) {
	r.Get("/-/healthy", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("healthy\n")) })
	r.Get("/-/ready", func(w http.ResponseWriter, req *http.Request) {
		if err := a.Ready(req.Context()); err != nil {
			http.Error(w, "not ready: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ready\n"))
	})
}

// Routes is the table of the status and the account.
func (a *API) Routes() []httpx.Route {
	routes := []httpx.Route{
		{Path: "/status", Tag: "meta", Summary: "State of the server and its parts; a stranger is told only how to sign in", Answer: statusAnswer{}, Handle: a.status},
		{Path: "/status/instances", Permission: httpx.Read, Tag: "meta", Summary: "The processes and what each says of itself", Answer: instancesAnswer{}, Handle: a.instances},
		{Path: "/status/watermarks", Permission: httpx.Read, Tag: "ledger", Summary: "Up to when everything that was accepted has been stored, by partition", Answer: watermarksAnswer{}, Handle: a.watermarks},
		{Path: "/ledger", Permission: httpx.Read, Tag: "ledger", Summary: "What was received, refused and stored, by minute and source", Params: append(httpx.RangeParams(), httpx.Param{Name: "local", Description: "anything: what this process counted alone"}), Answer: cluster.LedgerAnswer{}, Handle: a.account},
	}
	for i := range routes {
		routes[i].Method = http.MethodGet
	}
	return routes
}

type authStatus struct {
	Mode          string       `json:"mode" enum:"open,required"`
	Authenticated bool         `json:"authenticated"`
	Scopes        []auth.Scope `json:"scopes" enum:"ingest,read,admin,browser"`
	// Tenant is whose data is sent and read; empty for a stranger.
	Tenant string `json:"tenant"`
}

type statusAnswer struct {
	Version    string            `json:"version"`
	Commit     string            `json:"commit"`
	StartedAt  *time.Time        `json:"started_at"`
	Instance   string            `json:"instance"`
	Roles      []string          `json:"roles"`
	Addresses  map[string]string `json:"addresses"`
	Auth       authStatus        `json:"auth"`
	Components []Component       `json:"components"`
}

// status tells a stranger only how to sign in.
func (a *API) status(r *http.Request) (any, error) {
	o := &a.opts
	ans := statusAnswer{
		Version: o.Version, Auth: authStatus{Mode: string(o.AuthMode), Scopes: []auth.Scope{}}, Roles: []string{}, Addresses: map[string]string{}, Components: []Component{},
	}
	p, ok := auth.FromContext(r.Context())
	if !ok {
		return ans, nil
	}
	ans.Auth.Authenticated, ans.Auth.Scopes, ans.Auth.Tenant = true, p.Scopes, string(p.Tenant.OrDefault())
	ans.Commit, ans.StartedAt, ans.Roles, ans.Instance = o.Commit, &o.Started, []string{string(o.Role)}, o.Instance
	maps.Copy(ans.Addresses, o.Addresses)
	if o.Role.Is(config.RoleQuery) && !o.Role.Is(config.RoleGateway) {
		a.addIntake(r.Context(), ans.Addresses)
	}
	ans.Components = a.components(r.Context())
	return ans, nil
}

// addIntake adds where telemetry is sent to: the addresses of a gateway.
func (a *API) addIntake(ctx context.Context, addresses map[string]string) {
	all, err := a.opts.Peers.List(ctx)
	if err != nil {
		return // The registry's state is one of the components.
	}
	for _, p := range cluster.With(all, config.RoleGateway) {
		var st statusAnswer
		if p.Live && a.opts.Peers.Get(ctx, p.URL+"/api/v1/status", &st) == nil {
			addresses["otlp_grpc"], addresses["otlp_http"] = st.Addresses["otlp_grpc"], st.Addresses["otlp_http"]
			return
		}
	}
}

// account is what this process counted and, unless the request asks for that alone, what the others did.
func (a *API) account(r *http.Request) (any, error) {
	rng, err := httpx.Range(r, time.Now())
	if err != nil {
		return nil, err // The client's own words.
	}
	ans := cluster.LocalLedger(a.opts.Ledger, a.busStats, rng.Start, rng.End)
	if a.opts.Peers != nil && r.URL.Query().Get("local") == "" {
		a.opts.Peers.AddLedgers(r.Context(), rng, a.opts.Group, &ans)
	}
	return ans, nil
}

func (a *API) busStats() []bus.TopicStats {
	if a.opts.Bus == nil {
		return nil
	}
	return a.opts.Bus.Stats()
}
