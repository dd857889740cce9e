// SPDX-License-Identifier: Apache-2.0

package app

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"

	"github.com/strata-apm/strata/internal/auth"
	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/query/httpapi"
	"github.com/strata-apm/strata/signal"
	"github.com/strata-apm/strata/tenant"
)

// credential is whoever asks: a key of a tenant, or of nobody.
type credential struct {
	name, key string
	tenant    tenant.ID
	// scopes are what the key allows, with what it includes.
	scopes []auth.Scope
	// bad is a key that does not exist.
	bad bool
}

func (c credential) has(s auth.Scope) bool { return slices.Contains(c.scopes, s) }

// everybody makes a key of every scope, of the default tenant and of another. local says that a request without a key is answered as an administrator.
func everybody(p *process, local bool) []credential {
	p.t.Helper()
	nobody := credential{name: "nobody", tenant: tenant.Default}
	if local {
		nobody.scopes = []auth.Scope{auth.ScopeIngest, auth.ScopeRead, auth.ScopeAdmin}
	}
	out := []credential{nobody, {name: "a bad key", key: "strata_bad", bad: true}}
	includes := map[auth.Scope][]auth.Scope{
		auth.ScopeIngest: {auth.ScopeIngest}, auth.ScopeRead: {auth.ScopeRead}, auth.ScopeBrowser: {auth.ScopeBrowser},
		auth.ScopeAdmin: {auth.ScopeIngest, auth.ScopeRead, auth.ScopeAdmin},
	}
	for _, owner := range []tenant.ID{tenant.Default, "other"} {
		for scope, all := range includes {
			out = append(out, credential{name: string(owner) + " " + string(scope), key: p.key(owner, scope, "table"), tenant: owner, scopes: all})
		}
	}
	return append(out, credential{name: "a process", key: p.key("", auth.ScopeProcess, "table"), tenant: tenant.Default, scopes: []auth.Scope{auth.ScopeRead, auth.ScopeProcess}})
}

// path is one path of a process and what it asks for.
type path struct {
	request
	// scopes are those of which one is needed; none is for everybody, also with a key that is bad.
	scopes []auth.Scope
	// public is for everybody but somebody with a bad key.
	public bool
	// installation is for the default tenant alone.
	installation bool
	// status is that of an answer to who may ask; 0 is any that is no refusal and no failure.
	status int
}

// want is the status of an answer; 0 is that of the handler.
func (p path) want(c credential) int {
	switch {
	case p.public && !c.bad, !p.public && len(p.scopes) == 0:
		return p.status
	case c.bad, len(c.scopes) == 0:
		return http.StatusUnauthorized
	case !slices.ContainsFunc(p.scopes, c.has), p.installation && c.tenant != tenant.Default:
		return http.StatusForbidden
	default:
		return p.status
	}
}

// pathsOf is every path that the process serves: the routes of its table, and what lies beside them.
func pathsOf(t *testing.T, p *process) []path {
	t.Helper()
	var out []path
	add := func(method, at string, status int, scopes ...auth.Scope) *path {
		out = append(out, path{request: request{method: method, path: at}, status: status, scopes: scopes})
		return &out[len(out)-1]
	}
	add("GET", "/-/healthy", 200)
	add("GET", "/-/ready", 200)
	add("HEAD", "/-/ready", 200)
	add("GET", "/api/v1/nothing", 404).public = true
	add("GET", "/v1/nothing", 404)
	add("GET", "/prometheus/nothing", 404)
	add("GET", "/jaeger/api/traces", 404)
	add("GET", "/metrics", 200, auth.ScopeRead).installation = true
	role := p.opts.Role
	page := 404
	if role.Is(config.RoleQuery) {
		page = 200
		add("GET", "/install.sh", 200)
		add("GET", "/agent/agent.yaml", 200)
		add("GET", "/agent/linux-amd64/nothing", 404)
		add("GET", "/v1/agent/host?name=none", 200, auth.ScopeIngest)
	}
	add("GET", "/", page)
	add("GET", "/traces/1234", page)
	if role.Is(config.RoleGateway) {
		send := []auth.Scope{auth.ScopeIngest, auth.ScopeBrowser}
		for _, s := range signal.All() {
			for _, l := range []string{httpListener, "otlp_http"} {
				x := add("POST", s.Path(), 200, send...)
				x.listener, x.contentType = l, "application/x-protobuf"
			}
		}
		add("POST", "/prometheus/api/v1/write", 0, auth.ScopeIngest)
		add("POST", "/v1/opamp", 0, auth.ScopeIngest).installation = true
	}
	if role == config.RoleWriter { // For the other processes.
		add("GET", "/local/prometheus/api/v1/query?query=1", 200, auth.ScopeRead)
	}
	if role != config.RoleGateway {
		add("GET", "/prometheus/api/v1/query?query=1", 200, auth.ScopeRead)
		add("GET", "/prometheus/api/v1/nothing", 404, auth.ScopeRead)
	}
	for _, rt := range routesOf(t, p) {
		x := add(rt.Method, "/api/v1"+strings.NewReplacer("{", "none-", "}", "").Replace(rt.Path), 0)
		if x.public = rt.Permission == httpx.Public; !x.public {
			x.scopes, x.installation = []auth.Scope{auth.Scope(rt.Permission)}, !rt.PerTenant
		}
		if rt.Path == "/session/signin" || rt.Method == http.MethodPost && rt.Path == "/session" {
			x.status = map[string]int{"GET": 401, "POST": 400}[rt.Method] // They look at what is sent to sign in with.
		}
	}
	return out
}

