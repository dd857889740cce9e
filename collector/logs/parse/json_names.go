// SPDX-License-Identifier: Apache-2.0

package parse

import (
	"encoding/json"
	"math/big"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/strata-apm/strata/collector/logs/levels"
	"github.com/strata-apm/strata/collector/logs/when"
)

// takeLevel gives the record the level that one of the members names. Of several the first that is a level counts, and the others stay attributes.
func takeLevel(fields map[string]any, lr plog.LogRecord) {
	for _, name := range []string{
		"level", "severity", "lvl", "log.level", "levelname", "level_name", "severity_text", "severityText", "loglevel", "logLevel", "LogLevel", "Level", "Severity", "@l",
		"level.name", "level.levelStr", "level.label", "severity.name", "severity.text", "log.level.name", "levelName", "LEVEL", "SEVERITY",
	} {
		level := fields[name]
		text, ok := level.(string)
		if n, isNumber := level.(json.Number); isNumber {
			text, ok = n.String(), true
		}
		if !ok {
			continue
		}
		number := levels.Number(text)
		if number == plog.SeverityNumberUnspecified {
			number = bunyan(text)
		}
		if number != plog.SeverityNumberUnspecified {
			levels.Set(lr, text, number)
			delete(fields, name)
			return
		}
	}
	if s, ok := fields["s"].(string); ok && fields["t.$date"] != nil { // MongoDB's, of which D1 to D5 are debug.
		if number := levels.OfLetter(s[:min(1, len(s))]); number != plog.SeverityNumberUnspecified {
			levels.Set(lr, s, number)
			delete(fields, "s")
		}
		return
	}
	if fields["@t"] != nil { // Serilog leaves out Information.
		levels.Set(lr, "Information", plog.SeverityNumberInfo)
	}
}

// bunyan is the level as pino and bunyan number it.
func bunyan(level string) plog.SeverityNumber {
	switch level {
	case "10":
		return plog.SeverityNumberTrace
	case "20":
		return plog.SeverityNumberDebug
	case "30":
		return plog.SeverityNumberInfo
	case "40":
		return plog.SeverityNumberWarn
	case "50":
		return plog.SeverityNumberError
	case "60":
		return plog.SeverityNumberFatal
	default:
		return plog.SeverityNumberUnspecified
	}
}

// takeTime gives the record the time that one of the members names.
func (p *Parser) takeTime(fields map[string]any, lr plog.LogRecord) {
	for _, name := range []string{"time", "timestamp", "@timestamp", "ts", "asctime", "@t", "t.$date", "datetime", "Timestamp", "timeMillis"} {
		if at, ok := p.jsonTime(fields[name]); ok {
			when.SetTime(lr, at)
			delete(fields, name)
			return
		}
	}
	for _, pair := range [][2]string{{"timestamp.seconds", "timestamp.nanos"}, {"instant.epochSecond", "instant.nanoOfSecond"}} {
		seconds, ok := fields[pair[0]].(json.Number)
		nanos, ok2 := fields[pair[1]].(json.Number)
		if !ok || !ok2 {
			continue
		}
		s, err := seconds.Int64()
		n, err2 := nanos.Int64()
		if err == nil && err2 == nil && s > 0 && n >= 0 && n < 1e9 {
			when.SetTime(lr, time.Unix(s, n).UTC())
			delete(fields, pair[0])
			delete(fields, pair[1])
			return
		}
	}
}

// jsonTime reads RFC 3339 and its usual variants, and numbers since 1970 in s, ms, µs or ns by their size, also as text.
func (p *Parser) jsonTime(v any) (time.Time, bool) {
	switch v := v.(type) {
	case string:
		if at, ok := sinceEpoch(v); ok {
			return at, at.Year() < maxYear // 20261129081000 is no number since 1970.
		}
		if at, rest, ok := when.Leading(v, p.zone, p.now()); ok && rest == "" {
			return at, true
		}
	case json.Number:
		return sinceEpoch(v.String())
	}
	return time.Time{}, false
}

const (
	// maxNumber is the longest number that is taken for a time, in bytes.
	maxNumber = 64
	// maxYear is from where on a number in a text is rather something else.
	maxYear = 2200
)

// sinceEpoch reads a number since 1970 without going through a float, which has not enough digits for nanoseconds. Digits that are finer are cut off.
func sinceEpoch(text string) (time.Time, bool) {
	if text == "" || len(text) > maxNumber || text[0] < '0' || text[0] > '9' || strings.Trim(text, "0123456789.eE+-") != "" {
		return time.Time{}, false
	}
	// The size bounds the exponent, before anything is made that is as long as it says.
	size, err := strconv.ParseFloat(text, 64)
	if err != nil || size < 1e8 || size >= 1e19 {
		return time.Time{}, false
	}
	unit := int64(1)
	switch {
	case size < 1e11:
		unit = 1e9
	case size < 1e14:
		unit = 1e6
	case size < 1e17:
		unit = 1e3
	}
	exact, ok := new(big.Rat).SetString(text)
	if !ok {
		return time.Time{}, false
	}
	exact.Mul(exact, new(big.Rat).SetInt64(unit))
	ns := new(big.Int).Quo(exact.Num(), exact.Denom())
	if !ns.IsInt64() {
		return time.Time{}, false
	}
	return time.Unix(0, ns.Int64()).UTC(), true
}
