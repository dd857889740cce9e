// SPDX-License-Identifier: Apache-2.0

package levels

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/strata-apm/strata/collector/logs/chars"
)

// levelPrefix is how much of a text is searched for a level. Levels stand behind a time and a host name at the most; further to the right the same words
// are prose. coloured is how much is looked at to find so much without colours.
const (
	levelPrefix = 160
	coloured    = 4 * levelPrefix
)

// Fill gives a record without severity the one its text names.
func Fill(lr plog.LogRecord) {
	if lr.SeverityNumber() != plog.SeverityNumberUnspecified || lr.Body().Type() != pcommon.ValueTypeStr {
		return
	}
	if text, number := Find(lr.Body().Str()); number != plog.SeverityNumberUnspecified {
		lr.SetSeverityNumber(number)
		if lr.SeverityText() == "" {
			lr.SetSeverityText(text)
		}
	}
}

// Find returns the first word of the text's beginning that is a level. A word in lower or mixed case counts only where formats put one: in
// brackets, before a colon at the beginning or behind a time, between tabs, or as the value of level= or "level":. Words that are prose in other lines
// need such a place in capitals too. Letters count where glog and others put them. Control sequences of terminals are looked through.
func Find(text string) (string, plog.SeverityNumber) {
	line := chars.Plain(text[:min(len(text), coloured)])
	line = line[:min(len(line), levelPrefix)]
	if isCrash(line) {
		return "fatal", plog.SeverityNumberFatal
	}
	if letter, number := letterLevel(line); number != plog.SeverityNumberUnspecified {
		return letter, number
	}
	for i := 0; i < len(line); {
		if !chars.IsLetter(line[i]) {
			i++
			continue
		}
		w := word{line: line, start: i}
		for i < len(line) && chars.IsLetter(line[i]) {
			i++
		}
		w.end = i
		if number := w.level(); number != plog.SeverityNumberUnspecified {
			return w.text(), number
		}
	}
	return "", plog.SeverityNumberUnspecified
}

// isCrash knows the lines by which a runtime says that it ends the program.
func isCrash(line string) bool {
	for _, p := range []string{
		"fatal error: ", "Fatal error: ", "PHP Fatal error: ", "Fatal Python error: ", "SIGSEGV: ", "SIGABRT: ", "SIGBUS: ", "SIGILL: ", "SIGFPE: ", "SIGQUIT: ",
		"unexpected fault address ", "runtime: out of memory", "terminate called ", "Segmentation fault", "*** Terminating app due to uncaught exception",
		"# A fatal error has been detected by the Java Runtime Environment",
	} {
		if strings.HasPrefix(line, p) {
			return true
		}
	}
	thread, rest, _ := strings.Cut(line, " panic")
	return strings.HasPrefix(thread, "thread ") && (strings.HasPrefix(rest, ": ") || strings.HasPrefix(rest, "ked at ")) || // Zig's and Rust's.
		strings.Contains(line, "] PHP Fatal error: ")
}

// letterLevel reads the levels that are one letter: glog's E1129 08:10:00, CockroachDB's E261129 08:10:00, logcat's MM-DD TIME PID TID E TAG, MongoDB's
// TIME E NETWORK, Tornado's [E 261129 08:10:00.
func letterLevel(line string) (string, plog.SeverityNumber) {
	var first [6]string // As many as letterAt looks at.
	fields := first[:0]
	for field := range strings.FieldsSeq(line) {
		if fields = append(fields, field); len(fields) == len(first) {
			break
		}
	}
	if len(fields) < 2 {
		return "", plog.SeverityNumberUnspecified
	}
	letter := letterAt(fields)
	return letter, OfLetter(letter)
}

// letterAt is the letter at the place of a level, "" without one.
func letterAt(fields []string) string {
	switch head := fields[0]; {
	case len(head) >= 5 && len(head) <= 9 && chars.Digits([]byte(head[1:])) && isClock(fields[1]):
		return head[:1]
	case len(head) == 2 && head[0] == '[' && fields[1][0] >= '0' && fields[1][0] <= '9':
		return head[1:]
	case len(fields) > 5 && len(head) == 5 && head[2] == '-' && isClock(fields[1]) && chars.Digits([]byte(fields[2])) && chars.Digits([]byte(fields[3])):
		return fields[4]
	case len(fields) > 3 && len(head) >= len("2006-01-02T15:04:05Z") && head[4] == '-' && head[10] == 'T' && isComponent(fields[2]):
		return fields[1]
	}
	return ""
}

// isComponent says whether the word is what MongoDB writes behind a level: a name in capitals or a hyphen.
func isComponent(w string) bool { return w == "-" || len(w) > 3 && strings.ToUpper(w) == w }

