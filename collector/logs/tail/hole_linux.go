// SPDX-License-Identifier: Apache-2.0

package tail

import (
	"os"

	"golang.org/x/sys/unix"
)

// nextData is the first place from at on that is in no hole of the file.
func nextData(f *os.File, at int64) int64 {
	if next, err := unix.Seek(int(f.Fd()), at, unix.SEEK_DATA); err == nil && next > at {
		return next
	}
	return at
}
