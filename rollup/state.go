// SPDX-License-Identifier: Apache-2.0

package rollup

import "strconv"

// StateOf names the states of one version of a rollup.
func StateOf(id string, version int) string { return id + "." + strconv.Itoa(version) }
