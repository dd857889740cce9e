// SPDX-License-Identifier: Apache-2.0

// Package clickhouse stores and reads traces and logs in ClickHouse: a server reached by URL, or the embedded engine reached through
// its dialer. Both speak ClickHouse's HTTP interface, and the code is the same for both.
//
// Invariants:
//   - One append is one INSERT of one Native block with the batch's id as deduplication token, so a replay stores nothing twice,
//     neither in the table nor in what its materialised views feed.
//   - An append returns after the part is fsynced and visible.
//   - Whatever a user typed reaches SQL as a bound parameter, never as text.
//   - Every read carries guards: time, memory, rows read, rows returned; it is read-only and stops when its context ends.
//
// The tables keep the column names of the OpenTelemetry ClickHouse exporter; docs/formats/clickhouse.md describes them. This package
// never imports query, ingest or alerting.
package clickhouse
