// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/client"
	"github.com/strata-apm/strata/storage/clickhouse/fields"
	"github.com/strata-apm/strata/storage/clickhouse/resource"
	"github.com/strata-apm/strata/storage/clickhouse/timerange"
)

// source is the records of a selection, which is refused where its range or its filter cannot be meant.
func (s *Store) source(st *client.Statement, sel storage.Selection) (fields.Source, error) {
	if err := timerange.Check(sel.Range); err != nil {
		return fields.Source{}, err
	}
	where, err := condition(st, sel)
	return fields.Source{Client: s.client, Table: table, Where: where, Statement: st}, err
}

// LogFacets implements storage.LogSearcher.
func (s *Store) LogFacets(ctx context.Context, q storage.Selection) ([]storage.Facet, error) {
	var st client.Statement
	src, err := s.source(&st, q)
	if err != nil {
		return nil, err
	}
	return src.Facets(ctx, []fields.Facet{
		{Field: search.FieldService, SQL: resource.ServiceName},
		{Field: search.FieldLevel, SQL: "['', 'trace', 'debug', 'info', 'warn', 'error', 'fatal'][1 + least(intDiv(SeverityNumber + 3, 4), 6)]"},
		{Field: search.FieldHost, SQL: "toString(HostName)"},
		{Field: search.FieldEnvironment, SQL: "toString(Environment)"},
		{Field: search.FieldScope, SQL: "toString(ScopeName)"},
	})
}

// AttributeKeys is storage.FieldReader's for log records.
func (s *Store) AttributeKeys(ctx context.Context, prefix string, r storage.TimeRange) ([]string, error) {
	var st client.Statement
	src, err := s.source(&st, storage.Selection{Range: r})
	if err != nil {
		return nil, err
	}
	return src.Keys(ctx, attributes, prefix)
}

// FieldValues is storage.FieldReader's for log records.
func (s *Store) FieldValues(ctx context.Context, field search.Field, prefix string, r storage.TimeRange) ([]string, error) {
	var st client.Statement
	src, err := s.source(&st, storage.Selection{Range: r})
	if err != nil {
		return nil, err
	}
	return src.Values(ctx, newCompiler(&st), field, prefix)
}

// ServicesOnHost lists the services whose records came from a host. Log files that nobody named are on every host and have no page of their
// own, so they are left out.
func (s *Store) ServicesOnHost(ctx context.Context, host string, r storage.TimeRange) ([]string, error) {
	return resource.ServicesOnHost(ctx, s.client, table, host, r, "ServiceName != '' AND NOT startsWith(ServiceName, '"+storage.UnknownService+"')")
}
