// SPDX-License-Identifier: Apache-2.0

package join

import (
	"bytes"

	"github.com/strata-apm/strata/collector/logs/chars"
)

// joiner decides line by line what belongs to a record.
type joiner struct {
	python  bool // within a Python traceback
	chain   bool // after one: another may follow behind an empty line
	golang  bool // within the stacks of a Go panic
	rust    bool // after the first line of a Rust panic
	node    bool // after the place that Node.js names before an error
	php     bool // within a PHP stack trace
	phpLog  bool // in PHP's own log, which repeats its time on every line of a stack
	slow    bool // within a record of MySQL's slow log
	header  bool // the slow log's header lines are not over
	stamped bool // the first line has a time or a level
	// open says that an error was named whose stack was not seen yet: its text may have more lines.
	open bool
	// postgres is the process that PostgreSQL's message names, in brackets.
	postgres []byte
	// dialect is set by the lines of the record so far; prefix is what valgrind begins each line with.
	dialect dialect
	prefix  []byte
	// ruby is the first line of Ruby's error, rubyFrames says that frames of one were seen.
	ruby       []byte
	rubyFrames bool
	// message says that the last line was the message of a Python exception, which may have more lines.
	message bool
}

func (j *joiner) begin(line []byte) {
	j.python = isTraceback(line)
	j.golang = isGoPanic(line)
	j.rust = isRustPanic(line)
	j.node = isNodePlace(line)
	j.phpLog = bytes.Contains(line, []byte("] PHP "))
	j.slow = hasAnyPrefix(line, "# Time:", "# User@Host:")
	j.header = j.slow
	j.stamped = beginsRecord(line)
	j.open = j.stamped && isAlarming(line) || isError(line) || hasAnyPrefix(line, "Execution error ", "Syntax error ", "Fatal Python error: ") || isZigPanic(line)
	j.chain = hasAnyPrefix(line, "Fatal Python error: ")
	if j.dialect = dialectOf(line); j.dialect == valgrind {
		j.prefix = bytes.Clone(valgrindPrefix(line))
	}
	if isRubyError(line) {
		j.ruby = bytes.Clone(line)
	}
	if isPostgres(line, "ERROR", "FATAL", "PANIC", "LOG", "WARNING", "NOTICE", "INFO") {
		j.postgres = bracketed(line)
	}
}

// joinsSlow is joins within MySQL's slow log: header lines, then the statement up to the next header.
func (j *joiner) joinsSlow(line []byte) bool {
	if bytes.HasPrefix(line, []byte("#")) {
		return j.header && !bytes.HasPrefix(line, []byte("# Time:"))
	}
	j.header = false
	return true
}

// joins says whether the line alone shows that it belongs to the record so far.
//
//nolint:gocyclo // A list of the forms that continue a record.
func (j *joiner) joins(line []byte) bool {
	switch {
	case j.slow:
		return j.joinsSlow(bytes.TrimSpace(line))
	case j.joinsDialect(line), j.joinsRuby(line):
		return true
	case len(line) == 0:
		return j.golang || j.chain || j.node || j.rust
	case isFrame(line):
		j.open = bytes.Equal(line, []byte("Caused by:")) // Of Rust's anyhow, with the stack behind it.
		j.golang = j.golang || isGoroutine(line)
		j.php = j.php || line[0] == '#'
		j.python = j.python || isTraceback(line)
		j.rubyFrames = j.rubyFrames || bytes.HasPrefix(bytes.TrimLeft(line, " \t"), []byte("from ")) && bytes.Contains(line, []byte(":in "))
		j.message = false
		j.beginsDialect(line)
		return true
	case line[0] == ' ' || line[0] == '\t':
		return true
	case j.postgres != nil && isPostgres(line, "DETAIL", "HINT", "QUERY", "CONTEXT", "STATEMENT", "LOCATION", "BACKTRACE"):
		return bytes.Equal(j.postgres, bracketed(line))
	case j.golang && isGoStack(line):
		return true
	case j.rust && !beginsRecord(line): // The message is the line after the place.
		j.rust, j.open = false, true
		return true
	case j.python && isException(line):
		j.python, j.chain, j.open = false, true, false // The last line of a traceback.
		j.message = bytes.Contains(line, []byte(": "))
		return true
	case j.node && isError(line):
		j.open = true
		return true
	}
	if j.open && (isOracle(line) || hasAnyPrefix(line, "** (")) {
		j.beginsDialect(line)
		return true
	}
	if isJavaException(line) || hasAnyPrefix(line, "Caused by: ", "caused by: ", "Suppressed: ", "Wrapped by: ", "Next ") && isHeadOfError(line) {
		j.open = true
		return true
	}
	return isPart(line) || isClosing(line)
}

// ahead says whether the lines, of which the first alone tells nothing, lead to the frames of a stack, and how long they are.
func (j *joiner) ahead(data []byte, final bool) (n int, found, known bool) {
	if j.message {
		if n, found, known = restOfMessage(data, final); found || !known {
			return n, found, known
		}
		n, j.message = 0, false
	}
	if !j.open && !j.chain && !j.php {
		return 0, false, true
	}
	most := maxAhead
	if !j.open {
		most = 2
	}
	for i := range most {
		line, size, ok := cutLine(data[n:], final)
		if !ok {
			return 0, false, final
		}
		line = chars.PlainLine(line)
		switch {
		case isFrame(line):
			return n, n > 0, true
		case i > 0 && j.follows(line):
			return n, true, true
		case beginsRecord(line), i > 0 && !j.stamped && isError(line) && !isJavaException(line), j.php && !j.open && len(line) > 0:
			return 0, false, true
		}
		n += size
	}
	return 0, false, true
}

// restOfMessage finds lines of an exception's message behind its first one: what is followed by a record that begins with a time or a level, or by
// nothing. Otherwise nothing in the file tells such lines from others.
func restOfMessage(data []byte, final bool) (n int, found, known bool) {
	for range maxAhead {
		line, size, ok := cutLine(data[n:], final)
		if !ok {
			return n, final && n > 0, final
		}
		if line = chars.PlainLine(line); beginsRecord(line) || isFrame(line) || isPart(line) {
			return n, n > 0, true
		}
		n += size
	}
	return 0, false, true
}

// follows knows what goes on behind an empty line: what Python's message lists, PHP's next exception.
func (j *joiner) follows(line []byte) bool {
	return j.chain && len(line) > 0 && (line[0] == ' ' || line[0] == '\t') || j.php && bytes.HasPrefix(line, []byte("Next "))
}

// decided says whether the beginning of a line that is not whole shows that it is a record of its own.
func (j *joiner) decided(begin []byte) bool {
	return !j.slow && j.dialect == noDialect && !j.golang && !j.python && !j.chain && !j.open && !j.php && !j.phpLog && j.postgres == nil && !j.rust && !j.node && len(begin) > 0 &&
		(begin[0] >= '0' && begin[0] <= '9' || begin[0] == '[' || begin[0] == '{')
}
