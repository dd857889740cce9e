// SPDX-License-Identifier: Apache-2.0

package charset

import (
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

// DecodeWide makes UTF-8 of UTF-16. A half of a pair becomes U+FFFD; at the end it is left out, as half a unit is, when more may come.
// RawLen of what comes out is the length of what it was made of.
func DecodeWide(b []byte, wide Wide, more bool) []byte {
	out := make([]byte, 0, len(b))
	unit := func(i int) rune {
		if wide == BigEndian {
			return rune(binary.BigEndian.Uint16(b[i:]))
		}
		return rune(binary.LittleEndian.Uint16(b[i:]))
	}
	for i := 0; i+1 < len(b); i += 2 {
		r := unit(i)
		if utf16.IsSurrogate(r) {
			if i+3 >= len(b) {
				if more {
					break
				}
				r = utf8.RuneError
			} else if pair := utf16.DecodeRune(r, unit(i+2)); pair != utf8.RuneError {
				r = pair
				i += 2
			} else {
				r = utf8.RuneError
			}
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}

// RawLen is how many bytes of UTF-16 a text has that DecodeWide made.
func RawLen(text []byte) int {
	n := 0
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		n += 2
		if r > 0xffff {
			n += 2
		}
		text = text[size:]
	}
	return n
}
