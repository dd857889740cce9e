// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/internal/testutil/pgtest"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

// notifierConfigs is the version that made configs out of the columns of webhooks.
const notifierConfigs = 5

// eachEngine runs a test on both databases. connect returns the same empty database each time, without migrating it.
func eachEngine(t *testing.T, server *pgtest.Server, test func(t *testing.T, connect func(t *testing.T) *Catalog)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "catalog.db")
		test(t, func(t *testing.T) *Catalog {
			t.Helper()
			return connected(t, sqliteDialect(), "sqlite", dataSource(path, false))
		})
	})
	t.Run("postgres", func(t *testing.T) {
		at := server.Database()
		test(t, func(t *testing.T) *Catalog {
			t.Helper()
			return connected(t, postgresDialect(), "pgx", at)
		})
	})
}

func connected(t *testing.T, d dialect, driver, source string) *Catalog {
	t.Helper()
	db, err := sql.Open(driver, source)
	require.NoError(t, err)
	if driver == "sqlite" {
		db.SetMaxOpenConns(1)
	}
	c := &Catalog{dialect: d, write: db, read: db}
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func (c *Catalog) run(t *testing.T, statements ...string) {
	t.Helper()
	for _, s := range statements {
		_, err := c.write.ExecContext(t.Context(), s)
		require.NoError(t, err, s)
	}
}

// oldRows are what a catalog of version 1 or later may hold. The texts are those that a careless conversion would break.
func oldRows() []string {
	return []string{
		`INSERT INTO notifiers (id, name, type, url, secret, send_resolved, enabled, allow_private, created_at, last_attempt_at, last_ok, last_error)
			VALUES ('1', 'a', 'webhook', 'https://x.example/?a=1&b=<"\>', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 1, 1, 0, 1000, 2000, 1, '')`,
		`INSERT INTO notifiers (id, name, type, url, secret, send_resolved, enabled, allow_private, created_at, last_attempt_at, last_ok, last_error)
			VALUES ('2', '値班', 'webhook', 'http://10.0.0.1/', '', 0, 0, 1, 1000, NULL, 0, 'receiver answered 500')`,
		`INSERT INTO notifications (id, notifier_id, payload, created_at) VALUES ('msg_1', '1', '{"version":"4"}', 3000)`,
		`INSERT INTO rule_groups (id, name, yaml, created_at, updated_at) VALUES ('g', 'shop', 'name: shop', 1000, 1000)`,
		`INSERT INTO api_keys (id, name, scope, prefix, hash, created_at) VALUES ('k', 'key', 'read', 'p', 'h', 1000)`,
	}
}

// requireNotifiers compares what became of oldRows.
func requireNotifiers(t *testing.T, c *Catalog) {
	t.Helper()
	ns, statuses, err := c.ListNotifiers(t.Context())
	require.NoError(t, err)
	require.Len(t, ns, 2)
	require.JSONEq(t, `{"url":"https://x.example/?a=1&b=<\"\\>","secret":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw","allow_private":false}`, ns[0].Config)
	require.JSONEq(t, `{"url":"http://10.0.0.1/","allow_private":true}`, ns[1].Config)
	created := time.UnixMicro(1000).UTC()
	for i, want := range []storage.Notifier{
		{ID: "1", Name: "a", Type: "webhook", SendResolved: true, Enabled: true, CreatedAt: created}, {ID: "2", Name: "値班", Type: "webhook", CreatedAt: created},
	} {
		want.Config = ns[i].Config
		require.Equal(t, want, ns[i])
	}
	require.Equal(t, map[string]storage.NotifierStatus{
		"1": {LastAttempt: time.UnixMicro(2000).UTC(), OK: true}, "2": {Error: "receiver answered 500"},
	}, statuses)
}

func TestMigrations(t *testing.T) {
	server := pgtest.Start(t)
	for name, test := range map[string]func(*testing.T, *pgtest.Server){
		"each version": testEachVersion, "columns": testColumns, "interrupted": testInterrupted, "together": testTogether,
	} {
		t.Run(name, func(t *testing.T) { test(t, server) })
	}
}

// testEachVersion: whatever release a catalog comes from, nothing of it is lost, and it works as a new one does.
func testEachVersion(t *testing.T, server *pgtest.Server) {
	t.Helper()
	for version := 1; version < notifierConfigs; version++ {
		t.Run(fmt.Sprint("from ", version), func(t *testing.T) {
			eachEngine(t, server, func(t *testing.T, connect func(*testing.T) *Catalog) {
				t.Helper()
				old := connect(t)
				require.NoError(t, old.migrate(t.Context(), migrations()[:version]))
				old.run(t, oldRows()...)
				old.run(t, `INSERT INTO notified_groups (notifier_id, group_key, alerts, updated_at) VALUES ('1', 'key', '{"firing":{}}', 4000)`)

				c := connect(t)
				require.NoError(t, c.migrate(t.Context(), migrations()))
				requireNotifiers(t, c)
				pending, err := c.PendingNotifications(t.Context(), "1", 10)
				require.NoError(t, err)
				require.Equal(t, []storage.Notification{{ID: "msg_1", NotifierID: "1", Payload: `{"version":"4"}`, CreatedAt: time.UnixMicro(3000).UTC()}}, pending)
				groups, err := c.NotifiedGroups(t.Context(), "")
				require.NoError(t, err)
				require.Len(t, groups, min(version-1, 1), "what was told under the keys of version 1 is told again")
				rules, err := c.ListRuleGroups(t.Context())
				require.NoError(t, err)
				require.Len(t, rules, 1)
				key, err := c.KeyByHash(t.Context(), "h")
				require.NoError(t, err)
				require.Equal(t, tenant.Default, key.Tenant, "a key of before there were tenants")

				require.NoError(t, c.migrate(t.Context(), migrations()), "once more changes nothing")
				requireNotifiers(t, c)
				err = c.PutNotifier(t.Context(), storage.Notifier{ID: "3", Name: "a", Config: "{}", CreatedAt: time.Now()})
				require.ErrorIs(t, err, storage.ErrConflict, "names are still unique")
				require.NoError(t, c.DeleteNotifier(t.Context(), "1"))
				count, err := c.CountPending(t.Context())
				require.NoError(t, err)
				require.Empty(t, count, "and a notifier still takes its queue along")
			})
		})
	}
}

// testColumns: the columns of a migrated catalog are those of a new one, in both databases the same.
func testColumns(t *testing.T, server *pgtest.Server) {
	t.Helper()
	eachEngine(t, server, func(t *testing.T, connect func(*testing.T) *Catalog) {
		t.Helper()
		c := connect(t)
		require.NoError(t, c.migrate(t.Context(), migrations()))
		rows, err := c.read.QueryContext(t.Context(), `SELECT * FROM notifiers`)
		require.NoError(t, err)
		defer func() { require.NoError(t, rows.Close()) }()
		got, err := rows.Columns()
		require.NoError(t, err)
		slices.Sort(got)
		require.Equal(t, []string{
			"config", "created_at", "enabled", "id", "last_attempt_at", "last_error", "last_ok", "name", "send_resolved", "type",
		}, got)
		require.NoError(t, rows.Err())
	})
}

// testInterrupted: a step that fails, or dies, half-way is undone as a whole and made again by the next start.
func testInterrupted(t *testing.T, server *pgtest.Server) {
	t.Helper()
	errKilled := errors.New("killed")
	for name, edit := range map[string]func(*migration){
		"after the columns are added": func(m *migration) {
			m.convert = func(context.Context, *sql.Tx) error { return errKilled }
		},
		"after the rows are rewritten": func(m *migration) {
			convert := m.convert
			m.convert = func(ctx context.Context, tx *sql.Tx) error { return errors.Join(convert(ctx, tx), errKilled) }
		},
		"while the old columns go": func(m *migration) {
			m.cleanup = append(slices.Clone(m.cleanup[:1]), `ALTER TABLE nothing DROP COLUMN x`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, server, func(t *testing.T, connect func(*testing.T) *Catalog) {
				t.Helper()
				c := connect(t)
				require.NoError(t, c.migrate(t.Context(), migrations()[:notifierConfigs-1]))
				c.run(t, oldRows()...)
				broken := migrations()[:notifierConfigs]
				edit(&broken[notifierConfigs-1])
				require.ErrorContains(t, c.migrate(t.Context(), broken), fmt.Sprint("migrate catalog from version ", notifierConfigs-1))
				var url string
				require.NoError(t, c.read.QueryRowContext(t.Context(), `SELECT url FROM notifiers WHERE id = '2'`).Scan(&url))
				require.Equal(t, "http://10.0.0.1/", url)
				again := connect(t)
				require.NoError(t, again.migrate(t.Context(), migrations()))
				requireNotifiers(t, again)
			})
		})
	}
}

