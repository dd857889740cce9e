// SPDX-License-Identifier: Apache-2.0

// Package memory tells how much memory this process may use, and divides it between the server and its engine.
package memory

import (
	"bufio"
	"io"
	"io/fs"
	"math"
	"path"
	"strconv"
	"strings"
)

const (
	// EngineBase is what the embedded engine holds beside what it accounts for: its code, threads and caches (measured idle).
	EngineBase = 200 << 20
	// engineShare is the embedded engine's part of what there is, for all its queries, inserts and merges together.
	engineShare = 0.5
	// minEngine is the least that a merge of wide parts works with.
	minEngine = 256 << 20
	// heapShare is the Go heap's part of what the engine leaves; the rest is for stacks, mapped blocks and page cache.
	heapShare = 0.75
	// minHeap is the least that a server starts with.
	minHeap = 96 << 20
	// unknown is what is taken where neither the machine nor a cgroup tells.
	unknown = 4 << 30
)

// Total returns the bytes of memory of the machine, or of the smallest cgroup around this process. root is the file system, os.DirFS("/").
func Total(root fs.FS) uint64 {
	total := min(machine(root), cgroups(root))
	if total == math.MaxUint64 {
		return unknown
	}
	return total
}

// Engine is the default share of the embedded engine.
func Engine(total uint64) uint64 {
	return max(minEngine, uint64(float64(without(total, EngineBase))*engineShare))
}

// Heap is the soft limit of the Go heap where the engine may account for engine bytes; 0 without one.
func Heap(total, engine uint64) int64 {
	left := total
	if engine > 0 {
		left = without(total, engine+EngineBase)
	}
	return int64(max(minHeap, uint64(float64(left)*heapShare))) //nolint:gosec // No machine has as much.
}

func without(total, part uint64) uint64 { return total - min(total, part) }

func machine(root fs.FS) uint64 {
	f, err := root.Open("proc/meminfo")
	if err != nil {
		return math.MaxUint64
	}
	defer func() { _ = f.Close() }()
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

// hierarchy is where the limits of one version of cgroups are.
type hierarchy struct{ mount, file, path string }

// cgroups returns the smallest limit of the process's cgroup and those above it, in cgroup v1 and v2: a systemd slice or a pod may be tighter than the
// service or the container in it.
func cgroups(root fs.FS) uint64 {
	f, err := root.Open("proc/self/cgroup")
	if err != nil {
		return math.MaxUint64
	}
	defer func() { _ = f.Close() }()
	least := uint64(math.MaxUint64)
	for _, h := range hierarchies(f) {
		// In a container the path may be that of the host, which is not mounted: then the mount is the container's own cgroup.
		for dir := path.Join(h.mount, h.path); ; dir = path.Dir(dir) {
			if n, ok := limit(root, path.Join(dir, h.file)); ok {
				least = min(least, n)
			}
			if dir == h.mount || !strings.HasPrefix(dir, h.mount) {
				break
			}
		}
	}
	return least
}

// hierarchies reads /proc/self/cgroup (cgroups(7)): lines of id:controllers:path, with no controllers for version 2.
func hierarchies(r io.Reader) []hierarchy {
	var out []hierarchy
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		_, rest, _ := strings.Cut(lines.Text(), ":")
		controllers, p, ok := strings.Cut(rest, ":")
		switch {
		case !ok:
		case controllers == "":
			out = append(out, hierarchy{"sys/fs/cgroup", "memory.max", p}, hierarchy{"sys/fs/cgroup/unified", "memory.max", p})
		case strings.Contains(","+controllers+",", ",memory,"):
			out = append(out, hierarchy{"sys/fs/cgroup/memory", "memory.limit_in_bytes", p})
		}
	}
	return out
}

// limit reads one limit; "max" is none.
func limit(root fs.FS, name string) (uint64, bool) {
	b, err := fs.ReadFile(root, name)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
	return n, err == nil && n > 0
}
