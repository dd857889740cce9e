// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/catalog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is a service on a real catalog behind a small site: everything below /api/v1 plus one route for each scope.
type fixture struct {
	t   *testing.T
	cat *catalog.Catalog
	svc *Service
	now time.Time
}

func newFixture(t *testing.T, mode Mode) *fixture {
	t.Helper()
	cat, err := catalog.Open(t.Context(), filepath.Join(t.TempDir(), "catalog.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cat.Close()) })
	f := &fixture{t: t, cat: cat, now: time.Now()}
	f.svc, err = New(Options{
		Mode: mode, Store: Store{Keys: cat, Writer: cat, Sessions: cat, Signin: cat}, Logger: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return f.now },
	})
	require.NoError(t, err)
	return f
}

func (f *fixture) key(scope Scope, expiresIn time.Duration) (storage.Key, string) {
	f.t.Helper()
	k, secret, err := CreateKey(f.t.Context(), f.cat, KeyRequest{Name: "k-" + string(scope), Scope: scope, ExpiresIn: expiresIn})
	require.NoError(f.t, err)
	return k, secret
}

func (f *fixture) handler(l Listener) http.Handler {
	r := chi.NewRouter()
	r.Use(f.svc.Authenticate(l))
	mounter := httpx.Mounter{Permit: Permit, Logger: slog.New(slog.DiscardHandler)}
	r.Route("/api/v1", func(r chi.Router) { mounter.Mount(r, f.svc.Routes()) })
	for _, s := range []Scope{ScopeIngest, ScopeRead, ScopeAdmin} {
		r.With(Require(s)).HandleFunc("/"+string(s), func(w http.ResponseWriter, r *http.Request) {
			p, _ := FromContext(r.Context())
			_, _ = w.Write([]byte(p.Name))
		})
	}
	r.Get("/", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("public")) })
	return r
}

// do sends a request; edits change it first.
func (f *fixture) do(l Listener, method, path, body string, edits ...func(*http.Request)) *httptest.ResponseRecorder {
	f.t.Helper()
	r := httptest.NewRequestWithContext(f.t.Context(), method, path, strings.NewReader(body))
	r.Host, r.RemoteAddr = "127.0.0.1:7080", "127.0.0.1:50000"
	for _, e := range edits {
		e(r)
	}
	w := httptest.NewRecorder()
	f.handler(l).ServeHTTP(w, r)
	return w
}

func header(k, v string) func(*http.Request) { return func(r *http.Request) { r.Header.Set(k, v) } }
func host(h string) func(*http.Request)      { return func(r *http.Request) { r.Host = h } }
func from(a string) func(*http.Request)      { return func(r *http.Request) { r.RemoteAddr = a } }
func with(secret string) func(*http.Request) { return header("Authorization", "Bearer "+secret) }

var loopback, public = Listener{Loopback: true}, Listener{} // Two names for readability.

func TestLocalAccess(t *testing.T) {
	open, required := newFixture(t, ModeOpen), newFixture(t, ModeRequired)
	for _, tc := range []struct {
		name  string
		f     *fixture
		l     Listener
		edits []func(*http.Request)
		want  int
	}{
		{"local", open, loopback, nil, 200},
		{"localhost", open, loopback, []func(*http.Request){host("localhost:7080")}, 200},
		{"IPv6", open, loopback, []func(*http.Request){host("[::1]:7080"), from("[::1]:5")}, 200},
		{"own origin", open, loopback, []func(*http.Request){header("Origin", "http://127.0.0.1:7080")}, 200},
		{"followed link", open, loopback, []func(*http.Request){header("Sec-Fetch-Site", "cross-site"), header("Sec-Fetch-Mode", "navigate"), header("Sec-Fetch-Dest", "document")}, 200},
		{"DNS rebinding", open, loopback, []func(*http.Request){host("evil.example:7080")}, 401},
		{"rebinding by prefix", open, loopback, []func(*http.Request){host("localhost.evil.example")}, 401},
		{"rebinding by address in a name", open, loopback, []func(*http.Request){host("127.0.0.1.evil.example")}, 401},
		{"other origin", open, loopback, []func(*http.Request){header("Origin", "http://evil.example")}, 401},
		{"other port is another origin", open, loopback, []func(*http.Request){header("Origin", "http://127.0.0.1:9999")}, 401},
		{"null origin", open, loopback, []func(*http.Request){header("Origin", "null")}, 401},
		{"image on another page", open, loopback, []func(*http.Request){header("Sec-Fetch-Site", "cross-site"), header("Sec-Fetch-Mode", "no-cors"), header("Sec-Fetch-Dest", "image")}, 401},
		{"behind a proxy", open, loopback, []func(*http.Request){header("X-Forwarded-For", "127.0.0.1")}, 401},
		{"from elsewhere", open, loopback, []func(*http.Request){from("10.0.0.9:1")}, 401},
		{"public listener", open, public, nil, 401},
		{"mode required", required, loopback, nil, 401},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := tc.f.do(tc.l, "GET", "/admin", "", tc.edits...)
			require.Equal(t, tc.want, w.Code)
			if tc.want == 200 {
				require.Equal(t, LocalName, w.Body.String())
			} else {
				require.Equal(t, `Bearer realm="strata"`, w.Header().Get("WWW-Authenticate"))
				require.Contains(t, w.Body.String(), `"code":"unauthenticated"`)
			}
		})
	}
	require.Equal(t, 200, open.do(public, "GET", "/", "").Code, "public pages need nothing")
}

