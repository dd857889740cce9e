// SPDX-License-Identifier: Apache-2.0

package traces

import (
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/client"
	"github.com/strata-apm/strata/storage/clickhouse/filter"
)

const (
	// table holds the spans.
	table = "otel_traces"
	// extents holds for every trace when it was and how many spans it has; a view fills it.
	extents = "otel_traces_trace_id_ts"
	// minutes holds the sums of every minute that the services pages are made of; a view fills it.
	minutes = "strata_spans_1m"
	// attributes is the column of table with the spans' own attributes.
	attributes = "SpanAttributes"
)

// newCompiler makes conditions of the table of spans.
func newCompiler(st *client.Statement) *filter.Compiler {
	return filter.New(st, filter.Table{
		Attributes: attributes, Text: "SpanName", Events: "Events.Name",
		Numeric: map[string]bool{storage.FieldDuration: true, storage.FieldHTTPStatus: true},
		Columns: map[string]string{
			storage.FieldService: "ServiceName", storage.FieldHost: "HostName", storage.FieldEnvironment: "Environment",
			storage.FieldTrace: "TraceId", storage.FieldSpan: "SpanId", storage.FieldScope: "ScopeName",
			storage.FieldName: "SpanName", storage.FieldKindOfSpan: "lower(SpanKind)", storage.FieldDuration: "Duration",
			storage.FieldStatus: "lower(StatusCode)", storage.FieldHTTPStatus: "HttpStatusCode",
			storage.FieldMethod: "HttpMethod", storage.FieldRoute: "HttpRoute",
			storage.FieldURL:       "coalesce(nullIf(SpanAttributes['url.full'], ''), nullIf(SpanAttributes['http.url'], ''), nullIf(SpanAttributes['url.path'], ''), SpanAttributes['http.target'])",
			storage.FieldDB:        "if(TargetType = 'db', TargetSystem, '')",
			storage.FieldRPC:       "if(TargetType = 'rpc', TargetSystem, '')",
			storage.FieldMessaging: "if(TargetType = 'messaging', TargetSystem, '')",
			storage.FieldPeer:      "Target",
			storage.FieldEvent:     "arrayElement(Events.Name, 1)",
			storage.FieldRoot:      "if(ParentSpanId = '', 'true', 'false')",
		},
	})
}

// condition is the condition of a selection of spans.
func condition(st *client.Statement, sel storage.Selection) (string, error) {
	fits, err := newCompiler(st).Compile(sel.Filter)
	if err != nil {
		return "", err
	}
	return "Timestamp >= " + st.Nano(sel.Range.Start) + " AND Timestamp < " + st.Nano(sel.Range.End) + " AND (" + fits + ")", nil
}
