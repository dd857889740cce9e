// SPDX-License-Identifier: Apache-2.0

package syslog

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver"
	"go.uber.org/zap"

	"github.com/strata-apm/strata/backoff"
	"github.com/strata-apm/strata/collector/logs/charset"
	"github.com/strata-apm/strata/collector/logs/when"
)

// Type is the receiver's type in a collector's configuration.
const Type = "strata_syslog"

const (
	udpQueue = 10_000
	maxConns = 1000
	maxBatch = 100
	// handshake is how long a TLS handshake may take.
	handshake = 10 * time.Second
	// retryFirst and retryMost are the pauses after a connection or a datagram that could not be taken from the socket.
	retryFirst = 100 * time.Millisecond
	retryMost  = 5 * time.Second
)

// Config is one address.
type Config struct {
	// Listen is udp://, tcp:// or tls:// host:port.
	Listen string `mapstructure:"listen"`
	// CertFile and KeyFile are the server's certificate and key as PEM, for tls alone.
	CertFile string `mapstructure:"cert_file"`
	KeyFile  string `mapstructure:"key_file"`
	// ClientCAFile has the authorities whose clients are heard; empty hears everybody.
	ClientCAFile string `mapstructure:"client_ca_file"`
	// Timezone is for times that name none; empty is UTC, Local this host's.
	Timezone string `mapstructure:"timezone"`
	// Encoding is how messages are written; see charset.Lookup. Empty looks at each of them.
	Encoding string `mapstructure:"encoding"`
	// Times bound the times that are read from the messages.
	Times when.Limits `mapstructure:"times"`
}

// NewFactory returns the receiver's factory.
func NewFactory() (receiver.Factory, error) {
	typ, err := component.NewType(Type)
	if err != nil {
		return nil, fmt.Errorf("receiver type: %w", err)
	}
	return receiver.NewFactory(typ, func() component.Config { return &Config{Timezone: "Local", Times: when.DefaultLimits()} },
		receiver.WithLogs(func(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Logs) (receiver.Logs, error) {
			c := *cfg.(*Config)
			zone, err := time.LoadLocation(c.Timezone)
			if err != nil {
				return nil, fmt.Errorf("timezone: %w", err)
			}
			encoding, err := charset.Lookup(c.Encoding)
			if err != nil {
				return nil, fmt.Errorf("encoding: %w", err)
			}
			return &server{cfg: c, encoding: encoding, parser: &Parser{Zone: zone, Now: time.Now}, next: next, logger: set.Logger, conns: make(map[net.Conn]bool), stop: func() {}}, nil
		}, component.StabilityLevelStable),
	), nil
}

// server is one receiver.
type server struct {
	cfg      Config
	encoding charset.Named
	parser   *Parser
	next     consumer.Logs
	logger   *zap.Logger
	listener net.Listener
	packets  net.PacketConn
	wg       sync.WaitGroup
	// stop ends the pauses between attempts; it does nothing before Start.
	stop context.CancelFunc

	mu     sync.Mutex
	closed bool              // no connection is taken any more; guarded by mu
	conns  map[net.Conn]bool // the open ones; guarded by mu
}

// Start implements component.Component.
func (s *server) Start(ctx context.Context, _ component.Host) error {
	kind, addr, _ := strings.Cut(s.cfg.Listen, "://")
	var err error
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	if kind == "udp" {
		if s.packets, err = (&net.ListenConfig{}).ListenPacket(ctx, "udp", addr); err != nil {
			return fmt.Errorf("listen for syslog: %w", err)
		}
		queue := make(chan packet, udpQueue)
		s.wg.Go(func() { s.readPackets(run, queue) })
		s.wg.Go(func() {
			for p := range queue {
				s.pass(context.WithoutCancel(run), []packet{p})
			}
		})
		return nil
	}
	if s.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", addr); err != nil {
		return fmt.Errorf("listen for syslog: %w", err)
	}
	if kind == "tls" {
		cfg, err := s.tls()
		if err != nil {
			return errors.Join(err, s.listener.Close())
		}
		s.listener = tls.NewListener(s.listener, cfg)
	}
	s.wg.Go(func() { s.accept(run) })
	return nil
}

// Shutdown implements component.Component.
func (s *server) Shutdown(context.Context) error {
	s.stop()
	s.mu.Lock()
	s.closed = true
	for c := range s.conns {
		_ = c.Close()
	}
	s.mu.Unlock()
	if s.listener != nil {
		_ = s.listener.Close()
	}
	if s.packets != nil {
		_ = s.packets.Close()
	}
	s.wg.Wait()
	return nil
}

