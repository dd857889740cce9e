// SPDX-License-Identifier: Apache-2.0

package charset_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/collector/logs/charset"
)

func lookup(t *testing.T, name string) charset.Named {
	t.Helper()
	n, err := charset.Lookup(name)
	require.NoError(t, err)
	return n
}

// TestFit: a part of a text fits when it is decoded, ends between two characters, and the parts together are the text.
func TestFit(t *testing.T) {
	const most = 12 << 10
	for name, text := range map[string]string{
		"utf-8": "登录失败, ok 🚀", "gbk": "登录失败，错误", "big5": "登入失敗", "shift_jis": "ログイン失敗, ok", "windows-1251": "ошибка входа ", "iso-8859-1": "café crème ", "euc-kr": "로그인실패", "iso-2022-jp": "失敗 ok ",
	} {
		n := lookup(t, name)
		whole := strings.Repeat(text, 8<<10/len(text)*8)
		raw := encode(t, name, whole)
		var got strings.Builder
		parts := 0
		for len(raw) > 0 {
			size := n.Fit(raw, most, &charset.Guess{})
			require.Positive(t, size, name)
			part := n.Decode(raw[:size], &charset.Guess{})
			require.LessOrEqual(t, len(part), most, name)
			require.NotContains(t, part, "\ufffd", "%s: a character was cut", name)
			got.WriteString(part)
			raw = raw[size:]
			parts++
		}
		require.Equal(t, whole, got.String(), name)
		require.Greater(t, parts, 1, name)
	}
	require.Equal(t, 9, lookup(t, "gbk").Fit([]byte("short one"), 100, &charset.Guess{}))
	require.Equal(t, 100, lookup(t, "gbk").Fit([]byte(strings.Repeat("x", 100)), 100, &charset.Guess{}), "as many bytes as it was")
}

// TestFitUTF8: wrong bytes count as long as what they become; the cut stands behind a word where one ends shortly before.
func TestFitUTF8(t *testing.T) {
	require.Equal(t, 0, charset.FitUTF8(nil, 10))
	require.Equal(t, 4, charset.FitUTF8([]byte(strings.Repeat("\xff", 20)), 12))
	require.Equal(t, 12, charset.FitUTF8([]byte(strings.Repeat("x", 20)), 12))
	require.Equal(t, 12, charset.FitUTF8([]byte(strings.Repeat("登", 20)), 12))
	require.Equal(t, 12, charset.FitUTF8([]byte(strings.Repeat("登", 20)), 14), "no half of a character")
	require.Equal(t, len("one two "), charset.FitUTF8([]byte("one two threefourfive"), 12))
	require.Equal(t, len("one,two,"), charset.FitUTF8([]byte("one,two,threefourfive"), 12))
	require.Equal(t, 20, charset.FitUTF8([]byte(strings.Repeat("x", 20)), 20))
	require.Equal(t, 1, charset.FitUTF8([]byte("登登登登"), 1), "never nothing")
}

// TestAutoFits: without a name the part of a text that ends within a character is still seen as what it is.
func TestAutoFits(t *testing.T) {
	auto := lookup(t, "auto")
	for name, text := range map[string]string{"gbk": "用户登录失败，错误码：42。", "utf-8": "用户登录失败，错误码：42。", "windows-1252": "déjà vu, "} {
		raw := encode(t, name, strings.Repeat(text, 100))
		for cut := range 6 {
			var g charset.Guess
			part := raw[:len(raw)-cut]
			size := auto.Fit(part, 300, &g)
			require.Positive(t, size)
			require.Less(t, size, len(part))
			require.NotContains(t, auto.Decode(raw[:size], &g), "\ufffd", "%s without %d bytes", name, cut)
		}
	}
}

// TestDecodeOdd: bytes that are of no encoding come out as valid UTF-8 all the same.
func TestDecodeOdd(t *testing.T) {
	for _, name := range []string{"auto", "utf-8", "gbk", "big5", "shift_jis", "latin1", "iso-2022-jp", "windows-1251"} {
		n := lookup(t, name)
		for _, b := range []string{"", "\x80", "\xff", "a\x81", "\x81\x30\x81", "\x1b$B", "\xed\xa0\x80", strings.Repeat("\xfe", 100), "\xef\xbb\xbf", "\xef\xbb\xbfx"} {
			got := n.Decode([]byte(b), &charset.Guess{})
			require.True(t, utf8.ValidString(got), "%s: %q", name, b)
		}
	}
	require.Equal(t, "x", lookup(t, "utf-8").Decode([]byte("\xef\xbb\xbfx"), &charset.Guess{}), "a mark is no text")
	require.Equal(t, "plain", lookup(t, "gbk").Decode([]byte("plain"), &charset.Guess{}))
	require.Equal(t, "caf\ufffd", lookup(t, "utf-8").Decode([]byte("caf\xe9"), &charset.Guess{}), "a named encoding is not guessed about")
	require.Equal(t, "café", lookup(t, "auto").Decode([]byte("caf\xe9"), &charset.Guess{}))
}

// TestLookup: names in any case and spelling; the error says which name it was.
func TestLookup(t *testing.T) {
	same := map[string][]string{"utf-16le": {"UTF-16", "ucs2", "Unicode", "utf_16_le"}, "utf-16be": {"UCS2BE"}, "utf-32le": {"ucs-4", "UTF32"}, "utf-32be": {"ucs4be"}, "gbk": {"GBK", " gbk "}, "shift_jis": {"SJIS", "cp932"}, "euc-kr": {"cp949", "UHC"}, "big5": {"cp950"}, "": {"AUTO", " "}, "utf-8": {"ascii", "nop", "utf8-raw"}}
	for name, others := range same {
		for _, other := range others {
			require.Equal(t, lookup(t, name), lookup(t, other), "%q and %q", name, other)
		}
	}
	_, err := charset.Lookup("Klingon")
	require.EqualError(t, err, `encoding "klingon": is not known`)
}

// TestWideUnits: a unit's size, and the length of what a text was made of.
func TestWideUnits(t *testing.T) {
	for wide, unit := range map[charset.Wide]int{charset.Narrow: 1, charset.LittleEndian: 2, charset.BigEndian: 2, charset.LittleEndian32: 4, charset.BigEndian32: 4} {
		require.Equal(t, unit, wide.Unit())
	}
	require.Equal(t, 6, charset.RawLen([]byte("a🚀"), charset.LittleEndian))
	require.Equal(t, 8, charset.RawLen([]byte("a🚀"), charset.BigEndian32))
	require.Empty(t, charset.DecodeWide([]byte{'a'}, charset.LittleEndian, false), "half a unit")
	require.Equal(t, "\ufffd", string(charset.DecodeWide([]byte{0x3d, 0xd8}, charset.LittleEndian, false)), "half a pair at the end")
	require.Empty(t, charset.DecodeWide([]byte{0x3d, 0xd8}, charset.LittleEndian, true), "of which more may come")
	require.Equal(t, "\ufffd", string(charset.DecodeWide([]byte{0xff, 0xff, 0xff, 0xff}, charset.BigEndian32, false)))
}
