// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/open-telemetry/opamp-go/client"
	"github.com/open-telemetry/opamp-go/client/types"
	"github.com/open-telemetry/opamp-go/protobufs"

	"github.com/strata-apm/strata/collector/status"
)

const (
	// Capability names the custom messages that carry the status board; messageBoard is their type.
	Capability   = "io.strata.status"
	messageBoard = "board"

	// boardEvery is how often the board is sent at most when it changes, boardAnyway when it does not: the server may have lost it.
	boardEvery  = 5 * time.Second
	boardAnyway = time.Minute
	// answerWithin is how long a first answer may take; later ones may take three heartbeats.
	answerWithin = 10 * time.Second
	// httpFor is how long plain HTTP is used before WebSocket gets another chance.
	httpFor     = 10 * time.Minute
	stopTimeout = 2 * time.Second

	capabilities = protobufs.AgentCapabilities_AgentCapabilities_ReportsStatus |
		protobufs.AgentCapabilities_AgentCapabilities_AcceptsRemoteConfig |
		protobufs.AgentCapabilities_AgentCapabilities_ReportsEffectiveConfig |
		protobufs.AgentCapabilities_AgentCapabilities_ReportsHealth |
		protobufs.AgentCapabilities_AgentCapabilities_ReportsRemoteConfig |
		protobufs.AgentCapabilities_AgentCapabilities_ReportsHeartbeat
)

// Options are given by the agent. All are required but Key and TLS.
type Options struct {
	// URL is http:// or https://, with the path.
	URL string
	// Key returns the key to send with each connection, empty for none.
	Key func() string
	// TLS is used for https.
	TLS       *tls.Config
	Heartbeat time.Duration
	Identity  Identity
	Version   string
	// Attributes describe the host.
	Attributes map[string]string
	Board      *status.Board
	Agent      Agent
	Logger     *slog.Logger
}

// Connection is how the talk with the server goes.
type Connection struct {
	URL       string    `json:"url"`
	Transport string    `json:"transport"`
	Connected bool      `json:"connected"`
	HeardAt   time.Time `json:"heard_at,omitzero"`
	Error     string    `json:"error,omitempty"`
}

// Client talks to the server. Safe for concurrent use.
type Client struct {
	opts Options

	mu      sync.Mutex
	conn    Connection // guarded by mu
	refused string     // guarded by mu; the refusal that was told last, empty when the server was heard or away since
}

// New returns a client that does nothing yet.
func New(opts Options) *Client {
	return &Client{opts: opts, conn: Connection{URL: opts.URL}}
}

// Connection returns how it goes.
func (c *Client) Connection() Connection {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conn
}

const (
	overWebSocket = "websocket"
	overHTTP      = "http"
)

// Run talks until ctx ends.
func (c *Client) Run(ctx context.Context) {
	transport := overWebSocket
	for ctx.Err() == nil {
		err := c.session(ctx, transport)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			err = c.reason(ctx, err)
		}
		c.lost(transport, err)
		if transport == overWebSocket {
			transport = overHTTP
		} else {
			transport = overWebSocket
		}
	}
}

func (c *Client) lost(transport string, err error) {
	c.mu.Lock()
	was := c.conn.Connected
	c.conn.Connected = false
	c.mu.Unlock()
	if err == nil {
		return
	}
	c.tell(err)
	if was && !errors.Is(err, errRefused) {
		c.opts.Logger.Warn("the server is not heard over OpAMP, tried again", "transport", transport, "reason", err)
	}
}

// session is one client of the library.
type session struct {
	*Client
	transport string
	lib       client.OpAMPClient
	// heard receives a value with each answer, connected with each connection.
	heard, connected chan struct{}
	// failed is done by the first connection that fails; the end of the session tells of the others.
	failed sync.Once
}

// session talks over one transport until the server is silent or ctx ends.
func (c *Client) session(ctx context.Context, transport string) error {
	s := &session{Client: c, transport: transport, heard: make(chan struct{}, 1), connected: make(chan struct{}, 1)}
	url := c.opts.URL
	if transport == overHTTP {
		s.lib = client.NewHTTP(logger{c.opts.Logger})
	} else {
		s.lib = client.NewWebSocket(logger{c.opts.Logger})
		url = "ws" + strings.TrimPrefix(url, "http")
	}
	if err := s.start(ctx, url); err != nil {
		return fmt.Errorf("start OpAMP: %w", err)
	}
	err := s.talk(ctx)
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if stopErr := s.lib.Stop(stop); stopErr != nil {
		c.opts.Logger.Debug("OpAMP stopped late", "reason", stopErr)
	}
	return err
}

