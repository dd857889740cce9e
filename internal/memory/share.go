// SPDX-License-Identifier: Apache-2.0

package memory

// maxInFlight is the most that requests hold together unless the configuration says otherwise.
const maxInFlight = 256 << 20

// Server is the soft limit of the server's heap, in bytes, where total bytes are there for it and its engine. embedded says that the engine is this process's child, engine how
// much it was given; 0 is its default share.
func Server(total uint64, embedded bool, engine uint64) int64 {
	switch {
	case !embedded:
		engine = 0
	case engine == 0:
		engine = Engine(total)
	}
	return Heap(total, engine)
}

// InFlight is what requests may hold together, in bytes: a part of the heap, because a body takes several times its size while it is checked, and at least the largest body.
func InFlight(heap, body int64) int64 { return max(body, min(maxInFlight, heap/4)) }
