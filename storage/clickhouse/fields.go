// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"fmt"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/client"
	"github.com/strata-apm/strata/storage/clickhouse/fields"
	"github.com/strata-apm/strata/storage/clickhouse/filter"
	"github.com/strata-apm/strata/storage/clickhouse/timerange"
)

var _ storage.FieldReader = (*Store)(nil)

// source returns the rows of a signal in a range, its attribute map and its compiler.
func (s *Store) source(st *client.Statement, signal storage.Signal, r storage.TimeRange) (src fields.Source, attrs string, c *filter.Compiler, err error) {
	if err := timerange.Check(r); err != nil {
		return fields.Source{}, "", nil, err
	}
	src = fields.Source{Client: s.client, Statement: st}
	switch signal {
	case storage.SignalTraces:
		src.Table = "otel_traces"
		src.Where, err = tracesWhere(st, storage.Selection{Range: r})
		return src, "SpanAttributes", traceCompiler(st), err
	case storage.SignalLogs:
		src.Table = "otel_logs"
		src.Where, err = logsWhere(st, storage.Selection{Range: r})
		return src, "LogAttributes", logCompiler(st), err
	default:
		return fields.Source{}, "", nil, fmt.Errorf("%w: %q is no signal with fields", storage.ErrBadQuery, signal)
	}
}

// AttributeKeys implements storage.FieldReader.
func (s *Store) AttributeKeys(ctx context.Context, signal storage.Signal, prefix string, r storage.TimeRange) ([]string, error) {
	var st client.Statement
	src, attrs, _, err := s.source(&st, signal, r)
	if err != nil {
		return nil, err
	}
	return src.Keys(ctx, attrs, prefix)
}

// FieldValues implements storage.FieldReader.
func (s *Store) FieldValues(ctx context.Context, signal storage.Signal, field storage.Field, prefix string, r storage.TimeRange) ([]string, error) {
	var st client.Statement
	src, _, c, err := s.source(&st, signal, r)
	if err != nil {
		return nil, err
	}
	return src.Values(ctx, c, field, prefix)
}
