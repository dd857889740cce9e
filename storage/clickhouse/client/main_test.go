// SPDX-License-Identifier: Apache-2.0

package client

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage/clickhouse/engine/enginetest"
	"github.com/strata-apm/strata/storage/clickhouse/engine/supervise"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

// open returns a client of an engine, also where the configuration has a URL.
func open(tb testing.TB, cfg Config, sup *supervise.Supervisor) *Client {
	tb.Helper()
	c, err := New(cfg, Options{Dial: sup.DialContext, DialServer: true})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, c.Close()) })
	return c
}
