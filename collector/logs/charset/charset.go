// SPDX-License-Identifier: Apache-2.0

package charset

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// Auto is the name of no encoding: each text is looked at.
const Auto = "auto"

// Wide says that a text is UTF-16 or UTF-32, and in which order.
type Wide int

// The orders. Narrow is every encoding whose newline is the byte 0x0A.
const (
	Narrow Wide = iota
	LittleEndian
	BigEndian
	LittleEndian32
	BigEndian32
)

// mark is U+FEFF in UTF-8.
const mark = "\ufeff"

// Named is an encoding by its name. The zero value is Auto.
type Named struct {
	wide  Wide
	set   bool
	inner encoding.Encoding // nil: UTF-8, or Auto, or wide
}

// Lookup finds an encoding by a name of the WHATWG's or IANA's list in any case, such as utf-8, utf-16le, gbk, gb18030, big5, shift_jis,
// euc-kr, iso-8859-1 or windows-1251, with latin-1, ascii and a few more that people write.
func Lookup(name string) (Named, error) {
	name = strings.ToLower(strings.TrimSpace(name))
	switch strings.ReplaceAll(strings.ReplaceAll(name, "-", ""), "_", "") {
	case "", Auto:
		return Named{}, nil
	case "utf8", "utf8raw", "nop", "ascii", "usascii":
		return Named{set: true}, nil
	case "utf16", "utf16le", "ucs2", "ucs2le", "unicode":
		return Named{set: true, wide: LittleEndian}, nil
	case "utf16be", "ucs2be":
		return Named{set: true, wide: BigEndian}, nil
	case "utf32", "utf32le", "ucs4", "ucs4le":
		return Named{set: true, wide: LittleEndian32}, nil
	case "utf32be", "ucs4be":
		return Named{set: true, wide: BigEndian32}, nil
	case "latin1", "cp1252":
		return Named{set: true, inner: charmap.Windows1252}, nil
	case "cp936":
		return Named{set: true, inner: simplifiedchinese.GB18030}, nil
	case "sjis", "cp932":
		name = "shift_jis"
	case "cp949", "uhc":
		name = "euc-kr"
	case "cp950":
		name = "big5"
	}
	inner, err := htmlindex.Get(name)
	if err != nil {
		inner, err = ianaindex.IANA.Encoding(name)
	}
	if err != nil || inner == nil {
		return Named{}, fmt.Errorf("encoding %q: %w", name, errUnknown)
	}
	if inner == encoding.Replacement { // Encodings that browsers refuse for their users' safety.
		return Named{}, fmt.Errorf("encoding %q: %w", name, errUnknown)
	}
	return Named{set: true, inner: inner}, nil
}

var errUnknown = errors.New("is not known")

// Start looks at the first bytes of a file: how many of them are a byte-order mark, and whether what follows is UTF-16 or UTF-32.
func (n Named) Start(head []byte) (markLen int, wide Wide) {
	switch {
	case bytes.HasPrefix(head, []byte(mark)):
		return len(mark), Narrow
	case bytes.HasPrefix(head, []byte{0xff, 0xfe, 0, 0}) && valid(head[4:], LittleEndian32):
		return 4, LittleEndian32
	case bytes.HasPrefix(head, []byte{0, 0, 0xfe, 0xff}) && valid(head[4:], BigEndian32):
		return 4, BigEndian32
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}) && !bytes.HasPrefix(head, []byte{0xff, 0xfe, 0, 0}):
		return 2, LittleEndian
	case bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		return 2, BigEndian
	case n.set:
		return 0, n.wide
	}
	for _, wide := range []Wide{LittleEndian32, BigEndian32} { // Three of four bytes of ASCII are zeros.
		if len(head) >= 8 && plausible(head, wide) {
			return 0, wide
		}
	}
	return 0, guessWide(head)
}

// guessWide knows UTF-16 without a mark by its zero bytes: those of ASCII letters and newlines stand all at even or all at odd places, and are
// no run, as a hole in a file is.
func guessWide(head []byte) Wide {
	head = head[:len(head)&^1]
	if len(head) < 4 {
		return Narrow
	}
	var zeros [2]int
	for i, c := range head {
		if c == 0 {
			zeros[i&1]++
		}
	}
	enough := max(1, len(head)/64)
	if utf8.Valid(head) {
		enough = max(2, len(head)/8) // A zero in a line of UTF-8 makes no UTF-16 of it.
	}
	switch {
	case zeros[0] == 0 && zeros[1] >= enough && plausible(head, LittleEndian):
		return LittleEndian
	case zeros[1] == 0 && zeros[0] >= enough && plausible(head, BigEndian):
		return BigEndian
	}
	return Narrow
}

