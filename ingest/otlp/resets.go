// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/stats"
)

const (
	// maxResets calls without a message within resetWindow end the connection: the rapid reset attack (CVE-2023-44487) costs the server a
	// call each time and the client next to nothing, while an exporter takes a call back only when its own timeout passed.
	maxResets   = 200
	resetWindow = 10 * time.Second
)

// trackedCredentials are credentials that let a call find its connection.
type trackedCredentials struct {
	credentials.TransportCredentials
}

// newTrackedCredentials speak TLS where there is a configuration for it.
func newTrackedCredentials(c *tls.Config) trackedCredentials {
	if c == nil {
		return trackedCredentials{insecure.NewCredentials()}
	}
	return trackedCredentials{credentials.NewTLS(c)}
}

// ServerHandshake implements credentials.TransportCredentials.
func (c trackedCredentials) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := c.TransportCredentials.ServerHandshake(conn)
	return conn, &connection{AuthInfo: info, conn: conn}, err // grpc-go logs it with the address.
}

// Clone implements credentials.TransportCredentials.
func (c trackedCredentials) Clone() credentials.TransportCredentials {
	return trackedCredentials{c.TransportCredentials.Clone()}
}

// connection counts the calls without a message on one connection.
type connection struct {
	credentials.AuthInfo
	conn net.Conn

	mu     sync.Mutex
	since  time.Time
	resets int
}

// reset counts one call and says whether that was one too many.
func (c *connection) reset(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.since) > resetWindow {
		c.since, c.resets = now, 0
	}
	c.resets++
	return c.resets > maxResets
}

// resetGuard ends connections whose client opens call after call and sends no message.
type resetGuard struct{}

// call notes whether the message of a call has come.
type call struct{ received bool }

type callKey struct{}

// TagRPC implements stats.Handler.
func (resetGuard) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	return context.WithValue(ctx, callKey{}, &call{})
}

// TagConn implements stats.Handler.
func (resetGuard) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn implements stats.Handler.
func (resetGuard) HandleConn(context.Context, stats.ConnStats) {}

// HandleRPC implements stats.Handler.
func (resetGuard) HandleRPC(ctx context.Context, s stats.RPCStats) {
	c, ok := ctx.Value(callKey{}).(*call)
	if !ok {
		return
	}
	switch s.(type) {
	case *stats.InPayload:
		c.received = true
	case *stats.End:
		if p, ok := peer.FromContext(ctx); ok && !c.received {
			if conn, ok := p.AuthInfo.(*connection); ok && conn.reset(time.Now()) {
				_ = conn.conn.Close() // It may be closed already.
			}
		}
	}
}
