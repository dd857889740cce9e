// SPDX-License-Identifier: Apache-2.0

// Package rollups stores and reads the states of rollups in the tables of a ClickHouse.
//
// Invariants:
//   - A batch is one block of rows under the batch's id and one of what was folded under an id made of it, so a replay adds nothing twice.
//   - Rows add up when parts are merged as they do when they are read, so an answer does not depend on what has been merged.
//   - A row that has expired is not read, whether or not its part has been dropped.
package rollups

import (
	"sync"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/client"
)

const (
	// table holds the states.
	table = "strata_rollups"
	// hidden holds what was folded.
	hidden = "strata_rollups_hidden"
)

// Store is the states of rollups in one ClickHouse. Safe for concurrent use.
type Store struct {
	client *client.Client
	rows   sync.Pool // of *rowBlock, each without rows
	folded sync.Pool // of *hiddenBlock, each without rows
}

var (
	_ storage.RollupAppender = (*Store)(nil)
	_ storage.RollupReader   = (*Store)(nil)
)

// New returns the rollups of a ClickHouse whose tables are up to date. The client stays the caller's, who closes it.
func New(c *client.Client) *Store { return &Store{client: c} }
