// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/strata-apm/strata/internal/memory"
)

const (
	// allocatorVariable configures the library's allocator, jemalloc, when the library is loaded (jemalloc(3), TUNING).
	allocatorVariable = "JE_MALLOC_CONF"
	// littleMemory is the limit below which freed memory goes back to the system at once. The allocator keeps it for seconds
	// otherwise, once for each processor, which was measured to double what the process holds. At once costs inserts a third of
	// their speed, so an engine with more memory keeps what it freed until its process is larger than it should be.
	littleMemory = 1 << 30
	// purgeEvery is how often the size of the process is looked at.
	purgeEvery = 100 * time.Millisecond
)

// DefaultMemory is the engine's share of the memory of the cgroup, or of the machine when there is no smaller cgroup.
func DefaultMemory() uint64 { return memory.Engine(memory.Total(os.DirFS("/"))) }

// tuneAllocator is called before the library is loaded. Settings of the operator stay.
func tuneAllocator(limit uint64) error {
	if _, set := os.LookupEnv(allocatorVariable); set || limit >= littleMemory {
		return nil
	}
	if err := os.Setenv(allocatorVariable, "dirty_decay_ms:0"); err != nil {
		return fmt.Errorf("configure the engine's allocator: %w", err)
	}
	return nil
}

// purge returns freed memory to the system whenever the process is larger than its limit, until ctx is done: freed memory is not
// in the engine's account, but it is in the cgroup's.
func (s *server) purge(ctx context.Context) {
	if _, ok := resident(); !ok {
		return // Not Linux.
	}
	tick := time.NewTicker(purgeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if size, ok := resident(); !ok || size <= s.opts.MaxMemoryBytes+memory.EngineBase {
			continue
		}
		s.killMu.Lock()
		_, _, err := s.killer.Exec("SYSTEM JEMALLOC PURGE", "Null")
		s.killMu.Unlock()
		if err != nil {
			s.log.Warn("return freed memory to the system", "error", err)
			return
		}
	}
}

// resident is the memory of this process without the files it maps, in bytes (proc(5), statm).
func resident() (uint64, bool) {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, false
	}
	fields := bytes.Fields(b)
	if len(fields) < 3 {
		return 0, false
	}
	all, err1 := strconv.ParseUint(string(fields[1]), 10, 64)
	files, err2 := strconv.ParseUint(string(fields[2]), 10, 64)
	if err1 != nil || err2 != nil {
		return 0, false
	}
	return (all - min(all, files)) * uint64(os.Getpagesize()), true //nolint:gosec // The size of a page is positive.
}
