// SPDX-License-Identifier: Apache-2.0

package when_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/strata-apm/strata/collector/logs/when"
)

func TestZone(t *testing.T) {
	for name, want := range map[string]*time.Location{"": time.Local, "Local": time.Local, "UTC": time.UTC} {
		zone, err := when.Zone(name)
		require.NoError(t, err)
		require.Equal(t, want, zone, name)
	}
	zone, err := when.Zone("Asia/Shanghai")
	require.NoError(t, err)
	_, offset := time.Date(2026, 1, 1, 0, 0, 0, 0, zone).Zone()
	require.Equal(t, 8*3600, offset)
	for _, name := range []string{"Mars/Olympus", "CST+8", "../../etc/passwd"} {
		_, err := when.Zone(name)
		require.ErrorContains(t, err, "timezone", name)
	}
}

// TestLimitsAtTheirEnds: a time exactly as old or as far ahead as may be is kept.
func TestLimitsAtTheirEnds(t *testing.T) {
	limits := when.Limits{Past: time.Hour, Future: time.Minute}
	now := time.Unix(1_800_000_000, 0)
	for d, kept := range map[time.Duration]bool{-time.Hour: true, -time.Hour - 1: false, time.Minute: true, time.Minute + 1: false} {
		lr := plog.NewLogRecord()
		when.SetTime(lr, now.Add(d))
		limits.Apply(lr, now)
		require.Equal(t, kept, lr.Timestamp().AsTime().Equal(now.Add(d)), d)
		require.Equal(t, kept, lr.Attributes().Len() == 0, d)
	}
	lr := plog.NewLogRecord()
	limits.Apply(lr, now)
	require.Zero(t, lr.Timestamp(), "a record without a time gets none")
}

// TestSetTime: years that a record cannot hold are kept as text.
func TestSetTime(t *testing.T) {
	for text, kept := range map[string]bool{
		"1970-01-01T00:00:00.000000001Z": true, "1970-01-01T00:00:00Z": false, "1678-01-01T00:00:00Z": false, "2261-12-31T23:59:59Z": true, "2262-01-01T00:00:00Z": false, "1677-12-31T00:00:00Z": false,
	} {
		at, err := time.Parse(time.RFC3339Nano, text)
		require.NoError(t, err)
		lr := plog.NewLogRecord()
		when.SetTime(lr, at)
		if kept {
			require.True(t, at.Equal(lr.Timestamp().AsTime()), text)
			require.Zero(t, lr.Attributes().Len())
			continue
		}
		require.Zero(t, lr.Timestamp(), text)
		require.Equal(t, map[string]any{when.AttrOriginal: text}, lr.Attributes().AsRaw())
	}
}

// TestNearestYearOf: across New Year, and on the day that only leap years have.
func TestNearestYearOf(t *testing.T) {
	for _, c := range []struct {
		at, now string
		want    int
	}{
		{"07-02", "2026-01-01", 2026},
		{"07-03", "2026-01-01", 2025},
		{"06-30", "2026-01-01", 2026},
		{"01-01", "2025-12-31", 2026},
		{"12-31", "2026-01-01", 2025},
		{"02-29", "2027-06-01", 2028},
		{"02-29", "2025-03-01", 2024},
		{"02-29", "2024-02-28", 2024},
	} {
		at, err := time.Parse("2006-01-02", "2000-"+c.at)
		require.NoError(t, err)
		now, err := time.Parse("2006-01-02", c.now)
		require.NoError(t, err)
		got := when.NearestYear(at, now)
		require.Equal(t, c.want, got.Year(), "%s at %s", c.at, c.now)
		require.Equal(t, c.at, got.Format("01-02"))
	}
	far := when.NearestYear(time.Date(2000, 2, 29, 1, 2, 3, 0, time.UTC), time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC))
	require.Equal(t, "2026-03-01T01:02:03Z", far.Format(time.RFC3339), "no leap year is near")
}

// TestLeadingRest: the text behind the time is returned as it is; times that stop short are none.
func TestLeadingRest(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	for text, rest := range map[string]string{
		"2026-11-28T17:05:00Z": "", "2026-11-28T17:05:00Z  two spaces": " two spaces", "2026-11-28 17:05:00 x": "x", "2026-11-28 17:05:00": "", "1795885500 x y": "x y", "Nov 28 17:05:00": "",
		"Nov 28 17:05:00 host  app": "host  app", "2026-11-28T17:05:00+01 x": "x",
	} {
		_, got, ok := when.Leading(text, time.UTC, now)
		require.True(t, ok, text)
		require.Equal(t, rest, got, text)
	}
	for _, text := range []string{
		"2026-11-28", "2026-11-28T17:05", "2026-11-28T17:05:00X", "1795885500.1234567890 x", "179588550 x", "1795885500.x y", "Nov 28", "Nov", "Nov 28 17:05", "28 17:05:00", "Monday", "2026-11-28T24:05:00Z", "Nov 0 17:05:00",
	} {
		_, _, ok := when.Leading(text, time.UTC, now)
		require.False(t, ok, text)
	}
}

// TestHeadForms: the forms of a head, and texts that resemble them and could mean something else.
func TestHeadForms(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"[2026-11-28T10:00:00Z] x": "2026-11-28T10:00:00Z", "(2026-11-28 10:00:00) x": "2026-11-28T10:00:00Z", "<2026-11-28 10:00:00,5> x": "2026-11-28T10:00:00.5Z", `"2026-11-28 10:00:00",x`: "2026-11-28T10:00:00Z",
		"time=2026-11-28T10:00:00+02:00 level=x": "2026-11-28T08:00:00Z", "ts=2026-11-28T10:00:00Z": "2026-11-28T10:00:00Z", "t=2026-11-28T10:00:00Z": "2026-11-28T10:00:00Z",
		"2026.11.28 10:00:00 x": "2026-11-28T10:00:00Z", "2026/11/28 10:00:00 UTC x": "2026-11-28T10:00:00Z", "2026-11-28 10:00:00 +0200 x": "2026-11-28T08:00:00Z", "2026-11-28 10:00:00+02 x": "2026-11-28T08:00:00Z",
		"E, [2026-11-28T10:00:00.5 #1] x": "2026-11-28T10:00:00.5Z", "1234:M 28 Nov 2026 10:00:00.500 * x": "2026-11-28T10:00:00.5Z", "29/Nov/2026:10:00:00 +0200 x": "2026-11-29T08:00:00Z", "29-Nov-2026 10:00:00 x": "2026-11-29T10:00:00Z",
		"Nov 28, 2026 9:00:00 PM x": "2026-11-28T21:00:00Z", "E1128 10:00:00.5 1 a.go:1] x": "2026-11-28T10:00:00.5Z", "E261128 10:00:00.5 1 a.go:1 x": "2026-11-28T10:00:00.5Z", "2026-11-28 10:00:00 first\n2026-11-29 10:00:00": "2026-11-28T10:00:00Z",
		"": "", "x": "", "10:00:00 x": "", "11/28/2026 10:00:00": "", "28/11/2026 10:00:00": "", "2026-11-28": "", "2026-11-28 10:00:00x": "", "2026-11-28 10:00:005": "", "2026-11/28 10:00:00": "", "X1128 10:00:00.5 x": "", "E1399 10:00:00.5 x": "",
		"order of 2026-11-28 10:00:00": "", "1795885500 x": "",
	} {
		at, ok := when.Head(text, time.UTC, now)
		require.Equal(t, want != "", ok, "%q: %s", text, at)
		if ok {
			require.Equal(t, want, at.UTC().Format(time.RFC3339Nano), text)
		}
	}
}
