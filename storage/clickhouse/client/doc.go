// SPDX-License-Identifier: Apache-2.0

// Package client talks to one ClickHouse: a server reached by URL, or the embedded engine reached through its dialer. Both speak
// ClickHouse's HTTP interface, and the code is the same for both.
//
// Invariants:
//   - An insert is one INSERT of one Native block with the batch's id as deduplication token, and returns after the part is fsynced and
//     visible.
//   - Values reach SQL as bound parameters, never as text.
//   - Every read carries guards: time, memory, rows read, rows returned; it is read-only and stops when its context ends.
//   - The methods for reads and inserts return the error kinds of package storage.
//
// The package knows no table.
package client
