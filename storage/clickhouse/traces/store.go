// SPDX-License-Identifier: Apache-2.0

// Package traces stores and reads spans in the tables of a ClickHouse: whole traces, searches among them, and the services that they are
// made by.
//
// Invariants:
//   - A batch is one block under the batch's id, so a replay stores nothing twice, neither in the table of spans nor in what its views
//     feed.
//   - A page of spans ends at page.MaxBytes of text, and its cursor goes on behind its last span.
//   - Times are corrected where hosts' clocks disagree, in what is returned and never in what is stored.
package traces

import (
	"sync"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/client"
	"github.com/strata-apm/strata/storage/clickhouse/fields"
)

// Store is the spans of one ClickHouse. Safe for concurrent use.
type Store struct {
	fields.Reader // AttributeKeys and FieldValues

	client *client.Client
	blocks sync.Pool // of *block, each without rows
}

var (
	_ storage.TraceAppender = (*Store)(nil)
	_ storage.TraceReader   = (*Store)(nil)
	_ storage.TraceSearcher = (*Store)(nil)
)

// New returns the spans of a ClickHouse whose tables are up to date. The client stays the caller's, who closes it.
func New(c *client.Client) *Store {
	return &Store{client: c, Reader: fields.Reader{Client: c, Table: table, Attributes: attributes, Condition: condition, Compiler: newCompiler}}
}
