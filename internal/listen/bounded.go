// SPDX-License-Identifier: Apache-2.0

package listen

import (
	"net"
	"sync"
	"sync/atomic"
)

// maxConnections bounds each listener. Past it a new connection is closed at once: a client that is refused tries again later or
// elsewhere, one that waits in the kernel's queue learns nothing.
const maxConnections = 4096

// bounded holds a bounded number of connections and closes those past the bound.
type bounded struct {
	net.Listener
	limit   int64
	open    atomic.Int64
	refused atomic.Int64
}

func newBounded(ln net.Listener, limit int64) *bounded {
	return &bounded{Listener: ln, limit: limit}
}

// Accept implements net.Listener.
func (l *bounded) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err // Servers compare it.
		}
		if l.open.Add(1) <= l.limit {
			return &boundedConn{Conn: conn, release: sync.OnceFunc(func() { l.open.Add(-1) })}, nil
		}
		l.open.Add(-1)
		l.refused.Add(1)
		_ = conn.Close()
	}
}

type boundedConn struct {
	net.Conn
	release func()
}

// Close implements net.Conn.
func (c *boundedConn) Close() error {
	defer c.release()
	return c.Conn.Close() // Servers compare it.
}
