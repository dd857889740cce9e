// SPDX-License-Identifier: Apache-2.0

package mask

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMask(t *testing.T) {
	m := New()
	for text, want := range map[string]string{
		`login user=a password=hunter2 ok`:                                     `login user=a password=*** ok`,
		`{"user":"a","password":"p w","n":1}`:                                  `{"user":"a","password":"***","n":1}`,
		`DB_PASSWORD: 'x y'`:                                                   `DB_PASSWORD: '***'`,
		`{"log":"{\"token\":\"abc\"}"}`:                                        `{"log":"{\"token\":\"***\"}"}`,
		`api-key=abc; apiKey=def&token=ghi`:                                    `api-key=***; apiKey=***&token=***`,
		`connect to postgres://app:s3cret@db:5432/shop`:                        `connect to postgres://app:***@db:5432/shop`,
		`Authorization: Bearer abc.def-ghi_jkl`:                                `Authorization: Bearer ***`,
		`authorization: basic dXNlcjpwYXNz`:                                    `authorization: basic ***`,
		`key AKIAIOSFODNN7EXAMPLE used`:                                        `key *** used`,
		`got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcdef end`:                  `got *** end`,
		`push with ghp_0123456789abcdefghijABCDEFGHIJ012345`:                   `push with ***`,
		`paid with 4111 1111 1111 1111 ok`:                                     `paid with *** ok`,
		`paid with 5500-0000-0000-0004`:                                        `paid with ***`,
		`card 378282246310005.`:                                                `card ***.`,
		"-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----": `***`,
		`{"password":["a","b, c"],"n":1}`:                                      `{"password":"***","n":1}`,
		`{"tokens": [["a"], ["b"]] }`:                                          `{"tokens": "***" }`,
		`{"secret":{"v":"a","w":{"x":"b"}},"n":1}`:                             `{"secret":"***","n":1}`,
		`{"password":123456,"n":2}`:                                            `{"password":"***","n":2}`,
		`{"pin":-1.5e3,"pwd":-1.5e3}`:                                          `{"pin":-1.5e3,"pwd":"***"}`,
		`{"pan":4111111111111111}`:                                             `{"pan":"***"}`,
		`{"raw":"{\"pan\": 4111111111111111}"}`:                                `{"raw":"{\"pan\": ***}"}`,
		`{"raw":"{\"password\":\"q\\\"D\\\\n\"}"}`:                             `{"raw":"{\"password\":\"***\"}"}`,
		// What is none.
		`{"password":null,"token":true,"secret":false}`: ``,
		`GET /api/v1/hosts?start=1700000000 200`:        ``,
		`order 4111 1111 1111 1112 not a card`:          ``,
		`trace 4111111111111111a id`:                    ``,
		`time 1763712000123456789 ns`:                   ``,
		`user forgot the password`:                      ``,
		`http://shop:8080/cart`:                         ``,
		`basic auth is off`:                             ``,
		`0.4111111111111111`:                            ``,
		`2026-11-21 08:22:32 4111`:                      ``,
		``:                                              ``,
	} {
		got, n := m.Mask(text)
		if want == "" {
			require.Equal(t, text, got)
			require.Zero(t, n, text)
			continue
		}
		require.Equal(t, want, got)
		require.Positive(t, n, text)
		again, n := m.Mask(got)
		require.Equal(t, got, again)
		require.Zero(t, n, "what is masked is not counted again: %s", text)
	}
}

func FuzzMask(f *testing.F) {
	f.Add("password=x 4111 1111 1111 1111 ://a:b@c")
	m := New()
	f.Fuzz(func(t *testing.T, text string) {
		got, n := m.Mask(text)
		if n == 0 && got != text {
			t.Fatalf("changed and not counted: %q", text)
		}
	})
}

func BenchmarkMask(b *testing.B) {
	m := New()
	line := `127.0.0.1 - - [21/Nov/2026:08:22:32 +0000] "GET /api/v1/hosts?start=1700000000 HTTP/1.1" 200 1234 "-" "Mozilla/5.0 (X11; Linux x86_64)"` + strings.Repeat(" x", 20)
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		m.Mask(line)
	}
}

// TestMaskSeveral: every secret of a text is replaced and counted, in texts of several lines and of other scripts too.
func TestMaskSeveral(t *testing.T) {
	m := New()
	for _, c := range []struct {
		text, want string
		count      int
	}{
		{"password=a token=b secret=c", "password=*** token=*** secret=***", 3},
		{"密码 password=登录 ok", "密码 password=*** ok", 1},
		{"a\npwd: x\nb\nBearer abcdefgh12\n", "a\npwd: ***\nb\nBearer ***\n", 2},
		{"4111 1111 1111 1111 and 4111111111111111", "*** and ***", 2},
		{"password=4111111111111111", "password=***", 1},
		{"postgres://a:b@h and amqp://c:d@i", "postgres://a:***@h and amqp://c:***@i", 2},
		{"-----BEGIN PRIVATE KEY-----\nthe end is cut off", "***", 1},
	} {
		got, n := m.Mask(c.text)
		require.Equal(t, c.want, got)
		require.Equal(t, c.count, n, c.text)
	}
}

// TestMaskCards: numbers of 13 to 19 digits with a check digit and the beginning of a card, alone.
func TestMaskCards(t *testing.T) {
	m := New()
	for text, masks := range map[string]bool{
		"4222222222222": true, "422222222222": false, "6011000990139424": true, "6011-0009 9013-9424": true, "6011--000990139424": false, "6011  000990139424": false,
		"9111111111111111": false, "1111111111111117": false, "x4111111111111111": false, "4111111111111111x": false, "_4111111111111111": false, "4111111111111111_": false,
		"1.4111111111111111": false, "41111111111111110000": false, "4111 1111 1111 1111 2": false, "(4111111111111111)": true, "id:4111111111111111,": true,
	} {
		got, n := m.Mask(text)
		require.Equal(t, masks, n == 1, text)
		require.Equal(t, masks, got != text, text)
	}
}

// TestMaskTriggers: no rule is without a trigger, or its secrets would be passed over.
func TestMaskTriggers(t *testing.T) {
	m := New()
	for _, trigger := range triggers() {
		for _, text := range []string{trigger, strings.ToUpper(trigger), "x " + trigger + " y"} {
			words, _ := m.suspicious(text)
			require.True(t, words, text)
		}
	}
	words, digits := m.suspicious("nothing of interest 123456789012")
	require.False(t, words)
	require.False(t, digits)
	_, digits = m.suspicious("1234-5678 90123")
	require.True(t, digits)
}
