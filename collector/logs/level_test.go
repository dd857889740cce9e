// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
)

// colours are lines as loggers colour them, by what they are without colours.
func colours() map[string]string {
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

// TestColouredLevels: whatever is recognised without colours is recognised with them, and the text keeps them.
func TestColouredLevels(t *testing.T) {
	for text, plain := range colours() {
		require.Equal(t, plain, plainText(text))
		wantText, want := FindSeverity(plain)
		if !strings.HasPrefix(plain, "fail") {
			require.NotZero(t, want, plain)
		}
		gotText, got := FindSeverity(text)
		require.Equal(t, want, got, "%q", text)
		require.Equal(t, wantText, gotText, "%q", text)
		lr := parseOne(t, Auto, text)
		require.Equal(t, text, lr.Body().Str())
		require.Equal(t, beginsRecord([]byte(plain)), beginsRecord(plainLine([]byte(text))), "%q", text)
	}
	lr := parseOne(t, Auto, "{\"level\":\"\\u001b[31mERROR\\u001b[39m\",\"message\":\"x\"}")
	require.Equal(t, plog.SeverityNumberError, lr.SeverityNumber())
	require.Equal(t, "ERROR", lr.SeverityText())
	lr = parseOne(t, Auto, "\x1b[2m2026/01/02 03:04:05 [error] 12#34: x\x1b[0m")
	require.Equal(t, "nginx_error", lr.Attributes().AsRaw()["log.format"])
}

// TestColouredTraces: lines are joined as they are without colours.
func TestColouredTraces(t *testing.T) {
	for name, want := range traces() {
		if name == "cri" {
			continue
		}
		coloured := make([]string, len(want))
		for i, r := range want {
			lines := strings.Split(r, "\n")
			for n, line := range lines {
				if line != "" {
					lines[n] = "\x1b[31m" + line + "\x1b[0m"
				}
			}
			coloured[i] = strings.Join(lines, "\n")
		}
		require.Equal(t, coloured, records(t, strings.Join(coloured, "\n")+"\n"), name)
	}
	split, err := SplitAt(`^\d{4}-`)
	require.NoError(t, err)
	require.Equal(t, []string{"\x1b[2m2026-01\x1b[0m a\nb", "\x1b[2m2026-02\x1b[0m c"}, splitAll(split, "\x1b[2m2026-01\x1b[0m a\nb\n\x1b[2m2026-02\x1b[0m c\n"))
	require.Len(t, records(t, "2026-01-02T10:00:00.1Z stderr F \x1b[31mjava.lang.Error: x\x1b[0m\n2026-01-02T10:00:00.1Z stderr F \x1b[31m\tat a.b(c.java:1)\x1b[0m\n"), 1)
}

func TestFindSeverity(t *testing.T) {
	for want, lines := range map[plog.SeverityNumber][]string{
		plog.SeverityNumberTrace:  {"FINEST: x", "2026-11-29 08:10:00 VERBOSE x", "2026-11-29T08:10:00Z [verbose] x", "level=finest msg=x", `{"level": "silly"}`, "11-29 08:10:00.123  12  34 V Tag: x", "TRACE x", "level=DEBUG-4 x"},
		plog.SeverityNumberDebug:  {"time=1 level=debug msg=x", "CONFIG: x", "2026-11-29 08:10:00 FINE x", "dbug: Shop[0]", "D1129 08:10:00.1 1 a.go:1] x"},
		plog.SeverityNumberInfo:   {"2026-01-02 10:00:00 INFO started", "2026-11-29T08:10:00.1Z 0 [Note] x", "2026-01-02 10:00:00.000 UTC [12] LOG:  ready", "2026-11-29T08:10:00.1+0000 I NETWORK x", "2026-11-29T08:10:00Z info: x", "2026-11-29T08:10:00Z\tinfo\tmain.go:1\tx", "[I 261129 08:10:00 web:1] x", "INFORMATIONAL x"},
		plog.SeverityNumberInfo3:  {"time=1 level=INFO+2 msg=x", "2026/11/29 08:10:00 INFO+2 x", "[INFO+2] x", "INFO+2: x"},
		plog.SeverityNumberWarn:   {`{"level":"warn","msg":"x"}`, "W1129 08:10:00.1 1 a.go:1] x", "[2026-11-29 08:10:00] app.WARNING: x"},
		plog.SeverityNumberError:  {"2026-01-02T10:00:00Z [error] no", "error: out of paper", "E1129 08:10:00.123456 123 file.go:1] x", "E261129 08:10:00.123456 1 a.go:1 x", "[08:10:00 ERR] x", "FAIL: test_a", "ERROR-17 is the code"},
		plog.SeverityNumberFatal:  {"CRIT fan", "panic: x", "fatal error: all goroutines are asleep - deadlock!", "SIGSEGV: segmentation violation", "Fatal error: exception Failure(\"x\")", "thread 12 panic: x", "thread 'main' panicked at a.rs:1:1:", "F1129 08:10:00.1 1 a.go:1] x", "Fatal Python error: Segmentation fault", "level=ERROR+4 msg=x"},
		plog.SeverityNumberError3: {"level=ERROR+2", "ERROR3 x"},
		plog.SeverityNumberUnspecified: {
			"the error was in the information given", "", "ERRORS happen", strings.Repeat("0", levelPrefix+10) + " ERROR", "NOTE that this is prose", "ALL: 5 tests", "VERBOSE mode is on", "note: x",
			"[config] loaded", "all is fine: yes", "E1129 is an order", "[E] x", "2026-11-29T08:10:00Z I am here", "It is OK", "thread pool panics", "a fatal error: x",
		},
	} {
		for _, line := range lines {
			_, got := FindSeverity(line)
			require.Equal(t, want, got, line)
		}
	}
	text, _ := FindSeverity("2026/11/29 08:10:00 INFO+2 x")
	require.Equal(t, "INFO+2", text)
}

func FuzzFindSeverity(f *testing.F) {
	for text, plain := range colours() {
		f.Add(text)
		f.Add(plain)
	}
	f.Fuzz(func(_ *testing.T, text string) { FindSeverity(text) })
}

// TestSeverityOfPlaces: where in a line a word stands decides whether it is a level.
func TestSeverityOfPlaces(t *testing.T) {
	for line, want := range map[string]plog.SeverityNumber{
		"WARN":                  plog.SeverityNumberWarn,
		"warn":                  plog.SeverityNumberUnspecified,
		"[Warn] x":              plog.SeverityNumberWarn,
		"[warn x":               plog.SeverityNumberUnspecified,
		"Warn: x":               plog.SeverityNumberWarn,
		"a warn: x":             plog.SeverityNumberUnspecified,
		"level=warn":            plog.SeverityNumberWarn,
		`"warn"`:                plog.SeverityNumberWarn,
		`"warn x"`:              plog.SeverityNumberUnspecified,
		"xWARN":                 plog.SeverityNumberUnspecified,
		"WARNx":                 plog.SeverityNumberUnspecified,
		"1WARN2":                plog.SeverityNumberWarn2,
		"ABCDEFGHIJKLMNO ERROR": plog.SeverityNumberError,
		"ER ERROR":              plog.SeverityNumberError,
		"INFO then ERROR":       plog.SeverityNumberInfo,
		"Ärger ERROR":           plog.SeverityNumberError,
		"\x00\xff":              plog.SeverityNumberUnspecified,
	} {
		_, got := FindSeverity(line)
		require.Equal(t, want, got, line)
	}
}

func TestFindSeverityOfLines(t *testing.T) {
	for line, want := range map[string]plog.SeverityNumber{
		"2026-01-02 10:00:00 INFO started":           plog.SeverityNumberInfo,
		"2026-01-02T10:00:00Z [error] no":            plog.SeverityNumberError,
		`{"level":"warn","msg":"x"}`:                 plog.SeverityNumberWarn,
		`time=1 level=debug msg=x`:                   plog.SeverityNumberDebug,
		"error: out of paper":                        plog.SeverityNumberError,
		"the error was in the information given":     plog.SeverityNumberUnspecified,
		"CRIT fan":                                   plog.SeverityNumberFatal,
		"":                                           plog.SeverityNumberUnspecified,
		"ERRORS happen":                              plog.SeverityNumberUnspecified,
		fmt.Sprintf("%0*d ERROR", levelPrefix+10, 0): plog.SeverityNumberUnspecified,
	} {
		_, got := FindSeverity(line)
		require.Equal(t, want, got, line)
	}
}
