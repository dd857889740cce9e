// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"strconv"
	"strings"

	"github.com/strata-apm/strata/storage"
)

// facetValues is how many values a facet has at most.
const facetValues = 20

// facetColumn is one facet: its field and the expression of its value, which must be a String.
type facetColumn struct{ field, sql string }

// facets counts all facets in one scan, as grouping sets. Records without a value are not counted.
func (s *Store) facets(ctx context.Context, table, where string, args []any, columns []facetColumn) ([]storage.Facet, error) {
	names, sets := make([]string, len(columns)), make([]string, len(columns))
	selected, branches := make([]string, len(columns)), make([]string, 0, 2*len(columns)+1)
	for i, c := range columns {
		names[i] = "f" + strconv.Itoa(i)
		sets[i] = "(" + names[i] + ")"
		selected[i] = c.sql + " AS " + names[i]
		branches = append(branches, "grouping("+names[i]+") = 0", names[i])
	}
	branches = append(branches, "''")
	which := make([]string, 0, 2*len(columns)+1)
	for i := range columns {
		which = append(which, "grouping("+names[i]+") = 0", strconv.Itoa(i))
	}
	which = append(which, "-1")
	query := "SELECT toInt32(multiIf(" + strings.Join(which, ", ") + ")) AS facet, multiIf(" + strings.Join(branches, ", ") + ") AS value, count() AS n" +
		" FROM (SELECT " + strings.Join(selected, ", ") + " FROM {db}." + table + " WHERE " + where + ")" +
		" GROUP BY GROUPING SETS (" + strings.Join(sets, ", ") + ") HAVING value != '' AND value != '0'" +
		" ORDER BY facet, n DESC, value LIMIT " + strconv.Itoa(facetValues) + " BY facet"
	out := make([]storage.Facet, len(columns))
	for i, c := range columns {
		out[i].Field = c.field
	}
	err := s.client.Each(ctx, "count facets", query, args, func(scan func(...any) error) error {
		var facet int32
		var v storage.FacetValue
		if err := scan(&facet, &v.Value, &v.Count); err != nil {
			return err
		}
		if facet >= 0 && int(facet) < len(out) {
			out[facet].Values = append(out[facet].Values, v)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
