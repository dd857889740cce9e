// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"net/http"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/internal/auth"
	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/internal/selfmon"
)

// bodyTimeout is how long a sender may take for one body.
const bodyTimeout = time.Minute

// access decides who may use which listener.
type access struct {
	auth *auth.Service
	// self is the server's own password for its own telemetry. It lives in memory only.
	self string
}

func newSelfSecret() string { return "Bearer " + rand.Text() }

func (a *App) newAccess(ctx context.Context) (*access, error) {
	svc, err := auth.New(auth.Options{Mode: auth.Mode(a.cfg.Auth.Local), Logger: a.logger.With("part", "auth"), Store: auth.Store{
		Keys: a.stores.catalog, Writer: a.stores.catalog, Sessions: a.stores.catalog, Signin: a.stores.catalog,
	}})
	if err != nil {
		return nil, fmt.Errorf("authentication: %w", err)
	}
	acc := &access{auth: svc, self: a.selfSecret}
	if a.listeners.loopback() && a.cfg.Auth.Local == string(auth.ModeOpen) || !a.opts.Role.Is(config.QueryRole) {
		return acc, nil // Open to this machine, or without a page to sign in to.
	}
	link, err := svc.Setup(ctx, a.externalURL())
	if err != nil {
		return nil, fmt.Errorf("prepare the first sign-in: %w", err)
	}
	if link != "" {
		_, _ = fmt.Fprintf(a.opts.Stdout, "Nobody can administer this server yet. Sign in once with this link, then create a key:\n  %s\n", link)
	}
	return acc, nil
}

func (a *App) externalURL() string {
	if a.cfg.HTTP.ExternalURL != "" {
		return a.cfg.HTTP.ExternalURL
	}
	return "http://" + a.listeners.http.Addr().String()
}

// grpcOptions ask for the ingest scope and note the source for the ledger.
func (x *access) grpcOptions(l auth.Listener) []grpc.ServerOption {
	keys := x.auth.UnaryInterceptor(l, auth.ScopeIngest)
	return []grpc.ServerOption{grpc.UnaryInterceptor(func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		// As in HTTP: agents compare their clock with it. It fails only after the answer began.
		_ = grpc.SetHeader(ctx, metadata.Pairs("date", time.Now().UTC().Format(http.TimeFormat)))
		if x.isSelf(ctx) {
			return handle(intake.WithSource(ctx, selfmon.ServiceName), req)
		}
		return keys(ctx, req, info, func(ctx context.Context, req any) (any, error) { return handle(withSource(ctx), req) })
	})}
}

func (x *access) isSelf(ctx context.Context) bool {
	md, _ := metadata.FromIncomingContext(ctx)
	v := md.Get("authorization")
	return len(v) == 1 && subtle.ConstantTimeCompare([]byte(v[0]), []byte(x.self)) == 1
}

// ingest asks for the ingest scope over HTTP and notes the source.
func (x *access) ingest(l auth.Listener, next http.Handler) http.Handler {
	return x.auth.Authenticate(l)(auth.Require(auth.ScopeIngest)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout)) // A writer without deadlines is a test's.
		next.ServeHTTP(w, r.WithContext(withSource(r.Context())))
	})))
}

func withSource(ctx context.Context) context.Context {
	if p, ok := auth.FromContext(ctx); ok {
		return intake.WithSource(ctx, p.Name)
	}
	return ctx
}
