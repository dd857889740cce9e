// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"database/sql"
	"math"
	"time"

	"github.com/strata-apm/strata/storage"
)

// instanceGarbage is how long a process that was not seen is remembered, unless it has a tsdb: its samples would not be missed any more.
const instanceGarbage = 24 * time.Hour

// PutInstance implements storage.InstanceStore.
func (c *Catalog) PutInstance(ctx context.Context, in storage.Instance) error {
	return wrap("store instance", inTx(ctx, c.write, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, c.dialect.sql(`INSERT INTO instances (id, role, url, version, metrics_group, started_at, seen_at)
			VALUES ($1, $2, $3, $4, $5, $6, {now}) ON CONFLICT (id) DO UPDATE SET role = excluded.role, url = excluded.url,
			version = excluded.version, metrics_group = excluded.metrics_group, started_at = excluded.started_at, seen_at = excluded.seen_at`),
			in.ID, in.Role, in.URL, in.Version, in.Group, micros(in.StartedAt)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, c.dialect.sql(`DELETE FROM instances WHERE seen_at < {now} - CAST($1 AS BIGINT) AND metrics_group = ''`), instanceGarbage.Microseconds())
		return err
	}))
}

// ListInstances implements storage.InstanceStore.
func (c *Catalog) ListInstances(ctx context.Context, within time.Duration) ([]storage.Instance, error) {
	age := within.Microseconds()
	if within == 0 {
		age = math.MaxInt64 / 4 // Further back than 1970, and far from an overflow.
	}
	ins, err := collect(ctx, c.read, func(r *sql.Rows) (storage.Instance, error) {
		var in storage.Instance
		var started, seen sql.NullInt64
		err := r.Scan(&in.ID, &in.Role, &in.URL, &in.Version, &in.Group, &started, &seen)
		in.StartedAt, in.SeenAt = fromMicros(started), fromMicros(seen)
		return in, err
	}, c.dialect.sql(`SELECT id, role, url, version, metrics_group, started_at, seen_at FROM instances WHERE seen_at >= {now} - CAST($1 AS BIGINT) ORDER BY id`), age)
	return ins, wrap("list instances", err)
}

// DeleteInstance implements storage.InstanceStore.
func (c *Catalog) DeleteInstance(ctx context.Context, id string) error {
	_, err := c.write.ExecContext(ctx, `DELETE FROM instances WHERE id = $1`, id)
	return wrap("delete instance", err)
}
