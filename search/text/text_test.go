// SPDX-License-Identifier: Apache-2.0

package text

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// found says whether a text is found in a body as whole words, as a matcher does it.
func found(t *testing.T, text, body string) bool {
	t.Helper()
	w := NewWhole(text)
	for _, word := range w.Words {
		if !HasWord(body, word) {
			return false
		}
	}
	switch {
	case w.Expression == "":
		return within(t, w.Within, body)
	case w.Plain == PlainNothing && IsPlain(body):
		return true
	case w.Plain == PlainWithin && IsPlain(body):
		return within(t, w.Within, body)
	}
	return regexp.MustCompile(w.Expression).MatchString(body)
}

func within(t *testing.T, w Within, body string) bool {
	t.Helper()
	switch w.Comparison {
	case FoldASCII:
		return IndexFold(body, w.Text) >= 0
	case Exact:
		return strings.Contains(body, w.Text)
	default:
		return regexp.MustCompile(w.Expression).MatchString(body)
	}
}

func TestWhole(t *testing.T) {
	for _, c := range []struct {
		text    string
		in, not []string
	}{
		{"card", []string{"card", "Card declined", "the CARD", "a card.", "card-card", "(card)", "用户card登录", "\x1b[31mcard\x1b[0m", "\x1b[31;1mcard"}, []string{"", "cards", "discard", "card2", "carte"}},
		{"card declined", []string{"Card Declined!", "a card declined"}, []string{"card  declined", "discard declined", "card declinedx"}},
		{"card.", []string{"card.", "card.x"}, []string{"xcard.", "card"}},
		{".card", []string{".card", "x.card"}, []string{".cards"}},
		{"--", []string{"--", "a--b"}, []string{"-"}},
		{"42", []string{"42", "in 42 ms", "x-42"}, []string{"142", "421", "a42", "42ms"}},
		{"31", []string{"31", "\x1b[31m 31"}, []string{"\x1b[31mred"}},
		{"m", []string{"m", "\x1b[31m m"}, []string{"\x1b[31mred"}},
		{"登录", []string{"登录", "用户登录失败", "admin登录"}, []string{"登 录", "登"}},
		{"admin", []string{"用户admin登录", "ADMIN"}, []string{"admins", "xadmin"}},
		{"größe", []string{"Größe", "GRÖSSE größe", "die größe:"}, []string{"größen", "vergrößere", "grosse"}},
		{"привет", []string{"Привет", "ПРИВЕТ, мир", "helloпривет"}, []string{"приветы"}},
		{"ΣΟΦΟΣ", []string{"σοφος", "ΣΟΦΟΣ", "σοφοσ"}, []string{"σοφοσα"}},
		{"한국", []string{"한국", "한국은", "대한국"}, []string{"한", "국한"}},
		{"ภาษา", []string{"ภาษาไทย"}, []string{"ภา"}},
		{"café", []string{"café", "CAFÉ"}, []string{"cafe\u0301", "cafés"}}, // composed and decomposed are different texts
		{"cafe", []string{"cafe"}, []string{"cafe\u0301s"}},
		{"kelvin", []string{"KELVIN", "Kelvin"}, []string{"\u212aelvin"}}, // the Kelvin sign
		{"straße", []string{"Straße", "STRAßE"}, []string{"strasse"}},
		{"a\x00b", []string{"a\x00b", "xa\x00by"}, []string{"ab"}},
		{"\xff", []string{"a\xffb", "\xff"}, []string{"ÿ"}},
		{"カード", []string{"カード", "クレジットカード決済"}, []string{"カ"}},
		{"ー", []string{"カード"}, []string{"一"}},
	} {
		for _, body := range c.in {
			require.True(t, found(t, c.text, body), "%q in %q", c.text, body)
		}
		for _, body := range c.not {
			require.False(t, found(t, c.text, body), "%q in %q", c.text, body)
		}
	}
}

func TestWholeOfATextWithoutEdges(t *testing.T) {
	for text, want := range map[string]Whole{
		"--":   {Words: []string{}, Within: Within{Text: "--"}},
		"登录":   {Words: []string{}, Within: Within{Text: "登录", Comparison: Exact}},
		"\xff": {Within: Within{Text: "\xff"}},
	} {
		require.Equal(t, want, NewWhole(text), text)
	}
	w := NewWhole("Card declined")
	require.Equal(t, []string{"card", "declined"}, w.Words)
	require.Equal(t, PlainWithin, w.Plain)
	w = NewWhole("Card")
	require.Equal(t, PlainNothing, w.Plain)
	w = NewWhole("Größe")
	require.Equal(t, PlainExpression, w.Plain)
	require.Equal(t, []string{"gr", "e"}, w.Words, "what the index has of it")
	require.Empty(t, NewWhole("a\x00b").Words, "a text that no engine can ask of the index")
}

