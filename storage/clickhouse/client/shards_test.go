// SPDX-License-Identifier: Apache-2.0

package client

import (
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage/clickhouse/engine/enginetest"
)

func TestShardOfABatch(t *testing.T) {
	three := []shard{{1, 1}, {2, 1}, {3, 2}}
	four := append(slices.Clone(three), shard{4, 1})
	const n = 20_000
	count, moved := map[uint64]int{}, 0
	for i := range n {
		id := "strata.traces-" + strconv.Itoa(i%12) + "-" + strconv.Itoa(1000*i) + "-" + strconv.Itoa(1000*i+999)
		a := shardOf(id, three)
		require.Equal(t, a, shardOf(id, []shard{{3, 2}, {1, 1}, {2, 1}}), "the order of shards does not matter")
		count[a]++
		if b := shardOf(id, four); b != a {
			moved++
			require.Equal(t, uint64(4), b, "a new shard takes from the others and nothing moves between those")
		}
	}
	require.InDelta(t, n/4, count[1], n/50)
	require.InDelta(t, n/4, count[2], n/50)
	require.InDelta(t, n/2, count[3], n/50)
	require.InDelta(t, n/5, moved, n/50)
}

// The configuration of the server says which shards there are.
func TestShardsOfTheServer(t *testing.T) {
	sup := enginetest.StartCluster(t)
	for _, cluster := range []string{"shop", "pair"} {
		cfg := Default()
		cfg.URL, cfg.Cluster = "http://engine", cluster
		c := open(t, cfg, sup)
		require.NoError(t, c.FindShards(t.Context()))
		require.Equal(t, []shard{{1, 1}}, c.shards, "a shard of weight 0 takes nothing new")
	}
}
