// SPDX-License-Identifier: Apache-2.0

// Package resource has what the tables of logs and traces keep of a resource in columns of its own, above all its service: how it is
// taken from the attributes when it is stored, and how it is asked for and shown.
package resource

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/strata-apm/strata/search/fields"
)

// Resource is what every record of one resource shares. A part that the resource does not say is empty, but for the service.
type Resource struct {
	// Service is the name of the service, storage.UnknownService or a name that begins so where the resource has none.
	Service string
	// Environment is the deployment environment.
	Environment string
	// Host is the name of the host.
	Host string
	// Language is the language of the telemetry SDK.
	Language string
}

// Read reads the attributes of a resource.
func Read(attrs pcommon.Map) Resource {
	var r Resource
	r.Service = fields.Service(attrs)
	r.Environment = fields.Environment(attrs)
	r.Host = fields.Host(attrs)
	r.Language = fields.Text(attrs, "telemetry.sdk.language")
	return r
}
