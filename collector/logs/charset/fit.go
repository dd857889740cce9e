// SPDX-License-Identifier: Apache-2.0

package charset

import (
	"bytes"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
)

const (
	// maxGrowth is how many bytes of UTF-8 one byte of another encoding becomes at the most.
	maxGrowth = 3
	// nearBytes is how far before the last possible place a text is rather cut behind a space or a comma, so that words stay whole.
	nearBytes = 1 << 10
)

// Fit is how many bytes of b, from its beginning, Decode makes a text of at most most bytes of. The place is between two characters.
func (n Named) Fit(b []byte, most int, g *Guess) int {
	if len(b) <= most/maxGrowth {
		return len(b)
	}
	inner := n.chooseCut(b, *g)
	if inner == nil {
		return FitUTF8(b, most)
	}
	_, read, _ := inner.NewDecoder().Transform(make([]byte, most), b, false)
	switch {
	case read == 0 || read >= len(b):
		return len(b)
	case inner == japanese.ISO2022JP: // The next text must not depend on the set that was chosen before.
		if ascii := []byte("\x1b(B"); bytes.LastIndex(b[:read], ascii) >= 0 {
			return bytes.LastIndex(b[:read], ascii) + len(ascii)
		}
		return read
	default:
		return near(b, read)
	}
}

// FitUTF8 is Fit for UTF-8, in which a wrong byte becomes U+FFFD.
func FitUTF8(b []byte, most int) int {
	if len(b) <= most/maxGrowth {
		return len(b)
	}
	size := 0
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError {
			size += len(string(utf8.RuneError))
		} else {
			size += n
		}
		if size > most {
			return near(b, max(i, 1))
		}
		i += n
	}
	return len(b)
}

// chooseCut is choose for a text that may end within a character.
func (n Named) chooseCut(b []byte, g Guess) encoding.Encoding {
	for cut := range min(utf8.UTFMax, len(b)) {
		if inner := n.choose(b[:len(b)-cut], &g); inner != charmap.Windows1252 || n.inner != nil {
			return inner
		}
	}
	return charmap.Windows1252
}

// near is at, or a place shortly before it behind a space or a comma, which are no part of a longer character in any encoding that has them as one byte.
func near(b []byte, at int) int {
	if at == len(b) {
		return at
	}
	if i := bytes.LastIndexAny(b[max(0, at-nearBytes):at], " ,\t\n"); i >= 0 {
		return max(0, at-nearBytes) + i + 1
	}
	return at
}
