// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLeaseName(t *testing.T) {
	for _, tc := range [][3]string{
		{"api/01J", "shop", "rules/api/01J"},
		{"builtin:redis", "redis", "rules/builtin:redis/redis"},
		{"/etc/a \"b\".yml", "g/1 }", "rules//etc/a \"b\".yml/g/1 }"},
		{"x", "中\n", "rules/x/中\n"},
	} {
		require.Equal(t, tc[2], LeaseName(tc[0], tc[1]))
	}
}
