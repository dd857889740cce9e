// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

const (
	sessionLifetime = 7 * 24 * time.Hour
	signinLifetime  = 24 * time.Hour
	maxBody         = 16 << 10
	maxExpiryDays   = 3650
	signinPath      = "/session/signin"
)

// Routes is the table of the routes of keys and sessions. Authenticate must run before them.
func (s *Service) Routes() []httpx.Route {
	const keys = "keys"
	return []httpx.Route{
		{Method: http.MethodGet, Path: "/keys", Permission: httpx.Admin, PerTenant: true, Tag: keys, Summary: "List keys", Answer: keysAnswer{}, Handle: s.listKeys},
		{Method: http.MethodPost, Path: "/keys", Permission: httpx.Admin, PerTenant: true, Tag: keys, Summary: "Create a key; its secret is shown once", Body: keyBody{}, Answer: newKeyAnswer{}, Status: http.StatusCreated, Handle: s.createKey},
		{Method: http.MethodDelete, Path: "/keys/{id}", Permission: httpx.Admin, PerTenant: true, Tag: keys, Summary: "Revoke a key", Status: http.StatusNoContent, Handle: s.revokeKey},
		{Method: http.MethodPost, Path: "/session", Tag: keys, Summary: "Sign in with a key", Body: sessionBody{}, Status: http.StatusNoContent, Serve: s.signIn},
		{Method: http.MethodDelete, Path: "/session", Tag: keys, Summary: "Sign out", Status: http.StatusNoContent, Serve: s.signOut},
		{Method: http.MethodGet, Path: signinPath, Tag: keys, Summary: "Sign in by a one-time link", Params: []httpx.Param{{Name: "token"}}, Status: http.StatusSeeOther, Serve: s.signInByLink},
	}
}

