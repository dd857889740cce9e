// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/strata-apm/strata/internal/config"
)

// echo is a server of datagrams, which sends each back, and of connections, to which it says hello.
type echo struct {
	socket *socket
	closed chan struct{}
}

func (e *echo) Serve(s *socket) error {
	defer close(e.closed)
	buf := make([]byte, 1<<10)
	for s.packets != nil {
		n, from, err := s.packets.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err == nil {
			_, err = s.packets.WriteTo(buf[:n], from)
		}
		if err != nil {
			return err
		}
	}
	for {
		conn, err := s.listener().Accept()
		if err != nil {
			return nil // It was closed.
		}
		_, _ = io.WriteString(conn, "hello")
		_ = conn.Close()
	}
}

func (e *echo) Shutdown(context.Context) error {
	if err := e.socket.close(); err != nil {
		return err
	}
	<-e.closed
	return nil
}

func (e *echo) Close() error { return e.socket.close() }

func newEcho(_ *App, s *socket) server { return &echo{socket: s, closed: make(chan struct{})} }

func fixed(addr string) func(config.Config) string { return func(config.Config) string { return addr } }

// exchange dials a socket, sends ping, and returns what comes back.
func exchange(t *testing.T, s *socket) string {
	t.Helper()
	conn, err := net.Dial(s.Addr().Network(), s.Addr().String())
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	if s.packets != nil {
		_, err = io.WriteString(conn, "ping")
		require.NoError(t, err)
	}
	buf := make([]byte, 10)
	n, err := conn.Read(buf)
	require.NoError(t, err)
	return string(buf[:n])
}

func newListening(t *testing.T, role config.Role, table []row) (*App, error) {
	t.Helper()
	a := &App{cfg: config.Default(), opts: Options{Role: role}, reg: prometheus.NewRegistry(), stack: stack{logger: slog.New(slog.DiscardHandler)}}
	t.Cleanup(func() { require.NoError(t, a.stack.closeAll()) })
	return a, a.openListeners(t.Context(), table)
}

// TestListeners opens, announces, serves and closes a listener of every network by the same loops.
func TestListeners(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	dir := t.TempDir()
	sock := filepath.Join(dir, "s.sock")
	a, err := newListening(t, config.RoleWriter, []row{
		{name: "stream", key: "x.stream", network: "tcp", address: fixed("127.0.0.1:0"), server: newEcho},
		{name: "datagrams", key: "x.datagrams", network: "udp", address: fixed("127.0.0.1:0"), server: newEcho},
		{name: "local", key: "x.local", network: "unix", address: fixed(sock), server: newEcho},
		{name: "inside", network: inProcess, server: func(*App, *socket) server { return grpcServer{grpc.NewServer()} }},
		{name: "page", key: "x.page", network: "tcp", address: fixed("127.0.0.1:0"), server: func(*App, *socket) server {
			return &httpServer{newServer(http.NotFoundHandler()), nil}
		}},
		{name: "other", key: "x.other", network: "tcp", role: config.RoleGateway, address: fixed("127.0.0.1:0"), server: newEcho},
	})
	require.NoError(t, err)
	require.Nil(t, a.listeners.of("other"), "of another role")
	require.True(t, a.listeners.loopback())
	require.Len(t, a.listeners.addresses(), 4)

	require.NoError(t, a.listeners.writeRunFile(dir))
	b, err := os.ReadFile(filepath.Join(dir, RunFile))
	require.NoError(t, err)
	require.Regexp(t, `^\{"pid":\d+,"stream":"127.0.0.1:\d+","datagrams":"127.0.0.1:\d+","local":"`+regexp.QuoteMeta(sock)+`","page":"127.0.0.1:\d+"\}`+"\n$", string(b))
	require.True(t, json.Valid(b))
	require.NoError(t, a.listeners.removeRunFile(dir))
	require.NoError(t, a.listeners.removeRunFile(dir))

	a.makeServers()
	ctx, stop := context.WithCancel(t.Context())
	g, ctx := errgroup.WithContext(ctx)
	a.listeners.run(ctx, g)
	require.Equal(t, "hello", exchange(t, a.listeners.of("stream")))
	require.Equal(t, "hello", exchange(t, a.listeners.of("local")))
	for range 3 {
		require.Equal(t, "ping", exchange(t, a.listeners.of("datagrams")))
	}
	resp, err := http.Get("http://" + a.listeners.of("page").Addr().String())
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	http.DefaultClient.CloseIdleConnections()
	require.NoError(t, a.listeners.shutdown(t.Context()))
	require.NoError(t, g.Wait(), "a server that was shut down did not fail")
	stop()

	counters, err := a.reg.Gather()
	require.NoError(t, err)
	require.Len(t, counters[0].GetMetric(), 3, "connections are bounded, datagrams have none")
}