func TestListenerOf(t *testing.T) {
	for addr, want := range map[string]bool{"127.0.0.1:0": true, "[::1]:0": true, "0.0.0.0:0": false, "[::]:0": false} {
		lis, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", addr)
		require.NoError(t, err)
		require.Equal(t, want, ListenerOf(lis.Addr()).Loopback, addr)
		require.NoError(t, lis.Close())
	}
}

func TestKeys(t *testing.T) {
	f := newFixture(t, ModeOpen)
	_, ingest := f.key(ScopeIngest, 0)
	_, read := f.key(ScopeRead, time.Hour)
	revoked, gone := f.key(ScopeAdmin, 0)
	_, admin := f.key(ScopeAdmin, 0)
	require.Equal(t, 204, f.do(public, "DELETE", "/api/v1/keys/"+revoked.ID, "", with(admin)).Code)
	for _, tc := range []struct {
		secret, path string
		want         int
	}{
		{ingest, "/ingest", 200},
		{ingest, "/read", 403},
		{ingest, "/admin", 403},
		{read, "/read", 200},
		{read, "/ingest", 403},
		{admin, "/ingest", 200},
		{admin, "/read", 200},
		{admin, "/admin", 200},
		{gone, "/read", 401},
		{"strata_nothing", "/read", 401},
		{"", "/read", 401},
		{strings.Repeat("x", 10000), "/read", 401},
	} {
		w := f.do(public, "GET", tc.path, "", with(tc.secret))
		require.Equal(t, tc.want, w.Code, "%.20s %s", tc.secret, tc.path)
		if tc.want == 401 {
			require.Contains(t, w.Header().Get("WWW-Authenticate"), "Bearer")
			require.Contains(t, w.Body.String(), "invalid credentials", "all bad keys look the same")
		}
	}
	require.Equal(t, "k-ingest", f.do(public, "GET", "/ingest", "", with(ingest)).Body.String())
	require.Equal(t, 401, f.do(loopback, "GET", "/read", "", with("strata_nothing")).Code, "a bad key is not ignored where none is needed")
	require.Equal(t, 401, f.do(public, "GET", "/read", "", header("Authorization", "Basic "+read)).Code)
	f.now = f.now.Add(2 * time.Hour)
	require.Equal(t, 401, f.do(public, "GET", "/read", "", with(read)).Code, "expired")
}

func TestRevocationInAnotherProcess(t *testing.T) {
	f := newFixture(t, ModeOpen)
	k, secret := f.key(ScopeRead, 0)
	require.Equal(t, 200, f.do(public, "GET", "/read", "", with(secret)).Code)
	require.NoError(t, f.cat.RevokeKey(t.Context(), k.ID, f.now))
	f.now = f.now.Add(cacheFor + time.Second)
	require.Equal(t, 401, f.do(public, "GET", "/read", "", with(secret)).Code)
}

