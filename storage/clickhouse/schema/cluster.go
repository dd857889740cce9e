// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/strata-apm/strata/storage/clickhouse/client"
)

// localSuffix is client.LocalSuffix.
const localSuffix = client.LocalSuffix

// localSuffixOf is localSuffix, or nothing without a cluster.
func (m *Migrator) localSuffixOf() string {
	if m.cluster == "" {
		return ""
	}
	return localSuffix
}

// onCluster runs a statement on every node.
func (m *Migrator) onCluster() string {
	if m.cluster == "" || m.plain {
		return ""
	}
	return " ON CLUSTER " + m.cluster
}

// engine is a table engine of the MergeTree family. The macros {shard} and {replica} are each node's own.
func (m *Migrator) engine(name string) string {
	if m.cluster == "" || m.plain {
		return name
	}
	return "Replicated" + name + "('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')"
}

// everywhere is the engine of a small table that every node holds whole: one path for all shards.
func (m *Migrator) everywhere() string {
	if m.cluster == "" || m.plain {
		return "MergeTree"
	}
	return "ReplicatedMergeTree('/clickhouse/tables/all/{database}/{table}', '{shard}-{replica}')"
}

// distributed is the table that everybody reads and writes: all shards of the local one. Its sharding key says nothing of where a row
// is, because a batch goes to one shard whole; a server that skips shards by their key would otherwise skip the wrong ones.
func (m *Migrator) distributed(table string) string {
	return "CREATE TABLE IF NOT EXISTS " + m.database + "." + table + m.onCluster() + " AS " + m.database + "." + table + localSuffix +
		" ENGINE = Distributed('" + m.cluster + "', '" + m.database + "', '" + table + localSuffix + "', rand())"
}

// expand turns a statement of a migration into what this installation runs; nothing where it is for a cluster and there is none.
func (m *Migrator) expand(statement string) string {
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
func (m *Migrator) exists(ctx context.Context) (bool, error) {
	out, err := m.client.Send(ctx, url.Values{},
		[]byte("SELECT count() FROM system.tables WHERE database = '"+m.database+"' AND name = 'strata_migrations' FORMAT TabSeparated"))
	if err != nil {
		return false, fmt.Errorf("look for the table of migrations: %w", err)
	}
	return strings.TrimSpace(string(out)) != "0", nil
}
