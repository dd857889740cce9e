// SPDX-License-Identifier: Apache-2.0

package syslog

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/strata-apm/strata/collector/logs/when"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// received is one message as the tests look at it.
type received struct{ level, host, client, body string }

func receivedOf(lr plog.LogRecord) received {
	a := lr.Attributes().AsRaw()
	text := func(name string) string { s, _ := a[name].(string); return s }
	return received{lr.SeverityText(), text("syslog.hostname"), text("client.address"), lr.Body().AsString()}
}

// start starts a receiver; what it receives comes over the channel, request by request. Each request waits until it is taken.
func start(t *testing.T, change func(*Config)) (*server, <-chan []received) {
	t.Helper()
	out := make(chan []received)
	next, err := consumer.NewLogs(func(_ context.Context, ld plog.Logs) error {
		var batch []received
		for _, lr := range ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
			batch = append(batch, receivedOf(lr))
		}
		out <- batch
		return nil
	})
	require.NoError(t, err)
	s := newServer(t, next, change)
	require.NoError(t, s.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() { require.NoError(t, s.Shutdown(context.Background())) })
	return s, out
}

func newServer(t *testing.T, next consumer.Logs, change func(*Config)) *server {
	t.Helper()
	factory, err := NewFactory()
	require.NoError(t, err)
	cfg := factory.CreateDefaultConfig().(*Config)
	change(cfg)
	set := receiver.Settings{ID: component.NewID(factory.Type()), TelemetrySettings: component.TelemetrySettings{Logger: zap.NewNop()}}
	r, err := factory.CreateLogs(t.Context(), set, cfg, next)
	require.NoError(t, err)
	return r.(*server)
}

func listen(address string) func(*Config) { return func(c *Config) { c.Listen = address } }

func dial(t *testing.T, network, address string) net.Conn {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), network, address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestFactory(t *testing.T) {
	factory, err := NewFactory()
	require.NoError(t, err)
	require.Equal(t, &Config{Timezone: "Local", Times: when.DefaultLimits()}, factory.CreateDefaultConfig())
	for name, c := range map[string]Config{"timezone": {Timezone: "Mars/Olympus"}, "encoding": {Timezone: "UTC", Encoding: "klingon"}} {
		_, err := factory.CreateLogs(t.Context(), receiver.Settings{ID: component.NewID(factory.Type())}, &c, consumertest.NewNop())
		require.ErrorContains(t, err, name)
	}
	s := newServer(t, consumertest.NewNop(), listen("udp://127.0.0.1:0"))
	require.NoError(t, s.Shutdown(t.Context()), "never started")
}

// TestUDP: a datagram is a message; without a host in it the sender's address is told.
func TestUDP(t *testing.T) {
	s, out := start(t, func(c *Config) { c.Listen, c.Encoding = "udp://127.0.0.1:0", "gbk" })
	c := dial(t, "udp", s.packets.LocalAddr().String())
	for _, text := range []string{"<11>Nov 28 17:05:00 web app: failed\n", "<14>\xb5\xc7\xc2\xbc", ""} {
		_, err := io.WriteString(c, text)
		require.NoError(t, err)
	}
	require.Equal(t, []received{{"err", "web", "", "failed"}}, <-out)
	require.Equal(t, []received{{"info", "", "127.0.0.1", "登录"}}, <-out)
	require.NoError(t, s.Shutdown(t.Context()))
	_, err := io.WriteString(c, "<14>late")
	_ = err // The port is closed; the datagram goes nowhere.
	select {
	case got := <-out:
		require.Fail(t, "received after the stop", "%v", got)
	default:
	}
}

// TestTCP: messages of a connection that are there together are one request, of a hundred at the most.
func TestTCP(t *testing.T) {
	s, out := start(t, listen("tcp://127.0.0.1:0"))
	c := dial(t, "tcp", s.listener.Addr().String())
	var text strings.Builder
	for i := range maxBatch + 5 {
		fmt.Fprintf(&text, "<14>Nov 28 17:05:00 web app: %d\n", i)
	}
	_, err := io.WriteString(c, text.String())
	require.NoError(t, err)
	got := []received{}
	for len(got) < maxBatch+5 {
		batch := <-out
		require.LessOrEqual(t, len(batch), maxBatch)
		got = append(got, batch...)
	}
	for i, r := range got {
		require.Equal(t, received{"info", "web", "", strconv.Itoa(i)}, r)
	}
	// A second connection is served beside the first, and what it ends with needs no end.
	second := dial(t, "tcp", s.listener.Addr().String())
	_, err = io.WriteString(second, "20 <13>counted\nmessages<11>Nov 28 17:05:00 db pg: no end")
	require.NoError(t, err)
	require.NoError(t, second.(*net.TCPConn).CloseWrite())
	got = <-out
	for len(got) < 2 {
		got = append(got, <-out...)
	}
	require.Equal(t, []received{{"notice", "", "127.0.0.1", "counted\nmessages"}, {"err", "db", "", "no end"}}, got)
}

