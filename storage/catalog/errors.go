// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/strata-apm/strata/storage"
)

// wrap names the action and turns the database's errors into those of package storage.
func wrap(action string, err error) error {
	if err == nil {
		return nil
	}
	if kind := kindOf(err); kind != nil && !errors.Is(err, kind) {
		return fmt.Errorf("%s: %w: %w", action, kind, err)
	}
	return fmt.Errorf("%s: %w", action, err)
}

// kindOf returns the error of package storage that err stands for, nil when there is none.
func kindOf(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return storage.ErrNotFound
	}
	if se, ok := errors.AsType[*sqlite.Error](err); ok {
		switch se.Code() & 0xff {
		case sqlite3.SQLITE_CONSTRAINT:
			return storage.ErrConflict
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR:
			return storage.ErrUnavailable
		}
		return nil
	}
	if pe, ok := errors.AsType[*pgconn.PgError](err); ok {
		return kindOfState(pe.Code)
	}
	if disconnected(err) {
		return storage.ErrUnavailable
	}
	return nil
}

// kindOfState sorts SQLSTATEs (PostgreSQL, appendix A).
func kindOfState(code string) error {
	switch code {
	case "23505", "23503": // unique_violation, foreign_key_violation
		return storage.ErrConflict
	case "22021", "22P05": // character_not_in_repertoire, untranslatable_character: a NUL byte, which TEXT cannot hold
		return storage.ErrInvalid
	case "25006", // read_only_sql_transaction: a primary that has become a standby
		"55P03", "57014", // lock_not_available, query_canceled: a timeout of the server's
		"57P01", "57P02", "57P03", "57P04", "57P05": // it stops, crashed, starts, was dropped, idles too long
		return storage.ErrUnavailable
	}
	switch code[:min(2, len(code))] {
	case "08", "40", "53", "58": // connection, rollback (serialization, deadlock), resources (disk full, too many clients), system
		return storage.ErrUnavailable
	}
	return nil
}

// disconnected says that the database could not be asked, or went away before it had answered.
func disconnected(err error) bool {
	if errors.Is(err, context.Canceled) {
		return false // The caller's doing.
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	// Not net.Error: an errno of a file, such as that of the password, is one as well.
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return true
	}
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "conn closed")
}

// rolledBack says that the database undid the transaction because of another one, so that it can be run again.
func rolledBack(err error) bool {
	pe, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pe.Code == "40001" || pe.Code == "40P01")
}
