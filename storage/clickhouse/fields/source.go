// SPDX-License-Identifier: Apache-2.0

package fields

import "github.com/strata-apm/strata/storage/clickhouse/client"

// Source is the rows that a question looks at: the rows of a table that fulfil a condition. It serves one question.
type Source struct {
	Client *client.Client
	// Table is its name without the database.
	Table string
	// Where is the condition, whose values are bound to Statement.
	Where string
	// Statement is what further values are bound to.
	Statement *client.Statement
}
