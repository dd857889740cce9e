// SPDX-License-Identifier: Apache-2.0

package join

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/collector/logs/logstest"
)

// lineTest says of which lines a question is true and of which, that resemble them, it is not.
type lineTest struct {
	ask     func(line []byte) bool
	yes, no []string
}

func (c lineTest) run(t *testing.T) {
	t.Helper()
	for _, line := range c.yes {
		require.True(t, c.ask([]byte(line)), "%q", line)
	}
	for _, line := range c.no {
		require.False(t, c.ask([]byte(line)), "%q", line)
	}
}

// TestBeginsRecord: lines that no stack trace has in it begin with a time, a level or an object of JSON.
func TestBeginsRecord(t *testing.T) {
	lineTest{
		beginsRecord,
		[]string{
			"2026-01-02 10:00:00 x", "2026/01/02 x", "10:00:00 x", "02.01.2026 x", "20260102 10:00:00", "1767323045 x", "1767323045.123 x", "02-Jan-2026 10:00:00",
			"[2026-01-02] x", "[10:00] x", "[INFO] x", "[error] x", "{\"a\":1}", "{}x", "<13>x", "E0102 15:04:05", "I0102 15:04:05", "E, [2026-01-02T10:00:00 #1]",
			"Jan  2 10:00:00", "Nov 28 17:05:00", "INFO x", "ERROR", "WARN: x", "info: x", "warn] x", "error=x", "debug| x",
		},
		[]string{
			"", "ab", "x y z", "12 monkeys", "1. first", "7", "3 more", "at a.b(c)", "[a] x", "[1", "<1", "<a>", "EABC x", "January 2", "Janet 2", "Jan x", "info x", "Information x",
			"INFORMATIVE x", "NOTE that", "config: x", "02-Jan", "12-x",
		},
	}.run(t)
}

func TestFrames(t *testing.T) {
	lineTest{
		isFrame,
		[]string{
			"\tat a.b(C.java:1)", "    at f (/a.js:1:2)", "  File \"a.py\", line 1", "\tfrom a.rb:1:in 'f'", "\t... 3 more", "... 12 common frames omitted", "#0 /a.php(7): f()", "#12 main",
			"   --- End of inner exception stack trace ---", " ---> System.IO.IOException: x", "Traceback (most recent call last):", "ERROR Traceback (most recent call last):",
			"goroutine 1 [running]:", "app/a.rb:3:in 'show'", "[02-Jan-2026 10:00:02 UTC] PHP Stack trace:", "[02-Jan-2026 10:00:02 UTC] PHP   1. {main}() /a.php:0", "Stack trace:",
			"stack backtrace:", "stack traceback:", "Caused by:", "note: run with `RUST_BACKTRACE=1`", "Raised at f in file \"a.ml\", line 1", "Called from unknown location",
			"Thread 0x00007f12 (most recent call first):", "/a.nim(3) a", "At C:\\a.ps1:3 char:1", "/a.zig:3:10: 0x1034 in main (a)", "./a(main+0x1a) [0x401136]",
		},
		[]string{
			"", " ", "at a.b(C.java:1)", "from a to b", "File a.py", "... and so on", "... x", "#", "#1", "#hash tag", "# comment", "goroutine 1 is running", "Caused by: x", "Called from home",
			"Thread 0x12 ended", "a.nim(x)", "At noon char:", "a: 0x1 in b", "x+0x1 [0x2", "main 0x1",
		},
	}.run(t)
	lineTest{
		isPart,
		[]string{"During handling of the above exception, another exception occurred:", "The above exception was the direct cause of the following exception:", "[previous exception] [object]", "[SQL: SELECT 1]", "Node.js v20.1.0", "note: x", "\"}"},
		[]string{"", "During the night", "[sql: x]", "Node.js is here", " note: x"},
	}.run(t)
}

// TestGo: a stack of Go has lines that are not indented.
func TestGo(t *testing.T) {
	lineTest{
		isGoPanic,
		[]string{"panic: x", "fatal error: all goroutines are asleep - deadlock!", "SIGQUIT: quit", "SIGSEGV: segmentation violation", "unexpected fault address 0x0", "runtime: out of memory", "goroutine 1 [running]:"},
		[]string{"panic", "a panic: x", "Fatal error: x", "goroutine 1"},
	}.run(t)
	lineTest{
		isGoStack,
		[]string{"main.main()", "main.(*T).run(0xc000, {0x1, 0x2})", "main.run[...](0x1)", "created by main.main in goroutine 1", "[signal SIGSEGV: segmentation violation code=0x1]", "exit status 2", "rax    0x0", "rip 0x45e1", "PC=0x45e1 m=0", "panic: again [recovered]", "...additional frames elided..."},
		[]string{"called main (twice)", "(x)", "main.main", "register 0x0", "rax 12", "done"},
	}.run(t)
}

