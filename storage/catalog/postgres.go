// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/strata-apm/strata/storage"
)

const (
	// startWait is how long a PostgreSQL that is away is waited for at start.
	startWait = time.Minute
	// startPause is how long after a failed attempt the next one is made.
	startPause = time.Second
	// connectTimeout bounds one attempt to connect, unless the URL has its own.
	connectTimeout = 5 * time.Second
	// connectionAge is how long a connection is used, so that a fail-over behind one name is followed.
	connectionAge  = 30 * time.Minute
	connectionIdle = 5 * time.Minute
)

// openPostgres waits for the server and migrates.
func openPostgres(ctx context.Context, cfg Config, opts Options) (*Catalog, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	conn, err := cfg.parse()
	if err != nil {
		return nil, err
	}
	if conn.ConnectTimeout == 0 {
		conn.ConnectTimeout = connectTimeout
	}
	if _, named := conn.RuntimeParams["application_name"]; !named {
		conn.RuntimeParams["application_name"] = "strata"
	}
	db := stdlib.OpenDB(*conn, stdlib.OptionBeforeConnect(func(_ context.Context, c *pgx.ConnConfig) error {
		if cfg.PasswordFile == "" {
			return nil
		}
		var err error
		c.Password, err = readPassword(cfg.PasswordFile)
		return err
	}))
	db.SetMaxOpenConns(cfg.MaxConnections)
	db.SetMaxIdleConns(max(cfg.MaxConnections/2, 2))
	db.SetConnMaxLifetime(connectionAge)
	db.SetConnMaxIdleTime(connectionIdle)
	c := &Catalog{write: db, read: db, dialect: postgresDialect()}
	if err := c.start(ctx, cfg, opts); err != nil {
		return nil, errors.Join(fmt.Errorf("open catalog %s: %w", cfg.masked(), err), c.Close())
	}
	return c, nil
}

// start migrates, and tries again while the server cannot be reached. An error that no attempt can mend is returned at once.
func (c *Catalog) start(ctx context.Context, cfg Config, opts Options) error {
	deadline := time.Now().Add(opts.Wait)
	for {
		err := wrap("migrate", c.migrate(ctx, migrations()))
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil || !errors.Is(err, storage.ErrUnavailable) || hopeless(err):
			return err
		case time.Now().After(deadline):
			return fmt.Errorf("not reachable for %s: %w", opts.Wait, err)
		}
		opts.Logger.Warn("waiting for the catalog's PostgreSQL", "url", cfg.masked(), "err", err)
		select {
		case <-ctx.Done():
			return err
		case <-time.After(startPause):
		}
	}
}

// hopeless says that the server answered, and with a no: wrong password, no such database, no such role.
func hopeless(err error) bool {
	pe, ok := errors.AsType[*pgconn.PgError](err)
	return ok && kindOfState(pe.Code) == nil
}

// Options are what the program hands to OpenConfig.
type Options struct {
	// Path is the SQLite file for a Config without URL.
	Path string
	// Logger may be nil.
	Logger *slog.Logger
	// Wait is how long a PostgreSQL that is away is waited for; 0 is one minute.
	Wait time.Duration
}

// OpenConfig opens the catalog that cfg names and migrates it: the file opts.Path, or PostgreSQL.
func OpenConfig(ctx context.Context, cfg Config, opts Options) (*Catalog, error) {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Wait == 0 {
		opts.Wait = startWait
	}
	if !cfg.Remote() {
		return Open(ctx, opts.Path)
	}
	return openPostgres(ctx, cfg, opts)
}
