// SPDX-License-Identifier: Apache-2.0

package join

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/collector/logs/logstest"
)

// traces are stack traces as the languages print them, each with an ordinary line before and behind it.
func traces() map[string][]string {
	stamp := "2026-01-02 10:00:01 "
	return map[string][]string{
		"java, message of several lines": {
			stamp + "INFO start", stamp + "ERROR failed\njava.lang.IllegalStateException: first line\nsecond line\n\nthird line\n\tat shop.Cart.add(Cart.java:10)\n" +
				"\tSuppressed: java.io.IOException: close\n\t\tat a.b(c.java:1)\nCaused by: java.sql.SQLException: bad\nSQL: SELECT 1\n\tat d.e(f.java:2)\n\t... 12 more", stamp + "INFO next",
		},
		"java, uncaught": {"starting", "Exception in thread \"main\" java.lang.RuntimeException: one\ntwo\n\tat a.b(c.java:1)\n\t... 3 common frames omitted", "ended"},
		"java, message of several lines in the log line": {
			stamp + "ERROR order 17 failed:\n  item 1\nitem 2\njava.lang.Error: x\n\tat a.b(c.java:1)", stamp + "INFO next",
		},
		"python, chained": {
			"INFO:root:start",
			"ERROR:root:failed\nTraceback (most recent call last):\n  File \"a.py\", line 1, in f\n    g()\n    ~^^\nKeyError: 'a'\n\nThe above exception was the direct cause of the following exception:\n\n" +
				"Traceback (most recent call last):\n  File \"b.py\", line 2, in <module>\nshop.errors.Failed: two\n  lines", "INFO:root:next",
		},
		"python, lists behind its message": {
			"Traceback (most recent call last):\n  File \"a.py\", line 1, in f\npydantic.ValidationError: 2 validation errors for User\nname\n  field required\nage\n  value is not an integer",
			"INFO:root:next",
		},
		"python, sqlalchemy": {
			"Traceback (most recent call last):\n  File \"a.py\", line 1\nsqlalchemy.exc.OperationalError: (psycopg2.OperationalError) gone\n[SQL: SELECT 1]\n(Background on this error at: https://sqlalche.me/e/20/e3q8)",
			stamp + "next",
		},
		"dotnet": {
			"fail: Shop[0]\n      failed", "Unhandled exception. System.InvalidOperationException: first\nsecond\n ---> System.IO.IOException: inner\n   at A.B() in /a.cs:line 1\n" +
				"   --- End of inner exception stack trace ---\n   at C.D()\n--- End of stack trace from previous location ---\n   at E.F()", "info: Shop[0]\n      next",
		},
		"ruby":        {"ok", "app.rb:2:in 'Object#a': bad (RuntimeError)\n\tfrom app.rb:5:in 'Object#b'\n\tfrom app.rb:8:in '<main>'", "next"},
		"ruby, rails": {"I, [2026-01-02T10:00:00.1 #1]  INFO -- : ok", "E, [2026-01-02T10:00:00.1 #1] ERROR -- : NoMethodError (undefined method 'x' for nil):\n\napp/a.rb:3:in 'show'\napp/b.rb:4:in 'call'", "I, [2026-01-02T10:00:00.1 #1]  INFO -- : next"},
		"node, uncaught": {
			"listening", "/srv/a.js:10\n    throw new Error('x')\n    ^\n\nError: x\nsecond line\n    at f (/srv/a.js:10:11)\n    at node:internal/main:1:1 {\n  code: 'E'\n}\n\nNode.js v20.1.0", "listening again",
		},
		"node, several lines": {"TypeError: one\ntwo\nthree\n    at f (/a.js:1:2)\n    at g (/a.js:2:3) {\n  [cause]: Error: y\n      at h (/b.js:1:1)\n}", "next"},
		"node, logged":        {stamp + "error unhandled\nTypeError [ERR_X]: bad\n    at f (/a.js:1:2)", stamp + "info next"},
		"go": {
			"2026/01/02 10:00:00 listening", "panic: first\nsecond\n\ngoroutine 1 [running]:\nmain.main()\n\t/src/main.go:10 +0x1b\n\ngoroutine 7 gp=0xc0 m=0 [select]:\nmain.run[...](0x1)\n\t/src/t.go:2\ncreated by main.main in goroutine 1\n\t/src/x.go:3\nexit status 2",
			"2026/01/02 10:00:01 listening",
		},
		"go, http": {
			"2026/01/02 10:00:00 http: panic serving 1.2.3.4:5: boom\ngoroutine 17 [running]:\nnet/http.(*conn).serve.func1()\n\t/usr/lib/go/server.go:1 +0x1\npanic({0x1, 0x2})\n\t/usr/lib/go/panic.go:1",
			"2026/01/02 10:00:01 next",
		},
		"go, dead lock": {"fatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1 [chan receive]:\nmain.main()\n\t/a.go:3 +0x1", "2026/01/02 10:00:01 next"},
		"postgresql": {
			"2026-01-02 10:00:00.000 UTC [12] LOG:  ready",
			"2026-01-02 10:00:01.000 UTC [34] app@shop ERROR:  relation \"x\" does not exist at character 15\n2026-01-02 10:00:01.000 UTC [34] app@shop DETAIL:  none\n2026-01-02 10:00:01.000 UTC [34] app@shop STATEMENT:  SELECT *\n\tFROM x",
			"2026-01-02 10:00:02.000 UTC [34] app@shop ERROR:  other\n2026-01-02 10:00:02.000 UTC [34] app@shop HINT:  y", "2026-01-02 10:00:02.000 UTC [56] app@shop STATEMENT:  of another process",
		},
		"php": {
			"[02-Jan-2026 10:00:00 UTC] ok",
			"[02-Jan-2026 10:00:01 UTC] PHP Fatal error:  Uncaught Exception: first\nsecond in /a.php:3\nStack trace:\n#0 /a.php(7): f()\n#1 {main}\n\nNext LogicException: b in /a.php:5\nStack trace:\n#0 /a.php(9): g()\n#1 {main}\n  thrown in /a.php on line 3",
			"[02-Jan-2026 10:00:02 UTC] PHP Warning:  x\n[02-Jan-2026 10:00:02 UTC] PHP Stack trace:\n[02-Jan-2026 10:00:02 UTC] PHP   1. {main}() /a.php:0", "[02-Jan-2026 10:00:03 UTC] next",
		},
		"php, monolog": {
			"[2026-01-02T10:00:00.0+00:00] app.ERROR: bad {\"exception\":\"[object] (Error(code: 0): bad at /a.php:3)\n[stacktrace]\n#0 /a.php(7): f()\n#1 {main}\n\"} []", "[2026-01-02T10:00:01.0+00:00] app.INFO: next",
		},
		"php, plain": {"PHP Fatal error:  Uncaught TypeError: x in /a.php:3\nStack trace:\n#0 {main}\n  thrown in /a.php on line 3", "next"},
		"rust": {
			"starting", "thread 'main' panicked at src/main.rs:2:5:\nfirst\nsecond\nstack backtrace:\n   0: rust_begin_unwind\n             at /rustc/x/lib.rs:1:1\n   1: a::b\nnote: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.",
			"ended",
		},
		"rust, short":               {"thread 'main' (12) panicked at src/main.rs:2:5:\nindex out of bounds: the len is 3 but the index is 5\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace", "next"},
		"rust, old":                 {"thread 'main' panicked at 'x', src/main.rs:2:5\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace", "2026-01-02 10:00:00 next"},
		"rust, anyhow":              {"Error: top\n\nCaused by:\n    0: middle\n    1: low\n\nStack backtrace:\n   0: a::b\n             at ./a.rs:1:1", "2026-01-02 next"},
		"dart":                      {"Unhandled exception:\nException: x\n#0      main (file:///a.dart:1:2)\n#1      run (dart:core)", "next"},
		"lua":                       {"lua: a.lua:1: bad\nstack traceback:\n\t[C]: in function 'error'", "next"},
		"plain lines":               {"error: one", "all is well", "Error: two", "three", "WARN four", "five"},
		"ruby, a class in a module": {"ok", "ActionController::RoutingError (No route matches [GET] \"/x\"):\n\nactionpack (7.1.0) lib/a.rb\n    from app/b.rb:4:in 'call'", "2026-01-02 next"},
		"ruby, causes": {
			"ok", "/a.rb:3:in `f': boom (RuntimeError)\n\tfrom /a.rb:9:in `<main>'\n/a.rb:2:in `g': cause (ArgumentError)\n\tfrom /a.rb:3:in `f'",
			"next",
		},
		"ruby 3.4, causes": {"ok", "/a.rb:3:in 'Object#f': boom (RuntimeError)\n\tfrom /a.rb:9:in '<main>'\n/a.rb:2:in 'Object#g': cause (ArgumentError)\n\tfrom /a.rb:3:in 'Object#f'", "next"},
		"ruby, twice":      {"/a.rb:3:in 'f': boom (RuntimeError)\n\tfrom /a.rb:9:in '<main>'", "/a.rb:3:in 'f': boom (RuntimeError)\n\tfrom /a.rb:9:in '<main>'", "next"},
		"dart, async":      {"Unhandled exception:\nException: x\n#0      main (file:///a.dart:1:2)\n<asynchronous suspension>\n#1      run (dart:core)\n<asynchronous suspension>", "next"},
		"python, message of several lines": {
			stamp + "ERROR failed\nTraceback (most recent call last):\n  File \"a.py\", line 1, in f\nValueError: multi\nline\n\nthird", stamp + "INFO next",
		},
		"python, chained messages of several lines": {
			"ERROR:x\nTraceback (most recent call last):\n  File \"a.py\", line 1\nValueError: multi\nline\n\nDuring handling of the above exception, another exception occurred:\n\n" +
				"Traceback (most recent call last):\n  File \"b.py\"\nKeyError: 'a'\nb", "INFO:root:next",
		},
		"python, faulthandler": {"Fatal Python error: Segmentation fault\n\nCurrent thread 0x00007f12 (most recent call first):\n  File \"a.py\", line 3 in f\n  File \"a.py\", line 9 in <module>\n\nExtension modules: x (total: 1)", "next"},
		"erlang": {
			"ok", "=ERROR REPORT==== 29-Nov-2026::08:10:00.123456 ===\n** Generic server x terminating\n** Last message in was boom\n** When Server state == #{}\n** Reason for termination ==\n** {badarg,[{x,f,1,\n         [{file,\"x.erl\"}]}]}\n{more,terms}",
			"=CRASH REPORT==== 29-Nov-2026::08:10:00.123456 ===\n  crasher:\n    initial call: x:init/1\n    exception error: badarg", "2026-11-29 next",
		},
		"elixir": {
			"08:10:00.122 [info] ok", "08:10:00.123 [error] GenServer #PID<0.1.0> terminating\n** (RuntimeError) boom\n    (app 0.1.0) lib/a.ex:3: A.f/1\n    (stdlib 6.0) gen_server.erl:1: :gen_server.loop/5\nLast message: :x\nState: %{\n  a: 1\n}",
			"08:10:00.124 [error] Task #PID<0.2.0> started from A terminating\n** (ArgumentError) bad\n    (app 0.1.0) lib/a.ex:3: A.f/1\nFunction: #Function<0.1/0 in A.f>\n    Args: []", "08:10:00.125 [info] next",
		},
		"swift": {
			"ok", "main/main.swift:3: Fatal error: Index out of range\nCurrent stack trace:\n0    libswiftCore.so 0x00007f1c0a0b0c0d _swift_stdlib_reportFatalError + 12\n12   main 0x000055d0c0a0b0c0 main + 1", "next",
		},
		"swift, backtraces": {
			"Fatal error: x\n\n*** Signal 4: Backtracing from 0x7f1c0a0b0c0d... done ***\n\nThread 0 \"main\" crashed:\n\n0 0x00007f1c0a0b0c0d f() + 12 in main at /a.swift:3:5\n\n     1│ let a = [1]\n\nRegisters:\n\nrax 0x0000000000000000  0\n\nImages (2 omitted):\n\n0x000055d0 main  /a", "next",
		},
		"julia":        {"ok", "ERROR: LoadError: boom\nStacktrace:\n [1] error(s::String)\n   @ Base ./error.jl:35\nin expression starting at /a.jl:1\n\ncaused by: cause\nStacktrace:\n [1] f()", "next"},
		"powershell":   {"ok", "Get-Item : Cannot find path 'x'.\nAt C:\\a.ps1:3 char:1\n+ Get-Item x\n+ ~~~~\n    + CategoryInfo          : ObjectNotFound\n    + FullyQualifiedErrorId : x", "next"},
		"powershell 7": {"Get-Item: /a.ps1:3\nLine |\n   3 |  Get-Item x\n     |  ~~~~\n     | Cannot find path", "next"},
		"oracle":       {"ok", "ORA-20001: boom\nORA-06512: at \"X.Y\", line 3\nORA-06512: at line 1", stamp + "ERROR failed\nORA-00604: error at level 1\nORA-01422: too many rows", "next"},
		"ocaml":        {"Fatal error: exception Failure(\"boom\")\nRaised at Stdlib.failwith in file \"stdlib.ml\", line 29, characters 17-33\nCalled from Dune__exe__A in file \"a.ml\", line 1, characters 0-1\nRe-raised at X in file \"x.ml\", line 1", "next"},
		"clojure":      {"ok", "Execution error (ArithmeticException) at user/f (REPL:1).\nDivide by zero\n\nFull report at:\n/tmp/clojure-123.edn", "next"},
		"r":            {"ok", "Error in f(1) : boom\nCalls: f -> g\nExecution halted", "Error in `f()`:\n! boom\nBacktrace:\n    ▆\n 1. └─global f()\nExecution halted", "next"},
		"address sanitizer": {
			"ok", strings.Repeat("=", 65) + "\n==12==ERROR: AddressSanitizer: heap-use-after-free on address 0x602000000010\nREAD of size 4 at 0x602000000010 thread T0\n    #0 0x55 in main a.c:3\n\n0x602000000010 is located 0 bytes inside of 4-byte region\nfreed by thread T0 here:\n    #0 0x7f in free\n\n" +
				"SUMMARY: AddressSanitizer: heap-use-after-free a.c:3 in main\nShadow bytes around the buggy address:\n  0x0: fa\n=>0x1: fa\nShadow byte legend (one shadow byte represents 8 application bytes):\n  Addressable:           00\n==12==ABORTING", "next",
		},
		"thread sanitizer": {strings.Repeat("=", 18) + "\nWARNING: ThreadSanitizer: data race (pid=1)\n  Write of size 4 at 0x1 by thread T1:\n    #0 f a.c:3\n\n  Previous read\n\nSUMMARY: ThreadSanitizer: data race a.c:3 in f\n" + strings.Repeat("=", 18), "next"},
		"leak sanitizer":   {"==12==ERROR: LeakSanitizer: detected memory leaks\n\nDirect leak of 4 byte(s)\n    #0 0x1 in malloc\n\nSUMMARY: AddressSanitizer: 4 byte(s) leaked in 1 allocation(s).", "next"},
		"valgrind":         {"==12== Invalid read of size 4\n==12==    at 0x1: main (a.c:3)\n==12==  Address 0x0 is not stack'd", "==12== ", "==12== next"},
		"zig":              {"ok", "thread 123 panic: index out of bounds: index 5, len 3\n/a.zig:3:10: 0x1034 in main (a)\n    const x = a[5];\n         ^\n???:?:?: 0x0 in ??? (???)", "next"},
		"zig, error":       {"error: FileNotFound\n/a.zig:3:10: 0x1034d1 in main (a)\n    return error.FileNotFound;\n    ^", "next"},
		"nim":              {"Traceback (most recent call last)\n/a.nim(3) a\n/a.nim(1) f\nError: unhandled exception: boom [ValueError]", "next"},
		"glibc":            {"terminate called after throwing an instance of 'std::runtime_error'\n  what():  boom\n./a(main+0x1a) [0x401136]\n/lib/libc.so.6(__libc_start_main+0xf3)[0x7f1c0a0b0c0d]", "next"},
		"objective-c":      {"*** Terminating app due to uncaught exception 'X', reason: 'y'\n*** First throw call stack:\n(\n\t0   CoreFoundation 0x1 f + 1\n)\nlibc++abi: terminating due to uncaught exception of type X", "next"},
		"cri": {
			"2026-01-02T10:00:00.1Z stdout F one", "2026-01-02T10:00:00.1Z stdout P two \n2026-01-02T10:00:00.2Z stdout P  and \n2026-01-02T10:00:00.3Z stdout F  a half",
			"2026-01-02T10:00:00.1Z stderr F java.lang.Error: x\n2026-01-02T10:00:00.1Z stderr F \tat a.b(c.java:1)", "2026-01-02T10:00:00.1Z stdout F next",
		},
	}
}