func TestErrors(t *testing.T) {
	lineTest{
		isError,
		[]string{
			"java.lang.IllegalStateException: no stock", "TypeError: x", "TypeError [ERR_X]: bad", "NoMethodError (undefined method)", "shop::StockError: x", "java.lang.Throwable", "Exception in thread \"main\" java.lang.Error: x",
			"Uncaught x", "Unhandled exception. x", "PHP Fatal error:  x", "panic: x", "fatal error: x", "terminate called after throwing", "thread 'main' panicked at a.rs:1:1:", "app.rb:2:in 'a': bad (RuntimeError)", "Failure",
		},
		[]string{"", "Error in the kitchen: x", "an Error: x", "errors: 3", "java.lang.String: x", "no error", "app.rb:2:in 'a'"},
	}.run(t)
	lineTest{
		isJavaException,
		[]string{"java.lang.Error", "java.lang.Error: x", "a.BException: y: z", "x.Failure: y"},
		[]string{"Error: x", "java.lang.String: x", "java lang.Error: x", "", "a.b: x"},
	}.run(t)
	lineTest{
		isException,
		[]string{"KeyError: 'a'", "shop.errors.Failed", "ValueError", "a_b.C: x"},
		[]string{"", "404: x", "two words: x", "-x", "1abc"},
	}.run(t)
	lineTest{
		isAlarming,
		[]string{"an error", "ERROR", "java.lang.Exception", "WARN x", "FATAL", "a fatal one", "SEVERE", "CRIT", "panic", "failed", "Unhandled", "Throwable"},
		[]string{"", "INFO started", "all is well", "warm"},
	}.run(t)
	require.True(t, isHeadOfError([]byte("Caused by: whatever")))
	require.True(t, isHeadOfError([]byte(`Next App\StockException: x`)))
	require.False(t, isHeadOfError([]byte("Next stop: home")))
}

func TestPlaces(t *testing.T) {
	lineTest{isNodePlace, []string{"/srv/a.js:10", "file:///a.mjs:1", "node:internal/x:5", "evalmachine.<anonymous>:3"}, []string{"", "/srv/a.js", "/srv/a.js:", "/srv/a b.js:1", "a.js:10", "/srv/a.js:x"}}.run(t)
	lineTest{isRubyFrame, []string{"app/a.rb:3:in 'show'", "/a.rb:9:in `<main>'"}, []string{"", "a.rb:in 'x'", "a.rb:x:in 'y'", "my app.rb:3:in 'x'", "a.rb:2:in 'f': bad", ":in x"}}.run(t)
	lineTest{isRubyError, []string{"a.rb:2:in 'f': bad (RuntimeError)"}, []string{"a.rb:2:in 'f'", "my a.rb:2:in 'f': bad", "': "}}.run(t)
	lineTest{isRustPanic, []string{"thread 'main' panicked at src/main.rs:2:5:", "thread 'main' (12) panicked at src/main.rs:2:5:"}, []string{"thread main panicked at x", "thread 'main' is idle"}}.run(t)
	lineTest{isZigPanic, []string{"thread 12 panic: x"}, []string{"thread 12 panics", "panic: x"}}.run(t)
	lineTest{isPHPStack, []string{"[02-Jan-2026 10:00:02 UTC] PHP Stack trace:", "[02-Jan-2026] PHP  12. f() /a.php:3"}, []string{"PHP Stack trace:", "[02-Jan-2026] PHP Warning:  x", "x [a] PHP Stack trace:"}}.run(t)
	lineTest{isPowerShellPlace, []string{`At C:\a.ps1:3 char:12`}, []string{"At C char:", "at C:1 char:1", "At C:1 char:x"}}.run(t)
	lineTest{isGlibcFrame, []string{"/lib/libc.so.6(__libc_start_main+0xf3)[0x7f1c]", "./a(main+0x1a) [0x401136]"}, []string{"[0x1]", "a [0x1]", "a(b)[0x1]", "a(b+0x1)[0x1] x"}}.run(t)
	lineTest{isNativeFrame, []string{"0 main 0x0000000100003f4c main + 12", "12   libc 0x1", "rax 0x0000000000000000  0"}, []string{"", "0 main", "main 12", "registers 0x1"}}.run(t)
	lineTest{isClosing, []string{"}", "} else", "]", "],", ")", ") x"}, []string{"] and so on", "x}", "a"}}.run(t)
}

