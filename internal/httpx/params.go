// SPDX-License-Identifier: Apache-2.0

package httpx

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/strata-apm/strata/storage"
)

// DefaultRange is how far back a request without start looks.
const DefaultRange = time.Hour

// Range reads start and end: RFC 3339 or Unix seconds with fractions. End defaults to now, start to an hour before end.
func Range(r *http.Request, now time.Time) (storage.TimeRange, error) {
	q := r.URL.Query()
	end, err := parseTime(q, "end", now)
	if err != nil {
		return storage.TimeRange{}, err
	}
	start, err := parseTime(q, "start", end.Add(-DefaultRange))
	if err != nil {
		return storage.TimeRange{}, err
	}
	if !start.Before(end) {
		return storage.TimeRange{}, BadRequest("start must lie before end")
	}
	return storage.TimeRange{Start: start, End: end}, nil
}

func parseTime(q url.Values, name string, fallback time.Time) (time.Time, error) {
	s := q.Get(name)
	if s == "" {
		return fallback, nil
	}
	t, ok := unixSeconds(s)
	if !ok {
		var err error
		if t, err = time.Parse(time.RFC3339Nano, s); err != nil {
			return time.Time{}, BadRequest("%s: %q is neither an RFC 3339 time nor Unix seconds", name, s)
		}
	}
	if t.Year() < 1970 || t.Year() > 2261 {
		return time.Time{}, BadRequest("%s: the year must lie between 1970 and 2261", name)
	}
	return t.UTC(), nil
}

// unixSeconds reads decimal seconds exactly: a float has not enough digits for nanoseconds.
func unixSeconds(s string) (time.Time, bool) {
	whole, fraction, _ := strings.Cut(s, ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || seconds < 0 || seconds > 1<<40 || len(fraction) > 18 {
		return time.Time{}, false
	}
	nanos, err := strconv.ParseInt((fraction + "000000000")[:9], 10, 64)
	if err != nil || nanos < 0 {
		return time.Time{}, false
	}
	return time.Unix(seconds, nanos), true
}

// Count reads a positive number. A number above most becomes most, with a warning.
func Count(r *http.Request, name string, fallback, most int, warnings *[]string) (int, error) {
	s := r.URL.Query().Get(name)
	if s == "" {
		return fallback, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return 0, BadRequest("%s: %q is no positive number", name, s)
	}
	if n > most {
		*warnings = append(*warnings, fmt.Sprintf("%s was reduced to %d", name, most))
		n = most
	}
	return n, nil
}

// Choice reads one of a few words; the first is the default.
func Choice(r *http.Request, name string, words ...string) (string, error) {
	s := r.URL.Query().Get(name)
	if s == "" {
		return words[0], nil
	}
	if slices.Contains(words, s) {
		return s, nil
	}
	return "", BadRequest("%s: %q is none of %s", name, s, strings.Join(words, ", "))
}

// PathParam returns a part of the path, decoded: chi matches the encoded path when a part has an encoded slash.
func PathParam(r *http.Request, name string) string {
	v := chi.URLParam(r, name)
	if r.URL.RawPath == "" {
		return v
	}
	if decoded, err := url.PathUnescape(v); err == nil {
		return decoded
	}
	return v
}

// RangeParams describes what Range reads.
func RangeParams() []Param {
	return []Param{
		{Name: "start", Description: "RFC 3339 or Unix seconds; default: an hour before end"},
		{Name: "end", Description: "RFC 3339 or Unix seconds; default: now"},
	}
}

// PageParams describes the parameters of lists that page by cursor.
func PageParams() []Param {
	return []Param{{Name: "limit", Integer: true}, {Name: "cursor", Description: "next_cursor of the page before"}}
}
