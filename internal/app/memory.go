// SPDX-License-Identifier: Apache-2.0

package app

import (
	"math"
	"os"
	"runtime/debug"

	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/internal/memory"
)

// MemoryLimit is the soft limit of this process's heap, in bytes: what the machine or the cgroup has, without the embedded engine's share. The variable
// GOMEMLIMIT sets another one.
func MemoryLimit(cfg config.Config, role config.Role) int64 {
	return memory.Server(memory.Total(os.DirFS("/")), cfg.UsesClickHouse(role) && cfg.ClickHouse.URL == "", cfg.Engine.MemoryBytes)
}

// inFlightBytes is what requests may hold together: as configured, or a part of the heap.
func (a *App) inFlightBytes() int64 {
	if n := a.cfg.Intake.InFlightBytes; n > 0 {
		return n
	}
	limit := debug.SetMemoryLimit(-1) // Reads it.
	if limit == math.MaxInt64 {
		limit = MemoryLimit(a.cfg, a.opts.Role)
	}
	return memory.InFlight(limit, a.cfg.Intake.MaxBodyBytes)
}
