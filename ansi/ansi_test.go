// SPDX-License-Identifier: Apache-2.0

package ansi

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStrip(t *testing.T) {
	for in, want := range map[string]string{
		"":      "",
		"plain": "plain",
		"\x1b[31mERROR\x1b[0m payment \x1b[33mdeclined\x1b[m": "ERROR payment declined",
		"\x1b[1;38;5;196mA\x1b[38:2::1:2:3mB":                 "AB",
		"\x1b[2K\x1b[1Gline\x1b[?25l":                         "line",
		"\x1b[4 q登录\x1b[0m":                                   "登录",
		"\x1b]8;;https://x/\x1b\\link\x1b]8;;\x07!":           "link!",
		"\x1b(B\x1b[mend":                                     "end",
		"cut\x1b":                                             "cut\x1b",
		"cut\x1b[31":                                          "cut\x1b[31",
		"\x1b[31é":                                            "\x1b[31é",
		"\x1b]8;;open\nnext":                                  "\x1b]8;;open\nnext",
		"\x1b\x1b[31mx":                                       "\x1bx",
		"\x1bM":                                               "\x1bM",
	} {
		require.Equal(t, want, Strip(in), "%q", in)
	}
}

func FuzzStrip(f *testing.F) {
	f.Add("\x1b[31mx\x1b]8;;\x07\x1b(B\x1b")
	f.Fuzz(func(t *testing.T, s string) {
		if got := Strip(s); len(got) > len(s) || !strings.Contains(s, "\x1b") && got != s {
			t.Fatalf("%q became %q", s, got)
		}
	})
}
