// SPDX-License-Identifier: Apache-2.0

package listen

import (
	"bufio"
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
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/strata-apm/strata/internal/certs"
	"github.com/strata-apm/strata/internal/testutil/certtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const anyPort = "127.0.0.1:0"

// echo is a server of datagrams, which sends each back, and of connections, to which it says hello.
type echo struct {
	socket *Socket
	closed chan struct{}
}

func (e *echo) Serve(s *Socket) error {
	defer close(e.closed)
	buf := make([]byte, 1<<10)
	for s.Packets() != nil {
		n, from, err := s.Packets().ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err == nil {
			_, err = s.Packets().WriteTo(buf[:n], from)
		}
		if err != nil {
			return err
		}
	}
	for {
		conn, err := s.Listener().Accept()
		if err != nil {
			return nil // It was closed.
		}
		_, _ = io.WriteString(conn, "hello")
		_ = conn.Close()
	}
}

func (e *echo) Shutdown(context.Context) error {
	if err := e.socket.Close(); err != nil {
		return err
	}
	<-e.closed
	return nil
}

func (e *echo) Close() error { return e.socket.Close() }

// serve is how the sockets of these tests are served, by their names.
func serve(s *Socket) Server {
	switch s.Name {
	case "inside":
		return GRPC(grpc.NewServer())
	case "page":
		return HTTP(NewHTTPServer(http.NotFoundHandler()))
	default:
		return &echo{socket: s, closed: make(chan struct{})}
	}
}

// exchange dials a socket, sends ping, and returns what comes back.
func exchange(t *testing.T, s *Socket) string {
	t.Helper()
	conn, err := net.Dial(s.Addr().Network(), s.Addr().String())
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	if s.Packets() != nil {
		_, err = io.WriteString(conn, "ping")
		require.NoError(t, err)
	}
	buf := make([]byte, 10)
	n, err := conn.Read(buf)
	require.NoError(t, err)
	return string(buf[:n])
}

func open(t *testing.T, table ...Row) (*Listeners, *prometheus.Registry) {
	t.Helper()
	reg := prometheus.NewRegistry()
	l, err := Open(t.Context(), table, reg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l, reg
}

// TestListeners opens, announces, serves and closes a listener of every network by the same loops.
func TestListeners(t *testing.T) {
	dir := t.TempDir()
	sock := filepath.Join(dir, "s.sock")
	l, reg := open(t,
		Row{Name: "stream", Key: "x.stream", Network: "tcp", Address: anyPort},
		Row{Name: "datagrams", Key: "x.datagrams", Network: "udp", Address: anyPort},
		Row{Name: "local", Key: "x.local", Network: "unix", Address: sock},
		Row{Name: "inside", Network: InProcess},
		Row{Name: "page", Key: "x.page", Network: "tcp", Address: anyPort},
	)
	require.Nil(t, l.Of("other"))
	require.True(t, l.Loopback())
	require.Len(t, l.Addresses(), 4)
	require.NotContains(t, l.Addresses(), "inside")

	require.NoError(t, l.WriteRunFile(dir))
	b, err := os.ReadFile(filepath.Join(dir, RunFile))
	require.NoError(t, err)
	require.Regexp(t, `^\{"pid":\d+,"stream":"127.0.0.1:\d+","datagrams":"127.0.0.1:\d+","local":"`+regexp.QuoteMeta(sock)+`","page":"127.0.0.1:\d+"\}`+"\n$", string(b))
	require.True(t, json.Valid(b))
	require.NoError(t, RemoveRunFile(dir))
	require.NoError(t, RemoveRunFile(dir), "it was gone already")

	l.Serve(serve)
	ctx, stop := context.WithCancel(t.Context())
	g, ctx := errgroup.WithContext(ctx)
	l.Run(ctx, g)
	require.Equal(t, "hello", exchange(t, l.Of("stream")))
	require.Equal(t, "hello", exchange(t, l.Of("local")))
	for range 3 {
		require.Equal(t, "ping", exchange(t, l.Of("datagrams")))
	}
	conn, err := l.Of("inside").DialContext(t.Context())
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	_, err = l.Of("page").DialContext(t.Context())
	require.ErrorContains(t, err, "listener page is not within the process")
	resp, err := http.Get("http://" + l.Of("page").Addr().String())
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	http.DefaultClient.CloseIdleConnections()
	require.NoError(t, l.Shutdown(t.Context()))
	require.NoError(t, g.Wait(), "a server that was shut down did not fail")
	stop()
	n, err := testutil.GatherAndCount(reg, "strata_connections_refused_total")
	require.NoError(t, err)
	require.Equal(t, 3, n, "connections are bounded, datagrams have none")
}

// TestEndWithTheContext: without a shutdown everything is closed at once.
func TestEndWithTheContext(t *testing.T) {
	l, _ := open(t,
		Row{Name: "datagrams", Key: "x", Network: "udp", Address: anyPort}, Row{Name: "inside", Network: InProcess},
		Row{Name: "page", Key: "y", Network: "tcp", Address: anyPort},
	)
	l.Serve(serve)
	ctx, stop := context.WithCancel(t.Context())
	g, ctx := errgroup.WithContext(ctx)
	l.Run(ctx, g)
	stop()
	require.NoError(t, g.Wait())
}

// broken is a server that ends by itself and cannot be shut down.
type broken struct{}

func (broken) Serve(*Socket) error            { return io.ErrUnexpectedEOF }
func (broken) Shutdown(context.Context) error { return io.ErrClosedPipe }
func (broken) Close() error                   { return nil }

// TestFailuresNameTheListener: of a server that ends, and of one that does not drain.
func TestFailuresNameTheListener(t *testing.T) {
	l, _ := open(t, Row{Name: "page", Key: "x", Network: "tcp", Address: anyPort})
	l.Serve(func(*Socket) Server { return broken{} })
	g, ctx := errgroup.WithContext(t.Context())
	l.Run(ctx, g)
	err := g.Wait()
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.ErrorContains(t, err, "serve page")
	err = l.Shutdown(t.Context())
	require.ErrorIs(t, err, io.ErrClosedPipe)
	require.ErrorContains(t, err, "shut down page")
}

// TestUnderWay: a shutdown waits for a request that was begun, and no longer than its context.
func TestUnderWay(t *testing.T) {
	for _, patient := range []bool{true, false} {
		t.Run(strconv.FormatBool(patient), func(t *testing.T) {
			begun, answer := make(chan struct{}), make(chan struct{})
			l, _ := open(t, Row{Name: "page", Key: "x", Network: "tcp", Address: anyPort})
			l.Serve(func(*Socket) Server {
				return HTTP(NewHTTPServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					close(begun)
					<-answer
					_, _ = io.WriteString(w, "done")
				})))
			})
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			g, ctx := errgroup.WithContext(ctx)
			l.Run(ctx, g)
			conn, err := net.Dial("tcp", l.Of("page").Addr().String())
			require.NoError(t, err)
			defer func() { _ = conn.Close() }()
			_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			require.NoError(t, err)
			<-begun
			if !patient {
				over, cancel := context.WithCancel(t.Context())
				cancel()
				require.ErrorIs(t, l.Shutdown(over), context.Canceled)
				close(answer)
				return
			}
			down := make(chan error)
			go func() { down <- l.Shutdown(t.Context()) }()
			close(answer)
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			require.NoError(t, err)
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, "done", string(body))
			require.NoError(t, <-down)
			require.NoError(t, g.Wait())
		})
	}
}

