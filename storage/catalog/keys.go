// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/strata-apm/strata/storage"
)

const keyColumns = `id, name, scope, prefix, hash, created_at, expires_at, last_used_at, revoked_at, tenant`

func scanKey(scan func(...any) error) (storage.Key, error) {
	var k storage.Key
	var created, expires, used, revoked sql.NullInt64
	if err := scan(&k.ID, &k.Name, &k.Scope, &k.Prefix, &k.Hash, &created, &expires, &used, &revoked, &k.Tenant); err != nil {
		return storage.Key{}, err
	}
	k.CreatedAt, k.ExpiresAt, k.LastUsedAt, k.RevokedAt = fromMicros(created), fromMicros(expires), fromMicros(used), fromMicros(revoked)
	return k, nil
}

// KeyByHash implements storage.KeyReader.
func (c *Catalog) KeyByHash(ctx context.Context, hash string) (storage.Key, error) {
	k, err := scanKey(c.read.QueryRowContext(ctx, `SELECT `+keyColumns+` FROM api_keys WHERE hash = $1`, hash).Scan)
	return k, wrap("find key", err)
}

// ListKeys implements storage.KeyReader.
func (c *Catalog) ListKeys(ctx context.Context) ([]storage.Key, error) {
	keys, err := collect(ctx, c.read, func(r *sql.Rows) (storage.Key, error) { return scanKey(r.Scan) },
		`SELECT `+keyColumns+` FROM api_keys ORDER BY created_at DESC, id`)
	return keys, wrap("list keys", err)
}

// CreateKey implements storage.KeyWriter.
func (c *Catalog) CreateKey(ctx context.Context, k storage.Key) error {
	return c.exec(ctx, "create key", `INSERT INTO api_keys (`+keyColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		k.ID, k.Name, k.Scope, k.Prefix, k.Hash, micros(k.CreatedAt), nullMicros(k.ExpiresAt), nullMicros(k.LastUsedAt), nullMicros(k.RevokedAt), k.Tenant.OrDefault())
}

// RevokeKey implements storage.KeyWriter.
func (c *Catalog) RevokeKey(ctx context.Context, id string, at time.Time) error {
	return wrap("revoke key", inTx(ctx, c.write, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE api_keys SET revoked_at = COALESCE(revoked_at, $2) WHERE id = $1`, id, micros(at))
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return orNotFound(err)
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM sessions WHERE key_id = $1`, id)
		return err
	}))
}

func orNotFound(err error) error {
	if err != nil {
		return err
	}
	return storage.ErrNotFound
}

// TouchKeys implements storage.KeyWriter.
func (c *Catalog) TouchKeys(ctx context.Context, used map[string]time.Time) error {
	return wrap("record use of keys", inTx(ctx, c.write, func(tx *sql.Tx) error {
		for id, at := range used {
			if _, err := tx.ExecContext(ctx,
				`UPDATE api_keys SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)`, id, micros(at)); err != nil {
				return err
			}
		}
		return nil
	}))
}

// CreateSession implements storage.SessionStore.
func (c *Catalog) CreateSession(ctx context.Context, s storage.Session) error {
	return wrap("create session", inTx(ctx, c.write, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE expires_at < $1`, micros(s.CreatedAt)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO sessions (hash, key_id, name, scope, created_at, expires_at, tenant) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			s.Hash, s.KeyID, s.Name, s.Scope, micros(s.CreatedAt), micros(s.ExpiresAt), s.Tenant.OrDefault())
		return err
	}))
}

// SessionByHash implements storage.SessionStore.
func (c *Catalog) SessionByHash(ctx context.Context, hash string) (storage.Session, error) {
	s := storage.Session{Hash: hash}
	var created, expires sql.NullInt64
	err := c.read.QueryRowContext(ctx, `SELECT key_id, name, scope, created_at, expires_at, tenant FROM sessions WHERE hash = $1`, hash).
		Scan(&s.KeyID, &s.Name, &s.Scope, &created, &expires, &s.Tenant)
	if err != nil {
		return storage.Session{}, wrap("find session", err)
	}
	s.CreatedAt, s.ExpiresAt = fromMicros(created), fromMicros(expires)
	return s, nil
}

// DeleteSession implements storage.SessionStore.
func (c *Catalog) DeleteSession(ctx context.Context, hash string) error {
	_, err := c.write.ExecContext(ctx, `DELETE FROM sessions WHERE hash = $1`, hash)
	return wrap("delete session", err)
}

// CreateSigninToken implements storage.SigninStore.
func (c *Catalog) CreateSigninToken(ctx context.Context, hash string, expiresAt time.Time) error {
	return wrap("create sign-in token", inTx(ctx, c.write, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM signin_tokens`); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO signin_tokens (hash, expires_at) VALUES ($1, $2)`, hash, micros(expiresAt))
		return err
	}))
}

// ConsumeSigninToken implements storage.SigninStore.
func (c *Catalog) ConsumeSigninToken(ctx context.Context, hash string, now time.Time) error {
	if err := c.exec(ctx, "use sign-in token", `DELETE FROM signin_tokens WHERE hash = $1 AND expires_at >= $2`, hash, micros(now)); err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	return nil
}