// TestStopHandsOver: a message that was received is handed over although the receiver stops, and open connections end.
func TestStopHandsOver(t *testing.T) {
	s, out := start(t, listen("tcp://127.0.0.1:0"))
	c := dial(t, "tcp", s.listener.Addr().String())
	_, err := io.WriteString(c, "<14>Nov 28 17:05:00 web app: one\n<14>Nov 28 17:05:00 web app: half")
	require.NoError(t, err)
	require.Equal(t, "one", (<-out)[0].body)
	stopped := make(chan error)
	go func() { stopped <- s.Shutdown(context.Background()) }()
	require.Equal(t, "half", (<-out)[0].body)
	require.NoError(t, <-stopped)
	_, err = c.Read(make([]byte, 1))
	require.Error(t, err, "the connection is closed")
	_, err = (&net.Dialer{}).DialContext(t.Context(), "tcp", s.listener.Addr().String())
	require.Error(t, err, "nobody listens")
}

// TestTimesOfMessages: a time that the server would refuse is kept beside the time of reading.
func TestTimesOfMessages(t *testing.T) {
	var sink consumertest.LogsSink
	s := newServer(t, &sink, func(c *Config) { c.Listen, c.Timezone = "udp://127.0.0.1:0", "UTC" })
	s.pass(t.Context(), []packet{{[]byte("<14>1 2001-01-02T03:04:05Z web app - - - old"), &net.UDPAddr{IP: net.IPv4(10, 0, 0, 9)}}})
	lr := sink.AllLogs()[0].ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
	require.Equal(t, lr.ObservedTimestamp(), lr.Timestamp())
	require.Equal(t, "2001-01-02T03:04:05Z", lr.Attributes().AsRaw()[when.AttrOriginal])
}

// TestListenFails: an address that is taken or none is an error of the start.
func TestListenFails(t *testing.T) {
	taken, _ := start(t, listen("tcp://127.0.0.1:0"))
	takenUDP, _ := start(t, listen("udp://127.0.0.1:0"))
	for _, address := range []string{
		"tcp://" + taken.listener.Addr().String(), "udp://" + takenUDP.packets.LocalAddr().String(), "tcp://127.0.0.1:99999", "udp://nowhere.invalid.:1",
	} {
		s := newServer(t, consumertest.NewNop(), listen(address))
		require.ErrorContains(t, s.Start(t.Context(), componenttest.NewNopHost()), "listen for syslog", address)
		require.NoError(t, s.Shutdown(t.Context()))
	}
}

// failing is a listener, and a socket, that fails some times before it is closed.
type failing struct {
	net.Listener
	net.PacketConn
	left  atomic.Int32
	at    []time.Duration // since begin, of each attempt
	begin time.Time
}

func (f *failing) try() error {
	f.at = append(f.at, time.Since(f.begin))
	if f.left.Add(-1) >= 0 {
		return errors.New("too many open files")
	}
	return net.ErrClosed
}

func (f *failing) Accept() (net.Conn, error)              { return nil, f.try() }
func (f *failing) Close() error                           { return nil }
func (f *failing) ReadFrom([]byte) (int, net.Addr, error) { return 0, nil, f.try() }

// TestSocketFails: a socket that fails is tried again after pauses that grow, and a stop does not wait for them.
func TestSocketFails(t *testing.T) {
	for name, run := range map[string]func(*server, context.Context, *failing){
		"a listener": func(s *server, ctx context.Context, f *failing) { s.listener = f; s.accept(ctx) },
		"a socket":   func(s *server, ctx context.Context, f *failing) { s.packets = f; s.readPackets(ctx, make(chan packet)) },
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newServer(t, consumertest.NewNop(), listen("tcp://127.0.0.1:0"))
			f := &failing{begin: time.Now()}
			f.left.Store(8)
			run(s, t.Context(), f)
			require.Len(t, f.at, 9, name)
			require.GreaterOrEqual(t, f.at[1], retryFirst*8/10, name)
			for i := 1; i < len(f.at); i++ {
				require.LessOrEqual(t, f.at[i]-f.at[i-1], retryMost*12/10, name)
			}
			require.Greater(t, f.at[8], 10*time.Second, name)

			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			f.left.Store(1 << 30)
			begin := time.Now()
			run(s, ctx, f)
			require.Equal(t, time.Millisecond, time.Since(begin), name)
		})
	}
}

// TestQueueFails: messages that the queue does not take are lost, and the receiver goes on.
func TestQueueFails(t *testing.T) {
	next, err := consumer.NewLogs(func(context.Context, plog.Logs) error { return errors.New("disk full") })
	require.NoError(t, err)
	s := newServer(t, next, listen("tcp://127.0.0.1:0"))
	require.NoError(t, s.Start(t.Context(), componenttest.NewNopHost()))
	c := dial(t, "tcp", s.listener.Addr().String())
	for range 3 {
		_, err := io.WriteString(c, "<14>x\n")
		require.NoError(t, err)
	}
	require.NoError(t, s.Shutdown(t.Context()))
}

// authority makes certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

