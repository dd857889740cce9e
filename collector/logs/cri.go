// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"bytes"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/strata-apm/strata/collector/logs/when"
)

// cri is a line as the runtimes of Kubernetes write them: TIME STREAM TAGS TEXT, where the first tag is P for a part of a line and F for its end.
// https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md
type cri struct {
	when, stream, text []byte
	part               bool
}

func criLine(line []byte) (cri, bool) {
	if len(line) < len("2006-01-02T15:04:05Z stdout F ") || line[4] != '-' || line[10] != 'T' {
		return cri{}, false
	}
	when, rest, ok := bytes.Cut(line, []byte(" "))
	stream, rest, ok2 := bytes.Cut(rest, []byte(" "))
	tags, text, _ := bytes.Cut(rest, []byte(" "))
	if !ok || !ok2 || len(tags) == 0 || tags[0] != 'P' && tags[0] != 'F' || len(tags) > 1 && tags[1] != ':' {
		return cri{}, false
	}
	if s := string(stream); s != "stdout" && s != "stderr" {
		return cri{}, false
	}
	return cri{when: when, stream: stream, text: text, part: tags[0] == 'P'}, true
}

// attrStream says which of its outputs a container wrote a record to.
const attrStream = "log.iostream"

// splitCRI joins the parts of a line, and with join the lines of a record as they would be joined in a file of their own.
func splitCRI(data []byte, final bool, first cri, join bool) (int, []byte) {
	var j joiner
	_, end, _ := cutLine(data, final)
	begun := false
	text, part := first.text, first.part
	begin := func() {
		if !begun && !part {
			j.begin(plainLine(text))
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
		c, ok := criLine(line)
		if !ok || end+n > maxJoined || !bytes.Equal(c.stream, first.stream) {
			break
		}
		switch {
		case part: // Whatever it is, it belongs to the line.
			text, part = append(bytes.Clone(text), c.text...), c.part
			begin()
		case join && j.joins(plainLine(c.text)):
			part = c.part
			text = c.text
		default:
			return end, bytes.TrimRight(data[:end], "\r\n")
		}
		end += n
	}
	return end, bytes.TrimRight(data[:end], "\r\n")
}

// cri takes the frame of a container's runtime off, and what is in it apart.
func (p *Parser) cri(text string, lr plog.LogRecord) bool {
	var b strings.Builder
	var first cri
	newline := false
	for line := range strings.SplitSeq(text, "\n") {
		c, ok := criLine([]byte(strings.TrimRight(line, "\r")))
		if !ok {
			return false
		}
		if first.when == nil {
			first = c
		}
		if newline {
			b.WriteByte('\n')
		}
		b.Write(c.text)
		newline = !c.part
	}
	if first.when == nil {
		return false
	}
	at, err := time.Parse(time.RFC3339Nano, string(first.when))
	if err != nil {
		return false
	}
	body := b.String()
	if !p.parsePlain(body, lr) || lr.Body().Type() == pcommon.ValueTypeEmpty {
		lr.Body().SetStr(body)
	}
	if lr.Timestamp() == 0 {
		when.SetTime(lr, at)
	}
	lr.Attributes().PutStr(attrStream, string(first.stream))
	return true
}
