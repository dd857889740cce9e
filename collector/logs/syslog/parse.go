// SPDX-License-Identifier: Apache-2.0

package syslog

import (
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/strata-apm/strata/collector/logs/when"
	"github.com/strata-apm/strata/severity"
)

// levels are the words of RFC 5424's severities, facilities those of its facilities.
func levels() []string {
	return []string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}
}

func facilities() []string {
	return []string{
		"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp", "security", "console", "solaris-cron",
		"local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
	}
}

// Parser takes messages apart. Safe for concurrent use.
type Parser struct {
	Zone *time.Location
	Now  func() time.Time
}

// Parse fills the record from a message. A message of no known form stays the body, and nothing of it is lost.
func (p *Parser) Parse(text string, lr plog.LogRecord) {
	text = strings.TrimRight(text, "\r\n\x00")
	rest, ok := priority(text, lr)
	if !ok {
		// Without a priority nothing says that it is syslog at all; a whole header does.
		if !p.classic(rest, lr, true) {
			lr.Body().SetStr(text)
		}
		return
	}
	if p.rfc5424(rest, lr) || p.classic(rest, lr, false) {
		return
	}
	if app, pid, message, ok := tag(rest); ok && pid != "" {
		put(lr, "syslog.appname", app)
		putPID(lr, pid)
		rest = message
	}
	lr.Body().SetStr(strings.TrimLeft(rest, " "))
}

// priority reads <PRI>, which is eight times the facility and the severity.
func priority(text string, lr plog.LogRecord) (string, bool) {
	number, rest, ok := strings.Cut(text, ">")
	if !ok || len(number) < 2 || len(number) > 4 || number[0] != '<' {
		return text, false
	}
	n, err := strconv.ParseUint(number[1:], 10, 8)
	if err != nil || n > 191 {
		return text, false
	}
	level := levels()[n&7]
	lr.SetSeverityText(level)
	lr.SetSeverityNumber(plog.SeverityNumber(severity.Number(level)))
	put(lr, "syslog.facility", facilities()[n>>3])
	return rest, true
}

// rfc5424 reads: VERSION TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA [MSG].
func (p *Parser) rfc5424(text string, lr plog.LogRecord) bool {
	fields := strings.SplitN(text, " ", 7)
	if len(fields) < 7 || len(fields[0]) == 0 || len(fields[0]) > 2 || fields[0][0] < '1' || fields[0][0] > '9' {
		return false
	}
	var at time.Time
	if fields[1] != "-" {
		var rest string
		var ok bool
		if at, rest, ok = when.Leading(fields[1], p.Zone, p.Now()); !ok || rest != "" {
			return false
		}
	}
	data := pcommon.NewMap()
	message, ok := structured(fields[6], data)
	if !ok {
		return false
	}
	if !at.IsZero() {
		when.SetTime(lr, at)
	}
	for i, name := range []string{"syslog.hostname", "syslog.appname", "", "syslog.msg_id"} {
		if v := fields[i+2]; v != "-" && name != "" {
			put(lr, name, v)
		}
	}
	if fields[4] != "-" {
		putPID(lr, fields[4])
	}
	if data.Len() > 0 {
		data.MoveTo(lr.Attributes().PutEmptyMap("structured_data"))
	}
	lr.Body().SetStr(strings.TrimPrefix(message, "\ufeff"))
	return true
}

// structured reads "-" or [ID NAME="VALUE" …]… and returns the message behind it.
func structured(text string, into pcommon.Map) (string, bool) {
	if rest, ok := strings.CutPrefix(text, "-"); ok && (rest == "" || rest[0] == ' ') {
		return strings.TrimPrefix(rest, " "), true
	}
	if !strings.HasPrefix(text, "[") {
		return "", false
	}
	for strings.HasPrefix(text, "[") {
		end := strings.IndexAny(text, " ]")
		if end < 2 {
			return "", false
		}
		element := into.PutEmptyMap(text[1:end])
		text = text[end:]
		for strings.HasPrefix(text, " ") {
			name, rest, ok := strings.Cut(strings.TrimLeft(text, " "), `="`)
			if !ok || strings.ContainsAny(name, " ]\"") {
				return "", false
			}
			value, n, ok := quoted(rest)
			if !ok {
				return "", false
			}
			element.PutStr(name, value)
			text = rest[n:]
		}
		if !strings.HasPrefix(text, "]") {
			return "", false
		}
		text = text[1:]
	}
	if text != "" && text[0] != ' ' {
		return "", false
	}
	return strings.TrimPrefix(text, " "), true
}

