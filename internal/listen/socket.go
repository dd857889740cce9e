// SPDX-License-Identifier: Apache-2.0

package listen

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
)

// InProcess is the network of a listener that no other process can reach.
const InProcess = "in process"

// pipeBuffer is how many bytes are on the way within the process at most.
const pipeBuffer = 256 << 10

// Row is one listener that is to be opened.
type Row struct {
	// Name is that in run.json, in the status and in the log.
	Name string
	// Key is that of the configuration; errors and metrics name it.
	Key string
	// Network is tcp, unix, udp, or InProcess.
	Network string
	// Address is host:port or the path of a unix socket; InProcess has none.
	Address string
	// TLS is nil where the listener speaks none.
	TLS *tls.Config
}

// Socket is a listener that is open.
type Socket struct {
	Row
	// Of stream, packets and pipe the one that the network asks for is set.
	stream  net.Listener
	packets net.PacketConn
	pipe    *bufconn.Listener
	// server is nil until Serve says what it is.
	server Server
}

// Addr is where it listens.
func (s *Socket) Addr() net.Addr {
	switch {
	case s.packets != nil:
		return s.packets.LocalAddr()
	case s.pipe != nil:
		return s.pipe.Addr()
	default:
		return s.stream.Addr()
	}
}

// Listener is where a server of connections accepts them; it is nil where datagrams come.
func (s *Socket) Listener() net.Listener {
	if s.pipe != nil {
		return s.pipe
	}
	return s.stream
}

// Packets is where a server of datagrams reads them; it is nil where connections come.
func (s *Socket) Packets() net.PacketConn { return s.packets }

// DialContext connects to a socket within the process.
func (s *Socket) DialContext(ctx context.Context) (net.Conn, error) {
	if s.pipe == nil {
		return nil, fmt.Errorf("listener %s is not within the process", s.Name)
	}
	return s.pipe.DialContext(ctx) // The caller says what it wanted.
}

// Loopback says whether only this machine can reach it.
func (s *Socket) Loopback() bool {
	switch addr := s.Addr().(type) {
	case *net.TCPAddr:
		return addr.IP.IsLoopback()
	case *net.UDPAddr:
		return addr.IP.IsLoopback()
	default:
		return true
	}
}

func (s *Socket) open(ctx context.Context, reg prometheus.Registerer) (err error) {
	if s.Network == InProcess {
		s.pipe = bufconn.Listen(pipeBuffer)
		return nil
	}
	var lc net.ListenConfig
	switch s.Network {
	case "udp":
		s.packets, err = lc.ListenPacket(ctx, s.Network, s.Address)
	case "unix":
		if err = removeStale(ctx, s.Address); err == nil {
			s.stream, err = lc.Listen(ctx, s.Network, s.Address)
		}
	default:
		s.stream, err = lc.Listen(ctx, s.Network, s.Address)
	}
	if err != nil {
		return fmt.Errorf("listen on %s (%s): %w", s.Address, s.Key, err)
	}
	if s.stream == nil {
		return nil
	}
	held := newBounded(s.stream, maxConnections)
	s.stream = held
	err = reg.Register(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "strata_connections_refused_total", Help: "Connections closed at once because the listener held as many as it may.",
		ConstLabels: prometheus.Labels{"listener": s.Key},
	}, func() float64 { return float64(held.refused.Load()) }))
	if err != nil {
		return errors.Join(fmt.Errorf("register metrics of listener %s: %w", s.Name, err), s.Close())
	}
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
		return os.Remove(path) // The caller names it.
	}
	return nil
}

// Close closes the socket, which its server may have done already.
func (s *Socket) Close() error {
	var c io.Closer = s.Listener()
	if s.packets != nil {
		c = s.packets
	}
	if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close listener %s: %w", s.Name, err)
	}
	return nil
}
