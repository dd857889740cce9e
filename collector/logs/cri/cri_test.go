// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	const stamp = "2026-01-02T10:00:00.123456789Z"
	line := func(stream, text string, part bool) Line {
		return Line{When: []byte(stamp), Stream: []byte(stream), Text: []byte(text), Part: part}
	}
	for text, want := range map[string]Line{
		stamp + " stdout F a line":                line("stdout", "a line", false),
		stamp + " stderr P its beginning ":        line("stderr", "its beginning ", true),
		stamp + " stdout F:tag a line":            line("stdout", "a line", false),
		stamp + " stdout F   indented":            line("stdout", "  indented", false),
		stamp + " stdout F ":                      line("stdout", "", false),
		stamp + " stdout F":                       {When: []byte(stamp), Stream: []byte("stdout")},
		"2026-01-02T10:00:00+08:00 stderr F with": {When: []byte("2026-01-02T10:00:00+08:00"), Stream: []byte("stderr"), Text: []byte("with")},
	} {
		got, ok := Parse([]byte(text))
		require.True(t, ok, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{
		"", "2026-01-02T10:00:00Z", stamp, stamp + " stdout", stamp + " stdin F a line", stamp + " stdout X a line", stamp + " stdout FP a line", stamp + " stdout  a line",
		"2026/01/02T10:00:00.123456789Z stdout F a line", "2026-01-02 10:00:00.123456789Z stdout F a line", stamp + "\tstdout F a line",
	} {
		_, ok := Parse([]byte(text))
		require.False(t, ok, text)
	}
}
