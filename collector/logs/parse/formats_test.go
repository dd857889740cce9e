// SPDX-License-Identifier: Apache-2.0

package parse

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
)

// parsed is what became of a text.
type parsed struct {
	body  string
	time  string // RFC 3339, empty for none
	level plog.SeverityNumber
	attrs map[string]any
}

func parsedOf(t *testing.T, format Format, text string) parsed {
	t.Helper()
	lr := parseOne(t, format, text)
	out := parsed{lr.Body().AsString(), "", lr.SeverityNumber(), lr.Attributes().AsRaw()}
	if lr.Timestamp() != 0 {
		out.time = lr.Timestamp().AsTime().Format(time.RFC3339Nano)
	}
	return out
}

// untouched checks that texts are of no format: they stay as they are.
func untouched(t *testing.T, format Format, texts ...string) {
	t.Helper()
	for _, text := range texts {
		require.Equal(t, parsed{text, "", 0, map[string]any{}}, parsedOf(t, format, text), "%s: %q", format, text)
	}
}

// TestFormats: each format by its name takes apart what is of it alone.
func TestFormats(t *testing.T) {
	samples := map[Format]string{
		JSON: `{"msg":"x"}`, Access: `10.0.0.1 - - [02/Jan/2026:03:04:05 +0000] "GET / HTTP/1.1" 200 5`, NginxError: "2026/01/02 03:04:05 [error] 12#34: x",
		Syslog: "Jan  2 03:04:05 web-1 cron: x", Tomcat: "02-Jan-2026 03:04:05.678 INFO [main] a.b.c x", MySQLSlow: "# User@Host: app[app] @ h []\n# Query_time: 1.5\nSELECT 1;",
	}
	for _, format := range Formats() {
		for of, text := range samples {
			got := parsedOf(t, format, text)
			if format == of || format == Auto {
				require.Equal(t, string(of), got.attrs["log.format"], "%s as %s", of, format)
				continue
			}
			untouched(t, format, text)
		}
	}
	require.Equal(t, parsedOf(t, Auto, samples[JSON]), parsedOf(t, "", samples[JSON]), "without a name it is found out")
}

