// SPDX-License-Identifier: Apache-2.0

package app

import (
	"math"
	"os"
	"runtime/debug"

	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/internal/memory"
)

// maxInFlight is the most that requests hold together unless the configuration says otherwise.
const maxInFlight = 256 << 20

// MemoryLimit is the soft limit of this process's heap, in bytes: what the machine or the cgroup has, without the embedded engine's share. The variable
// GOMEMLIMIT sets another one.
func MemoryLimit(cfg config.Config, role config.Role) int64 {
	total, engine := memory.Total(os.DirFS("/")), uint64(0)
	if cfg.UsesClickHouse(role) && cfg.ClickHouse.URL == "" {
		if engine = cfg.Engine.MemoryBytes; engine == 0 {
			engine = memory.Engine(total)
		}
	}
	return memory.Heap(total, engine)
}

// inFlightBytes is what requests may hold together: as configured, or a part of the heap, because a body takes several times its size while it is checked.
func (a *App) inFlightBytes() int64 {
	if n := a.cfg.Intake.InFlightBytes; n > 0 {
		return n
	}
	limit := debug.SetMemoryLimit(-1) // Reads it.
	if limit == math.MaxInt64 {
		limit = MemoryLimit(a.cfg, a.opts.Role)
	}
	return max(a.cfg.Intake.MaxBodyBytes, min(maxInFlight, limit/4))
}
