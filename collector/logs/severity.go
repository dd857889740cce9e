// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/strata-apm/strata/severity"
)

// Severity is the number of a level's name in any case and colour, unspecified for what is none.
func Severity(level string) plog.SeverityNumber {
	return plog.SeverityNumber(severity.Number(strings.TrimSpace(plainText(level))))
}

// isLevelWord says whether a word at the beginning of a line is a level. Words that are levels in some program only and begin other lines
// more often are left out.
func isLevelWord(word string) bool {
	switch Severity(word) {
	case plog.SeverityNumberUnspecified:
		return false
	default:
		return !Prose(word)
	}
}

// Prose says whether a level's name is a word that lines have in them for other reasons, so that it counts only where a format puts a level.
func Prose(word string) bool {
	switch severity.Fold(word) {
	case "CONFIG", "FINE", "FINER", "FINEST", "VERBOSE", "SILLY", "ALL", "NOTE", "LOG", "STATEMENT", "HINT", "DETAIL", "OK", "SUCCESS", "FAIL", "FAILURE", "DEB":
		return true
	default:
		return false
	}
}
