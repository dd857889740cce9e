// SPDX-License-Identifier: Apache-2.0

// Package clickhouse stores and reads traces and logs in ClickHouse: a server reached by URL, or the embedded engine reached through
// its dialer. It opens the connection, brings the schema up to date and hands out what the packages below it do with both.
//
// Invariants:
//   - One append is one INSERT of one Native block with the batch's id as deduplication token, so a replay stores nothing twice,
//     neither in the table nor in what its materialised views feed.
//   - An append returns after the part is fsynced and visible.
//   - Whatever a user typed reaches SQL as a bound parameter, never as text.
//   - Every read carries guards: time, memory, rows read, rows returned; it is read-only and stops when its context ends.
//
// Imports go down: logs and traces, each a kind of data; then fields and filter, with words, nested, resource, timerange and page; then
// client and schema; then native. The tables keep the column names of the OpenTelemetry ClickHouse exporter; docs/formats/clickhouse.md
// describes them. None of the packages imports query, ingest or alerting.
package clickhouse
