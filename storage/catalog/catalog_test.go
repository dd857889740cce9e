// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/strata-apm/strata/storage/storagetest"
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		childWrites()
	}
	goleak.VerifyTestMain(m)
}

func open(t *testing.T, path string) *Catalog {
	t.Helper()
	c, err := Open(t.Context(), path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func TestConformance(t *testing.T) {
	storagetest.RunCatalog(t, func(t *testing.T) (storagetest.Catalog, func() storagetest.Catalog) {
		t.Helper()
		// A name that would be cut or decoded if it were put into the URI as it is.
		path := filepath.Join(t.TempDir(), "a b?c#d%41", "catalog.db")
		return open(t, path), func() storagetest.Catalog { return open(t, path) }
	})
}

func TestMigrationsAreOrdered(t *testing.T) {
	for i, m := range migrations() {
		require.Equal(t, i+1, m.version)
	}
}

func TestOpenTwiceAndNewer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	c := open(t, path)
	require.NoError(t, c.Ping(t.Context()))
	open(t, path)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	_, err = c.write.ExecContext(t.Context(), `INSERT INTO schema_migrations (version, applied_at) VALUES (999, 0)`)
	require.NoError(t, err)
	_, err = Open(t.Context(), path)
	require.ErrorContains(t, err, "start the newer program")
}

func TestDurability(t *testing.T) {
	c := open(t, filepath.Join(t.TempDir(), "catalog.db"))
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000"} {
		var got string
		require.NoError(t, c.write.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got))
		require.Equal(t, want, got, pragma)
	}
	_, err := c.read.ExecContext(t.Context(), `DELETE FROM api_keys`)
	require.Error(t, err, "readers cannot write")
}
