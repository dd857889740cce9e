// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/internal/auth"
	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/storage/catalog"
	"github.com/strata-apm/strata/tenant"
)

// TestBrowserLimits: an address may send ten seconds' worth at once, the key of all addresses no more than its own rate, and time gives it back.
func TestBrowserLimits(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	b := newBrowserLimits(config.BrowserKeys{RequestsPerAddress: 1, RequestsPerKey: 2.5})
	b.now = func() time.Time { return now }
	for range 10 {
		require.Zero(t, b.wait("key", "10.0.0.1"))
	}
	require.Equal(t, time.Second, b.wait("key", "10.0.0.1"), "until the next one of the address")
	require.Equal(t, time.Second, b.wait("key", "10.0.0.1"), "who is refused uses nothing up")
	for range 10 {
		require.Zero(t, b.wait("key", "10.0.0.2"), "another address has its own")
	}
	for range 5 {
		require.Zero(t, b.wait("key", "10.0.0.3"))
	}
	require.Equal(t, 400*time.Millisecond, b.wait("key", "10.0.0.3"), "the key's are used up")
	require.Zero(t, b.wait("another key", "10.0.0.3"))
	now = now.Add(time.Second)
	require.Zero(t, b.wait("key", "10.0.0.1"))
	require.Positive(t, b.wait("key", "10.0.0.1"))
}

// TestSlowLimit: a rate below one in ten seconds still lets one through.
func TestSlowLimit(t *testing.T) {
	b := newBrowserLimits(config.BrowserKeys{RequestsPerAddress: 0.01, RequestsPerKey: 0.01})
	now := time.Unix(1_000_000, 0)
	b.now = func() time.Time { return now }
	require.Zero(t, b.wait("key", "a"))
	require.Equal(t, 100*time.Second, b.wait("key", "a"))
}

// TestForgottenClients: the memory is bounded. Who is idle is forgotten first; with nobody idle everybody is, so that the newest is still served.
func TestForgottenClients(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	b := newBrowserLimits(config.BrowserKeys{RequestsPerAddress: 1, RequestsPerKey: 1e9})
	b.now = func() time.Time { return now }
	for i := range maxClients - 1 { // And the key itself.
		require.Zero(t, b.wait("key", strconv.Itoa(i)))
	}
	require.Len(t, b.clients, maxClients)
	require.Zero(t, b.wait("key", "one more"), "nobody is idle")
	require.LessOrEqual(t, len(b.clients), 2)

	for i := range maxClients - len(b.clients) {
		require.Zero(t, b.wait("key", strconv.Itoa(i)))
	}
	require.Len(t, b.clients, maxClients)
	now = now.Add(5 * time.Second)
	for range 10 {
		b.wait("key", "0")
	}
	now = now.Add(time.Second)
	require.Zero(t, b.wait("key", "later"))
	require.Len(t, b.clients, 3, "the busy one, the key, the newest")
}

// keys is a catalog with a service on it and a way to make keys.
type keys struct {
	t   *testing.T
	cat *catalog.Catalog
	svc *auth.Service
}

func newKeys(t *testing.T) *keys {
	t.Helper()
	cat, err := catalog.Open(t.Context(), filepath.Join(t.TempDir(), "catalog.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cat.Close()) })
	svc, err := auth.New(auth.Options{
		Mode: auth.ModeRequired, Logger: slog.New(slog.DiscardHandler), Store: auth.Store{Keys: cat, Writer: cat, Sessions: cat, Signin: cat},
	})
	require.NoError(t, err)
	return &keys{t, cat, svc}
}

// bearer makes a key with the name "sender".
func (k *keys) bearer(owner tenant.ID, scope auth.Scope) string {
	k.t.Helper()
	_, secret, err := auth.CreateKey(k.t.Context(), k.cat, auth.KeyRequest{Name: "sender", Scope: scope, Tenant: owner})
	require.NoError(k.t, err)
	return "Bearer " + secret
}

// noted is the source and the tenant that a handler is called with.
type noted struct {
	source string
	tenant tenant.ID
}

func note(ctx context.Context) noted { return noted{intake.Source(ctx), tenant.FromContext(ctx)} }

// TestSources: every way in notes the key's name for the ledger, behind its tenant where that is not the default one.
func TestSources(t *testing.T) {
	k := newKeys(t)
	s := New(k.svc, config.Default().OTLP)
	var got noted
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = note(r.Context()) })
	ways := map[string]func(authorization string){
		"HTTP": func(authorization string) { serve(t, s.HTTP(auth.Listener{}, handler), authorization) },
		"OTLP": func(authorization string) { serve(t, s.OTLP(auth.Listener{}, handler), authorization) },
		"gRPC": func(authorization string) {
			require.NoError(t, call(t, s, authorization, func(ctx context.Context) { got = note(ctx) }))
		},
	}
	for name, send := range ways {
		for owner, want := range map[tenant.ID]noted{"": {"sender", tenant.Default}, tenant.Default: {"sender", tenant.Default}, "a": {"a/sender", "a"}} {
			got = noted{}
			send(k.bearer(owner, auth.ScopeIngest))
			require.Equal(t, want, got, "%s of tenant %q", name, owner)
		}
	}
	require.Equal(t, context.Background(), withSource(context.Background()), "nobody is no source")
}

