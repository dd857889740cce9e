// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// migration is one step of the schema, written for both databases (dialect.ddl). A step that has been released is never edited; a change is a new step.
type migration struct {
	version    int
	statements []string
	// convert, where it is not nil, rewrites rows after statements and before cleanup, in the same transaction.
	convert func(ctx context.Context, tx *sql.Tx) error
	cleanup []string
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
		{version: 2, statements: []string{
			`CREATE TABLE leases (name TEXT PRIMARY KEY, holder TEXT NOT NULL, expires_at BIGINT NOT NULL)`,
			`CREATE TABLE instances (
				id TEXT PRIMARY KEY, role TEXT NOT NULL, url TEXT NOT NULL, version TEXT NOT NULL, metrics_group TEXT NOT NULL,
				started_at BIGINT NOT NULL, seen_at BIGINT NOT NULL)`,
			`CREATE INDEX notified_groups_key ON notified_groups (group_key)`,
			// A group of alerts now belongs to one rule group and its key says so. Alerts that fire are told once more under their new key.
			`DELETE FROM notified_groups`,
		}},
		{version: 3, statements: []string{
			`CREATE TABLE agents (
				id TEXT PRIMARY KEY, host_name TEXT NOT NULL, host_id TEXT NOT NULL, version TEXT NOT NULL, os TEXT NOT NULL,
				labels TEXT NOT NULL, source TEXT NOT NULL, instance TEXT NOT NULL, heartbeat BIGINT NOT NULL,
				first_seen BIGINT NOT NULL, seen_at BIGINT NOT NULL, left_at_will BIGINT NOT NULL, healthy BIGINT NOT NULL,
				health TEXT NOT NULL, board TEXT NOT NULL, effective TEXT NOT NULL,
				config_hash TEXT NOT NULL, config_status TEXT NOT NULL, config_error TEXT NOT NULL)`,
			`CREATE INDEX agents_host ON agents (host_name, id)`,
			`CREATE TABLE agent_configs (
				id TEXT PRIMARY KEY, name TEXT NOT NULL, yaml TEXT NOT NULL, hash TEXT NOT NULL, selector TEXT NOT NULL,
				created_at BIGINT NOT NULL, created_by TEXT NOT NULL)`,
			`CREATE TABLE agent_rollouts (
				id TEXT PRIMARY KEY, config_id TEXT NOT NULL, state TEXT NOT NULL, active BIGINT UNIQUE, cancel BIGINT NOT NULL,
				data TEXT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL)`,
			`CREATE TABLE agent_assignments (agent_id TEXT PRIMARY KEY, config_id TEXT NOT NULL)`,
		}},
		{version: 4, statements: []string{
			`ALTER TABLE api_keys ADD COLUMN tenant TEXT NOT NULL DEFAULT 'default'`,
			`ALTER TABLE sessions ADD COLUMN tenant TEXT NOT NULL DEFAULT 'default'`,
		}},
		{
			version:    5,
			statements: []string{`ALTER TABLE notifiers ADD COLUMN config TEXT NOT NULL DEFAULT '{}'`},
			convert:    webhookConfigs,
			cleanup: []string{
				`ALTER TABLE notifiers DROP COLUMN url`, `ALTER TABLE notifiers DROP COLUMN secret`, `ALTER TABLE notifiers DROP COLUMN allow_private`,
			},
		},
		{version: 6, statements: []string{
			`CREATE TABLE rollups (
				tenant TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, version BIGINT NOT NULL, paused BIGINT NOT NULL,
				PRIMARY KEY (tenant, id), UNIQUE (tenant, name))`,
			`CREATE TABLE rollup_versions (
				tenant TEXT NOT NULL, id TEXT NOT NULL, version BIGINT NOT NULL, name TEXT NOT NULL, definition TEXT NOT NULL,
				created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, updated_by TEXT NOT NULL,
				PRIMARY KEY (tenant, id, version), FOREIGN KEY (tenant, id) REFERENCES rollups (tenant, id) ON DELETE CASCADE)`,
			// One row: how often a rollup has changed.
			`CREATE TABLE rollup_changes (changes BIGINT NOT NULL)`,
			`INSERT INTO rollup_changes (changes) VALUES (0)`,
		}},
	}
}

// migrate brings the schema up to the last of all, one transaction per step, so that a start that was interrupted goes on where it was, and
// processes that start together take turns. A schema that is newer than this program is refused: an older one could misread it.
func (c *Catalog) migrate(ctx context.Context, all []migration) error {
	newest := all[len(all)-1].version
	for {
		at, err := c.version(ctx)
		switch {
		case err != nil:
			return err
		case at > newest:
			return fmt.Errorf("catalog has schema version %d, this program knows %d: start the newer program", at, newest)
		case at == newest:
			return nil
		}
		if err := c.step(ctx, all); err != nil {
			return fmt.Errorf("migrate catalog from version %d: %w", at, err)
		}
	}
}

// version reads how far the schema is; it makes the table of migrations where there is none.
func (c *Catalog) version(ctx context.Context) (at int, err error) {
	err = inTx(ctx, c.write, func(tx *sql.Tx) error {
		if err := c.lockSchema(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx,
			`CREATE TABLE IF NOT EXISTS schema_migrations (version BIGINT PRIMARY KEY, applied_at BIGINT NOT NULL)`); err != nil {
			return fmt.Errorf("create table of migrations: %w", err)
		}
		return readVersion(ctx, tx, &at)
	})
	return at, err
}

func readVersion(ctx context.Context, tx *sql.Tx, at *int) error {
	if err := tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(version), 0) FROM schema_migrations`).Scan(at); err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	return nil
}

// step applies the next migration, or none when another process was faster.
func (c *Catalog) step(ctx context.Context, all []migration) error {
	return inTx(ctx, c.write, func(tx *sql.Tx) error {
		if err := c.lockSchema(ctx, tx); err != nil {
			return err
		}
		var at int
		if err := readVersion(ctx, tx, &at); err != nil {
			return err
		}
		if at >= len(all) {
			return nil
		}
		if err := c.apply(ctx, tx, all[at]); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO schema_migrations (version, applied_at) VALUES ($1, $2)`, all[at].version, micros(time.Now()))
		return err
	})
}

func (c *Catalog) apply(ctx context.Context, tx *sql.Tx, m migration) error {
	if err := c.ddl(ctx, tx, m.statements); err != nil {
		return err
	}
	if m.convert != nil {
		if err := m.convert(ctx, tx); err != nil {
			return err
		}
	}
	return c.ddl(ctx, tx, m.cleanup)
}

func (c *Catalog) ddl(ctx context.Context, tx *sql.Tx, statements []string) error {
	for _, s := range statements {
		if _, err := tx.ExecContext(ctx, c.dialect.ddl(s)); err != nil {
			return err
		}
	}
	return nil
}

func (c *Catalog) lockSchema(ctx context.Context, tx *sql.Tx) error {
	if c.dialect.lockSchema == "" {
		return nil
	}
	if _, err := tx.ExecContext(ctx, c.dialect.lockSchema); err != nil {
		return fmt.Errorf("lock schema: %w", err)
	}
	return nil
}
