// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/metadata"

	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/tenant"
)

// tenantKey makes a key of a tenant.
func (f *fixture) tenantKey(owner tenant.ID, scope Scope) (id, secret string) {
	f.t.Helper()
	k, secret, err := CreateKey(f.t.Context(), f.cat, KeyRequest{Name: "key", Scope: scope, Tenant: owner})
	require.NoError(f.t, err)
	return k.ID, secret
}

// askedAs returns the tenant that a request is answered for.
func (f *fixture) askedAs(edits ...func(*http.Request)) tenant.ID {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), http.MethodGet, "http://127.0.0.1:7080/", http.NoBody)
	require.NoError(f.t, err)
	r.RemoteAddr = "127.0.0.1:5000"
	for _, e := range edits {
		e(r)
	}
	var got tenant.ID
	f.svc.Authenticate(loopback)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = tenant.FromContext(r.Context())
	})).ServeHTTP(nil, r)
	return got
}

// TestTenantIsTheKeys: nothing in a request chooses a tenant but the key, or the cookie that was had for a key.
func TestTenantIsTheKeys(t *testing.T) {
	f := newFixture(t, ModeOpen)
	_, a := f.tenantKey("a", ScopeRead)
	_, plain := f.tenantKey("", ScopeRead)
	_, process := f.tenantKey("", ScopeProcess)
	require.Equal(t, tenant.ID("a"), f.askedAs(with(a)))
	require.Equal(t, tenant.Default, f.askedAs(with(plain)))
	require.Equal(t, tenant.Default, f.askedAs(), "a request of this machine")
	require.Equal(t, tenant.Default, f.askedAs(with(process)))
	for _, edit := range []func(*http.Request){
		header(TenantHeader, "b"), header("X-Scope-OrgID", "b"), header("AccountID", "b"), func(r *http.Request) { r.URL.RawQuery = "tenant=b" },
	} {
		require.Equal(t, tenant.ID("a"), f.askedAs(with(a), edit))
		require.Equal(t, tenant.Default, f.askedAs(with(plain), edit))
		require.Equal(t, tenant.Default, f.askedAs(edit))
	}
	require.Equal(t, tenant.ID("b"), f.askedAs(with(process), header(TenantHeader, "b")), "processes ask for each other")

	// The cookie is of the key's tenant.
	w := f.do(public, http.MethodPost, "/api/v1/session", `{"key":"`+a+`"}`)
	require.Equal(t, http.StatusNoContent, w.Code, w.Body)
	cookie := w.Result().Cookies()[0]
	require.Equal(t, tenant.ID("a"), f.askedAs(host("strata.example"), func(r *http.Request) { r.AddCookie(cookie) }))

	// gRPC as well.
	p, err := f.svc.AuthenticateGRPC(metadata.NewIncomingContext(t.Context(), metadata.Pairs("authorization", "Bearer "+a, "strata-tenant", "b")), public)
	require.NoError(t, err)
	require.Equal(t, tenant.ID("a"), tenant.FromContext(NewContext(t.Context(), p)))
}

func TestProcessKeys(t *testing.T) {
	f := newFixture(t, ModeRequired)
	_, process := f.tenantKey("", ScopeProcess)
	require.Equal(t, 200, f.do(public, "GET", "/read", "", with(process)).Code)
	require.Equal(t, 403, f.do(public, "GET", "/ingest", "", with(process)).Code)
	require.Equal(t, 403, f.do(public, "GET", "/admin", "", with(process)).Code)
	for _, bad := range []string{"../x", "A", "a b"} {
		require.Equal(t, 403, f.do(public, "GET", "/read", "", with(process), header(TenantHeader, bad)).Code, bad)
	}
	require.Equal(t, 403, f.do(public, "POST", "/api/v1/session", `{"key":"`+process+`"}`).Code, "nobody signs in with it")
	_, admin := f.tenantKey("", ScopeAdmin)
	w := f.do(public, "POST", "/api/v1/keys", `{"name":"x","scope":"process"}`, with(admin))
	require.Equal(t, 400, w.Code, w.Body)
	_, err := ParseScope("process")
	require.Error(t, err)
}

