// SPDX-License-Identifier: Apache-2.0

package alerting

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNamesOfLeases(t *testing.T) {
	for _, tc := range [][3]string{
		{"api/01J", "shop", "rules/api/01J"},
		{"/etc/a \"b\".yml", "g/1 }", "rules//etc/a \"b\".yml/g/1 }"},
		{"x", "中\n", "rules/x/中\n"},
	} {
		require.Equal(t, tc[2], ruleLease(tc[0], tc[1]))
		got, ok := leaseOfKey(groupKey(tc[2], `na"me`))
		require.True(t, ok)
		require.Equal(t, tc[2], got)
	}
	for _, key := range []string{"", `{}:{alertname="x"}`, `{}/{rule_group=x`, groupKey("", "x")} {
		_, ok := leaseOfKey(key)
		require.False(t, ok, key)
	}
}
