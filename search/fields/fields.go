// SPDX-License-Identifier: Apache-2.0

// Package fields reads from records in OTLP's form what the builtin fields of a search are, and what attributes are found by a path. A store
// keeps what it says; a matcher asks it for each record.
package fields

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/strata-apm/strata/ansi"
	"github.com/strata-apm/strata/severity"
)

// UnknownService names the service of records whose sender gave none, as SDKs do. Where the process is known the name goes on with a
// colon and its executable: unknown_service:java.
const UnknownService = "unknown_service"

// Service names the service of a resource. A resource without a name gets the name that SDKs give it: unknown_service and, where it is
// known, the name of the executable (https://opentelemetry.io/docs/specs/semconv/resource/#service).
func Service(resource pcommon.Map) string {
	if name := Text(resource, "service.name"); strings.TrimSpace(name) != "" {
		return name
	}
	program := strings.TrimSpace(Text(resource, "process.executable.name"))
	if program == "" {
		path := Text(resource, "process.executable.path")
		program = strings.TrimSpace(path[strings.LastIndexAny(path, `/\`)+1:])
	}
	if program == "" {
		return UnknownService
	}
	return UnknownService + ":" + program
}

// Environment is the deployment environment of a resource, empty where it does not say.
func Environment(resource pcommon.Map) string {
	return Text(resource, "deployment.environment.name", "deployment.environment")
}

// Host is the name of a resource's host, empty where it does not say.
func Host(resource pcommon.Map) string { return Text(resource, "host.name") }

// Text returns the first of keys that is there, as text; of a key that is there twice, the last.
func Text(attrs pcommon.Map, keys ...string) string {
	for _, key := range keys {
		if v, ok := Last(attrs, key); ok {
			return v.AsString()
		}
	}
	return ""
}

// Last returns the value of a key, the last one where the key is there twice.
func Last(attrs pcommon.Map, key string) (pcommon.Value, bool) {
	var out pcommon.Value
	found := false
	for k, v := range attrs.All() {
		if k == key {
			out, found = v, true
		}
	}
	return out, found
}

// Severity is the severity number of a log record, of its severity's text where it has none; 0 for none.
func Severity(rec plog.LogRecord) uint8 {
	return SeverityOf(int32(rec.SeverityNumber()), rec.SeverityText())
}

// SeverityOf is Severity of a record with this number and text.
func SeverityOf(number int32, text string) uint8 {
	if number == severity.Unspecified {
		number = severity.Number(ansi.Strip(text)) // So that level filters work for such senders too.
	}
	return uint8(number) //nolint:gosec // 0 to 24
}
