// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package atomicfile

// syncDir does nothing: Windows has no call that syncs a folder, and its file systems journal names.
func syncDir(string) error { return nil }
