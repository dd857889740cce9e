// SPDX-License-Identifier: Apache-2.0

package app

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/internal/ledger"
)

func TestTotalsBalance(t *testing.T) {
	counts := map[ledger.Signal]ledger.Counts{
		ledger.Traces: {Received: 10, Accepted: 8, Refused: map[string]int64{"x": 2}, Stored: 5},
		ledger.Logs:   {Received: 3, Accepted: 3, Stored: 2, Rejected: map[string]int64{"y": 1}},
	}
	idle := []bus.TopicStats{{Topic: bus.TopicTraces, Next: 7, Committed: 7}}
	busy := []bus.TopicStats{{Topic: bus.TopicTraces, Next: 7, Committed: 6}}
	by := func(before, after []bus.TopicStats) map[ledger.Signal]ledgerTotal {
		out := map[ledger.Signal]ledgerTotal{}
		for _, tot := range totals(counts, before, after) {
			out[tot.Signal] = tot
		}
		return out
	}
	require.False(t, by(idle, idle)[ledger.Traces].Balanced, "three spans vanished")
	require.Equal(t, int64(3), by(idle, idle)[ledger.Traces].InFlight)
	require.True(t, by(busy, idle)[ledger.Traces].Balanced, "they were on the bus")
	require.True(t, by(idle, idle)[ledger.Logs].Balanced)
	require.True(t, by(idle, idle)[ledger.Metrics].Balanced)
}
