// SPDX-License-Identifier: Apache-2.0

// Package join says where in a log file a record ends: lines of a stack trace, and others that belong to the line before them, are one record with it.
package join

import (
	"bytes"
	"fmt"
	"regexp"

	"github.com/strata-apm/strata/collector/logs/chars"
	"github.com/strata-apm/strata/collector/logs/cri"
	"github.com/strata-apm/strata/collector/logs/tail"
)

const (
	// maxJoined is how many bytes of lines are joined to one record; the line that goes beyond begins the next one.
	maxJoined = tail.MaxRecord
	// maxAhead is how many lines are looked at to see whether they lead to the frames of a stack trace.
	maxAhead = 30
	// maxHead is how much of a line that is not whole is looked at.
	maxHead = 64
)

// Records is a tail.Split that joins the lines of stack traces, of MySQL's slow log, of PostgreSQL's messages, of containers' logs, and
// indented lines to the line they belong to. It keeps no state: it asks for more data until it has seen the line after the record.
func Records(data []byte, final bool) (int, []byte) {
	first, next, ok := cutLine(data, final)
	if !ok {
		return 0, nil
	}
	if c, ok := cri.Parse(first); ok {
		return splitCRI(data, final, c, true)
	}
	var j joiner
	j.begin(chars.PlainLine(first))
	end := next // where the record ends
	for end < len(data) && end < maxJoined {
		line, n, ok := cutLine(data[end:], final)
		if !ok {
			if j.decided(chars.PlainLine(data[end:min(len(data), end+maxHead)])) || len(data) > maxJoined { // The line is not whole, but its beginning tells, or how long it is.
				break
			}
			return 0, nil
		}
		if end+n > maxJoined {
			break
		}
		if j.joins(chars.PlainLine(line)) {
			end += n
			continue
		}
		lines, found, known := j.ahead(data[end:], final)
		if !known && len(data) <= maxJoined {
			return 0, nil
		}
		if !found || end+lines > maxJoined {
			break
		}
		end += lines
	}
	if end == len(data) && end < maxJoined && !final {
		return 0, nil // The next line may belong to it.
	}
	return end, bytes.TrimRight(data[:end], "\r\n")
}

// Lines is a tail.Split for one record per line. The parts that a container's runtime makes of a long line are one.
func Lines(data []byte, final bool) (int, []byte) {
	line, n, ok := cutLine(data, final)
	if !ok {
		return 0, nil
	}
	if c, ok := cri.Parse(line); ok && c.Part {
		return splitCRI(data, final, c, false)
	}
	return n, line
}

// At returns a tail.Split for records that begin at a line which matches.
func At(pattern string) (tail.Split, error) {
	start, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("multiline_start: %w", err)
	}
	return func(data []byte, final bool) (int, []byte) {
		_, end, ok := cutLine(data, final)
		for ok && end < len(data) && end < maxJoined {
			line, n, whole := cutLine(data[end:], final)
			if !whole && len(data) <= maxJoined {
				return 0, nil
			}
			if !whole || end+n > maxJoined || start.Match(line) || start.Match(chars.PlainLine(line)) {
				return end, bytes.TrimRight(data[:end], "\r\n")
			}
			end += n
		}
		if !ok || end < maxJoined && !final {
			return 0, nil
		}
		return end, bytes.TrimRight(data[:end], "\r\n")
	}, nil
}

// cutLine is the first line without its end, and how long it is with it. The last one may have no end when nothing follows.
func cutLine(data []byte, final bool) ([]byte, int, bool) {
	if end := bytes.IndexByte(data, '\n'); end >= 0 {
		return bytes.TrimRight(data[:end], "\r"), end + 1, true
	}
	return data, len(data), final && len(data) > 0
}
