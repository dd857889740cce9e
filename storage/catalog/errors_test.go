// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage"
)

// TestKindsOfErrors: what a caller may do about an error does not depend on the database.
func TestKindsOfErrors(t *testing.T) {
	pg := func(code string) error { return &pgconn.PgError{Code: code, Message: "words of the server"} }
	for name, tc := range map[string]struct {
		err  error
		want error
	}{
		"no row":                       {sql.ErrNoRows, storage.ErrNotFound},
		"unique":                       {pg("23505"), storage.ErrConflict},
		"foreign key":                  {pg("23503"), storage.ErrConflict},
		"NUL in a text":                {pg("22021"), storage.ErrInvalid},
		"no such character":            {pg("22P05"), storage.ErrInvalid},
		"a standby":                    {pg("25006"), storage.ErrUnavailable},
		"lock not to be had":           {pg("55P03"), storage.ErrUnavailable},
		"statement timeout":            {pg("57014"), storage.ErrUnavailable},
		"the server stops":             {pg("57P01"), storage.ErrUnavailable},
		"the server starts":            {pg("57P03"), storage.ErrUnavailable},
		"serialization":                {pg("40001"), storage.ErrUnavailable},
		"deadlock":                     {pg("40P01"), storage.ErrUnavailable},
		"connection":                   {pg("08006"), storage.ErrUnavailable},
		"disk full":                    {pg("53100"), storage.ErrUnavailable},
		"too many clients":             {pg("53300"), storage.ErrUnavailable},
		"I/O of the server":            {pg("58030"), storage.ErrUnavailable},
		"wrong password":               {pg("28P01"), nil},
		"no such table":                {pg("42P01"), nil},
		"a code that is none":          {pg("4"), nil},
		"no code":                      {pg(""), nil},
		"connection lost":              {driver.ErrBadConn, storage.ErrUnavailable},
		"end of the stream":            {io.ErrUnexpectedEOF, storage.ErrUnavailable},
		"network":                      {&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, storage.ErrUnavailable},
		"closed under it":              {fmt.Errorf("write: %w", net.ErrClosed), storage.ErrUnavailable},
		"no answer in time":            {context.DeadlineExceeded, storage.ErrUnavailable},
		"the caller left":              {context.Canceled, nil},
		"a file that cannot be read":   {&fs.PathError{Op: "open", Path: "password", Err: syscall.EACCES}, nil},
		"anything else":                {errors.New("x"), nil},
		"the caller left on its way":   {fmt.Errorf("%w: %w", context.Canceled, io.EOF), nil},
		"wrapped by database/sql":      {fmt.Errorf("sql: %w", pg("23505")), storage.ErrConflict},
		"pgx says so in words":         {errors.New("conn closed"), storage.ErrUnavailable},
		"already of package storage's": {fmt.Errorf("x: %w", storage.ErrConflict), storage.ErrConflict},
	} {
		t.Run(name, func(t *testing.T) {
			err := wrap("do it", tc.err)
			require.ErrorIs(t, err, tc.err)
			require.True(t, strings.HasPrefix(err.Error(), "do it: "), "%v", err)
			for _, kind := range []error{storage.ErrNotFound, storage.ErrConflict, storage.ErrInvalid, storage.ErrUnavailable, storage.ErrBadQuery} {
				require.Equal(t, errors.Is(tc.want, kind), errors.Is(err, kind), "%v", kind)
			}
		})
	}
	require.NoError(t, wrap("do it", nil))
	once := wrap("inner", sql.ErrNoRows)
	require.Equal(t, 1, strings.Count(wrap("outer", once).Error(), storage.ErrNotFound.Error()), "the kind is said once")
}

// TestErrorsOfSQLite come from the real database.
func TestErrorsOfSQLite(t *testing.T) {
	dir := t.TempDir()
	c := open(t, filepath.Join(dir, "catalog.db"))
	ctx := t.Context()
	_, err := c.write.ExecContext(ctx, `SELECT * FROM nothing`)
	require.Error(t, err)
	for _, kind := range []error{storage.ErrNotFound, storage.ErrConflict, storage.ErrUnavailable} {
		require.NotErrorIs(t, wrap("read", err), kind)
	}
	c.run(t, `PRAGMA max_page_count = 60`)
	var full error
	for i := range 1000 {
		id := strconv.Itoa(i)
		if full = c.CreateRuleGroup(ctx, storage.RuleGroup{ID: id, Name: id, YAML: strings.Repeat("x", 1<<12)}); full != nil {
			break
		}
	}
	require.ErrorIs(t, full, storage.ErrUnavailable, "a disk that is full may have room again")
	groups, err := c.ListRuleGroups(ctx)
	require.NoError(t, err)
	require.NotEmpty(t, groups, "and what was stored is there")
	c.run(t, `PRAGMA max_page_count = 100000`)
	require.NoError(t, c.CreateRuleGroup(ctx, storage.RuleGroup{ID: "more", Name: "more"}))
}

func TestClosed(t *testing.T) {
	c, err := Open(t.Context(), filepath.Join(t.TempDir(), "catalog.db"))
	require.NoError(t, err)
	require.NoError(t, c.Close())
	ctx := t.Context()
	require.Error(t, c.Ping(ctx))
	_, _, err = c.ListNotifiers(ctx)
	require.ErrorContains(t, err, "list notifiers")
	require.ErrorContains(t, c.DeleteNotifier(ctx, "x"), "delete notifier")
	_, err = c.AcquireLeases(ctx, "a", []string{"x"}, time.Minute)
	require.ErrorContains(t, err, "acquire leases")
	require.ErrorContains(t, c.Enqueue(ctx, nil, nil, storage.Lease{}), "enqueue notifications")
}

func TestMaskedURL(t *testing.T) {
	for in, want := range map[string]string{
		"postgres://u:S3cret@h:5432/db":                           "postgres://u:xxxxx@h:5432/db",
		"postgres://u@h/db?password=S3cret&sslmode=disable":       "postgres://u@h/db?password=xxxxx&sslmode=disable",
		"postgres://u@h/db?sslkey=/k&sslpassword=S3cret":          "postgres://u@h/db?sslkey=%2Fk&sslpassword=xxxxx",
		"postgres://u:S3cret%zz@h/db":                             "(unreadable URL)",
		"postgres://h/db?application_name=strata&target=S%26cret": "postgres://h/db?application_name=strata&target=S%26cret",
	} {
		got := Config{URL: in}.masked()
		require.Equal(t, want, got)
		require.NotContains(t, got, "S3cret")
	}
}

func TestReadPassword(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	for _, tc := range [][2]string{{"secret", "secret"}, {"secret\n", "secret"}, {"secret\r\n", "secret"}, {" s p \n\n", " s p "}, {"", ""}} {
		require.NoError(t, os.WriteFile(file, []byte(tc[0]), 0o600))
		got, err := readPassword(file)
		require.NoError(t, err)
		require.Equal(t, tc[1], got, "%q", tc[0])
	}
	_, err := readPassword(filepath.Join(t.TempDir(), "none"))
	require.ErrorContains(t, err, "read catalog.password_file")
	require.ErrorIs(t, err, fs.ErrNotExist)
}