// OfLetter is the number of a level that is written as one letter, unspecified for another letter.
func OfLetter(letter string) plog.SeverityNumber {
	switch letter {
	case "T", "V":
		return plog.SeverityNumberTrace
	case "D":
		return plog.SeverityNumberDebug
	case "I":
		return plog.SeverityNumberInfo
	case "W":
		return plog.SeverityNumberWarn
	case "E":
		return plog.SeverityNumberError
	case "F", "C", "A":
		return plog.SeverityNumberFatal
	default:
		return plog.SeverityNumberUnspecified
	}
}

// isClock says whether the word begins with a time of day.
func isClock(w string) bool {
	return len(w) >= len("15:04:05") && w[2] == ':' && w[5] == ':' && chars.Digits([]byte(w[:2])) && chars.Digits([]byte(w[3:5])) && chars.Digits([]byte(w[6:8]))
}

// word is one of a line.
type word struct {
	line       string
	start, end int
}

func (w *word) text() string { return w.line[w.start:w.end] }

// level is the level that the word is at its place. A number behind a name is made a part of it.
func (w *word) level() plog.SeverityNumber {
	if n := w.end - w.start; n < 3 || n > len("INFORMATIONAL") {
		return plog.SeverityNumberUnspecified
	}
	number := Number(w.text())
	if number == plog.SeverityNumberUnspecified {
		return number
	}
	upper := w.text() == strings.ToUpper(w.text())
	switch {
	case w.isValue():
	case prose(w.text()):
		if !w.proseCounts(upper) {
			return plog.SeverityNumberUnspecified
		}
	case !upper && !w.marked():
		return plog.SeverityNumberUnspecified
	}
	if full, ok := w.placed(); ok {
		w.end, number = full.end, Number(full.text())
	}
	return number
}

// placed is the word with its place in the level's range behind it, such as DEBUG-4, INFO+2 or WARN2.
func (w *word) placed() (word, bool) {
	full, i := *w, w.end
	if i < len(w.line) && (w.line[i] == '+' || w.line[i] == '-' && strings.EqualFold(w.text(), "DEBUG")) {
		i++
	}
	from := i
	for i < len(w.line) && w.line[i] >= '0' && w.line[i] <= '9' {
		i++
	}
	full.end = i
	if i == from || i-from > 2 || i < len(w.line) && (chars.IsWord(w.line[i]) || w.line[i] == '-') || Number(full.text()) == plog.SeverityNumberUnspecified {
		return word{}, false
	}
	return full, true
}

func (w *word) around() (before, after byte) {
	before, after = ' ', ' '
	if w.start > 0 {
		before = w.line[w.start-1]
	}
	end := w.end
	if full, ok := w.placed(); ok {
		end = full.end
	}
	if end < len(w.line) {
		after = w.line[end]
	}
	return before, after
}

// marked says whether a word in small letters stands where formats put a level.
func (w *word) marked() bool {
	before, after := w.around()
	return before == '[' && after == ']' || before == '=' || before == '"' && after == '"' || after == ':' && w.behindTime() || before == '\t' && after == '\t'
}

// isValue says whether the word is the value of a key that is called level or the like.
func (w *word) isValue() bool {
	if w.start == 0 || strings.IndexByte(`="'`, w.line[w.start-1]) < 0 {
		return false
	}
	key := strings.ToLower(strings.TrimRight(w.line[:w.start], ` "':=`))
	for _, name := range []string{"level", "lvl", "severity", "@l"} {
		if strings.HasSuffix(key, name) {
			return true
		}
	}
	return false
}

// proseCounts says whether a word that is a level in some program only stands where that program puts it.
func (w *word) proseCounts(upper bool) bool {
	before, after := w.around()
	if !upper {
		return w.behindTime() && before == '[' && after == ']' && !strings.EqualFold(w.text(), "config") && w.start > 1
	}
	switch w.text() {
	case "ALL":
		return false
	case "LOG", "STATEMENT", "HINT", "DETAIL": // PostgreSQL's.
		return strings.HasPrefix(w.line[w.end:], ":  ")
	}
	return w.behindTime() && (after == ':' || after == ']' || after == '|' || after == '\t' || w.start > 0 && after == ' ')
}

// behindTime says whether nothing but a time, or nothing at all, stands before the word.
func (w *word) behindTime() bool {
	before := strings.Trim(w.line[:w.start], " \t[(<|-")
	if before == "" {
		return true
	}
	if before[0] < '0' || before[0] > '9' || len(before) < len("15:04:05") {
		return false
	}
	for _, c := range []byte(before) {
		if chars.IsLetter(c) && c != 'T' && c != 'Z' {
			return false
		}
	}
	return true
}

// Set gives the record a level's name, without what colours it, and its number.
func Set(lr plog.LogRecord, text string, number plog.SeverityNumber) {
	lr.SetSeverityText(strings.TrimSpace(chars.Plain(text)))
	lr.SetSeverityNumber(number)
}