func TestWithin(t *testing.T) {
	for text, want := range map[string]Comparison{
		"":          FoldASCII,
		"Card":      FoldASCII,
		"a\xff":     FoldASCII,
		"登录":        Exact,
		"…":         Exact,
		"größe":     Expression,
		"Привет":    Expression,
		"登录a":       Expression,
		"größe\x00": FoldUnicode,
		"k登":        Expression,
	} {
		w := NewWithin(text)
		require.Equal(t, want, w.Comparison, text)
		require.Equal(t, text, w.Text)
		require.Equal(t, want == FoldUnicode || want == Expression, w.Expression != "", text)
	}
	e := regexp.MustCompile(NewWithin("Größe").Expression)
	require.True(t, e.MatchString("vergrÖßert die GRÖßEN"))
	require.False(t, e.MatchString("grosse"))
	e = regexp.MustCompile(NewWithin("sköl").Expression)
	require.True(t, e.MatchString("SKÖL"))
	require.False(t, e.MatchString("\u017fköl"), "the long s is no s to the index")
	require.False(t, e.MatchString("s\u212aöl"), "the Kelvin sign is no k")
	e = regexp.MustCompile(NewWithin("\u017fö").Expression)
	require.True(t, e.MatchString("\u017fÖ"))
	require.False(t, e.MatchString("sö"))
	e = regexp.MustCompile(NewWithin("ö.*(").Expression)
	require.True(t, e.MatchString("Ö.*("))
	require.False(t, e.MatchString("öx("), "a text is no expression")
}

func TestWildcards(t *testing.T) {
	for _, c := range []struct {
		parts   []string
		needed  bool
		in, not []string
	}{
		{[]string{"a", "b"}, false, []string{"ab", "AxB", "a\nb"}, []string{"xab", "abx"}},
		{[]string{"größe", ""}, true, []string{"Größe", "GRÖßEN", "größe\nx"}, []string{"die größe"}},
		{[]string{"", "登", ""}, true, []string{"登", "x登y"}, []string{"录"}},
		{[]string{"ö(", ")"}, true, []string{"Ö()", "ö(x)"}, []string{"ö"}},
		{[]string{"ö\x00", ""}, false, nil, nil},
		{[]string{"ö", "\xff"}, false, nil, nil},
		{[]string{"ö"}, true, []string{"Ö"}, []string{"öö"}},
	} {
		expression, needed := Wildcards(c.parts)
		require.Equal(t, c.needed, needed, "%q", c.parts)
		if c.in == nil {
			continue
		}
		e := regexp.MustCompile(expression)
		for _, s := range c.in {
			require.True(t, e.MatchString(s), "%q %q", c.parts, s)
		}
		for _, s := range c.not {
			require.False(t, e.MatchString(s), "%q %q", c.parts, s)
		}
	}
}

// Where a shorter way exists, it finds what the expression finds: in plain bodies the words, or the words and the text, decide.
func plainAsExpression(t *testing.T, text, body string) {
	t.Helper()
	w := NewWhole(text)
	if w.Expression == "" || w.Plain == PlainExpression || !IsPlain(body) {
		return
	}
	e, err := regexp.Compile(w.Expression)
	require.NoError(t, err)
	words := true
	for _, word := range w.Words {
		words = words && HasWord(body, word)
	}
	short := words && (w.Plain == PlainNothing || IndexFold(body, w.Within.Text) >= 0)
	require.Equal(t, words && e.MatchString(body), short, "%q in %q", text, body)
}

func FuzzWhole(f *testing.F) {
	for _, text := range []string{"card", "card declined", "登录", "größe", "a-b", "42", "x\x00", "\xff", "\u212a", "ー", "e\u0301"} {
		for _, body := range []string{"Card declined", "用户card登录", "\x1b[31mcard", "a-b_c 42ms", "GRÖßE", "cafe\u0301 \xff"} {
			f.Add(text, body)
		}
	}
	f.Fuzz(func(t *testing.T, text, body string) {
		if text == "" || len(text) > 1000 {
			return
		}
		plainAsExpression(t, text, body)
		if found(t, text, body) { // What stands in the body by itself is found, whatever is around it.
			require.True(t, found(t, text, " "+body+" "), "%q in %q", text, body)
		}
		if len(NewWhole(text).Words) > 0 {
			require.True(t, found(t, text, " "+text+" "), "%q in itself", text)
		}
	})
}