func TestPostgres(t *testing.T) {
	line := []byte("2026-01-02 10:00:00.000 UTC [34] app@shop ERROR:  relation does not exist")
	require.True(t, isPostgres(line, "LOG", "ERROR"))
	require.False(t, isPostgres(line, "DETAIL"))
	require.Equal(t, "34", string(bracketed(line)))
	require.False(t, isPostgres([]byte("2026-01-02 ERROR:  without a process"), "ERROR"))
	require.False(t, isPostgres([]byte("2026-01-02 [34] ERROR: one space"), "ERROR"))
	require.False(t, isPostgres([]byte("2026-01-02 [34] MYERROR:  x"), "ERROR"))
	require.Empty(t, bracketed([]byte("no brackets")))
}

// TestDialects: the first line says of which language or tool the lines behind it are.
func TestDialects(t *testing.T) {
	for line, want := range map[string]dialect{
		"": noDialect, "2026-01-02 INFO x": noDialect, "=ERROR REPORT==== 29-Nov-2026::08:10:00 ===": erlang, "=x": noDialect, "================": ruler, "===============": noDialect,
		"==12==ERROR: AddressSanitizer: heap-use-after-free": sanitizer, "WARNING: ThreadSanitizer: data race (pid=1)": sanitizer, "==12== Invalid read of size 4": valgrind, "==x== y": noDialect,
		"** (RuntimeError) boom": elixir, "08:10:00.123 [error] GenServer #PID<0.1.0> terminating": elixir, "ORA-20001: boom": oracle, "ERROR ORA-00604: x": oracle, "PLS-00201: x": oracle, "XYZ-00201: x": noDialect,
		"ORA-1: x": noDialect, "main.swift:3: Fatal error: x": native, "*** Signal 4: Backtracing": native, "terminate called after": native, "Error in f(1) : boom": rlang, "Error: object 'x' not found": rlang,
		"Traceback (most recent call last)": nim, "Traceback (most recent call last):": noDialect,
	} {
		require.Equal(t, want, dialectOf([]byte(line)), line)
	}
	require.Nil(t, valgrindPrefix([]byte("==12 x")))
	require.Equal(t, "==12==", string(valgrindPrefix([]byte("==12== x"))))
}

// TestNotJoined: lines behind a record that only resemble what would belong to it are records of their own.
func TestNotJoined(t *testing.T) {
	const stamp = "2026-01-02 10:00:01 "
	for name, want := range map[string][]string{
		"prose behind an error":           {stamp + "ERROR failed", "it went on", "and on"},
		"an error that happens again":     {"Error: one", "Error: one"},
		"levels":                          {"INFO one\n  indented belongs to it", "WARN two"},
		"objects":                         {`{"a":1}`, `{"b":2}`},
		"another process of PostgreSQL":   {stamp + "UTC [1] ERROR:  x", stamp + "UTC [2] DETAIL:  y"},
		"an oracle error behind no error": {stamp + "INFO ok", "TNS-12541: no listener"},
		"a report behind a report":        {"=ERROR REPORT==== x ===\nterm", "=ERROR REPORT==== y ===\nterm"},
		"an empty line behind no stack":   {"one", "", "two"},
		"another process of valgrind":     {"==1== Invalid read", "==2==    at 0x1: main (a.c:3)"},
		"the end of a slow log's record":  {"# Time: 1\n# User@Host: a\nSELECT 1;", "# Time: 2\n# User@Host: a\nSELECT 2;"},
		"lines behind a Go program's end": {"panic: x\n\ngoroutine 1 [running]:\nmain.main()\n\t/a.go:1\nexit status 2", "restarting"},
	} {
		require.Equal(t, want, records(t, strings.Join(want, "\n")+"\n"), name)
	}
}

