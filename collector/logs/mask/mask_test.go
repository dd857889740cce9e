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
		// What is none.
		`GET /api/v1/hosts?start=1700000000 200`: ``,
		`order 4111 1111 1111 1112 not a card`:   ``,
		`trace 4111111111111111a id`:             ``,
		`time 1763712000123456789 ns`:            ``,
		`user forgot the password`:               ``,
		`http://shop:8080/cart`:                  ``,
		`basic auth is off`:                      ``,
		`0.4111111111111111`:                     ``,
		`2026-11-21 08:22:32 4111`:               ``,
		``:                                       ``,
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
