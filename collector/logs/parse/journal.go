// SPDX-License-Identifier: Apache-2.0

package parse

import (
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/strata-apm/strata/collector/logs/levels"
)

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

// Journal makes a record of a journal entry, which the journald receiver hands over as a map.
func Journal(lr plog.LogRecord) {
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
	lr.Body().SetStr(strings.ToValidUTF8(strings.TrimRight(text("MESSAGE"), "\n"), "\ufffd"))
	for _, r := range journalAttributes() {
		if v := text(r.from); v != "" {
			lr.Attributes().PutStr(r.to, v)
		}
	}
	putPID(lr.Attributes(), text("_PID"))
	if level, ok := journalLevel(text("PRIORITY")); ok {
		levels.Set(lr, level, levels.Number(level))
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
