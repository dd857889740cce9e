// SPDX-License-Identifier: Apache-2.0

//go:build unix

package tail

import (
	"os"
	"syscall"
)

func open(path string) (*os.File, error) { return os.Open(path) } //nolint:gosec // The operator names the files.

func identify(info os.FileInfo, _ string) (fileID, error) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fileID{}, os.ErrInvalid
	}
	return fileID{Dev: uint64(st.Dev), Ino: st.Ino}, nil //nolint:unconvert // Its type differs by system.
}
