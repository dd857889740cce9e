// SPDX-License-Identifier: Apache-2.0

package fleet

import _ "embed" // For the rules.

// rules is embedded; Rules hands it out.
//
//go:embed rules.yaml
var rules string // The compiler can only set a variable.

// Rules returns the alert rules about agents that come with the program, as a Prometheus rule file.
func Rules() string { return rules }
