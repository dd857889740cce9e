// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/strata-apm/strata/ingest/check"
	"github.com/strata-apm/strata/signal"
)

const goodTrace, goodSpan = `"0102030405060708090a0b0c0d0e0f10"`, `"0102030405060708"`

// names are the spans that reached the bus.
func (f *fixture) names(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, rec := range f.bus.Records(signal.Traces.Topic()) {
		req := ptraceotlp.NewExportRequest()
		require.NoError(t, req.UnmarshalProto(rec.Value))
		for _, rs := range req.Traces().ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, s := range ss.Spans().All() {
					out = append(out, s.Name())
				}
			}
		}
	}
	return out
}

// TestMalformedIDsInJSON: only the span with the malformed id is refused.
func TestMalformedIDsInJSON(t *testing.T) {
	now := time.Now().UnixNano()
	span := func(name, trace, id, parent string) string {
		return fmt.Sprintf(`{"name":%q,"traceId":%s,"spanId":%s,"parentSpanId":%s,"startTimeUnixNano":"%d","endTimeUnixNano":"%d","attributes":[{"key":"traceId","value":{"stringValue":"zz"}}]}`,
			name, trace, id, parent, now, now)
	}
	good := span("good", goodTrace, goodSpan, `""`)
	for name, bad := range map[string]string{
		"31 digits":          span("bad", `"0102030405060708090a0b0c0d0e0f1"`, goodSpan, `""`),
		"33 digits":          span("bad", `"0102030405060708090a0b0c0d0e0f100"`, goodSpan, `""`),
		"base64":             span("bad", `"AQIDBAUGBwgJCgsMDQ4PEA=="`, goodSpan, `""`),
		"no hex":             span("bad", `"0102030405060708090a0b0c0d0e0fxy"`, goodSpan, `""`),
		"dashes":             span("bad", `"01020304-0506-0708-090a-0b0c0d0e0f10"`, goodSpan, `""`),
		"quotes inside":      span("bad", `"0102\"30405060708090a0b0c0d0e0f1"`, goodSpan, `""`),
		"number":             span("bad", `7`, goodSpan, `""`),
		"list":               span("bad", `["a",{"traceId":1}]`, goodSpan, `""`),
		"object":             span("bad", `{"a":"}"}`, goodSpan, `""`),
		"true":               span("bad", `true`, goodSpan, `""`),
		"span id as list":    span("bad", goodTrace, `[[]]`, `""`),
		"span id as object":  span("bad", goodTrace, `{"a":{}}`, `""`),
		"span id null":       span("bad", goodTrace, `null`, `""`),
		"parent as list":     span("bad", goodTrace, goodSpan, `[1]`),
		"escapes":            span("bad", `"\u0030102030405060708090a0b0c0d0e0f1"`, goodSpan, `""`),
		"null":               span("bad", `null`, goodSpan, `""`),
		"of zeros":           span("bad", `"00000000000000000000000000000000"`, goodSpan, `""`),
		"span id":            span("bad", goodTrace, `"01"`, `""`),
		"span id of a trace": span("bad", goodTrace, goodTrace, `""`),
		"parent id":          span("bad", goodTrace, goodSpan, `"xyz"`),
		"snake case":         strings.Replace(span("bad", `"1"`, goodSpan, `""`), "traceId", "trace_id", 1),
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, nil)
			body := `{"resourceSpans":[{"scopeSpans":[{"spans":[` + good + `,` + bad + `,` + good + `]}]}]}`
			resp, answer := f.post(t, "/v1/traces", contentJSON, "", []byte(body))
			require.Equal(t, http.StatusOK, resp.StatusCode, string(answer))
			require.Equal(t, []string{"good", "good"}, f.names(t))
			got := ptraceotlp.NewExportResponse()
			require.NoError(t, got.UnmarshalJSON(answer))
			require.Equal(t, int64(1), got.PartialSuccess().RejectedSpans())
			require.Equal(t, "refused 1 of 3 spans: 1 invalid_id", got.PartialSuccess().ErrorMessage())
		})
	}
}

