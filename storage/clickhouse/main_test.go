// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage/clickhouse/engine/enginetest"
	"github.com/strata-apm/strata/storage/clickhouse/engine/supervise"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

// openStore opens a store on a fresh embedded engine.
func openStore(tb testing.TB) (*Store, *supervise.Supervisor) {
	tb.Helper()
	sup := enginetest.Start(tb, tb.TempDir())
	return openOn(tb, sup, Default()), sup
}

func openOn(tb testing.TB, sup *supervise.Supervisor, cfg Config) *Store {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s, err := Open(ctx, cfg, Options{Dial: sup.DialContext})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	return s
}
