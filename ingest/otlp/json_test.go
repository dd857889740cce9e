// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/strata-apm/strata/ingest/check"
	"github.com/strata-apm/strata/signal"
)

// withNulls returns the JSON with a null of every known field put before the members of each object; the last of two counts.
func withNulls(t *testing.T, fields jsonFields, body string) string {
	t.Helper()
	var nulls strings.Builder
	for name := range fields {
		fmt.Fprintf(&nulls, "%q:null,", name)
	}
	for _, name := range []string{"name", "attributes", "body", "status", "events", "links", "gauge", "histogram", "asDouble", "isMonotonic", "stringValue", "resource", "schemaUrl", "sum"} {
		fmt.Fprintf(&nulls, "%q : null ,", name)
	}
	out := strings.ReplaceAll(body, "{", "{"+nulls.String())
	out = strings.ReplaceAll(out, nulls.String()+"}", strings.TrimSuffix(nulls.String(), ",")+"}")
	require.True(t, json.Valid([]byte(out)), out)
	return out
}

// TestNullIsUnset: a field that is null is one that was not sent, in every message of every signal.
func TestNullIsUnset(t *testing.T) {
	now := time.Now().UnixNano()
	sigs := services()
	for which, body := range []string{
		fmt.Sprintf(`{"resourceMetrics":[{"resource":{},"scopeMetrics":[{"scope":{},"metrics":[
			{"name":"g","gauge":{"dataPoints":[{"timeUnixNano":"%[1]d","asInt":"7","attributes":[{"key":"k","value":{}}],"exemplars":[{"asDouble":1}]}]}},
			{"name":"c","sum":{"aggregationTemporality":2,"dataPoints":[{"timeUnixNano":%[1]d,"asDouble":1}]}},
			{"name":"h","histogram":{"aggregationTemporality":"AGGREGATION_TEMPORALITY_CUMULATIVE","dataPoints":[{"timeUnixNano":%[1]d,"count":1,"bucketCounts":[1,"0"],"explicitBounds":[1]}]}},
			{"name":"x","exponentialHistogram":{"aggregationTemporality":"2","dataPoints":[{"timeUnixNano":%[1]d,"count":1,"zeroCount":1,"positive":{}}]}},
			{"name":"s","summary":{"dataPoints":[{"timeUnixNano":%[1]d,"quantileValues":[{"quantile":0.5,"value":1}]}]}}]}]}]}`, now),
		fmt.Sprintf(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"root","traceId":%s,"spanId":%s,"startTimeUnixNano":"%d","endTimeUnixNano":"%[3]d","status":{},"events":[{}],"links":[{}]}]}]}]}`, goodTrace, goodSpan, now),
		fmt.Sprintf(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"observedTimeUnixNano":"%d","body":{"kvlistValue":{"values":[{"key":"a","value":{"arrayValue":{"values":[{}]}}}]}},"severityText":"x"}]}]}]}`, now),
	} {
		f := newFixture(t, nil)
		s := sigs[which]
		resp, answer := f.post(t, s.Path(), contentJSON, "", []byte(body))
		require.Equal(t, http.StatusOK, resp.StatusCode, string(answer))
		require.Equal(t, "{}", string(answer), s.Noun())
		resp, answer = f.post(t, s.Path(), contentJSON, "", []byte(withNulls(t, s.json, body)))
		require.Equal(t, http.StatusOK, resp.StatusCode, string(answer))
		require.Equal(t, "{}", string(answer), s.Noun())
		recs := f.bus.Records(s.Topic())
		require.Len(t, recs, 2)
		require.Equal(t, recs[0].Value, recs[1].Value, s.Noun())
	}
}

