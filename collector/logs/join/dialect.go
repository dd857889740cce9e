// SPDX-License-Identifier: Apache-2.0

package join

import (
	"bytes"

	"github.com/strata-apm/strata/collector/logs/chars"
)

// dialect is a language or tool whose traces have lines that belong to them only behind their first line.
type dialect int

const (
	noDialect dialect = iota
	erlang
	elixir
	sanitizer        // of addresses, threads, leaks
	sanitizerSummary // behind the line that sums it up
	ruler            // a line of =, which a sanitizer may follow
	oracle
	native // Swift's, Objective-C's, C++'s and Ada's crashes
	rlang
	nim
	valgrind
	powershell
	clojureReport // behind "Full report at:"
)

// dialectOf is the dialect of a record by its first line.
func dialectOf(line []byte) dialect {
	has := func(text string) bool { return bytes.Contains(line, []byte(text)) }
	switch {
	case len(line) == 0:
		return noDialect
	case line[0] == '=' && has(" REPORT===="):
		return erlang
	case isSanitizer(line):
		return sanitizer
	case isRuler(line):
		return ruler
	case hasAnyPrefix(line, "** (") || has("** (") || has("GenServer ") || has("Task #PID") || has("Process #PID") || has("State machine "):
		return elixir
	case isOracle(line) || has(" ORA-"):
		return oracle
	case hasAnyPrefix(line, "Fatal error: ", "Current stack trace:", "*** Terminating app", "*** Signal ", "terminate called ", "Execution of ") || has(": Fatal error: "):
		return native
	case hasAnyPrefix(line, "Error in ", "Error: ", "Error:", "Error!"):
		return rlang
	case bytes.Equal(line, []byte("Traceback (most recent call last)")):
		return nim
	case valgrindPrefix(line) != nil:
		return valgrind
	default:
		return noDialect
	}
}

// joinsDialect says whether the line belongs to the record because of its dialect.
//
//nolint:gocyclo // A list of the lines that follow, by dialect.
func (j *joiner) joinsDialect(line []byte) bool {
	switch j.dialect {
	case noDialect:
	case erlang: // Up to an empty line or the next report. A term may begin as JSON does.
		return len(line) > 0 && line[0] != '=' && (line[0] == '{' || line[0] == '<' || !beginsRecord(line))
	case elixir:
		return hasAnyPrefix(line, "** (", "Last message", "State: ", "State:", "Client ", "Function: ", "Args: ", "Initial Call: ", "Ancestors: ", "Message Queue ", "Messages: ", "Queue: ",
			"Process Label: ", "Reason: ", "Start Call: ", "Child ", "Pid: ", "Links: ", "Dictionary: ", "Trapping Exits: ", "Status: ", "Heap Size: ", "Stack Size: ", "Reductions: ", "Postponed", "Neighbours:")
	case ruler:
		j.dialect = noDialect
		if isSanitizer(line) {
			j.dialect = sanitizer
			return true
		}
	case sanitizer:
		switch {
		case bytes.HasPrefix(line, []byte("SUMMARY: ")):
			j.dialect = sanitizerSummary
		case bytes.HasSuffix(line, []byte("==ABORTING")), isRuler(line):
			j.dialect = noDialect
		default:
			return !beginsRecord(line)
		}
		return true
	case sanitizerSummary:
		if bytes.HasSuffix(line, []byte("==ABORTING")) || isRuler(line) {
			j.dialect = noDialect
			return true
		}
		return hasAnyPrefix(line, "Shadow ", "=>")
	case oracle:
		return isOracle(line) || hasAnyPrefix(line, "Help: https://docs.oracle.com/")
	case native:
		return len(line) == 0 || isNativeFrame(line) || hasAnyPrefix(line, "*** ", "Current stack trace:", "Stack dump", "Thread ", "Registers:", "Images (", "Backtrace took ", "libc++abi: ",
			"Aborted", "raised ", "Call stack traceback", "0x", "[") && !beginsRecord(line) || bytes.Equal(line, []byte("("))
	case rlang:
		return hasAnyPrefix(line, "! ", "Calls: ", "Execution halted", "In addition: ", "Backtrace:", "Caused by error", "ℹ ", "✖ ", "• ")
	case nim:
		return bytes.HasPrefix(line, []byte("Error: unhandled exception: "))
	case valgrind:
		rest, ok := bytes.CutPrefix(line, j.prefix)
		return ok && bytes.HasPrefix(rest, []byte("  "))
	case powershell:
		return bytes.HasPrefix(line, []byte("+ "))
	case clojureReport:
		j.dialect = noDialect
		return len(line) > 3 && (line[0] == '/' || line[1] == ':')
	}
	return false
}

