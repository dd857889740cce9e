// SPDX-License-Identifier: Apache-2.0

package join

import (
	"bytes"

	"github.com/strata-apm/strata/collector/logs/chars"
	"github.com/strata-apm/strata/collector/logs/levels"
)

// isFrame knows lines that occur in stack traces only.
func isFrame(line []byte) bool {
	text := bytes.TrimLeft(line, " \t")
	if len(text) == 0 {
		return false
	}
	switch indented := len(text) < len(line); {
	case indented && hasAnyPrefix(text, "at ", "from ", `File "`, "--- End of ", "---> "):
		return true
	case hasAnyPrefix(text, "... ") && len(text) > 4 && text[4] >= '0' && text[4] <= '9':
		return true
	case text[0] == '#' && len(text) > 2 && text[1] >= '0' && text[1] <= '9':
		return bytes.IndexByte(text[:min(len(text), 5)], ' ') > 0
	}
	return isTraceback(line) || isForeignFrame(line) || isGoroutine(line) || isRubyFrame(line) || isPHPStack(line) ||
		hasAnyPrefix(line, "Stack trace:", "[stacktrace]", "stack backtrace:", "Stack backtrace:", "stack traceback:", "note: run with `RUST_BACKTRACE",
			"note: Some details are omitted", "--- End of ", "CallStack (from ", "Call Stack:") ||
		bytes.Equal(line, []byte("Caused by:"))
}

// isPart knows lines that continue a record and are no frames.
func isPart(line []byte) bool {
	return hasAnyPrefix(line, "During handling of the above exception", "The above exception was the direct cause", "[previous exception]", "[SQL: ", "[parameters: ",
		"(Background on this error at: ", "[CIRCULAR REFERENCE", "Node.js v", "note: ", "thrown in ", `"}`,
		"in expression starting at ", "Extension modules: ", "Error termination. Backtrace:", "Fortran runtime error: ")
}

func isTraceback(line []byte) bool {
	return bytes.Contains(line, []byte("Traceback (most recent call last):"))
}

func isGoPanic(line []byte) bool {
	return hasAnyPrefix(line, "panic: ", "fatal error: ", "SIGQUIT: quit", "SIGABRT: abort", "SIGSEGV: ", "unexpected fault address", "runtime: ") || isGoroutine(line)
}

func isGoroutine(line []byte) bool {
	return bytes.HasPrefix(line, []byte("goroutine ")) && bytes.HasSuffix(line, []byte(":"))
}

// isGoStack knows the lines of a Go stack that are not indented: a function with its arguments, the reason, a register.
func isGoStack(line []byte) bool {
	if hasAnyPrefix(line, "created by ", "[signal ", "exit status ", "panic: ", "fatal error: ", "[recovered]", "PC=", "...additional frames") {
		return true
	}
	if open := bytes.IndexByte(line, '('); line[len(line)-1] == ')' && open > 0 && bytes.IndexByte(line[:open], ' ') < 0 {
		return true
	}
	name, value, ok := bytes.Cut(line, []byte(" "))
	return ok && len(name) <= 6 && bytes.HasPrefix(bytes.TrimLeft(value, " "), []byte("0x"))
}

// isZigPanic is: thread 123 panic: TEXT.
func isZigPanic(line []byte) bool {
	return bytes.HasPrefix(line, []byte("thread ")) && bytes.Contains(line[len("thread "):], []byte(" panic: "))
}

func isRustPanic(line []byte) bool {
	return bytes.HasPrefix(line, []byte("thread '")) && bytes.Contains(line, []byte(" panicked at "))
}

// isNodePlace is the file and line that Node.js prints before the line that threw.
func isNodePlace(line []byte) bool {
	if !hasAnyPrefix(line, "/", "file:///", "node:", "evalmachine.") {
		return false
	}
	i := bytes.LastIndexByte(line, ':')
	return i > 0 && i < len(line)-1 && bytes.IndexByte(line, ' ') < 0 && chars.Digits(line[i+1:])
}

// isRubyFrame is a place of a Ruby backtrace that is not indented. The first line of one has the error's text behind it.
func isRubyFrame(line []byte) bool {
	i := bytes.Index(line, []byte(":in "))
	if i <= 0 || bytes.IndexByte(line[:i], ' ') >= 0 || bytes.Contains(line, []byte("': ")) {
		return false
	}
	j := bytes.LastIndexByte(line[:i], ':')
	return j > 0 && chars.Digits(line[j+1:i])
}

// isPHPStack is a line of the stack that PHP's log repeats its time on.
func isPHPStack(line []byte) bool {
	_, after, ok0 := bytes.Cut(line, []byte("] PHP "))
	if !ok0 || line[0] != '[' {
		return false
	}
	rest := bytes.TrimLeft(after, " ")
	number, _, ok := bytes.Cut(rest, []byte(". "))
	return bytes.HasPrefix(rest, []byte("Stack trace:")) || ok && chars.Digits(number)
}

// isException is the last line of a Python traceback: a dotted name, alone or before a colon.
func isException(line []byte) bool {
	name, _, _ := bytes.Cut(line, []byte(":"))
	return dotted(name) && name[0] > '9'
}

// isJavaException is a line with nothing but an exception, as printStackTrace writes it.
func isJavaException(line []byte) bool {
	name, _, _ := bytes.Cut(line, []byte(":"))
	return dotted(name) && bytes.IndexByte(name, '.') >= 0 && isErrorName(name)
}

