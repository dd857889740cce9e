// SPDX-License-Identifier: Apache-2.0

//go:build unix

package queue

import (
	"os"
	"syscall"
)

// inode identifies a file beside its name. It is 0 where the file system tells none.
func inode(info os.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Ino
	}
	return 0
}
