// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestServer: with an engine in the process the server has what its share leaves, whoever says how much that is; without one it has its part of all.
func TestServer(t *testing.T) {
	const total = 8 << 30
	require.Equal(t, Heap(total, 0), Server(total, false, 0))
	require.Equal(t, Heap(total, 0), Server(total, false, 4<<30), "an engine elsewhere takes nothing here")
	require.Equal(t, Heap(total, Engine(total)), Server(total, true, 0))
	require.Equal(t, Heap(total, 1<<30), Server(total, true, 1<<30))
	require.Greater(t, Server(total, true, 1<<30), Server(total, true, 4<<30))
	require.Equal(t, int64(minHeap), Server(1<<30, true, 4<<30), "an engine that was given more than there is")
	for _, total := range []uint64{512 << 20, 1 << 30, 4 << 30, 64 << 30} {
		sum := uint64(Server(total, true, 0)) + Engine(total) + EngineBase
		require.LessOrEqual(t, sum, max(total, minHeap+minEngine+EngineBase), "both together fit into %d", total)
	}
}

func TestInFlight(t *testing.T) {
	for name, c := range map[string]struct{ heap, body, want int64 }{
		"a quarter":                   {400 << 20, 16 << 20, 100 << 20},
		"no more than is of use":      {64 << 30, 16 << 20, maxInFlight},
		"at least the largest body":   {40 << 20, 16 << 20, 16 << 20},
		"a body larger than the most": {64 << 30, 1 << 30, 1 << 30},
	} {
		require.Equal(t, c.want, InFlight(c.heap, c.body), name)
	}
}
