// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

const (
	// keyPrefix lets people and secret scanners recognise a key.
	keyPrefix = "strata_"
	// signinPrefix marks one-time tokens, which are not keys.
	signinPrefix = keyPrefix + "signin_"
	// shownLength is how much of a key is kept readable.
	shownLength = len(keyPrefix) + 6
	// maxSecretLength bounds what is hashed for a stranger.
	maxSecretLength = 256
	maxNameLength   = 100
)

// KeyRequest is what somebody asks a key for.
type KeyRequest struct {
	Name  string
	Scope Scope
	// Tenant is whose data the key sends or reads; empty is the default one.
	Tenant tenant.ID
	// ExpiresIn is how long it is valid; 0 means for ever.
	ExpiresIn time.Duration
}

// Validate says what is wrong with the request.
func (r KeyRequest) Validate() error {
	if n := utf8.RuneCountInString(r.Name); n == 0 || n > maxNameLength || strings.TrimSpace(r.Name) != r.Name {
		return fmt.Errorf("name must have 1 to %d characters and no space around it", maxNameLength)
	}
	if r.Name == LocalName {
		return fmt.Errorf("name %q is taken by requests without credentials", LocalName)
	}
	if r.ExpiresIn < 0 {
		return errors.New("expiry lies in the past")
	}
	if _, err := tenant.Parse(string(r.Tenant.OrDefault())); err != nil {
		return fmt.Errorf("tenant: %w", err)
	}
	if r.Scope == ScopeProcess {
		return nil
	}
	_, err := ParseScope(string(r.Scope))
	return err
}

// CreateKey makes and stores a key. The secret is returned this once and cannot be had again.
func CreateKey(ctx context.Context, store storage.KeyWriter, r KeyRequest) (storage.Key, string, error) {
	if err := r.Validate(); err != nil {
		return storage.Key{}, "", err
	}
	secret := newSecret(keyPrefix)
	now := time.Now().UTC().Truncate(time.Microsecond)
	k := storage.Key{
		ID: ulid.Make().String(), Tenant: r.Tenant.OrDefault(), Name: r.Name, Scope: string(r.Scope), Prefix: secret[:shownLength], Hash: hash(secret), CreatedAt: now,
	}
	if r.ExpiresIn > 0 {
		k.ExpiresAt = now.Add(r.ExpiresIn)
	}
	if err := store.CreateKey(ctx, k); err != nil {
		return storage.Key{}, "", err
	}
	return k, secret, nil
}

// Valid says whether the store has this key and it is neither revoked nor expired. An error means that the store did not answer.
func Valid(ctx context.Context, store storage.KeyReader, secret string) (bool, error) {
	k, err := store.KeyByHash(ctx, hash(secret))
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look up a key: %w", err)
	}
	return k.RevokedAt.IsZero() && !expired(k.ExpiresAt, time.Now()), nil
}

func newSecret(prefix string) string {
	var raw [32]byte
	_, _ = rand.Read(raw[:]) // Never returns an error.
	return prefix + base64.RawURLEncoding.EncodeToString(raw[:])
}

// hash is what is stored of a secret. The secrets are random, so a fast hash without salt is enough, and looking one up by its hash
// tells nothing about others by its time.
func hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
