// SPDX-License-Identifier: Apache-2.0

package hoststate

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// pairs opens n connections over loopback and returns both ends.
func pairs(tb testing.TB, n int) (clients, servers []net.Conn) {
	tb.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	tb.Cleanup(func() {
		_ = lis.Close()
		for _, c := range append(clients, servers...) {
			_ = c.Close()
		}
	})
	for range n {
		c, err := net.Dial("tcp", lis.Addr().String())
		require.NoError(tb, err)
		s, err := lis.Accept()
		require.NoError(tb, err)
		clients, servers = append(clients, c), append(servers, s)
	}
	return clients, servers
}

// TestTCPStates makes sockets of the real kernel be in a state and counts them.
func TestTCPStates(t *testing.T) {
	before, err := tcpStates()
	require.NoError(t, err)
	clients, _ := pairs(t, 200)
	for _, c := range clients {
		require.NoError(t, c.(*net.TCPConn).CloseWrite())
	}
	// Other programs of this host open and close meanwhile, so there are enough of ours to be seen among them.
	require.Eventually(t, func() bool {
		now, err := tcpStates()
		return err == nil && now["close_wait"]-before["close_wait"] >= 190 && now["fin_wait_2"]-before["fin_wait_2"] >= 190
	}, 5*time.Second, 10*time.Millisecond)
	require.GreaterOrEqual(t, before["listen"], int64(0))
	require.Contains(t, before, "syn_received")

	var counts [maxTCPState + 1]int64
	_, err = count([]byte{255, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, &counts)
	require.Error(t, err, "a length beyond the end")
}

// BenchmarkTCPStates counts among 10 000 sockets that are listed (closing) and 10 000 that are only passed by (established).
func BenchmarkTCPStates(b *testing.B) {
	for name, closing := range map[string]bool{"established": false, "closing": true} {
		b.Run(name, func(b *testing.B) {
			clients, _ := pairs(b, 5000)
			if closing {
				for _, c := range clients {
					_ = c.(*net.TCPConn).CloseWrite()
				}
			}
			for b.Loop() {
				_, err := tcpStates()
				require.NoError(b, err)
			}
		})
	}
}
