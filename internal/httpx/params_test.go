// SPDX-License-Identifier: Apache-2.0

package httpx

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"
)

func mustURL(t *testing.T, path string) *url.URL {
	t.Helper()
	u, err := url.Parse("http://x")
	require.NoError(t, err)
	u.Path = path
	return u
}

func asked(t *testing.T, query string) *http.Request {
	t.Helper()
	return httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/x?"+query, http.NoBody)
}

// TestRange: times in either form, to the nanosecond, and what stands for those that are left out.
func TestRange(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 5, time.UTC)
	day := func(s string) time.Time {
		at, err := time.Parse(time.RFC3339Nano, s)
		require.NoError(t, err)
		return at.UTC()
	}
	for query, want := range map[string][2]time.Time{
		"":                                  {now.Add(-time.Hour), now},
		"end=2026-02-01T00:00:00Z":          {day("2026-01-31T23:00:00Z"), day("2026-02-01T00:00:00Z")},
		"start=2026-02-01T00:00:00%2B02:00": {day("2026-01-31T22:00:00Z"), now},
		"start=1&end=2":                     {time.Unix(1, 0).UTC(), time.Unix(2, 0).UTC()},
		"start=1767225600.123456789&end=1767225600.5":                   {time.Unix(1767225600, 123456789).UTC(), time.Unix(1767225600, 5e8).UTC()},
		"start=0.000000001&end=0.0000000029":                            {time.Unix(0, 1).UTC(), time.Unix(0, 2).UTC()},
		"start=2026-01-01T00:00:00.000000001Z&end=2026-01-02T00:00:00Z": {day("2026-01-01T00:00:00.000000001Z"), day("2026-01-02T00:00:00Z")},
	} {
		got, err := Range(asked(t, query), now)
		require.NoError(t, err, query)
		require.Equal(t, want, [2]time.Time{got.Start, got.End}, query)
	}
	for query, want := range map[string]string{
		"start=yesterday":                 `start: "yesterday" is neither an RFC 3339 time nor Unix seconds`,
		"end=1e9":                         `end: "1e9" is neither`,
		"end=-1":                          "neither",
		"end=1.2.3":                       "neither",
		"end=1.-5":                        "neither",
		"end=1.0000000000000000000":       "neither",
		"end=99999999999999":              "neither",
		"start=2&end=2":                   "start must lie before end",
		"start=3&end=2":                   "start must lie before end",
		"end=2300-01-01T00:00:00Z":        "end: the year must lie between 1970 and 2261",
		"start=1969-12-31T23:59:59Z":      "start: the year must lie between 1970 and 2261",
		"start=999999999999&end=9":        "start: the year",
		"start=2026-01-01T00:00:00":       "neither",
		"end=1800-01-01T00:00:00Z&start=": "end: the year",
	} {
		_, err := Range(asked(t, query), now)
		require.ErrorContains(t, err, want, query)
		require.Equal(t, http.StatusBadRequest, Classify(err).Status, query)
	}
	names := map[string]bool{}
	for _, p := range append(RangeParams(), PageParams()...) {
		names[p.Name] = true
	}
	require.Equal(t, map[string]bool{"start": true, "end": true, "limit": true, "cursor": true}, names)
}

func TestCount(t *testing.T) {
	for query, want := range map[string]int{"": 50, "n=": 50, "n=1": 1, "n=100": 100} {
		var warnings []string
		got, err := Count(asked(t, query), "n", 50, 100, &warnings)
		require.NoError(t, err, query)
		require.Equal(t, want, got, query)
		require.Empty(t, warnings)
	}
	var warnings []string
	got, err := Count(asked(t, "n=101"), "n", 50, 100, &warnings)
	require.NoError(t, err)
	require.Equal(t, 100, got)
	require.Equal(t, []string{"n was reduced to 100"}, warnings)
	for _, query := range []string{"n=0", "n=-1", "n=x", "n=1.5", "n=99999999999999999999"} {
		_, err := Count(asked(t, query), "n", 50, 100, &warnings)
		require.ErrorContains(t, err, "is no positive number", query)
	}
}

func TestChoice(t *testing.T) {
	for query, want := range map[string]string{"": "desc", "order=": "desc", "order=asc": "asc", "order=desc": "desc"} {
		got, err := Choice(asked(t, query), "order", "desc", "asc")
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err := Choice(asked(t, "order=ASC"), "order", "desc", "asc")
	require.ErrorContains(t, err, `order: "ASC" is none of desc, asc`)
}

// TestPathParam: a part is decoded once, also where it has an encoded slash or what looks like an encoding.
func TestPathParam(t *testing.T) {
	for path, want := range map[string]string{
		"/hosts/web-1": "web-1", "/hosts/a%2Fb": "a/b", "/hosts/100%25": "100%", "/hosts/a%252Fb": "a%2Fb", "/hosts/%E4%B8%AD": "中", "/hosts/a%20b%2F": "a b/",
	} {
		r := chi.NewRouter()
		got := ""
		r.Get("/hosts/{name}", func(_ http.ResponseWriter, r *http.Request) { got = PathParam(r, "name") })
		w := httptest.NewRecorder()
		r.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody))
		require.Equal(t, http.StatusOK, w.Code, path)
		require.Equal(t, want, got, path)
	}
	ctx := chi.NewRouteContext()
	ctx.URLParams.Add("name", "%zz")
	r := (&http.Request{URL: &url.URL{RawPath: "/%zz"}}).WithContext(context.WithValue(t.Context(), chi.RouteCtxKey, ctx))
	require.Equal(t, "%zz", PathParam(r, "name"), "what is no encoding stays")
}
