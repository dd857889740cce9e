// SPDX-License-Identifier: Apache-2.0

package when

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// heads are lines by the times at their heads, read in Shanghai in December 2026.
func heads() map[string][]string {
	return map[string][]string{
		"2026-11-29T08:10:00+08:00": {
			"2026-11-29 08:10:00 INFO x", "2026/11/29 08:10:00 x", "2026.11.29 08:10:00 x", "2026-11-29T08:10:00 x", "[2026-11-29 08:10:00] x", "(2026-11-29 08:10:00) x", "2026-11-29 08:10:00|INFO|x",
			"2026-11-29 08:10:00: x", "2026-11-29 08:10:00", "2026-11-29 08:10:00 CST x", "Nov 29 08:10:00 x", "29-Nov-2026 08:10:00 x", "Nov 29, 2026 8:10:00 AM a.B c", "Sun Nov 29 08:10:00 2026 x",
			"[Sun Nov 29 08:10:00 2026] [core:error] x", "2026-11-29 08:10:00\tx", `time="2026-11-29 08:10:00" level=info`, "2026-11-29 08:10:00 - x",
		},
		"2026-11-29T08:10:00.123+08:00": {
			"2026-11-29 08:10:00,123 x", "2026-11-29 08:10:00.123 x", "E1129 08:10:00.123 12 a.go:1] x", "E261129 08:10:00.123 12 a.go:1 x", "123:M 29 Nov 2026 08:10:00.123 # x",
			"E, [2026-11-29T08:10:00.123 #1] ERROR -- : x", "[Sun Nov 29 08:10:00.123 2026] x", "2026-11-29 08:10:00.123\nsecond 2026-01-01 00:00:00",
		},
		"2026-11-29T08:10:00Z": {
			"2026-11-29T08:10:00Z x", "2026-11-29 08:10:00 UTC [34] LOG:  x", "2026-11-29 08:10:00 +0000 x", "[29-Nov-2026 08:10:00 UTC] PHP x", "2026-11-29 08:10:00 GMT x", "time=2026-11-29T08:10:00Z level=INFO",
			"ts=2026-11-29T08:10:00Z x", "2026-11-29T08:10:00+00 x",
		},
		"2026-11-29T08:10:00-05:00": {"2026-11-29T08:10:00-05:00 x", "2026-11-29T08:10:00-0500 x", "2026-11-29 08:10:00 -0500 x", "29/Nov/2026:08:10:00 -0500 x", "2026-11-29 08:10:00-05 x"},
		"2026-11-29T20:10:00+08:00": {"Nov 29, 2026 8:10:00 PM a.B c"},
		"": {
			"", "x", "2026-11-29", "2026-11-29 08:10", "2026-11-29 08:10:001 x", "2026-11-29 08:10:00x", "2026-13-29 08:10:00 x", "2026-11-29 25:10:00 x", "11/29/2026 08:10:00 x", "29/11/2026 08:10:00 x",
			"08:10:00 x", "1795941317 x", "1795941317.123 x", "E1129 is an order", "E1329 08:10:00.1 x y", "May 3 people came", "order 2026-11-29 08:10:00", `{"a":"2026-11-29 08:10:00"}`, "2026-11/29 08:10:00 x",
			"[", "time=", "\"", "Nov 31 08:10:00 x", "20261129081000 x",
		},
	}
}

// TestHead: a time is read where it leaves no doubt, with the zone that stands behind it.
func TestHead(t *testing.T) {
	zone := time.FixedZone("", 8*3600)
	now := time.Date(2026, 12, 1, 0, 0, 0, 0, zone)
	for want, lines := range heads() {
		for _, line := range lines {
			at, ok := Head(line, zone, now)
			require.Equal(t, want != "", ok, line)
			if ok {
				expected, err := time.Parse(time.RFC3339Nano, want)
				require.NoError(t, err)
				require.True(t, expected.Equal(at), "%s: %s", line, at)
			}
		}
	}
}

func FuzzHead(f *testing.F) {
	for _, lines := range heads() {
		for _, line := range lines {
			f.Add(line)
		}
	}
	f.Fuzz(func(_ *testing.T, line string) { Head(line, time.UTC, time.Unix(1795941317, 0)) })
}
