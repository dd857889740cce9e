// SPDX-License-Identifier: Apache-2.0

// Package when reads the times that programs and devices write at the beginning of a line, with and without year, zone and fractions, and says what
// becomes of a time that cannot be right.
package when

import (
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// AttrOriginal has the time that a record's text names where the record could not keep it.
const AttrOriginal = "strata.time.original"

// Limits are how old and how far ahead a time that was read from a text may be. A server refuses what is beyond its own limits.
type Limits struct {
	Past   time.Duration `mapstructure:"past"`
	Future time.Duration `mapstructure:"future"`
}

// DefaultLimits are within those of a server, which are 15 days and 10 minutes, so that a record may wait in the queue for a day and clocks may differ.
func DefaultLimits() Limits { return Limits{Past: 14 * 24 * time.Hour, Future: 5 * time.Minute} }

// Apply gives a record whose time is beyond the limits the time at which it was read, and keeps the other in an attribute: the clock or the zone of who
// wrote it is wrong, or it is old, and the record would be refused.
func (l Limits) Apply(lr plog.LogRecord, read time.Time) {
	if lr.Timestamp() == 0 {
		return
	}
	at := lr.Timestamp().AsTime()
	if !at.After(read.Add(l.Future)) && !at.Before(read.Add(-l.Past)) {
		return
	}
	lr.Attributes().PutStr(AttrOriginal, at.UTC().Format(time.RFC3339Nano))
	lr.SetTimestamp(pcommon.NewTimestampFromTime(read))
}

// SetTime gives a record a time, unless it is none that a record can have.
func SetTime(lr plog.LogRecord, at time.Time) {
	if at.Year() < 1678 || at.Year() > 2261 { // Others do not fit into nanoseconds since 1970.
		lr.Attributes().PutStr(AttrOriginal, at.UTC().Format(time.RFC3339Nano))
		return
	}
	if at.UnixNano() <= 0 {
		lr.Attributes().PutStr(AttrOriginal, at.UTC().Format(time.RFC3339Nano))
		return
	}
	lr.SetTimestamp(pcommon.NewTimestampFromTime(at))
}

// NearestYear gives a time without a year the one that makes it nearest to now: the last days of December read in January are last year's, and
// January's first, from a clock that is ahead, next year's.
func NearestYear(t, now time.Time) time.Time {
	now = now.In(t.Location())
	var best time.Time
	for year := now.Year() - 1; year <= now.Year()+1; year++ {
		at := time.Date(year, t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), t.Location())
		if at.Day() != t.Day() { // 29 February.
			continue
		}
		if best.IsZero() || at.Sub(now).Abs() < best.Sub(now).Abs() {
			best = at
		}
	}
	if best.IsZero() { // 29 February, far from a leap year.
		return time.Date(now.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), t.Location())
	}
	return best
}

// Leading reads a time at the beginning of a text and returns what follows it. zone is for times that name none.
func Leading(text string, zone *time.Location, now time.Time) (time.Time, string, bool) {
	if word, rest, _ := strings.Cut(text, " "); len(word) >= 10 {
		if at, ok := iso(strings.TrimSuffix(word, ":"), zone); ok {
			return at, rest, true
		}
		if at, ok := epoch(word); ok {
			return at, rest, true
		}
		if at, ok := iso(firstWords(text, 2), zone); ok {
			return at, strings.TrimPrefix(text[len(firstWords(text, 2)):], " "), true
		}
	}
	return words(text, zone, now)
}