func TestAccess(t *testing.T) {
	const ok = `10.0.0.1 - - [02/Jan/2026:03:04:05 +0000] "GET / HTTP/1.1" 200 5`
	for status, level := range map[int]plog.SeverityNumber{
		100: plog.SeverityNumberInfo, 304: plog.SeverityNumberInfo, 399: plog.SeverityNumberInfo, 400: plog.SeverityNumberWarn, 499: plog.SeverityNumberWarn, 500: plog.SeverityNumberError, 999: plog.SeverityNumberError,
	} {
		got := parsedOf(t, Access, strings.Replace(ok, " 200 ", fmt.Sprintf(" %d ", status), 1))
		require.Equal(t, level, got.level, status)
		require.Equal(t, int64(status), got.attrs["http.response.status_code"])
	}
	for _, stamp := range []string{"02/Jan/2026:03:04:05 +0000", "02/Jan/2026:03:04:05.000 +0000", "2026-01-02T03:04:05Z", "02/Jan/2026:04:04:05 +0100"} {
		require.Equal(t, "2026-01-02T03:04:05Z", parsedOf(t, Access, strings.Replace(ok, "02/Jan/2026:03:04:05 +0000", stamp, 1)).time, stamp)
	}
	untouched(t, Access, "", "10.0.0.1 - -", strings.Replace(ok, " 200 5", "", 1), strings.Replace(ok, " 200 ", " 99 ", 1), strings.Replace(ok, " 200 ", " 1000 ", 1), strings.Replace(ok, " 200 ", " OK ", 1),
		strings.Replace(ok, `HTTP/1.1"`, "HTTP/1.1", 1), strings.Replace(ok, "] ", "]", 1), strings.Replace(ok, "02/Jan", "32/Jan", 1), strings.Replace(ok, "10.0.0.1 - - ", "10.0.0.1 - ", 1))
	for request, want := range map[string]map[string]any{
		"GET /a b c HTTP/1.0":     {"http.request.method": "GET", "url.path": "/a b c", "network.protocol.version": "1.0"},
		"GET /a?b=c?d&e HTTP/2":   {"http.request.method": "GET", "url.path": "/a", "url.query": "b=c?d&e", "network.protocol.version": "2"},
		"GET /a?  HTTP/1.1":       {"http.request.method": "GET", "url.path": "/a", "url.query": " ", "network.protocol.version": "1.1"},
		"-":                       {},
		"GET /":                   {},
		`\x16\x03\x01`:            {},
		`GET /\"q\" HTTP/1.1`:     {"http.request.method": "GET", "url.path": `/"q"`, "network.protocol.version": "1.1"},
		`GET /\x22\xe9 HTTP/1.1`:  {"http.request.method": "GET", "url.path": `/"\xe9`, "network.protocol.version": "1.1"},
		`GET /a\\b\n\x2 HTTP/1.1`: {"http.request.method": "GET", "url.path": `/a\b\n\x2`, "network.protocol.version": "1.1"},
	} {
		got := parsedOf(t, Access, strings.Replace(ok, "GET / HTTP/1.1", request, 1))
		for _, name := range []string{"http.request.method", "url.path", "url.query", "network.protocol.version"} {
			require.Equal(t, want[name], got.attrs[name], "%s: %s", request, name)
		}
	}
	got := parsedOf(t, Access, `shop.example 10.0.0.1 - - [02/Jan/2026:03:04:05 +0000] "GET / HTTP/1.1" 200 5 "only a referrer"`)
	require.Equal(t, "shop.example", got.attrs["server.address"])
	require.NotContains(t, got.attrs, "server.port")
	require.NotContains(t, got.attrs, "http.request.header.referer", "the two come together")
	require.Equal(t, `"ann b"`[1:6], parsedOf(t, Access, `10.0.0.1 - "ann b" [02/Jan/2026:03:04:05 +0000] "GET / HTTP/1.1" 200 5`).attrs["user.name"])
}

func TestNginxError(t *testing.T) {
	const head = "2026/01/02 03:04:05 "
	for text, want := range map[string]parsed{
		head + "[crit] 12#34: x":         {"x", "2026-01-02T03:04:05Z", plog.SeverityNumberFatal, map[string]any{"process.pid": int64(12)}},
		head + "[odd] 12#34: x":          {"x", "2026-01-02T03:04:05Z", 0, map[string]any{"process.pid": int64(12)}},
		head + "[error] 1#2: *7 a: b":    {"a: b", "2026-01-02T03:04:05Z", plog.SeverityNumberError, map[string]any{"process.pid": int64(1)}},
		head + "[error] 1#2: *7":         {"*7", "2026-01-02T03:04:05Z", plog.SeverityNumberError, map[string]any{"process.pid": int64(1)}},
		head + "[warn] 1#2: x, client: ": {"x", "2026-01-02T03:04:05Z", plog.SeverityNumberWarn, map[string]any{"process.pid": int64(1)}},
		head + "[error] 1#2: , client: a, client: b, server: s": {", client: a", "2026-01-02T03:04:05Z", plog.SeverityNumberError, map[string]any{
			"process.pid": int64(1), "client.address": "b", "nginx.server": "s",
		}},
	} {
		want.attrs["log.format"] = "nginx_error"
		require.Equal(t, want, parsedOf(t, NginxError, text), text)
	}
	untouched(t, NginxError, "", head, head+"[error] x#1: y", head+"[error] 1: y", head+"[error 1#2: y", head+"error] 1#2: y", "2026/13/02 03:04:05 [error] 1#2: x", head+"[error] 1#2 y")
}

