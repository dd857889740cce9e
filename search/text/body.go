// SPDX-License-Identifier: Apache-2.0

package text

import (
	"strings"
	"unicode/utf8"
)

// escape begins a colour code.
const escape = 0x1b

// IsPlain reports whether a body is ASCII without control sequences, so that a word of it is a run of letters and digits.
func IsPlain(body string) bool {
	for i := range len(body) {
		if body[i] >= utf8.RuneSelf || body[i] == escape {
			return false
		}
	}
	return true
}

// HasWord reports whether a body has a word, which is of ASCII letters and digits in lower case, in whatever case. Colour codes and
// characters beyond ASCII end words; bytes that are no character belong to them, as they do for the index of words.
func HasWord(body, word string) bool {
	for from := 0; ; {
		i := IndexFold(body[from:], word)
		if i < 0 {
			return false
		}
		i += from
		if !wordBefore(body, i) && !wordAfter(body, i+len(word)) && !inColourCode(body, i) {
			return true
		}
		from = i + 1
	}
}

// wordBefore reports whether the byte before i belongs to the word at i.
func wordBefore(body string, i int) bool {
	if i == 0 {
		return false
	}
	if body[i-1] >= utf8.RuneSelf {
		r, size := utf8.DecodeLastRuneInString(body[:i])
		return r == utf8.RuneError && size == 1
	}
	return isWordByte(body[i-1]) && !inColourCode(body, i-1)
}

// wordAfter reports whether the byte at i belongs to the word before it.
func wordAfter(body string, i int) bool {
	if i == len(body) {
		return false
	}
	if body[i] >= utf8.RuneSelf {
		r, size := utf8.DecodeRuneInString(body[i:])
		return r == utf8.RuneError && size == 1
	}
	return isWordByte(body[i])
}

// inColourCode reports whether the byte at i, a letter or digit, is part of a colour code.
func inColourCode(body string, i int) bool {
	start := i - 1
	for start >= 0 && (body[start] >= '0' && body[start] <= '9' || body[start] == ':' || body[start] == ';') {
		start--
	}
	if start < 1 || body[start] != '[' || body[start-1] != escape {
		return false
	}
	for ; i < len(body); i++ { // The code has a letter at its end.
		switch c := body[i]; {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			return true
		case c >= '0' && c <= '9' || c == ':' || c == ';':
		default:
			return false
		}
	}
	return false
}

// IndexFold is the place of the first text within s, ignoring the case of ASCII's letters; -1 where there is none.
func IndexFold(s, text string) int {
	if text == "" {
		return 0
	}
	lower, upper := lowerByte(text[0]), upperByte(text[0])
	for i := 0; i+len(text) <= len(s); i++ {
		at := strings.IndexByte(s[i:len(s)-len(text)+1], lower)
		if upper != lower {
			within := s[i : len(s)-len(text)+1]
			if at >= 0 {
				within = within[:at]
			}
			if up := strings.IndexByte(within, upper); up >= 0 {
				at = up
			}
		}
		if at < 0 {
			return -1
		}
		i += at
		if equalFold(s[i:i+len(text)], text) {
			return i
		}
	}
	return -1
}

// equalFold compares texts of the same length.
func equalFold(a, b string) bool {
	for i := range len(a) {
		if lowerByte(a[i]) != lowerByte(b[i]) {
			return false
		}
	}
	return true
}

func lowerByte(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func upperByte(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c - ('a' - 'A')
	}
	return c
}
