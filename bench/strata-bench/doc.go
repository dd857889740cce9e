// SPDX-License-Identifier: Apache-2.0

// Command strata-bench measures a built server from outside: work per CPU-second, latency, bytes on disk, memory and start-up time,
// beside peers that receive the same requests. docs/performance.md explains every figure. It is never a pass/fail test.
package main
