// SPDX-License-Identifier: Apache-2.0

package parse

import (
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

const (
	// maxFields is how many members of a JSON record become attributes; one with more stays as it is.
	maxFields = 64
	// maxFieldDepth is how deep objects are taken apart; what lies deeper is JSON text.
	maxFieldDepth = 3
)

// json reads one object: time, level, message, trace and span by their usual names, everything else as attributes with dots for depth.
func (p *Parser) json(text string, lr plog.LogRecord) bool {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var object map[string]any
	if dec.Decode(&object) != nil || len(object) == 0 || dec.More() {
		return false
	}
	fields := make(map[string]any)
	if !flatten("", object, fields, 1) {
		return false
	}
	body, ok := take(fields, "message", "msg", "@m", "event", "log", "Message", "@mt")
	if ok {
		lr.Body().SetStr(body)
	}
	takeLevel(fields, lr)
	p.takeTime(fields, lr)
	setTrace(fields, lr)
	for k, v := range fields {
		switch v := v.(type) {
		case string:
			lr.Attributes().PutStr(k, v)
		case bool:
			lr.Attributes().PutBool(k, v)
		case json.Number:
			if n, err := v.Int64(); err == nil {
				lr.Attributes().PutInt(k, n)
			} else if f, err := v.Float64(); err == nil && exact(v.String(), f) {
				lr.Attributes().PutDouble(k, f)
			} else { // Its digits are worth more than its being a number.
				lr.Attributes().PutStr(k, v.String())
			}
		}
	}
	return true
}

// exact says whether a number is told by its float: whole numbers are not where they have more digits than that holds.
func exact(text string, f float64) bool {
	if !strings.ContainsAny(text, ".eE") {
		return false // It is beyond int64.
	}
	if mantissa, _, _ := strings.Cut(strings.ToLower(text), "e"); f == 0 && strings.ContainsAny(mantissa, "123456789") {
		return false // It is too small for a float.
	}
	return len(strings.Trim(text, "-.0")) <= 17 || strconv.FormatFloat(f, 'g', -1, 64) == text
}

// flatten gives nested members dotted names. It returns false for too many.
func flatten(prefix string, object, into map[string]any, depth int) bool {
	for k, v := range object {
		name := prefix + k
		switch v := v.(type) {
		case nil:
			continue
		case map[string]any:
			if depth < maxFieldDepth && len(v) > 0 {
				if !flatten(name+".", v, into, depth+1) {
					return false
				}
				continue
			}
			b, _ := json.Marshal(v) // A value that came out of JSON goes into it.
			into[name] = string(b)
		case []any:
			b, _ := json.Marshal(v)
			into[name] = string(b)
		default:
			into[name] = v
		}
		if len(into) > maxFields {
			return false
		}
	}
	return true
}

// take removes the first of the members that is there and returns it as text.
func take(fields map[string]any, names ...string) (string, bool) {
	for _, name := range names {
		switch v := fields[name].(type) {
		case string:
			delete(fields, name)
			return v, true
		case json.Number:
			delete(fields, name)
			return v.String(), true
		}
	}
	return "", false
}

// setTrace joins the record to its trace where ids have their proper length.
func setTrace(fields map[string]any, lr plog.LogRecord) {
	var trace pcommon.TraceID
	var span pcommon.SpanID
	if name, ok := hexField(fields, trace[:], "trace_id", "traceId", "traceID", "trace.id"); ok {
		lr.SetTraceID(trace)
		delete(fields, name)
	}
	if name, ok := hexField(fields, span[:], "span_id", "spanId", "spanID", "span.id"); ok {
		lr.SetSpanID(span)
		delete(fields, name)
	}
}

func hexField(fields map[string]any, into []byte, names ...string) (string, bool) {
	for _, name := range names {
		s, ok := fields[name].(string)
		if !ok || len(s) != 2*len(into) {
			continue
		}
		if _, err := hex.Decode(into, []byte(s)); err == nil {
			return name, true
		}
	}
	return "", false
}
