// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/strata-apm/strata/collector/logs/when"
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
	body, ok := take(fields, "message", "msg", "event", "log")
	if ok {
		lr.Body().SetStr(body)
	}
	if level, ok := take(fields, "level", "severity", "lvl", "log.level", "levelname", "severity_text"); ok {
		number := Severity(level)
		if number == plog.SeverityNumberUnspecified {
			number = bunyan(level)
		}
		if number == plog.SeverityNumberUnspecified {
			fields["level"] = level
		} else {
			setLevel(lr, level, number)
		}
	}
	for _, name := range []string{"time", "timestamp", "@timestamp", "ts", "asctime"} {
		if at, ok := p.jsonTime(fields[name]); ok {
			when.SetTime(lr, at)
			delete(fields, name)
			break
		}
	}
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
			b, _ := json.Marshal(v) // What came out of JSON goes into it.
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

// bunyan is the level as pino and bunyan number it.
func bunyan(level string) plog.SeverityNumber {
	switch level {
	case "10":
		return plog.SeverityNumberTrace
	case "20":
		return plog.SeverityNumberDebug
	case "30":
		return plog.SeverityNumberInfo
	case "40":
		return plog.SeverityNumberWarn
	case "50":
		return plog.SeverityNumberError
	case "60":
		return plog.SeverityNumberFatal
	default:
		return plog.SeverityNumberUnspecified
	}
}

// jsonTime reads RFC 3339 and its usual variants, and numbers since 1970 in s, ms, µs or ns by their size.
func (p *Parser) jsonTime(v any) (time.Time, bool) {
	switch v := v.(type) {
	case string:
		if at, rest, ok := when.Leading(v, p.zone, p.now()); ok && rest == "" {
			return at, true
		}
	case json.Number:
		f, err := strconv.ParseFloat(v.String(), 64)
		if err != nil || f < 1e8 || f >= 1e19 {
			return time.Time{}, false
		}
		for _, unit := range []struct {
			below float64
			ns    float64
		}{{1e11, 1e9}, {1e14, 1e6}, {1e17, 1e3}} {
			if f < unit.below {
				return time.Unix(0, int64(f*unit.ns)).UTC(), true
			}
		}
		return time.Unix(0, int64(f)).UTC(), true
	}
	return time.Time{}, false
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
