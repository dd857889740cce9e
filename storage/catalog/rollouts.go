// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/strata-apm/strata/storage"
)

// CreateAgentConfig implements storage.AgentConfigStore.
func (c *Catalog) CreateAgentConfig(ctx context.Context, a storage.AgentConfig) error {
	_, err := c.write.ExecContext(ctx, `INSERT INTO agent_configs (id, name, yaml, hash, selector, created_at, created_by)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`, a.ID, a.Name, a.YAML, a.Hash, a.Selector, micros(a.CreatedAt), a.CreatedBy)
	return wrap("create agent configuration", err)
}

func scanAgentConfig(r *sql.Rows) (storage.AgentConfig, error) {
	var a storage.AgentConfig
	var created sql.NullInt64
	err := r.Scan(&a.ID, &a.Name, &a.YAML, &a.Hash, &a.Selector, &created, &a.CreatedBy)
	a.CreatedAt = fromMicros(created)
	return a, err
}

// AgentConfig implements storage.AgentConfigStore.
func (c *Catalog) AgentConfig(ctx context.Context, id string) (storage.AgentConfig, error) {
	as, err := collect(ctx, c.read, scanAgentConfig,
		`SELECT id, name, yaml, hash, selector, created_at, created_by FROM agent_configs WHERE id = $1`, id)
	if err == nil && len(as) == 0 {
		err = storage.ErrNotFound
	}
	if err != nil {
		return storage.AgentConfig{}, wrap("read agent configuration", err)
	}
	return as[0], nil
}

// ListAgentConfigs implements storage.AgentConfigStore.
func (c *Catalog) ListAgentConfigs(ctx context.Context, before string, limit int) ([]storage.AgentConfig, error) {
	as, err := collect(ctx, c.read, scanAgentConfig, `SELECT id, name, yaml, hash, selector, created_at, created_by FROM agent_configs
		WHERE CAST($1 AS TEXT) = '' OR id < $1 ORDER BY id DESC LIMIT $2`, before, limit)
	return as, wrap("list agent configurations", err)
}

// CreateRollout implements storage.RolloutStore. The column active is 1 or NULL, and unique.
func (c *Catalog) CreateRollout(ctx context.Context, r storage.Rollout) error {
	_, err := c.write.ExecContext(ctx, `INSERT INTO agent_rollouts (id, config_id, state, active, cancel, data, created_at, updated_at)
		VALUES ($1, $2, $3, $4, 0, $5, $6, $7)`, r.ID, r.ConfigID, r.State, oneOrNull(r.Active), r.Data, micros(r.CreatedAt), micros(r.UpdatedAt))
	return wrap("create roll-out", err)
}

func oneOrNull(b bool) any {
	if b {
		return 1
	}
	return nil
}

// UpdateRollout implements storage.RolloutStore.
func (c *Catalog) UpdateRollout(ctx context.Context, r storage.Rollout, as []storage.Assignment, by storage.Lease) error {
	return wrap("update roll-out", inTx(ctx, c.write, func(tx *sql.Tx) error {
		if err := c.fence(ctx, tx, by); err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, `UPDATE agent_rollouts SET state = $2, active = $3, data = $4, updated_at = $5 WHERE id = $1`,
			r.ID, r.State, oneOrNull(r.Active), r.Data, micros(r.UpdatedAt))
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil {
			return err
		} else if n == 0 {
			return storage.ErrNotFound
		}
		return assign(ctx, tx, as)
	}))
}

// Assign implements storage.RolloutStore.
func (c *Catalog) Assign(ctx context.Context, as []storage.Assignment, by storage.Lease) error {
	return wrap("assign configurations", inTx(ctx, c.write, func(tx *sql.Tx) error {
		if err := c.fence(ctx, tx, by); err != nil {
			return err
		}
		return assign(ctx, tx, as)
	}))
}

func assign(ctx context.Context, tx *sql.Tx, as []storage.Assignment) error {
	as = slices.SortedFunc(slices.Values(as), func(a, b storage.Assignment) int { return strings.Compare(a.AgentID, b.AgentID) })
	for _, a := range as {
		if _, err := tx.ExecContext(ctx, `INSERT INTO agent_assignments (agent_id, config_id) VALUES ($1, $2)
			ON CONFLICT (agent_id) DO UPDATE SET config_id = excluded.config_id`, a.AgentID, a.ConfigID); err != nil {
			return err
		}
	}
	return nil
}

// CancelRollout implements storage.RolloutStore.
func (c *Catalog) CancelRollout(ctx context.Context, id string) error {
	return c.exec(ctx, "cancel roll-out", `UPDATE agent_rollouts SET cancel = 1 WHERE id = $1 AND active = 1`, id)
}

func scanRollout(r *sql.Rows) (storage.Rollout, error) {
	var o storage.Rollout
	var active, created, updated sql.NullInt64
	var cancel int64
	err := r.Scan(&o.ID, &o.ConfigID, &o.State, &active, &cancel, &o.Data, &created, &updated)
	o.Active, o.Cancel, o.CreatedAt, o.UpdatedAt = active.Valid, cancel != 0, fromMicros(created), fromMicros(updated)
	return o, err
}

// Rollout implements storage.RolloutStore.
func (c *Catalog) Rollout(ctx context.Context, id string) (storage.Rollout, error) {
	rs, err := collect(ctx, c.read, scanRollout,
		`SELECT id, config_id, state, active, cancel, data, created_at, updated_at FROM agent_rollouts WHERE id = $1`, id)
	if err == nil && len(rs) == 0 {
		err = storage.ErrNotFound
	}
	if err != nil {
		return storage.Rollout{}, wrap("read roll-out", err)
	}
	return rs[0], nil
}

// ListRollouts implements storage.RolloutStore.
func (c *Catalog) ListRollouts(ctx context.Context, before string, limit int) ([]storage.Rollout, error) {
	rs, err := collect(ctx, c.read, scanRollout, `SELECT id, config_id, state, active, cancel, data, created_at, updated_at
		FROM agent_rollouts WHERE CAST($1 AS TEXT) = '' OR id < $1 ORDER BY id DESC LIMIT $2`, before, limit)
	return rs, wrap("list roll-outs", err)
}

// Assignments implements storage.RolloutStore.
func (c *Catalog) Assignments(ctx context.Context) (map[string]storage.Assignment, error) {
	out := make(map[string]storage.Assignment)
	_, err := collect(ctx, c.read, func(r *sql.Rows) (struct{}, error) {
		var a storage.Assignment
		err := r.Scan(&a.AgentID, &a.ConfigID)
		out[a.AgentID] = a
		return struct{}{}, err
	}, `SELECT agent_id, config_id FROM agent_assignments`)
	return out, wrap("list assignments", err)
}
