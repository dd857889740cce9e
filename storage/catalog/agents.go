// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/strata-apm/strata/storage"
)

const largeColumns = `health, board, effective`

const agentColumns = `id, host_name, host_id, version, os, labels, source, instance, heartbeat, first_seen, seen_at, left_at_will, healthy,
	` + largeColumns + `, config_hash, config_status, config_error`

// timesColumn is before which parameter first_seen and seen_at are, which are the database's present time.
const timesColumn = 9

// SaveAgents implements storage.AgentStore. Rows are taken in the order of their ids, so that two processes wait for each other instead
// of locking up.
func (c *Catalog) SaveAgents(ctx context.Context, changed []storage.Agent, seen []string) ([]string, error) {
	changed = slices.SortedFunc(slices.Values(changed), func(a, b storage.Agent) int { return strings.Compare(a.ID, b.ID) })
	var unknown []string
	err := inTx(ctx, c.write, func(tx *sql.Tx) error {
		unknown = nil
		for rest := changed; len(rest) > 0; {
			n := c.dialect.agentsAtOnce(len(rest))
			if err := c.putAgents(ctx, tx, rest[:n]); err != nil {
				return err
			}
			rest = rest[n:]
		}
		for _, id := range sorted(seen) {
			res, err := tx.ExecContext(ctx, c.dialect.sql(`UPDATE agents SET seen_at = {now}, left_at_will = 0 WHERE id = $1`), id)
			if err != nil {
				return err
			}
			if n, err := res.RowsAffected(); err != nil {
				return err
			} else if n == 0 {
				unknown = append(unknown, id)
			}
		}
		return nil
	})
	return unknown, wrap("save agents", err)
}

// agentsAtOnce is how many of n agents the next statement writes. The sizes are few, so that a server has the statements prepared already.
func (d dialect) agentsAtOnce(n int) int {
	for _, size := range []int{64, 8} {
		if d.together && n >= size {
			return size
		}
	}
	return 1
}

// putAgents writes agents of different ids by one statement.
func (c *Catalog) putAgents(ctx context.Context, tx *sql.Tx, agents []storage.Agent) error {
	var rows strings.Builder
	var args []any
	for i, a := range agents {
		labels, err := json.Marshal(a.Labels)
		if err != nil {
			return fmt.Errorf("encode labels: %w", err)
		}
		if i > 0 {
			rows.WriteString(", ")
		}
		n := len(args)
		args = append(args, a.ID, a.HostName, a.HostID, a.Version, a.OS, string(labels), a.Source, a.Instance, a.Heartbeat.Microseconds(),
			number(a.Left), number(a.Healthy), a.Health, a.Board, a.Effective, a.ConfigHash, a.ConfigStatus, a.ConfigError)
		rows.WriteByte('(')
		for j := range args[n:] {
			if j == timesColumn {
				rows.WriteString("{now}, {now}, ")
			}
			if fmt.Fprintf(&rows, "$%d", n+j+1); n+j+1 < len(args) {
				rows.WriteString(", ")
			}
		}
		rows.WriteByte(')')
	}
	_, err := tx.ExecContext(ctx, c.dialect.sql(`INSERT INTO agents (`+agentColumns+`) VALUES `+rows.String()+`
		ON CONFLICT (id) DO UPDATE SET host_name = excluded.host_name, host_id = excluded.host_id, version = excluded.version, os = excluded.os,
		labels = excluded.labels, source = excluded.source, instance = excluded.instance, heartbeat = excluded.heartbeat,
		seen_at = excluded.seen_at, left_at_will = excluded.left_at_will, healthy = excluded.healthy, health = excluded.health,
		board = excluded.board, effective = excluded.effective, config_hash = excluded.config_hash,
		config_status = excluded.config_status, config_error = excluded.config_error`), args...)
	return err
}

func scanAgent(r *sql.Rows) (storage.Agent, error) {
	var a storage.Agent
	var labels string
	var heartbeat, left, healthy, silent int64
	var first, seen sql.NullInt64
	if err := r.Scan(&a.ID, &a.HostName, &a.HostID, &a.Version, &a.OS, &labels, &a.Source, &a.Instance, &heartbeat, &first, &seen, &left,
		&healthy, &a.Health, &a.Board, &a.Effective, &a.ConfigHash, &a.ConfigStatus, &a.ConfigError, &silent); err != nil {
		return a, err
	}
	if err := json.Unmarshal([]byte(labels), &a.Labels); err != nil {
		return a, fmt.Errorf("labels of agent %s: %w", a.ID, err)
	}
	a.Heartbeat, a.Silent = time.Duration(heartbeat)*time.Microsecond, max(0, time.Duration(silent)*time.Microsecond)
	a.FirstSeen, a.SeenAt, a.Left, a.Healthy = fromMicros(first), fromMicros(seen), left != 0, healthy != 0
	return a, nil
}

// Agent implements storage.AgentStore.
func (c *Catalog) Agent(ctx context.Context, id string) (storage.Agent, error) {
	as, err := collect(ctx, c.read, scanAgent, c.dialect.sql(`SELECT `+agentColumns+`, {now} - seen_at FROM agents WHERE id = $1`), id)
	if err == nil && len(as) == 0 {
		err = storage.ErrNotFound
	}
	if err != nil {
		return storage.Agent{}, wrap("read agent", err)
	}
	return as[0], nil
}

// ListAgents implements storage.AgentStore.
func (c *Catalog) ListAgents(ctx context.Context, q storage.AgentQuery) ([]storage.Agent, error) {
	columns := agentColumns
	if q.Brief {
		columns = strings.Replace(columns, largeColumns, `'', '', ''`, 1)
	}
	query := `SELECT ` + columns + `, {now} - seen_at FROM agents WHERE (host_name > $1 OR (host_name = $1 AND id > $2))`
	args := []any{q.AfterHost, q.AfterID}
	if q.Text != "" {
		args = append(args, strings.ToLower(q.Text))
		query += fmt.Sprintf(` AND %s(lower(host_name), $%d) > 0`, c.dialect.position, len(args))
	}
	query += ` ORDER BY host_name, id`
	if q.Limit > 0 {
		args = append(args, q.Limit)
		query += fmt.Sprintf(` LIMIT $%d`, len(args))
	}
	as, err := collect(ctx, c.read, scanAgent, c.dialect.sql(query), args...)
	return as, wrap("list agents", err)
}

// DeleteAgent implements storage.AgentStore.
func (c *Catalog) DeleteAgent(ctx context.Context, id string) error {
	return wrap("forget agent", inTx(ctx, c.write, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM agent_assignments WHERE agent_id = $1`, id); err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, `DELETE FROM agents WHERE id = $1`, id)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 1 {
			return err
		}
		return storage.ErrNotFound
	}))
}
