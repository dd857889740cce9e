// SPDX-License-Identifier: Apache-2.0

package rules

import "strings"

const (
	// LeasePrefix begins the names of leases of rule groups.
	LeasePrefix = "rules/"
	// APIPrefix begins the identifier of a group from the API, where others have a file name. It is what /prometheus/api/v1/rules shows as
	// the group's file.
	APIPrefix = "api/"
	// BuiltInPrefix begins the identifier of a rule file that comes with the program.
	BuiltInPrefix = "builtin:"
)

// LeaseName names the lease of a rule group. A group from the API is known by its id, so that it keeps its lease when it is renamed.
func LeaseName(file, group string) string {
	if strings.HasPrefix(file, APIPrefix) {
		return LeasePrefix + file
	}
	return LeasePrefix + file + "/" + group
}