// TestAt: a pattern begins records; lines before the first one are a record too, and its own lines may have colours.
func TestAt(t *testing.T) {
	split, err := At(`^--- \d`)
	require.NoError(t, err)
	for text, want := range map[string][]string{
		"":                            {},
		"before\n":                    {"before"},
		"--- 1 a\r\nb\r\n--- 2 c\r\n": {"--- 1 a\r\nb", "--- 2 c"},
		"--- 1\n\n\n--- 2\n":          {"--- 1", "--- 2"},
		"x\n--- x\n--- 1\ny":          {"x\n--- x", "--- 1\ny"},
	} {
		require.Equal(t, want, logstest.Split(split, text), "%q", text)
	}
	for _, text := range []string{"--- 1 a\n", "--- 1 a\nb\n", "--- 1 a\n--- "} {
		n, _ := split([]byte(text), false)
		require.Zero(t, n, "%q: the next line may belong to it", text)
	}
	n, _ := split([]byte("--- 1 a\nb\n--- 2\n"), false)
	require.Equal(t, len("--- 1 a\nb\n"), n)
	_, err = At("[")
	require.ErrorContains(t, err, "multiline_start")
}

// TestLinesOfContainers: line by line, the parts of a container's line are one record; its streams are not mixed.
func TestLinesOfContainers(t *testing.T) {
	const stamp = "2026-01-02T10:00:00.1Z "
	for name, want := range map[string][]string{
		"whole":            {stamp + "stdout F a", stamp + "stdout F  b"},
		"parts":            {stamp + "stdout P a\n" + stamp + "stdout P b\n" + stamp + "stdout F c", stamp + "stdout F d"},
		"streams":          {stamp + "stdout P a", stamp + "stderr F b", stamp + "stdout F c"},
		"another line":     {stamp + "stdout P a", "not of a container"},
		"a part that ends": {stamp + "stdout P a"},
	} {
		require.Equal(t, want, logstest.Split(Lines, strings.Join(want, "\n")+"\n"), name)
	}
	n, _ := Lines([]byte(stamp+"stdout P a\n"), false)
	require.Zero(t, n, "the rest of the line may come")
}

// TestJoiner: the lines so far decide about the next one.
func TestJoiner(t *testing.T) {
	for name, c := range map[string]struct {
		before []string // the record so far
		joins  []string
		not    []string
	}{
		"an ordinary line":        {[]string{"started"}, []string{"  indented", "\ttoo", "}", "java.lang.Error: x", "Caused by: x", "note: x"}, []string{"next", "", "main.main()", "KeyError: 'a'", "DETAIL:  x"}},
		"a panic of Go":           {[]string{"panic: x"}, []string{"", "goroutine 1 [running]:", "main.main()", "exit status 2", "rip 0x45e1"}, []string{"2026/01/02 next"}},
		"a traceback":             {[]string{"Traceback (most recent call last):", "  File \"a.py\", line 1"}, []string{"KeyError: 'a'", "shop.Failed"}, []string{"next line here", "404: x"}},
		"behind a traceback":      {[]string{"Traceback (most recent call last):", "  File \"a.py\", line 1", "KeyError: 'a'"}, []string{"", "During handling of the above exception, another exception occurred:"}, []string{"done: yes"}},
		"a panic of Rust":         {[]string{"thread 'main' panicked at src/main.rs:2:5:"}, []string{"index out of bounds", ""}, []string{"2026-01-02 next"}},
		"behind Rust's message":   {[]string{"thread 'main' panicked at src/main.rs:2:5:", "index out of bounds"}, []string{"stack backtrace:"}, []string{"next", ""}},
		"a place of Node.js":      {[]string{"/srv/a.js:10"}, []string{"", "TypeError: x", "    ^"}, []string{"listening"}},
		"a slow log's header":     {[]string{"# Time: 1"}, []string{"# User@Host: a", "SELECT 1;", "# Query_time: 1"}, []string{"# Time: 2"}},
		"a slow log's statement":  {[]string{"# Time: 1", "SELECT 1;"}, []string{"FROM t", ""}, []string{"# User@Host: a", "# Time: 2"}},
		"a message of PostgreSQL": {[]string{"2026-01-02 [34] ERROR:  x"}, []string{"2026-01-02 [34] DETAIL:  y", "2026-01-02 [34] STATEMENT:  z"}, []string{"2026-01-02 [35] DETAIL:  y", "2026-01-02 [34] ERROR:  z"}},
		"an Erlang report":        {[]string{"=ERROR REPORT==== x ==="}, []string{"** Generic server", "{badarg,[]}", "<0.1.0>"}, []string{"", "=INFO REPORT====", "2026-01-02 x"}},
		"an Elixir error":         {[]string{"** (RuntimeError) boom"}, []string{"Last message: :x", "State: %{}", "** (EXIT) y"}, []string{"next"}},
		"a ruler":                 {[]string{"=================="}, []string{"WARNING: ThreadSanitizer: data race (pid=1)"}, []string{"title"}},
		"a sanitizer":             {[]string{"==1==ERROR: AddressSanitizer: x"}, []string{"READ of size 4", "", "SUMMARY: AddressSanitizer: x"}, []string{"2026-01-02 next"}},
		"a sanitizer's summary":   {[]string{"==1==ERROR: AddressSanitizer: x", "SUMMARY: AddressSanitizer: x"}, []string{"Shadow bytes", "=>0x1: fa", "==1==ABORTING"}, []string{"next"}},
		"an Oracle error":         {[]string{"ORA-20001: x"}, []string{"ORA-06512: at line 1", "Help: https://docs.oracle.com/x"}, []string{"ORANGE: x"}},
		"an alarming line":        {[]string{"2026-01-02 ERROR x"}, []string{"ORA-20001: x", "** (RuntimeError) y"}, []string{"next"}},
		"valgrind":                {[]string{"==1== Invalid read"}, []string{"==1==    at 0x1"}, []string{"==1== next", "==2==    at 0x1"}},
		"an error of R":           {[]string{"Error in f(1) : boom"}, []string{"Calls: f -> g", "Execution halted", "! x"}, []string{"next"}},
		"a trace of Nim":          {[]string{"Traceback (most recent call last)"}, []string{"Error: unhandled exception: x"}, []string{"Error: x"}},
		"a place in PowerShell":   {[]string{"Get-Item : x", `At C:\a.ps1:3 char:1`}, []string{"+ Get-Item x"}, []string{"+1 more"}},
	} {
		for _, lines := range [][]string{c.joins, c.not} {
			for _, line := range lines {
				var j joiner
				j.begin([]byte(c.before[0]))
				for _, b := range c.before[1:] {
					require.True(t, j.joins([]byte(b)), "%s: %q", name, b)
				}
				require.Equal(t, len(c.joins) > 0 && &lines[0] == &c.joins[0], j.joins([]byte(line)), "%s: %q", name, line)
			}
		}
	}
}

