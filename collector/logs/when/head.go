// SPDX-License-Identifier: Apache-2.0

package when

import (
	"strings"
	"time"
)

// headBytes is how much of a line is looked at for its time.
const headBytes = 80

// Head reads the date and the time of day at the very beginning of a line of a log, where their form leaves no doubt: the year or the name of the month comes
// with them, or they are glog's. They may stand in brackets, behind time= and behind the letter or the process that Ruby's logger and Redis begin with.
// zone is for times that name none.
func Head(line string, zone *time.Location, now time.Time) (time.Time, bool) {
	line, _, _ = strings.Cut(line[:min(len(line), headBytes)], "\n")
	text := headOf(line)
	if at, ok := isoHead(text, zone); ok {
		return at, true
	}
	if at, ok := glogHead(line, zone, now); ok {
		return at, true
	}
	if len(text) > 11 && text[2] == text[6] && (text[2] == '-' || text[2] == '/') && (text[11] == ' ' || text[11] == ':') { // 29-Nov-2026 08:10:00, 29/Nov/2026:08:10:00 +0100
		text = text[:2] + " " + text[3:6] + " " + text[7:11] + " " + text[12:]
	}
	return wordsHead(text, zone, now)
}

// headOf takes off what stands before the time, and what stands behind it where it is in brackets or quotes.
func headOf(line string) string {
	text := line
	for _, key := range []string{"time=", "ts=", "timestamp=", "t="} {
		if rest, ok := strings.CutPrefix(line, key); ok {
			text = rest
		}
	}
	if len(text) > 4 && text[1] == ',' && text[2] == ' ' && text[3] == '[' { // Ruby's logger: E, [2026-…
		text = text[3:]
	}
	if pid, rest, ok := strings.Cut(text, ":"); ok && isDigits(pid) && len(pid) > 2 && len(rest) > 2 && rest[1] == ' ' && strings.IndexByte("XCSM", rest[0]) >= 0 { // Redis
		text = rest[2:]
	}
	if text != "" {
		if i := strings.IndexByte(`[(<"`, text[0]); i >= 0 {
			text, _, _ = strings.Cut(text[1:], `])>"`[i:i+1])
		}
	}
	return text
}

// isoHead reads a date that begins with the year, and what follows it of fraction and zone.
func isoHead(text string, zone *time.Location) (time.Time, bool) {
	const layout = "2006-01-02T15:04:05"
	if len(text) < len(layout) || text[4] != text[7] || strings.IndexByte("-/.", text[4]) < 0 || text[10] != 'T' && text[10] != ' ' {
		return time.Time{}, false
	}
	i := len(layout)
	if i+1 < len(text) && (text[i] == '.' || text[i] == ',') && isDigits(text[i+1:i+2]) {
		for i++; i < len(text) && isDigits(text[i:i+1]); i++ {
		}
	}
	stamp := text[:4] + "-" + text[5:7] + "-" + text[8:10] + "T" + text[11:i]
	offset, rest := zoneOf(text[i:])
	if len(rest) > 0 && (isDigits(rest[:1]) || rest[0]|0x20 >= 'a' && rest[0]|0x20 <= 'z') {
		return time.Time{}, false // It is part of something longer.
	}
	return iso(stamp+offset, zone)
}

// zoneOf reads the zone behind a time: Z, an offset, or UTC. Other names stand for several zones each.
func zoneOf(text string) (offset, rest string) {
	if rest, ok := strings.CutPrefix(text, "Z"); ok {
		return "Z", rest
	}
	trimmed := strings.TrimPrefix(text, " ")
	for _, name := range []string{"UTC", "GMT"} {
		if rest, ok := strings.CutPrefix(trimmed, name); ok {
			return "Z", rest
		}
	}
	if trimmed == "" || trimmed[0] != '+' && trimmed[0] != '-' {
		return "", text
	}
	for _, form := range []string{"+00:00", "+0000", "+00"} {
		n := len(form)
		if len(trimmed) < n || n == 3 && trimmed != text || !isDigits(strings.Replace(trimmed[1:n], ":", "", 1)) || n == 6 && trimmed[3] != ':' {
			continue
		}
		return trimmed[:n], trimmed[n:]
	}
	return "", text
}

// wordsHead reads a date with the name of its month, and AM, PM, UTC or an offset behind it.
func wordsHead(text string, zone *time.Location, now time.Time) (time.Time, bool) {
	at, rest, ok := words(text, zone, now)
	if !ok {
		return at, false
	}
	if offset, _ := zoneOf(rest); offset != "" {
		shift, err := time.Parse("Z07:00", offset)
		if len(offset) == len("+0000") {
			shift, err = time.Parse("-0700", offset)
		}
		if err == nil {
			at, _, ok = words(text, shift.Location(), now)
		}
	}
	switch word, _, _ := strings.Cut(rest, " "); {
	case word == "PM" && at.Hour() < 12:
		at = at.Add(12 * time.Hour)
	case word == "AM" && at.Hour() == 12:
		at = at.Add(-12 * time.Hour)
	}
	return at, ok
}

// glogHead reads E1129 08:10:00.123456 and E261129 08:10:00.123456.
func glogHead(line string, zone *time.Location, now time.Time) (time.Time, bool) {
	head, rest, ok := strings.Cut(line, " ")
	clock, _, ok2 := strings.Cut(strings.TrimLeft(rest, " "), " ")
	if !ok || !ok2 || len(clock) < len("15:04:05.0") || len(head) != 5 && len(head) != 7 || strings.IndexByte("DIWEF", head[0]) < 0 {
		return time.Time{}, false
	}
	if len(head) == 7 {
		at, err := time.ParseInLocation("060102 15:04:05.999999999", head[1:]+" "+clock, zone)
		return at, err == nil
	}
	at, err := time.ParseInLocation("20060102 15:04:05.999999999", "2000"+head[1:]+" "+clock, zone) // A leap year.
	if err != nil {
		return time.Time{}, false
	}
	return NearestYear(at, now), true
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
