// SPDX-License-Identifier: Apache-2.0

package resource

import (
	"context"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/client"
)

// ServicesOnHost lists the services that rows of a table have for a host in a range, in no order. The rows also fulfil the
// condition and, which binds no values; empty is none. The errors are those of client.Client.Each.
func ServicesOnHost(ctx context.Context, c *client.Client, table, host string, r storage.TimeRange, and string) ([]string, error) {
	var st client.Statement
	if and != "" {
		and = " AND " + and
	}
	query := "SELECT DISTINCT " + ServiceName + " FROM {db}." + table + " WHERE HostName = " + st.Str(host) +
		" AND Timestamp >= " + st.Nano(r.Start) + " AND Timestamp < " + st.Nano(r.End) + and
	return c.Column(ctx, "list a host's services", query, st.Args)
}
