// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"bytes"
)

// maxJoined is how many bytes of lines are joined to one record; what follows is the next one.
const maxJoined = 256 << 10

// SplitRecords is a bufio.SplitFunc that joins the lines of stack traces of Java, Python, Go and JavaScript, of MySQL's slow log, and indented lines
// to the line they belong to. It keeps no state: it asks for more data until it has seen the line after the record.
func SplitRecords(data []byte, _ bool) (int, []byte, error) {
	first := bytes.IndexByte(data, '\n')
	if first < 0 {
		return 0, nil, nil
	}
	end := first // the newline that ends the record
	var j joiner
	j.begin(data[:first])
	for next := first + 1; next < len(data) && end < maxJoined; {
		n := bytes.IndexByte(data[next:], '\n')
		if n < 0 {
			// The line is not whole, but its beginning may already tell.
			if j.decided(data[next:]) {
				return end + 1, trimReturn(data[:end]), nil
			}
			return 0, nil, nil
		}
		if !j.joins(data[next : next+n]) {
			return end + 1, trimReturn(data[:end]), nil
		}
		end = next + n
		next = end + 1
	}
	if end >= maxJoined {
		return end + 1, trimReturn(data[:end]), nil
	}
	return 0, nil, nil // The next line may belong to it; the file consumer takes it as it is after half a second.
}

// SplitLines is a bufio.SplitFunc for one record per line.
func SplitLines(data []byte, _ bool) (int, []byte, error) {
	if end := bytes.IndexByte(data, '\n'); end >= 0 {
		return end + 1, trimReturn(data[:end]), nil
	}
	return 0, nil, nil
}

func trimReturn(b []byte) []byte {
	b = bytes.TrimRight(b, "\r")
	if b == nil {
		return []byte{}
	}
	return b
}

// joiner decides line by line what belongs to a record.
type joiner struct {
	python bool // within a Python traceback
	chain  bool // after one: another may follow behind an empty line
	golang bool // within the stacks of a Go panic
	slow   bool // within a record of MySQL's slow log
	header bool // the slow log's header lines are not over
}

func (j *joiner) begin(line []byte) {
	j.python = isTraceback(line)
	j.golang = isGoPanic(line)
	j.slow = bytes.HasPrefix(line, []byte("# Time:")) || bytes.HasPrefix(line, []byte("# User@Host:"))
	j.header = j.slow
}

// joins says whether the line belongs to the record so far.
func (j *joiner) joins(line []byte) bool {
	line = bytes.TrimRight(line, "\r")
	switch {
	case j.slow:
		if line = bytes.TrimSpace(line); bytes.HasPrefix(line, []byte("#")) {
			return j.header && !bytes.HasPrefix(line, []byte("# Time:"))
		}
		j.header = false
		return true
	case len(line) == 0:
		return j.golang || j.chain
	case line[0] == ' ' || line[0] == '\t':
		return true
	case j.golang:
		return isGoStack(line)
	case isTraceback(line):
		j.python = true
		return true
	case j.python && isException(line):
		j.python, j.chain = false, true // The last line of a traceback.
		return true
	}
	return hasAnyPrefix(line, "Caused by: ", "Suppressed: ", "... ", "During handling of the above exception", "The above exception was the direct cause") ||
		isJavaException(line) || isClosing(line)
}

// decided says whether the beginning of a line that is not whole shows that it is a record of its own.
func (j *joiner) decided(begin []byte) bool {
	return !j.slow && !j.golang && !j.python && !j.chain && len(begin) > 0 && (begin[0] >= '0' && begin[0] <= '9' || begin[0] == '[' || begin[0] == '{')
}

func isTraceback(line []byte) bool {
	return bytes.Contains(line, []byte("Traceback (most recent call last):"))
}

func isGoPanic(line []byte) bool {
	return hasAnyPrefix(line, "panic: ", "fatal error: ", "goroutine ")
}

// isGoStack knows the lines of a Go stack that are not indented: a goroutine, a function with its arguments, the reason.
func isGoStack(line []byte) bool {
	return hasAnyPrefix(line, "goroutine ", "created by ", "[signal ", "exit status ", "panic: ", "fatal error: ") ||
		(line[len(line)-1] == ')' && bytes.IndexByte(line, '(') > 0 && bytes.IndexByte(line[:bytes.IndexByte(line, '(')], ' ') < 0)
}

// isException is the last line of a Python traceback: a dotted name, alone or before a colon.
func isException(line []byte) bool {
	name, _, _ := bytes.Cut(line, []byte(":"))
	return dotted(name) && name[0] > '9'
}

// isJavaException is a line with nothing but an exception, as printStackTrace writes it, possibly after "Exception in thread".
func isJavaException(line []byte) bool {
	name, _, _ := bytes.Cut(line, []byte(":"))
	if !dotted(name) || bytes.IndexByte(name, '.') < 0 {
		return false
	}
	return bytes.HasSuffix(name, []byte("Exception")) || bytes.HasSuffix(name, []byte("Error")) || bytes.HasSuffix(name, []byte("Throwable"))
}

// isClosing is the end of something that was printed over several lines.
func isClosing(line []byte) bool {
	return line[0] == '}' || line[0] == ']' && len(line) <= 2 || line[0] == ')'
}

func dotted(name []byte) bool {
	if len(name) == 0 {
		return false
	}
	for _, c := range name {
		if c != '.' && c != '_' && c != '$' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return true
}

func hasAnyPrefix(line []byte, prefixes ...string) bool {
	for _, p := range prefixes {
		if bytes.HasPrefix(line, []byte(p)) {
			return true
		}
	}
	return false
}
