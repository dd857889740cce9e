// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"time"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

// rollupQuery reads versions of rollups v with the rollups r that they are of.
const rollupQuery = `SELECT v.tenant, v.id, v.name, v.version, v.definition, r.paused, v.created_at, v.updated_at, v.updated_by
	FROM rollup_versions v JOIN rollups r ON r.tenant = v.tenant AND r.id = v.id `

func scanRollup(rows *sql.Rows) (storage.Rollup, error) {
	var r storage.Rollup
	var paused int64
	var created, updated sql.NullInt64
	err := rows.Scan(&r.Tenant, &r.ID, &r.Name, &r.Version, &r.Definition, &paused, &created, &updated, &r.UpdatedBy)
	r.Paused, r.CreatedAt, r.UpdatedAt = paused != 0, fromMicros(created), fromMicros(updated)
	return r, err
}

// ListRollups implements storage.RollupStore.
func (c *Catalog) ListRollups(ctx context.Context) ([]storage.Rollup, error) {
	rs, err := collect(ctx, c.read, scanRollup, rollupQuery+`WHERE v.version = r.version ORDER BY r.tenant, r.name`)
	return rs, wrap("list rollups", err)
}

// RollupVersions implements storage.RollupStore.
func (c *Catalog) RollupVersions(ctx context.Context, owner tenant.ID, id string) ([]storage.Rollup, error) {
	rs, err := collect(ctx, c.read, scanRollup, rollupQuery+`WHERE v.tenant = $1 AND v.id = $2 ORDER BY v.version DESC`, owner, id)
	if err == nil && len(rs) == 0 {
		err = storage.ErrNotFound
	}
	return rs, wrap("read versions of rollup", err)
}

// PutRollup implements storage.RollupStore.
func (c *Catalog) PutRollup(ctx context.Context, r storage.Rollup) error {
	if r.Tenant == "" || r.ID == "" || r.Version < 1 {
		return fmt.Errorf("store rollup: %w: it needs a tenant, an id and a version from 1", storage.ErrInvalid)
	}
	return c.changeRollups(ctx, "store rollup", func(tx *sql.Tx) error {
		if err := newestRollup(ctx, tx, r); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO rollup_versions (tenant, id, version, name, definition, created_at, updated_at, updated_by)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, r.Tenant, r.ID, r.Version, r.Name, r.Definition, micros(r.CreatedAt), micros(r.UpdatedAt), r.UpdatedBy)
		return err
	})
}

// newestRollup makes r the newest version of its rollup, or returns storage.ErrConflict where it is not the next one.
func newestRollup(ctx context.Context, tx *sql.Tx, r storage.Rollup) error {
	if r.Version == 1 {
		_, err := tx.ExecContext(ctx, `INSERT INTO rollups (tenant, id, name, version, paused) VALUES ($1, $2, $3, 1, $4)`, r.Tenant, r.ID, r.Name, number(r.Paused))
		return err
	}
	res, err := tx.ExecContext(ctx, `UPDATE rollups SET name = $3, version = $4, paused = $5 WHERE tenant = $1 AND id = $2 AND version = $6`,
		r.Tenant, r.ID, r.Name, r.Version, number(r.Paused), r.Version-1)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n > 0 {
		return err
	}
	return fmt.Errorf("%w: the newest version is not %d", storage.ErrConflict, r.Version-1)
}

// PauseRollup implements storage.RollupStore.
func (c *Catalog) PauseRollup(ctx context.Context, owner tenant.ID, id string, paused bool, at time.Time) error {
	return c.changeRollups(ctx, "pause rollup", func(tx *sql.Tx) error {
		if err := mustTouch(tx.ExecContext(ctx, `UPDATE rollups SET paused = $3 WHERE tenant = $1 AND id = $2`, owner, id, number(paused))); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE rollup_versions SET updated_at = $3 WHERE tenant = $1 AND id = $2
			AND version = (SELECT version FROM rollups WHERE tenant = $1 AND id = $2)`, owner, id, micros(at))
		return err
	})
}

// DeleteRollup implements storage.RollupStore.
func (c *Catalog) DeleteRollup(ctx context.Context, owner tenant.ID, id string) error {
	return c.changeRollups(ctx, "delete rollup", func(tx *sql.Tx) error {
		return mustTouch(tx.ExecContext(ctx, `DELETE FROM rollups WHERE tenant = $1 AND id = $2`, owner, id))
	})
}

// RollupsVersion implements storage.RollupsVersion: it is the number of changes.
func (c *Catalog) RollupsVersion(ctx context.Context) (string, error) {
	var n int64
	err := c.read.QueryRowContext(ctx, `SELECT changes FROM rollup_changes`).Scan(&n)
	return strconv.FormatInt(n, 10), wrap("read version of rollups", err)
}

// changeRollups runs a change of rollups in a transaction that counts it. The row of the count is locked first, so that changes take turns.
func (c *Catalog) changeRollups(ctx context.Context, action string, change func(*sql.Tx) error) error {
	return wrap(action, inTx(ctx, c.write, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE rollup_changes SET changes = changes + 1`); err != nil {
			return err
		}
		return change(tx)
	}))
}

// mustTouch returns storage.ErrNotFound where a statement has changed no row.
func mustTouch(res sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return orNotFound(err)
	}
	return nil
}
