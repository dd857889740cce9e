// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package tail

import "os"

// nextData is at itself: holes are read as zeros.
func nextData(_ *os.File, at int64) int64 { return at }
