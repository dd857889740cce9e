// SPDX-License-Identifier: Apache-2.0

// Package parse takes the texts of log records apart: well-known formats become a time, a level and attributes.
package parse

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/strata-apm/strata/collector/logs/chars"
	"github.com/strata-apm/strata/collector/logs/levels"
	"github.com/strata-apm/strata/collector/logs/when"
)

// maxHead is how many bytes of a text are searched for a time at its head, with control sequences of terminals.
const maxHead = 640

// Format is how the text of a record is taken apart.
type Format string

// The formats. Auto tries all of them on each record, None takes nothing apart.
const (
	Auto       Format = "auto"
	None       Format = "none"
	JSON       Format = "json"
	Access     Format = "access"      // common and combined access logs of nginx, Apache and Tomcat
	NginxError Format = "nginx_error" // nginx' error log
	Syslog     Format = "syslog"      // /var/log/syslog with classic or ISO times
	Tomcat     Format = "tomcat"      // catalina.out
	MySQLSlow  Format = "mysql_slow"  // the slow log of MySQL and MariaDB
)

// Formats lists every valid format.
func Formats() []Format {
	return []Format{Auto, None, JSON, Access, NginxError, Syslog, Tomcat, MySQLSlow}
}

// Parser takes texts apart. The zone is for times that name none. Safe for concurrent use.
type Parser struct {
	format Format
	zone   *time.Location
	now    func() time.Time
}

// New returns a parser of one format.
func New(format Format, zone *time.Location, now func() time.Time) *Parser {
	if format == "" {
		format = Auto
	}
	return &Parser{format: format, zone: zone, now: now}
}

// Parse fills the record from its text. Text that is not of the format stays the body, and nothing is lost of one that is: what is not an attribute
// is in the body.
func (p *Parser) Parse(text string, lr plog.LogRecord) {
	// The frame that a container's runtime puts around lines is no part of any format.
	if p.format != None && p.container(text, lr) {
		return
	}
	if p.format == None || !p.parsePlain(text, lr) {
		lr.Body().SetStr(text)
		return
	}
	if lr.Body().Type() == pcommon.ValueTypeEmpty {
		lr.Body().SetStr(text)
	}
}

// HeadTime gives a record without a time the one at the head of its first line.
func (p *Parser) HeadTime(text string, lr plog.LogRecord) {
	if p.format == None || lr.Timestamp() != 0 {
		return
	}
	if at, ok := when.Head(chars.Plain(text[:min(len(text), maxHead)]), p.zone, p.now()); ok {
		when.SetTime(lr, at)
	}
}

// parsePlain takes a text apart as it is, or else without the control sequences of terminals in it.
func (p *Parser) parsePlain(text string, lr plog.LogRecord) bool {
	if p.parse(text, lr) {
		return true
	}
	plain := chars.Plain(text)
	return plain != text && p.parse(plain, lr)
}

func (p *Parser) parse(text string, lr plog.LogRecord) bool {
	if p.format != Auto {
		return p.as(p.format, text, lr)
	}
	if text == "" {
		return false
	}
	// The first byte rules most of them out.
	switch c := text[0]; {
	case c == '{':
		return p.as(JSON, text, lr)
	case c == '#':
		return p.as(MySQLSlow, text, lr)
	case c >= '0' && c <= '9':
		return p.as(NginxError, text, lr) || p.as(Tomcat, text, lr) || p.as(Access, text, lr) || p.as(Syslog, text, lr)
	case c >= 'A' && c <= 'Z':
		return p.as(Syslog, text, lr) || p.as(Access, text, lr)
	default:
		return p.as(Access, text, lr)
	}
}

func (p *Parser) as(format Format, text string, lr plog.LogRecord) bool {
	var ok bool
	switch format {
	case JSON:
		ok = p.json(text, lr)
	case Access:
		ok = access(text, lr)
	case NginxError:
		ok = p.nginxError(text, lr)
	case Syslog:
		ok = p.syslog(text, lr)
	case Tomcat:
		ok = p.tomcat(text, lr)
	case MySQLSlow:
		ok = mysqlSlow(text, lr)
	case Auto, None:
	}
	if ok {
		lr.Attributes().PutStr("log.format", string(format))
	}
	return ok
}

// nginxError reads: 2026/01/02 03:04:05 [error] 12#34: *5 MESSAGE, client: …, server: …, request: "…", upstream: "…", host: "…".
func (p *Parser) nginxError(text string, lr plog.LogRecord) bool {
	const layout = "2006/01/02 15:04:05"
	if len(text) < len(layout)+4 || text[4] != '/' || text[len(layout)+1] != '[' {
		return false
	}
	at, err := time.ParseInLocation(layout, text[:len(layout)], p.zone)
	level, rest, ok := strings.Cut(text[len(layout)+2:], "] ")
	if err != nil || !ok {
		return false
	}
	pid, rest, ok := strings.Cut(rest, "#")
	n, err := strconv.ParseInt(pid, 10, 64)
	_, message, ok2 := strings.Cut(rest, ": ")
	if err != nil || !ok || !ok2 {
		return false
	}
	when.SetTime(lr, at)
	lr.Attributes().PutInt("process.pid", n)
	if number := levels.Number(level); number != plog.SeverityNumberUnspecified {
		levels.Set(lr, level, number)
	}
	if strings.HasPrefix(message, "*") {
		if _, m, ok := strings.Cut(message, " "); ok {
			message = m
		}
	}
	for _, f := range []struct{ name, attr string }{
		{", host: ", "server.address"},
		{", upstream: ", "nginx.upstream"},
		{", request: ", "nginx.request"},
		{", server: ", "nginx.server"},
		{", client: ", "client.address"},
	} {
		if i := strings.LastIndex(message, f.name); i >= 0 {
			value, _, _ := strings.Cut(message[i+len(f.name):], ", ")
			if value = strings.Trim(value, `"`); value != "" {
				lr.Attributes().PutStr(f.attr, value)
			}
			if f.attr == "client.address" {
				message = message[:i]
			}
		}
	}
	lr.Body().SetStr(message)
	return true
}

