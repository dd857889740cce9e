// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// LocalSuffix ends the names of the tables that hold a shard's rows where there is a cluster; the name without it is a Distributed table.
const LocalSuffix = "_local"

// Delete makes the rows of a table that fulfil a condition invisible, on every node, and returns when no query reads them any more; their space is
// freed by later merges. st is the Statement that made the condition and whose tenant it asks for. Rows that are inserted meanwhile may stay. It takes as
// long as ctx allows: every part that has such rows gets a new mask, and a replica that is away is waited for. The error wraps
// storage.ErrUnavailable, storage.ErrInvalid where the condition asks for no tenant, or the context's error.
func (c *Client) Delete(ctx context.Context, table, where string, st *Statement) error {
	name := c.target.database + "." + table
	if c.cfg.Cluster != "" {
		name += LocalSuffix // A Distributed table deletes nothing.
		if !c.unreplicated {
			name += " ON CLUSTER " + c.cfg.Cluster
		}
	}
	args, err := st.argsFor("{db}." + table)
	if err != nil {
		return fmt.Errorf("delete rows of %s: %w", table, err)
	}
	settings := clickhouse.WithSettings(clickhouse.Settings{"lightweight_deletes_sync": 2, "max_execution_time": 0})
	if err := c.conn.Exec(clickhouse.Context(ctx, settings), "DELETE FROM "+name+" WHERE "+where, args...); err != nil {
		return fmt.Errorf("delete rows of %s: %w", table, readError(ctx, err))
	}
	return nil
}