// TestTraces: each is one record, whether it comes at once or byte by byte.
func TestTraces(t *testing.T) {
	for name, want := range traces() {
		t.Run(name, func(t *testing.T) {
			text := strings.Join(want, "\n") + "\n"
			require.Equal(t, want, records(t, text))
			data, out := []byte{}, []string{}
			for i := range len(text) {
				data = append(data, text[i])
				for {
					n, token := Records(data, false)
					if n == 0 {
						break
					}
					out, data = append(out, string(token)), data[n:]
				}
			}
			require.Equal(t, want, append(out, logstest.Split(Records, string(data))...), "byte by byte")
		})
	}
}

func TestLinesAndAt(t *testing.T) {
	require.Equal(t, []string{"a", " b", "", "2026-01-02T10:00:00.1Z stdout P x\n2026-01-02T10:00:00.1Z stdout F y", "c"},
		logstest.Split(Lines, "a\n b\r\n\n2026-01-02T10:00:00.1Z stdout P x\n2026-01-02T10:00:00.1Z stdout F y\nc"))
	split, err := At(`^\d+ `)
	require.NoError(t, err)
	require.Equal(t, []string{"before", "1 a\nb", "2 c", "3"}, append(logstest.Split(split, "before\n1 a\nb\n2 c\n"), "3"))
	_, err = At("(")
	require.Error(t, err)
}
