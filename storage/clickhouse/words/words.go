// SPDX-License-Identifier: Apache-2.0

// Package words is the search for texts as whole words, in every script, and the use of the index of words of the table of logs
// (docs/design/0018-words.md).
package words

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/strata-apm/strata/storage/clickhouse/client"
)

const (
	// body is the column that has the index.
	body = "Body"
	// plainBody holds for bodies in which ClickHouse's own words are the right ones.
	plainBody = `(isValidASCII(Body) AND position(Body, '\x1b') = 0)`
	// bodyWords has the words of a body of ASCII letters and digits, whatever stands beside them. It is the expression of the index
	// idx_words, letter by letter: another one would not use the index.
	bodyWords = `if(isValidASCII(Body) AND position(Body, '\x1b') = 0, lower(Body), ` +
		`lower(replaceRegexpAll(Body, '\x1b\\[[0-9;:]*[A-Za-z]|[^\\x00-\\x7F]+', ' ')))`
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

// Contains is the condition that the column Body has the text, in whatever case, and that the text begins and ends with whole words
// there. It asks the index for every word of ASCII letters, then looks at the body itself where the words alone do not decide.
func Contains(st *client.Statement, text string) string {
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) { // No regular expression holds such texts.
		return Within(st, body, text)
	}
	var conditions []string
	lower := asciiLower(text)
	ws := words(lower)
	for _, word := range ws {
		conditions = append(conditions, "hasToken("+bodyWords+", "+st.Str(word)+")")
	}
	exact, edges := atEdges(text)
	matches := "match(" + body + ", " + st.Str(exact) + ")"
	switch {
	case !edges:
		conditions = append(conditions, Within(st, body, text))
	case !isASCII(text):
		conditions = append(conditions, matches)
	case len(ws) == 1 && ws[0] == lower:
		conditions = append(conditions, "("+plainBody+" OR "+matches+")")
	default:
		conditions = append(conditions, "if("+plainBody+", "+Within(st, body, text)+", "+matches+")")
	}
	return strings.Join(conditions, " AND ")
}

// Within is the condition that the text is in the column, anywhere, in whatever case.
func Within(st *client.Statement, column, text string) string {
	switch {
	case isASCII(text) || !utf8.ValidString(text):
		return "positionCaseInsensitive(" + column + ", " + st.Str(text) + ") > 0"
	case strings.IndexFunc(text, hasCase) < 0:
		return "position(" + column + ", " + st.Str(text) + ") > 0"
	case strings.ContainsRune(text, 0):
		return "positionCaseInsensitiveUTF8(" + column + ", " + st.Str(text) + ") > 0"
	default:
		return "match(" + column + ", " + st.Str(anyCase(text)) + ")"
	}
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
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
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
