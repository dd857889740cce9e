// SPDX-License-Identifier: Apache-2.0

package clickhousetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage/clickhouse/client"
	"github.com/strata-apm/strata/storage/clickhouse/engine/enginetest"
	"github.com/strata-apm/strata/storage/clickhouse/engine/supervise"
	"github.com/strata-apm/strata/storage/clickhouse/schema"
)

// Open returns a client of a fresh embedded engine that has all tables, until the test ends. The package of the test has
// enginetest.Main as its main.
func Open(tb testing.TB) (*client.Client, *supervise.Supervisor) {
	tb.Helper()
	sup := enginetest.Start(tb, tb.TempDir())
	c := Connect(tb, sup, client.Default())
	require.NoError(tb, schema.New(c, schema.Options{}).Migrate(tb.Context()))
	return c, sup
}

// Connect returns a client of an engine, until the test ends.
func Connect(tb testing.TB, sup *supervise.Supervisor, cfg client.Config) *client.Client {
	tb.Helper()
	c, err := client.New(cfg, client.Options{Dial: sup.DialContext})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, c.Close()) })
	return c
}

// WithBothLimits runs a test with the limits of a query as they are, and with less memory for a query than large records need together.
func WithBothLimits(t *testing.T, sup *supervise.Supervisor, test func(t *testing.T, c *client.Client)) {
	t.Helper()
	for name, memory := range map[string]uint64{"page": client.Default().Query.MaxMemoryBytes, "memory": 24 << 20} {
		cfg := client.Default()
		cfg.Query.MaxMemoryBytes = memory
		c := Connect(t, sup, cfg)
		t.Run(name, func(t *testing.T) { test(t, c) })
	}
}
