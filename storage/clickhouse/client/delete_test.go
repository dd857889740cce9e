// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/engine/enginetest"
)

func TestDelete(t *testing.T) {
	c := open(t, Default(), enginetest.Start(t, t.TempDir()))
	for _, s := range []string{
		"CREATE DATABASE strata", "CREATE TABLE strata.x (TenantId String, State String) ENGINE = MergeTree ORDER BY State",
		`INSERT INTO strata.x SELECT arrayJoin(['a', 'b']), arrayJoin(['one', 'it\'s \\1\t\n\r\0{p0:String}'])`,
	} {
		require.NoError(t, c.Exec(t.Context(), s))
	}
	count := func() (n uint64) {
		require.NoError(t, c.Each(t.Context(), "count", "SELECT count() FROM strata.x", nil, func(scan func(...any) error) error { return scan(&n) }))
		return n
	}
	st := For("a")
	require.NoError(t, c.Delete(t.Context(), "x", st.OfTenant()+" AND State = "+st.Str("it's \\1\t\n\r\x00{p0:String}"), st))
	require.EqualValues(t, 3, count())

	require.ErrorIs(t, c.Delete(t.Context(), "x", "1", For("a")), storage.ErrInvalid, "it asks for no tenant")
	st = For("")
	require.ErrorIs(t, c.Delete(t.Context(), "x", st.OfTenant(), st), storage.ErrInvalid, "of none")
	st = For("a")
	require.ErrorIs(t, c.Delete(t.Context(), "x", st.OfTenant()+" AND 1 = "+st.Int(1), st), storage.ErrInvalid, "no text")
	st = For("a")
	require.ErrorIs(t, c.Delete(t.Context(), "none", st.OfTenant(), st), storage.ErrUnavailable, "a table that is not there yet")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, c.Delete(ctx, "x", st.OfTenant(), st), context.Canceled)
	require.EqualValues(t, 3, count())

	// In a cluster each node deletes its own rows.
	c.cfg.Cluster = "shop"
	statement := c.deletion("x", "TenantId = 'a'")
	require.Equal(t, "DELETE FROM strata.x_local ON CLUSTER shop WHERE TenantId = 'a'", statement)
	_, err := c.Send(t.Context(), url.Values{}, []byte("EXPLAIN AST "+statement))
	require.NoError(t, err)
	c.unreplicated = true
	require.Equal(t, "DELETE FROM strata.x_local WHERE TenantId = 'a'", c.deletion("x", "TenantId = 'a'"))
}