// TestListenersEndWithTheirContext: without a shutdown everything is closed at once.
func TestListenersEndWithTheirContext(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	a, err := newListening(t, config.RoleAll, []row{
		{name: "datagrams", key: "x", network: "udp", address: fixed("127.0.0.1:0"), server: newEcho},
		{name: "inside", network: inProcess, server: func(*App, *socket) server { return grpcServer{grpc.NewServer()} }},
		{name: "page", key: "y", network: "tcp", address: fixed("127.0.0.1:0"), server: func(*App, *socket) server {
			return &httpServer{newServer(http.NotFoundHandler()), nil}
		}},
	})
	require.NoError(t, err)
	a.makeServers()
	ctx, stop := context.WithCancel(t.Context())
	g, ctx := errgroup.WithContext(ctx)
	a.listeners.run(ctx, g)
	stop()
	require.NoError(t, g.Wait())
}

// TestListenersThatCannotBeOpened: the error names the address and the key.
func TestListenersThatCannotBeOpened(t *testing.T) {
	for _, network := range []string{"tcp", "udp", "unix"} {
		addr := "127.0.0.1:0"
		if network == "unix" {
			addr = filepath.Join(t.TempDir(), "s.sock")
		}
		a, err := newListening(t, config.RoleAll, []row{{name: "first", key: "x.first", network: network, address: fixed(addr), server: newEcho}})
		require.NoError(t, err)
		taken := a.listeners.of("first").Addr().String()
		_, err = newListening(t, config.RoleAll, []row{{name: "second", key: "x.second", network: network, address: fixed(taken), server: newEcho}})
		require.ErrorContains(t, err, "listen on "+taken+" (x.second)")
	}
}

// TestStaleUnixSocket: one that a killed process left behind is replaced, a file that is none is not.
func TestStaleUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.sock")
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(t, err)
	left.SetUnlinkOnClose(false)
	require.NoError(t, left.Close())
	table := []row{{name: "local", key: "x", network: "unix", address: fixed(path), server: newEcho}}
	a, err := newListening(t, config.RoleAll, table)
	require.NoError(t, err)
	require.NoError(t, a.stack.closeAll())
	require.NoError(t, os.WriteFile(path, []byte("mine"), 0o600))
	_, err = newListening(t, config.RoleAll, table)
	require.Error(t, err)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "mine", string(b))
}

// at is a listener and a source of datagrams of which only the address is asked.
type at struct {
	net.Listener
	net.PacketConn
	addr net.Addr
}

func (x at) Addr() net.Addr      { return x.addr }
func (x at) LocalAddr() net.Addr { return x.addr }
func (x at) Close() error        { return nil }

func TestLoopback(t *testing.T) {
	for addr, want := range map[string]bool{"127.0.0.1": true, "127.0.0.2": true, "::1": true, "0.0.0.0": false, "::": false, "192.0.2.1": false} {
		ip := net.ParseIP(addr)
		for _, s := range []*socket{{stream: at{addr: &net.TCPAddr{IP: ip}}}, {packets: at{addr: &net.UDPAddr{IP: ip}}}} {
			l := listeners{[]*socket{{stream: at{addr: &net.UnixAddr{Name: "/x"}}}, s}}
			require.Equal(t, want, l.loopback(), "%s %T", addr, s.Addr())
		}
	}
}

// TestListenerTable: names and keys are unique, and every key is one of the configuration with the address as its value.
func TestListenerTable(t *testing.T) {
	cfg := config.Default()
	b, err := cfg.Marshal()
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, r := range listenerTable() {
		require.False(t, seen[r.name], r.name)
		seen[r.name] = true
		if r.network == inProcess {
			continue
		}
		require.False(t, seen[r.key], r.key)
		seen[r.key] = true
		section, key, _ := strings.Cut(r.key, ".")
		require.Regexp(t, `(?m)^`+section+`:\n(    .*\n)*    `+key+`: `+regexp.QuoteMeta(r.address(cfg))+`$`, string(b))
	}
	require.True(t, seen[httpListener] && seen[selfListener])
}