// beginsDialect notes what a line of a record says about the lines behind it.
func (j *joiner) beginsDialect(line []byte) {
	switch {
	case isPowerShellPlace(line):
		j.dialect = powershell
	case bytes.Equal(line, []byte("Full report at:")):
		j.dialect = clojureReport
	case bytes.HasPrefix(line, []byte("Stacktrace:")): // Julia's, whose causes stand behind an empty line.
		j.chain = true
	case isOracle(line):
		j.dialect = oracle
	case hasAnyPrefix(line, "** ("):
		j.dialect = elixir
	}
}

// joinsRuby says whether the line is the cause of the Ruby error whose frames stand before it. The same error once more is one that happened again.
func (j *joiner) joinsRuby(line []byte) bool {
	return j.rubyFrames && isRubyError(line) && !bytes.Equal(line, j.ruby)
}

// isForeignFrame knows the frames of less usual languages, each by a form that no other line has.
func isForeignFrame(line []byte) bool {
	switch {
	case hasAnyPrefix(line, "Raised at ", "Called from ", "Re-raised at ", "Raised by primitive operation "): // OCaml
		return bytes.Contains(line, []byte(`in file "`)) || bytes.Contains(line, []byte("unknown location"))
	case hasAnyPrefix(line, "Stacktrace:", "<asynchronous suspension>", "Full report at:", "*** First throw call stack:"):
		return true
	case hasAnyPrefix(line, "Current thread 0x", "Thread 0x"): // Python's faulthandler
		return bytes.HasSuffix(line, []byte("(most recent call first):"))
	case bytes.Contains(line, []byte(".nim(")):
		_, rest, _ := bytes.Cut(line, []byte(".nim("))
		number, _, ok := bytes.Cut(rest, []byte(")"))
		return ok && chars.Digits(number)
	case bytes.Equal(bytes.TrimRight(line, " "), []byte("Line |")):
		return true
	}
	return isPowerShellPlace(line) || isZigFrame(line) || isGlibcFrame(line)
}

// isPowerShellPlace is: At C:\a.ps1:3 char:1.
func isPowerShellPlace(line []byte) bool {
	if !bytes.HasPrefix(line, []byte("At ")) {
		return false
	}
	_, column, ok := bytes.Cut(line, []byte(" char:"))
	return ok && chars.Digits(column)
}

// isZigFrame is: FILE:LINE:COLUMN: 0xADDRESS in FUNCTION (MODULE).
func isZigFrame(line []byte) bool {
	place, rest, ok := bytes.Cut(line, []byte(": 0x"))
	i := bytes.LastIndexByte(place, ':')
	return ok && i > 0 && bytes.Contains(rest, []byte(" in ")) && (chars.Digits(place[i+1:]) || bytes.HasPrefix(place[i+1:], []byte("?")))
}

// isGlibcFrame is: FILE(FUNCTION+0xOFFSET)[0xADDRESS], with or without a space.
func isGlibcFrame(line []byte) bool {
	i := bytes.LastIndex(line, []byte("[0x"))
	return i > 0 && line[len(line)-1] == ']' && bytes.Contains(line[:i], []byte("+0x")) && (line[i-1] == ')' || line[i-1] == ' ')
}

// isNativeFrame is a number, then an address: 0 main 0x0000000100003f4c main + 12; or a register and its value.
func isNativeFrame(line []byte) bool {
	first, rest, _ := bytes.Cut(line, []byte(" "))
	if len(first) > 6 {
		return false
	}
	return chars.Digits(first) && bytes.Contains(rest, []byte("0x")) || bytes.HasPrefix(bytes.TrimLeft(rest, " "), []byte("0x"))
}

func isSanitizer(line []byte) bool {
	return valgrindPrefix(line) != nil && (bytes.Contains(line, []byte("==ERROR: ")) || bytes.Contains(line, []byte("==WARNING: "))) ||
		hasAnyPrefix(line, "WARNING: ThreadSanitizer", "WARNING: MemorySanitizer")
}

// isRuler is a line of nothing but =.
func isRuler(line []byte) bool { return len(line) >= 16 && len(bytes.Trim(line, "=")) == 0 }

// valgrindPrefix is ==PID== at the beginning of a line, nil without it.
func valgrindPrefix(line []byte) []byte {
	rest, ok := bytes.CutPrefix(line, []byte("=="))
	pid, _, ok2 := bytes.Cut(rest, []byte("=="))
	if !ok || !ok2 || !chars.Digits(pid) {
		return nil
	}
	return line[:len(pid)+4]
}

// isOracle is a line that begins with an error's number, such as ORA-06512.
func isOracle(line []byte) bool {
	word, _, _ := bytes.Cut(line, []byte(":"))
	kind, number, ok := bytes.Cut(word, []byte("-"))
	return ok && len(number) >= 4 && len(number) <= 5 && chars.Digits(number) && hasAnyPrefix(kind, "ORA", "PLS", "TNS", "RMAN", "SP2", "OCI", "KUP", "DRG", "LPX") && len(kind) <= 4
}
