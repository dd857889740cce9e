// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"

	"github.com/strata-apm/strata/storage"
)

// ListRuleGroups implements storage.RuleStore.
func (c *Catalog) ListRuleGroups(ctx context.Context) ([]storage.RuleGroup, error) {
	groups, err := collect(ctx, c.read, func(r *sql.Rows) (storage.RuleGroup, error) {
		var g storage.RuleGroup
		var created, updated sql.NullInt64
		err := r.Scan(&g.ID, &g.Name, &g.YAML, &created, &updated)
		g.CreatedAt, g.UpdatedAt = fromMicros(created), fromMicros(updated)
		return g, err
	}, `SELECT id, name, yaml, created_at, updated_at FROM rule_groups ORDER BY name`)
	return groups, wrap("list rule groups", err)
}

// CreateRuleGroup implements storage.RuleStore.
func (c *Catalog) CreateRuleGroup(ctx context.Context, g storage.RuleGroup) error {
	return c.exec(ctx, "create rule group", `INSERT INTO rule_groups (id, name, yaml, created_at, updated_at) VALUES ($1, $2, $3, $4, $5)`,
		g.ID, g.Name, g.YAML, micros(g.CreatedAt), micros(g.UpdatedAt))
}

// UpdateRuleGroup implements storage.RuleStore.
func (c *Catalog) UpdateRuleGroup(ctx context.Context, g storage.RuleGroup) error {
	return c.exec(ctx, "update rule group", `UPDATE rule_groups SET name = $2, yaml = $3, updated_at = $4 WHERE id = $1`,
		g.ID, g.Name, g.YAML, micros(g.UpdatedAt))
}

// DeleteRuleGroup implements storage.RuleStore.
func (c *Catalog) DeleteRuleGroup(ctx context.Context, id string) error {
	return c.exec(ctx, "delete rule group", `DELETE FROM rule_groups WHERE id = $1`, id)
}

// RulesVersion implements storage.RuleVersions.
func (c *Catalog) RulesVersion(ctx context.Context) (string, error) {
	h := sha256.New()
	_, err := collect(ctx, c.read, func(r *sql.Rows) (struct{}, error) {
		var id string
		var updated int64
		err := r.Scan(&id, &updated)
		h.Write(fmt.Appendf(nil, "%q %d\n", id, updated))
		return struct{}{}, err
	}, `SELECT id, updated_at FROM rule_groups ORDER BY id`)
	if err != nil {
		return "", wrap("read version of rules", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
