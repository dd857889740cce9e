// SPDX-License-Identifier: Apache-2.0

package resource

import (
	"context"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/client"
)

// ServicesOnHost lists the services that rows of a table have for a host in a range, in no order. The rows also fulfil the
// condition and, which binds no values; empty is none. The errors are those of client.Client.Each.
func ServicesOnHost(ctx context.Context, c *client.Client, table string, q storage.HostQuery, and string) ([]string, error) {
	st := client.For(q.Tenant)
	if and != "" {
		and = " AND " + and
	}
	query := "SELECT DISTINCT " + ServiceName + " FROM {db}." + table + " WHERE " + st.OfTenant() + " AND HostName = " + st.Str(q.Host) +
		" AND Timestamp >= " + st.Nano(q.Range.Start) + " AND Timestamp < " + st.Nano(q.Range.End) + and
	return c.Column(ctx, "list a host's services", query, st)
}
