// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/strata-apm/strata/storage"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// TestSessionsExpire: after a week, or with the key that opened them if that is sooner.
func TestSessionsExpire(t *testing.T) {
	f := newFixture(t, ModeRequired)
	_, short := f.key(ScopeRead, time.Hour)
	_, long := f.key(ScopeAdmin, 0)
	cookies := map[string]func(*http.Request){}
	for name, secret := range map[string]string{"short": short, "long": long} {
		w := f.do(public, http.MethodPost, "/api/v1/session", `{"key":"`+secret+`"}`)
		require.Equal(t, http.StatusNoContent, w.Code, w.Body)
		c := w.Result().Cookies()[0]
		require.Equal(t, []any{"/", http.SameSiteLaxMode, true}, []any{c.Path, c.SameSite, c.HttpOnly})
		cookies[name] = cookieOf(t, w)
	}
	code := func(name string) int { return f.do(public, http.MethodGet, "/read", "", cookies[name]).Code }
	require.Equal(t, []int{200, 200}, []int{code("short"), code("long")})
	f.now = f.now.Add(time.Hour + time.Minute)
	require.Equal(t, []int{401, 200}, []int{code("short"), code("long")})
	f.now = f.now.Add(sessionLifetime)
	require.Equal(t, 401, code("long"))
}

// TestSetupLinkIsBad: what is no token of a link signs nobody in, and a link that is old or was used neither.
func TestSetupLinkIsBad(t *testing.T) {
	f := newFixture(t, ModeRequired)
	link, err := f.svc.Setup(t.Context(), "http://10.0.0.5:7080/")
	require.NoError(t, err)
	u, err := url.Parse(link)
	require.NoError(t, err)
	require.Equal(t, "/api/v1/session/signin", u.Path, "no slash is doubled")
	_, key := f.key(ScopeAdmin, 0)
	for _, token := range []string{"", "x", key, signinPrefix, signinPrefix + "x", signinPrefix + strings.Repeat("x", maxSecretLength)} {
		w := f.do(public, http.MethodGet, u.Path+"?token="+url.QueryEscape(token), "")
		require.Equal(t, http.StatusUnauthorized, w.Code, token)
		require.Empty(t, w.Result().Cookies())
		require.Equal(t, "no-referrer", w.Header().Get("Referrer-Policy"))
	}
	f.now = f.now.Add(signinLifetime + time.Second)
	require.Equal(t, http.StatusUnauthorized, f.do(public, http.MethodGet, u.RequestURI(), "").Code, "it has expired")
	require.Equal(t, http.StatusUnauthorized, f.do(public, http.MethodGet, "/read", "", with(u.Query().Get("token"))).Code, "a token is no key")
}

// TestTokenByForm: the token of a link also signs in where a key is asked for, once.
func TestTokenByForm(t *testing.T) {
	f := newFixture(t, ModeRequired)
	link, err := f.svc.Setup(t.Context(), "http://x")
	require.NoError(t, err)
	_, token, _ := strings.Cut(link, "token=")
	w := f.do(public, http.MethodPost, "/api/v1/session", `{"key":"`+token+`"}`)
	require.Equal(t, http.StatusNoContent, w.Code, w.Body)
	require.Equal(t, "administrator", f.do(public, http.MethodGet, "/admin", "", cookieOf(t, w)).Body.String())
	require.Equal(t, http.StatusUnauthorized, f.do(public, http.MethodPost, "/api/v1/session", `{"key":"`+token+`"}`).Code)
	require.Equal(t, http.StatusBadRequest, f.do(public, http.MethodPost, "/api/v1/session", `{"kay":"x"}`).Code)
}

// TestSetupAgain: keys that are revoked, expired or of another scope administer nothing.
func TestSetupAgain(t *testing.T) {
	f := newFixture(t, ModeRequired)
	needed := func() bool {
		link, err := f.svc.Setup(t.Context(), "http://x")
		require.NoError(t, err)
		return link != ""
	}
	f.key(ScopeRead, 0)
	f.key(ScopeProcess, 0)
	require.True(t, needed())
	k, _ := f.key(ScopeAdmin, time.Hour)
	require.False(t, needed())
	f.now = f.now.Add(2 * time.Hour)
	require.True(t, needed(), "expired")
	k2, _ := f.key(ScopeAdmin, 0)
	require.False(t, needed())
	require.NoError(t, errors.Join(f.cat.RevokeKey(t.Context(), k.ID, f.now), f.cat.RevokeKey(t.Context(), k2.ID, f.now)))
	require.True(t, needed(), "revoked")
	f.svc.opts.Store.Signin = brokenSignin{}
	_, err := f.svc.Setup(t.Context(), "http://x")
	require.ErrorIs(t, err, storage.ErrUnavailable)
}

type brokenSignin struct{ storage.SigninStore }

func (brokenSignin) CreateSigninToken(context.Context, string, time.Time) error {
	return storage.ErrUnavailable
}

func (brokenSignin) ConsumeSigninToken(context.Context, string, time.Time) error {
	return storage.ErrUnavailable
}

type brokenSessions struct{ storage.SessionStore }

func (brokenSessions) CreateSession(context.Context, storage.Session) error {
	return storage.ErrUnavailable
}

func (brokenSessions) SessionByHash(context.Context, string) (storage.Session, error) {
	return storage.Session{}, storage.ErrUnavailable
}

func (brokenSessions) DeleteSession(context.Context, string) error { return storage.ErrUnavailable }

