// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPacks(t *testing.T) {
	srv := serve(t, &fake{}, nil)
	status, _, list := get(t, srv, "/packs")
	require.Equal(t, 200, status)
	require.GreaterOrEqual(t, len(list["packs"].([]any)), 6)
	status, _, pack := get(t, srv, "/packs/redis")
	require.Equal(t, 200, status)
	require.Equal(t, "Redis", pack["title"])
	require.NotEmpty(t, pack["metrics"])
	require.NotEmpty(t, pack["dashboard"].(map[string]any)["panels"])
	require.Contains(t, pack["rules"], "RedisDown")
	status, _, _ = get(t, srv, "/packs/none")
	require.Equal(t, 404, status)
}
