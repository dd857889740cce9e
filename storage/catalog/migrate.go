// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// migration is one step of the schema. A step that has been released is never edited; a change is a new step.
type migration struct {
	version    int
	statements []string
}

func migrations() []migration {
	return []migration{
		{version: 1, statements: []string{
			`CREATE TABLE api_keys (
				id TEXT PRIMARY KEY, name TEXT NOT NULL, scope TEXT NOT NULL, prefix TEXT NOT NULL, hash TEXT NOT NULL UNIQUE,
				created_at BIGINT NOT NULL, expires_at BIGINT, last_used_at BIGINT, revoked_at BIGINT)`,
			`CREATE TABLE sessions (
				hash TEXT PRIMARY KEY, key_id TEXT NOT NULL, name TEXT NOT NULL, scope TEXT NOT NULL,
				created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL)`,
			`CREATE INDEX sessions_key ON sessions (key_id)`,
			`CREATE TABLE signin_tokens (hash TEXT PRIMARY KEY, expires_at BIGINT NOT NULL)`,
			`CREATE TABLE rule_groups (
				id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, yaml TEXT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL)`,
			`CREATE TABLE notifiers (
				id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, type TEXT NOT NULL, url TEXT NOT NULL, secret TEXT NOT NULL,
				send_resolved BIGINT NOT NULL, enabled BIGINT NOT NULL, allow_private BIGINT NOT NULL, created_at BIGINT NOT NULL,
				last_attempt_at BIGINT, last_ok BIGINT NOT NULL, last_error TEXT NOT NULL)`,
			`CREATE TABLE notifications (
				id TEXT PRIMARY KEY, notifier_id TEXT NOT NULL REFERENCES notifiers (id) ON DELETE CASCADE,
				payload TEXT NOT NULL, created_at BIGINT NOT NULL)`,
			`CREATE INDEX notifications_notifier ON notifications (notifier_id, id)`,
			`CREATE TABLE notified_groups (
				notifier_id TEXT NOT NULL REFERENCES notifiers (id) ON DELETE CASCADE, group_key TEXT NOT NULL,
				alerts TEXT NOT NULL, updated_at BIGINT NOT NULL, PRIMARY KEY (notifier_id, group_key))`,
		}},
	}
}

// migrate brings the schema up to date, one transaction per step, so that a start that was interrupted goes on where it was. A schema
// that is newer than this program is refused: an older one could misread it.
func migrate(ctx context.Context, db *sql.DB) error {
	if _, err := db.ExecContext(ctx,
		`CREATE TABLE IF NOT EXISTS schema_migrations (version BIGINT PRIMARY KEY, applied_at BIGINT NOT NULL)`); err != nil {
		return fmt.Errorf("create table of migrations: %w", err)
	}
	var at int
	if err := db.QueryRowContext(ctx, `SELECT COALESCE(MAX(version), 0) FROM schema_migrations`).Scan(&at); err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	all := migrations()
	if newest := all[len(all)-1].version; at > newest {
		return fmt.Errorf("catalog has schema version %d, this program knows %d: start the newer program", at, newest)
	}
	for _, m := range all {
		if m.version <= at {
			continue
		}
		if err := apply(ctx, db, m); err != nil {
			return fmt.Errorf("migrate catalog to version %d: %w", m.version, err)
		}
	}
	return nil
}

func apply(ctx context.Context, db *sql.DB, m migration) error {
	return inTx(ctx, db, func(tx *sql.Tx) error {
		for _, s := range m.statements {
			if _, err := tx.ExecContext(ctx, s); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO schema_migrations (version, applied_at) VALUES ($1, $2)`, m.version, micros(time.Now()))
		return err
	})
}
