// SPDX-License-Identifier: Apache-2.0

package search

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// tokens cuts a query until its end or an error.
func tokens(query string) ([]token, error) {
	l := lexer{s: query}
	var out []token
	for {
		tok, err := l.next()
		if err != nil || tok.kind == tokenEnd {
			return out, err
		}
		out = append(out, tok)
	}
}

func bareText(position int, text string) token {
	return token{kind: tokenText, position: position, values: []value{{position: position, text: text}}}
}

func term(position int, field, op string, values ...value) token {
	return token{kind: tokenTerm, position: position, field: field, op: op, values: values}
}

func TestTokens(t *testing.T) {
	for query, want := range map[string][]token{
		"":                  nil,
		" \t\n\u00a0\u3000": nil,
		"card":              {bareText(0, "card")},
		"  card  declined ": {bareText(2, "card"), bareText(8, "declined")},
		"a\u00a0b":          {bareText(0, "a"), bareText(3, "b")},
		"(a)":               {{kind: tokenOpen}, bareText(1, "a"), {kind: tokenClose, position: 2}},
		"a AND b":           {bareText(0, "a"), {kind: tokenAnd, position: 2}, bareText(6, "b")},
		"a OR NOT b":        {bareText(0, "a"), {kind: tokenOr, position: 2}, {kind: tokenNot, position: 5}, bareText(9, "b")},
		"and or not":        {bareText(0, "and"), bareText(4, "or"), bareText(7, "not")},
		"ANDROID":           {bareText(0, "ANDROID")},
		"-a":                {{kind: tokenMinus}, bareText(1, "a")},
		"--a":               {{kind: tokenMinus}, {kind: tokenMinus, position: 1}, bareText(2, "a")},
		"- a":               {bareText(0, "-"), bareText(2, "a")},
		"-\ta -\u00a0b":     {bareText(0, "-"), bareText(2, "a"), bareText(4, "-"), bareText(7, "b")},
		"-":                 {bareText(0, "-")},
		"a-b":               {bareText(0, "a-b")},
		"(-)":               {{kind: tokenOpen}, bareText(1, "-"), {kind: tokenClose, position: 2}},
		`"a b"`:             {{kind: tokenText, values: []value{{text: "a b", quoted: true}}}},
		`"a \"b\" \\ \n"`:   {{kind: tokenText, values: []value{{text: `a "b" \ \n`, quoted: true}}}},
		`""`:                {{kind: tokenText, values: []value{{quoted: true}}}},
		"service:a":         {term(0, "service", ":", value{position: 8, text: "a"})},
		"service:a,b":       {term(0, "service", ":", value{position: 8, text: "a"}, value{position: 10, text: "b"})},
		`service:"a,b",c`:   {term(0, "service", ":", value{position: 8, text: "a,b", quoted: true}, value{position: 14, text: "c"})},
		"service=a,b":       {term(0, "service", "=", value{position: 8, text: "a,b"})},
		"n>=5":              {term(0, "n", ">=", value{position: 3, text: "5"})},
		"n<=5":              {term(0, "n", "<=", value{position: 3, text: "5"})},
		"n!=5":              {term(0, "n", "!=", value{position: 3, text: "5"})},
		"n>5 m<6":           {term(0, "n", ">", value{position: 2, text: "5"}), term(4, "m", "<", value{position: 6, text: "6"})},
		"n:>5":              {term(0, "n", ":", value{position: 2, text: ">5"})},
		"(a:b)":             {{kind: tokenOpen}, term(1, "a", ":", value{position: 3, text: "b"}), {kind: tokenClose, position: 4}},
		"a:f(x)":            {term(0, "a", ":", value{position: 2, text: "f(x)"})},
		"(a:f(x))":          {{kind: tokenOpen}, term(1, "a", ":", value{position: 3, text: "f(x)"}), {kind: tokenClose, position: 7}},
		"f(x) y":            {bareText(0, "f(x)"), bareText(5, "y")},
		`attr."my key":v`:   {term(0, "attr.my key", ":", value{position: 14, text: "v"})},
		`attr."a.b"."c":v`:  {term(0, "attr.a.b.c", ":", value{position: 15, text: "v"})},
		`attr."open`:        {bareText(0, `attr."open`)},
		`x"y":v`:            {bareText(0, `x"y":v`)},
		"k8s.pod/name@x:v":  {term(0, "k8s.pod/name@x", ":", value{position: 15, text: "v"})},
		"9a:b":              {bareText(0, "9a:b")},
		".a:b":              {bareText(0, ".a:b")},
		"_a:b":              {term(0, "_a", ":", value{position: 3, text: "b"})},
		"a b:c":             {bareText(0, "a"), term(2, "b", ":", value{position: 4, text: "c"})},
		"http://x":          {term(0, "http", ":", value{position: 5, text: "//x"})},
		"用户:登录":             {term(0, "用户", ":", value{position: 7, text: "登录"})},
		"größe>5":           {term(0, "größe", ">", value{position: 8, text: "5"})},
		"登录,失败":             {bareText(0, "登录,失败")},
		"a\xff:b":           {bareText(0, "a\xff:b")},
		"a:*":               {term(0, "a", ":", value{position: 2, text: "*"})},
		`a:x\*y`:            {term(0, "a", ":", value{position: 2, text: `x\*y`})},
		`a:"x"y`:            {term(0, "a", ":", value{position: 2, text: "x", quoted: true}), bareText(5, "y")},
	} {
		got, err := tokens(query)
		require.NoError(t, err, query)
		require.Equal(t, want, got, query)
	}
}