// TestGRPCShutdownEnds: a call that never ends is cut off with the context.
func TestGRPCShutdownEnds(t *testing.T) {
	begun := make(chan struct{})
	srv := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error {
		close(begun)
		<-s.Context().Done()
		return s.Context().Err()
	}))
	l, _ := open(t, Row{Name: "inside", Network: InProcess})
	l.Serve(func(*Socket) Server { return GRPC(srv) })
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	g, ctx := errgroup.WithContext(ctx)
	l.Run(ctx, g)
	client, err := grpc.NewClient("passthrough:///x", grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
		return l.Of("inside").DialContext(ctx)
	}))
	require.NoError(t, err)
	defer func() { _ = client.Close() }()
	_, err = client.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true}, "/x/y")
	require.NoError(t, err)
	<-begun
	over, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	require.NoError(t, l.Shutdown(over))
	require.NoError(t, g.Wait())
}

// TestTLS: the socket of a row with TLS speaks it, and nothing else.
func TestTLS(t *testing.T) {
	cert, key := certtest.SelfSigned(t)
	config, err := certs.Server{CertFile: cert, KeyFile: key}.Load(slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	l, _ := open(t, Row{Name: "page", Key: "x", Network: "tcp", Address: anyPort, TLS: config})
	l.Serve(serve)
	ctx, stop := context.WithCancel(t.Context())
	g, ctx := errgroup.WithContext(ctx)
	l.Run(ctx, g)
	trust, err := certs.Client{CAFile: cert}.Load()
	require.NoError(t, err)
	transport := &http.Transport{TLSClientConfig: trust}
	resp, err := (&http.Client{Transport: transport}).Get("https://" + l.Of("page").Addr().String())
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	resp, err = (&http.Client{Transport: transport}).Get("http://" + l.Of("page").Addr().String())
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusBadRequest, resp.StatusCode)
	transport.CloseIdleConnections()
	stop()
	require.NoError(t, g.Wait())
}

