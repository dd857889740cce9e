// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package atomicfile

// SyncDir does nothing: Windows has no call that syncs a folder, and its file systems journal names.
func SyncDir(string) error { return nil }
