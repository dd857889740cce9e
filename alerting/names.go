// SPDX-License-Identifier: Apache-2.0

package alerting

import "strings"

// Prefixes of the names of leases.
const (
	copyPrefix     = "alerting/" // one for each copy that lives, held by itself
	rulesPrefix    = "rules/"
	notifierPrefix = "notifier/"
)

// ruleLease names the lease of a rule group. A group from the API is known by its id, so that it keeps its lease when it is renamed.
func ruleLease(file, group string) string {
	if strings.HasPrefix(file, apiPrefix) {
		return rulesPrefix + file
	}
	return rulesPrefix + file + "/" + group
}
