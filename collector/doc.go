// SPDX-License-Identifier: Apache-2.0

// Package collector is the agent: it reads the host's metrics, follows log files, optionally receives OTLP from local programs,
// and ships all of it to a Strata server.
//
// The work is done by the OpenTelemetry Collector's libraries, run in-process from a configuration that is generated in memory
// out of one small file of our own (see package config). Our own parts are that file, the identity of the host, the cap on per-process
// metrics, and the rules that make shipping lossless.
//
// Invariants:
//   - A record is written to the queue on disk, with fsync, before its source is told or its checkpoint moves. Nothing waits for
//     a batch in memory, so a kill loses nothing; it may repeat the records that were on the way at that moment.
//   - A full queue blocks its sources. It never drops.
//   - Only an answer that says "this data can never be accepted" drops data, and it is logged with its count.
//
// The package imports nothing of the server.
package collector
