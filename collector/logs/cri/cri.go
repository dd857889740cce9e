// SPDX-License-Identifier: Apache-2.0

// Package cri reads the lines that the runtimes of Kubernetes write for the containers' outputs.
package cri

import (
	"bytes"
	"strings"
)

// AttrStream is the attribute of a record that says which of its outputs, stdout or stderr, a container wrote it to.
const AttrStream = "log.iostream"

// Line is: TIME STREAM TAGS TEXT, where the first tag is P for a part of a line and F for its end.
// https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md
type Line struct {
	// When is the time as RFC 3339 has it, not checked; Stream is stdout or stderr. All three are pieces of what was parsed.
	When, Stream, Text []byte
	// Part says that the text goes on in the stream's next line.
	Part bool
}

// May says whether a text may begin with such a line, at much less than it costs to read it.
func May(text string) bool {
	if len(text) < len("2006-01-02T15:04:05Z stdout F ") || text[4] != '-' || text[10] != 'T' {
		return false
	}
	i := strings.IndexByte(text, ' ')
	return strings.HasPrefix(text[i+1:], "stdout ") || strings.HasPrefix(text[i+1:], "stderr ")
}

// Parse reads a line without its newline; false says that it has another form.
func Parse(line []byte) (Line, bool) {
	if len(line) < len("2006-01-02T15:04:05Z stdout F ") || line[4] != '-' || line[10] != 'T' {
		return Line{}, false
	}
	when, rest, ok := bytes.Cut(line, []byte(" "))
	stream, rest, ok2 := bytes.Cut(rest, []byte(" "))
	tags, text, _ := bytes.Cut(rest, []byte(" "))
	if !ok || !ok2 || len(tags) == 0 || tags[0] != 'P' && tags[0] != 'F' || len(tags) > 1 && tags[1] != ':' {
		return Line{}, false
	}
	if s := string(stream); s != "stdout" && s != "stderr" {
		return Line{}, false
	}
	return Line{When: when, Stream: stream, Text: text, Part: tags[0] == 'P'}, true
}