// TestMalformedIDsInProto is the same for the binary form, where an id has a wrong number of bytes.
func TestMalformedIDsInProto(t *testing.T) {
	now := uint64(time.Now().UnixNano())
	id := func(n int) []byte { return []byte(strings.Repeat("\x01", n)) }
	span := func(name string, trace, own, parent int) *tracepb.Span {
		return &tracepb.Span{Name: name, TraceId: id(trace), SpanId: id(own), ParentSpanId: id(parent), StartTimeUnixNano: now, EndTimeUnixNano: now}
	}
	for _, bad := range []*tracepb.Span{
		span("bad", 15, 8, 0), span("bad", 17, 8, 0), span("bad", 1, 8, 0), span("bad", 200, 8, 0), span("bad", 20_000, 8, 8), span("bad", 16, 7, 0), span("bad", 16, 8, 3), span("bad", 16, 8, 9),
	} {
		f := newFixture(t, nil)
		body, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{ScopeSpans: []*tracepb.ScopeSpans{{Spans: []*tracepb.Span{
			span("good", 16, 8, 8), bad, span("good", 16, 8, 0),
		}}}}}})
		require.NoError(t, err)
		resp, answer := f.post(t, "/v1/traces", contentProto, "", body)
		require.Equal(t, http.StatusOK, resp.StatusCode, "%d %d %d: %s", len(bad.TraceId), len(bad.SpanId), len(bad.ParentSpanId), answer)
		require.Equal(t, []string{"good", "good"}, f.names(t))
		got := ptraceotlp.NewExportResponse()
		require.NoError(t, got.UnmarshalProto(answer))
		require.Equal(t, int64(1), got.PartialSuccess().RejectedSpans())
	}
}

