// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/strata-apm/strata/storage"
)

// guarded returns a context that carries the limits of a read, and how to end it.
func (c *Client) guarded(ctx context.Context) (context.Context, context.CancelFunc) {
	q := c.cfg.Query
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

// ErrPageFull is what the row function of Each returns when it wants no more rows.
var ErrPageFull = errors.New("the page is full")

// Each runs a query and calls row for every row of its result, until row returns ErrPageFull or another error. In the query {db} stands
// for the database; st is the Statement that made it, nil for one that reads no tenant's table; what says in errors what was done. The rows
// come in the order of the result, and those before an error have been handed to row. The error wraps storage.ErrUnavailable,
// storage.ErrLimit (with ErrMemory where memory is the limit), storage.ErrBadQuery, or the context's error.
func (c *Client) Each(ctx context.Context, what, query string, st *Statement, row func(scan func(dest ...any) error) error) error {
	args, err := st.argsFor(query)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	guarded, cancel := c.guarded(ctx)
	defer cancel()
	rows, err := c.conn.Query(guarded, strings.ReplaceAll(query, "{db}", c.target.database), args...)
	if err != nil {
		return fmt.Errorf("%s: %w", what, c.readError(ctx, guarded, err))
	}
	err = drain(rows, row, cancel)
	if errors.Is(err, ErrPageFull) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, c.readError(ctx, guarded, err))
	}
	return nil
}

// drain ends the query with cancel when row wants no more rows.
func drain(rows driver.Rows, row func(scan func(dest ...any) error) error, cancel context.CancelFunc) (err error) {
	defer func() {
		if errors.Is(err, ErrPageFull) {
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
func (c *Client) readError(ctx, guarded context.Context, err error) error {
	if ctx.Err() == nil && guarded.Err() != nil {
		return fmt.Errorf("%w: ClickHouse did not answer within %s", storage.ErrLimit, c.cfg.Query.Timeout)
	}
	return readError(ctx, err)
}

// Column runs a query with one column of text and returns its rows, never nil. Its arguments and errors are those of Each.
func (c *Client) Column(ctx context.Context, what, query string, st *Statement) ([]string, error) {
	out := []string{}
	err := c.Each(ctx, what, query, st, func(scan func(...any) error) error {
		var v string
		if err := scan(&v); err != nil {
			return err
		}
		out = append(out, v)
		return nil
	})
	return out, err
}
