// SPDX-License-Identifier: Apache-2.0

package parse

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/strata-apm/strata/collector/logs/logstest"
)

func parseOne(t *testing.T, format Format, text string) plog.LogRecord {
	t.Helper()
	lr := plog.NewLogRecord()
	now := func() time.Time { return time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC) }
	New(format, time.UTC, now).Parse(text, lr)
	return lr
}

func TestParse(t *testing.T) {
	at, never := "2026-01-02T03:04:05Z", "1970-01-01T00:00:00Z"
	for name, tc := range map[string]struct {
		text, body, time string
		level            plog.SeverityNumber
		attrs            map[string]any
	}{
		"json": {
			`{"ts":"2026-01-02T03:04:05Z","level":"warn","msg":"slow","trace_id":"0af7651916cd43dd8448eb211c80319c","span_id":"b7ad6b7169203331","n":3,"d":1.5,"ok":true,"http":{"method":"GET"},"a":[1]}`,
			"slow", at, plog.SeverityNumberWarn,
			map[string]any{"n": int64(3), "d": 1.5, "ok": true, "http.method": "GET", "a": "[1]", "log.format": "json"},
		},
		"pino": {`{"level":50,"time":1767323045000,"msg":"x"}`, "x", at, plog.SeverityNumberError, map[string]any{"log.format": "json"}},
		"nginx access": {
			`10.0.0.1 - ann [02/Jan/2026:04:04:05 +0100] "GET /cart?id=1 HTTP/1.1" 502 157 "http://shop/" "curl/8 (x)"`, "", at, plog.SeverityNumberError,
			map[string]any{
				"client.address": "10.0.0.1", "user.name": "ann", "http.request.method": "GET", "url.path": "/cart", "url.query": "id=1",
				"network.protocol.version": "1.1", "http.response.status_code": int64(502), "http.response.body.size": int64(157),
				"http.request.header.referer": "http://shop/", "user_agent.original": "curl/8 (x)", "log.format": "access",
			},
		},
		"access, user of two words": {
			`10.0.0.1 - John Doe [02/Jan/2026:03:04:05 +0000] "GET / HTTP/1.1" 404 -`, "", at, plog.SeverityNumberWarn,
			map[string]any{
				"client.address": "10.0.0.1", "user.name": "John Doe", "http.request.method": "GET", "url.path": "/", "network.protocol.version": "1.1",
				"http.response.status_code": int64(404), "log.format": "access",
			},
		},
		"access, virtual host": {
			`shop.example:443 10.0.0.1 - [odd] [02/Jan/2026:03:04:05 +0000] "GET / HTTP/2.0" 200 5 "-" "x"`, "", at, plog.SeverityNumberInfo,
			map[string]any{
				"server.address": "shop.example", "server.port": int64(443), "client.address": "10.0.0.1", "user.name": "[odd]", "http.request.method": "GET", "url.path": "/",
				"network.protocol.version": "2.0", "http.response.status_code": int64(200), "http.response.body.size": int64(5), "user_agent.original": "x", "log.format": "access",
			},
		},
		"access, quotes": {
			`10.0.0.1 - - [02/Jan/2026:03:04:05 +0000] "GET /q?s=\"a b\" HTTP/1.1" 500 5 "http://x/\x22y\x22" "UA \"with\" \\ it"`, "", at, plog.SeverityNumberError,
			map[string]any{
				"client.address": "10.0.0.1", "http.request.method": "GET", "url.path": "/q", "url.query": `s="a b"`, "network.protocol.version": "1.1",
				"http.response.status_code": int64(500), "http.response.body.size": int64(5), "http.request.header.referer": `http://x/"y"`, "user_agent.original": `UA "with" \ it`,
				"log.format": "access",
			},
		},
		"access, no request": {
			`10.0.0.1 - - [02/Jan/2026:03:04:05 +0000] "\x16\x03\x01" 400 157 "-" "-"`, "", at, plog.SeverityNumberWarn,
			map[string]any{
				"client.address": "10.0.0.1", "http.response.status_code": int64(400), "http.response.body.size": int64(157), "user_agent.original": "-", "log.format": "access",
			},
		},
		"json, long numbers": {
			`{"msg":"x","u64":18446744073709551615,"neg":-9223372036854775808,"i64":9223372036854775807,"huge":123456789012345678901234567890,"e":1e400,"f":0.1,"in":{"a":[18446744073709551615]}}`,
			"x", never, 0,
			map[string]any{
				"u64": "18446744073709551615", "neg": int64(-9223372036854775808), "i64": int64(9223372036854775807), "huge": "123456789012345678901234567890", "e": "1e400",
				"f": 0.1, "in.a": "[18446744073709551615]", "log.format": "json",
			},
		},
		"json, levels":               {`{"msg":"x","level":"SEVERE"}`, "x", never, plog.SeverityNumberError, map[string]any{"log.format": "json"}},
		"json, level with its place": {`{"msg":"x","level":"DEBUG-4"}`, "x", never, plog.SeverityNumberTrace, map[string]any{"log.format": "json"}},
		"json, time without a zone":  {`{"msg":"x","time":"2026-01-02 03:04:05,000"}`, "x", at, 0, map[string]any{"log.format": "json"}},
		"tomcat access": {
			`0:0:0:0:0:0:0:1 - - [02/Jan/2026:03:04:05 +0000] "GET / HTTP/1.1" 200 -`, "", at, plog.SeverityNumberInfo,
			map[string]any{
				"client.address": "0:0:0:0:0:0:0:1", "http.request.method": "GET", "url.path": "/", "network.protocol.version": "1.1",
				"http.response.status_code": int64(200), "log.format": "access",
			},
		},
		"nginx error": {
			`2026/01/02 03:04:05 [error] 12#34: *5 connect() failed (111: Connection refused) while connecting to upstream, client: 10.0.0.1, server: shop, request: "GET / HTTP/1.1", upstream: "http://127.0.0.1:1/", host: "shop.example"`,
			"connect() failed (111: Connection refused) while connecting to upstream", at, plog.SeverityNumberError,
			map[string]any{
				"process.pid": int64(12), "client.address": "10.0.0.1", "nginx.server": "shop", "nginx.request": "GET / HTTP/1.1",
				"nginx.upstream": "http://127.0.0.1:1/", "server.address": "shop.example", "log.format": "nginx_error",
			},
		},
		"syslog": {
			`Jan  2 03:04:05 web-1 sshd[812]: Accepted publickey`, "Accepted publickey", at, 0,
			map[string]any{"syslog.appname": "sshd", "process.pid": int64(812), "log.format": "syslog"},
		},
		"syslog, last year": {
			`Dec 31 03:04:05 web-1 kernel: up`, "up", "2025-12-31T03:04:05Z", 0, map[string]any{"syslog.appname": "kernel", "log.format": "syslog"},
		},
		"syslog, RFC 3339": {
			`2026-01-02T03:04:05.000000+00:00 web-1 cron[1]: x: y`, "x: y", at, 0,
			map[string]any{"syslog.appname": "cron", "process.pid": int64(1), "log.format": "syslog"},
		},
		"tomcat": {
			"02-Jan-2026 03:04:05.000 SEVERE [main] org.apache.catalina.startup.Catalina.start failed\njava.lang.Error: x\n\tat a.b", "failed\njava.lang.Error: x\n\tat a.b",
			at, plog.SeverityNumberError,
			map[string]any{"thread.name": "main", "code.function.name": "org.apache.catalina.startup.Catalina.start", "log.format": "tomcat"},
		},
		"mariadb slow log": {
			"# Time: 260102  3:04:05\n# User@Host: app[app] @ localhost []\n# Thread_id: 5  Schema: shop  QC_hit: No\n# Query_time: 1.500000  Lock_time: 0.000100  Rows_sent: 1  Rows_examined: 2\nuse shop;\nSET timestamp=1767323045;\nSELECT *\nFROM cart;",
			"", at, plog.SeverityNumberWarn,
			map[string]any{
				"db.user": "app", "db.namespace": "shop", "db.system.name": "mysql", "db.query.text": "SELECT *\nFROM cart;", "mysql.query_time": 1.5,
				"mysql.lock_time": 0.0001, "mysql.rows_sent": 1.0, "mysql.rows_examined": 2.0, "log.format": "mysql_slow",
			},
		},
	} {
		lr := parseOne(t, Auto, tc.text)
		body := tc.body
		if body == "" {
			body = tc.text
		}
		require.Equal(t, body, lr.Body().Str(), name)
		require.Equal(t, tc.attrs, lr.Attributes().AsRaw(), name)
		require.Equal(t, tc.time, lr.Timestamp().AsTime().Format(time.RFC3339), name)
		require.Equal(t, tc.level, lr.SeverityNumber(), name)
		untouched := parseOne(t, None, tc.text)
		require.Equal(t, tc.text, untouched.Body().Str())
		require.Zero(t, untouched.Attributes().Len())
	}
	lr := parseOne(t, Auto, `{"trace_id":"0af7651916cd43dd8448eb211c80319c","span_id":"b7ad6b7169203331","message":"x"}`)
	require.Equal(t, "0af7651916cd43dd8448eb211c80319c", lr.TraceID().String())
	require.Equal(t, "b7ad6b7169203331", lr.SpanID().String())
}

