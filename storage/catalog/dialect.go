// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"strings"
	"time"
)

// dialect is where the two databases differ.
type dialect struct {
	name string
	// now is the database's clock in microseconds since 1970. Leases are compared by it alone.
	now string
	// grain is the clock's resolution, by which a lease could end too early.
	grain time.Duration
	// lockSchema is run first in a transaction that migrates; empty where the transaction itself excludes others.
	lockSchema string
	// text is the type of a column that compares by its bytes.
	text string
	// position is the function that finds a text in another.
	position string
	// params is how many parameters one statement may have.
	params int
	// together says that one statement for many rows is cheaper than one for each: where each is a way to a server and back.
	together bool
}

// schemaLock is the key of the advisory lock: "strata" in hexadecimal.
const schemaLock = "126937437238369"

func sqliteDialect() dialect {
	return dialect{name: "sqlite", now: `CAST(unixepoch('subsec') * 1000000 AS INTEGER)`, grain: time.Millisecond, text: "TEXT", position: "instr", params: 30_000}
}

func postgresDialect() dialect {
	return dialect{
		name: "postgres", now: `CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)`, grain: time.Microsecond,
		lockSchema: `SELECT pg_advisory_xact_lock(` + schemaLock + `)`,
		// The order of names must not depend on the database's locale, nor an index on the C library's version.
		text: `TEXT COLLATE "C"`, position: "strpos", params: 60_000, together: true,
	}
}

// ddl adapts a statement of the schema.
func (d dialect) ddl(statement string) string {
	return strings.ReplaceAll(statement, " TEXT", " "+d.text)
}

// sql puts the database's clock in place of {now}.
func (d dialect) sql(query string) string { return strings.ReplaceAll(query, "{now}", d.now) }
