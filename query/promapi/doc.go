// SPDX-License-Identifier: Apache-2.0

// Package promapi serves the Prometheus HTTP API by embedding Prometheus's own implementation, with Strata's guards before it: a bound
// on queries at once, on the length and nesting of an expression. Remote write and OTLP are not served here; they go over the bus.
package promapi
