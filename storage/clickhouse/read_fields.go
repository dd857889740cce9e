// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"fmt"
	"strconv"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/client"
	"github.com/strata-apm/strata/storage/clickhouse/filter"
	"github.com/strata-apm/strata/storage/clickhouse/resource"
	"github.com/strata-apm/strata/storage/clickhouse/timerange"
)

var _ storage.FieldReader = (*Store)(nil)

const (
	// sampleRows is how many records completion looks at: it has to answer while somebody types.
	sampleRows = 300_000
	// completions is how many names or values it offers.
	completions = 100
)

// source returns the table of a signal, its attribute map and the condition of a range.
func source(st *client.Statement, signal storage.Signal, r storage.TimeRange) (table, attrs, where string, c *filter.Compiler, err error) {
	if err := timerange.Check(r); err != nil {
		return "", "", "", nil, err
	}
	switch signal {
	case storage.SignalTraces:
		c = traceCompiler(st)
		where, err = tracesWhere(st, storage.Selection{Range: r})
		return "otel_traces", "SpanAttributes", where, c, err
	case storage.SignalLogs:
		c = logCompiler(st)
		where, err = logsWhere(st, storage.Selection{Range: r})
		return "otel_logs", "LogAttributes", where, c, err
	default:
		return "", "", "", nil, fmt.Errorf("%w: %q is no signal with fields", storage.ErrBadQuery, signal)
	}
}

// AttributeKeys implements storage.FieldReader.
func (s *Store) AttributeKeys(ctx context.Context, signal storage.Signal, prefix string, r storage.TimeRange) ([]string, error) {
	var st client.Statement
	table, attrs, where, _, err := source(&st, signal, r)
	if err != nil {
		return nil, err
	}
	query := "SELECT DISTINCT toString(arrayJoin(arrayConcat(mapKeys(" + attrs + "), mapKeys(ResourceAttributes)))) AS k FROM (SELECT " + attrs +
		", ResourceAttributes FROM {db}." + table + " WHERE " + where + " LIMIT " + strconv.Itoa(sampleRows) + ") WHERE startsWith(k, " + st.Str(prefix) +
		") ORDER BY k LIMIT 1000"
	return s.client.Column(ctx, "list attribute keys", query, st.Args)
}

// FieldValues implements storage.FieldReader.
func (s *Store) FieldValues(ctx context.Context, signal storage.Signal, field storage.Field, prefix string, r storage.TimeRange) ([]string, error) {
	var st client.Statement
	table, _, where, c, err := source(&st, signal, r)
	if err != nil {
		return nil, err
	}
	expression, _, err := c.Expression(field)
	if err != nil {
		return nil, err
	}
	if field == (storage.Field{Name: storage.FieldService}) {
		expression = resource.ServiceName
	}
	query := "SELECT v FROM (SELECT toString(" + expression + ") AS v FROM {db}." + table + " WHERE " + where + " LIMIT " + strconv.Itoa(sampleRows) +
		") WHERE v != '' AND positionCaseInsensitiveUTF8(v, " + st.Str(prefix) + ") > 0 GROUP BY v ORDER BY count() DESC, v LIMIT " + strconv.Itoa(completions)
	return s.client.Column(ctx, "list field values", query, st.Args)
}
