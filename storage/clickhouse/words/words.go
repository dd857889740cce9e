// SPDX-License-Identifier: Apache-2.0

// Package words writes the search for texts as whole words as SQL, and uses the index of words of the table of logs
// (docs/design/0018-words.md).
package words

import (
	"strings"

	"github.com/strata-apm/strata/search/text"
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
)

// Contains is the condition that the column Body has the text, in whatever case, and that the text begins and ends with whole words
// there. It asks the index for every word of ASCII letters, then looks at the body itself where the words alone do not decide.
func Contains(st *client.Statement, s string) string {
	w := text.NewWhole(s)
	var conditions []string
	for _, word := range w.Words {
		conditions = append(conditions, "hasToken("+bodyWords+", "+st.Str(word)+")")
	}
	if w.Expression == "" {
		return strings.Join(append(conditions, within(st, body, w.Within)), " AND ")
	}
	matches := "match(" + body + ", " + st.Str(w.Expression) + ")"
	switch w.Plain {
	case text.PlainExpression:
	case text.PlainNothing:
		matches = "(" + plainBody + " OR " + matches + ")"
	case text.PlainWithin:
		matches = "if(" + plainBody + ", " + within(st, body, w.Within) + ", " + matches + ")"
	}
	return strings.Join(append(conditions, matches), " AND ")
}

// Within is the condition that the text is in the column, anywhere, in whatever case.
func Within(st *client.Statement, column, s string) string {
	return within(st, column, text.NewWithin(s))
}

func within(st *client.Statement, column string, w text.Within) string {
	switch w.Comparison {
	case text.FoldASCII:
		return "positionCaseInsensitive(" + column + ", " + st.Str(w.Text) + ") > 0"
	case text.Exact:
		return "position(" + column + ", " + st.Str(w.Text) + ") > 0"
	case text.FoldUnicode:
		return "positionCaseInsensitiveUTF8(" + column + ", " + st.Str(w.Text) + ") > 0"
	default: // text.Expression
		return "match(" + column + ", " + st.Str(w.Expression) + ")"
	}
}
