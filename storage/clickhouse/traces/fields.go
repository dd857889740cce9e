// SPDX-License-Identifier: Apache-2.0

package traces

import (
	"context"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/fields"
	"github.com/strata-apm/strata/storage/clickhouse/resource"
)

// TraceFacets implements storage.TraceSearcher.
func (s *Store) TraceFacets(ctx context.Context, q storage.Selection) ([]storage.Facet, error) {
	return s.Facets(ctx, q, []fields.Facet{
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

// ServicesOnHost lists the services whose spans came from a host.
func (s *Store) ServicesOnHost(ctx context.Context, q storage.HostQuery) ([]string, error) {
	return resource.ServicesOnHost(ctx, s.client, table, q, "")
}
