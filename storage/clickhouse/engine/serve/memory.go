// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"os"

	"github.com/strata-apm/strata/internal/memory"
)

// DefaultMemory is the engine's share of the memory of the cgroup, or of the machine when there is no smaller cgroup.
func DefaultMemory() uint64 { return memory.Engine(memory.Total(os.DirFS("/"))) }
