// SPDX-License-Identifier: Apache-2.0

package rollups

import (
	"context"

	"github.com/strata-apm/strata/storage/clickhouse/client"
	"github.com/strata-apm/strata/tenant"
)

// RollupBytes implements storage.RollupReader. The bytes are a share of both tables: that of the state in their rows, as if all rows were of one
// size, and in a cluster as if those of other nodes were of the size of this one's. Rows of one key that have not been merged yet are
// counted apart.
func (s *Store) RollupBytes(ctx context.Context, owner tenant.ID, state string) (bytes, rows uint64, err error) {
	for _, t := range []string{table, hidden} {
		n, err := s.count(ctx, owner, state, t)
		if err != nil {
			return 0, 0, err
		}
		if t == table {
			rows = n
		}
		if n == 0 {
			continue
		}
		each, err := s.bytesPerRow(ctx, t)
		if err != nil {
			return 0, 0, err
		}
		bytes += uint64(float64(n) * each)
	}
	return bytes, rows, nil
}

// count is how many rows of a state a table has.
func (s *Store) count(ctx context.Context, owner tenant.ID, state, name string) (n uint64, err error) {
	st := client.For(owner)
	query := "SELECT count() FROM {db}." + name + " WHERE " + ofState(st, state)
	err = s.client.Each(ctx, "count the rows of a rollup", query, st, func(scan func(...any) error) error { return scan(&n) })
	return n, err
}

// bytesPerRow is what a row of a table takes on this node's disk, on average.
func (s *Store) bytesPerRow(ctx context.Context, name string) (each float64, err error) {
	query := "SELECT toFloat64(sum(bytes_on_disk)) / greatest(sum(rows), 1) FROM system.parts WHERE active AND database = '" + s.client.Database() +
		"' AND table IN ('" + name + "', '" + name + client.LocalSuffix + "')"
	err = s.client.Each(ctx, "ask what the rows of rollups take on disk", query, nil, func(scan func(...any) error) error { return scan(&each) })
	return each, err
}

// DropRollup implements storage.RollupReader. The rows are deleted by a mask: that is there at once and costs a column of a bit per row, where a
// mutation that writes the other rows of every part anew takes as long as merging the whole table. It runs on every node by itself, because a
// Distributed table deletes nothing, and works on replicated tables and plain ones alike. Rows of a batch that is being stored meanwhile
// may stay until they expire; nobody reads them any more, as names are not used again.
func (s *Store) DropRollup(ctx context.Context, owner tenant.ID, state string) error {
	for _, t := range []string{table, hidden} {
		st := client.For(owner)
		if err := s.client.Delete(ctx, t, st.OfTenant()+" AND State = "+st.Str(state), st); err != nil {
			return err // It names the table.
		}
	}
	return nil
}