// plausible says whether the text has no control characters, no halves of pairs and at least one character of ASCII in the order.
func plausible(head []byte, wide Wide) bool {
	ascii, ok := printable(head, wide)
	return ok && ascii > 0
}

// valid says whether the text, which may be none, has no control characters and nothing that is no character.
func valid(head []byte, wide Wide) bool {
	_, ok := printable(head, wide)
	return ok
}

func printable(head []byte, wide Wide) (ascii int, ok bool) {
	text := DecodeWide(head, wide, false)
	for _, r := range string(text) {
		switch {
		case r == utf8.RuneError, r < ' ' && r != '\n' && r != '\r' && r != '\t' && r != 0x1b && r != '\f':
			return 0, false
		case r < utf8.RuneSelf:
			ascii++
		}
	}
	return ascii, true
}

// Guess remembers what the texts of one file were, for those that could be either. The zero value knows nothing.
type Guess struct {
	chinese bool
}

// Decode makes valid UTF-8 of a text whose newlines are bytes. A byte-order mark at its beginning is taken off.
func (n Named) Decode(b []byte, g *Guess) string {
	if inner := n.choose(b, g); inner != nil {
		if out, err := inner.NewDecoder().Bytes(b); err == nil {
			b = out
		}
	}
	return strings.TrimPrefix(strings.ToValidUTF8(string(b), "\ufffd"), mark)
}

// choose is the encoding that a text is read by; nil is UTF-8.
func (n Named) choose(b []byte, g *Guess) encoding.Encoding {
	switch {
	case utf8.Valid(b) && (n.inner == nil || ascii(b)):
		return nil
	case n.inner != nil:
		return n.inner
	case n.set || mostlyUTF8(b):
		return nil
	}
	common, rare, ok := chinesePairs(b)
	if ok && common > 0 && common >= rare || ok && g.chinese && common+rare > 0 {
		if out, err := simplifiedchinese.GB18030.NewDecoder().Bytes(b); err == nil && !bytes.ContainsRune(out, utf8.RuneError) {
			g.chinese = g.chinese || common > 1
			return simplifiedchinese.GB18030
		}
	}
	return charmap.Windows1252
}

func ascii(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf || c == 0x1b { // ISO-2022-JP changes its set with escape.
			return false
		}
	}
	return true
}

// mostlyUTF8 says whether a text is UTF-8 that was damaged or cut: it has more whole characters of several bytes than wrong bytes.
func mostlyUTF8(b []byte) bool {
	good, bad := 0, 0
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		switch {
		case r == utf8.RuneError && size == 1:
			bad++
		case size > 2: // Pairs of other encodings look like characters of two bytes.
			good++
		}
		b = b[size:]
	}
	return good > bad
}

// chinesePairs walks the text as GB 18030: how many of its pairs are the 3755 most used characters or punctuation of GB 2312, how many are
// others, and whether everything is a pair (or a quadruple). Accented letters of Latin-1 seldom stand in pairs, and such pairs are rare characters.
func chinesePairs(b []byte) (common, rare int, ok bool) {
	for i := 0; i < len(b); {
		c := b[i]
		switch {
		case c < utf8.RuneSelf:
			i++
		case c == 0x80 || c == 0xff || i+1 >= len(b):
			return common, rare, false
		case b[i+1] >= '0' && b[i+1] <= '9' && i+3 < len(b) && b[i+2] > 0x80 && b[i+3] >= '0' && b[i+3] <= '9':
			rare++
			i += 4
		case b[i+1] < 0x40 || b[i+1] == 0x7f || b[i+1] == 0xff:
			return common, rare, false
		default:
			if b[i+1] >= 0xa1 && (c >= 0xb0 && c <= 0xd7 || c >= 0xa1 && c <= 0xa3) {
				common++
			} else {
				rare++
			}
			i += 2
		}
	}
	return common, rare, true
}
