// SPDX-License-Identifier: Apache-2.0

package resource

import (
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/client"
)

// ServiceName is the SQL expression of the name of a row's service. Rows of other writers have none, and neither have rows that were stored
// before services without a name got one.
const ServiceName = "if(ServiceName = '', '" + storage.UnknownService + "', toString(ServiceName))"

// ShownService is ServiceName for a value of the column ServiceName that was read.
func ShownService(service string) string {
	if service == "" {
		return storage.UnknownService
	}
	return service
}

// ServiceIs is the condition that a row belongs to the service that is shown as name. It leaves the column alone, which is the first of the
// sort key.
func ServiceIs(st *client.Statement, name string) string {
	if name == storage.UnknownService {
		return "ServiceName IN " + st.Strs([]string{"", name})
	}
	return "ServiceName = " + st.Str(name)
}
