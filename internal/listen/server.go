// SPDX-License-Identifier: Apache-2.0

package listen

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"time"

	"google.golang.org/grpc"
)

// Server serves one socket.
type Server interface {
	// Serve takes what comes to the socket until Shutdown or Close is called, and then returns nil.
	Serve(s *Socket) error
	// Shutdown takes nothing new and waits for what is under way, until ctx ends.
	Shutdown(ctx context.Context) error
	// Close ends everything at once.
	Close() error
}

// NewHTTPServer returns a server that bounds what a slow or silent client can hold.
func NewHTTPServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 60 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
	}
}

// HTTP serves a socket by a server of HTTP, under the socket's TLS.
func HTTP(s *http.Server) Server { return httpServer{s} }

type httpServer struct{ *http.Server }

// Serve implements Server.
func (h httpServer) Serve(s *Socket) error {
	if err := h.Server.Serve(secured(s.Listener(), s.TLS)); !errors.Is(err, http.ErrServerClosed) {
		return err // The caller names the listener.
	}
	return nil
}

// secured returns the listener under TLS where there is a configuration.
func secured(l net.Listener, c *tls.Config) net.Listener {
	if c == nil {
		return l
	}
	return tls.NewListener(l, c)
}

// GRPC serves a socket by a server of gRPC, which sees to TLS itself.
func GRPC(s *grpc.Server) Server { return grpcServer{s} }

type grpcServer struct{ *grpc.Server }

// Serve implements Server.
func (g grpcServer) Serve(s *Socket) error {
	if err := g.Server.Serve(s.Listener()); !errors.Is(err, grpc.ErrServerStopped) {
		return err // The caller names the listener.
	}
	return nil
}

// Shutdown implements Server.
func (g grpcServer) Shutdown(ctx context.Context) error {
	stop := context.AfterFunc(ctx, g.Stop)
	defer stop()
	g.GracefulStop()
	return nil
}

// Close implements Server.
func (g grpcServer) Close() error {
	g.Stop()
	return nil
}
