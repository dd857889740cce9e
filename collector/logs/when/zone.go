// SPDX-License-Identifier: Apache-2.0

package when

import (
	"fmt"
	"time"
)

// Zone returns the time zone of a name as the IANA has it; an empty name and Local are the zone of this host.
func Zone(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return time.Local, nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("timezone: %w", err)
	}
	return zone, nil
}
