// SPDX-License-Identifier: Apache-2.0

// Package seedtest chooses the seeds of tests that do random things: a number of them, more in the long form, or the one that failed.
package seedtest

import (
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// Seeds returns the seeds 0 to short-1, to long-1 where STRATA_TEST_LONG is set, and the one that STRATA_TEST_SEED names where it is set.
func Seeds(t *testing.T, short, long uint64) []uint64 {
	t.Helper()
	if v := os.Getenv("STRATA_TEST_SEED"); v != "" {
		n, err := strconv.ParseUint(v, 10, 64)
		require.NoError(t, err, "STRATA_TEST_SEED")
		return []uint64{n}
	}
	if os.Getenv("STRATA_TEST_LONG") != "" {
		short = long
	}
	seeds := make([]uint64, short)
	for i := range seeds {
		seeds[i] = uint64(i)
	}
	return seeds
}
