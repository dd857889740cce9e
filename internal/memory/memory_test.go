// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

func TestTotal(t *testing.T) {
	const mem = "MemTotal:       24576000 kB\nMemFree: 1 kB\n"
	for _, tc := range []struct {
		name  string
		files map[string]string
		want  uint64
	}{
		{"nothing is known", nil, unknown},
		{"machine", map[string]string{"proc/meminfo": mem}, 24576000 << 10},
		{"version 2, of its own", map[string]string{"proc/meminfo": mem, "proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "1073741824\n"}, 1 << 30},
		{"version 2, of the slice above", map[string]string{
			"proc/meminfo": mem, "proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "max\n", "sys/fs/cgroup/a/memory.max": "536870912\n",
		}, 512 << 20},
		{"container: the mount is its own cgroup", map[string]string{"proc/meminfo": mem, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "268435456"}, 256 << 20},
		{"container with the host's path", map[string]string{"proc/meminfo": mem, "proc/self/cgroup": "4:memory:/docker/x\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "268435456"}, 256 << 20},
		{"version 1 without a limit", map[string]string{"proc/meminfo": mem, "proc/self/cgroup": "4:cpu,memory:/x\n", "sys/fs/cgroup/memory/x/memory.limit_in_bytes": "9223372036854771712"}, 24576000 << 10},
		{"version 1 beside 2", map[string]string{
			"proc/meminfo": mem, "proc/self/cgroup": "4:memory:/x\n0::/\n", "sys/fs/cgroup/memory/x/memory.limit_in_bytes": "805306368",
		}, 768 << 20},
		{"nonsense", map[string]string{"proc/meminfo": "MemTotal: many kB", "proc/self/cgroup": "x\n:\n0::/\n", "sys/fs/cgroup/memory.max": "-1"}, unknown},
	} {
		t.Run(tc.name, func(t *testing.T) {
			root := fstest.MapFS{}
			for name, text := range tc.files {
				root[name] = &fstest.MapFile{Data: []byte(text)}
			}
			require.Equal(t, tc.want, Total(root))
		})
	}
}

func TestShares(t *testing.T) {
	require.Equal(t, uint64(924<<20), Engine(2<<30))
	require.Equal(t, int64(693<<20), Heap(2<<30, 924<<20))
	require.Equal(t, uint64(minEngine), Engine(100<<20), "an engine with less does not work")
	require.Equal(t, int64(minHeap), Heap(100<<20, 256<<20))
	require.Equal(t, int64(3<<30), Heap(4<<30, 0), "a ClickHouse server elsewhere takes nothing here")
}
