// SPDX-License-Identifier: Apache-2.0

// Package rollup holds what a rollup is: its definition, which values of a dimension stay and which fold into other, the state that is kept of a combination of
// values, and what is computed of states. It stores nothing and knows no wire format: ingest/rollup feeds it, storage/clickhouse/rollups keeps its rows,
// query/rollups answers from them (docs/design/0029-rollups.md).
package rollup