// iso reads dates that begin with the year, with T or a space before the time.
func iso(text string, zone *time.Location) (time.Time, bool) {
	text = strings.Replace(strings.TrimSuffix(text, ":"), ",", ".", 1)
	if len(text) < len("2006-01-02T15:04:05") || text[0] < '0' || text[0] > '9' || text[4] != '-' && text[4] != '/' {
		return time.Time{}, false
	}
	if text[4] == '/' {
		text = strings.Replace(text, "/", "-", 2)
	}
	if text[10] == ' ' {
		text = text[:10] + "T" + text[11:]
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999", "2006-01-02T15:04:05.999999999Z07"} {
		if at, err := time.ParseInLocation(layout, text, zone); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

// epoch reads seconds since 1970 with an optional fraction, as Meraki's devices write them.
func epoch(word string) (time.Time, bool) {
	seconds, fraction, _ := strings.Cut(word, ".")
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || len(seconds) != 10 || len(fraction) > 9 {
		return time.Time{}, false
	}
	ns, err := strconv.ParseInt((fraction + "000000000")[:9], 10, 64)
	if err != nil {
		return time.Time{}, false
	}
	return time.Unix(n, ns).UTC(), true
}

// words reads dates with the month's name: [Sat] Nov 28 [2026] 17:05:00[.123] [2026], 28 Nov 2026 17:05:00, 2026 Nov 28 17:05:00.
//
//nolint:gocyclo // A list of what a word of a date may be.
func words(text string, zone *time.Location, now time.Time) (time.Time, string, bool) {
	rest := text
	next := func() string {
		rest = strings.TrimLeft(rest, " ")
		var w string
		w, rest, _ = strings.Cut(rest, " ")
		return w
	}
	var month time.Month
	day, year := 0, 0
	clock := ""
	for range 5 {
		before := rest
		w := next()
		switch n, err := strconv.Atoi(strings.TrimSuffix(w, ",")); {
		case month == 0 && day == 0 && year == 0 && isWeekday(strings.TrimSuffix(w, ",")):
			continue
		case err == nil && len(w) >= 4 && n >= 1970 && n < 2262 && year == 0:
			year = n
			continue
		case err == nil && n >= 1 && n <= 31 && day == 0:
			day = n
			continue
		case month == 0 && monthOf(w) != 0:
			month = monthOf(w)
			continue
		case month != 0 && day != 0 && strings.Count(w, ":") >= 2:
			clock = w
		default:
			rest = before
		}
		break
	}
	if month == 0 || day == 0 || clock == "" {
		return time.Time{}, "", false
	}
	if w, after, _ := strings.Cut(rest, " "); year == 0 && len(strings.TrimSuffix(w, ":")) == 4 { // ctime, and Cisco's ASA.
		if n, err := strconv.Atoi(strings.TrimSuffix(w, ":")); err == nil && n >= 1970 && n < 2262 {
			year, rest = n, after
		}
	}
	at, err := timeOfDay(clock, zone)
	if err != nil {
		return time.Time{}, "", false
	}
	guessed := year == 0
	if guessed {
		year = 2000 // A leap year.
	}
	full := time.Date(year, month, day, at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), at.Location())
	if full.Day() != day {
		return time.Time{}, "", false
	}
	if guessed {
		full = NearestYear(full, now)
	}
	return full, rest, true
}

// timeOfDay reads the clock of a date, with an optional fraction and offset.
func timeOfDay(clock string, zone *time.Location) (at time.Time, err error) {
	clock = strings.Replace(strings.TrimSuffix(clock, ":"), ",", ".", 1)
	if at, err = time.ParseInLocation("15:04:05.999999999", clock, zone); err != nil {
		at, err = time.ParseInLocation("15:04:05.999999999Z07:00", clock, zone)
	}
	return at, err // Only that there is one is used.
}

func isWeekday(w string) bool {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if d.String()[:3] == w {
			return true
		}
	}
	return false
}

func monthOf(w string) time.Month {
	if len(w) != 3 {
		return 0
	}
	for m := time.January; m <= time.December; m++ {
		if strings.EqualFold(m.String()[:3], w) {
			return m
		}
	}
	return 0
}

// firstWords is the beginning of the text up to its n-th space.
func firstWords(text string, n int) string {
	at := 0
	for range n {
		i := strings.IndexByte(text[at:], ' ')
		if i < 0 {
			return text
		}
		at += i + 1
	}
	return text[:at-1]
}
