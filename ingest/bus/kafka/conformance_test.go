// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"testing"
	"time"

	"github.com/strata-apm/strata/ingest/bus/bustest"
)

func TestConformance(t *testing.T) {
	for _, compression := range []string{"zstd", "none"} {
		t.Run(compression, func(t *testing.T) {
			t.Parallel()
			bustest.Run(t, bustest.Target{
				Open: func(t *testing.T, topics ...string) (bustest.Bus, func()) {
					t.Helper()
					cfg := testConfig(cluster.Brokers...)
					cfg.Compression = compression
					if compression == "none" {
						cfg.TopicPrefix = "prefixed."
					}
					return openRunning(t, cfg, Options{Topics: topics})
				},
				TooLarge: 2 << 20, Large: 1<<20 - 1<<14, Gap: 100 * time.Millisecond,
			})
		})
	}
}