func serve(t *testing.T, h http.Handler, authorization string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://strata.example.com/v1/logs", strings.NewReader("{}"))
	r.Header.Set("Content-Type", "application/json")
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// serverStream takes the headers of an answer.
type serverStream struct {
	grpc.ServerTransportStream
	header metadata.MD
}

func (s *serverStream) SetHeader(md metadata.MD) error {
	s.header = metadata.Join(s.header, md)
	return nil
}

// call calls the interceptor as a server does, with handle behind it. The answer must say the time, whatever it is.
func call(t *testing.T, s *Senders, authorization string, handle func(context.Context)) error {
	t.Helper()
	stream := &serverStream{}
	ctx := grpc.NewContextWithServerTransportStream(t.Context(), stream)
	if authorization != "" {
		ctx = metadata.NewIncomingContext(ctx, metadata.Pairs("authorization", authorization))
	}
	_, err := s.unary(auth.Listener{})(ctx, nil, &grpc.UnaryServerInfo{}, func(ctx context.Context, _ any) (any, error) {
		handle(ctx)
		return nil, nil //nolint:nilnil // Nobody looks at it.
	})
	require.Len(t, stream.header.Get("date"), 1)
	at, timeErr := http.ParseTime(stream.header.Get("date")[0])
	require.NoError(t, timeErr)
	require.WithinDuration(t, time.Now(), at, time.Minute)
	return err
}

// TestGRPC: only keys that may send are let through; a key that stands in a page is not, for pages do not speak gRPC.
func TestGRPC(t *testing.T) {
	k := newKeys(t)
	s := New(k.svc, config.Default().OTLP)
	for authorization, want := range map[string]codes.Code{
		k.bearer("", auth.ScopeIngest): codes.OK, k.bearer("", auth.ScopeAdmin): codes.OK, k.bearer("a", auth.ScopeIngest): codes.OK,
		k.bearer("", auth.ScopeRead): codes.PermissionDenied, k.bearer("", auth.ScopeBrowser): codes.PermissionDenied,
		"": codes.Unauthenticated, "Bearer x": codes.Unauthenticated, "Basic x": codes.Unauthenticated,
	} {
		called := false
		err := call(t, s, authorization, func(context.Context) { called = true })
		require.Equal(t, want, status.Code(err), authorization)
		require.Equal(t, want == codes.OK, called)
	}
}

// TestThrottledPage: a page that sends too much is told in OTLP's own form when to try again; another page is not held up.
func TestThrottledPage(t *testing.T) {
	k := newKeys(t)
	c := config.Default().OTLP
	c.BrowserKeys = config.BrowserKeys{RequestsPerAddress: 0.1, RequestsPerKey: 1}
	h := New(k.svc, c).OTLP(auth.Listener{}, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	page, other, ingest := k.bearer("", auth.ScopeBrowser), k.bearer("", auth.ScopeBrowser), k.bearer("", auth.ScopeIngest)
	require.Equal(t, http.StatusOK, serve(t, h, page).Code)
	w := serve(t, h, page)
	require.Equal(t, http.StatusTooManyRequests, w.Code)
	require.Equal(t, "10", w.Header().Get("Retry-After"))
	require.Contains(t, w.Body.String(), "otlp.browser_keys")
	require.Equal(t, http.StatusOK, serve(t, h, other).Code)
	for range 5 {
		require.Equal(t, http.StatusOK, serve(t, h, ingest).Code, "keys of programs are not limited")
	}
}

// deadline notes the deadline that a handler's request was given.
type deadline struct {
	http.ResponseWriter
	at time.Time
}

func (d *deadline) SetReadDeadline(at time.Time) error {
	d.at = at
	return nil
}

// TestBodiesAreTimed: a sender that stops in the middle of a body is not waited for.
func TestBodiesAreTimed(t *testing.T) {
	k := newKeys(t)
	s := New(k.svc, config.Default().OTLP)
	for _, h := range []http.Handler{s.HTTP(auth.Listener{}, http.NotFoundHandler()), s.OTLP(auth.Listener{}, http.NotFoundHandler())} {
		d := &deadline{ResponseWriter: httptest.NewRecorder()}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", http.NoBody)
		r.Header.Set("Authorization", k.bearer("", auth.ScopeIngest))
		h.ServeHTTP(d, r)
		require.WithinDuration(t, time.Now().Add(bodyTimeout), d.at, 10*time.Second)
	}
}
