// SPDX-License-Identifier: Apache-2.0

package text

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestIsPlain(t *testing.T) {
	for body, want := range map[string]bool{"": true, "card\n\t\x00~": true, "größe": false, "\x1b[31m": false, "\x1b": false, "a\xff": false, "登": false} {
		require.Equal(t, want, IsPlain(body), "%q", body)
	}
}

func TestHasWord(t *testing.T) {
	for _, c := range []struct {
		word    string
		in, not []string
	}{
		{"card", []string{"card", "CARD", "a card", "card,card", "cards card", "登card录", "\x1b[1;31mcard", "\x1b[mcard", "x\x1b[0mcard\x1b[0m"}, []string{"", "cards", "xcard", "card1", "\xffcard", "card\xff", "car d"}},
		{"31", []string{"31", "a 31", "\x1b[31m 31", "[31m 31", "\x1b[31 31x 31"}, []string{"\x1b[31m", "\x1b[1;31m", "\x1b[31m31x"}},
		{"m", []string{"m", "\x1b[31m m", "[31 m"}, []string{"\x1b[31m", "\x1b[0;1m", "31m"}},
		{"0", []string{"0"}, []string{"\x1b[0m", "\x1b[0;10m", "\x1b[38:5:0m"}},
		{"k", []string{"\x1b[2Kk", "\x1b[K k"}, []string{"\x1b[K", "\x1b[2K"}},
	} {
		for _, body := range c.in {
			require.True(t, HasWord(body, c.word), "%q in %q", c.word, body)
		}
		for _, body := range c.not {
			require.False(t, HasWord(body, c.word), "%q in %q", c.word, body)
		}
	}
}

func TestIndexFold(t *testing.T) {
	for _, c := range []struct {
		s, text string
		want    int
	}{
		{"", "", 0},
		{"abc", "", 0},
		{"", "a", -1},
		{"abc", "b", 1},
		{"aBc", "b", 1},
		{"abc", "BC", 1},
		{"abc", "cd", -1},
		{"ab", "abc", -1},
		{"aab", "AB", 1},
		{"xX", "x", 0},
		{"Xx", "x", 0},
		{"-- card", "CARD", 3},
		{"登Card", "card", 3},
		{"Ö", "ö", -1},
		{"K", "\u212a", -1},
		{"@", "`", -1},
		{"[", "{", -1},
		{"aaaaab", "aab", 3},
		{"C", "c1", -1},
		{"\xffA", "\xffa", 0},
	} {
		require.Equal(t, c.want, IndexFold(c.s, c.text), "%q in %q", c.text, c.s)
	}
}

// IndexFold finds what lowering both finds.
func TestIndexFoldByLowering(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	letters := []string{"a", "A", "b", "B", " ", "登", "ö"}
	text := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteString(letters[rnd.IntN(len(letters))])
		}
		return b.String()
	}
	for range 5000 {
		s, part := text(rnd.IntN(12)), text(1+rnd.IntN(3))
		require.Equal(t, strings.Index(asciiLower(s), asciiLower(part)), IndexFold(s, part), "%q in %q", part, s)
	}
}

func TestWords(t *testing.T) {
	for s, want := range map[string][]string{
		"": {}, "card declined": {"card", "declined"}, "a-b_c.d": {"a", "b", "c", "d"}, "größe42": {"gr", "e42"}, "登录": {}, "x\x00y": {"x", "y"},
	} {
		require.ElementsMatch(t, want, words(s), s)
	}
}

func TestScripts(t *testing.T) {
	for r, want := range map[rune]string{'a': "Latin", 'ö': "Latin", 'я': "Cyrillic", 'σ': "Greek", '登': "Han", 'ア': "Katakana", '한': "Hangul", 'ก': "Thai", 'ー': ""} {
		require.Equal(t, want, scriptOf(r), string(r))
	}
	require.Equal(t, 'e', lastLetter("cafe\u0301"), "an accent is on the letter before it")
	require.Equal(t, rune(0), lastLetter("\u0301"))
	require.Equal(t, rune(0), lastLetter(""))
}
