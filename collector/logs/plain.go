// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"bytes"
	"strings"

	"github.com/strata-apm/strata/ansi"
)

// csi is CSI as one character of C1 (ECMA-48, 5.3), escaped is how rsyslog writes the escape before it to files.
const (
	csi     = "\u009b"
	escaped = "#033["
)

// plainText is a text without the control sequences of terminals. Decisions are made by it; what is sent keeps them, and the server takes them out.
func plainText(text string) string {
	if strings.Contains(text, csi) {
		text = strings.ReplaceAll(text, csi, "\x1b[")
	}
	if strings.Contains(text, escaped) {
		text = strings.ReplaceAll(text, escaped, "\x1b[")
	}
	return ansi.Strip(text)
}

// plainLine is plainText for a line.
func plainLine(line []byte) []byte {
	if bytes.IndexByte(line, ansi.Escape) < 0 && !bytes.Contains(line, []byte(csi)) && !bytes.Contains(line, []byte(escaped)) {
		return line
	}
	return []byte(plainText(string(line)))
}