// testTogether: processes that are started together on an old catalog take turns.
func testTogether(t *testing.T, server *pgtest.Server) {
	t.Helper()
	eachEngine(t, server, func(t *testing.T, connect func(*testing.T) *Catalog) {
		t.Helper()
		c := connect(t)
		require.NoError(t, c.migrate(t.Context(), migrations()[:notifierConfigs-1]))
		c.run(t, oldRows()...)
		errs := make([]error, 6)
		var wg sync.WaitGroup
		for i := range errs {
			each := connect(t)
			wg.Go(func() { errs[i] = each.migrate(t.Context(), migrations()) })
		}
		wg.Wait()
		require.NoError(t, errors.Join(errs...))
		requireNotifiers(t, c)
	})
}

// TestReleasedStepsAreNotEdited: catalogs out there have run them as they are. A new step gets its line here when it is released.
func TestReleasedStepsAreNotEdited(t *testing.T) {
	all := migrations()
	for i, want := range []string{"04917dab4bda40ef", "0371ce05ddab90d8", "c6df902e17052251"} {
		sum := sha256.Sum256([]byte(strings.Join(slices.Concat(all[i].statements, all[i].cleanup), ";")))
		require.Equal(t, want, hex.EncodeToString(sum[:8]), "version %d", all[i].version)
	}
}