// issue writes a certificate and its key, signed by a, or by itself as an authority when a is nil.
func issue(t *testing.T, a *authority, serial int64) (*authority, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: strconv.FormatInt(serial, 10)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, IsCA: a == nil, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	parent, signer := template, key
	if a != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	keyDER, err := x509.MarshalECPrivateKey(key)
	require.NoError(t, err)
	certFile, keyFile := filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	require.NoError(t, os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}), 0o600))
	return &authority{cert, key, certFile}, keyFile
}

// TestTLS: certificates are read for each connection; with an authority of the clients only they are heard.
func TestTLS(t *testing.T) {
	ca, _ := issue(t, nil, 1)
	server, serverKey := issue(t, ca, 2)
	client, clientKey := issue(t, ca, 3)
	stranger, strangerKey := issue(t, nil, 4)
	s, out := start(t, func(c *Config) {
		c.Listen, c.CertFile, c.KeyFile, c.ClientCAFile = "tls://127.0.0.1:0", server.file, serverKey, ca.file
	})
	address := s.listener.Addr().String()
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	connect := func(cert, key string) (*tls.Conn, error) {
		cfg := &tls.Config{RootCAs: roots, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}
		if cert != "" {
			pair, err := tls.LoadX509KeyPair(cert, key)
			require.NoError(t, err)
			cfg.Certificates = []tls.Certificate{pair}
		}
		c := tls.Client(dial(t, "tcp", address), cfg)
		if err := c.HandshakeContext(t.Context()); err != nil {
			return nil, err
		}
		_, err := io.WriteString(c, "<14>Nov 28 17:05:00 web app: over TLS\n")
		return c, err
	}
	c, err := connect(client.file, clientKey)
	require.NoError(t, err)
	require.Equal(t, []received{{"info", "web", "", "over TLS"}}, <-out)
	require.Equal(t, int64(2), c.ConnectionState().PeerCertificates[0].SerialNumber.Int64())

	renewed, renewedKey := issue(t, ca, 5)
	require.NoError(t, os.Rename(renewed.file, server.file))
	require.NoError(t, os.Rename(renewedKey, serverKey))
	c, err = connect(client.file, clientKey)
	require.NoError(t, err)
	require.Len(t, <-out, 1)
	require.Equal(t, int64(5), c.ConnectionState().PeerCertificates[0].SerialNumber.Int64())

	for name, pair := range map[string][2]string{"nobody": {"", ""}, "a stranger": {stranger.file, strangerKey}} {
		c, err := connect(pair[0], pair[1])
		if err == nil { // In TLS 1.3 the client hears of it when it reads.
			_, err = c.Read(make([]byte, 1))
		}
		require.Error(t, err, name)
	}
	plain := dial(t, "tcp", address)
	_, err = io.WriteString(plain, "<14>Nov 28 17:05:00 web app: without TLS\n")
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, plain)
	require.NoError(t, err, "the connection ends")
}

func TestTLSFiles(t *testing.T) {
	cert, key := issue(t, nil, 1)
	empty := filepath.Join(t.TempDir(), "empty.pem")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	for name, c := range map[string]struct {
		change Config
		want   string
	}{
		"no certificate":       {Config{CertFile: "/nonexistent", KeyFile: key}, "syslog certificate: open /nonexistent"},
		"an empty certificate": {Config{CertFile: empty, KeyFile: key}, "syslog certificate"},
		"no client CA":         {Config{CertFile: cert.file, KeyFile: key, ClientCAFile: "/nonexistent"}, "syslog client CA: open /nonexistent"},
		"an empty client CA":   {Config{CertFile: cert.file, KeyFile: key, ClientCAFile: empty}, "has no certificate"},
	} {
		s := newServer(t, consumertest.NewNop(), func(cfg *Config) {
			cfg.Listen, cfg.CertFile, cfg.KeyFile, cfg.ClientCAFile = "tls://127.0.0.1:0", c.change.CertFile, c.change.KeyFile, c.change.ClientCAFile
		})
		require.ErrorContains(t, s.Start(t.Context(), componenttest.NewNopHost()), c.want, name)
		require.NoError(t, s.Shutdown(t.Context()))
		_, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.listener.Addr().String())
		require.Error(t, err, "%s: nobody listens", name)
	}
}

// TestTooManyConnections: beyond the bound a connection is closed at once, and one that ends makes room.
func TestTooManyConnections(t *testing.T) {
	s, out := start(t, listen("tcp://127.0.0.1:0"))
	s.mu.Lock()
	idle, peer := net.Pipe()
	for range maxConns - 1 {
		s.conns[&net.TCPConn{}] = true
	}
	s.conns[idle] = true
	s.mu.Unlock()
	t.Cleanup(func() { _ = peer.Close() })
	refused := dial(t, "tcp", s.listener.Addr().String())
	_, err := refused.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	s.mu.Lock()
	clear(s.conns)
	s.mu.Unlock()
	_ = idle.Close()
	c := dial(t, "tcp", s.listener.Addr().String())
	_, err = io.WriteString(c, "<14>x\n")
	require.NoError(t, err)
	require.Equal(t, "x", (<-out)[0].body)
}