func TestSyslogFiles(t *testing.T) {
	untouched(t, Syslog, "", "Jan  2 03:04:05", "Jan  2 03:04:05 host", "Jan  2 03:04:05 host no tag", "Jan  2 03:04:05 host a b: c", "Jan  2 03:04:05 host {\"a\": 1}", "Jan  2 03:04:05 host cron[x]: y",
		"Jan  2 03:04:05 host "+strings.Repeat("x", 65)+": y", "2026-01-02 03:04:05 host a: b", "Jan 32 03:04:05 host a: b")
	require.Equal(t, parsed{"b: c", "2026-01-02T03:04:05Z", 0, map[string]any{"syslog.appname": "a", "process.pid": int64(-1), "log.format": "syslog"}}, parsedOf(t, Syslog, "Jan  2 03:04:05 host a[-1]: b: c"))
}

func TestTomcat(t *testing.T) {
	const head = "02-Jan-2026 03:04:05.678 "
	require.Equal(t, parsed{"msg", "2026-01-02T03:04:05.678Z", 0, map[string]any{"thread.name": "a] b"[:1], "code.function.name": "c.d", "log.format": "tomcat"}}, parsedOf(t, Tomcat, head+"ODD [a] c.d msg"))
	untouched(t, Tomcat, "", head, head+"INFO main] a b", head+"INFO [main a b", head+"INFO [main] a", "32-Jan-2026 03:04:05.678 INFO [main] a b", "02/Jan/2026 03:04:05.678 INFO [main] a b")
}

func TestMySQLSlow(t *testing.T) {
	got := parsedOf(t, MySQLSlow, "# User@Host: root[root] @  [10.0.0.1]  Id: 5\r\n# Query_time: 2.5  Lock_time: x Rows_affected: 7\r\nuse shop;\r\nUSE it;\r\n")
	require.Equal(t, map[string]any{
		"db.user": "root", "mysql.query_time": 2.5, "mysql.rows_affected": 7.0, "db.namespace": "shop", "db.system.name": "mysql", "db.query.text": "USE it;", "log.format": "mysql_slow",
	}, got.attrs)
	require.Equal(t, plog.SeverityNumberWarn, got.level)
	require.Empty(t, got.time, "SET timestamp has it")
	require.Empty(t, parsedOf(t, MySQLSlow, "# Time: x\n# Query_time: 1\nSET timestamp=soon;\n").time)
	lr := parseOne(t, MySQLSlow, "# Time: 260102  3:04:05\n# nothing of a query")
	require.Equal(t, "# Time: 260102  3:04:05\n# nothing of a query", lr.Body().Str())
	require.NotContains(t, lr.Attributes().AsRaw(), "log.format")
	require.Zero(t, lr.SeverityNumber())
}

// TestJSONBodies: the message by any of its names; without one the text stays the body.
func TestJSONBodies(t *testing.T) {
	for _, name := range []string{"message", "msg", "@m", "event", "log", "Message", "@mt"} {
		require.Equal(t, parsed{"hello", "", 0, map[string]any{"n": int64(1), "log.format": "json"}}, parsedOf(t, JSON, `{"`+name+`":"hello","n":1}`), name)
	}
	require.Equal(t, "42", parsedOf(t, JSON, `{"msg":42}`).body)
	require.Equal(t, parsed{"a", "", 0, map[string]any{"msg": "b", "log.format": "json"}}, parsedOf(t, JSON, `{"msg":"b","message":"a"}`), "the first name counts, the other stays")
	for _, text := range []string{`{"n":1}`, `{"msg":null,"n":1}`, `{"msg":true}`, `{"msg":{"a":"b"}}`} {
		require.Equal(t, text, parsedOf(t, JSON, text).body)
	}
	untouched(t, JSON, "", "{", "[]", "null", `"x"`, `{"a":1}x`, `{"a":1} {"b":2}`, "{'a':1}", "{}")
}

