// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/strata-apm/strata/storage"
)

// statement collects the text of a query and its bound values. Nothing a user typed gets into the text.
type statement struct {
	args []any
}

// bind returns the placeholder of a value.
func (st *statement) bind(typ string, value any) string {
	name := "p" + strconv.Itoa(len(st.args))
	st.args = append(st.args, clickhouse.Named(name, value))
	return "{" + name + ":" + typ + "}"
}

func (st *statement) str(s string) string    { return st.bind("String", s) }
func (st *statement) strs(s []string) string { return st.bind("Array(String)", s) }
func (st *statement) int(n int64) string     { return st.bind("Int64", n) }
func (st *statement) float(f float64) string { return st.bind("Float64", f) }
func (st *statement) nano(t time.Time) string {
	return "fromUnixTimestamp64Nano(" + st.int(t.UnixNano()) + ")"
}
func (st *statement) second(t time.Time) string { return "toDateTime(" + st.int(t.Unix()) + ")" }

// guarded returns a context that carries the limits of a read, and how to end it.
func (s *Store) guarded(ctx context.Context) (context.Context, context.CancelFunc) {
	q := s.cfg.Query
	settings := clickhouse.Settings{
		"readonly":                                     2, // 1 would forbid the settings of the statement itself
		"max_execution_time":                           q.Timeout.Seconds(),
		"timeout_overflow_mode":                        "throw",
		"max_memory_usage":                             q.MaxMemoryBytes,
		"max_rows_to_read":                             q.MaxRowsRead,
		"max_result_rows":                              q.MaxResultRows,
		"result_overflow_mode":                         "throw",
		"max_bytes_before_external_group_by":           q.MaxMemoryBytes / 2,
		"max_bytes_before_external_sort":               q.MaxMemoryBytes / 2,
		"cancel_http_readonly_queries_on_client_close": 1,
		"optimize_read_in_order":                       1,
	}
	if q.MaxThreads > 0 {
		settings["max_threads"] = q.MaxThreads
	}
	// The engine's own limit answers first and in words; the context is for an engine that does not answer at all.
	ctx, cancel := context.WithTimeout(ctx, q.Timeout+2*time.Second)
	return clickhouse.Context(ctx, clickhouse.WithSettings(settings)), cancel
}

// errPageFull is returned by the row function of each when it wants no more rows.
var errPageFull = errors.New("the page is full")

// each runs a query and calls row for every row of its result, until row returns errPageFull.
func (s *Store) each(ctx context.Context, what, query string, args []any, row func(scan func(dest ...any) error) error) error {
	guarded, cancel := s.guarded(ctx)
	defer cancel()
	rows, err := s.conn.Query(guarded, strings.ReplaceAll(query, "{db}", s.target.database), args...)
	if err != nil {
		return fmt.Errorf("%s: %w", what, s.readError(ctx, guarded, err))
	}
	err = drain(rows, row, cancel)
	if errors.Is(err, errPageFull) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, s.readError(ctx, guarded, err))
	}
	return nil
}

// drain ends the query with cancel when row wants no more rows.
func drain(rows driver.Rows, row func(scan func(dest ...any) error) error, cancel context.CancelFunc) (err error) {
	defer func() {
		if errors.Is(err, errPageFull) {
			cancel() // Close reads to the end of the result otherwise.
		}
		if e := rows.Close(); err == nil {
			err = e
		}
	}()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// readError tells a caller that left from a guard that ran out.
func (s *Store) readError(ctx, guarded context.Context, err error) error {
	if ctx.Err() == nil && guarded.Err() != nil {
		return fmt.Errorf("%w: ClickHouse did not answer within %s", storage.ErrLimit, s.cfg.Query.Timeout)
	}
	return readError(ctx, err)
}
