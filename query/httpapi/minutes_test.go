// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestRangesOfWholeMinutes: the counts are by the minute, so the range is of whole minutes, up to now.
func TestRangesOfWholeMinutes(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 40, 0, time.UTC)
	a := &API{now: func() time.Time { return now }}
	for asked, want := range map[[2]string][2]string{
		{"03:00:00", "03:01:00"}: {"03:00:00", "03:01:00"},
		{"03:00:10", "03:00:20"}: {"03:00:00", "03:01:00"},
		{"03:00:30", "03:01:30"}: {"03:00:00", "03:02:00"},
		{"03:03:30", "03:04:40"}: {"03:03:00", "03:04:40"},
		{"03:03:30", "03:04:10"}: {"03:03:00", "03:04:40"}, // The minute that now is in: as much as has passed.
		{"03:03:30", "03:09:10"}: {"03:03:00", "03:10:00"}, // Into the future, as a clock that is ahead asks.
	} {
		q := url.Values{"start": {"2026-01-02T" + asked[0] + "Z"}, "end": {"2026-01-02T" + asked[1] + "Z"}}
		rng, counted, err := a.minutes(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/x?"+q.Encode(), http.NoBody))
		require.NoError(t, err)
		require.Equal(t, want, [2]string{rng.Start.Format(time.TimeOnly), rng.End.Format(time.TimeOnly)}, asked)
		require.Equal(t, countedRange(rng), counted)
	}
	_, _, err := a.minutes(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/x?start=never", http.NoBody))
	require.Error(t, err)
}

// TestRatesAreOfTheCountedRange: ten seconds are asked for, the counts are of a minute, and so are the rates.
func TestRatesAreOfTheCountedRange(t *testing.T) {
	srv := serve(t, &fake{}, nil)
	for _, path := range []string{"/services", "/topology"} {
		code, _, body := get(t, srv, path+"?start=2026-01-02T03:00:10Z&end=2026-01-02T03:00:20Z")
		require.Equal(t, http.StatusOK, code)
		require.Equal(t, map[string]any{"start": "2026-01-02T03:00:00Z", "end": "2026-01-02T03:01:00Z"}, body["range"])
		list, _ := body["services"].([]any)
		if path == "/topology" {
			list, _ = body["nodes"].([]any)
		}
		first, _ := list[0].(map[string]any)
		require.InDelta(t, 7200.0/60, first["rate"], 1e-9, path)
	}
}
