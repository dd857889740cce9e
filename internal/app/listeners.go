// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"crypto/tls"
	"fmt"

	"github.com/strata-apm/strata/internal/auth"
	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/internal/listen"
)

// listener is one row of the table: everything the process takes from outside comes by one of them.
type listener struct {
	// row is what is opened, but for address and TLS.
	row listen.Row
	// role has the listener; "" is every role.
	role config.Role
	// address is what the configuration says; nil within the process.
	address func(config.Config) string
	// tls is nil where the listener never speaks any.
	tls func(tlsFiles) *tls.Config
	// server makes what serves the listener, after the stores are open.
	server func(*App, *listen.Socket) listen.Server
}

// Names of the listeners that other code asks for.
const (
	httpListener = "http"
	selfListener = "own telemetry"
)

// listenerTable has a row for each listener. A further one is a row here, its address in the configuration, and what serves it.
func listenerTable() []listener {
	return []listener{
		{
			row:     listen.Row{Name: httpListener, Key: "http.listen", Network: "tcp"},
			address: func(c config.Config) string { return c.HTTP.Listen },
			tls:     func(t tlsFiles) *tls.Config { return t.http },
			server:  func(a *App, _ *listen.Socket) listen.Server { return listen.HTTP(a.http) },
		},
		{
			row: listen.Row{Name: "otlp_grpc", Key: "otlp.grpc_listen", Network: "tcp"}, role: config.RoleGateway,
			address: func(c config.Config) string { return c.OTLP.GRPCListen },
			tls:     func(t tlsFiles) *tls.Config { return t.otlp },
			server:  func(a *App, s *listen.Socket) listen.Server { return a.otlpGRPC(s.TLS, auth.ListenerOf(s.Addr())) },
		},
		{
			row: listen.Row{Name: "otlp_http", Key: "otlp.http_listen", Network: "tcp"}, role: config.RoleGateway,
			address: func(c config.Config) string { return c.OTLP.HTTPListen },
			tls:     func(t tlsFiles) *tls.Config { return t.otlp },
			server:  func(a *App, s *listen.Socket) listen.Server { return a.otlpHTTP(auth.ListenerOf(s.Addr())) },
		},
		{
			row: listen.Row{Name: selfListener, Network: listen.InProcess}, role: config.RoleGateway,
			server: func(a *App, _ *listen.Socket) listen.Server { return a.otlpGRPC(nil, auth.Listener{}) },
		},
	}
}

// openListeners opens a socket for each row of the role. That is done before anything else, so that a taken port stops the start at once.
func (a *App) openListeners(ctx context.Context) error {
	var rows []listen.Row
	for _, x := range listenerTable() {
		if x.role != "" && !a.opts.Role.Is(x.role) {
			continue
		}
		if x.address != nil {
			x.row.Address = x.address(a.cfg)
		}
		if x.tls != nil {
			x.row.TLS = x.tls(a.tls)
		}
		rows = append(rows, x.row)
	}
	var err error
	if a.listeners, err = listen.Open(ctx, rows, a.reg); err != nil {
		return err // It names the listener.
	}
	a.stack.push("listeners", a.listeners.Close)
	return nil
}

// makeServers makes what serves each socket.
func (a *App) makeServers() {
	by := map[string]func(*App, *listen.Socket) listen.Server{}
	for _, x := range listenerTable() {
		by[x.row.Name] = x.server
	}
	a.listeners.Serve(func(s *listen.Socket) listen.Server { return by[s.Name](a, s) })
}

// tlsFiles are the TLS configurations of this process; nil where it speaks none.
type tlsFiles struct {
	http, otlp *tls.Config
	// peers is for connections to the other processes.
	peers *tls.Config
}

func (a *App) loadTLS() (out tlsFiles, err error) {
	logger := a.logger.With("part", "tls")
	if a.cfg.HTTP.TLS.Enabled() {
		if out.http, err = a.cfg.HTTP.TLS.Load(logger.With("listener", "http")); err != nil {
			return out, fmt.Errorf("http.tls: %w", err)
		}
	}
	if a.cfg.OTLP.TLS.Enabled() {
		if out.otlp, err = a.cfg.OTLP.TLS.Load(logger.With("listener", "otlp")); err != nil {
			return out, fmt.Errorf("otlp.tls: %w", err)
		}
	}
	if out.peers, err = a.cfg.Cluster.TLS.Load(); err != nil {
		return out, fmt.Errorf("cluster.tls: %w", err)
	}
	return out, nil
}

// ownURL is where the HTTP listener is reached by its address.
func (a *App) ownURL() string {
	if a.tls.http == nil {
		return "http://" + a.Addr()
	}
	return "https://" + a.Addr()
}

// Addr is where the page and the APIs are served.
func (a *App) Addr() string { return a.listeners.Of(httpListener).Addr().String() }
