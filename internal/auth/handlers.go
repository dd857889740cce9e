// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/storage"
)

const (
	sessionLifetime = 7 * 24 * time.Hour
	signinLifetime  = 24 * time.Hour
	maxBody         = 16 << 10
	maxExpiryDays   = 3650
	signinPath      = "/session/signin"
)

// Routes adds the API's routes below /api/v1. They check scopes themselves; Authenticate must run before them.
func (s *Service) Routes(r chi.Router) {
	r.Group(func(r chi.Router) {
		r.Use(Require(ScopeAdmin))
		r.Get("/keys", s.listKeys)
		r.Post("/keys", s.createKey)
		r.Delete("/keys/{id}", s.revokeKey)
	})
	r.Post("/session", s.signIn)
	r.Delete("/session", s.signOut)
	r.Get(signinPath, s.signInByLink)
}

type keyJSON struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Scope      string     `json:"scope"`
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

func (s *Service) listKeys(w http.ResponseWriter, r *http.Request) {
	s.flush(r.Context())
	keys, err := s.opts.Store.Keys.ListKeys(r.Context())
	if err != nil {
		WriteError(w, err)
		return
	}
	out := make([]keyJSON, len(keys))
	for i, k := range keys {
		out[i] = keyAnswer(k)
	}
	writeJSON(w, http.StatusOK, map[string]any{"keys": out, "warnings": []string{}})
}

func (s *Service) createKey(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Name          string `json:"name"`
		Scope         Scope  `json:"scope"`
		ExpiresInDays *int   `json:"expires_in_days"`
	}
	if !readJSON(w, r, &body) {
		return
	}
	req := KeyRequest{Name: body.Name, Scope: body.Scope}
	if d := body.ExpiresInDays; d != nil {
		if *d < 1 || *d > maxExpiryDays {
			writeError(w, http.StatusBadRequest, "bad_request", "expires_in_days must be between 1 and 3650")
			return
		}
		req.ExpiresIn = time.Duration(*d) * 24 * time.Hour
	}
	if err := req.Validate(); err != nil {
		writeError(w, http.StatusBadRequest, "bad_request", err.Error())
		return
	}
	k, secret, err := CreateKey(r.Context(), s.opts.Store.Writer, req)
	if err != nil {
		WriteError(w, err)
		return
	}
	writeJSON(w, http.StatusCreated, map[string]any{"key": keyAnswer(k), "secret": secret})
}

func (s *Service) revokeKey(w http.ResponseWriter, r *http.Request) {
	if err := s.opts.Store.Writer.RevokeKey(r.Context(), chi.URLParam(r, "id"), s.opts.Now()); err != nil {
		WriteError(w, err)
		return
	}
	s.forget()
	w.WriteHeader(http.StatusNoContent)
}

func (s *Service) signIn(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Key string `json:"key"`
	}
	if !readJSON(w, r, &body) {
		return
	}
	ses, err := s.open(r.Context(), body.Key)
	if err = s.failed(RemoteIP(r), err); err != nil {
		WriteError(w, err)
		return
	}
	if err := s.setCookie(w, r, ses); err != nil {
		WriteError(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// signInByLink is the link that Setup returns. Its token works once, so that it does no harm in a history or a log.
func (s *Service) signInByLink(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Referrer-Policy", "no-referrer")
	token := r.URL.Query().Get("token")
	if !strings.HasPrefix(token, signinPrefix) {
		WriteError(w, s.failed(RemoteIP(r), ErrBadCredentials))
		return
	}
	ses, err := s.open(r.Context(), token)
	if err = s.failed(RemoteIP(r), err); err == nil {
		err = s.setCookie(w, r, ses)
	}
	if err != nil {
		WriteError(w, err)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
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
	if sc := Scope(k.Scope); sc == ScopeIngest || sc == ScopeBrowser {
		return storage.Session{}, ErrForbidden
	}
	if !k.ExpiresAt.IsZero() && k.ExpiresAt.Before(ses.ExpiresAt) {
		ses.ExpiresAt = k.ExpiresAt
	}
	ses.KeyID, ses.Name, ses.Scope = k.ID, k.Name, k.Scope
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

func (s *Service) signOut(w http.ResponseWriter, r *http.Request) {
	if cookie, err := r.Cookie(cookieName); err == nil && len(cookie.Value) <= maxSecretLength {
		if err := http.NewCrossOriginProtection().Check(r); err != nil {
			WriteError(w, ErrForbidden)
			return
		}
		if err := s.opts.Store.Sessions.DeleteSession(r.Context(), hash(cookie.Value)); err != nil {
			WriteError(w, err)
			return
		}
	}
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // As when it was set.
		Name: cookieName, Path: "/", MaxAge: -1, HttpOnly: true, Secure: s.secure(r), SameSite: http.SameSiteLaxMode,
	})
	w.WriteHeader(http.StatusNoContent)
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
		if Scope(k.Scope) == ScopeAdmin && k.RevokedAt.IsZero() && !expired(k.ExpiresAt, now) {
			return "", nil
		}
	}
	token := newSecret(signinPrefix)
	if err := s.opts.Store.Signin.CreateSigninToken(ctx, hash(token), now.Add(signinLifetime)); err != nil {
		return "", err
	}
	return strings.TrimRight(baseURL, "/") + "/api/v1" + signinPath + "?token=" + url.QueryEscape(token), nil
}

func readJSON(w http.ResponseWriter, r *http.Request, into any) bool {
	if bad, ok := errors.AsType[*httpx.BodyError](httpx.ReadJSON(w, r, maxBody, into)); ok {
		writeError(w, bad.Status, bad.Code, bad.Message)
		return false
	}
	return true
}
