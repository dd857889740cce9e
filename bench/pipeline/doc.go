// SPDX-License-Identifier: Apache-2.0

// Package pipeline has the intake, the bus, the writers and the stores in one process, as benchmarks to be profiled:
//
//	go test ./bench/pipeline -run - -bench Metrics -benchtime 700x -cpuprofile metrics.prof
//
// The sender is in the same process; its share is that of package replay and is left out of the metrics the benchmarks report only where
// they say so.
package pipeline
