// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"math"
	"time"

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

// conditions are those of the parts of a selection, which have no record in common. The part of whole seconds does not read the nanoseconds, which
// take more than all else that is read for a count.
func conditions(st *client.Statement, sel storage.Selection) ([]string, error) {
	start, end := sel.Range.Start.Truncate(time.Second), sel.Range.End.Truncate(time.Second)
	if !start.Equal(sel.Range.Start) {
		start = start.Add(time.Second)
	}
	if !start.Before(end) || end.Unix() > math.MaxUint32 { // No whole second is in it, or one that ClickHouse's DateTime does not hold.
		where, err := condition(st, sel)
		return []string{where}, err
	}
	fits, err := newCompiler(st).Compile(sel.Filter)
	if err != nil {
		return nil, err
	}
	out := []string{st.OfTenant() + " AND TimestampTime >= " + st.Second(start) + " AND TimestampTime < " + st.Second(end) + " AND (" + fits + ")"}
	for _, edge := range []storage.TimeRange{{Start: sel.Range.Start, End: start}, {Start: end, End: sel.Range.End}} {
		if !edge.Start.Before(edge.End) {
			continue
		}
		where, err := condition(st, storage.Selection{Tenant: sel.Tenant, Filter: sel.Filter, Range: edge})
		if err != nil {
			return nil, err
		}
		out = append(out, where)
	}
	return out, nil
}