// TestSessionsWithoutCatalog: a catalog that is away is said; nobody is told that a key is bad.
func TestSessionsWithoutCatalog(t *testing.T) {
	f := newFixture(t, ModeRequired)
	_, secret := f.key(ScopeRead, 0)
	cookie := cookieOf(t, f.do(public, http.MethodPost, "/api/v1/session", `{"key":"`+secret+`"}`))
	f.svc.opts.Store.Sessions, f.svc.opts.Store.Signin = brokenSessions{}, brokenSignin{}
	for _, w := range []*httptest.ResponseRecorder{
		f.do(public, http.MethodPost, "/api/v1/session", `{"key":"`+secret+`"}`),
		f.do(public, http.MethodGet, "/read", "", cookie),
		f.do(public, http.MethodDelete, "/api/v1/session", "", cookie),
		f.do(public, http.MethodGet, "/api/v1/session/signin?token="+signinPrefix+"x", ""),
	} {
		require.Equal(t, http.StatusServiceUnavailable, w.Code, w.Body)
		require.NotEmpty(t, w.Header().Get("Retry-After"))
		require.Contains(t, w.Body.String(), "the catalog does not answer")
	}
}

// TestSignOut: the cookie is taken back, also where there is no session; another site signs nobody out.
func TestSignOut(t *testing.T) {
	f := newFixture(t, ModeRequired)
	_, secret := f.key(ScopeRead, 0)
	w := f.do(public, http.MethodDelete, "/api/v1/session", "")
	require.Equal(t, http.StatusNoContent, w.Code)
	require.Equal(t, -1, w.Result().Cookies()[0].MaxAge)
	cookie := cookieOf(t, f.do(public, http.MethodPost, "/api/v1/session", `{"key":"`+secret+`"}`))
	require.Equal(t, http.StatusUnauthorized, f.do(public, http.MethodGet, "/read", "", func(r *http.Request) {
		r.AddCookie(&http.Cookie{Name: cookieName, Value: strings.Repeat("x", maxSecretLength+1)})
	}).Code)
	f.svc.opts.Mode = ModeOpen // So that the request itself is let through.
	w = f.do(loopback, http.MethodDelete, "/api/v1/session", "", cookie, header("Sec-Fetch-Site", "cross-site"))
	require.Equal(t, http.StatusForbidden, w.Code)
	require.Equal(t, http.StatusOK, f.do(public, http.MethodGet, "/read", "", cookie).Code)
}

// TestWhatErrorsMean is the table from errors of authentication to answers, in the API's form and in gRPC's.
func TestWhatErrorsMean(t *testing.T) {
	for err, c := range map[error]struct {
		status    int
		challenge string
		code      codes.Code
	}{
		ErrNoCredentials:       {401, `Bearer realm="strata"`, codes.Unauthenticated},
		ErrBadCredentials:      {401, `Bearer realm="strata", error="invalid_token"`, codes.Unauthenticated},
		ErrForbidden:           {403, `Bearer realm="strata", error="insufficient_scope"`, codes.PermissionDenied},
		ErrForbiddenInPage:     {403, `Bearer realm="strata", error="insufficient_scope"`, codes.PermissionDenied},
		ErrForbiddenOrigin:     {403, `Bearer realm="strata", error="insufficient_scope"`, codes.PermissionDenied},
		ErrForbiddenTenant:     {403, `Bearer realm="strata", error="insufficient_scope"`, codes.PermissionDenied},
		ErrTooManyAttempts:     {429, "", codes.Unauthenticated},
		storage.ErrNotFound:    {404, "", codes.Unavailable},
		storage.ErrUnavailable: {503, "", codes.Unavailable},
		errors.New("secret"):   {500, "", codes.Unavailable},
	} {
		w := httptest.NewRecorder()
		WriteError(w, err)
		require.Equal(t, c.status, w.Code, err)
		require.Equal(t, c.challenge, w.Header().Get("WWW-Authenticate"), err)
		require.NotContains(t, w.Body.String(), "secret")
		require.Equal(t, c.status == 429 || c.status == 503, w.Header().Get("Retry-After") != "", err)
		h := http.Header{}
		require.Equal(t, c.status, Refuse(h, err))
		require.Equal(t, w.Header().Get("WWW-Authenticate"), h.Get("WWW-Authenticate"))
		got := status.Convert(StatusError(err))
		require.Equal(t, c.code, got.Code(), err)
		require.NotContains(t, got.Message(), "secret")
	}
}

// TestOrigins: a page's origin is its scheme and host, as they are written; of two it is neither.
func TestOrigins(t *testing.T) {
	for _, c := range []struct {
		origins []string
		own     bool
	}{
		{nil, true},
		{[]string{"http://strata.example"}, true},
		{[]string{"https://STRATA.example"}, true},
		{[]string{"http://strata.example:80"}, false},
		{[]string{"ftp://strata.example"}, false},
		{[]string{"null"}, false},
		{[]string{""}, false},
		{[]string{"http://strata.example", "http://strata.example"}, false},
		{[]string{"http://strata.example.evil"}, false},
		{[]string{"%"}, false},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://strata.example/", http.NoBody)
		r.Header["Origin"] = c.origins
		require.Equal(t, c.own, ownOrigin(r), "%q", c.origins)
	}
	for address, want := range map[string]string{"10.0.0.1:99": "10.0.0.1", "[::1]:99": "::1", "@": "@", "": ""} {
		require.Equal(t, want, RemoteIP(&http.Request{RemoteAddr: address}))
	}
}
