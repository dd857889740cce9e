// SPDX-License-Identifier: Apache-2.0

package traces

import (
	"context"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/client"
	"github.com/strata-apm/strata/storage/clickhouse/fields"
	"github.com/strata-apm/strata/storage/clickhouse/resource"
	"github.com/strata-apm/strata/storage/clickhouse/timerange"
)

// source is the spans of a selection, which is refused where its range or its filter cannot be meant.
func (s *Store) source(st *client.Statement, sel storage.Selection) (fields.Source, error) {
	if err := timerange.Check(sel.Range); err != nil {
		return fields.Source{}, err
	}
	where, err := condition(st, sel)
	return fields.Source{Client: s.client, Table: table, Where: where, Statement: st}, err
}

// TraceFacets implements storage.TraceSearcher.
func (s *Store) TraceFacets(ctx context.Context, q storage.Selection) ([]storage.Facet, error) {
	var st client.Statement
	src, err := s.source(&st, q)
	if err != nil {
		return nil, err
	}
	return src.Facets(ctx, []fields.Facet{
		{Field: search.FieldService, SQL: resource.ServiceName},
		{Field: search.FieldEnvironment, SQL: "toString(Environment)"},
		{Field: search.FieldName, SQL: "toString(SpanName)"},
		{Field: search.FieldKindOfSpan, SQL: "lower(toString(SpanKind))"},
		{Field: search.FieldStatus, SQL: "lower(toString(StatusCode))"},
		{Field: search.FieldHTTPStatus, SQL: "toString(HttpStatusCode)"},
		{Field: search.FieldMethod, SQL: "toString(HttpMethod)"},
		{Field: search.FieldRoute, SQL: "toString(HttpRoute)"},
		{Field: search.FieldDB, SQL: "if(TargetType = 'db', toString(TargetSystem), '')"},
		{Field: search.FieldMessaging, SQL: "if(TargetType = 'messaging', toString(TargetSystem), '')"},
		{Field: search.FieldRPC, SQL: "if(TargetType = 'rpc', toString(TargetSystem), '')"},
		{Field: search.FieldHost, SQL: "toString(HostName)"},
	})
}

// AttributeKeys is storage.FieldReader's for spans.
func (s *Store) AttributeKeys(ctx context.Context, prefix string, r storage.TimeRange) ([]string, error) {
	var st client.Statement
	src, err := s.source(&st, storage.Selection{Range: r})
	if err != nil {
		return nil, err
	}
	return src.Keys(ctx, attributes, prefix)
}

// FieldValues is storage.FieldReader's for spans.
func (s *Store) FieldValues(ctx context.Context, field search.Field, prefix string, r storage.TimeRange) ([]string, error) {
	var st client.Statement
	src, err := s.source(&st, storage.Selection{Range: r})
	if err != nil {
		return nil, err
	}
	return src.Values(ctx, newCompiler(&st), field, prefix)
}

// ServicesOnHost lists the services whose spans came from a host.
func (s *Store) ServicesOnHost(ctx context.Context, host string, r storage.TimeRange) ([]string, error) {
	return resource.ServicesOnHost(ctx, s.client, table, host, r, "")
}
