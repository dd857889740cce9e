// SPDX-License-Identifier: Apache-2.0

package join

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/collector/logs/chars"
	"github.com/strata-apm/strata/collector/logs/logstest"
	"github.com/strata-apm/strata/collector/logs/tail"
)

// records splits text as it is read from a file: what is left at the end is flushed.
func records(t *testing.T, text string) []string {
	t.Helper()
	return logstest.Split(Records, text)
}

func TestRecords(t *testing.T) {
	for name, want := range map[string][]string{
		"lines": {"one", "two", "", "three"},
		"java": {
			"2026-01-02 10:00:00 INFO start",
			"2026-01-02 10:00:01 ERROR failed\njava.lang.IllegalStateException: no stock\n\tat shop.Cart.add(Cart.java:10)\n\t... 3 more\nCaused by: java.io.IOException: reset\n\tat java.base/java.net.Socket.read(Socket.java:1)",
			"2026-01-02 10:00:02 INFO next",
		},
		"java, thread": {`Exception in thread "main" java.lang.Error: x` + "\n\tat a.b(c.java:1)", "next"},
		"python": {
			"ERROR:root:failed\nTraceback (most recent call last):\n  File \"a.py\", line 1, in f\n    g()\nKeyError: 'a'",
			"INFO:root:next",
			"ERROR:x\nTraceback (most recent call last):\n  File \"a.py\", line 1\nValueError: bad\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"b.py\"\nshop.errors.Failed",
			"done: yes",
		},
		"go": {
			"2026/01/02 10:00:00 listening",
			"panic: runtime error: index out of range\n\ngoroutine 1 [running]:\nmain.main()\n\t/src/main.go:10 +0x1b\nmain.(*T).run(0xc000)\n\t/src/t.go:2\ncreated by main.main in goroutine 1\n\t/src/x.go:3\nexit status 2",
			"2026/01/02 10:00:01 listening",
		},
		"javascript": {"TypeError: x is not a function\n    at f (/a.js:1:2)\n    at g (/a.js:2:3)", "next"},
		"slow log": {
			"# Time: 2026-01-02T10:00:00Z\n# User@Host: app[app] @ h [1.2.3.4]\n# Query_time: 1.5  Lock_time: 0\nSET timestamp=1;\nSELECT 1;",
			"# User@Host: app[app] @ h [1.2.3.4]\n# Query_time: 2  Lock_time: 0\nSELECT\n  2;",
			"# Time: 2026-01-02T10:00:01Z\n# User@Host: x",
		},
		"json, printed": {"{\n  \"a\": 1\n}", "{\"b\":2}"},
	} {
		require.Equal(t, want, records(t, strings.Join(want, "\n")+"\n"), name)
	}
	require.Equal(t, "a", records(t, "a\r\nb\r\n")[0])
	long := strings.Repeat("x\n y\n", maxJoined)
	require.Greater(t, len(records(t, "start\n"+strings.Repeat(" y\n", maxJoined))), 1, "a record is bounded")
	require.Len(t, records(t, long[:40]), 8)
}

// TestRecordsWait: a record is not cut while its next line may still come.
func TestRecordsWait(t *testing.T) {
	for _, text := range []string{"", "a", "a\n", "a\n\tat", "ERROR x\njava.lang.Err", "# Time: x\n# Us"} {
		n, token := Records([]byte(text), false)
		require.Zero(t, n, text)
		require.Nil(t, token, text)
	}
	n, _ := Records([]byte("a\n2026"), false)
	require.Equal(t, 2, n, "a line that begins with a number is a record")
}

func FuzzRecords(f *testing.F) {
	f.Add([]byte("a\n b\nTraceback (most recent call last):\n"))
	f.Add([]byte("panic: x\n\n)\n(\n"))
	f.Add([]byte("a\n \n\n"))
	f.Add([]byte("\n0:: 0x in 0"))
	f.Add([]byte("Full report at:\n:\n\x1b[m\n==1== \n==1==\n"))
	for text := range logstest.Coloured() {
		f.Add([]byte(text + "\n" + text))
	}
	for _, want := range traces() {
		f.Add([]byte(strings.Join(want, "\n")))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, split := range []tail.Split{Records, Lines} {
			for _, final := range []bool{false, true} {
				if n, token := split(data, final); n > len(data) || len(token) > n || final && n == 0 && len(data) > 0 {
					t.Fatalf("%v %d %q", final, n, token)
				}
			}
		}
	})
}

// TestJoinedFits: lines that are joined make no record that is longer than one may be, and none is lost.
func TestJoinedFits(t *testing.T) {
	for name, text := range map[string]string{
		"frames":             "error\n" + strings.Repeat("\tat "+strings.Repeat("x", 100_000)+"\n", 7),
		"a long line behind": "ERROR " + strings.Repeat("x", 200_000) + "\n" + strings.Repeat("y", 200_000) + "\n\tat x\n",
		"ahead":              "ERROR x\n" + strings.Repeat(strings.Repeat("y", 20_000)+"\n", 25) + "\tat x\n",
		"open and not whole": "ERROR x\n" + strings.Repeat("y", 600_000),
	} {
		got := records(t, text)
		require.Equal(t, strings.TrimRight(text, "\n"), strings.Join(got, "\n"), name)
		for _, r := range got {
			if strings.Contains(r, "\n") {
				require.LessOrEqual(t, len(r), tail.MaxRecord, name)
			}
		}
	}
	n, _ := Records([]byte("ERROR x\n"+strings.Repeat("y", 300_000)), false)
	require.Equal(t, len("ERROR x\n"), n, "the line behind is too long to be of it, whole or not")
	split, err := At("^S")
	require.NoError(t, err)
	require.Equal(t, []string{"S\n" + strings.Repeat("x", 200_000), strings.Repeat("y", 200_000)}, logstest.Split(split, "S\n"+strings.Repeat("x", 200_000)+"\n"+strings.Repeat("y", 200_000)))
}

// TestColouredTraces: lines are joined as they are without colours.
func TestColouredTraces(t *testing.T) {
	for name, want := range traces() {
		if name == "cri" {
			continue
		}
		coloured := make([]string, len(want))
		for i, r := range want {
			lines := strings.Split(r, "\n")
			for n, line := range lines {
				if line != "" {
					lines[n] = "\x1b[31m" + line + "\x1b[0m"
				}
			}
			coloured[i] = strings.Join(lines, "\n")
		}
		require.Equal(t, coloured, records(t, strings.Join(coloured, "\n")+"\n"), name)
	}
	split, err := At(`^\d{4}-`)
	require.NoError(t, err)
	require.Equal(t, []string{"\x1b[2m2026-01\x1b[0m a\nb", "\x1b[2m2026-02\x1b[0m c"}, logstest.Split(split, "\x1b[2m2026-01\x1b[0m a\nb\n\x1b[2m2026-02\x1b[0m c\n"))
	require.Len(t, records(t, "2026-01-02T10:00:00.1Z stderr F \x1b[31mjava.lang.Error: x\x1b[0m\n2026-01-02T10:00:00.1Z stderr F \x1b[31m\tat a.b(c.java:1)\x1b[0m\n"), 1)
}

// TestColouredBeginnings: a line that begins a record without colours begins one with them.
func TestColouredBeginnings(t *testing.T) {
	begins := 0
	for text, plain := range logstest.Coloured() {
		want := beginsRecord([]byte(plain))
		require.Equal(t, want, beginsRecord(chars.PlainLine([]byte(text))), "%q", text)
		if want {
			begins++
		}
	}
	require.Positive(t, begins)
}
