// SPDX-License-Identifier: Apache-2.0

package charset

import (
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

// Unit is how many bytes a unit of the encoding has.
func (w Wide) Unit() int {
	switch w {
	case LittleEndian, BigEndian:
		return 2
	case LittleEndian32, BigEndian32:
		return 4
	default:
		return 1
	}
}

// DecodeWide makes UTF-8 of UTF-16 or UTF-32. A half of a pair, or what is no character, becomes U+FFFD; at the end half a pair is left out, as half a unit is,
// when more may come. RawLen of what comes out is the length of what it was made of.
func DecodeWide(b []byte, wide Wide, more bool) []byte {
	out := make([]byte, 0, len(b))
	if wide.Unit() == 4 {
		return decode32(out, b, wide)
	}
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

func decode32(out, b []byte, wide Wide) []byte {
	for ; len(b) >= 4; b = b[4:] {
		n := binary.LittleEndian.Uint32(b)
		if wide == BigEndian32 {
			n = binary.BigEndian.Uint32(b)
		}
		r := rune(utf8.RuneError)
		if n <= utf8.MaxRune {
			r = rune(n)
		}
		out = utf8.AppendRune(out, r) // A half of a pair is none here and becomes U+FFFD too.
	}
	return out
}

// RawLen is how many bytes a text has in the encoding that DecodeWide made it of.
func RawLen(text []byte, wide Wide) int {
	if wide.Unit() == 4 {
		return 4 * utf8.RuneCount(text)
	}
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
