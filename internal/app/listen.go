// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/test/bufconn"

	"github.com/strata-apm/strata/internal/auth"
	"github.com/strata-apm/strata/internal/config"
)

// row is one listener of the table: everything the process takes from outside comes by one of them.
type row struct {
	// name is that in run.json, in the status and in the log.
	name string
	// key is that of the configuration, which also says the default address.
	key string
	// network is tcp, unix, udp, or inProcess.
	network string
	// role has the listener; "" is every role.
	role config.Role
	// address is what the configuration says.
	address func(config.Config) string
	// tls is the configuration of TLS, nil where the listener never speaks any; what it returns is nil where it speaks none now.
	tls func(tlsFiles) *tls.Config
	// server makes what serves the listener, after the stores are open.
	server func(*App, *socket) server
}

// inProcess is the network of a listener that no other process can reach.
const inProcess = "in process"

// Names of the listeners that other code asks for.
const (
	httpListener = "http"
	selfListener = "own telemetry"
)

// listenerTable has a row for each listener. A further one is a row here, its address in the configuration, and what serves it.
func listenerTable() []row {
	return []row{
		{
			name: httpListener, key: "http.listen", network: "tcp",
			address: func(c config.Config) string { return c.HTTP.Listen },
			tls:     func(t tlsFiles) *tls.Config { return t.http },
			server:  func(a *App, s *socket) server { return &httpServer{a.http, s.tls} },
		},
		{
			name: "otlp_grpc", key: "otlp.grpc_listen", network: "tcp", role: config.RoleGateway,
			address: func(c config.Config) string { return c.OTLP.GRPCListen },
			tls:     func(t tlsFiles) *tls.Config { return t.otlp },
			server:  func(a *App, s *socket) server { return a.otlpGRPC(s.tls, auth.ListenerOf(s.Addr())) },
		},
		{
			name: "otlp_http", key: "otlp.http_listen", network: "tcp", role: config.RoleGateway,
			address: func(c config.Config) string { return c.OTLP.HTTPListen },
			tls:     func(t tlsFiles) *tls.Config { return t.otlp },
			server:  func(a *App, s *socket) server { return a.otlpHTTP(s.tls, auth.ListenerOf(s.Addr())) },
		},
		{
			name: selfListener, network: inProcess, role: config.RoleGateway,
			server: func(a *App, _ *socket) server { return a.otlpGRPC(nil, auth.Listener{}) },
		},
	}
}

// socket is a listener that is open. Of stream, packets and pipe the one that its network asks for is set.
type socket struct {
	row
	tls     *tls.Config
	stream  net.Listener
	packets net.PacketConn
	pipe    *bufconn.Listener
	// server is nil until the parts of the process are made.
	server server
}

// Addr is where it listens.
func (s *socket) Addr() net.Addr {
	switch {
	case s.packets != nil:
		return s.packets.LocalAddr()
	case s.pipe != nil:
		return s.pipe.Addr()
	default:
		return s.stream.Addr()
	}
}

// listener is where a server of connections accepts them.
func (s *socket) listener() net.Listener {
	if s.pipe != nil {
		return s.pipe
	}
	return s.stream
}

// loopback says whether only this machine can reach it.
func (s *socket) loopback() bool {
	switch addr := s.Addr().(type) {
	case *net.TCPAddr:
		return addr.IP.IsLoopback()
	case *net.UDPAddr:
		return addr.IP.IsLoopback()
	default:
		return true
	}
}

// selfBuffer is how many bytes of own telemetry are on the way at most.
const selfBuffer = 256 << 10

// listeners are the sockets of the rows that the role has, in the order of the table.
type listeners struct{ sockets []*socket }

// openListeners opens a socket for each row of the role. That is done before anything else, so that a taken port stops the start at once.
func (a *App) openListeners(ctx context.Context, table []row) error {
	a.listeners = &listeners{}
	for _, r := range table {
		if r.role != "" && !a.opts.Role.Is(r.role) {
			continue
		}
		s := &socket{row: r}
		if r.tls != nil {
			s.tls = r.tls(a.tls)
		}
		if err := s.open(ctx, a.cfg, a.reg); err != nil {
			return err
		}
		a.stack.push("listener "+r.name, s.close)
		a.listeners.sockets = append(a.listeners.sockets, s)
	}
	return nil
}

func (s *socket) open(ctx context.Context, cfg config.Config, reg prometheus.Registerer) (err error) {
	if s.network == inProcess {
		s.pipe = bufconn.Listen(selfBuffer)
		return nil
	}
	addr := s.address(cfg)
	var lc net.ListenConfig
	switch s.network {
	case "udp":
		s.packets, err = lc.ListenPacket(ctx, s.network, addr)
	case "unix":
		if err = removeStale(ctx, addr); err == nil {
			s.stream, err = lc.Listen(ctx, s.network, addr)
		}
	default:
		s.stream, err = lc.Listen(ctx, s.network, addr)
	}
	if err != nil {
		return fmt.Errorf("listen on %s (%s): %w", addr, s.key, err)
	}
	if s.stream == nil {
		return nil
	}
	bounded := newBoundedListener(s.stream, maxConnections)
	s.stream = bounded
	reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "strata_connections_refused_total", Help: "Connections closed at once because the listener held as many as it may.",
		ConstLabels: prometheus.Labels{"listener": s.key},
	}, func() float64 { return float64(bounded.refused.Load()) }))
	return nil
}

// removeStale removes a unix socket that a process left behind when it was killed.
func removeStale(ctx context.Context, path string) error {
	if info, err := os.Lstat(path); err != nil || info.Mode()&os.ModeSocket == 0 {
		return nil //nolint:nilerr // There is none, or the next call says what is wrong.
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err == nil {
		return errors.Join(syscall.EADDRINUSE, conn.Close())
	}
	if errors.Is(err, syscall.ECONNREFUSED) { // Nobody listens.
		return os.Remove(path) //nolint:wrapcheck // The caller names it.
	}
	return nil
}

// close closes the socket, which its server may have done already.
func (s *socket) close() error {
	var c io.Closer = s.listener()
	if s.packets != nil {
		c = s.packets
	}
	if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close listener: %w", err)
	}
	return nil
}

// of is the socket of a name, nil where the role has none.
func (l *listeners) of(name string) *socket {
	for _, s := range l.sockets {
		if s.name == name {
			return s
		}
	}
	return nil
}

// loopback says whether every listener is reachable from this machine only.
func (l *listeners) loopback() bool {
	for _, s := range l.sockets {
		if !s.loopback() {
			return false
		}
	}
	return true
}