// TestKeysOfATenant: an administrator of a tenant sees, makes and revokes keys of that tenant alone.
func TestKeysOfATenant(t *testing.T) {
	f := newFixture(t, ModeRequired)
	idA, adminA := f.tenantKey("a", ScopeAdmin)
	idB, adminB := f.tenantKey("b", ScopeAdmin)
	list := func(secret string) []string {
		w := f.do(public, "GET", "/api/v1/keys", "", with(secret))
		require.Equal(t, 200, w.Code, w.Body)
		var ans keysAnswer
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &ans))
		var ids []string
		for _, k := range ans.Keys {
			ids = append(ids, k.ID)
		}
		return ids
	}
	require.Equal(t, []string{idA}, list(adminA))
	require.Equal(t, []string{idB}, list(adminB))
	w := f.do(public, "POST", "/api/v1/keys", `{"name":"more","scope":"ingest"}`, with(adminA))
	require.Equal(t, 201, w.Code, w.Body)
	var made newKeyAnswer
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &made))
	require.Equal(t, tenant.ID("a"), f.askedAs(with(made.Secret)))
	require.Equal(t, 400, f.do(public, "POST", "/api/v1/keys", `{"name":"more","scope":"ingest","tenant":"b"}`, with(adminA)).Code, "the body chooses no tenant")
	require.Equal(t, 404, f.do(public, "DELETE", "/api/v1/keys/"+idB, "", with(adminA)).Code)
	require.Equal(t, []string{idB}, list(adminB))
	require.Equal(t, 204, f.do(public, "DELETE", "/api/v1/keys/"+made.Key.ID, "", with(adminA)).Code)
	require.Equal(t, 401, f.do(public, "GET", "/ingest", "", with(made.Secret)).Code)
}

// TestInstallationRoutes: what does not say that it answers per tenant is the default tenant's.
func TestInstallationRoutes(t *testing.T) {
	f := newFixture(t, ModeRequired)
	_, a := f.tenantKey("a", ScopeAdmin)
	_, plain := f.tenantKey("", ScopeAdmin)
	for perTenant, want := range map[bool]int{true: 200, false: 403} {
		h := f.svc.Authenticate(public)(Permit(httpx.Route{Permission: httpx.Admin, PerTenant: perTenant})(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
		require.Equal(t, want, serve(f, h, with(a)).Code)
		require.Equal(t, 200, serve(f, h, with(plain)).Code)
		require.Equal(t, 401, serve(f, h).Code)
	}
	refused := serve(f, f.svc.Authenticate(public)(Permit(httpx.Route{Permission: httpx.Read})(http.NotFoundHandler())), with(a))
	require.Contains(t, refused.Body.String(), "a key of the tenant default")
}

// TestSetupOfTenants: an administrator of a tenant is nobody who can administer the server.
func TestSetupOfTenants(t *testing.T) {
	f := newFixture(t, ModeRequired)
	f.tenantKey("a", ScopeAdmin)
	link, err := f.svc.Setup(t.Context(), "http://x")
	require.NoError(t, err)
	require.NotEmpty(t, link)
	f.tenantKey("", ScopeAdmin)
	link, err = f.svc.Setup(t.Context(), "http://x")
	require.NoError(t, err)
	require.Empty(t, link)
}

func TestKeyRequestOfTenants(t *testing.T) {
	require.NoError(t, KeyRequest{Name: "n", Scope: ScopeIngest, Tenant: "team-a"}.Validate())
	require.NoError(t, KeyRequest{Name: "n", Scope: ScopeIngest}.Validate())
	require.ErrorIs(t, KeyRequest{Name: "n", Scope: ScopeIngest, Tenant: "../a"}.Validate(), tenant.ErrInvalid)
}

// serve sends a request to a handler as a stranger's machine does.
func serve(f *fixture, h http.Handler, edits ...func(*http.Request)) *httptest.ResponseRecorder {
	f.t.Helper()
	r := httptest.NewRequestWithContext(f.t.Context(), http.MethodGet, "http://strata.example/x", http.NoBody)
	for _, e := range edits {
		e(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestStillValid: an answer that goes on for long can ask whether its key is still one.
func TestStillValid(t *testing.T) {
	f := newFixture(t, ModeRequired)
	id, secret := f.tenantKey("a", ScopeRead)
	_, admin := f.tenantKey("a", ScopeAdmin)
	seen := make(chan context.Context, 1)
	serve(f, f.svc.Authenticate(public)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen <- r.Context() })), with(secret))
	ctx := <-seen
	require.NoError(t, StillValid(ctx))
	require.Equal(t, http.StatusNoContent, f.do(public, http.MethodDelete, "/api/v1/keys/"+id, "", with(admin)).Code)
	require.ErrorIs(t, StillValid(ctx), ErrBadCredentials)
	require.NoError(t, StillValid(t.Context()), "of no request")
}
