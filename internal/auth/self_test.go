// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

func handled(got *Principal) func(context.Context, any) (any, error) {
	return func(ctx context.Context, _ any) (any, error) {
		*got, _ = FromContext(ctx)
		return nil, nil
	}
}

// TestSelf tries every form of the authorization header against a server that has a password for its own telemetry and one that has none.
func TestSelf(t *testing.T) {
	with, without := newFixture(t, ModeOpen), newFixture(t, ModeOpen)
	with.svc.opts.Self = NewSelf("strata")
	right := with.svc.opts.Self.Header()
	for _, tc := range []struct {
		name   string
		f      *fixture
		values []string
		ok     bool
	}{
		{"right", with, []string{right}, true},
		{"absent", with, nil, false},
		{"empty", with, []string{""}, false},
		{"scheme without a token", with, []string{"Bearer "}, false},
		{"wrong", with, []string{right + "x"}, false},
		{"another's", with, []string{NewSelf("strata").Header()}, false},
		{"token without its scheme", with, []string{right[len("Bearer "):]}, false},
		{"doubled", with, []string{right, right}, false},
		{"right after empty", with, []string{"", right}, false},
		{"right before empty", with, []string{right, ""}, false},
		{"no password: absent", without, nil, false},
		{"no password: empty", without, []string{""}, false},
		{"no password: empty twice", without, []string{"", ""}, false},
		{"no password: space", without, []string{" "}, false},
		{"no password: scheme without a token", without, []string{"Bearer "}, false},
		{"no password: scheme alone", without, []string{"Bearer"}, false},
		{"no password: another's", without, []string{right}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx := metadata.NewIncomingContext(t.Context(), metadata.MD{"authorization": tc.values})
			var got Principal
			_, err := tc.f.svc.UnaryInterceptor(public, ScopeIngest)(ctx, nil, nil, handled(&got))
			w := tc.f.do(public, "POST", "/ingest", "", func(r *http.Request) { r.Header["Authorization"] = tc.values })
			if !tc.ok {
				require.Equal(t, codes.Unauthenticated, status.Code(err))
				require.Equal(t, 401, w.Code)
				return
			}
			require.NoError(t, err)
			require.Equal(t, "strata", got.Name)
			require.Equal(t, 200, w.Code)
			require.Equal(t, "strata", w.Body.String())
			require.Equal(t, 403, tc.f.do(public, "GET", "/read", "", header("Authorization", right)).Code, "it reads nothing")
		})
	}
	require.Empty(t, Self{}.Header())
	require.Equal(t, 401, without.do(public, "GET", "/read", "", func(r *http.Request) { r.AddCookie(&http.Cookie{Name: cookieName}) }).Code, "an empty cookie")
	require.Equal(t, 401, without.do(public, "POST", "/api/v1/session", `{"key":""}`).Code)
}

// TestSecureCookie: a cookie of a site with TLS is never sent in the open.
func TestSecureCookie(t *testing.T) {
	for _, external := range []bool{false, true} {
		f := newFixture(t, ModeOpen)
		f.svc.opts.SecureCookie = external
		_, secret := f.key(ScopeRead, 0)
		w := f.do(public, "POST", "/api/v1/session", `{"key":"`+secret+`"}`)
		require.Equal(t, 204, w.Code)
		require.Equal(t, external, w.Result().Cookies()[0].Secure)
	}
}

func TestKeysOfPages(t *testing.T) {
	f := newFixture(t, ModeOpen)
	_, browser := f.key(ScopeBrowser, 0)
	_, admin := f.key(ScopeAdmin, 0)
	_, ingest := f.key(ScopeIngest, 0)
	origin := header("Origin", "https://shop.example.com")
	for _, path := range []string{"/read", "/admin", "/ingest"} { // OTLP asks for the scope itself.
		require.Equal(t, 403, f.do(public, "POST", path, "", with(browser)).Code, path)
	}
	require.Equal(t, 403, f.do(public, "POST", "/api/v1/session", `{"key":"`+browser+`"}`).Code)
	require.Equal(t, 200, f.do(public, "POST", "/ingest", "", with(ingest), origin).Code)
	w := f.do(public, "POST", "/ingest", "", with(admin), origin)
	require.Equal(t, 403, w.Code, "whoever visits the page could read an administrator's key")
	require.Contains(t, w.Body.String(), "scope browser or ingest")
}
