// SPDX-License-Identifier: Apache-2.0

//go:build unix

package atomicfile

import (
	"errors"
	"os"
)

// SyncDir makes the names of a folder's files durable (fsync(2)).
func SyncDir(path string) error {
	d, err := os.Open(path) //nolint:gosec // The folder of a file that the caller names.
	if err != nil {
		return err // Named by the caller.
	}
	return errors.Join(d.Sync(), d.Close())
}
