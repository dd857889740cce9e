// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
)

// server serves one socket.
type server interface {
	// Serve takes what comes to the socket until Shutdown or Close is called, and then returns nil.
	Serve(s *socket) error
	// Shutdown takes nothing new and waits for what is under way, until ctx ends.
	Shutdown(ctx context.Context) error
	// Close ends everything at once.
	Close() error
}

// httpServer is a server of HTTP, under TLS where there is a configuration of it.
type httpServer struct {
	*http.Server
	tls *tls.Config
}

// Serve implements server.
func (h *httpServer) Serve(s *socket) error {
	if err := h.Server.Serve(secured(s.listener(), h.tls)); !errors.Is(err, http.ErrServerClosed) {
		return err //nolint:wrapcheck // The caller names the listener.
	}
	return nil
}

// grpcServer is a server of gRPC, which sees to TLS itself.
type grpcServer struct{ *grpc.Server }

// Serve implements server.
func (g grpcServer) Serve(s *socket) error {
	if err := g.Server.Serve(s.listener()); !errors.Is(err, grpc.ErrServerStopped) {
		return err //nolint:wrapcheck // The caller names the listener.
	}
	return nil
}

// Shutdown implements server.
func (g grpcServer) Shutdown(ctx context.Context) error {
	stop := context.AfterFunc(ctx, g.Stop)
	defer stop()
	g.GracefulStop()
	return nil
}

// Close implements server.
func (g grpcServer) Close() error {
	g.Stop()
	return nil
}

// makeServers makes what serves each socket.
func (a *App) makeServers() {
	for _, s := range a.listeners.sockets {
		s.server = s.row.server(a, s)
	}
}

// run serves every socket until it is shut down or ctx ends.
func (l *listeners) run(ctx context.Context, g *errgroup.Group) {
	for _, s := range l.sockets {
		g.Go(func() error {
			if err := s.server.Serve(s); err != nil {
				return fmt.Errorf("serve %s: %w", s.name, err)
			}
			return nil
		})
	}
	context.AfterFunc(ctx, func() {
		for _, s := range l.sockets {
			_ = s.server.Close()
		}
	})
}

// shutdown stops taking what is new and waits for what is under way until ctx ends.
func (l *listeners) shutdown(ctx context.Context) error {
	var g errgroup.Group
	for _, s := range l.sockets {
		g.Go(func() error {
			if err := s.server.Shutdown(ctx); err != nil {
				return fmt.Errorf("shut down %s: %w", s.name, err)
			}
			return nil
		})
	}
	return g.Wait() //nolint:wrapcheck // Wrapped above.
}
