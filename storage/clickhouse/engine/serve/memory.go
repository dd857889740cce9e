// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"bufio"
	"math"
	"os"
	"strconv"
	"strings"
)

const (
	// memoryShare is the engine's share of what there is; the rest is for the server itself, its page cache and its neighbours.
	memoryShare = 0.5
	// minMemory is the least that a merge of wide parts works with.
	minMemory = 256 << 20
)

// DefaultMemory is the engine's share of the memory of the cgroup, or of the machine when there is no smaller cgroup.
func DefaultMemory() uint64 {
	total := min(machineMemory(), cgroupMemory())
	if total == math.MaxUint64 {
		return 2 << 30
	}
	return max(minMemory, uint64(float64(total)*memoryShare))
}

func machineMemory() uint64 {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return math.MaxUint64
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) >= 2 && fields[0] == "MemTotal:" {
			if kb, err := strconv.ParseUint(fields[1], 10, 64); err == nil {
				return kb << 10
			}
		}
	}
	return math.MaxUint64
}

// cgroupMemory reads the limit of cgroup v2, then v1, as a container sees them at the root of its own hierarchy.
func cgroupMemory() uint64 {
	for _, path := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		b, err := os.ReadFile(path) //nolint:gosec // constant paths
		if err != nil {
			continue
		}
		if n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64); err == nil && n > 0 {
			return n
		}
	}
	return math.MaxUint64
}
