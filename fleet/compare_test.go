// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCompare(t *testing.T) {
	want, have, err := compare("host: {interval: 5s}\nlogs:\n- include: [a]\nattributes: {team: web}\n", `
server: {endpoint: x}
host: {enabled: true, interval: 5s}
logs: [{include: [a], start_at: end}]
attributes: {team: shop, other: x}
`)
	require.NoError(t, err)
	require.Equal(t, "attributes:\n    team: web\nhost:\n    interval: 5s\nlogs:\n    - include:\n        - a\n", want)
	require.Equal(t, "attributes:\n    team: shop\nhost:\n    interval: 5s\nlogs:\n    - include:\n        - a\n", have)
	want, have, err = compare("", "host: {}\n")
	require.NoError(t, err)
	require.Empty(t, want)
	require.Equal(t, "host: {}\n", have)
	_, _, err = compare("a: [", "")
	require.ErrorContains(t, err, "offered")
}
