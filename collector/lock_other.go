// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package collector

import (
	"fmt"
	"os"
)

// lockDir creates dir. The stores below it are locked by themselves.
func lockDir(dir string) (func(), error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("create state directory: %w", err)
	}
	return func() {}, nil
}
