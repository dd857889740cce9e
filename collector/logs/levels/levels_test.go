// SPDX-License-Identifier: Apache-2.0

package levels

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/strata-apm/strata/collector/logs/logstest"
)

// TestColouredLevels: a level that is found without colours is found with them.
func TestColouredLevels(t *testing.T) {
	for text, plain := range logstest.Coloured() {
		wantText, want := Find(plain)
		if !strings.HasPrefix(plain, "fail") {
			require.NotZero(t, want, plain)
		}
		gotText, got := Find(text)
		require.Equal(t, want, got, "%q", text)
		require.Equal(t, wantText, gotText, "%q", text)
	}
}

func TestFind(t *testing.T) {
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
			_, got := Find(line)
			require.Equal(t, want, got, line)
		}
	}
	text, _ := Find("2026/11/29 08:10:00 INFO+2 x")
	require.Equal(t, "INFO+2", text)
}

func FuzzFind(f *testing.F) {
	for text, plain := range logstest.Coloured() {
		f.Add(text)
		f.Add(plain)
	}
	f.Fuzz(func(_ *testing.T, text string) { Find(text) })
}

// TestPlaces: where in a line a word stands decides whether it is a level.
func TestPlaces(t *testing.T) {
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
		_, got := Find(line)
		require.Equal(t, want, got, line)
	}
}

func TestFindInLines(t *testing.T) {
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
		_, got := Find(line)
		require.Equal(t, want, got, line)
	}
}

func TestNumber(t *testing.T) {
	for name, want := range map[string]plog.SeverityNumber{
		"ERROR": plog.SeverityNumberError, "error": plog.SeverityNumberError, " Warn ": plog.SeverityNumberWarn, "\x1b[31mERR\x1b[0m": plog.SeverityNumberError,
		"INFO+2": plog.SeverityNumberInfo3, "": plog.SeverityNumberUnspecified, "over 9000": plog.SeverityNumberUnspecified,
	} {
		require.Equal(t, want, Number(name), name)
	}
}

// TestIsWord: a word that begins other lines more often is no level there.
func TestIsWord(t *testing.T) {
	for word, want := range map[string]bool{
		"ERROR": true, "warn": true, "FATAL": true, "trace": true, "": false, "hello": false, "config": false, "FINE": false, "LOG": false, "ok": false, "Note": false, "fail": false,
	} {
		require.Equal(t, want, IsWord(word), word)
	}
}

func TestOfLetter(t *testing.T) {
	for letters, want := range map[string]plog.SeverityNumber{
		"TV": plog.SeverityNumberTrace, "D": plog.SeverityNumberDebug, "I": plog.SeverityNumberInfo, "W": plog.SeverityNumberWarn, "E": plog.SeverityNumberError,
		"FCA": plog.SeverityNumberFatal, "XZe1": plog.SeverityNumberUnspecified,
	} {
		for _, c := range letters {
			require.Equal(t, want, OfLetter(string(c)), string(c))
		}
	}
	require.Equal(t, plog.SeverityNumberUnspecified, OfLetter(""))
	require.Equal(t, plog.SeverityNumberUnspecified, OfLetter("EE"))
}

// TestFill: the level that a record says itself counts more than its text.
func TestFill(t *testing.T) {
	record := func(body, text string, number plog.SeverityNumber) plog.LogRecord {
		lr := plog.NewLogRecord()
		lr.Body().SetStr(body)
		lr.SetSeverityText(text)
		lr.SetSeverityNumber(number)
		Fill(lr)
		return lr
	}
	lr := record("2026-01-02 10:00:00 ERROR x", "", 0)
	require.Equal(t, plog.SeverityNumberError, lr.SeverityNumber())
	require.Equal(t, "ERROR", lr.SeverityText())
	lr = record("ERROR x", "own word", 0)
	require.Equal(t, plog.SeverityNumberError, lr.SeverityNumber())
	require.Equal(t, "own word", lr.SeverityText())
	lr = record("ERROR x", "", plog.SeverityNumberInfo)
	require.Equal(t, plog.SeverityNumberInfo, lr.SeverityNumber())
	require.Empty(t, lr.SeverityText())
	require.Zero(t, record("nothing of that kind", "", 0).SeverityNumber())
	lr = plog.NewLogRecord()
	lr.Body().SetEmptyMap().PutStr("m", "ERROR x")
	Fill(lr)
	require.Zero(t, lr.SeverityNumber(), "a body that is no text")
}

func TestSet(t *testing.T) {
	lr := plog.NewLogRecord()
	Set(lr, " \x1b[33mwarn\x1b[39m ", plog.SeverityNumberWarn)
	require.Equal(t, "warn", lr.SeverityText())
	require.Equal(t, plog.SeverityNumberWarn, lr.SeverityNumber())
}

// TestProse: words of PostgreSQL, java.util.logging and others count only where those write them.
func TestProse(t *testing.T) {
	for line, want := range map[string]plog.SeverityNumber{
		"2026-01-02 10:00:00 UTC [1] LOG:  ready": plog.SeverityNumberInfo, "2026-01-02 10:00:00 UTC [1] STATEMENT:  SELECT": plog.SeverityNumberInfo, "LOG: one space": 0,
		"10:00:00 FINE x": plog.SeverityNumberDebug, "all FINE here": 0, "10:00:00 [note] x": plog.SeverityNumberInfo, "[note] x": 0, "10:00:00 [config] x": 0, "10:00:00 ALL x": 0,
		"<OK> x": 0, "10:00:00|SUCCESS|x": plog.SeverityNumberInfo, "level=fine": plog.SeverityNumberDebug,
	} {
		_, got := Find(line)
		require.Equal(t, want, got, line)
	}
}

// BenchmarkFind is a line with a time before its level.
func BenchmarkFind(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if level, _ := Find("2026-11-21T08:00:00.123Z INFO checkout order 0000abcd of customer 000123 placed in 17 ms"); level != "INFO" {
			b.Fatal(level)
		}
	}
}