func TestKeyHandlers(t *testing.T) {
	f := newFixture(t, ModeOpen)
	for _, body := range []string{"", "{", `{"name":"","scope":"read"}`, `{"name":"a","scope":"root"}`, `{"name":"local","scope":"read"}`, `{"name":"a","scope":"read","expires_in_days":0}`, `{"name":"a","scope":"read","x":1}`} {
		w := f.do(loopback, "POST", "/api/v1/keys", body)
		require.Equal(t, 400, w.Code, body)
		require.Contains(t, w.Body.String(), `"code":"bad_request"`)
	}
	w := f.do(loopback, "POST", "/api/v1/keys", `{"name":"web","scope":"read","expires_in_days":3}`)
	require.Equal(t, 201, w.Code)
	var created struct {
		Key    keyJSON
		Secret string
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &created))
	require.True(t, strings.HasPrefix(created.Secret, "strata_"))
	require.Len(t, created.Secret, 7+43)
	require.True(t, strings.HasPrefix(created.Secret, created.Key.Prefix))
	stored, err := f.cat.ListKeys(t.Context())
	require.NoError(t, err)
	require.NotContains(t, stored[0].Hash+stored[0].Prefix, created.Secret)

	require.Equal(t, 200, f.do(public, "GET", "/read", "", with(created.Secret)).Code)
	w = f.do(loopback, "GET", "/api/v1/keys", "")
	require.NotContains(t, w.Body.String(), created.Secret)
	var list struct{ Keys []keyJSON }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &list))
	require.Len(t, list.Keys, 1)
	require.NotNil(t, list.Keys[0].LastUsedAt)
	require.Equal(t, 403, f.do(public, "GET", "/api/v1/keys", "", with(created.Secret)).Code)
	require.Equal(t, 404, f.do(loopback, "DELETE", "/api/v1/keys/none", "").Code)
	require.Equal(t, 204, f.do(loopback, "DELETE", "/api/v1/keys/"+created.Key.ID, "").Code)
	require.Equal(t, 401, f.do(public, "GET", "/read", "", with(created.Secret)).Code, "revoked at once")
}

func cookieOf(t *testing.T, w *httptest.ResponseRecorder) func(*http.Request) {
	t.Helper()
	cookies := w.Result().Cookies()
	require.Len(t, cookies, 1)
	require.True(t, cookies[0].HttpOnly)
	return func(r *http.Request) { r.AddCookie(cookies[0]) }
}

func TestSession(t *testing.T) {
	f := newFixture(t, ModeOpen)
	k, secret := f.key(ScopeRead, 0)
	_, ingest := f.key(ScopeIngest, 0)
	signIn := func(key string) *httptest.ResponseRecorder {
		return f.do(public, "POST", "/api/v1/session", `{"key":"`+key+`"}`)
	}
	require.Equal(t, 401, signIn("strata_wrong").Code)
	require.Equal(t, 403, signIn(ingest).Code, "an agent's key opens no UI")
	w := signIn(secret)
	require.Equal(t, 204, w.Code)
	cookie := cookieOf(t, w)
	require.Equal(t, 200, f.do(public, "GET", "/read", "", cookie).Code)
	require.Equal(t, 403, f.do(public, "GET", "/admin", "", cookie).Code)
	require.Equal(t, 401, f.do(public, "POST", "/read", "", cookie, header("Sec-Fetch-Site", "cross-site")).Code, "forged by another site")
	require.Equal(t, 401, f.do(public, "POST", "/read", "", cookie, header("Origin", "http://evil.example")).Code)
	require.Equal(t, 204, f.do(public, "DELETE", "/api/v1/session", "", cookie).Code)
	require.Equal(t, 401, f.do(public, "GET", "/read", "", cookie).Code)
	require.Equal(t, 200, f.do(public, "GET", "/", "", cookie).Code, "an old cookie does not lock out of public pages")

	cookie = cookieOf(t, signIn(secret))
	require.NoError(t, f.cat.RevokeKey(t.Context(), k.ID, f.now))
	require.Equal(t, 401, f.do(public, "GET", "/read", "", cookie).Code, "the key's sessions end with it")
}

func TestSetupLink(t *testing.T) {
	f := newFixture(t, ModeOpen)
	_, err := f.svc.Setup(t.Context(), "http://10.0.0.5:7080")
	require.NoError(t, err)
	link, err := f.svc.Setup(t.Context(), "http://10.0.0.5:7080")
	require.NoError(t, err)
	path, ok := strings.CutPrefix(link, "http://10.0.0.5:7080")
	require.True(t, ok)
	w := f.do(public, "GET", path, "", host("10.0.0.5:7080"))
	require.Equal(t, 303, w.Code)
	cookie := cookieOf(t, w)
	require.Equal(t, 401, f.do(public, "GET", path, "").Code, "once")
	w = f.do(public, "POST", "/api/v1/keys", `{"name":"me","scope":"admin"}`, cookie)
	require.Equal(t, 201, w.Code)
	link, err = f.svc.Setup(t.Context(), "http://10.0.0.5:7080")
	require.NoError(t, err)
	require.Empty(t, link, "there is an administrator now")
}