func TestTokensErrors(t *testing.T) {
	for query, want := range map[string]Error{
		`"open`:         {0, "the quote that begins here is not closed"},
		`a "open`:       {2, "the quote that begins here is not closed"},
		`"ends in \"`:   {0, "the quote that begins here is not closed"},
		`a:"open`:       {2, "the quote that begins here is not closed"},
		`a:b,"open`:     {4, "the quote that begins here is not closed"},
		"a:":            {2, `a value is missing after ":"`},
		"a: b":          {2, `a value is missing after ":"`},
		"a>=":           {3, `a value is missing after ">="`},
		"a:b,":          {4, `a value is missing after ":"`},
		"a:,b":          {2, `a value is missing after ":"`},
		"a:b,,c":        {4, `a value is missing after ":"`},
		"(a:)":          {3, `a value is missing after ":"`},
		"登录 用户:":        {14, `a value is missing after ":"`},
		`x "y" z:"open`: {8, "the quote that begins here is not closed"},
	} {
		_, err := tokens(query)
		var e *Error
		require.ErrorAs(t, err, &e, query)
		require.Equal(t, want, *e, query)
	}
}

func TestPatterns(t *testing.T) {
	for text, want := range map[string]Pattern{
		"":        {""},
		"a":       {"a"},
		"a*":      {"a", ""},
		"*a":      {"", "a"},
		"*":       {"", ""},
		"**":      {"", "", ""},
		"a*b*c":   {"a", "b", "c"},
		`a\*b`:    {"a*b"},
		`a\b`:     {`a\b`},
		`a\\*`:    {`a\*`}, // A backslash before a star is gone, whatever is before it.
		`\`:       {`\`},
		`*\*`:     {"", "*"},
		"登*录":     {"登", "录"},
		"a\xff*b": {"a\xff", "b"},
	} {
		require.Equal(t, want, value{text: text}.pattern(), text)
	}
	require.Equal(t, Pattern{"a*b"}, value{text: "a*b", quoted: true}.pattern())
}

func TestError(t *testing.T) {
	err := errorAt(4, "%q is no level", "x")
	require.EqualError(t, err, `"x" is no level (at position 5)`)
	require.ErrorIs(t, err, ErrBadQuery)
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, map[string]any{"position": 4}, e.Details())
}

// Every token begins where the one before it has ended, or later, and no byte of a query is twice in texts.
func TestTokensMoveOn(t *testing.T) {
	for _, query := range []string{
		`service:checkout level>=warn status:5xx duration>500ms "card declined" -route:/health attr.user.tier:gold`,
		`(a OR -b) AND NOT (c:d,"e,f" g!="h") 登录`, strings.Repeat("a:b ", 50), "((((((a))))))",
	} {
		got, err := tokens(query)
		require.NoError(t, err)
		at := -1
		for _, tok := range got {
			require.Greater(t, tok.position, at, query)
			at = tok.position
			for _, v := range tok.values {
				require.GreaterOrEqual(t, v.position, at, query)
				at = v.position
			}
		}
		require.Less(t, at, len(query))
	}
}
