// SPDX-License-Identifier: Apache-2.0

package embedded

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/ingest/bus/bustest"
)

func TestConformance(t *testing.T) {
	dir := t.TempDir()
	const limit = 32 << 20
	bustest.Run(t, bustest.Target{
		Open: func(t *testing.T, topics ...string) (bustest.Bus, func()) {
			t.Helper()
			b, err := Open(dir, Options{Topics: topics, LimitBytes: limit})
			require.NoError(t, err)
			return b, func() { require.NoError(t, b.Close()) }
		},
		TooLarge: limit + 1, Large: 3 << 20, Gap: 20 * time.Millisecond,
	})
}
