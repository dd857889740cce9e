// SPDX-License-Identifier: Apache-2.0

package client

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/engine/enginetest"
)

func TestGuards(t *testing.T) {
	sup := enginetest.Start(t, t.TempDir())
	ask := func(change func(*Limits), query string) error {
		cfg := Default()
		change(&cfg.Query)
		return open(t, cfg, sup).Each(t.Context(), "ask", query, nil, func(scan func(...any) error) error {
			var n uint64
			return scan(&n)
		})
	}
	for name, c := range map[string]struct {
		change func(*Limits)
		query  string
	}{
		"time":   {func(l *Limits) { l.Timeout = 300 * time.Millisecond }, "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))"},
		"memory": {func(l *Limits) { l.MaxMemoryBytes = 10 << 20 }, "SELECT length(groupArray(number)) FROM numbers(100000000)"},
		"rows":   {func(l *Limits) { l.MaxRowsRead = 1000 }, "SELECT count() FROM numbers(100000) WHERE number % 3 = 1"},
		"result": {func(l *Limits) { l.MaxResultRows = 10 }, "SELECT number FROM numbers(1000)"},
	} {
		require.ErrorIs(t, ask(c.change, c.query), storage.ErrLimit, name)
	}
	err := ask(func(*Limits) {}, "CREATE TABLE default.x (a UInt8) ENGINE = Memory")
	require.Error(t, err)
	require.True(t, strings.Contains(err.Error(), "readonly") || strings.Contains(err.Error(), "READONLY"), fmt.Sprint(err))
}
