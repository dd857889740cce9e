// SPDX-License-Identifier: Apache-2.0

// Package replay makes request bodies of OTLP and of Prometheus remote write for benchmarks and sends them cheaply.
//
// Bodies are encoded once. Before each send only their timestamps, values and ids are changed, in place in the encoded bytes: all of them
// have a fixed width in OTLP's protobuf form, and so have the values of remote write; its timestamps have one in this century. Bodies of
// remote write are compressed after that. The package must not be used by the server.
package replay