// isError is a line that begins with an error's name, in any language.
func isError(line []byte) bool {
	if hasAnyPrefix(line, "Exception in thread ", "Uncaught ", "Unhandled exception", "PHP Fatal error:", "panic: ", "fatal error: ", "Fatal error: ", "terminate called") ||
		isRustPanic(line) || isRubyError(line) {
		return true
	}
	return isErrorName(errorName(line))
}

// errorName is the dotted name, also one with double colons, that a line consists of, or that stands before a colon, " [" or " (". It is empty
// without one.
func errorName(line []byte) []byte {
	i := 0
	for i < len(line) {
		if line[i] == ':' && i+1 < len(line) && line[i+1] == ':' {
			i += 2
			continue
		}
		if !isNameByte(line[i]) {
			break
		}
		i++
	}
	if rest := line[i:]; len(rest) == 0 || rest[0] == ':' || hasAnyPrefix(rest, " [", " (") {
		return line[:i]
	}
	return nil
}

// isRubyError is the first line of a Ruby backtrace: PLACE:in METHOD: TEXT.
func isRubyError(line []byte) bool {
	i := bytes.Index(line, []byte(":in "))
	return i > 0 && bytes.IndexByte(line[:i], ' ') < 0 && bytes.Contains(line[i:], []byte("': "))
}

// isHeadOfError is what follows words such as "Caused by: ".
func isHeadOfError(line []byte) bool {
	if rest, ok := bytes.CutPrefix(line, []byte("Next ")); ok {
		return isError(bytes.ReplaceAll(rest, []byte(`\`), []byte(".")))
	}
	return true
}

func isErrorName(name []byte) bool {
	for _, s := range []string{"Exception", "Error", "Throwable", "Failure"} {
		if bytes.HasSuffix(name, []byte(s)) {
			return true
		}
	}
	return false
}

// isAlarming says whether a line tells of an error, so that a stack may follow.
func isAlarming(line []byte) bool {
	for _, word := range []string{"rror", "xception", "RROR", "FATAL", "atal", "WARN", "CRIT", "SEVERE", "panic", "Uncaught", "Unhandled", "unhandled", "Throwable", "fail"} {
		if bytes.Contains(line, []byte(word)) {
			return true
		}
	}
	return false
}

// isPostgres says whether the line has one of the words as PostgreSQL writes them, before a colon and two spaces.
func isPostgres(line []byte, words ...string) bool {
	before, _, ok := bytes.Cut(line, []byte(":  "))
	if !ok || bytes.IndexByte(before, '[') < 0 {
		return false
	}
	for _, w := range words {
		if bytes.HasSuffix(before, []byte(" "+w)) {
			return true
		}
	}
	return false
}

// bracketed is what stands in the first brackets that hold a number.
func bracketed(line []byte) []byte {
	_, rest, _ := bytes.Cut(line, []byte("["))
	in, _, _ := bytes.Cut(rest, []byte("]"))
	return in
}

// isClosing is the end of something that was printed over several lines.
func isClosing(line []byte) bool {
	return line[0] == '}' || line[0] == ']' && len(line) <= 2 || line[0] == ')'
}

// beginsRecord knows lines that no stack trace has in it: those that begin with a time, a level or a JSON object.
func beginsRecord(line []byte) bool {
	if len(line) < 3 {
		return false
	}
	switch c := line[0]; {
	case c == '{' || c == '<' && line[1] >= '0' && line[1] <= '9':
		return true
	case c == '[':
		return line[1] >= '0' && line[1] <= '9' || isLevel(line[1:])
	case c >= '0' && c <= '9':
		return beginsDate(line)
	case c >= 'A' && c <= 'Z' && len(line) > 5 && chars.Digits(line[1:5]): // glog: E0102 15:04:05
		return true
	case c >= 'D' && c <= 'W' && line[1] == ',' && line[2] == ' ': // Ruby's logger: E, [2026-01-02T…
		return true
	}
	return isMonth(line) || isLevel(line)
}

// beginsDate says whether the digits that the line begins with are of a date, a time of day or a Unix time.
func beginsDate(line []byte) bool {
	i := 0
	for i < len(line) && line[i] >= '0' && line[i] <= '9' {
		i++
	}
	return i >= 8 || i >= 2 && i <= 4 && i < len(line)-1 && bytes.IndexByte([]byte("-/:.T"), line[i]) >= 0 && line[i+1] >= '0' && line[i+1] <= '9' ||
		i == 2 && len(line) > 6 && line[2] == '-' && line[6] == '-'
}

func isMonth(line []byte) bool {
	return len(line) > 5 && line[3] == ' ' && hasAnyPrefix(line, "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec") &&
		(line[4] == ' ' || line[4] >= '0' && line[4] <= '9')
}

// isLevel says whether the line begins with a level in capitals, or in small letters before a sign.
func isLevel(line []byte) bool {
	n := 0
	for n < len(line) && n < 12 && chars.IsLetter(line[n]) {
		n++
	}
	if n < 3 || !levels.IsWord(string(line[:n])) {
		return false
	}
	return bytes.Equal(line[:n], bytes.ToUpper(line[:n])) || n < len(line) && bytes.IndexByte([]byte("]:|="), line[n]) >= 0 && line[0]|0x20 == line[0]
}

func dotted(name []byte) bool {
	if len(name) == 0 {
		return false
	}
	for _, c := range name {
		if !isNameByte(c) {
			return false
		}
	}
	return true
}

func isNameByte(c byte) bool { return c == '.' || c == '$' || chars.IsWord(c) }

func hasAnyPrefix(line []byte, prefixes ...string) bool {
	for _, p := range prefixes {
		if bytes.HasPrefix(line, []byte(p)) {
			return true
		}
	}
	return false
}
