// SPDX-License-Identifier: Apache-2.0

// Package access decides who may send telemetry on which listener, of which page and how often, and says under which name the ledger counts it. Who somebody is, internal/auth
// knows.
package access

import (
	"context"
	"fmt"
	"net/http"
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

// Senders decides about whoever sends telemetry. Safe for concurrent use.
type Senders struct {
	auth *auth.Service
	// cors is nil where no page of another origin may send.
	cors     *cors.Cors
	browsers *browserLimits
}

// New returns the decisions by who auth says somebody is, with what c allows pages.
func New(svc *auth.Service, c config.OTLP) *Senders {
	return &Senders{auth: svc, cors: newCORS(c.CORS), browsers: newBrowserLimits(c.BrowserKeys)}
}

// GRPC are the options of a server that asks for the ingest scope and notes the source for the ledger.
func (x *Senders) GRPC(l auth.Listener) []grpc.ServerOption {
	return []grpc.ServerOption{grpc.UnaryInterceptor(x.unary(l))}
}

func (x *Senders) unary(l auth.Listener) grpc.UnaryServerInterceptor {
	keys := x.auth.UnaryInterceptor(l, auth.ScopeIngest)
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		// As in HTTP: agents compare their clock with it. It fails only after the answer began.
		_ = grpc.SetHeader(ctx, metadata.Pairs("date", time.Now().UTC().Format(http.TimeFormat)))
		return keys(ctx, req, info, func(ctx context.Context, req any) (any, error) { return handle(withSource(ctx), req) })
	}
}

// HTTP asks for the ingest scope over HTTP, bounds the time of a body and notes the source.
func (x *Senders) HTTP(l auth.Listener, next http.Handler) http.Handler {
	return x.auth.Authenticate(l)(auth.Require(auth.ScopeIngest)(timed(next)))
}

// OTLP is HTTP for OTLP, which pages of allowed origins may send too. It answers errors as OTLP does.
func (x *Senders) OTLP(l auth.Listener, next http.Handler) http.Handler {
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
