// SPDX-License-Identifier: Apache-2.0

// Package severity is the one table from the words that programs call levels by to OpenTelemetry's severity numbers. The agent and the server
// both ask it, so that a record has the same level however it came.
package severity

import (
	"strconv"
	"strings"
)

// The lowest numbers of OpenTelemetry's ranges; each has four. https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber
const (
	Unspecified = 0
	Trace       = 1
	Debug       = 5
	Info        = 9
	Warn        = 13
	Error       = 17
	Fatal       = 21
	maximum     = 24
)

// Number is the severity number of a level's name in any case, Unspecified for what is none. A name may have its place in its range behind it, as
// OpenTelemetry's short names (DEBUG4) and PostgreSQL's (DEBUG5, which is the least) do, or how far it is from the name, as those of Go's log/slog do:
// INFO+2 is two above INFO, DEBUG-4 four below DEBUG, ERROR+4 and more as bad as FATAL. The table follows
// https://opentelemetry.io/docs/specs/otel/logs/data-model-appendix/#appendix-b-severitynumber-example-mappings, except that what is
// worse than an error, such as syslog's critical, is Fatal.
func Number(name string) int32 {
	if len(name) == 0 || len(name) > 16 {
		return Unspecified
	}
	name = strings.ToUpper(name)
	if n := base(name); n != Unspecified {
		return n
	}
	if i := strings.IndexAny(name, "+-"); i > 0 {
		return apart(name[:i], name[i:])
	}
	last := len(name) - 1
	if name[last] < '1' || name[last] > '5' {
		return Unspecified
	}
	word := strings.TrimRight(name[:last], "_ ")
	switch word {
	case "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL":
	default:
		return Unspecified
	}
	if word == "DEBUG" && name[last] == '5' { // PostgreSQL's.
		return Trace
	}
	if name[last] == '5' {
		return Unspecified
	}
	return base(word) + int32(name[last]-'1')
}

// apart is the number of a name with its distance, a sign and one or two digits, behind it.
func apart(word, distance string) int32 {
	switch word {
	case "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL":
	default:
		return Unspecified
	}
	n, err := strconv.Atoi(distance)
	if err != nil || len(distance) > 3 || distance[1] == '+' || distance[1] == '-' || n < -9 { // ERROR-17 is rather a message's number.
		return Unspecified
	}
	return min(max(base(word)+int32(n), Trace), maximum) //nolint:gosec // Of two digits.
}

func base(upper string) int32 {
	switch upper {
	case "TRACE", "TRC", "TRCE", "FINER", "FINEST", "VERBOSE", "VRB", "SILLY", "ALL":
		return Trace
	case "DEBUG", "DBG", "DBUG", "DEBG", "DEB", "FINE", "CONFIG":
		return Debug
	case "INFO", "INF", "INFORMATION", "INFORMATIONAL", "NOTICE", "NOTE", "LOG", "STATEMENT", "HINT", "DETAIL", "OK", "SUCCESS":
		return Info
	case "WARN", "WARNING", "WRN", "WARNI":
		return Warn
	case "ERROR", "ERR", "ERRO", "EROR", "SEVERE", "FAIL", "FAILURE":
		return Error
	case "FATAL", "FTL", "PANIC", "CRITICAL", "CRIT", "CRT", "EMERG", "EMERGENCY", "EMERGE", "ALERT", "DPANIC":
		return Fatal
	default:
		return Unspecified
	}
}

// Fold is a level's name as the table has it.
func Fold(name string) string { return strings.ToUpper(name) }

// Name is the name of a severity number's range: trace, debug, info, warn, error, fatal, or "" when there is none.
func Name(number int) string {
	names := [...]string{"trace", "debug", "info", "warn", "error", "fatal"}
	if number < 1 || number > 24 {
		return ""
	}
	return names[(number-1)/4]
}
