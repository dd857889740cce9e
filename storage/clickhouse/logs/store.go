// SPDX-License-Identifier: Apache-2.0

// Package logs stores and reads log records in the table otel_logs of a ClickHouse.
//
// Invariants:
//   - A batch is one block under the batch's id, and the row ids in it depend on that id alone, so a replay stores nothing twice.
//   - A page ends at page.MaxBytes of text, or where the memory of a query ends, and its cursor goes on behind its last record.
package logs

import (
	"sync"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/client"
	"github.com/strata-apm/strata/storage/clickhouse/fields"
)

// Store is the log records of one ClickHouse. Safe for concurrent use.
type Store struct {
	fields.Reader // AttributeKeys and FieldValues

	client *client.Client
	blocks sync.Pool // of *block, each without rows
}

var (
	_ storage.LogAppender = (*Store)(nil)
	_ storage.LogSearcher = (*Store)(nil)
)

// New returns the log records of a ClickHouse whose tables are up to date. The client stays the caller's, who closes it.
func New(c *client.Client) *Store {
	return &Store{client: c, Reader: fields.Reader{Client: c, Table: table, Attributes: attributes, Condition: condition, Compiler: newCompiler}}
}