type keyJSON struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Scope      string     `json:"scope" enum:"ingest,read,admin,browser"`
	Prefix     string     `json:"prefix"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
	Revoked    bool       `json:"revoked"`
}

func keyAnswer(k storage.Key) keyJSON {
	return keyJSON{
		ID: k.ID, Name: k.Name, Scope: k.Scope, Prefix: k.Prefix, CreatedAt: k.CreatedAt,
		ExpiresAt: optional(k.ExpiresAt), LastUsedAt: optional(k.LastUsedAt), Revoked: !k.RevokedAt.IsZero(),
	}
}

func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

type keysAnswer struct {
	Keys     []keyJSON `json:"keys"`
	Warnings []string  `json:"warnings"`
}

func (s *Service) listKeys(r *http.Request) (any, error) {
	s.flush(r.Context())
	keys, err := s.keysOf(r.Context(), tenant.FromContext(r.Context()))
	if err != nil {
		return nil, answerOf(err)
	}
	out := keysAnswer{Keys: make([]keyJSON, len(keys)), Warnings: []string{}}
	for i, k := range keys {
		out.Keys[i] = keyAnswer(k)
	}
	return out, nil
}

// keysOf returns the keys that people of the tenant made.
func (s *Service) keysOf(ctx context.Context, owner tenant.ID) ([]storage.Key, error) {
	keys, err := s.opts.Store.Keys.ListKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	return slices.DeleteFunc(keys, func(k storage.Key) bool { return k.Tenant.OrDefault() != owner }), nil
}

// keyBody is what a key is made of.
type keyBody struct {
	Name  string `json:"name"`
	Scope Scope  `json:"scope" enum:"ingest,read,admin,browser"`
	// ExpiresInDays is nil for a key that does not expire.
	ExpiresInDays *int `json:"expires_in_days,omitempty"`
}

type newKeyAnswer struct {
	Key    keyJSON `json:"key"`
	Secret string  `json:"secret"`
}

func (s *Service) createKey(r *http.Request) (any, error) {
	var body keyBody
	if err := httpx.ReadJSON(r, maxBody, &body); err != nil {
		return nil, err
	}
	if body.Scope == ScopeProcess {
		return nil, httpx.BadRequest("keys of scope %q are made by the processes themselves", ScopeProcess)
	}
	req := KeyRequest{Name: body.Name, Scope: body.Scope, Tenant: tenant.FromContext(r.Context())}
	if d := body.ExpiresInDays; d != nil {
		if *d < 1 || *d > maxExpiryDays {
			return nil, httpx.BadRequest("expires_in_days must be between 1 and %d", maxExpiryDays)
		}
		req.ExpiresIn = time.Duration(*d) * 24 * time.Hour
	}
	if err := req.Validate(); err != nil {
		return nil, httpx.BadRequest("%v", err)
	}
	k, secret, err := CreateKey(r.Context(), s.opts.Store.Writer, req)
	if err != nil {
		return nil, answerOf(err)
	}
	return newKeyAnswer{Key: keyAnswer(k), Secret: secret}, nil
}

func (s *Service) revokeKey(r *http.Request) (any, error) {
	keys, err := s.keysOf(r.Context(), tenant.FromContext(r.Context()))
	if err != nil {
		return nil, answerOf(err)
	}
	id := httpx.PathParam(r, "id")
	if !slices.ContainsFunc(keys, func(k storage.Key) bool { return k.ID == id }) {
		return nil, answerOf(storage.ErrNotFound)
	}
	if err := s.opts.Store.Writer.RevokeKey(r.Context(), id, s.opts.Now()); err != nil {
		return nil, answerOf(err)
	}
	s.forget()
	return nil, nil // The answer has no body.
}

// sessionBody is what a person signs in with: a key, or the token of a one-time link.
type sessionBody struct {
	Key string `json:"key"`
}

func (s *Service) signIn(w http.ResponseWriter, r *http.Request) error {
	var body sessionBody
	if err := httpx.ReadJSON(r, maxBody, &body); err != nil {
		return err
	}
	ses, err := s.open(r.Context(), body.Key)
	if err = s.failed(RemoteIP(r), err); err == nil {
		err = s.setCookie(w, r, ses)
	}
	if err != nil {
		return answerOf(err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// signInByLink is the link that Setup returns. Its token works once, so that it does no harm in a history or a log.
func (s *Service) signInByLink(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Referrer-Policy", "no-referrer")
	token := r.URL.Query().Get("token")
	if !strings.HasPrefix(token, signinPrefix) {
		return answerOf(s.failed(RemoteIP(r), ErrBadCredentials))
	}
	ses, err := s.open(r.Context(), token)
	if err = s.failed(RemoteIP(r), err); err == nil {
		err = s.setCookie(w, r, ses)
	}
	if err != nil {
		return answerOf(err)
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}

// open returns a session that is not stored yet, for a key or a one-time token.
func (s *Service) open(ctx context.Context, secret string) (storage.Session, error) {
	now := s.opts.Now()
	ses := storage.Session{CreatedAt: now, ExpiresAt: now.Add(sessionLifetime)}
	if strings.HasPrefix(secret, signinPrefix) {
		if len(secret) > maxSecretLength {
			return storage.Session{}, ErrBadCredentials
		}
		switch err := s.opts.Store.Signin.ConsumeSigninToken(ctx, hash(secret), now); {
		case errors.Is(err, storage.ErrNotFound):
			return storage.Session{}, ErrBadCredentials
		case err != nil:
			return storage.Session{}, err
		}
		ses.Name, ses.Scope = "administrator", string(ScopeAdmin)
		return ses, nil
	}
	k, err := s.validKey(ctx, secret)
	if err != nil {
		return storage.Session{}, err
	}
	if sc := Scope(k.Scope); sc != ScopeRead && sc != ScopeAdmin {
		return storage.Session{}, ErrForbidden
	}
	if !k.ExpiresAt.IsZero() && k.ExpiresAt.Before(ses.ExpiresAt) {
		ses.ExpiresAt = k.ExpiresAt
	}
	ses.KeyID, ses.Name, ses.Scope, ses.Tenant = k.ID, k.Name, k.Scope, k.Tenant
	return ses, nil
}

// setCookie stores the session under a new secret, never one the browser brought along.
func (s *Service) setCookie(w http.ResponseWriter, r *http.Request, ses storage.Session) error {
	value := newSecret("")
	ses.Hash = hash(value)
	if err := s.opts.Store.Sessions.CreateSession(r.Context(), ses); err != nil {
		return err
	}
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure where there is TLS: without it the browser would drop the cookie.
		Name: cookieName, Value: value, Path: "/", Expires: ses.ExpiresAt, HttpOnly: true, Secure: s.secure(r), SameSite: http.SameSiteLaxMode,
	})
	return nil
}

// secure says whether the browser speaks TLS, with us or with a proxy in front.
func (s *Service) secure(r *http.Request) bool { return r.TLS != nil || s.opts.SecureCookie }

func (s *Service) signOut(w http.ResponseWriter, r *http.Request) error {
	if cookie, err := r.Cookie(cookieName); err == nil && len(cookie.Value) <= maxSecretLength {
		if err := http.NewCrossOriginProtection().Check(r); err != nil {
			return answerOf(ErrForbidden)
		}
		if err := s.opts.Store.Sessions.DeleteSession(r.Context(), hash(cookie.Value)); err != nil {
			return answerOf(err)
		}
	}
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // As when it was set.
		Name: cookieName, Path: "/", MaxAge: -1, HttpOnly: true, Secure: s.secure(r), SameSite: http.SameSiteLaxMode,
	})
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// Setup returns a one-time sign-in link for a server that nobody can administer yet, and "" when somebody can: there is a valid admin
// key. It replaces the link of an earlier start. baseURL is where people reach the server, such as http://10.0.0.5:7080.
func (s *Service) Setup(ctx context.Context, baseURL string) (string, error) {
	keys, err := s.opts.Store.Keys.ListKeys(ctx)
	if err != nil {
		return "", err
	}
	now := s.opts.Now()
	for _, k := range keys {
		if Scope(k.Scope) == ScopeAdmin && k.Tenant.OrDefault() == tenant.Default && k.RevokedAt.IsZero() && !expired(k.ExpiresAt, now) {
			return "", nil
		}
	}
	token := newSecret(signinPrefix)
	if err := s.opts.Store.Signin.CreateSigninToken(ctx, hash(token), now.Add(signinLifetime)); err != nil {
		return "", err
	}
	return strings.TrimRight(baseURL, "/") + "/api/v1" + signinPath + "?token=" + url.QueryEscape(token), nil
}
