// SPDX-License-Identifier: Apache-2.0

package search

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/signal"
)

func parsed(t *testing.T, of signal.Signal, query string) string {
	t.Helper()
	f, err := Parse(of, query)
	require.NoError(t, err, query)
	return Describe(f)
}

func TestParseNothing(t *testing.T) {
	for _, query := range []string{"", " ", "\n\t", "\u3000"} {
		f, err := Parse(signal.Logs, query)
		require.NoError(t, err)
		require.Nil(t, f)
	}
}

// NOT binds closer than what stands beside each other, that closer than OR; AND is the same as standing beside.
func TestPrecedence(t *testing.T) {
	for query, want := range map[string]string{
		"a":                  `contains "a"`,
		"a b":                `all(contains "a", contains "b")`,
		"a AND b":            `all(contains "a", contains "b")`,
		"a AND b c":          `all(contains "a", contains "b", contains "c")`,
		"a OR b":             `any(contains "a", contains "b")`,
		"a OR b OR c":        `any(contains "a", contains "b", contains "c")`,
		"a b OR c d":         `any(all(contains "a", contains "b"), all(contains "c", contains "d"))`,
		"a OR b c":           `any(contains "a", all(contains "b", contains "c"))`,
		"a (b OR c)":         `all(contains "a", any(contains "b", contains "c"))`,
		"(a b) c":            `all(all(contains "a", contains "b"), contains "c")`,
		"-a b":               `all(not(contains "a"), contains "b")`,
		"NOT a OR b":         `any(not(contains "a"), contains "b")`,
		"-(a b)":             `not(all(contains "a", contains "b"))`,
		"NOT (a OR b) c":     `all(not(any(contains "a", contains "b")), contains "c")`,
		"NOT NOT a":          `not(not(contains "a"))`,
		"--a":                `not(not(contains "a"))`,
		"NOT -a":             `not(not(contains "a"))`,
		"((a))":              `contains "a"`,
		"a AND NOT b":        `all(contains "a", not(contains "b"))`,
		"a -b":               `all(contains "a", not(contains "b"))`,
		"(a OR b)(c OR d)":   `all(any(contains "a", contains "b"), any(contains "c", contains "d"))`,
		`"a OR b"`:           `contains "a OR b"`,
		"a or b":             `all(contains "a", contains "or", contains "b")`,
		"-service:x":         `not(service = "x")`,
		"service:a OR env:b": `any(service = "a", env = "b")`,
	} {
		require.Equal(t, want, parsed(t, signal.Logs, query), query)
	}
}

func TestParseErrors(t *testing.T) {
	for query, want := range map[string]Error{
		")":                {0, "a term is missing here"},
		"a)":               {1, "a closing parenthesis has no opening one"},
		"a b) c":           {3, "a closing parenthesis has no opening one"},
		"(a":               {0, "the parenthesis that opens here is not closed"},
		"a (b (c)":         {2, "the parenthesis that opens here is not closed"},
		"(":                {1, "a term is missing here"},
		"()":               {1, "a term is missing here"},
		"a OR":             {4, "a term is missing here"},
		"OR a":             {0, "a term is missing here"},
		"a OR OR b":        {5, "a term is missing here"},
		"AND a":            {0, "a term is missing here"},
		"a AND":            {5, "a term is missing here"},
		"a AND AND b":      {6, "a term is missing here"},
		"a AND OR b":       {6, "a term is missing here"},
		"NOT":              {3, "a term is missing here"},
		"a NOT":            {5, "a term is missing here"},
		"NOT OR a":         {4, "a term is missing here"},
		"(a OR)":           {5, "a term is missing here"},
		"-(a":              {1, "the parenthesis that opens here is not closed"},
		"service:b x env:": {16, `a value is missing after ":"`},
		`登录 ""`:            {7, "an empty text is found everywhere; remove it"},
		`a OR ""`:          {5, "an empty text is found everywhere; remove it"},
	} {
		f, err := Parse(signal.Logs, query)
		var e *Error
		require.ErrorAs(t, err, &e, query)
		require.Equal(t, want, *e, query)
		require.Nil(t, f, query)
	}
}

// The bounds hold to the byte, the level and the term.
func TestBounds(t *testing.T) {
	for name, c := range map[string]struct {
		query    string
		position int // of the error; -1 for none
		message  string
	}{
		"longest":            {strings.Repeat("a", maxLength), -1, ""},
		"longer":             {strings.Repeat("a", maxLength+1), maxLength, "longer than 16384 bytes"},
		"deepest":            {strings.Repeat("(", maxDepth) + "a" + strings.Repeat(")", maxDepth), -1, ""},
		"deeper":             {strings.Repeat("(", maxDepth+1) + "a" + strings.Repeat(")", maxDepth+1), maxDepth + 1, "nested deeper than 50"},
		"deepest minus":      {strings.Repeat("-", maxDepth) + "a", -1, ""},
		"deeper minus":       {strings.Repeat("-", maxDepth+1) + "a", maxDepth + 1, "nested deeper than 50"},
		"most terms":         {strings.TrimSpace(strings.Repeat("a ", maxTerms)), -1, ""},
		"more terms":         {strings.Repeat("a ", maxTerms+1), 2 * maxTerms, "more than 500 terms"},
		"terms by OR":        {"a" + strings.Repeat(" OR a", maxTerms), 5 * maxTerms, "more than 500 terms"},
		"side by side":       {strings.Repeat("(a) ", maxTerms), -1, ""},
		"values are no term": {"service:a" + strings.Repeat(",a", 2000), -1, ""},
	} {
		_, err := Parse(signal.Logs, c.query)
		if c.position < 0 {
			require.NoError(t, err, name)
			continue
		}
		var e *Error
		require.ErrorAs(t, err, &e, name)
		require.Equal(t, c.position, e.Position, name)
		require.Contains(t, e.Message, c.message, name)
	}
}

// A query that was understood is understood the same with more space, and in parentheses.
func TestSpaceAndParenthesesChangeNothing(t *testing.T) {
	for of, cases := range scripts(t) {
		for _, c := range cases {
			want, err := Parse(of, c[0])
			if err != nil || want == nil {
				continue
			}
			for _, query := range []string{"  " + c[0] + "\t ", "(" + c[0] + ")", "((" + c[0] + "))", "\n" + c[0] + "\u3000"} {
				got, err := Parse(of, query)
				require.NoError(t, err, query)
				require.Equal(t, want, got, query)
			}
			not, err := Parse(of, "NOT ("+c[0]+")")
			require.NoError(t, err)
			require.Equal(t, Not{Of: want}, not, c[0])
		}
	}
}