// tls reads the certificate anew for each connection, so that one that was renewed is used.
func (s *server) tls() (*tls.Config, error) {
	load := func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		c, err := tls.LoadX509KeyPair(s.cfg.CertFile, s.cfg.KeyFile)
		return &c, err // It names the file.
	}
	if _, err := load(nil); err != nil {
		return nil, fmt.Errorf("syslog certificate: %w", err)
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: load}
	if s.cfg.ClientCAFile == "" {
		return cfg, nil
	}
	pem, err := os.ReadFile(s.cfg.ClientCAFile)
	if err != nil {
		return nil, fmt.Errorf("syslog client CA: %w", err)
	}
	cfg.ClientCAs, cfg.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
	if !cfg.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("syslog client CA: %s has no certificate", s.cfg.ClientCAFile)
	}
	return cfg, nil
}

// packet is a message and who sent it.
type packet struct {
	text []byte
	from net.Addr
}

// readPackets empties the socket's buffer, some hundred messages, while others are taken apart. A datagram that finds the queue full waits in the buffer, and the
// kernel counts those that the buffer has no space for.
func (s *server) readPackets(ctx context.Context, queue chan<- packet) {
	defer close(queue)
	retry := backoff.New(retryFirst, retryMost)
	buf := make([]byte, MaxMessage)
	for {
		n, from, err := s.packets.ReadFrom(buf)
		if n > 0 {
			queue <- packet{append([]byte(nil), buf[:n]...), from}
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			retry.Reset()
		} else if retry.Wait(ctx) != nil {
			return
		}
	}
}

// accept serves connections until the listener is closed. A failed accept is tried again until ctx ends; what a connection has sent is handed over
// even then.
func (s *server) accept(ctx context.Context) {
	retry := backoff.New(retryFirst, retryMost)
	for {
		c, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // Out of descriptors, perhaps.
			s.logger.Error("syslog connection not accepted", zap.Error(err))
			if retry.Wait(ctx) != nil {
				return
			}
			continue
		}
		retry.Reset()
		s.mu.Lock()
		refused := s.closed || len(s.conns) >= maxConns
		if !refused {
			s.conns[c] = true
		}
		s.mu.Unlock()
		if refused {
			_ = c.Close()
			continue
		}
		s.wg.Go(func() {
			s.serve(context.WithoutCancel(ctx), c)
			s.mu.Lock()
			delete(s.conns, c)
			s.mu.Unlock()
			_ = c.Close()
		})
	}
}

// serve reads the messages of a connection until it ends.
func (s *server) serve(ctx context.Context, c net.Conn) {
	if t, ok := c.(*tls.Conn); ok {
		_ = c.SetDeadline(time.Now().Add(handshake))
		if err := t.HandshakeContext(ctx); err != nil {
			s.logger.Warn("syslog over TLS refused", zap.String("from", c.RemoteAddr().String()), zap.Error(err))
			return
		}
		_ = c.SetDeadline(time.Time{})
	}
	frames := NewFrames(c)
	var batch []packet
	for {
		b, err := frames.Next()
		if len(b) > 0 {
			batch = append(batch, packet{b, c.RemoteAddr()})
		}
		if len(batch) > 0 && (err != nil || len(batch) == maxBatch || !frames.Ready()) {
			s.pass(ctx, batch)
			batch = nil
		}
		if err != nil {
			return
		}
	}
}

// pass hands messages over.
func (s *server) pass(ctx context.Context, batch []packet) {
	ld := plog.NewLogs()
	records, now := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords(), time.Now()
	records.EnsureCapacity(len(batch))
	for _, p := range batch {
		lr := records.AppendEmpty()
		lr.SetObservedTimestamp(pcommon.NewTimestampFromTime(now))
		s.parser.Parse(s.encoding.Decode(p.text, &charset.Guess{}), lr)
		s.cfg.Times.Apply(lr, now)
		if _, ok := lr.Attributes().Get("syslog.hostname"); !ok {
			if host, _, err := net.SplitHostPort(p.from.String()); err == nil {
				lr.Attributes().PutStr("client.address", host)
			}
		}
	}
	if err := s.next.ConsumeLogs(ctx, ld); err != nil {
		s.logger.Error("syslog messages lost", zap.Int("messages", len(batch)), zap.Error(err))
	}
}
