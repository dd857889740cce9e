// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	// The driver registers itself as "sqlite".
	_ "modernc.org/sqlite"

	"github.com/strata-apm/strata/backoff"
	"github.com/strata-apm/strata/storage"
)

// readers is how many reads may go on beside the one writer.
const readers = 4

// Catalog is the store. Safe for concurrent use, also by several processes on one file or one PostgreSQL.
type Catalog struct {
	dialect dialect
	write   *sql.DB
	read    *sql.DB // with PostgreSQL the same as write
}

var (
	_ storage.KeyReader         = (*Catalog)(nil)
	_ storage.KeyWriter         = (*Catalog)(nil)
	_ storage.SessionStore      = (*Catalog)(nil)
	_ storage.SigninStore       = (*Catalog)(nil)
	_ storage.RuleStore         = (*Catalog)(nil)
	_ storage.RuleVersions      = (*Catalog)(nil)
	_ storage.NotifierStore     = (*Catalog)(nil)
	_ storage.NotificationQueue = (*Catalog)(nil)
	_ storage.NotificationLog   = (*Catalog)(nil)
	_ storage.LeaseStore        = (*Catalog)(nil)
	_ storage.InstanceStore     = (*Catalog)(nil)
	_ storage.AgentStore        = (*Catalog)(nil)
	_ storage.AgentConfigStore  = (*Catalog)(nil)
	_ storage.RolloutStore      = (*Catalog)(nil)
	_ storage.RollupStore       = (*Catalog)(nil)
	_ storage.RollupsVersion    = (*Catalog)(nil)
)

// Open opens a SQLite file, creates it when it does not exist, and migrates it.
func Open(ctx context.Context, path string) (*Catalog, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, fmt.Errorf("create directory of catalog: %w", err)
	}
	// The file holds the secrets of webhooks. SQLite gives its side files the mode of the main one.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // The operator names the file.
	if err != nil {
		return nil, fmt.Errorf("open catalog: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("open catalog: %w", err)
	}
	c := &Catalog{dialect: sqliteDialect()}
	if c.write, err = sql.Open("sqlite", dataSource(path, false)); err != nil {
		return nil, fmt.Errorf("open catalog %s: %w", path, err)
	}
	if c.read, err = sql.Open("sqlite", dataSource(path, true)); err != nil {
		return nil, errors.Join(fmt.Errorf("open catalog %s: %w", path, err), c.write.Close())
	}
	c.write.SetMaxOpenConns(1)
	c.read.SetMaxOpenConns(readers)
	if err := c.migrate(ctx, migrations()); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func dataSource(path string, readOnly bool) string {
	q := url.Values{"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)"}}
	if readOnly {
		q.Add("_pragma", "query_only(1)")
	} else {
		// A transaction that will write takes the lock at its start; one that upgrades later can fail without waiting.
		q.Set("_txlock", "immediate")
	}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String()
}

// Close waits for running calls and closes the file or the connections.
func (c *Catalog) Close() error {
	err := c.write.Close()
	if c.read != c.write {
		err = errors.Join(c.read.Close(), err)
	}
	if err != nil {
		return fmt.Errorf("close catalog: %w", err)
	}
	return nil
}

// Ping says whether the catalog answers.
func (c *Catalog) Ping(ctx context.Context) error {
	var one int
	return wrap("ping catalog", c.read.QueryRowContext(ctx, `SELECT 1`).Scan(&one))
}

// attempts is how often a transaction is run that the database undid because of another one.
const attempts = 6

// inTx runs fn in a transaction, and again when the database undid it to end a deadlock: after a pause, or it would take the locks once more that
// the other one is about to get. Variables that fn has set are set again.
func inTx(ctx context.Context, db *sql.DB, fn func(*sql.Tx) error) error {
	pauses := backoff.New(20*time.Millisecond, time.Second)
	for n := 1; ; n++ {
		err := once(ctx, db, fn)
		if err == nil || n == attempts || !rolledBack(err) || backoff.Sleep(ctx, pauses.Next()) != nil {
			return err
		}
	}
}

func once(ctx context.Context, db *sql.DB, fn func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := fn(tx); err != nil {
		if back := tx.Rollback(); back != nil && !errors.Is(back, sql.ErrTxDone) && !disconnected(back) {
			err = errors.Join(err, back)
		}
		return err
	}
	return tx.Commit()
}

// exec runs one statement that must touch a row; otherwise the thing does not exist.
func (c *Catalog) exec(ctx context.Context, action, query string, args ...any) error {
	res, err := c.write.ExecContext(ctx, query, args...)
	if err != nil {
		return wrap(action, err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return wrap(action, err)
	}
	if n == 0 {
		return fmt.Errorf("%s: %w", action, storage.ErrNotFound)
	}
	return nil
}

// collect runs a query and scans each row.
func collect[T any](ctx context.Context, db *sql.DB, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

func micros(t time.Time) int64 { return t.UnixMicro() }

// nullMicros stores the zero time as NULL.
func nullMicros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

func fromMicros(v sql.NullInt64) time.Time {
	if !v.Valid {
		return time.Time{}
	}
	return time.UnixMicro(v.Int64).UTC()
}
