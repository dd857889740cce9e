// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// FromSyslog gives a record of the syslog receiver the names used here: the message as its body, the program, its process and the sender's
// name as attributes. A message that could not be read keeps its text.
func FromSyslog(lr plog.LogRecord) {
	a := lr.Attributes()
	if v, ok := a.Get("message"); ok {
		lr.Body().SetStr(v.AsString())
		a.Remove("message")
	}
	for _, r := range []struct{ from, to string }{{"appname", "syslog.appname"}, {"hostname", "syslog.hostname"}, {"msg_id", "syslog.msg_id"}} {
		if v, ok := a.Get(r.from); ok {
			text := v.AsString()
			a.Remove(r.from)
			a.PutStr(r.to, text)
		}
	}
	if v, ok := a.Get("proc_id"); ok {
		putPID(a, v.AsString())
		a.Remove("proc_id")
	}
	if v, ok := a.Get("facility_text"); ok {
		text := v.AsString()
		a.Remove("facility_text")
		a.PutStr("syslog.facility", text)
	}
	for _, name := range []string{"facility", "priority", "version"} { // Said by the facility's name and the severity.
		a.Remove(name)
	}
}

// journalAttributes are the fields of a journal entry that are kept, by their name in the journal.
func journalAttributes() []struct{ from, to string } {
	return []struct{ from, to string }{
		{"_SYSTEMD_UNIT", "systemd.unit"},
		{"SYSLOG_IDENTIFIER", "syslog.appname"},
		{"_TRANSPORT", "journald.transport"},
		{"CODE_FUNC", "code.function.name"},
		{"CONTAINER_NAME", "container.name"},
	}
}

// FromJournal makes a record of a journal entry, which the journald receiver hands over as a map.
func FromJournal(lr plog.LogRecord) {
	if lr.Body().Type() != pcommon.ValueTypeMap {
		return
	}
	fields := pcommon.NewMap()
	lr.Body().Map().CopyTo(fields)
	text := func(name string) string {
		if v, ok := fields.Get(name); ok {
			return v.AsString()
		}
		return ""
	}
	lr.Body().SetStr(strings.TrimRight(text("MESSAGE"), "\n"))
	for _, r := range journalAttributes() {
		if v := text(r.from); v != "" {
			lr.Attributes().PutStr(r.to, v)
		}
	}
	putPID(lr.Attributes(), text("_PID"))
	if level, ok := journalLevel(text("PRIORITY")); ok {
		setLevel(lr, level, Severity(level))
	}
}

func journalLevel(priority string) (string, bool) {
	n, err := strconv.Atoi(priority)
	levels := [...]string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}
	if err != nil || n < 0 || n >= len(levels) {
		return "", false
	}
	return levels[n], true
}

func putPID(a pcommon.Map, text string) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		a.PutInt("process.pid", n)
	}
}