// quoted reads a value up to its quote; \" \\ and \] stand for the second character.
func quoted(text string) (string, int, bool) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return b.String(), i + 1, true
		case c == '\\' && i+1 < len(text) && strings.IndexByte(`"\]`, text[i+1]) >= 0:
			i++
			b.WriteByte(text[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", 0, false
}

// classic reads RFC 3164 and what devices write in its stead: [SEQUENCE:] [HOST:] [*]TIME [ZONE:] [HOST] [TAG[PID]:] MESSAGE. strict wants host and tag.
func (p *Parser) classic(text string, lr plog.LogRecord, strict bool) bool {
	text = strings.TrimLeft(text, " ")
	if version, rest, ok := strings.Cut(text, " "); ok && version == "1" { // RFC 5424 that is not quite.
		text = rest
	}
	host, sequence := "", ""
	at, rest, ok := p.time(text)
	for range 2 { // Cisco: a number, and a name where it is told to.
		before, after, colon := strings.Cut(text, ": ")
		if ok || !colon || strings.Contains(before, " ") {
			break
		}
		if _, err := strconv.ParseUint(before, 10, 64); err == nil {
			sequence = before
		} else {
			host = before
		}
		text = after
		at, rest, ok = p.time(strings.TrimLeft(text, " "))
	}
	if !ok {
		return false
	}
	if rest, ok = p.header(rest, host, lr, strict); !ok {
		return false
	}
	when.SetTime(lr, at)
	if sequence != "" {
		put(lr, "syslog.sequence", sequence)
	}
	lr.Body().SetStr(rest)
	return true
}

// time reads a time that may have a mark of an unsynchronised clock before it and a zone behind it.
func (p *Parser) time(text string) (time.Time, string, bool) {
	text = strings.TrimLeft(text, "*.")
	at, rest, ok := when.Leading(text, p.Zone, p.Now())
	if !ok {
		return at, text, false
	}
	if zone, after, ok := strings.Cut(rest, ": "); ok && len(zone) >= 2 && len(zone) <= 5 && zone == strings.ToUpper(zone) && strings.Trim(zone, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" {
		if zone == "UTC" || zone == "GMT" {
			at = time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), time.UTC)
		}
		rest = after
	}
	return at, strings.TrimPrefix(strings.TrimLeft(rest, " "), ": "), true
}

// header takes the host and the tag off.
func (p *Parser) header(rest, host string, lr plog.LogRecord, strict bool) (string, bool) {
	app, pid, message, tagged := tag(rest)
	if !tagged && host == "" {
		word, after, ok := strings.Cut(rest, " ")
		if ok && word != "" && len(word) <= 255 && !strings.HasPrefix(word, "%") && strings.Trim(word, "\"'([{<=,;") == word {
			host, rest = word, strings.TrimLeft(after, " ")
			app, pid, message, tagged = tag(rest)
		}
	}
	if strict && (!tagged || host == "") {
		return "", false
	}
	if host != "" {
		put(lr, "syslog.hostname", host)
	}
	if tagged {
		put(lr, "syslog.appname", app)
		if pid != "" {
			putPID(lr, pid)
		}
		rest = message
	}
	return rest, true
}

// tag reads NAME: or NAME[PID]: and the message behind it.
func tag(text string) (app, pid, message string, ok bool) {
	end := strings.IndexAny(text, ": [")
	if end <= 0 || end > 128 {
		return "", "", "", false
	}
	app = text[:end]
	rest := text[end:]
	if strings.ContainsAny(app, "\"'{}=,;<>") {
		return "", "", "", false
	}
	if rest[0] == '[' {
		var closed bool
		if pid, rest, closed = strings.Cut(rest[1:], "]"); !closed || pid == "" || len(pid) > 64 || strings.ContainsAny(pid, " []") {
			return "", "", "", false
		}
	}
	message, colon := strings.CutPrefix(rest, ":")
	if !colon || message != "" && message[0] != ' ' {
		return "", "", "", false
	}
	return app, pid, strings.TrimPrefix(message, " "), true
}

func put(lr plog.LogRecord, name, value string) { lr.Attributes().PutStr(name, value) }

// putPID keeps a process's number; RFC 5424 lets senders write anything there.
func putPID(lr plog.LogRecord, text string) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		lr.Attributes().PutInt("process.pid", n)
		return
	}
	put(lr, "syslog.proc_id", text)
}
