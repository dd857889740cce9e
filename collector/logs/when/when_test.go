// SPDX-License-Identifier: Apache-2.0

package when_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/strata-apm/strata/collector/logs/when"
)

func TestLeading(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	zone := time.FixedZone("CST", 8*3600)
	for text, want := range map[string]string{
		"Nov 28 17:05:00 host app: x":               "2026-11-28T17:05:00+08:00",
		"Nov  8 17:05:00.123 host":                  "2026-11-08T17:05:00.123+08:00",
		"Nov 28 2026 17:05:00 host":                 "2026-11-28T17:05:00+08:00",
		"Nov 28 17:05:00 2026 host":                 "2026-11-28T17:05:00+08:00",
		"Nov 28 17:05:00 2026: host":                "2026-11-28T17:05:00+08:00",
		"Sat Nov 28 17:05:00 2026 host":             "2026-11-28T17:05:00+08:00",
		"28 Nov 2026 17:05:00 host":                 "2026-11-28T17:05:00+08:00",
		"2026 Nov 28 17:05:00 host":                 "2026-11-28T17:05:00+08:00",
		"Nov 28 17:05:00.123: x":                    "2026-11-28T17:05:00.123+08:00",
		"2026-11-28T17:05:00Z host":                 "2026-11-28T17:05:00Z",
		"2026-11-28T17:05:00.123456+01:00 host":     "2026-11-28T17:05:00.123456+01:00",
		"2026-11-28T17:05:00+0100 host":             "2026-11-28T17:05:00+01:00",
		"2026-11-28T17:05:00 host":                  "2026-11-28T17:05:00+08:00",
		"2026-11-28 17:05:00 host":                  "2026-11-28T17:05:00+08:00",
		"2026-11-28 17:05:00,123 host":              "2026-11-28T17:05:00.123+08:00",
		"2026/11/28 17:05:00 host":                  "2026-11-28T17:05:00+08:00",
		"1795885500.5 host":                         "2026-11-28T17:05:00.5Z",
		"Jul  1 00:00:00 host":                      "2026-07-01T00:00:00+08:00",
		"Feb 29 00:00:00 host":                      "2026-03-01T00:00:00+08:00",
		"not a time":                                "",
		"Nov 31 17:05:00 host":                      "",
		"Nov 28 25:05:00 host":                      "",
		"":                                          "",
		"2026-13-28T17:05:00Z host":                 "",
		"12345678901234567890123456789 is a number": "",
	} {
		at, rest, ok := when.Leading(text, zone, now)
		require.Equal(t, want != "", ok, text)
		if ok {
			require.Equal(t, want, at.Format(time.RFC3339Nano), text)
			require.Contains(t, []string{"host", "host app: x", "x"}, rest, text)
		}
	}
}

func TestNearestYear(t *testing.T) {
	for _, c := range [][3]string{
		{"Dec 31 23:59:59", "2027-01-01T00:00:10Z", "2026-12-31T23:59:59Z"},
		{"Jan  1 00:00:05", "2026-12-31T23:59:00Z", "2027-01-01T00:00:05Z"},
		{"Dec 31 00:00:00", "2027-01-15T00:00:00Z", "2026-12-31T00:00:00Z"},
		{"Feb 29 10:00:00", "2028-03-01T00:00:00Z", "2028-02-29T10:00:00Z"},
		{"Jun  1 10:00:00", "2026-06-01T10:00:01Z", "2026-06-01T10:00:00Z"},
	} {
		now, err := time.Parse(time.RFC3339, c[1])
		require.NoError(t, err)
		at, _, ok := when.Leading(c[0], time.UTC, now)
		require.True(t, ok)
		require.Equal(t, c[2], at.Format(time.RFC3339), c[0])
	}
}

// TestLimits: what a server would refuse keeps its record and says what the time was.
func TestLimits(t *testing.T) {
	now := time.Now()
	for d, kept := range map[time.Duration]bool{0: true, time.Minute: true, 8 * time.Hour: false, -20 * 24 * time.Hour: false, -24 * time.Hour: true} {
		lr := plog.NewLogRecord()
		lr.SetTimestamp(pcommon.NewTimestampFromTime(now.Add(d)))
		when.DefaultLimits().Apply(lr, now)
		original, said := lr.Attributes().Get(when.AttrOriginal)
		require.Equal(t, kept, !said, d)
		if !kept {
			require.Equal(t, now.Add(d).UTC().Format(time.RFC3339Nano), original.Str())
			require.Equal(t, pcommon.NewTimestampFromTime(now), lr.Timestamp())
		}
	}
	for _, year := range []int{1, 1500, 1969, 9999} {
		lr := plog.NewLogRecord()
		when.SetTime(lr, time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC))
		require.Zero(t, lr.Timestamp())
		require.Equal(t, 1, lr.Attributes().Len())
	}
}
