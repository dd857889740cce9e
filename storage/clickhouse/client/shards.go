// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"net/url"
	"strconv"
	"strings"
)

// errNoCluster is a mistake in the configuration, which no waiting mends.
var errNoCluster = errors.New("the server knows no cluster")

// shard is one shard of the cluster, as its configuration has it.
type shard struct {
	number uint64
	weight float64
}

// FindShards asks the node for the shards of the configured cluster, over which Insert spreads batches. Without a cluster it does
// nothing. It comes before the first Insert. Its errors are those of Send; where the node knows no such cluster, Await gives up.
func (c *Client) FindShards(ctx context.Context) error {
	if c.cfg.Cluster == "" {
		return nil
	}
	shards, err := c.readShards(ctx, c.cfg.Cluster)
	if err != nil {
		return err
	}
	c.shards = shards
	return nil
}

func (c *Client) readShards(ctx context.Context, cluster string) ([]shard, error) {
	out, err := c.Send(ctx, url.Values{"param_cluster": {cluster}}, []byte(
		"SELECT shard_num, any(shard_weight) FROM system.clusters WHERE cluster = {cluster:String} GROUP BY shard_num ORDER BY shard_num FORMAT TabSeparated"))
	if err != nil {
		return nil, fmt.Errorf("read the shards of the cluster %s: %w", cluster, err)
	}
	var shards []shard
	for line := range strings.Lines(string(out)) {
		number, weight, _ := strings.Cut(strings.TrimSpace(line), "\t")
		n, err := strconv.ParseUint(number, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("read the shards of the cluster %s: %q is no number", cluster, number)
		}
		w, err := strconv.ParseFloat(weight, 64)
		if err != nil {
			return nil, fmt.Errorf("read the shards of the cluster %s: %q is no weight", cluster, weight)
		}
		if w > 0 { // Weight 0 is how an operator keeps new rows off a shard.
			shards = append(shards, shard{number: n, weight: w})
		}
	}
	if len(shards) == 0 {
		return nil, fmt.Errorf("%w %q with a shard to write to; name one of its remote_servers in clickhouse.cluster", errNoCluster, cluster)
	}
	return shards, nil
}

// shardOf chooses the shard of a batch by weighted rendezvous hashing: the same one at every attempt, an even share for each, and a
// shard that is added takes its share from the others without moving anything between them.
func shardOf(id string, shards []shard) uint64 {
	var best uint64
	top := math.Inf(-1)
	for _, s := range shards {
		h := fnv.New64a()
		_, _ = h.Write([]byte(id + "\x00" + strconv.FormatUint(s.number, 10)))
		// The upper 53 bits of the mixed hash as a number between 0 and 1, both excluded.
		u := (float64(mix(h.Sum64())>>11) + 0.5) / (1 << 53)
		if score := s.weight / -math.Log(u); score > top {
			best, top = s.number, score
		}
	}
	return best
}

// mix spreads a hash over all its bits, as splitmix64 does: FNV leaves those of similar texts close together.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