// TestJSONDepth: objects are taken apart to a depth, and one with too many members stays as it is.
func TestJSONDepth(t *testing.T) {
	got := parsedOf(t, JSON, `{"a":{"b":{"c":{"d":1}}},"empty":{},"list":[{"x":1},"é"],"nil":null,"b":false,"f":2.50}`)
	require.Equal(t, map[string]any{"a.b.c": `{"d":1}`, "empty": "{}", "list": `[{"x":1},"é"]`, "b": false, "f": 2.5, "log.format": "json"}, got.attrs)
	members := func(n int) string {
		m := map[string]any{}
		for i := range n {
			m[fmt.Sprint("k", i)] = i
		}
		b, err := json.Marshal(map[string]any{"in": m})
		require.NoError(t, err)
		return string(b)
	}
	require.Len(t, parsedOf(t, JSON, members(maxFields)).attrs, maxFields+1)
	untouched(t, JSON, members(maxFields+1))
}

// TestJSONNumbers: a number that no type holds keeps its digits as text.
func TestJSONNumbers(t *testing.T) {
	for text, want := range map[string]any{
		"0": int64(0), "-7": int64(-7), "9223372036854775807": int64(9223372036854775807), "9223372036854775808": "9223372036854775808", "1.0": 1.0, "-0.5": -0.5, "1e3": 1000.0,
		"0.1234567890123456789": "0.1234567890123456789", "1e-400": "1e-400", "1.5e308": 1.5e308,
	} {
		require.Equal(t, want, parsedOf(t, JSON, `{"msg":"x","n":`+text+`}`).attrs["n"], text)
	}
}

// TestJSONTrace: ids of the proper length join a record to its trace; others stay attributes.
func TestJSONTrace(t *testing.T) {
	const trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	for _, names := range [][2]string{{"trace_id", "span_id"}, {"traceId", "spanId"}, {"traceID", "spanID"}, {"trace.id", "span.id"}} {
		lr := parseOne(t, JSON, fmt.Sprintf(`{"msg":"x","%s":"%s","%s":"%s"}`, names[0], trace, names[1], strings.ToUpper(span)))
		require.Equal(t, trace, lr.TraceID().String())
		require.Equal(t, span, lr.SpanID().String())
		require.Equal(t, 1, lr.Attributes().Len())
	}
	for _, id := range []string{"", "0", trace[:30], trace + "00", strings.Repeat("x", 32)} {
		lr := parseOne(t, JSON, fmt.Sprintf(`{"msg":"x","trace_id":%q}`, id))
		require.True(t, lr.TraceID().IsEmpty(), id)
		require.Equal(t, id, lr.Attributes().AsRaw()["trace_id"])
	}
	lr := parseOne(t, JSON, `{"msg":"x","trace.id":"`+trace+`","trace":{"id":"y"},"span_id":5}`)
	require.Equal(t, int64(5), lr.Attributes().AsRaw()["span_id"])
}

// TestJSONLevelNumbers: pino and bunyan number their levels.
func TestJSONLevelNumbers(t *testing.T) {
	for n, want := range map[string]plog.SeverityNumber{
		"10": plog.SeverityNumberTrace, "20": plog.SeverityNumberDebug, "30": plog.SeverityNumberInfo, "40": plog.SeverityNumberWarn, "50": plog.SeverityNumberError, "60": plog.SeverityNumberFatal, "70": 0,
	} {
		lr := parseOne(t, JSON, `{"msg":"x","level":`+n+`}`)
		require.Equal(t, want, lr.SeverityNumber(), n)
		_, stays := lr.Attributes().Get("level")
		require.Equal(t, want == 0, stays, n)
	}
	got := parsedOf(t, JSON, `{"msg":"x","level":"unknown","severity":"WARN"}`)
	require.Equal(t, plog.SeverityNumberWarn, got.level)
	require.Equal(t, "unknown", got.attrs["level"], "of several the first that is a level")
	for letters, want := range map[string]plog.SeverityNumber{"D1": plog.SeverityNumberDebug, "F": plog.SeverityNumberFatal, "": 0, "X": 0} {
		require.Equal(t, want, parsedOf(t, JSON, `{"t":{"$date":"2026-11-29T08:35:17Z"},"s":"`+letters+`","msg":"x"}`).level, letters)
	}
}

