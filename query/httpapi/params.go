// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/strata-apm/strata/query/search"
	"github.com/strata-apm/strata/storage"
)

// defaultRange is what a request without start looks at.
const defaultRange = time.Hour

// ParseRange reads start and end: RFC 3339 or Unix seconds with fractions. End defaults to now, start to an hour before end.
func ParseRange(r *http.Request, now time.Time) (storage.TimeRange, error) {
	q := r.URL.Query()
	end, err := parseTime(q, "end", now)
	if err != nil {
		return storage.TimeRange{}, err
	}
	start, err := parseTime(q, "start", end.Add(-defaultRange))
	if err != nil {
		return storage.TimeRange{}, err
	}
	if !start.Before(end) {
		return storage.TimeRange{}, badRequest("start must lie before end")
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
			return time.Time{}, badRequest(fmt.Sprintf("%s: %q is neither an RFC 3339 time nor Unix seconds", name, s))
		}
	}
	if t.Year() < 1970 || t.Year() > 2261 {
		return time.Time{}, badRequest(name + ": the year must lie between 1970 and 2261")
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

// count reads a positive number. One above the cap becomes the cap, with a warning.
func count(q url.Values, name string, fallback, most int, warnings *[]string) (int, error) {
	s := q.Get(name)
	if s == "" {
		return fallback, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return 0, badRequest(fmt.Sprintf("%s: %q is no positive number", name, s))
	}
	if n > most {
		*warnings = append(*warnings, fmt.Sprintf("%s was reduced to %d", name, most))
		n = most
	}
	return n, nil
}

// choice reads one of a few words; the first is the default.
func choice(q url.Values, name string, words ...string) (string, error) {
	s := q.Get(name)
	if s == "" {
		return words[0], nil
	}
	if slices.Contains(words, s) {
		return s, nil
	}
	return "", badRequest(fmt.Sprintf("%s: %q is none of %s", name, s, strings.Join(words, ", ")))
}

// selection reads query, start and end.
func (a *API) selection(r *http.Request, signal storage.Signal) (storage.Selection, error) {
	rng, err := ParseRange(r, a.now())
	if err != nil {
		return storage.Selection{}, err
	}
	filter, err := search.Parse(signal, r.URL.Query().Get("query"))
	if err != nil {
		return storage.Selection{}, err
	}
	return storage.Selection{Filter: filter, Range: rng}, nil
}
