// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"context"
	"strconv"
	"strings"

	"github.com/strata-apm/strata/storage"
)

// facetValues is how many values a facet has at most.
const facetValues = 20

// Facet is one facet that is asked for: its field and the SQL expression of its value, which must be a String.
type Facet struct{ Field, SQL string }

// facets counts the most frequent values of all facets in one scan, as grouping sets; they come in the order of facets. Rows without a
// value are not counted. The errors are those of client.Client.Each.
func (s *source) facets(ctx context.Context, facets []Facet) ([]storage.Facet, error) {
	names, sets := make([]string, len(facets)), make([]string, len(facets))
	selected, branches := make([]string, len(facets)), make([]string, 0, 2*len(facets)+1)
	for i, f := range facets {
		names[i] = "f" + strconv.Itoa(i)
		sets[i] = "(" + names[i] + ")"
		selected[i] = f.SQL + " AS " + names[i]
		branches = append(branches, "grouping("+names[i]+") = 0", names[i])
	}
	branches = append(branches, "''")
	which := make([]string, 0, 2*len(facets)+1)
	for i := range facets {
		which = append(which, "grouping("+names[i]+") = 0", strconv.Itoa(i))
	}
	which = append(which, "-1")
	query := "SELECT toInt32(multiIf(" + strings.Join(which, ", ") + ")) AS facet, multiIf(" + strings.Join(branches, ", ") + ") AS value, count() AS n, count() OVER (PARTITION BY facet) AS distinct" +
		" FROM (SELECT " + strings.Join(selected, ", ") + " FROM {db}." + s.table + " WHERE " + s.where + ")" +
		" GROUP BY GROUPING SETS (" + strings.Join(sets, ", ") + ") HAVING value != '' AND value != '0'" +
		" ORDER BY facet, n DESC, value LIMIT " + strconv.Itoa(facetValues) + " BY facet"
	out := make([]storage.Facet, len(facets))
	for i, f := range facets {
		out[i].Field = f.Field
	}
	err := s.client.Each(ctx, "count facets", query, s.statement, func(scan func(...any) error) error {
		var facet int32
		var v storage.FacetValue
		var distinct uint64
		if err := scan(&facet, &v.Value, &v.Count, &distinct); err != nil {
			return err
		}
		if facet >= 0 && int(facet) < len(out) {
			out[facet].Values = append(out[facet].Values, v)
			out[facet].Distinct = distinct
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
