// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/client"
)

// serviceOf names the service of a resource. One without a name gets what SDKs give it: unknown_service and, where it is known, the
// name of the executable (https://opentelemetry.io/docs/specs/semconv/resource/#service).
func serviceOf(attrs pcommon.Map) string {
	if name := text(attrs, "service.name"); strings.TrimSpace(name) != "" {
		return name
	}
	program := strings.TrimSpace(text(attrs, "process.executable.name"))
	if program == "" {
		path := text(attrs, "process.executable.path")
		program = strings.TrimSpace(path[strings.LastIndexAny(path, `/\`)+1:])
	}
	if program == "" {
		return storage.UnknownService
	}
	return storage.UnknownService + ":" + program
}

// serviceName is the name of a row's service. Rows of other writers, and those stored before services without a name got one, have none.
const serviceName = "if(ServiceName = '', '" + storage.UnknownService + "', toString(ServiceName))"

// shownService is serviceName for a value that was read.
func shownService(service string) string {
	if service == "" {
		return storage.UnknownService
	}
	return service
}

// serviceIs is the condition that a row belongs to the service. It leaves the column alone, which is the first of the sort key.
func serviceIs(st *client.Statement, name string) string {
	if name == storage.UnknownService {
		return "ServiceName IN " + st.Strs([]string{"", name})
	}
	return "ServiceName = " + st.Str(name)
}

// withUnnamed adds the empty name to patterns that match what is shown in its place.
func withUnnamed(values []storage.Pattern) []storage.Pattern {
	for _, p := range values {
		if len(p) == 1 && p[0] == storage.UnknownService || len(p) > 1 && matches(p, storage.UnknownService) {
			return append(slices.Clone(values), storage.Pattern{""})
		}
	}
	return values
}
