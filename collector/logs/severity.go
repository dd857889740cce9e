// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/plog"
)

// Severity is the number of a level's name in any case, unspecified for what is none.
func Severity(level string) plog.SeverityNumber {
	switch strings.ToUpper(level) {
	case "TRACE", "FINER", "FINEST":
		return plog.SeverityNumberTrace
	case "DEBUG", "DBG", "FINE", "CONFIG":
		return plog.SeverityNumberDebug
	case "INFO", "INF", "INFORMATION", "INFORMATIONAL", "NOTICE":
		return plog.SeverityNumberInfo
	case "WARN", "WARNING", "WRN":
		return plog.SeverityNumberWarn
	case "ERROR", "ERR", "SEVERE":
		return plog.SeverityNumberError
	case "FATAL", "PANIC", "CRITICAL", "CRIT", "EMERG", "EMERGENCY", "ALERT":
		return plog.SeverityNumberFatal
	default:
		return plog.SeverityNumberUnspecified
	}
}