// TestParseLeavesOtherText: what only resembles a format stays as it is.
func TestParseLeavesOtherText(t *testing.T) {
	for _, text := range []string{
		"", "hello", "{", "{}", `{"a":1} {"b":2}`, `[1]`, "2026/01/02 03:04:05 [error]", "2026/01/02 03:04:05 [error] x", "Jan 99 03:04:05 h a: b",
		"Jan  2 03:04:05", "# a comment", "# Time: now", `1.2.3.4 - - [never] "GET / HTTP/1.1" 200 1`, `a b c [02/Jan/2026:03:04:05 +0000] "x" y z`,
		"02-Jan-2026 03:04:05.000 INFO", "Error: something: else", "2026-01-02T03:04:05Z", "2026-01-02 03:04:05 INFO a: b", "GET / 200",
	} {
		lr := parseOne(t, Auto, text)
		require.Equal(t, text, lr.Body().Str())
		require.Zero(t, lr.Attributes().Len(), "%s: %v", text, lr.Attributes().AsRaw())
		require.Zero(t, lr.Timestamp(), text)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{`{"a":{"b":[1,{}]}}`, `{"ts":1.7e9,"level":{"name":"x"}}`, `{"@t":"1795941317470.1"}`, `{"ts":1e-99999999}`, "# User@Host: [", "Jan  2 03:04:05 a [: x", `- - - [02/Jan/2026:04:04:05 +0100] "" 200 1 "`, "2026/01/02 03:04:05 [] 1#: *"} {
		f.Add(seed)
	}
	p := New(Auto, time.UTC, time.Now)
	f.Fuzz(func(_ *testing.T, text string) { p.Parse(text, plog.NewLogRecord()) })
}

// TestContainerLines: the frame is taken off, parts keep their spaces, and what is inside is taken apart.
func TestContainerLines(t *testing.T) {
	lr := parseOne(t, Auto, "2026-01-02T03:04:05.5Z stdout P two \n2026-01-02T03:04:06Z stdout P  and \n2026-01-02T03:04:07Z stdout F  a half")
	require.Equal(t, "two  and  a half", lr.Body().Str())
	require.Equal(t, "2026-01-02T03:04:05.5Z", lr.Timestamp().AsTime().Format("2006-01-02T15:04:05.9Z07:00"))
	require.Equal(t, map[string]any{"log.iostream": "stdout"}, lr.Attributes().AsRaw())
	lr = parseOne(t, Auto, `2026-01-02T03:04:05.5Z stderr F {"level":"error","msg":"x","ts":"2026-01-02T03:04:04Z"}`)
	require.Equal(t, "x", lr.Body().Str())
	require.Equal(t, "2026-01-02T03:04:04Z", lr.Timestamp().AsTime().Format("2006-01-02T15:04:05Z07:00"))
	require.Equal(t, "  two\n  lines", parseOne(t, Auto, "2026-01-02T03:04:05Z stdout F   two\n2026-01-02T03:04:05Z stdout F   lines").Body().Str())
}

// TestColoured: formats are seen through colours, and text that is no format keeps its colours.
func TestColoured(t *testing.T) {
	for text := range logstest.Coloured() {
		require.Equal(t, text, parseOne(t, Auto, text).Body().Str())
	}
	lr := parseOne(t, Auto, "\x1b[2m2026/01/02 03:04:05 [error] 12#34: x\x1b[0m")
	require.Equal(t, "nginx_error", lr.Attributes().AsRaw()["log.format"])
}