// TestCannotBeOpened: the error names the address and the key, and what was open before is closed.
func TestCannotBeOpened(t *testing.T) {
	for _, network := range []string{"tcp", "udp", "unix"} {
		addr := anyPort
		if network == "unix" {
			addr = filepath.Join(t.TempDir(), "s.sock")
		}
		l, _ := open(t, Row{Name: "first", Key: "x.first", Network: network, Address: addr})
		taken := l.Of("first").Addr().String()
		other := filepath.Join(t.TempDir(), "other.sock")
		_, err := Open(t.Context(), []Row{
			{Name: "before", Key: "x.before", Network: "unix", Address: other}, {Name: "second", Key: "x.second", Network: network, Address: taken},
		}, prometheus.NewRegistry())
		require.ErrorContains(t, err, "listen on "+taken+" (x.second)")
		require.NoFileExists(t, other)
	}
	reg := prometheus.NewRegistry()
	_, err := Open(t.Context(), []Row{{Name: "a", Key: "x", Network: "tcp", Address: anyPort}, {Name: "b", Key: "x", Network: "tcp", Address: anyPort}}, reg)
	require.ErrorContains(t, err, "register metrics of listener b")
}

// TestStaleUnixSocket: one that a killed process left behind is replaced, a file that is none is not.
func TestStaleUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.sock")
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(t, err)
	left.SetUnlinkOnClose(false)
	require.NoError(t, left.Close())
	table := []Row{{Name: "local", Key: "x", Network: "unix", Address: path}}
	l, err := Open(t.Context(), table, prometheus.NewRegistry())
	require.NoError(t, err)
	require.NoError(t, l.Close())
	require.NoError(t, os.WriteFile(path, []byte("mine"), 0o600))
	_, err = Open(t.Context(), table, prometheus.NewRegistry())
	require.Error(t, err)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "mine", string(b))
}

// TestRunFileCannotBeKept: the errors name the file.
func TestRunFileCannotBeKept(t *testing.T) {
	l, _ := open(t)
	dir := t.TempDir()
	require.ErrorContains(t, l.WriteRunFile(filepath.Join(dir, "none")), RunFile)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, RunFile, "x"), 0o700))
	require.ErrorContains(t, RemoveRunFile(dir), RunFile)
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
		for _, s := range []*Socket{{stream: at{addr: &net.TCPAddr{IP: ip}}}, {packets: at{addr: &net.UDPAddr{IP: ip}}}} {
			l := Listeners{[]*Socket{{stream: at{addr: &net.UnixAddr{Name: "/x"}}}, s}}
			require.Equal(t, want, l.Loopback(), "%s %T", addr, s.Addr())
		}
	}
}

// pipes hands out one end of a pipe for each connection.
type pipes struct {
	net.Listener
	conns chan net.Conn
}

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

// TestBounded: past the limit a connection is closed and counted; one that ends makes room, once however often it is closed.
func TestBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		under := pipes{conns: make(chan net.Conn)}
		l := newBounded(under, 2)
		accepted := make(chan net.Conn)
		go func() {
			defer close(accepted)
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				accepted <- conn
			}
		}()
		dial := func() net.Conn {
			client, server := net.Pipe()
			under.conns <- server
			return client
		}
		dial()
		first := <-accepted
		dial()
		second := <-accepted
		_, err := dial().Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF, "the third is closed at once")
		require.EqualValues(t, 1, l.refused.Load())
		require.NoError(t, first.Close())
		require.NoError(t, first.Close())
		dial()
		third := <-accepted
		_, err = dial().Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF, "closing twice made room for one")
		require.EqualValues(t, 2, l.refused.Load())
		require.NoError(t, errors.Join(second.Close(), third.Close()))
		close(under.conns)
		<-accepted
	})
}
