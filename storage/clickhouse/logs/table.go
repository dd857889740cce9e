// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/client"
	"github.com/strata-apm/strata/storage/clickhouse/filter"
)

const (
	// table holds the records.
	table = "otel_logs"
	// attributes is its column of the records' own attributes.
	attributes = "LogAttributes"
)

// newCompiler makes conditions of the table of logs.
func newCompiler(st *client.Statement) *filter.Compiler {
	return filter.New(st, filter.Table{
		Attributes: attributes, Text: "Body", Words: true,
		Numeric: map[string]bool{search.FieldLevel: true},
		Columns: map[string]string{
			search.FieldService: "ServiceName", search.FieldHost: "HostName", search.FieldEnvironment: "Environment",
			search.FieldTrace: "TraceId", search.FieldSpan: "SpanId", search.FieldScope: "ScopeName",
			search.FieldLevel: "SeverityNumber", search.FieldBody: "Body",
			search.FieldEvent: "if(EventName != '', toString(EventName), LogAttributes['event.name'])",
		},
	})
}

// condition is the condition of a selection of log records. The seconds are in the sort key, the nanoseconds are exact.
func condition(st *client.Statement, sel storage.Selection) (string, error) {
	fits, err := newCompiler(st).Compile(sel.Filter)
	if err != nil {
		return "", err
	}
	r := sel.Range
	return st.OfTenant() + " AND TimestampTime >= " + st.Second(r.Start) + " AND TimestampTime <= " + st.Second(r.End) +
		" AND Timestamp >= " + st.Nano(r.Start) + " AND Timestamp < " + st.Nano(r.End) + " AND (" + fits + ")", nil
}
