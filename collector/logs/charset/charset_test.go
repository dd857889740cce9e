// SPDX-License-Identifier: Apache-2.0

package charset_test

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode/utf32"

	"github.com/strata-apm/strata/collector/logs/charset"
)

func encode(t *testing.T, name, text string) []byte {
	t.Helper()
	if order, ok := map[string]utf32.Endianness{"utf-32le": utf32.LittleEndian, "utf-32be": utf32.BigEndian}[name]; ok {
		out, err := utf32.UTF32(order, utf32.IgnoreBOM).NewEncoder().Bytes([]byte(text))
		require.NoError(t, err)
		return out
	}
	e, err := htmlindex.Get(name)
	require.NoError(t, err)
	out, err := e.NewEncoder().Bytes([]byte(text))
	require.NoError(t, err)
	return out
}

// TestAuto: without a name every text comes out as valid UTF-8, and the usual encodings come out right.
func TestAuto(t *testing.T) {
	auto, err := charset.Lookup("")
	require.NoError(t, err)
	for name, text := range map[string]string{
		"utf-8": "plain, 登录失败, naïve, 🚀", "gbk": "2026-01-02 用户登录失败，错误码：42", "gb18030": "订单已创建 error", "iso-8859-1": "Größe: señor, café à la carte, Müller",
		"windows-1252": "price 5 € – déjà vu",
	} {
		require.Equal(t, text, auto.Decode(encode(t, name, text), &charset.Guess{}), name)
	}
	require.Equal(t, `{"a":1}`, auto.Decode([]byte("\ufeff"+`{"a":1}`), &charset.Guess{}))
	require.Equal(t, "用户登录\ufffd失败", auto.Decode([]byte("用户登录\xff失败"), &charset.Guess{}), "damaged UTF-8 is still UTF-8")
	var g charset.Guess
	auto.Decode(encode(t, "gbk", "用户登录失败"), &g)
	require.Equal(t, "鲞", auto.Decode(encode(t, "gbk", "鲞"), &g), "a rare character in a file that was Chinese before")
}

// TestNamed: a named encoding is used, and a name that is none is an error.
func TestNamed(t *testing.T) {
	for name, text := range map[string]string{
		"big5": "登入失敗", "Shift_JIS": "ログイン失敗", "euc-kr": "로그인 실패", "windows-1251": "ошибка входа", "euc-jp": "失敗", "gb18030": "𠀀登录", "iso-2022-jp": "失敗",
		"koi8-r": "ошибка",
	} {
		n, err := charset.Lookup(name)
		require.NoError(t, err)
		require.Equal(t, text, n.Decode(encode(t, name, text), &charset.Guess{}), name)
		require.True(t, utf8.ValidString(n.Decode([]byte("\xff\xfe\x81"), &charset.Guess{})), name)
	}
	for _, name := range []string{"latin-1", "ISO-8859-1", "LATIN1", "iso_8859-1", "cp1252", "utf-8", "UTF8", "utf-16", "utf-16be", "utf-32", "UTF-32BE", "ucs-4", "gb2312", "cp936", "sjis", "iso-8859-15", "auto", "ascii"} {
		_, err := charset.Lookup(name)
		require.NoError(t, err, name)
	}
	for _, name := range []string{"klingon", "utf-99", "iso-2022-cn"} {
		_, err := charset.Lookup(name)
		require.Error(t, err, name)
	}
}