// syslog reads what rsyslog and syslog-ng write to files: TIME HOST PROGRAM[PID]: MESSAGE, the time classic or RFC 3339.
func (p *Parser) syslog(text string, lr plog.LogRecord) bool {
	if len(text) > 10 && text[0] <= '9' && text[10] != 'T' { // A time of other programs' logs.
		return false
	}
	at, rest, ok := when.Leading(text, p.zone, p.now())
	if !ok {
		return false
	}
	_, rest, ok = strings.Cut(rest, " ")
	tag, message, ok2 := strings.Cut(rest, ": ")
	if !ok || !ok2 || tag == "" || len(tag) > 64 || strings.ContainsAny(tag, " \"{") {
		return false
	}
	program, pid, hasPID := strings.Cut(strings.TrimSuffix(tag, "]"), "[")
	if hasPID {
		n, err := strconv.ParseInt(pid, 10, 64)
		if err != nil {
			return false
		}
		lr.Attributes().PutInt("process.pid", n)
	}
	when.SetTime(lr, at)
	lr.Attributes().PutStr("syslog.appname", program)
	lr.Body().SetStr(message)
	return true
}

// tomcat reads: 02-Jan-2026 03:04:05.678 LEVEL [THREAD] CLASS.METHOD MESSAGE.
func (p *Parser) tomcat(text string, lr plog.LogRecord) bool {
	const layout = "02-Jan-2006 15:04:05.000"
	if len(text) < len(layout)+8 || text[2] != '-' || text[6] != '-' {
		return false
	}
	at, err := time.ParseInLocation(layout, text[:len(layout)], p.zone)
	if err != nil {
		return false
	}
	level, rest, ok := strings.Cut(text[len(layout)+1:], " [")
	thread, rest, ok2 := strings.Cut(rest, "] ")
	function, message, ok3 := strings.Cut(rest, " ")
	if !ok || !ok2 || !ok3 {
		return false
	}
	when.SetTime(lr, at)
	lr.Attributes().PutStr("thread.name", thread)
	lr.Attributes().PutStr("code.function.name", function)
	if number := levels.Number(level); number != plog.SeverityNumberUnspecified {
		levels.Set(lr, level, number)
	}
	lr.Body().SetStr(message)
	return true
}

// mysqlSlow reads the headers before a statement.
func mysqlSlow(text string, lr plog.LogRecord) bool {
	if !strings.HasPrefix(text, "# Time:") && !strings.HasPrefix(text, "# User@Host:") {
		return false
	}
	a, query := lr.Attributes(), []string{}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		header, ok := strings.CutPrefix(line, "# ")
		switch {
		case !ok && strings.HasPrefix(line, "SET timestamp="):
			if n, err := strconv.ParseInt(strings.TrimSuffix(line[len("SET timestamp="):], ";"), 10, 64); err == nil {
				when.SetTime(lr, time.Unix(n, 0))
			}
		case !ok && strings.HasPrefix(line, "use ") && len(query) == 0:
			a.PutStr("db.namespace", strings.TrimSuffix(line[len("use "):], ";"))
		case !ok:
			query = append(query, line)
		case strings.HasPrefix(header, "User@Host:"):
			user, _, _ := strings.Cut(strings.TrimSpace(header[len("User@Host:"):]), "[")
			a.PutStr("db.user", user)
		default:
			mysqlNumbers(header, a)
		}
	}
	if _, ok := a.Get("mysql.query_time"); !ok {
		return false
	}
	a.PutStr("db.system.name", "mysql")
	a.PutStr("db.query.text", strings.Join(query, "\n"))
	levels.Set(lr, "WARN", plog.SeverityNumberWarn)
	return true
}

// mysqlNumbers reads "Query_time: 1.5  Lock_time: 0.1 Rows_sent: 1  Rows_examined: 2"; times in seconds.
func mysqlNumbers(header string, a pcommon.Map) {
	fields := strings.Fields(header)
	for i := 0; i+1 < len(fields); i++ {
		name, ok := strings.CutSuffix(fields[i], ":")
		if !ok || !slices.Contains([]string{"Query_time", "Lock_time", "Rows_sent", "Rows_examined", "Rows_affected"}, name) {
			continue
		}
		if v, err := strconv.ParseFloat(fields[i+1], 64); err == nil {
			a.PutDouble("mysql."+strings.ToLower(name), v)
		}
	}
}