func TestBadAttemptsAreLimited(t *testing.T) {
	f := newFixture(t, ModeOpen)
	_, good := f.key(ScopeRead, 0)
	counts := make(map[int]int)
	for range 10_000 {
		counts[f.do(public, "POST", "/api/v1/session", `{"key":"strata_guess"}`).Code]++
	}
	require.Equal(t, map[int]int{401: badBurst, 429: 10_000 - badBurst}, counts)
	require.Equal(t, 200, f.do(public, "GET", "/read", "", with(good)).Code, "a good key from the same address passes")
	require.Equal(t, 401, f.do(public, "GET", "/read", "", with("bad"), from("10.0.0.1:1")).Code, "other addresses are not slowed down")
	f.now = f.now.Add(time.Hour)
	require.Equal(t, 401, f.do(public, "GET", "/read", "", with("bad")).Code)
}

func TestGRPC(t *testing.T) {
	f := newFixture(t, ModeOpen)
	_, ingest := f.key(ScopeIngest, 0)
	_, read := f.key(ScopeRead, 0)
	call := func(l Listener, remote string, md ...string) (Principal, codes.Code) {
		addr, err := net.ResolveTCPAddr("tcp", remote)
		require.NoError(t, err)
		ctx := peer.NewContext(metadata.NewIncomingContext(t.Context(), metadata.Pairs(md...)), &peer.Peer{Addr: addr})
		var got Principal
		_, err = f.svc.UnaryInterceptor(l, ScopeIngest)(ctx, nil, nil, func(ctx context.Context, _ any) (any, error) {
			got, _ = FromContext(ctx)
			return nil, nil
		})
		return got, status.Code(err)
	}
	p, code := call(loopback, "127.0.0.1:1", ":authority", "localhost:4317")
	require.Equal(t, codes.OK, code)
	require.Equal(t, LocalName, p.Name)
	p, code = call(public, "10.0.0.1:1", "authorization", "Bearer "+ingest)
	require.Equal(t, codes.OK, code)
	require.Equal(t, "k-ingest", p.Name)
	for _, tc := range []struct {
		l      Listener
		remote string
		md     []string
		want   codes.Code
	}{
		{public, "127.0.0.1:1", nil, codes.Unauthenticated},
		{loopback, "10.0.0.1:1", nil, codes.Unauthenticated},
		{loopback, "127.0.0.1:1", []string{":authority", "evil.example"}, codes.Unauthenticated},
		{loopback, "127.0.0.1:1", []string{":authority", "127.0.0.1:4317", "x-forwarded-for", "203.0.113.7"}, codes.Unauthenticated},
		{public, "10.0.0.1:1", []string{"authorization", "Bearer x"}, codes.Unauthenticated},
		{public, "10.0.0.1:1", []string{"authorization", "Bearer " + read}, codes.PermissionDenied},
	} {
		_, code := call(tc.l, tc.remote, tc.md...)
		require.Equal(t, tc.want, code)
	}
}

func TestRunRecordsLastUse(t *testing.T) {
	f := newFixture(t, ModeOpen)
	_, secret := f.key(ScopeRead, 0)
	require.Equal(t, 200, f.do(public, "GET", "/read", "", with(secret)).Code)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, f.svc.Run(ctx))
	keys, err := f.cat.ListKeys(t.Context())
	require.NoError(t, err)
	require.False(t, keys[0].LastUsedAt.IsZero())
}

// TestUnavailableCatalog: a key that was good a moment ago stays good, an unknown one is not called bad.
func TestUnavailableCatalog(t *testing.T) {
	f := newFixture(t, ModeOpen)
	_, secret := f.key(ScopeIngest, 0)
	require.Equal(t, 200, f.do(public, "GET", "/ingest", "", with(secret)).Code)
	f.svc.opts.Store.Keys = brokenKeys{}
	f.now = f.now.Add(time.Hour)
	require.Equal(t, 200, f.do(public, "GET", "/ingest", "", with(secret)).Code)
	w := f.do(public, "GET", "/ingest", "", with("strata_other"))
	require.Equal(t, 503, w.Code)
	require.NotEmpty(t, w.Header().Get("Retry-After"))
}

type brokenKeys struct{ storage.KeyReader }

func (brokenKeys) KeyByHash(context.Context, string) (storage.Key, error) {
	return storage.Key{}, storage.ErrUnavailable
}
