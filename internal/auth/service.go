// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

// Errors of authentication. Bad credentials of any kind are one error, so that nobody learns which keys exist.
var (
	ErrNoCredentials   = errors.New("credentials required")
	ErrBadCredentials  = errors.New("invalid credentials")
	ErrTooManyAttempts = errors.New("too many bad attempts")
	ErrForbidden       = errors.New("scope does not allow this")
	// ErrForbiddenTenant is an ErrForbidden: what was asked for is the installation's, not a tenant's.
	ErrForbiddenTenant = forbidden("this belongs to the installation: it needs a key of the tenant " + string(tenant.Default))
	// ErrForbiddenInPage is an ErrForbidden: whoever visits the page can read the key in it.
	ErrForbiddenInPage = fmt.Errorf("%w: a page of another origin sends with a key of scope browser or ingest", ErrForbidden)
	// ErrForbiddenOrigin is an ErrForbidden, whatever the key.
	ErrForbiddenOrigin = fmt.Errorf("%w: pages of this origin may not send; otlp.cors.allowed_origins lists those that may", ErrForbidden)
)

// forbidden is an ErrForbidden in other words.
type forbidden string

// Error implements error.
func (f forbidden) Error() string { return string(f) }

// Is says that it is an ErrForbidden.
func (forbidden) Is(target error) bool { return target == ErrForbidden }

// Mode is the configuration key auth.local.
type Mode string

// The modes.
const (
	ModeOpen     Mode = "open"
	ModeRequired Mode = "required"
)

const (
	// cacheFor is how long a key is used without asking the catalog again, which is how long another process' revocation may take.
	cacheFor = 5 * time.Second
	// touchInterval is how often the last use of keys is written.
	touchInterval = 30 * time.Second
)

// Store is what the service keeps in the catalog.
type Store struct {
	Keys     storage.KeyReader
	Writer   storage.KeyWriter
	Sessions storage.SessionStore
	Signin   storage.SigninStore
}

// Options are given by the program.
type Options struct {
	Mode   Mode
	Store  Store
	Logger *slog.Logger
	// Self is accepted beside the keys; the zero value is not.
	Self Self
	// SecureCookie marks session cookies Secure also where the request came without TLS, because a proxy speaks it in front.
	SecureCookie bool
	// Now replaces the clock in tests.
	Now func() time.Time
}

// Service authenticates. Safe for concurrent use.
type Service struct {
	opts    Options
	limiter *limiter

	mu    sync.Mutex
	cache map[string]cachedKey // by hash; guarded by mu. Only keys that exist, so it is as small as the catalog.
	used  map[string]time.Time // by id; guarded by mu
}

type cachedKey struct {
	key storage.Key
	at  time.Time
}

// New returns a service. Run must run for the last use of keys to be recorded.
func New(opts Options) (*Service, error) {
	if opts.Mode != ModeOpen && opts.Mode != ModeRequired {
		return nil, fmt.Errorf("auth.local: %q is neither open nor required", opts.Mode)
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Service{opts: opts, limiter: newLimiter(), cache: make(map[string]cachedKey), used: make(map[string]time.Time)}, nil
}

// Run records when keys are used, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	ticker := time.NewTicker(touchInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			flushCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			s.flush(flushCtx)
			return nil
		case <-ticker.C:
			s.flush(ctx)
		}
	}
}

func (s *Service) flush(ctx context.Context) {
	s.mu.Lock()
	used := s.used
	s.used = make(map[string]time.Time)
	s.mu.Unlock()
	if len(used) == 0 {
		return
	}
	if err := s.opts.Store.Writer.TouchKeys(ctx, used); err != nil {
		s.opts.Logger.Warn("last use of keys not recorded", "error", err)
	}
}

// secret authenticates a bearer token.
func (s *Service) secret(ctx context.Context, secret string) (Principal, error) {
	k, err := s.validKey(ctx, secret)
	if err != nil {
		return Principal{}, err
	}
	s.mu.Lock()
	s.used[k.ID] = s.opts.Now()
	s.mu.Unlock()
	return Principal{KeyID: k.ID, Name: k.Name, Scopes: Scope(k.Scope).expand(), Tenant: k.Tenant}, nil
}

func (s *Service) validKey(ctx context.Context, secret string) (storage.Key, error) {
	if secret == "" || len(secret) > maxSecretLength {
		return storage.Key{}, ErrBadCredentials
	}
	k, err := s.lookup(ctx, hash(secret))
	if errors.Is(err, storage.ErrNotFound) {
		return storage.Key{}, ErrBadCredentials
	}
	if err != nil {
		return storage.Key{}, err
	}
	if !k.RevokedAt.IsZero() || expired(k.ExpiresAt, s.opts.Now()) {
		return storage.Key{}, ErrBadCredentials
	}
	return k, nil
}

func (s *Service) lookup(ctx context.Context, hash string) (storage.Key, error) {
	now := s.opts.Now()
	s.mu.Lock()
	c, ok := s.cache[hash]
	s.mu.Unlock()
	if ok && now.Sub(c.at) < cacheFor {
		return c.key, nil
	}
	k, err := s.opts.Store.Keys.KeyByHash(ctx, hash)
	if err != nil {
		if ok && !errors.Is(err, storage.ErrNotFound) {
			return c.key, nil // A catalog that does not answer must not stop data that was welcome a moment ago.
		}
		return storage.Key{}, err
	}
	s.mu.Lock()
	s.cache[hash] = cachedKey{k, now}
	s.mu.Unlock()
	return k, nil
}

// forget makes a change of keys by this process effective at once.
func (s *Service) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.cache)
}

// session authenticates a cookie.
func (s *Service) session(ctx context.Context, value string) (Principal, error) {
	if value == "" || len(value) > maxSecretLength {
		return Principal{}, ErrBadCredentials
	}
	ses, err := s.opts.Store.Sessions.SessionByHash(ctx, hash(value))
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return Principal{}, ErrBadCredentials
	case err != nil:
		return Principal{}, err
	case expired(ses.ExpiresAt, s.opts.Now()):
		return Principal{}, ErrBadCredentials
	}
	return Principal{KeyID: ses.KeyID, Name: ses.Name, Scopes: Scope(ses.Scope).expand(), Tenant: ses.Tenant}, nil
}

func expired(at, now time.Time) bool {
	return !at.IsZero() && !now.Before(at)
}
