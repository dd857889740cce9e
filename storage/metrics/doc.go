// SPDX-License-Identifier: Apache-2.0

// Package metrics keeps series in Prometheus's tsdb. Blocks stay standard Prometheus blocks.
//
// The same sample twice is stored once, so the bus may be replayed from any point not yet fsynced: Sync says how far that is.
// It knows neither OTLP nor PromQL.
package metrics