// TestStart: UTF-16 is known by its mark or its zeros, and holes and other encodings are not taken for it.
func TestStart(t *testing.T) {
	auto, err := charset.Lookup("auto")
	require.NoError(t, err)
	for name, c := range map[string]struct {
		head []byte
		mark int
		wide charset.Wide
	}{
		"le with mark":        {append([]byte{0xff, 0xfe}, encode(t, "utf-16le", "a登录\r\n")...), 2, charset.LittleEndian},
		"be with mark":        {append([]byte{0xfe, 0xff}, encode(t, "utf-16be", "a登录\r\n")...), 2, charset.BigEndian},
		"le":                  {encode(t, "utf-16le", "2026 登录失败\r\n"), 0, charset.LittleEndian},
		"be":                  {encode(t, "utf-16be", "2026 登录失败\r\n"), 0, charset.BigEndian},
		"le, all Chinese":     {encode(t, "utf-16le", "登录失败\r\n登录失败\r\n"), 0, charset.LittleEndian},
		"utf-8":               {[]byte("a\n"), 0, charset.Narrow},
		"utf-8 with mark":     {[]byte("\ufeffa\n"), 3, charset.Narrow},
		"hole":                {append(make([]byte, 64), "line\n"...), 0, charset.Narrow},
		"hole of odd length":  {append(make([]byte, 63), "line\n"...), 0, charset.Narrow},
		"a NUL in a line":     {[]byte("value=\x00 and so on, a line with\x01\n"), 0, charset.Narrow},
		"utf-32le with mark":  {append([]byte{0xff, 0xfe, 0, 0}, encode(t, "utf-32le", "a登录🚀\r\n")...), 4, charset.LittleEndian32},
		"utf-32be with mark":  {append([]byte{0, 0, 0xfe, 0xff}, encode(t, "utf-32be", "a登录🚀\r\n")...), 4, charset.BigEndian32},
		"utf-32, mark alone":  {[]byte{0xff, 0xfe, 0, 0}, 4, charset.LittleEndian32},
		"utf-32le":            {encode(t, "utf-32le", "2026 登录失败\r\n"), 0, charset.LittleEndian32},
		"utf-32be":            {encode(t, "utf-32be", "2026 登录失败\r\n"), 0, charset.BigEndian32},
		"utf-16 and a hole":   {append([]byte{0xff, 0xfe}, make([]byte, 64)...), 0, charset.Narrow},
		"nothing":             {nil, 0, charset.Narrow},
		"gbk":                 {encode(t, "gbk", "登录失败\n"), 0, charset.Narrow},
		"zeros between bytes": {[]byte{1, 0, 2, 0, 3, 0, 4, 0}, 0, charset.Narrow},
	} {
		n, wide := auto.Start(c.head)
		require.Equal(t, c.mark, n, name)
		require.Equal(t, c.wide, wide, name)
	}
}

// TestWide: what was decoded tells how long it was, over characters of two units and halves of pairs.
func TestWide(t *testing.T) {
	text := "a\u00e9登🚀\x00z\n"
	for wide, name := range map[charset.Wide]string{
		charset.LittleEndian: "utf-16le", charset.BigEndian: "utf-16be", charset.LittleEndian32: "utf-32le", charset.BigEndian32: "utf-32be",
	} {
		raw := encode(t, name, text)
		require.Equal(t, text, string(charset.DecodeWide(raw, wide, true)))
		for i := range raw {
			part := charset.DecodeWide(raw[:i], wide, true)
			require.True(t, strings.HasPrefix(text, string(part)), i)
			require.LessOrEqual(t, charset.RawLen(part, wide), i)
			require.Equal(t, part, charset.DecodeWide(raw[:charset.RawLen(part, wide)], wide, true))
		}
	}
	require.Equal(t, "\ufffda", string(charset.DecodeWide([]byte{0x3d, 0xd8, 'a', 0}, charset.LittleEndian, false)))
}

// FuzzFit: a part fits, is not empty, and parts together are the text where its characters are whole.
func FuzzFit(f *testing.F) {
	f.Add([]byte("登录失败, 登录失败, 登录失败"), "", 16)
	f.Add([]byte("\xb5\xc7\xc2\xbc\xca\xa7\xb0\xdc\xb5\xc7\xc2\xbc\xca\xa7\xb0\xdc"), "gbk", 12)
	f.Add([]byte("a\xff\xfe\xff\xffb\xff"), "utf-8", 6)
	f.Add([]byte("caf\xe9 cr\xe8me caf\xe9 cr\xe8me"), "latin1", 12)
	f.Fuzz(func(t *testing.T, b []byte, name string, most int) {
		n, err := charset.Lookup(name)
		if err != nil || most < 12 || most > 1<<20 {
			return
		}
		var g charset.Guess
		for range 100 {
			if len(b) == 0 {
				return
			}
			size := n.Fit(b, most, &g)
			if size <= 0 || size > len(b) {
				t.Fatalf("%q %s: %d", b, name, size)
			}
			if utf8.Valid(b) && charset.FitUTF8(b, most) > most {
				t.Fatalf("%q: too long", b)
			}
			b = b[size:]
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("a\xffb"), "")
	f.Add([]byte("a\x00\x00\x00\x00\xd8\x00\x00\xff\xff\xff\xff"), "utf-32le")
	f.Add([]byte("\xb5\xc7\xc2\xbc"), "gbk")
	f.Fuzz(func(t *testing.T, b []byte, name string) {
		n, err := charset.Lookup(name)
		if err != nil {
			return
		}
		if out := n.Decode(b, &charset.Guess{}); !utf8.ValidString(out) {
			t.Fatalf("%q %s: %q", b, name, out)
		}
		for _, wide := range []charset.Wide{charset.LittleEndian, charset.BigEndian, charset.LittleEndian32, charset.BigEndian32} {
			if out := charset.DecodeWide(b, wide, false); !utf8.Valid(out) || charset.RawLen(out, wide) != len(b)-len(b)%wide.Unit() {
				t.Fatalf("%q: %q", b, bytes.ToValidUTF8(out, []byte("?")))
			}
		}
	})
}
