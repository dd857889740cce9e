// SPDX-License-Identifier: Apache-2.0

package search

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/signal"
)

func scripts(tb testing.TB) map[signal.Signal][][2]string {
	tb.Helper()
	out := map[signal.Signal][][2]string{}
	for _, of := range []signal.Signal{signal.Traces, signal.Logs} {
		b, err := os.ReadFile(filepath.Join("testdata", string(of)+".test"))
		require.NoError(tb, err)
		for line := range strings.Lines(string(b)) {
			line = strings.TrimSuffix(line, "\n")
			if line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			query, want, ok := strings.Cut(line, "=> ")
			require.True(tb, ok, line)
			out[of] = append(out[of], [2]string{strings.TrimSuffix(query, " "), want})
		}
	}
	return out
}

func TestScripts(t *testing.T) {
	for of, cases := range scripts(t) {
		for _, c := range cases {
			t.Run(string(of)+"/"+c[0], func(t *testing.T) {
				f, err := Parse(of, c[0])
				if rest, ok := strings.CutPrefix(c[1], "error "); ok {
					position, message, _ := strings.Cut(rest, " ")
					var e *Error
					require.ErrorAs(t, err, &e)
					require.ErrorIs(t, err, ErrBadQuery)
					require.Contains(t, e.Error(), message)
					require.Equal(t, position, strconv.Itoa(e.Position+1), e.Error())
					return
				}
				require.NoError(t, err)
				require.Equal(t, c[1], Describe(f))
			})
		}
	}
}

func TestLimits(t *testing.T) {
	for name, q := range map[string]string{
		"parentheses": strings.Repeat("(", 10_000) + "a" + strings.Repeat(")", 10_000),
		"minus":       strings.Repeat("-", 10_000) + "a",
		"not":         strings.Repeat("NOT ", 3000) + "a",
		"terms":       strings.Repeat("a ", 5000),
		"long":        strings.Repeat("a", 1<<20),
	} {
		_, err := Parse(signal.Logs, q)
		require.ErrorIs(t, err, ErrBadQuery, name)
	}
}

func FuzzParse(f *testing.F) {
	for _, cases := range scripts(f) {
		for _, c := range cases {
			f.Add(c[0])
		}
	}
	f.Fuzz(func(t *testing.T, q string) {
		for _, of := range []signal.Signal{signal.Traces, signal.Logs} {
			filter, err := Parse(of, q)
			var e *Error
			if err != nil && !errors.As(err, &e) {
				t.Fatalf("%q: %v is no *Error", q, err)
			}
			if e != nil && (e.Position < 0 || e.Position > len(q)) {
				t.Fatalf("%q: position %d", q, e.Position)
			}
			Describe(filter)
		}
	})
}
