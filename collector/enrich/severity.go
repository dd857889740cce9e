// SPDX-License-Identifier: Apache-2.0

package enrich

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/strata-apm/strata/collector/logs"
)

// severityPrefix is how much of a line is searched. Levels stand behind a time and a host name at the most; further to the right the
// same words are prose.
const severityPrefix = 160

// setSeverity gives a record without severity the one its text names.
func setSeverity(lr plog.LogRecord) {
	if lr.SeverityNumber() != plog.SeverityNumberUnspecified || lr.Body().Type() != pcommon.ValueTypeStr {
		return
	}
	if text, number := findSeverity(lr.Body().Str()); number != plog.SeverityNumberUnspecified {
		lr.SetSeverityNumber(number)
		if lr.SeverityText() == "" {
			lr.SetSeverityText(text)
		}
	}
}

// findSeverity returns the first word of the line's beginning that is a level. A word in lower or mixed case counts only where
// formats put one: in brackets, before a colon, or as the value of level= or "level":.
func findSeverity(line string) (string, plog.SeverityNumber) {
	if len(line) > severityPrefix {
		line = line[:severityPrefix]
	}
	for i := 0; i < len(line); {
		if !isLetter(line[i]) {
			i++
			continue
		}
		start := i
		for i < len(line) && isLetter(line[i]) {
			i++
		}
		word := line[start:i]
		if n := i - start; n < 3 || n > 11 {
			continue
		}
		number := severityOf(strings.ToUpper(word))
		if number == plog.SeverityNumberUnspecified {
			continue
		}
		if word == strings.ToUpper(word) || marked(line, start, i) {
			return word, number
		}
	}
	return "", plog.SeverityNumberUnspecified
}

// severityOf leaves out levels that are words of other meaning in most lines.
func severityOf(upper string) plog.SeverityNumber {
	if logs.Prose(upper) {
		return plog.SeverityNumberUnspecified
	}
	return logs.Severity(upper)
}

// marked says whether the word at line[start:end] stands where formats put a level.
func marked(line string, start, end int) bool {
	before, after := byte(' '), byte(' ')
	if start > 0 {
		before = line[start-1]
	}
	if end < len(line) {
		after = line[end]
	}
	return (before == '[' && after == ']') || before == '=' || (before == '"' && after == '"') || (after == ':' && start == 0)
}

func isLetter(c byte) bool {
	return (c|0x20) >= 'a' && (c|0x20) <= 'z'
}
