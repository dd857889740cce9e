// SPDX-License-Identifier: Apache-2.0

// Package native builds blocks of ClickHouse's Native format. The columns hold the wire form while rows are appended, because going
// through Go maps and generic columns costs more than the rest of an insert together.
//
// The package knows nothing of tables, logs or traces and imports nothing of Strata. Nothing in it is safe for concurrent use.
package native
