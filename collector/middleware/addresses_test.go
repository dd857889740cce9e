// SPDX-License-Identifier: Apache-2.0

package middleware

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAddresses(t *testing.T) {
	var host []netip.Addr
	for _, a := range []string{"127.0.0.1", "::1", "10.0.0.5", "fd00::5", "fe80::1", "169.254.0.1"} {
		host = append(host, netip.MustParseAddr(a))
	}
	for want, bound := range map[string][]string{
		"":                               {"127.0.0.1:6379", "[::1]:6379"},
		"10.0.0.9:6379":                  {"10.0.0.9:6379", "127.0.0.1:6379", "10.0.0.8:16379"},
		"10.0.0.5:6379":                  {"0.0.0.0:6379"},
		"10.0.0.5:6379 [fd00::5]:6379":   {"[::]:6379", "0.0.0.0:6379"},
		"[fd00::9]:6379":                 {"[fd00::9%eth0]:6379"},
		"10.0.0.5:6379 192.168.0.1:6379": {"[::ffff:192.168.0.1]:6379", "0.0.0.0:6379"},
	} {
		var list []netip.AddrPort
		for _, a := range bound {
			list = append(list, netip.MustParseAddrPort(a))
		}
		require.Equal(t, want, strings.Join(addresses(list, 6379, host), " "))
	}
}

func TestHostAddresses(t *testing.T) {
	require.Contains(t, hostAddresses(), netip.MustParseAddr("127.0.0.1"))
	require.True(t, ofContainers("docker0"))
	require.True(t, ofContainers("br-3f2a"))
	require.False(t, ofContainers("br0"), "hosts of virtual machines have their address on such a bridge")
	require.False(t, ofContainers("eth0"))
}
