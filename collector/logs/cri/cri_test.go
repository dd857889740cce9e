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

// TestMay: what may be a line of a runtime is what Parse reads, or nearly so.
func TestMay(t *testing.T) {
	for line, want := range map[string]bool{
		"2026-01-02T03:04:05.6Z stdout F text": true, "2026-01-02T03:04:05.6Z stderr P text": true, "2026-01-02T03:04:05.6Z stdin F text of it": false,
		"2026-01-02 03:04:05.6Z stdout F text": false, "2026-01-02T03:04:05Z": false, "2026-01-02T03:04:05.678901234567890": false, "": false,
	} {
		require.Equal(t, want, May(line), line)
		if _, ok := Parse([]byte(line)); ok {
			require.True(t, May(line), line)
		}
	}
}
