// SPDX-License-Identifier: Apache-2.0

// Package catalog stores what people and the server decide, as opposed to what was measured: API keys, sessions, rule groups, notifiers
// and the queue of notifications.
//
// It is a SQLite file in WAL mode with synchronous=FULL: a change is on disk when its method returns. There is one connection that
// writes and a few that read. The SQL keeps to what PostgreSQL understands as well: TEXT and BIGINT columns, $1 placeholders,
// ON CONFLICT; times are microseconds since 1970, NULL for none. The schema is a list of migrations that only go forward.
package catalog
