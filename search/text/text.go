// SPDX-License-Identifier: Apache-2.0

// Package text says how a text is looked for as whole words, in every script and in whatever case (docs/design/0018-words.md): by which words,
// which comparison and which regular expression. What executes a search, an engine or a matcher, follows it.
package text

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// colourCode may stand before a word; its last letter belongs to no word.
	colourCode = "\x1b\\[[0-9;:]*[A-Za-z]"
	// accents combine with the letter before them: those of Latin, Greek and Cyrillic, and those of Arabic.
	accents = "\u0300-\u036f\u064b-\u0655\u0670"
)

// unspaced are scripts that put no space, or more than a word, between spaces: a text in them is found inside longer ones. UAX #29
// has no rule for them without a dictionary, except Hangul, whose particles are written to the word. The long vowel marks of kana
// belong to no script.
func unspaced() []string {
	return []string{"Han", "Hiragana", "Katakana", "Hangul", "Bopomofo", "Thai", "Lao", "Khmer", "Myanmar", "Tibetan", "Yi"}
}

const longVowels = "ー\uff70"

// Comparison says how a text is compared with what it may be in.
type Comparison int

const (
	// FoldASCII ignores the case of ASCII's letters.
	FoldASCII Comparison = iota
	// Exact compares bytes: no letter of the text has a case.
	Exact
	// FoldUnicode ignores the case of all letters, of a text with a NUL, which not every engine allows in a regular expression.
	FoldUnicode
	// Expression ignores the case of all letters, by a regular expression.
	Expression
)

// Within is how a text is looked for anywhere.
type Within struct {
	Text       string
	Comparison Comparison
	// Expression finds the text; empty unless Comparison is FoldUnicode or Expression.
	Expression string
}

// NewWithin returns how a text is looked for anywhere, in whatever case.
func NewWithin(text string) Within {
	w := Within{Text: text}
	switch {
	case isASCII(text) || !utf8.ValidString(text):
		return w
	case strings.IndexFunc(text, hasCase) < 0:
		w.Comparison = Exact
		return w
	case strings.ContainsRune(text, 0):
		w.Comparison = FoldUnicode
	default:
		w.Comparison = Expression
	}
	w.Expression = anyCase(text)
	return w
}

// Plain says what a plain body, one of ASCII without control sequences, has to fulfil besides the words.
type Plain int

const (
	// PlainExpression asks of a plain body what is asked of others.
	PlainExpression Plain = iota
	// PlainNothing asks for no more than the words.
	PlainNothing
	// PlainWithin asks that the text is within the body.
	PlainWithin
)

// Whole is how a text is looked for whose first and last word have to be whole words.
type Whole struct {
	// Words are runs of ASCII letters and digits in lower case, each of which a body has to have as a word.
	Words []string
	// Expression has to match; empty where no edge of the text is bounded, so that Within decides.
	Expression string
	Within     Within
	// Plain is a shorter way for plain bodies, where there is an Expression.
	Plain Plain
}

// NewWhole returns how a text is looked for in bodies, in whatever case. A text that no regular expression of every engine can hold is
// looked for anywhere.
func NewWhole(text string) Whole {
	w := Whole{Within: NewWithin(text)}
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return w
	}
	lower := asciiLower(text)
	w.Words = words(lower)
	exact, bounded := atEdges(text)
	if !bounded {
		return w
	}
	w.Expression = exact
	switch {
	case !isASCII(text):
	case len(w.Words) == 1 && w.Words[0] == lower:
		w.Plain = PlainNothing
	default:
		w.Plain = PlainWithin
	}
	return w
}

// anyCase is the regular expression of a text in any case. The two letters beyond ASCII whose other case is in ASCII, the long s and the
// Kelvin sign, stay themselves: the index does not know them for s and k.
func anyCase(text string) string {
	one := strings.NewReplacer("k", "(?-i:[kK])", "K", "(?-i:[kK])", "s", "(?-i:[sS])", "S", "(?-i:[sS])", "\u212a", "(?-i:\u212a)", "\u017f", "(?-i:\u017f)")
	return "(?i:" + one.Replace(regexp.QuoteMeta(text)) + ")"
}

func hasCase(r rune) bool { return unicode.SimpleFold(r) != r }

// atEdges returns the regular expression for a text whose first and last word are whole words, and whether any edge is bounded.
func atEdges(text string) (expression string, bounded bool) {
	first, _ := utf8.DecodeRuneInString(text)
	before, after := neighbours(first), neighbours(lastLetter(text))
	var b strings.Builder
	if before != "" {
		b.WriteString("(?:^|" + colourCode + "|" + before + ")")
	}
	b.WriteString(anyCase(text))
	if after != "" {
		b.WriteString("(?:$|" + after + ")")
	}
	return b.String(), before != "" || after != ""
}

// lastLetter is the last rune that is no mark on one before it.
func lastLetter(s string) rune {
	for s != "" {
		r, size := utf8.DecodeLastRuneInString(s)
		if !unicode.Is(unicode.M, r) {
			return r
		}
		s = s[:len(s)-size]
	}
	return 0
}

// Wildcards returns the regular expression of a whole text of parts with anything between them, in whatever case. It reports false where
// the parts are ASCII, for which simpler comparisons do, or are no text that every engine allows in a regular expression.
func Wildcards(parts []string) (expression string, needed bool) {
	needed = slices.ContainsFunc(parts, func(p string) bool { return !isASCII(p) })
	folded := make([]string, len(parts))
	for i, p := range parts {
		folded[i] = anyCase(p)
		needed = needed && utf8.ValidString(p) && !strings.ContainsRune(p, 0)
	}
	return "(?s)^" + strings.Join(folded, ".*") + "$", needed
}

// neighbours are the characters that may stand beside a word whose edge is r, "" for all. Within a script letters and digits make one
// word; digits belong to the letters of every script with spaces, as in UAX #29.
func neighbours(r rune) string {
	switch {
	case unicode.IsDigit(r):
	case !unicode.IsLetter(r):
		return ""
	default:
		if s := scriptOf(r); s != "" {
			if slices.Contains(unspaced(), s) {
				return ""
			}
			return `[^\p{` + s + `}\p{Nd}` + accents + "]"
		}
		if strings.ContainsRune(longVowels, r) {
			return ""
		}
	}
	return `(?:[^\p{L}\p{Nd}` + accents + `]|[\p{` + strings.Join(unspaced(), `}\p{`) + "}" + longVowels + "])"
}

// scriptOf names the script of a letter, "" where it has none of its own.
func scriptOf(r rune) string {
	if r < utf8.RuneSelf {
		return "Latin"
	}
	for name, table := range unicode.Scripts {
		if name != "Common" && name != "Inherited" && unicode.Is(table, r) {
			return name
		}
	}
	return ""
}

// asciiLower lowers as the index does, which leaves every byte beyond ASCII alone.
func asciiLower(s string) string {
	b := []byte(s)
	for i, c := range b {
		b[i] = lowerByte(c)
	}
	return string(b)
}

// words returns the runs of ASCII letters and digits, which are what the index holds.
func words(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r < 0 || r >= utf8.RuneSelf || !isWordByte(byte(r)) })
}

func isWordByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
