// SPDX-License-Identifier: Apache-2.0

// Package logstest has what the tests of several packages of log files share.
package logstest

// Coloured are lines as loggers colour them, by what they are without colours.
func Coloured() map[string]string {
	return map[string]string{
		"\x1b[31mERROR\x1b[0m boom": "ERROR boom", "2026-11-29 08:10:00 \x1b[31mERROR\x1b[0m msg": "2026-11-29 08:10:00 ERROR msg", "\x1b[33mWARN \x1b[0m msg": "WARN  msg",
		"[\x1b[32mINFO\x1b[0m] msg": "[INFO] msg", "\x1b[90m2026-11-29T08:10:00Z\x1b[0m \x1b[32mINF\x1b[0m msg": "2026-11-29T08:10:00Z INF msg",
		"\x1b[36mINFO\x1b[0m[0000] msg": "INFO[0000] msg", "\x1b[34minfo\x1b[39m: msg": "info: msg", "- \x1b[31mERROR\x1b[39m x": "- ERROR x",
		"\x1b[32m[Nest] 7  - \x1b[39m11/29/2026, 8:10:00 AM \x1b[31m  ERROR\x1b[39m \x1b[38;5;3m[X] \x1b[39m\x1b[31mbad\x1b[39m": "[Nest] 7  - 11/29/2026, 8:10:00 AM   ERROR [X] bad",
		"\x1b[2m2026-11-29T08:10:00.1Z\x1b[0m \x1b[33m WARN\x1b[0m \x1b[2ma::b\x1b[0m: x":                                        "2026-11-29T08:10:00.1Z  WARN a::b: x",
		"\x1b[41m\x1b[30mfail\x1b[39m\x1b[22m\x1b[49m: Shop[0]":                                                                  "fail: Shop[0]",
		"#033[31mERROR#033[0m by rsyslog":                                                                                        "ERROR by rsyslog", "\u009b31mERROR\u009b0m x": "ERROR x",
		"\x1b[1;38;5;196mE1129 08:10:00.123456 1 a.go:1]\x1b[0m x": "E1129 08:10:00.123456 1 a.go:1] x", "level=\x1b[31merror\x1b[0m msg=x": "level=error msg=x",
		"\x1b[31merror\x1b[39m: x": "error: x", "\x1b]8;;https://x/\x1b\\\x1b[31mFATAL\x1b[0m\x1b]8;;\x1b\\ x": "FATAL x",
	}
}

// Split splits text as it is read from a file: the rest at the end is flushed.
func Split(split func(data []byte, final bool) (int, []byte), text string) []string {
	out := []string{}
	data := []byte(text)
	for len(data) > 0 {
		n, token := split(data, false)
		if n == 0 {
			n, token = split(data, true)
		}
		out = append(out, string(token))
		data = data[n:]
	}
	return out
}
