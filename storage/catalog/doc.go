// SPDX-License-Identifier: Apache-2.0

// Package catalog stores what people and the server decide, as opposed to what was measured: API keys, sessions, rule groups, notifiers
// and the queue of notifications; and what processes agree on: leases, and who runs.
//
// It is a SQLite file, which is right for one process, or a PostgreSQL that many share. SQLite runs in WAL mode with synchronous=FULL:
// a change is on disk when its method returns; there is one connection that writes and a few that read. The SQL is the same for both
// (dialect.go has the few words that differ): TEXT and BIGINT columns, $1 placeholders, ON CONFLICT, RETURNING; times are microseconds
// since 1970, NULL for none. The schema is a list of migrations that only go forward.
//
// Leases are compared by the database's clock only, so hosts whose clocks differ agree.
package catalog