// TestDecided: the beginning of a line that is not whole is enough where it begins a record for sure.
func TestDecided(t *testing.T) {
	decided := func(before, begin string) bool {
		var j joiner
		j.begin([]byte(before))
		return j.decided([]byte(begin))
	}
	for _, begin := range []string{"2026", "[", "{"} {
		require.True(t, decided("started", begin), begin)
		for _, before := range []string{"panic: x", "Traceback (most recent call last):", "2026-01-02 ERROR x", "# Time: 1", "2026-01-02 [1] LOG:  x", "/srv/a.js:1", "=ERROR REPORT==== x", "[a] PHP Warning:  x"} {
			require.False(t, decided(before, begin), "%s, %s", before, begin)
		}
	}
	for _, begin := range []string{"", "\t", "a", "}"} {
		require.False(t, decided("started", begin), begin)
	}
}

// TestErrorName: an error's name ends at a colon, " [" or " (", and may have double colons in it.
func TestErrorName(t *testing.T) {
	for line, want := range map[string]string{
		"java.lang.Error": "java.lang.Error", "a.Error: text": "a.Error", "A::B::Error: text": "A::B::Error", "Error [ERR_X]: text": "Error", "Error (1): x": "Error",
		"Error text": "", "a-Error: text": "", "": "", ": text": "", "Error:::x": "Error::", "2026-01-02 Error: x": "",
	} {
		require.Equal(t, want, string(errorName([]byte(line))), line)
	}
}

// BenchmarkRecords is a line of a log that has no stack trace in it, and the line behind it.
func BenchmarkRecords(b *testing.B) {
	line := []byte("2026-11-21T08:00:00.123Z INFO checkout order 0000abcd of customer 000123 placed in 17 ms, payment card, shipping standard, total 12.34 EUR\n")
	data := append(bytes.Clone(line), line...)
	b.ReportAllocs()
	for b.Loop() {
		if n, _ := Records(data, true); n != len(line) {
			b.Fatal(n)
		}
	}
}
