// SPDX-License-Identifier: Apache-2.0

package traces

import (
	"github.com/strata-apm/strata/search"
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
		Numeric: map[string]bool{search.FieldDuration: true, search.FieldHTTPStatus: true},
		Columns: map[string]string{
			search.FieldService: "ServiceName", search.FieldHost: "HostName", search.FieldEnvironment: "Environment",
			search.FieldTrace: "TraceId", search.FieldSpan: "SpanId", search.FieldScope: "ScopeName",
			search.FieldName: "SpanName", search.FieldKindOfSpan: "lower(SpanKind)", search.FieldDuration: "Duration",
			search.FieldStatus: "lower(StatusCode)", search.FieldHTTPStatus: "HttpStatusCode",
			search.FieldMethod: "HttpMethod", search.FieldRoute: "HttpRoute",
			search.FieldURL:       "coalesce(nullIf(SpanAttributes['url.full'], ''), nullIf(SpanAttributes['http.url'], ''), nullIf(SpanAttributes['url.path'], ''), SpanAttributes['http.target'])",
			search.FieldDB:        "if(TargetType = 'db', TargetSystem, '')",
			search.FieldRPC:       "if(TargetType = 'rpc', TargetSystem, '')",
			search.FieldMessaging: "if(TargetType = 'messaging', TargetSystem, '')",
			search.FieldPeer:      "Target",
			search.FieldEvent:     "arrayElement(Events.Name, 1)",
			search.FieldRoot:      "if(ParentSpanId = '', 'true', 'false')",
		},
	})
}

// condition is the condition of a selection of spans.
func condition(st *client.Statement, sel storage.Selection) (string, error) {
	fits, err := newCompiler(st).Compile(sel.Filter)
	if err != nil {
		return "", err
	}
	return st.OfTenant() + " AND Timestamp >= " + st.Nano(sel.Range.Start) + " AND Timestamp < " + st.Nano(sel.Range.End) + " AND (" + fits + ")", nil
}