// TestLogIDsAndSeverities: a record with a malformed id or an impossible severity is stored without it, and the sender is told.
func TestLogIDsAndSeverities(t *testing.T) {
	now := time.Now().UnixNano()
	record := func(more string) string {
		return fmt.Sprintf(`{"timeUnixNano":"%d","body":{"stringValue":"x"},%s}`, now, more)
	}
	for more, want := range map[string]struct {
		trace bool
		level int32
		note  string
	}{
		`"traceId":` + goodTrace + `,"severityNumber":24`: {true, 24, ""},
		`"traceId":"abc","spanId":` + goodSpan:            {false, 0, check.NoteBadID},
		`"spanId":"!"`:                                    {false, 0, check.NoteBadID},
		`"severityNumber":25`:                             {false, 0, check.NoteBadLevel},
		`"severityNumber":300`:                            {false, 0, check.NoteBadLevel},
		`"severityNumber":-1`:                             {false, 0, check.NoteBadLevel},
		`"severityNumber":"17"`:                           {false, 17, ""},
		`"severityNumber":"9"`:                            {false, 9, ""},
		`"severityNumber":9.0`:                            {false, 9, ""},
		`"severityNumber":"SEVERITY_NUMBER_WARN"`:         {false, 13, ""},
		`"severityNumber":2147483648`:                     {false, 0, check.NoteBadLevel},
		`"severityNumber":4294967300`:                     {false, 0, check.NoteBadLevel},
		`"severityNumber":-99999999999`:                   {false, 0, check.NoteBadLevel},
		`"severityNumber":1e300`:                          {false, 0, check.NoteBadLevel},
		`"severityNumber":9.5`:                            {false, 0, check.NoteBadLevel},
		`"severityNumber":"high"`:                         {false, 0, check.NoteBadLevel},
		`"severityNumber":["x"]`:                          {false, 0, check.NoteBadLevel},
		`"severityNumber":true`:                           {false, 0, check.NoteBadLevel},
		`"flags":4294967296`:                              {false, 0, check.NoteBadNumber},
		`"droppedAttributesCount":-1`:                     {false, 0, check.NoteBadNumber},
		`"observedTimeUnixNano":{"seconds":1}`:            {false, 0, check.NoteBadNumber},
		`"traceId":["a"],"spanId":{"a":1}`:                {false, 0, "2 " + check.NoteBadID},
	} {
		f := newFixture(t, nil)
		resp, answer := f.post(t, "/v1/logs", contentJSON, "", []byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[`+record(more)+`]}]}]}`))
		require.Equal(t, http.StatusOK, resp.StatusCode, "%s: %s", more, answer)
		require.Len(t, f.bus.Records(signal.Logs.Topic()), 1, more)
		req := plogotlp.NewExportRequest()
		require.NoError(t, req.UnmarshalProto(f.bus.Records(signal.Logs.Topic())[0].Value))
		r := req.Logs().ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
		require.Equal(t, want.trace, !r.TraceID().IsEmpty(), more)
		require.Equal(t, want.level, int32(r.SeverityNumber()), more)
		require.Contains(t, string(answer), want.note, more)
	}
	f := newFixture(t, nil)
	body, err := proto.Marshal(&logspb.LogsData{ResourceLogs: []*logspb.ResourceLogs{{ScopeLogs: []*logspb.ScopeLogs{{LogRecords: []*logspb.LogRecord{
		{TimeUnixNano: uint64(now), SeverityNumber: 300, TraceId: []byte{1, 2, 3}}, {TimeUnixNano: uint64(now), SeverityNumber: -5},
	}}}}}})
	require.NoError(t, err)
	resp, answer := f.post(t, "/v1/logs", contentProto, "", body)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Contains(t, string(answer), "2 "+check.NoteBadLevel)
	require.Contains(t, string(answer), "1 "+check.NoteBadID)
}

// TestAfterTheObject: a body is one JSON object and nothing else.
func TestAfterTheObject(t *testing.T) {
	object, err := traces(1, nil).MarshalJSON()
	require.NoError(t, err)
	bad := []string{string(object), "{}", "x", "\x00", ",", "}", "null", "//"}
	for i, after := range append([]string{"", " \r\n\t"}, bad...) {
		want := http.StatusOK
		if i >= 2 {
			want = http.StatusBadRequest
		}
		f := newFixture(t, nil)
		resp, answer := f.post(t, "/v1/traces", contentJSON, "", append(append([]byte{}, object...), after...))
		require.Equal(t, want, resp.StatusCode, "%q: %s", after, answer)
		require.Len(t, f.bus.Records(signal.Traces.Topic()), map[int]int{200: 1}[want])
	}
	f := newFixture(t, nil)
	resp, answer := f.post(t, "/v1/traces", contentJSON, "", append([]byte(byteOrderMark), object...))
	require.Equal(t, http.StatusOK, resp.StatusCode, "%s", answer)
	require.Len(t, f.bus.Records(signal.Traces.Topic()), 1)
	for _, body := range []string{"[]", "null", `"x"`, "7", "{", `{"a":`, "\xef\xbb\xbf", "\xef\xbb\xbf\xef\xbb\xbf{}", "\xef\xbb{}", " "} {
		resp, answer := newFixture(t, nil).post(t, "/v1/traces", contentJSON, "", []byte(body))
		require.Equal(t, 400, resp.StatusCode, "%q: %s", body, answer)
	}
}

// FuzzCleanJSON: what is valid JSON stays valid, and what has no malformed id is not touched.
func FuzzCleanJSON(f *testing.F) {
	f.Add([]byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"x","spanId":"0102030405060708","parentSpanId":1}]}]}]}`))
	f.Add([]byte(`{"a":"\"","traceId":{"spanId":[]}} x`))
	f.Add([]byte(`{"spans":[{"traceId":["a",{"b":1}],"spanId":null,"parentSpanId":{"spanId":"x"},"kind":"9","name":null}]}`))
	f.Add([]byte(`{"logRecords":[{"\u0074raceId":"\u0037b8eff","severityNumber":4294967300,"timeUnixNano":1e3,"flags":"x","body":{"bytesValue":"\/\n"}}]}`))
	f.Add([]byte("\xef\xbb\xbf{\"\":null,\"kind\":-0.0,\"kind\":1e999}"))
	fields := jsonFields{}
	for _, s := range services() {
		maps.Copy(fields, s.json)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		clean, _, err := cleanJSON(body, fields)
		if err != nil {
			return
		}
		if json.Valid(body) && !json.Valid(clean) {
			t.Fatalf("%q became %q", body, clean)
		}
		again, n, err := cleanJSON(clean, fields)
		if err != nil || len(n) != 0 || string(again) != string(clean) {
			t.Fatalf("%q, cleaned again: %q, %v, %v", clean, again, n, err)
		}
	})
}

// FuzzEmptyIDs: whatever was a message stays one, of the same size.
func FuzzEmptyIDs(f *testing.F) {
	body, err := traces(2, func(_ int, s ptrace.Span) { s.SetParentSpanID(s.SpanID()) }).MarshalProto()
	require.NoError(f, err)
	f.Add(body)
	m := newSchema().traces
	f.Fuzz(func(t *testing.T, body []byte) {
		got, _ := emptyIDs(body, m)
		if len(got) != len(body) {
			t.Fatal("size changed")
		}
		if proto.Unmarshal(body, &tracepb.TracesData{}) == nil {
			if err := proto.Unmarshal(got, &tracepb.TracesData{}); err != nil {
				t.Fatal(err)
			}
		}
	})
}
