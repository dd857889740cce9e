// SPDX-License-Identifier: Apache-2.0

// Package levels finds the level of a log record: in its text, by the name, at the places where formats put one.
package levels

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/strata-apm/strata/collector/logs/chars"
	"github.com/strata-apm/strata/severity"
)

// Number is the number of a level's name in any case and colour, unspecified for what is none.
func Number(level string) plog.SeverityNumber {
	return plog.SeverityNumber(severity.Number(strings.TrimSpace(chars.Plain(level))))
}

// IsWord says whether a word at the beginning of a line is a level. Words that are levels in some program only and begin other lines
// more often are left out.
func IsWord(word string) bool {
	switch Number(word) {
	case plog.SeverityNumberUnspecified:
		return false
	default:
		return !prose(word)
	}
}

// prose says whether a level's name is a word that lines have in them for other reasons, so that it counts only where a format puts a level.
func prose(word string) bool {
	switch severity.Fold(word) {
	case "CONFIG", "FINE", "FINER", "FINEST", "VERBOSE", "SILLY", "ALL", "NOTE", "LOG", "STATEMENT", "HINT", "DETAIL", "OK", "SUCCESS", "FAIL", "FAILURE", "DEB":
		return true
	default:
		return false
	}
}