// routesOf is the table of the process below /api/v1.
func routesOf(t *testing.T, p *process) []httpx.Route {
	t.Helper()
	var api *httpapi.API
	if p.opts.Role.Is(config.RoleQuery) {
		var err error
		api, err = p.newAPI(nil)
		require.NoError(t, err)
	}
	return p.routes(api)
}

// checkAccess asks every path with every credential.
func checkAccess(t *testing.T, p *process, who []credential) {
	t.Helper()
	paths := pathsOf(t, p)
	for _, x := range paths {
		for _, c := range who {
			r := x.request
			r.key = c.key
			got, body := p.do(r)
			switch want := x.want(c); {
			case want == 0:
				require.NotContains(t, []int{401, 403, 500, 501}, got, "%s %s as %s: %s", r.method, r.path, c.name, body)
			case want == http.StatusUnauthorized && got == http.StatusTooManyRequests: // There were many bad attempts before.
			default:
				require.Equal(t, want, got, "%s %s %s as %s: %s", r.listener, r.method, r.path, c.name, body)
			}
		}
	}
	if p.opts.Role.Is(config.RoleGateway) {
		for _, c := range who {
			checkGRPC(t, p, c)
		}
	}
}

// checkGRPC sends nothing over gRPC: who may send is told so.
func checkGRPC(t *testing.T, p *process, c credential) {
	t.Helper()
	want := codes.OK
	switch {
	case c.bad, len(c.scopes) == 0:
		want = codes.Unauthenticated
	case !c.has(auth.ScopeIngest):
		want = codes.PermissionDenied
	}
	conn, err := grpc.NewClient(p.listeners.Of("otlp_grpc").Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	ctx := t.Context()
	if c.key != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+c.key)
	}
	_, err = plogotlp.NewGRPCClient(conn).Export(ctx, plogotlp.NewExportRequest())
	require.Equal(t, want, status.Code(err), "gRPC as %s: %v", c.name, err)
}

// checkListeners compares what is open with what the process says of it in run.json and in the status.
func checkListeners(t *testing.T, p *process, key string, names ...string) {
	t.Helper()
	file := runFile(t, p.cfg.DataDir)
	require.EqualValues(t, os.Getpid(), file["pid"])
	delete(file, "pid")
	require.Len(t, file, len(names))
	var st struct {
		Version, Commit, Instance string
		Roles                     []string
		Addresses                 map[string]string
		Auth                      struct {
			Mode          string
			Authenticated bool
			Scopes        []string
		}
		Components []struct{ Name, State, Message string }
	}
	p.getJSON(key, "/api/v1/status", &st)
	for _, name := range names {
		addr := p.listeners.Of(name).Addr().String()
		require.Equal(t, addr, file[name])
		require.Equal(t, addr, st.Addresses[name])
	}
	require.Equal(t, []string{"1.2.3", "abc", p.instance, string(p.opts.Role)}, []string{st.Version, st.Commit, st.Instance, st.Roles[0]})
	for _, c := range st.Components {
		require.Equal(t, "ok", c.State, "%s: %s", c.Name, c.Message)
	}
	require.NotEmpty(t, st.Components)
	require.True(t, st.Auth.Authenticated)
}
