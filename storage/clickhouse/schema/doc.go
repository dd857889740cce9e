// SPDX-License-Identifier: Apache-2.0

// Package schema brings a ClickHouse database to the tables of this build: migrations, retention, and what both become in a cluster.
//
// The tables keep the column names of the OpenTelemetry ClickHouse exporter; docs/formats/clickhouse.md describes them. Every statement
// can be run again, and a statement that has nothing to do is not sent.
package schema
