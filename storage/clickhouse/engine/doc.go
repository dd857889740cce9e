// SPDX-License-Identifier: Apache-2.0

// Package engine is the embedded ClickHouse: a child process that serves ClickHouse's HTTP interface on a unix socket.
//
// The pieces: chdb calls the shared library, serve is the child process, supervise is the parent's side of it (start, restart, dial),
// fetch downloads the library. This package itself only knows which version is pinned and where the library may lie.
//
// Everything above talks HTTP to the socket exactly as to a ClickHouse server; a fault in the library ends the child, never the
// server, and acknowledged data stays in the bus until it is fsynced here.
package engine
