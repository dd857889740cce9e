// SPDX-License-Identifier: Apache-2.0

package access

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/strata-apm/strata/internal/auth"
	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/storage/catalog"
)

// TestOTLPAccess: who may not send is told so by a Status in the encoding of the request; a page only sends from an allowed origin, whatever its key.
func TestOTLPAccess(t *testing.T) {
	cat, err := catalog.Open(t.Context(), filepath.Join(t.TempDir(), "catalog.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cat.Close()) })
	svc, err := auth.New(auth.Options{
		Mode: auth.ModeRequired, Logger: slog.New(slog.DiscardHandler),
		Store: auth.Store{Keys: cat, Writer: cat, Sessions: cat, Signin: cat},
	})
	require.NoError(t, err)
	key := func(scope auth.Scope) string {
		_, secret, err := auth.CreateKey(t.Context(), cat, auth.KeyRequest{Name: string(scope), Scope: scope})
		require.NoError(t, err)
		return "Bearer " + secret
	}
	browser, ingest, read := key(auth.ScopeBrowser), key(auth.ScopeIngest), key(auth.ScopeRead)
	closed := New(svc, config.Default().OTLP)
	const shop, evil = "https://shop.example.com", "https://evil.example"
	with := config.Default().OTLP
	with.CORS.AllowedOrigins = []string{shop}
	open := New(svc, with)
	for _, c := range []struct {
		senders     *Senders
		key, origin string
		want        int
	}{
		{open, browser, "", 200},
		{open, browser, shop, 200},
		{open, browser, "http://strata.example.com", 200}, // Its own.
		{open, browser, evil, 403},
		{open, browser, "null", 403},
		{open, browser, shop + ".evil.example", 403},
		{open, ingest, shop, 200},
		{open, ingest, evil, 403},
		{open, ingest, "", 200},
		{open, read, shop, 403},
		{open, read, "", 403},
		{open, "Bearer x", "", 401},
		{open, "", "", 401},
		{open, "", evil, 401},
		{closed, browser, shop, 403},
		{closed, browser, "null", 403},
		{closed, browser, "", 200},
		{closed, ingest, "", 200},
		{closed, "", "", 401},
	} {
		for _, content := range []string{"application/json", "application/x-protobuf", "application/json; charset=utf-8", "text/plain"} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://strata.example.com/v1/logs", strings.NewReader("{}"))
			r.Header.Set("Content-Type", content)
			if c.key != "" {
				r.Header.Set("Authorization", c.key)
			}
			if c.origin != "" {
				r.Header.Set("Origin", c.origin)
			}
			w := httptest.NewRecorder()
			c.senders.OTLP(auth.Listener{}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })).ServeHTTP(w, r)
			require.Equal(t, c.want, w.Code, "%s %s %s", c.key, c.origin, w.Body)
			if c.want == http.StatusOK {
				continue
			}
			require.NotEmpty(t, w.Header().Get("WWW-Authenticate"))
			var st spb.Status
			if content == "application/x-protobuf" {
				require.Equal(t, content, w.Header().Get("Content-Type"))
				require.NoError(t, proto.Unmarshal(w.Body.Bytes(), &st))
			} else {
				require.Equal(t, "application/json", w.Header().Get("Content-Type"))
				require.NoError(t, json.Unmarshal(w.Body.Bytes(), &st))
			}
			require.Equal(t, map[int]codes.Code{401: codes.Unauthenticated, 403: codes.PermissionDenied}[c.want], codes.Code(st.GetCode()))
			require.NotEmpty(t, st.GetMessage())
		}
	}
}
