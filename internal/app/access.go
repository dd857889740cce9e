// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/rs/cors"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/ingest/otlp"
	"github.com/strata-apm/strata/internal/auth"
	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/tenant"
)

// bodyTimeout is how long a sender may take for one body.
const bodyTimeout = time.Minute

// access decides who may use which listener.
type access struct {
	auth *auth.Service
	// cors is nil where no page of another origin may send.
	cors     *cors.Cors
	browsers *browserLimits
}

func (a *App) newAccess(ctx context.Context) (*access, error) {
	svc, err := auth.New(auth.Options{
		Mode: auth.Mode(a.cfg.Auth.Local), Logger: a.logger.With("part", "auth"), Self: a.selfKey,
		SecureCookie: strings.HasPrefix(strings.ToLower(a.cfg.HTTP.ExternalURL), "https://"), Store: auth.Store{
			Keys: a.stores.catalog, Writer: a.stores.catalog, Sessions: a.stores.catalog, Signin: a.stores.catalog,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("authentication: %w", err)
	}
	acc := &access{auth: svc, cors: newCORS(a.cfg.OTLP.CORS), browsers: newBrowserLimits(a.cfg.OTLP.BrowserKeys)}
	if a.listeners.loopback() && a.cfg.Auth.Local == string(auth.ModeOpen) || !a.opts.Role.Is(config.RoleQuery) {
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
	return scheme(a.tls.http) + a.Addr()
}

// grpcOptions ask for the ingest scope and note the source for the ledger.
func (x *access) grpcOptions(l auth.Listener) []grpc.ServerOption {
	keys := x.auth.UnaryInterceptor(l, auth.ScopeIngest)
	return []grpc.ServerOption{grpc.UnaryInterceptor(func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		// As in HTTP: agents compare their clock with it. It fails only after the answer began.
		_ = grpc.SetHeader(ctx, metadata.Pairs("date", time.Now().UTC().Format(http.TimeFormat)))
		return keys(ctx, req, info, func(ctx context.Context, req any) (any, error) { return handle(withSource(ctx), req) })
	})}
}

// ingest asks for the ingest scope over HTTP and notes the source.
func (x *access) ingest(l auth.Listener, next http.Handler) http.Handler {
	return x.auth.Authenticate(l)(auth.Require(auth.ScopeIngest)(timed(next)))
}

// otlp is ingest for OTLP, which pages of allowed origins may send too. It answers errors as OTLP does.
func (x *access) otlp(l auth.Listener, next http.Handler) http.Handler {
	next = timed(next)
	checked := func(w http.ResponseWriter, r *http.Request) {
		p, ok := auth.FromContext(r.Context())
		switch {
		case !ok:
			refuseOTLP(w, r, auth.ErrNoCredentials)
		case p.Has(auth.ScopeIngest):
			next.ServeHTTP(w, r)
		case !p.Has(auth.ScopeBrowser):
			refuseOTLP(w, r, auth.ErrForbidden)
		default:
			if d := x.browsers.wait(p.KeyID, auth.RemoteIP(r)); d > 0 {
				otlp.WriteError(w, r, fmt.Errorf("%w: more than otlp.browser_keys allows", &intake.ThrottledError{After: d}))
				return
			}
			next.ServeHTTP(w, r)
		}
	}
	l.Allows = func(r *http.Request) bool { return x.cors != nil && x.cors.OriginAllowed(r) }
	authenticated := x.auth.AuthenticateIn(l, refuseOTLP)(http.HandlerFunc(checked))
	if x.cors == nil {
		return authenticated
	}
	return x.cors.Handler(authenticated)
}

// refuseOTLP answers with the Status of an error of authentication, in the encoding of the request.
func refuseOTLP(w http.ResponseWriter, r *http.Request, err error) {
	otlp.WriteStatus(w, r, auth.Refuse(w.Header(), err), status.Convert(auth.StatusError(err)))
}

// timed bounds how long a body may take, and notes the source for the ledger.
func timed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout)) // A writer without deadlines is a test's.
		next.ServeHTTP(w, r.WithContext(withSource(r.Context())))
	})
}

// sourceOf is the principal's name in the ledger: with its tenant before it where that is not the default one, for two tenants may have keys of
// one name.
func sourceOf(p auth.Principal) string {
	if owner := p.Tenant.OrDefault(); owner != tenant.Default {
		return string(owner) + "/" + p.Name
	}
	return p.Name
}

func withSource(ctx context.Context) context.Context {
	if p, ok := auth.FromContext(ctx); ok {
		return intake.WithSource(ctx, sourceOf(p))
	}
	return ctx
}
