// SPDX-License-Identifier: Apache-2.0

package clickhouse

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

// localSuffix ends the names of the tables that hold a shard's rows where there is a cluster; the name without it is a Distributed table.
const localSuffix = "_local"

// localSuffixOf is localSuffix, or nothing without a cluster.
func (m *migrator) localSuffixOf() string {
	if m.cluster == "" {
		return ""
	}
	return localSuffix
}

// onCluster runs a statement on every node.
func (m *migrator) onCluster() string {
	if m.cluster == "" || m.plain {
		return ""
	}
	return " ON CLUSTER " + m.cluster
}

// engine is a table engine of the MergeTree family. The macros {shard} and {replica} are each node's own.
func (m *migrator) engine(name string) string {
	if m.cluster == "" || m.plain {
		return name
	}
	return "Replicated" + name + "('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')"
}

// everywhere is the engine of a small table that every node holds whole: one path for all shards.
func (m *migrator) everywhere() string {
	if m.cluster == "" || m.plain {
		return "MergeTree"
	}
	return "ReplicatedMergeTree('/clickhouse/tables/all/{database}/{table}', '{shard}-{replica}')"
}

// distributed is the table that everybody reads and writes: all shards of the local one. Its sharding key says nothing of where a row
// is, because a batch goes to one shard whole; a server that skips shards by their key would otherwise skip the wrong ones.
func (m *migrator) distributed(table string) string {
	return "CREATE TABLE IF NOT EXISTS " + m.database + "." + table + m.onCluster() + " AS " + m.database + "." + table + localSuffix +
		" ENGINE = Distributed('" + m.cluster + "', '" + m.database + "', '" + table + localSuffix + "', rand())"
}

// expand turns a statement of a migration into what this installation runs; nothing where it is for a cluster and there is none.
func (m *migrator) expand(statement string) string {
	if rest, ok := strings.CutPrefix(statement, "{in_cluster} "); ok {
		if m.cluster == "" {
			return ""
		}
		return m.fill(rest)
	}
	table, ok := strings.CutPrefix(statement, "{distributed} ")
	switch {
	case !ok:
		return m.fill(statement)
	case m.cluster == "":
		return ""
	default:
		return m.distributed(table)
	}
}

// exists says whether the table of migrations is there. A statement ON CLUSTER waits for every node, so one that has nothing to do is
// not sent: a process must start while a replica is away.
func (m *migrator) exists(ctx context.Context) (bool, error) {
	out, err := m.sender.send(ctx, url.Values{},
		[]byte("SELECT count() FROM system.tables WHERE database = '"+m.database+"' AND name = 'strata_migrations' FORMAT TabSeparated"))
	if err != nil {
		return false, fmt.Errorf("look for the table of migrations: %w", err)
	}
	return strings.TrimSpace(string(out)) != "0", nil
}

// errNoCluster is a mistake in the configuration, which no waiting mends.
var errNoCluster = errors.New("the server knows no cluster")

// shard is one shard of the cluster, as its configuration has it.
type shard struct {
	number uint64
	weight float64
}

// readShards asks the node for the shards of the cluster.
func readShards(ctx context.Context, s *sender, cluster string) ([]shard, error) {
	out, err := s.send(ctx, url.Values{"param_cluster": {cluster}}, []byte(
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
