// SPDX-License-Identifier: Apache-2.0

// Package ansi takes the control sequences of terminals (ECMA-48: colours, cursor moves, links, character sets) out of texts.
package ansi

import "strings"

// Escape begins every sequence that Strip takes out.
const Escape = 0x1b

// Strip returns s without its control sequences. What begins like one and is none, or is cut off, stays.
func Strip(s string) string {
	at := strings.IndexByte(s, Escape)
	if at < 0 {
		return s
	}
	var b strings.Builder
	for at >= 0 {
		n := length(s[at:])
		b.WriteString(s[:at])
		if n == 0 {
			b.WriteByte(Escape)
			n = 1
		}
		s = s[at+n:]
		at = strings.IndexByte(s, Escape)
	}
	b.WriteString(s)
	return b.String()
}

// length returns how long the sequence at the beginning of s is, 0 when there is none.
func length(s string) int {
	if len(s) < 2 {
		return 0
	}
	switch c := s[1]; {
	case c == '[': // CSI: parameters, intermediate bytes, one final byte (ECMA-48, 5.4)
		i := 2
		for i < len(s) && s[i] >= 0x30 && s[i] <= 0x3f {
			i++
		}
		return final(s, i, 0x40)
	case c == ']': // OSC, as links are: up to BEL or ST (ECMA-48, 8.3.89)
		for i := 2; i < len(s); i++ {
			switch {
			case s[i] == 0x07:
				return i + 1
			case s[i] == Escape && i+1 < len(s) && s[i+1] == '\\':
				return i + 2
			case s[i] < 0x20:
				return 0
			}
		}
	case c >= '(' && c <= '/': // a character set, which tput sgr0 chooses (ECMA-35)
		return final(s, 1, 0x30)
	}
	return 0
}

// final returns the length of a sequence whose intermediate bytes begin at i and whose last byte is not below lowest.
func final(s string, i int, lowest byte) int {
	for i < len(s) && s[i] >= 0x20 && s[i] <= 0x2f {
		i++
	}
	if i < len(s) && s[i] >= lowest && s[i] <= 0x7e {
		return i + 1
	}
	return 0
}
