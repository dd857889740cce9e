// SPDX-License-Identifier: Apache-2.0

// Package serve is the engine's child process: ClickHouse's HTTP interface, or the part of it that clients use, over a unix socket.
//
// Each request gets a session of its own, which costs a fifth of a millisecond, so no setting, database or temporary table of one
// request can reach another. A statement carries its id in the setting log_comment; when the client leaves, the id is killed through
// a separate session. The process holds a lock on its data directory and ends when its parent does. It must not be reachable by
// anybody but the parent: the engine reads any file the process can read.
package serve
