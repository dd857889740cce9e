// SPDX-License-Identifier: Apache-2.0

package enginetest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage/clickhouse/engine/supervise"
)

// localCluster is a cluster whose shards are all the engine itself, which then needs no connection to reach them.
const localCluster = `<clickhouse><tcp_port>9000</tcp_port><remote_servers>
<shop><shard><replica><host>127.0.0.1</host><port>9000</port></replica></shard></shop>
<pair><shard><replica><host>127.0.0.1</host><port>9000</port></replica></shard>
<shard><weight>0</weight><replica><host>127.0.0.1</host><port>9000</port></replica></shard></pair>
</remote_servers></clickhouse>`

// StartCluster runs an engine that is configured as a server of two clusters, shop and pair, until the test ends, and returns when it
// answers. There is no Keeper, so tables cannot be replicated.
func StartCluster(tb testing.TB) *supervise.Supervisor {
	tb.Helper()
	home := tb.TempDir()
	require.NoError(tb, os.Mkdir(filepath.Join(home, ".clickhouse-local"), 0o700))
	require.NoError(tb, os.WriteFile(filepath.Join(home, ".clickhouse-local", "config.xml"), []byte(localCluster), 0o600))
	opts := Options(tb, tb.TempDir())
	opts.Env = append(opts.Env, "HOME="+home)
	return start(tb, opts)
}
