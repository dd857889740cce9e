// SPDX-License-Identifier: Apache-2.0

// Package chars is about the characters of log lines: the classes of ASCII, and control sequences of terminals, which are looked through.
package chars

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

// Plain is a text without the control sequences of terminals. Decisions are made by it; what is sent keeps them, and the server takes them out.
func Plain(text string) string {
	if strings.IndexByte(text, ansi.Escape) < 0 && strings.IndexByte(text, csi[1]) < 0 && strings.IndexByte(text, escaped[0]) < 0 {
		return text
	}
	if strings.Contains(text, csi) {
		text = strings.ReplaceAll(text, csi, "\x1b[")
	}
	if strings.Contains(text, escaped) {
		text = strings.ReplaceAll(text, escaped, "\x1b[")
	}
	return ansi.Strip(text)
}

// PlainLine is Plain for a line. A line without control sequences is returned as it is.
func PlainLine(line []byte) []byte {
	if bytes.IndexByte(line, ansi.Escape) < 0 && (bytes.IndexByte(line, csi[1]) < 0 || !bytes.Contains(line, []byte(csi))) &&
		(bytes.IndexByte(line, escaped[0]) < 0 || !bytes.Contains(line, []byte(escaped))) {
		return line
	}
	return []byte(Plain(string(line)))
}

// IsLetter says whether the byte is a letter of ASCII.
func IsLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// IsWord says whether the byte is a letter or a digit of ASCII, or an underscore.
func IsWord(c byte) bool {
	return c == '_' || (c >= '0' && c <= '9') || IsLetter(c)
}

// Digits says whether the text has digits of ASCII alone, and at least one.
func Digits(text []byte) bool {
	for _, c := range text {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(text) > 0
}
