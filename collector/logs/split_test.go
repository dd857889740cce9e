// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/collector/logs/tail"
)

// records splits text as it is read from a file: what is left at the end is flushed.
func records(t *testing.T, text string) []string {
	t.Helper()
	return splitAll(SplitRecords, text)
}

func splitAll(split tail.Split, text string) []string {
	out := []string{}
	data := []byte(text)
	for len(data) > 0 {
		n, token := split(data, false)
		if n == 0 {
			n, token = split(data, true)
		}
		out = append(out, string(token))
		data = data[n:]
	}
	return out
}

func TestSplitRecords(t *testing.T) {
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

// TestSplitWaits: a record is not cut while its next line may still come.
func TestSplitWaits(t *testing.T) {
	for _, text := range []string{"", "a", "a\n", "a\n\tat", "ERROR x\njava.lang.Err", "# Time: x\n# Us"} {
		n, token := SplitRecords([]byte(text), false)
		require.Zero(t, n, text)
		require.Nil(t, token, text)
	}
	n, _ := SplitRecords([]byte("a\n2026"), false)
	require.Equal(t, 2, n, "a line that begins with a number is a record")
}

func FuzzSplitRecords(f *testing.F) {
	f.Add([]byte("a\n b\nTraceback (most recent call last):\n"))
	f.Add([]byte("panic: x\n\n)\n(\n"))
	f.Add([]byte("a\n \n\n"))
	f.Add([]byte("\n0:: 0x in 0"))
	f.Add([]byte("Full report at:\n:\n\x1b[m\n==1== \n==1==\n"))
	for text := range colours() {
		f.Add([]byte(text + "\n" + text))
	}
	for _, want := range traces() {
		f.Add([]byte(strings.Join(want, "\n")))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, split := range []tail.Split{SplitRecords, SplitLines} {
			for _, final := range []bool{false, true} {
				if n, token := split(data, final); n > len(data) || len(token) > n || final && n == 0 && len(data) > 0 {
					t.Fatalf("%v %d %q", final, n, token)
				}
			}
		}
	})
}