func (s *session) start(ctx context.Context, url string) error {
	o := s.opts
	about := maps.Clone(o.Attributes)
	about["strata.heartbeat"] = o.Heartbeat.String()
	err := s.lib.SetAgentDescription(&protobufs.AgentDescription{
		IdentifyingAttributes: attributes(map[string]string{
			"service.name": "strata-agent", "service.version": o.Version, "service.instance.id": o.Identity.UID.String(),
		}),
		NonIdentifyingAttributes: attributes(about),
	})
	if err != nil {
		return err // The caller says what it was.
	}
	supported := capabilities
	if err := s.lib.SetHealth(o.Agent.Health().proto()); err != nil {
		return err // As above.
	}
	if err := s.lib.SetCapabilities(&supported); err != nil {
		return err // As above.
	}
	if err := s.lib.SetCustomCapabilities(&protobufs.CustomCapabilities{Capabilities: []string{Capability}}); err != nil {
		return err // As above.
	}
	return s.lib.Start(ctx, types.StartSettings{ // As above.
		OpAMPServerURL: url,
		HeaderFunc: func(h http.Header) http.Header {
			s.authorize(h)
			return h
		},
		TLSConfig: o.TLS, InstanceUid: types.InstanceUid(o.Identity.UID), RemoteConfigStatus: o.Agent.Pushed().proto(),
		HeartbeatInterval: &o.Heartbeat,
		Callbacks: types.Callbacks{
			OnConnect: func(context.Context) { notify(s.connected) },
			OnConnectFailed: func(ctx context.Context, err error) {
				s.failed.Do(func() { s.tell(s.reason(ctx, err)) })
			},
			OnMessage: s.message,
			GetEffectiveConfig: func(context.Context) (*protobufs.EffectiveConfig, error) {
				return &protobufs.EffectiveConfig{ConfigMap: &protobufs.AgentConfigMap{ConfigMap: map[string]*protobufs.AgentConfigFile{
					"": {Body: []byte(o.Agent.Effective()), ContentType: "text/yaml"},
				}}}, nil
			},
			// A redirect could lead the key elsewhere.
			CheckRedirect: func(*http.Request, []*http.Request, []*http.Response) error { return http.ErrUseLastResponse },
		},
	})
}

func notify(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// message hears an answer, which may bring a configuration.
func (s *session) message(_ context.Context, m *types.MessageData) {
	if m.RemoteConfig != nil {
		var text []byte
		for _, f := range m.RemoteConfig.GetConfig().GetConfigMap() {
			text = f.GetBody()
		}
		s.opts.Agent.Offer(m.RemoteConfig.GetConfigHash(), text)
	}
	notify(s.heard)
}

// talk reports what changes until the server is silent for too long or ctx ends.
func (s *session) talk(ctx context.Context) error {
	began := time.Now()
	silence := time.NewTimer(answerWithin)
	defer silence.Stop()
	board := time.NewTicker(boardEvery)
	defer board.Stop()
	boardDue, boardSent := true, time.Time{}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-silence.C:
			return fmt.Errorf("no answer from %s", s.opts.URL)
		case <-s.heard:
			silence.Reset(max(answerWithin, 3*s.opts.Heartbeat))
			s.hear()
			if s.transport == overHTTP && time.Since(began) > httpFor {
				return nil
			}
		case <-s.connected:
			boardDue = boardDue || s.transport == overWebSocket
		case <-s.opts.Agent.Changed():
			s.report(ctx)
		case <-s.opts.Board.Changed():
			boardDue = true
		case <-board.C:
			if boardDue || time.Since(boardSent) > boardAnyway {
				boardDue, boardSent = !s.sendBoard(), time.Now()
			}
		}
	}
}

func (s *session) hear() {
	s.mu.Lock()
	was := s.conn.Connected
	s.refused = ""
	s.conn = Connection{URL: s.opts.URL, Transport: s.transport, Connected: true, HeardAt: time.Now()}
	s.mu.Unlock()
	if !was {
		s.opts.Logger.Info("the server is heard over OpAMP", "transport", s.transport)
	}
}

// report sends what the agent says of itself.
func (s *session) report(ctx context.Context) {
	p := s.opts.Agent.Pushed()
	if p.State != None {
		if err := s.lib.SetRemoteConfigStatus(p.proto()); err != nil {
			s.opts.Logger.Warn("state of the pushed configuration not reported", "reason", err)
		}
	}
	if err := s.lib.SetHealth(s.opts.Agent.Health().proto()); err != nil {
		s.opts.Logger.Warn("health not reported", "reason", err)
	}
	if p.State == Applying {
		return // The configuration is the one before; the next report has the new one.
	}
	if err := s.lib.UpdateEffectiveConfig(ctx); err != nil {
		s.opts.Logger.Warn("configuration not reported", "reason", err)
	}
}

// sendBoard reports whether the library took the board.
func (s *session) sendBoard() bool {
	text, err := s.opts.Board.JSON()
	if err != nil {
		s.opts.Logger.Warn("status board not sent", "reason", err)
		return true
	}
	_, err = s.lib.SendCustomMessage(&protobufs.CustomMessage{Capability: Capability, Type: messageBoard, Data: text})
	return err == nil // Else the one before still waits.
}

// logger takes the library's messages. It calls everything an error that ends well by itself.
type logger struct{ *slog.Logger }

func (l logger) Debugf(ctx context.Context, format string, v ...any) {
	l.DebugContext(ctx, "opamp", "message", fmt.Sprintf(format, v...))
}

func (l logger) Errorf(ctx context.Context, format string, v ...any) {
	l.DebugContext(ctx, "opamp", "message", fmt.Sprintf(format, v...))
}
