// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/strata-apm/strata/storage"
)

// leaseGarbage is how long after its end a lease that nobody wants any more is deleted.
const leaseGarbage = 24 * time.Hour

// AcquireLeases implements storage.LeaseStore. Each chunk is one statement, which takes the rows in the order of their names, so that
// two holders who want the same ones wait for each other instead of locking up.
func (c *Catalog) AcquireLeases(ctx context.Context, holder string, names []string, ttl time.Duration) ([]string, error) {
	names = sorted(names)
	var held []string
	for chunk := range slices.Chunk(names, c.dialect.params-2) {
		args := []any{holder, (ttl + c.dialect.grain).Microseconds()}
		rows := make([]string, len(chunk))
		for i, name := range chunk {
			args = append(args, name)
			rows[i] = fmt.Sprintf("(CAST($%d AS TEXT), CAST($1 AS TEXT), {now} + CAST($2 AS BIGINT))", len(args))
		}
		query := `INSERT INTO leases (name, holder, expires_at) VALUES ` + strings.Join(rows, ", ") +
			` ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
			WHERE leases.holder = excluded.holder OR leases.expires_at <= {now} RETURNING name`
		got, err := collect(ctx, c.write, func(r *sql.Rows) (name string, err error) { return name, r.Scan(&name) },
			c.dialect.sql(query), args...)
		if err != nil {
			return nil, wrap("acquire leases", err)
		}
		held = append(held, got...)
	}
	slices.Sort(held)
	return held, nil
}

// ReleaseLeases implements storage.LeaseStore.
func (c *Catalog) ReleaseLeases(ctx context.Context, holder string, names []string) error {
	return wrap("release leases", inTx(ctx, c.write, func(tx *sql.Tx) error {
		for _, name := range sorted(names) {
			if _, err := tx.ExecContext(ctx, `DELETE FROM leases WHERE name = $1 AND holder = $2`, name, holder); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, c.dialect.sql(`DELETE FROM leases WHERE expires_at <= {now} - CAST($1 AS BIGINT)`), leaseGarbage.Microseconds())
		return err
	}))
}

// ListLeases implements storage.LeaseStore.
func (c *Catalog) ListLeases(ctx context.Context, prefix string) ([]storage.Lease, error) {
	ls, err := collect(ctx, c.read, func(r *sql.Rows) (storage.Lease, error) {
		var l storage.Lease
		var micros int64
		err := r.Scan(&l.Name, &l.Holder, &micros)
		l.Remaining = time.Duration(micros) * time.Microsecond
		return l, err
	}, c.dialect.sql(`SELECT name, holder, remaining FROM (SELECT name, holder, expires_at - {now} AS remaining FROM leases
		WHERE substr(name, 1, length(CAST($1 AS TEXT))) = CAST($1 AS TEXT)) AS l WHERE remaining > 0 ORDER BY name`), prefix)
	return ls, wrap("list leases", err)
}

// fence fails with ErrConflict unless the holder has the lease, and keeps it his until tx ends: the row stays locked.
func (c *Catalog) fence(ctx context.Context, tx *sql.Tx, by storage.Lease) error {
	if by.Name == "" {
		return nil
	}
	res, err := tx.ExecContext(ctx,
		c.dialect.sql(`UPDATE leases SET expires_at = expires_at WHERE name = $1 AND holder = $2 AND expires_at > {now}`), by.Name, by.Holder)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 1 {
		return err
	}
	return fmt.Errorf("lease %s is not held any more: %w", by.Name, storage.ErrConflict)
}

func sorted(names []string) []string {
	out := slices.Clone(names)
	slices.Sort(out)
	return slices.Compact(out)
}
