// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

const (
	cookieName = "strata_session"
	// badAttemptsWait is what an address is asked to wait that has sent too many bad credentials.
	badAttemptsWait = badRefill
)

// AuthenticateHTTP returns who sent the request. It returns ErrNoCredentials when there are none and they are needed,
// ErrBadCredentials, ErrTooManyAttempts, or an error of the store.
func (s *Service) AuthenticateHTTP(r *http.Request, l Listener) (Principal, error) {
	if values := r.Header.Values("Authorization"); len(values) > 0 {
		p, err := s.authorization(r.Context(), values)
		if err == nil {
			p, err = onBehalf(r, p)
		}
		if err == nil && !ownOrigin(r) {
			err = l.refuses(r, p)
		}
		if errors.Is(err, ErrForbidden) {
			return Principal{}, err
		}
		return p, s.failed(RemoteIP(r), err)
	}
	if p, ok := s.localHTTP(r, l); ok {
		return p, nil
	}
	cookie, err := r.Cookie(cookieName)
	if err != nil {
		return Principal{}, ErrNoCredentials
	}
	// A browser adds the cookie to other sites' requests as well.
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		return Principal{}, ErrBadCredentials
	}
	p, err := s.session(r.Context(), cookie.Value)
	return p, s.failed(RemoteIP(r), err)
}

// TenantHeader names the tenant for whom another process of the installation asks. From everybody else it is not looked at.
const TenantHeader = "Strata-Tenant"

// onBehalf returns the principal as which a request of another process is answered.
func onBehalf(r *http.Request, p Principal) (Principal, error) {
	name := r.Header.Get(TenantHeader)
	if name == "" || !p.Has(ScopeProcess) {
		return p, nil
	}
	id, err := tenant.Parse(name)
	if err != nil {
		return Principal{}, fmt.Errorf("%w: %s: %w", ErrForbidden, TenantHeader, err)
	}
	p.Tenant = id
	return p, nil
}

// failed counts a bad attempt.
func (s *Service) failed(ip string, err error) error {
	if errors.Is(err, ErrBadCredentials) && s.limiter.fail(ip, s.opts.Now()) {
		return ErrTooManyAttempts
	}
	return err
}

// authorization authenticates the values of an authorization header that is there. There must be one, which is not empty: of two it would be
// a guess which the sender means.
func (s *Service) authorization(ctx context.Context, values []string) (Principal, error) {
	if len(values) != 1 {
		return Principal{}, ErrBadCredentials
	}
	token, ok := bearer(values[0])
	switch {
	case !ok:
		return Principal{}, ErrBadCredentials
	case s.opts.Self.matches(token):
		return s.opts.Self.principal(), nil
	default:
		return s.secret(ctx, token)
	}
}

// bearer returns the token of an Authorization header.
func bearer(header string) (string, bool) {
	scheme, token, ok := strings.Cut(header, " ")
	token = strings.TrimSpace(token)
	return token, ok && token != "" && strings.EqualFold(scheme, "Bearer")
}

// RemoteIP is the peer without its port. Forwarding headers are not believed: anybody can send them.
func RemoteIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// Authenticate is middleware that puts the principal into the request's context. A request without credentials goes on without a
// principal, for pages that are public; Require stops it where they are not. Bad credentials end here.
func (s *Service) Authenticate(l Listener) func(http.Handler) http.Handler {
	return s.AuthenticateIn(l, func(w http.ResponseWriter, _ *http.Request, err error) { WriteError(w, err) })
}

// AuthenticateIn is Authenticate for a protocol that says errors in a way of its own, by refuse.
func (s *Service) AuthenticateIn(l Listener, refuse func(http.ResponseWriter, *http.Request, error)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			p, err := s.AuthenticateHTTP(r, l)
			switch {
			case err == nil:
				r = r.WithContext(withCheck(NewContext(r.Context(), p), func() error {
					_, err := s.AuthenticateHTTP(r, l)
					return err
				}))
			case errors.Is(err, ErrNoCredentials):
			case errors.Is(err, ErrBadCredentials) && len(r.Header.Values("Authorization")) == 0:
				// An old cookie must not keep its owner from the sign-in page.
			default:
				refuse(w, r, err)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// Require is middleware that lets requests pass whose principal has the scope.
func Require(scope Scope) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := Check(r, scope); err != nil {
				WriteError(w, err)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// Permit is middleware that lets pass requests whose principal may use the route (httpx.Mounter).
func Permit(rt httpx.Route) func(http.Handler) http.Handler {
	scope := Require(Scope(rt.Permission))
	if rt.PerTenant {
		return scope
	}
	return func(next http.Handler) http.Handler { return scope(RequireInstallation(next)) }
}

// RequireInstallation is middleware behind Require that lets pass only principals of the default tenant: for what belongs to the installation.
func RequireInstallation(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if tenant.FromContext(r.Context()) != tenant.Default {
			WriteError(w, ErrForbiddenTenant)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Check returns ErrNoCredentials or ErrForbidden when the request's principal may not do what the scope allows.
func Check(r *http.Request, scope Scope) error {
	p, ok := FromContext(r.Context())
	switch {
	case !ok:
		return ErrNoCredentials
	case !p.Has(scope):
		return ErrForbidden
	default:
		return nil
	}
}

// WriteError answers with the API's error body and the headers RFC 6750 asks for.
func WriteError(w http.ResponseWriter, err error) { httpx.WriteError(w, answerOf(err)) }

// Refuse sets the headers of an answer to a request that err stopped, and returns its status: the body is in the form of the API that was asked.
func Refuse(h http.Header, err error) int {
	e := httpx.Classify(answerOf(err))
	e.SetHeaders(h)
	return e.Status
}

// answerOf is what an error of authentication or of the catalog means to the client. Others stay what they are.
func answerOf(err error) error {
	refused := func(status int, code httpx.Code, message, challenge string) error {
		return &httpx.Error{Status: status, Code: code, Message: message, Challenge: challenge}
	}
	switch {
	case errors.Is(err, ErrNoCredentials):
		return refused(http.StatusUnauthorized, httpx.CodeUnauthenticated, ErrNoCredentials.Error(), `Bearer realm="strata"`)
	case errors.Is(err, ErrBadCredentials):
		return refused(http.StatusUnauthorized, httpx.CodeUnauthenticated, ErrBadCredentials.Error(), `Bearer realm="strata", error="invalid_token"`)
	case errors.Is(err, ErrForbidden):
		return refused(http.StatusForbidden, httpx.CodeForbidden, err.Error(), `Bearer realm="strata", error="insufficient_scope"`)
	case errors.Is(err, ErrTooManyAttempts):
		return &httpx.Error{Status: http.StatusTooManyRequests, Code: httpx.CodeTooManyRequests, Message: ErrTooManyAttempts.Error(), RetryAfter: badAttemptsWait}
	case errors.Is(err, storage.ErrNotFound):
		return httpx.NotFound("not found")
	case errors.Is(err, storage.ErrUnavailable):
		return httpx.Unavailable("the catalog does not answer")
	default:
		return err
	}
}