// TestNumbersAndIDsInJSON: forms that proto3 JSON allows are read, and what no decoder can read costs no record its neighbours.
func TestNumbersAndIDsInJSON(t *testing.T) {
	now := time.Now().UnixNano()
	f := newFixture(t, nil)
	resp, answer := f.post(t, "/v1/traces", contentJSON, "", fmt.Appendf(nil, `{"resourceSpans":[{"scopeSpans":[{"spans":[
		{"name":"good","\u0074raceId":"\u00301\u00302030405060708090a0b0c0d0e0f10","spanId":"\u0030102030405060708","kind":"2","startTimeUnixNano":%[1]d,"endTimeUnixNano":"%[1]d","status":{"code":2.0},
			"attributes":[{"key":"b","value":{"bytesValue":"\/\/8="}}],"links":[{"traceId":[1],"spanId":{"spanId":"x"},"flags":99999999999}]},
		{"name":"none","traceId":%[2]s,"spanId":%[3]s,"kind":2147483648,"startTimeUnixNano":%[1]d,"endTimeUnixNano":%[1]d,"status":{"code":"bad"}},
		{"name":"old","traceId":%[2]s,"spanId":%[3]s,"startTimeUnixNano":"soon","endTimeUnixNano":-1}]}]}]}`, now, goodTrace, goodSpan))
	require.Equal(t, http.StatusOK, resp.StatusCode, string(answer))
	require.Contains(t, string(answer), "refused 1 of 3 spans: 1 too_old")
	require.Contains(t, string(answer), "5 "+check.NoteBadNumber)
	req := ptraceotlp.NewExportRequest()
	require.NoError(t, req.UnmarshalProto(f.bus.Records(signal.Traces.Topic())[0].Value))
	spans := req.Traces().ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	require.Equal(t, 2, spans.Len())
	s := spans.At(0)
	require.Equal(t, "0102030405060708090a0b0c0d0e0f10", s.TraceID().String())
	require.Equal(t, "0102030405060708", s.SpanID().String())
	require.Equal(t, ptrace.SpanKindServer, s.Kind())
	require.Equal(t, ptrace.StatusCodeError, s.Status().Code())
	b, _ := s.Attributes().Get("b")
	require.Equal(t, []byte{0xff, 0xff}, b.Bytes().AsRaw())
	require.True(t, s.Links().At(0).TraceID().IsEmpty())
	require.Equal(t, ptrace.SpanKindUnspecified, spans.At(1).Kind())

	resp, answer = f.post(t, "/v1/metrics", contentJSON, "", fmt.Appendf(nil, `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[
		{"name":"c","sum":{"aggregationTemporality":"2","dataPoints":[{"timeUnixNano":%[1]d,"asInt":3.0,"exemplars":[{"asInt":1,"traceId":{},"spanId":["x"]}]},{"timeUnixNano":"x","asInt":3}]}},
		{"name":"u","sum":{"aggregationTemporality":9999999999,"dataPoints":[{"timeUnixNano":%[1]d,"asInt":"3"}]}}]}]}]}`, now))
	require.Equal(t, http.StatusOK, resp.StatusCode, string(answer))
	require.Contains(t, string(answer), "refused 2 of 3 data points: 1 no_timestamp, 1 unknown_temporality")
	metrics := pmetricotlp.NewExportRequest()
	require.NoError(t, metrics.UnmarshalProto(f.bus.Records(signal.Metrics.Topic())[0].Value))
	require.Equal(t, int64(3), metrics.Metrics().ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Sum().DataPoints().At(0).IntValue())

	resp, answer = f.post(t, "/v1/logs", contentJSON, "", fmt.Appendf(nil, `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"%d","trace_id":"\u0030102030405060708090a0b0c0d0e0f10"}]}]}]}`, now))
	require.Equal(t, http.StatusOK, resp.StatusCode, string(answer))
	logs := plogotlp.NewExportRequest()
	require.NoError(t, logs.UnmarshalProto(f.bus.Records(signal.Logs.Topic())[0].Value))
	require.Equal(t, "0102030405060708090a0b0c0d0e0f10", logs.Logs().ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).TraceID().String())

	for _, bad := range []string{`"traceId":{]`, `"traceId":[1`, `"traceId":7x`, `"severityNumber":9x`, `"severityNumber":{]`, `"a":nul`, `"a":nulll`, `"timeUnixNano" null`} {
		resp, _ = f.post(t, "/v1/logs", contentJSON, "", []byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{`+bad+`}]}]}]}`))
		require.Equal(t, http.StatusBadRequest, resp.StatusCode, bad)
	}
}
