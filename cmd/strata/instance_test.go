// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/internal/app"
	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/storage"
)

// TestInstanceList: an empty list says whose processes it is for, any other is a table.
func TestInstanceList(t *testing.T) {
	dir := t.TempDir()
	list := func() string {
		var out, errs bytes.Buffer
		require.Zero(t, run(t.Context(), []string{"instance", "list", "--data-dir", dir}, &out, &errs), errs.String())
		return out.String()
	}
	require.Equal(t, "no processes: those of a spread-out installation are listed; a lone strata all without a shared catalog registers nothing\n", list())

	cfg, err := config.Load("", nil)
	require.NoError(t, err)
	cfg.DataDir = dir
	cat, err := app.OpenCatalog(t.Context(), cfg)
	require.NoError(t, err)
	seen := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	require.NoError(t, cat.PutInstance(t.Context(), storage.Instance{ID: "writer-1", Role: "writer", URL: "http://127.0.0.1:1", Version: "1.2", SeenAt: seen}))
	require.NoError(t, cat.Close())
	require.Regexp(t, `^ID +ROLE +URL +VERSION +SEEN\nwriter-1 +writer +http://127.0.0.1:1 +1.2 +2026-`, list())
}
