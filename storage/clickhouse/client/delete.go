// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/strata-apm/strata/storage"
)

// LocalSuffix ends the names of the tables that hold a shard's rows where there is a cluster; the name without it is a Distributed table.
const LocalSuffix = "_local"

// Delete makes the rows of a table that fulfil a condition invisible, on every node, and returns when no query reads them any more; their space is
// freed by later merges. st is the Statement that made the condition, which binds texts alone and asks for its tenant. Rows that are inserted meanwhile
// may stay. It takes as long as ctx allows: every part that has such rows gets a new mask, and a replica that is away is waited for. The error
// wraps storage.ErrUnavailable, storage.ErrInvalid where the condition asks for no tenant, or the context's error.
func (c *Client) Delete(ctx context.Context, table, where string, st *Statement) error {
	args, err := st.argsFor("{db}." + table)
	if err != nil {
		return fmt.Errorf("delete rows of %s: %w", table, err)
	}
	// The mutation is waited for on all replicas; without it the answer would come before the rows are gone.
	params := url.Values{"lightweight_deletes_sync": {"2"}, "max_execution_time": {"0"}, "log_queries": {"0"}}
	for _, arg := range args {
		if err := addParam(params, arg); err != nil {
			return fmt.Errorf("delete rows of %s: %w", table, err)
		}
	}
	if _, err := c.Send(ctx, params, []byte(c.deletion(table, where))); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("delete rows of %s: %w", table, ctx.Err())
		}
		return fmt.Errorf("delete rows of %s: %w", table, writeError(err))
	}
	return nil
}

// deletion is the statement of Delete.
func (c *Client) deletion(table, where string) string {
	name := c.target.database + "." + table
	if c.cfg.Cluster != "" {
		name += LocalSuffix // A Distributed table deletes nothing.
		if !c.unreplicated {
			name += " ON CLUSTER " + c.cfg.Cluster
		}
	}
	return "DELETE FROM " + name + " WHERE " + where
}

// addParam adds a bound text as ClickHouse's HTTP interface reads it: escaped like a value of a TabSeparated row.
func addParam(params url.Values, arg any) error {
	named, ok := arg.(driver.NamedValue)
	text, isText := named.Value.(string)
	if !ok || !isText {
		return fmt.Errorf("%w: %v is no text", storage.ErrInvalid, arg)
	}
	params.Set("param_"+named.Name, strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`, "\x00", `\0`).Replace(text))
	return nil
}
