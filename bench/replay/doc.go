// SPDX-License-Identifier: Apache-2.0

// Package replay makes OTLP request bodies for benchmarks and sends them cheaply.
//
// Bodies are encoded once. Before each send only their timestamps, values and ids are changed, in place in the encoded bytes: all of them
// have a fixed width in OTLP's protobuf form. The package must not be used by the server.
package replay
