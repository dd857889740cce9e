// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/fields"
	"github.com/strata-apm/strata/storage/clickhouse/resource"
)

// LogFacets implements storage.LogSearcher.
func (s *Store) LogFacets(ctx context.Context, q storage.Selection) ([]storage.Facet, error) {
	return s.Facets(ctx, q, []fields.Facet{
		{Field: search.FieldService, SQL: resource.ServiceName},
		{Field: search.FieldLevel, SQL: "['', 'trace', 'debug', 'info', 'warn', 'error', 'fatal'][1 + least(intDiv(SeverityNumber + 3, 4), 6)]"},
		{Field: search.FieldHost, SQL: "toString(HostName)"},
		{Field: search.FieldEnvironment, SQL: "toString(Environment)"},
		{Field: search.FieldScope, SQL: "toString(ScopeName)"},
	})
}

// ServicesOnHost lists the services whose records came from a host. Log files that nobody named are on every host and have no page of their
// own, so they are left out.
func (s *Store) ServicesOnHost(ctx context.Context, q storage.HostQuery) ([]string, error) {
	return resource.ServicesOnHost(ctx, s.client, table, q, "ServiceName != '' AND NOT startsWith(ServiceName, '"+storage.UnknownService+"')")
}
