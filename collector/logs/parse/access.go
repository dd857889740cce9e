// SPDX-License-Identifier: Apache-2.0

package parse

import (
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/strata-apm/strata/collector/logs/levels"
	"github.com/strata-apm/strata/collector/logs/when"
)

// access reads: [VHOST[:PORT]] ADDRESS IDENT USER [TIME] "METHOD PATH PROTOCOL" STATUS BYTES ["REFERRER" "AGENT"]. A user may have spaces in it, and quotes
// inside of quotes are escaped, by Apache and nginx as \" or \x22.
func access(text string, lr plog.LogRecord) bool {
	head, rest, at, ok := accessTime(text)
	if !ok {
		return false
	}
	request, rest, ok := accessQuoted(rest)
	numbers := strings.Fields(rest)
	if !ok || len(numbers) < 2 {
		return false
	}
	status, err := strconv.Atoi(numbers[0])
	if err != nil || status < 100 || status > 999 || !accessClient(head, lr) {
		return false
	}
	when.SetTime(lr, at)
	a := lr.Attributes()
	if method, target, ok := strings.Cut(request, " "); ok {
		// The path of a broken client may have spaces in it.
		if i := strings.LastIndex(target, " HTTP/"); i >= 0 {
			a.PutStr("http.request.method", method)
			path, query, _ := strings.Cut(target[:i], "?")
			a.PutStr("url.path", path)
			if query != "" {
				a.PutStr("url.query", query)
			}
			a.PutStr("network.protocol.version", target[i+len(" HTTP/"):])
		}
	}
	a.PutInt("http.response.status_code", int64(status))
	if n, err := strconv.ParseInt(numbers[1], 10, 64); err == nil {
		a.PutInt("http.response.body.size", n)
	}
	if referrer, rest, ok := accessQuoted(rest); ok {
		if agent, _, ok := accessQuoted(rest); ok {
			if referrer != "-" {
				a.PutStr("http.request.header.referer", referrer)
			}
			a.PutStr("user_agent.original", agent)
		}
	}
	switch {
	case status >= 500:
		levels.Set(lr, "ERROR", plog.SeverityNumberError)
	case status >= 400:
		levels.Set(lr, "WARN", plog.SeverityNumberWarn)
	default:
		levels.Set(lr, "INFO", plog.SeverityNumberInfo)
	}
	return true
}

// accessTime finds the time in brackets. A user may have brackets in its name, so the first that hold a time count.
func accessTime(text string) (head, rest string, at time.Time, ok bool) {
	for from := 0; ; {
		i := strings.Index(text[from:], " [")
		if i < 0 {
			return "", "", at, false
		}
		from += i + 2
		stamp, rest, ok := strings.Cut(text[from:], "] ")
		if !ok {
			return "", "", at, false
		}
		for _, layout := range []string{"02/Jan/2006:15:04:05 -0700", "02/Jan/2006:15:04:05.000 -0700", time.RFC3339} {
			if at, err := time.Parse(layout, stamp); err == nil {
				return text[:from-2], rest, at, true
			}
		}
	}
}

// accessClient reads who asked whom.
func accessClient(head string, lr plog.LogRecord) bool {
	fields := strings.Fields(head)
	if len(fields) < 3 {
		return false
	}
	a := lr.Attributes()
	// With a virtual host before it the address is the second word: then the ident, which hardly anybody has, is the third and not the second.
	if len(fields) > 3 && fields[1] != "-" && fields[2] == "-" {
		host, port, ok := strings.Cut(fields[0], ":")
		a.PutStr("server.address", host)
		if n, err := strconv.ParseInt(port, 10, 32); ok && err == nil {
			a.PutInt("server.port", n)
		}
		fields = fields[1:]
		_, head, _ = strings.Cut(strings.TrimLeft(head, " "), " ")
	}
	a.PutStr("client.address", fields[0])
	user := strings.TrimLeft(head, " ")
	for range 2 {
		_, user, _ = strings.Cut(user, " ")
		user = strings.TrimLeft(user, " ")
	}
	if user = strings.Trim(user, `"`); user != "-" && user != "" {
		a.PutStr("user.name", user)
	}
	return true
}

// accessQuoted takes the next quoted text off, with what is escaped in it as it was.
func accessQuoted(text string) (inside, rest string, ok bool) {
	_, text, ok = strings.Cut(text, `"`)
	if !ok {
		return "", "", false
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return b.String(), text[i+1:], true
		case c == '\\' && i+3 < len(text) && text[i+1] == 'x':
			if n, err := strconv.ParseUint(text[i+2:i+4], 16, 8); err == nil && n >= ' ' && n < 0x7f {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
			b.WriteByte(c)
		case c == '\\' && i+1 < len(text) && (text[i+1] == '"' || text[i+1] == '\\'):
			i++
			b.WriteByte(text[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", "", false
}
