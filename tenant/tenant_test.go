// SPDX-License-Identifier: Apache-2.0

package tenant_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/tenant"
)

func TestParse(t *testing.T) {
	for _, name := range []string{"default", "a", "7", "team-a", "a--b", strings.Repeat("x", tenant.MaxBytes)} {
		id, err := tenant.Parse(name)
		require.NoError(t, err, name)
		require.Equal(t, tenant.ID(name), id)
	}
	for _, name := range []string{
		"", "A", "team_a", "team a", "-a", "a-", "-", ".", "..", "a/b", "a\\b", "a\x00", "ä", "a\n", "a.b", strings.Repeat("x", tenant.MaxBytes+1),
	} {
		_, err := tenant.Parse(name)
		require.ErrorIs(t, err, tenant.ErrInvalid, "%q", name)
		require.ErrorContains(t, err, "lower-case letters", name)
	}
}

func TestOrDefault(t *testing.T) {
	require.Equal(t, tenant.Default, tenant.ID("").OrDefault())
	require.Equal(t, tenant.ID("b"), tenant.ID("b").OrDefault())
	_, err := tenant.Parse(string(tenant.Default))
	require.NoError(t, err)
}

func TestContext(t *testing.T) {
	require.Empty(t, tenant.FromContext(t.Context()), "nobody has said")
	ctx := tenant.NewContext(t.Context(), "a")
	require.Equal(t, tenant.ID("a"), tenant.FromContext(ctx))
	require.Equal(t, tenant.ID("b"), tenant.FromContext(tenant.NewContext(ctx, "b")), "the innermost counts")
	require.Equal(t, tenant.ID("a"), tenant.FromContext(ctx))
}
