// SPDX-License-Identifier: Apache-2.0

package hoststate

import "golang.org/x/sys/unix"

const (
	// From linux/timex.h: the clock is not synchronized; offset is in nanoseconds and not microseconds.
	staUnsync = 0x0040
	staNano   = 0x2000
)

// clock is what the kernel's clock discipline knows. Times in seconds.
type clock struct {
	offset, estimatedError, maxError float64
	synchronized                     bool
}

// readClock asks the kernel and changes nothing; false where it may not.
func readClock() (clock, bool) {
	var tx unix.Timex
	if _, err := unix.Adjtimex(&tx); err != nil {
		return clock{}, false
	}
	unit := 1e-6
	if tx.Status&staNano != 0 {
		unit = 1e-9
	}
	return clock{
		offset: float64(tx.Offset) * unit, estimatedError: float64(tx.Esterror) * 1e-6, maxError: float64(tx.Maxerror) * 1e-6,
		synchronized: tx.Status&staUnsync == 0,
	}, true
}
