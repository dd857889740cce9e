// SPDX-License-Identifier: Apache-2.0

package join

import (
	"bytes"

	"github.com/strata-apm/strata/collector/logs/chars"
	"github.com/strata-apm/strata/collector/logs/cri"
)

// splitCRI joins the parts of a line, and with join the lines of a record as they would be joined in a file of their own.
func splitCRI(data []byte, final bool, first cri.Line, join bool) (int, []byte) {
	var j joiner
	_, end, _ := cutLine(data, final)
	begun := false
	text, part := first.Text, first.Part
	begin := func() {
		if !begun && !part {
			j.begin(chars.PlainLine(text))
			begun = true
		}
	}
	begin()
	for end < maxJoined && (join || part) {
		line, n, ok := cutLine(data[end:], final)
		if !ok {
			if final || len(data) > maxJoined {
				break
			}
			return 0, nil
		}
		c, ok := cri.Parse(line)
		if !ok || end+n > maxJoined || !bytes.Equal(c.Stream, first.Stream) {
			break
		}
		switch {
		case part: // A part belongs to the line, of whatever form it is.
			text, part = append(bytes.Clone(text), c.Text...), c.Part
			begin()
		case join && j.joins(chars.PlainLine(c.Text)):
			part = c.Part
			text = c.Text
		default:
			return end, bytes.TrimRight(data[:end], "\r\n")
		}
		end += n
	}
	return end, bytes.TrimRight(data[:end], "\r\n")
}
