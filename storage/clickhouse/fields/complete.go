// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"context"
	"strconv"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/filter"
	"github.com/strata-apm/strata/storage/clickhouse/resource"
)

const (
	// sampleRows is how many rows completion looks at: it has to answer while somebody types.
	sampleRows = 300_000
)

// keys lists the keys in the map attributes and among the attributes of resources that begin with prefix, in order. The errors are those of
// client.Client.Each.
func (s *source) keys(ctx context.Context, attributes, prefix string) ([]string, error) {
	query := "SELECT DISTINCT toString(arrayJoin(arrayConcat(mapKeys(" + attributes + "), mapKeys(ResourceAttributes)))) AS k FROM (SELECT " + attributes +
		", ResourceAttributes FROM {db}." + s.table + " WHERE " + s.where + " LIMIT " + strconv.Itoa(sampleRows) + ") WHERE startsWith(k, " + s.statement.Str(prefix) +
		") ORDER BY k LIMIT " + strconv.Itoa(storage.MaxFieldKeys)
	return s.client.Column(ctx, "list attribute keys", query, s.statement)
}

// values lists the values of a field that have the text part in them, the most frequent first; c must be a compiler of the source's table
// and statement. The error wraps storage.ErrBadQuery where the table has no such field, and is of client.Client.Each otherwise.
func (s *source) values(ctx context.Context, c *filter.Compiler, field search.Field, part string) ([]string, error) {
	expression, _, err := c.Expression(field)
	if err != nil {
		return nil, err
	}
	if field == (search.Field{Name: search.FieldService}) {
		expression = resource.ServiceName
	}
	query := "SELECT v FROM (SELECT toString(" + expression + ") AS v FROM {db}." + s.table + " WHERE " + s.where + " LIMIT " + strconv.Itoa(sampleRows) +
		") WHERE v != '' AND positionCaseInsensitiveUTF8(v, " + s.statement.Str(part) + ") > 0 GROUP BY v ORDER BY count() DESC, v LIMIT " + strconv.Itoa(storage.MaxFieldValues)
	return s.client.Column(ctx, "list field values", query, s.statement)
}