// TestHeadTime: a record without a time has the one at its head, through colours, and None reads nothing.
func TestHeadTime(t *testing.T) {
	now := func() time.Time { return time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC) }
	head := func(format Format, text string, known time.Time) string {
		lr := plog.NewLogRecord()
		if !known.IsZero() {
			lr.SetTimestamp(5)
		}
		New(format, time.UTC, now).HeadTime(text, lr)
		if lr.Timestamp() == 0 {
			return ""
		}
		return lr.Timestamp().AsTime().Format(time.RFC3339Nano)
	}
	require.Equal(t, "2026-01-02T03:04:05Z", head(Auto, "2026-01-02 03:04:05 x", time.Time{}))
	require.Equal(t, "2026-01-02T03:04:05Z", head(JSON, "\x1b[2m2026-01-02\x1b[0m \x1b[2m03:04:05\x1b[0m x", time.Time{}))
	require.Equal(t, "1970-01-01T00:00:00.000000005Z", head(Auto, "2026-01-02 03:04:05 x", now()))
	require.Empty(t, head(None, "2026-01-02 03:04:05 x", time.Time{}))
	require.Empty(t, head(Auto, "no time", time.Time{}))
	require.Empty(t, head(Auto, strings.Repeat("\x1b[0m", maxHead)+"2026-01-02 03:04:05", time.Time{}), "beyond what is looked at")
}

// TestContainerFrames: a frame whose time is none, or lines that are not all framed, are no container's.
func TestContainerFrames(t *testing.T) {
	const stamp = "2026-01-02T03:04:05Z stdout F "
	untouched(t, Access, "2026-01-99T03:04:05Z stdout F x", stamp+"x\nno frame", "x\n"+stamp+"y")
	untouched(t, None, stamp+"x")
	require.Equal(t, parsed{"", "2026-01-02T03:04:05Z", 0, map[string]any{"log.iostream": "stdout"}}, parsedOf(t, Auto, stamp))
	require.Equal(t, "a\n\nb", parsedOf(t, Auto, stamp+"a\r\n"+stamp+"\n"+stamp+"b").body)
	got := parsedOf(t, Auto, stamp+`10.0.0.1 - - [02/Jan/2025:03:04:05 +0000] "GET / HTTP/1.1" 500 5`)
	require.Equal(t, "2025-01-02T03:04:05Z", got.time, "the inner time counts")
	require.Equal(t, "access", got.attrs["log.format"])
	require.Equal(t, plog.SeverityNumberError, got.level)
	require.True(t, strings.HasPrefix(got.body, "10.0.0.1"), "the frame is taken off the body")
}

// TestJournalPriorities: the priority of an entry is its level; a wrong priority, and a record that is no entry, stay without.
func TestJournalPriorities(t *testing.T) {
	for priority, want := range map[string]string{"0": "emerg", "3": "err", "7": "debug", "8": "", "-1": "", "x": "", "": ""} {
		lr := plog.NewLogRecord()
		m := lr.Body().SetEmptyMap()
		m.PutStr("MESSAGE", "a\xff\n")
		m.PutStr("PRIORITY", priority)
		m.PutStr("_PID", "none")
		Journal(lr)
		require.Equal(t, "a\ufffd", lr.Body().Str())
		require.Equal(t, want, lr.SeverityText(), priority)
		require.Empty(t, lr.Attributes().AsRaw())
	}
	lr := plog.NewLogRecord()
	lr.Body().SetStr("no entry")
	Journal(lr)
	require.Equal(t, "no entry", lr.Body().Str())
	lr = plog.NewLogRecord()
	lr.Body().SetEmptyMap().PutEmptyBytes("MESSAGE").FromRaw([]byte("x"))
	Journal(lr)
	require.NotEmpty(t, lr.Body().Str(), "a message that journald took for bytes is not lost")
}
