// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"fmt"
	"slices"

	"github.com/strata-apm/strata/tenant"
)

// Scope is what a key may do.
type Scope string

// The scopes. Admin includes ingest and read; the others include nothing else. Browser is for keys that stand in web pages, where everybody can read
// them: it allows to send OTLP over HTTP, at a limited rate.
const (
	ScopeIngest  Scope = "ingest"
	ScopeRead    Scope = "read"
	ScopeAdmin   Scope = "admin"
	ScopeBrowser Scope = "browser"
	// ScopeProcess is for the processes of an installation among each other: it allows to read, for whichever tenant they answer. Nobody can ask for
	// such a key.
	ScopeProcess Scope = "process"
)

// ParseScope returns the scope of that name.
func ParseScope(s string) (Scope, error) {
	switch sc := Scope(s); sc {
	case ScopeIngest, ScopeRead, ScopeAdmin, ScopeBrowser:
		return sc, nil
	default:
		return "", fmt.Errorf("scope %q is none of ingest, read, admin, browser", s)
	}
}

func (s Scope) expand() []Scope {
	switch s {
	case ScopeAdmin:
		return []Scope{ScopeIngest, ScopeRead, ScopeAdmin}
	case ScopeProcess:
		return []Scope{ScopeRead, ScopeProcess}
	default:
		return []Scope{s}
	}
}

// LocalName is the name of whoever came in without credentials.
const LocalName = "local"

// Principal is who sent a request. Name is the source in the ledger.
type Principal struct {
	// KeyID is empty for local requests and for sessions of a one-time token.
	KeyID  string
	Name   string
	Scopes []Scope
	// Tenant is whose data the principal sends or reads; empty is the default one.
	Tenant tenant.ID
}

// Has says whether the principal may do what the scope allows.
func (p Principal) Has(s Scope) bool {
	return slices.Contains(p.Scopes, s)
}

// sendsOnly says whether the principal can do nothing but send telemetry.
func (p Principal) sendsOnly() bool { return !p.Has(ScopeRead) && !p.Has(ScopeAdmin) }

func localPrincipal() Principal {
	return Principal{Name: LocalName, Scopes: ScopeAdmin.expand()}
}

type contextKey struct{}

// NewContext returns a context that carries p and is for p's tenant.
func NewContext(ctx context.Context, p Principal) context.Context {
	return context.WithValue(tenant.NewContext(ctx, p.Tenant.OrDefault()), contextKey{}, p)
}

type checkKey struct{}

// withCheck returns a context with a way to authenticate the request of NewContext once more.
func withCheck(ctx context.Context, again func() error) context.Context {
	return context.WithValue(ctx, checkKey{}, again)
}

// StillValid authenticates the request that ctx is of once more, for answers that go on for long: the key may have been revoked, the session may have
// ended. A context of no request is valid.
func StillValid(ctx context.Context) error {
	if again, ok := ctx.Value(checkKey{}).(func() error); ok {
		return again()
	}
	return nil
}

// FromContext returns the principal that was put there by the middleware or the interceptor.
func FromContext(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(contextKey{}).(Principal)
	return p, ok
}
