// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"context"
	"fmt"
	"net/url"
	"strings"
)

// rebuildMark begins a statement of a migration that gives a table another sort key:
//
//	{rebuild} NAME CREATE TABLE {db}.NAME_rebuilt{local}…
const rebuildMark = "{rebuild} "

// rebuiltSuffix is behind the name of the table while it is copied, before localSuffix.
const rebuiltSuffix = "_rebuilt"

// rebuild is a table that is made anew with the rows of the one before it.
type rebuild struct {
	// table is its name without localSuffix, create the statement that makes it under the name with rebuiltSuffix.
	table, create string
}

// parseRebuild reads a statement of plan; ok is false for an ordinary one.
func parseRebuild(statement string) (r rebuild, ok bool) {
	rest, ok := strings.CutPrefix(statement, rebuildMark)
	if !ok {
		return rebuild{}, false
	}
	r.table, r.create, ok = strings.Cut(rest, " ")
	return r, ok
}

// local is the table that holds the rows, on each node of a cluster.
func (m *Migrator) local(table string) string { return m.database + "." + table + m.localSuffixOf() }

// before returns the statements that make the new table, empty, whatever an attempt that was cut short has left.
func (m *Migrator) before(r rebuild) []string {
	out := append(m.leftovers(r), r.create)
	if m.cluster != "" {
		out = append(out, m.distributed(r.table+rebuiltSuffix))
	}
	return out
}

// exchange puts the new table in the place of the old one, on every node.
func (m *Migrator) exchange(r rebuild) string {
	return "EXCHANGE TABLES " + m.local(r.table) + " AND " + m.local(r.table+rebuiltSuffix) + m.onCluster()
}

// after returns the statements that leave only the new table, also when some of them have run before.
func (m *Migrator) after(r rebuild) []string {
	out := m.leftovers(r)
	if m.cluster != "" {
		out = append(out, "DROP TABLE IF EXISTS "+m.database+"."+r.table+m.onCluster()+" SYNC", m.distributed(r.table))
	}
	return out
}

// leftovers returns the statements that drop the table under its passing name.
func (m *Migrator) leftovers(r rebuild) []string {
	name := r.table + rebuiltSuffix
	out := []string{"DROP TABLE IF EXISTS " + m.local(name) + m.onCluster() + " SYNC"}
	if m.cluster != "" {
		out = append(out, "DROP TABLE IF EXISTS "+m.database+"."+name+m.onCluster()+" SYNC")
	}
	return out
}

// rebuild gives a table the sort key of r.create. Cut short at any point it begins again; the old table is dropped only when the new one has
// as many rows.
func (m *Migrator) rebuild(ctx context.Context, r rebuild) error {
	done, err := m.rebuilt(ctx, r)
	if err != nil {
		return err
	}
	if !done {
		for _, statement := range m.before(r) {
			if err := m.client.Exec(ctx, statement); err != nil {
				return fmt.Errorf("make %s anew: %w", r.table, err)
			}
		}
		if err := m.copyRows(ctx, r.table); err != nil {
			return err
		}
		if err := m.client.Exec(ctx, m.exchange(r)); err != nil {
			return fmt.Errorf("put %s in its place: %w", r.table, err)
		}
	}
	for _, statement := range m.after(r) {
		if err := m.client.Exec(ctx, statement); err != nil {
			return fmt.Errorf("drop the former %s: %w", r.table, err)
		}
	}
	return nil
}

// rebuilt says whether the table under its lasting name has the sort key of r.create already.
func (m *Migrator) rebuilt(ctx context.Context, r rebuild) (bool, error) {
	keys, err := m.column(ctx, "SELECT sorting_key FROM system.tables WHERE database = {db:String} AND name = {table:String}", r.table+m.localSuffixOf())
	if err != nil {
		return false, err
	}
	if len(keys) != 1 {
		return false, fmt.Errorf("rebuild %s: there is no such table", r.table)
	}
	_, want, _ := strings.Cut(r.create, "ORDER BY (")
	want, _, ok := strings.Cut(want, ")\nSETTINGS")
	return ok && keys[0] == want, nil
}

// copyRows copies the rows of a table into the one that will follow it, a day at a time, without loss and without deduplication: blocks that
// are equal are there twice for a reason.
func (m *Migrator) copyRows(ctx context.Context, table string) error {
	days, err := m.column(ctx, "SELECT DISTINCT _partition_id FROM "+m.database+"."+table+" ORDER BY _partition_id", table)
	if err != nil {
		return err
	}
	columns, err := m.column(ctx, "SELECT '`' || name || '`' FROM system.columns WHERE database = {db:String} AND table = {table:String} ORDER BY position", table+m.localSuffixOf())
	if err != nil {
		return err
	}
	list, into := strings.Join(columns, ", "), m.database+"."+table+rebuiltSuffix
	for i, day := range days {
		m.client.Log().Info("a table is made anew", "table", table, "partition", day, "done", i, "of", len(days))
		params := url.Values{
			"param_day": {day}, "insert_deduplicate": {"0"}, "async_insert": {"0"}, "max_threads": {"2"}, "max_insert_threads": {"1"},
			"max_block_size": {"16384"}, "min_insert_block_size_rows": {"131072"}, "min_insert_block_size_bytes": {"67108864"},
			"distributed_foreground_insert": {"1"}, "max_execution_time": {"0"}, "log_queries": {"0"},
		}
		statement := "INSERT INTO " + into + " (" + list + ") SELECT " + list + " FROM " + m.database + "." + table + " WHERE _partition_id = {day:String}"
		if _, err := m.client.Send(ctx, params, []byte(statement)); err != nil {
			return fmt.Errorf("copy the partition %s of %s: %w", day, table, err)
		}
	}
	return m.sameRows(ctx, table)
}

// sameRows fails unless the copy is complete. The table of sums is merged while it is copied, so that it may have fewer rows: of it the sums
// are compared.
func (m *Migrator) sameRows(ctx context.Context, table string) error {
	count := "count()"
	if table == "strata_spans_1m" {
		count = "sum(Spans)"
	}
	both := "SELECT toString((SELECT " + count + " FROM " + m.database + "." + table + ")) AS n UNION ALL SELECT toString((SELECT " + count + " FROM " + m.database + "." + table + rebuiltSuffix + "))"
	counts, err := m.column(ctx, both, table)
	if err != nil {
		return err
	}
	if len(counts) != 2 || counts[0] != counts[1] {
		return fmt.Errorf("copy %s: the former table and the copy have %v rows: something has written meanwhile; stop it and start again", table, counts)
	}
	return nil
}

// column runs a query about a table, whose parameters are {db} and {table}, and returns its one column of text.
func (m *Migrator) column(ctx context.Context, query, table string) ([]string, error) {
	out, err := m.client.Send(ctx, url.Values{"param_db": {m.database}, "param_table": {table}, "max_execution_time": {"0"}}, []byte(query+" FORMAT TabSeparatedRaw"))
	if err != nil {
		return nil, fmt.Errorf("ask about %s: %w", table, err)
	}
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == '\n' }), nil
}
