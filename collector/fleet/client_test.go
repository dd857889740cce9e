// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/open-telemetry/opamp-go/client"
	clienttypes "github.com/open-telemetry/opamp-go/client/types"
	"github.com/open-telemetry/opamp-go/protobufs"
	"github.com/open-telemetry/opamp-go/server"
	"github.com/open-telemetry/opamp-go/server/types"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/strata-apm/strata/collector/status"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// agent is what the client speaks for in the tests. Safe for concurrent use.
type agent struct {
	changed chan struct{}

	mu     sync.Mutex
	pushed Pushed // guarded by mu, as offers is
	offers []ConfigVersion
}

func newAgent() *agent { return &agent{changed: make(chan struct{}, 1)} }

func (a *agent) Effective() string { return "host: {}" }

func (a *agent) Health() Health {
	return Health{Healthy: true, Status: "running", Started: time.Unix(5, 0), Parts: map[string]Health{"queue": {Status: "full", Error: "disk"}}}
}

func (a *agent) Pushed() Pushed {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.pushed
}

func (a *agent) Offer(hash, text []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.offers = append(a.offers, ConfigVersion{string(hash), string(text)})
}

func (a *agent) offered() []ConfigVersion {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]ConfigVersion(nil), a.offers...)
}

func (a *agent) Changed() <-chan struct{} { return a.changed }

func (a *agent) set(p Pushed) {
	a.mu.Lock()
	a.pushed = p
	a.mu.Unlock()
	a.changed <- struct{}{}
}

func options(url string, a *agent) Options {
	return Options{
		URL: url, Key: func() string { return "key" }, Heartbeat: 30 * time.Second, Identity: Identity{UID: uuid.MustParse("0190a0b0-0000-7000-8000-000000000001")}, Version: "1.2.3",
		Attributes: map[string]string{"host.name": "web-1"}, Board: status.New(), Agent: a, Logger: slog.New(slog.DiscardHandler),
	}
}

// heard is what the server has been told, put together. Safe for concurrent use.
type heard struct {
	offer *protobufs.AgentRemoteConfig

	mu  sync.Mutex
	all protobufs.AgentToServer // guarded by mu
	key string                  // guarded by mu
}

func (h *heard) message(_ context.Context, _ types.Connection, m *protobufs.AgentToServer) *protobufs.ServerToAgent {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all.InstanceUid = m.GetInstanceUid()
	if m.AgentDescription != nil {
		h.all.AgentDescription = m.AgentDescription
	}
	if m.Health != nil {
		h.all.Health = m.Health
	}
	if m.EffectiveConfig != nil {
		h.all.EffectiveConfig = m.EffectiveConfig
	}
	if m.CustomMessage != nil {
		h.all.CustomMessage = m.CustomMessage
	}
	if m.RemoteConfigStatus != nil {
		h.all.RemoteConfigStatus = m.RemoteConfigStatus
	}
	return &protobufs.ServerToAgent{InstanceUid: m.GetInstanceUid(), RemoteConfig: h.offer}
}

func (h *heard) ask(question func(*protobufs.AgentToServer) bool) func() bool {
	return func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return question(&h.all)
	}
}

// opamp serves the server's side of the protocol; accept says which requests are let in.
func opamp(t *testing.T, h *heard, accept func(r *http.Request) bool) string {
	t.Helper()
	s := server.New(nil)
	handler, connect, err := s.Attach(server.Settings{CustomCapabilities: []string{Capability}, Callbacks: types.Callbacks{
		OnConnecting: func(r *http.Request) types.ConnectionResponse {
			h.mu.Lock()
			h.key = r.Header.Get("Authorization")
			h.mu.Unlock()
			if !accept(r) {
				return types.ConnectionResponse{HTTPStatusCode: http.StatusForbidden}
			}
			return types.ConnectionResponse{Accept: true, ConnectionCallbacks: types.ConnectionCallbacks{OnMessage: h.message}}
		},
	}})
	require.NoError(t, err)
	web := httptest.NewUnstartedServer(http.HandlerFunc(handler))
	web.Config.ConnContext = connect
	web.Start()
	t.Cleanup(func() {
		web.Close()
		require.NoError(t, s.Stop(context.Background()))
	})
	return web.URL + "/v1/opamp"
}

// run runs a client until the test ends.
func run(t *testing.T, c *Client) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); c.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
}

func eventually(t *testing.T, ok func() bool, what string) {
	t.Helper()
	require.Eventually(t, ok, 8*time.Second, 5*time.Millisecond, what)
}

// TestClient: over WebSocket the server hears who the agent is, how it is and what it runs with, and offers a configuration.
func TestClient(t *testing.T) {
	h := &heard{offer: &protobufs.AgentRemoteConfig{ConfigHash: []byte{7}, Config: &protobufs.AgentConfigMap{ConfigMap: map[string]*protobufs.AgentConfigFile{"": {Body: []byte("logs: []")}}}}}
	a := newAgent()
	url := opamp(t, h, func(*http.Request) bool { return true })
	c := New(options(url, a))
	require.Equal(t, Connection{URL: url}, c.Connection())
	run(t, c)
	eventually(t, func() bool { return len(a.offered()) > 0 }, "an offer")
	require.Equal(t, ConfigVersion{"\x07", "logs: []"}, a.offered()[0])
	eventually(t, func() bool { return c.Connection().Connected }, "connected")
	conn := c.Connection()
	require.Equal(t, overWebSocket, conn.Transport)
	require.Empty(t, conn.Error)
	require.WithinDuration(t, time.Now(), conn.HeardAt, time.Minute)

	a.set(Pushed{Hash: []byte{7}, State: Failed, Error: "line 1: no"})
	eventually(t, h.ask(func(m *protobufs.AgentToServer) bool {
		return m.GetRemoteConfigStatus().GetErrorMessage() == "line 1: no" && m.GetEffectiveConfig() != nil && m.GetHealth() != nil
	}), "what became of the offer")
	h.mu.Lock()
	defer h.mu.Unlock()
	require.Equal(t, "Bearer key", h.key)
	require.Equal(t, c.opts.Identity.UID[:], h.all.GetInstanceUid())
	about := map[string]string{}
	for _, kv := range append(h.all.GetAgentDescription().GetIdentifyingAttributes(), h.all.GetAgentDescription().GetNonIdentifyingAttributes()...) {
		about[kv.GetKey()] = kv.GetValue().GetStringValue()
	}
	require.Equal(t, map[string]string{
		"service.name": "strata-agent", "service.version": "1.2.3", "service.instance.id": c.opts.Identity.UID.String(), "host.name": "web-1", "strata.heartbeat": "30s",
	}, about)
	require.NotContains(t, c.opts.Attributes, "strata.heartbeat", "the caller's map is not changed")
	require.Equal(t, "host: {}", string(h.all.GetEffectiveConfig().GetConfigMap().GetConfigMap()[""].GetBody()))
	require.True(t, h.all.GetHealth().GetHealthy())
	require.Equal(t, uint64(5e9), h.all.GetHealth().GetStartTimeUnixNano())
	require.Equal(t, "disk", h.all.GetHealth().GetComponentHealthMap()["queue"].GetLastError())
	require.Equal(t, protobufs.RemoteConfigStatuses_RemoteConfigStatuses_FAILED, h.all.GetRemoteConfigStatus().GetStatus())
}

// TestClientOverHTTP: a session over plain HTTP, as it is used where WebSocket does not get through, tells and hears the same.
func TestClientOverHTTP(t *testing.T) {
	h := &heard{}
	c := New(options(opamp(t, h, func(r *http.Request) bool { return r.Method == http.MethodPost }), newAgent()))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- c.session(ctx, overHTTP) }()
	eventually(t, func() bool { return c.Connection().Connected }, "connected")
	require.Equal(t, overHTTP, c.Connection().Transport)
	eventually(t, h.ask(func(m *protobufs.AgentToServer) bool { return m.GetAgentDescription() != nil }), "described")
	cancel()
	require.NoError(t, <-done)
}

// TestClientRefused: an address that is none ends a session at once; a server that lets nobody in is told as not connected, with the reason.
func TestClientRefused(t *testing.T) {
	c := New(options("http://[bad", newAgent()))
	require.ErrorContains(t, c.session(t.Context(), overWebSocket), "start OpAMP")
	c = New(options(opamp(t, &heard{}, func(*http.Request) bool { return false }), newAgent()))
	run(t, c)
	eventually(t, func() bool { return strings.Contains(c.Connection().Error, "refused: 403 Forbidden") }, "the reason")
	require.False(t, c.Connection().Connected)
}

// library stands for the library's client and notes what it is told.
type library struct {
	client.OpAMPClient
	refuses bool // takes no custom message

	mu     sync.Mutex
	boards []time.Time // guarded by mu, as told is
	told   []string
}

func (l *library) note(what string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told = append(l.told, what)
	return errors.New("not now")
}

func (l *library) SetHealth(*protobufs.ComponentHealth) error { return l.note("health") }

func (l *library) SetRemoteConfigStatus(s *protobufs.RemoteConfigStatus) error {
	return l.note(s.GetStatus().String())
}

func (l *library) UpdateEffectiveConfig(context.Context) error { return l.note("config") }

func (l *library) SendCustomMessage(m *protobufs.CustomMessage) (chan struct{}, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.boards = append(l.boards, time.Now())
	if l.refuses || m.GetCapability() != Capability || m.GetType() != messageBoard || !json.Valid(m.GetData()) {
		return nil, clienttypes.ErrCustomMessagePending
	}
	return nil, nil //nolint:nilnil // Nobody waits for it.
}

// talking is a session with the library's place taken.
func talking(transport string) (*session, *library, *agent) {
	a, lib := newAgent(), &library{}
	return &session{Client: New(options("http://server/v1/opamp", a)), transport: transport, lib: lib, heard: make(chan struct{}, 1), connected: make(chan struct{}, 1)}, lib, a
}

// TestSilence: a session ends when the first answer does not come within its time, or later ones for three heartbeats.
func TestSilence(t *testing.T) {
	for answers, want := range map[int]time.Duration{0: answerWithin, 1: 90 * time.Second, 3: 2*60*time.Second + 90*time.Second} {
		synctest.Test(t, func(t *testing.T) {
			s, _, _ := talking(overWebSocket)
			begin := time.Now()
			go func() {
				for i := range answers {
					if i > 0 {
						time.Sleep(time.Minute) // The clock of the bubble.
					}
					s.heard <- struct{}{}
				}
			}()
			require.ErrorContains(t, s.talk(t.Context()), "no answer from http://server/v1/opamp")
			require.Equal(t, want, time.Since(begin), answers)
			require.Equal(t, answers > 0, s.Connection().Connected, "Run tells that it is lost")
		})
	}
}

// TestHTTPEnds: plain HTTP gives WebSocket another chance after a while, a WebSocket that works stays.
func TestHTTPEnds(t *testing.T) {
	for transport, want := range map[string]time.Duration{overHTTP: httpFor + 30*time.Second, overWebSocket: time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			s, _, _ := talking(transport)
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			answers := make(chan struct{})
			go func() {
				defer close(answers)
				for ctx.Err() == nil {
					notify(s.heard)
					time.Sleep(30 * time.Second) // The clock of the bubble.
				}
			}()
			begin := time.Now()
			require.NoError(t, s.talk(ctx))
			require.Equal(t, want, time.Since(begin), transport)
			cancel()
			<-answers
		})
	}
}

// TestBoardIsSent: at first, after changes but not more often than every few seconds, after a new connection, and once a minute anyway.
func TestBoardIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, lib, _ := talking(overWebSocket)
		s.opts.Heartbeat = time.Hour
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.talk(ctx) }()
		s.heard <- struct{}{}
		sent := func(after time.Duration) int {
			time.Sleep(after)
			synctest.Wait()
			lib.mu.Lock()
			defer lib.mu.Unlock()
			return len(lib.boards)
		}
		require.Equal(t, 0, sent(boardEvery-time.Second))
		require.Equal(t, 1, sent(2*time.Second))
		for i := range 40 { // A change each 100 ms.
			require.NoError(t, s.opts.Board.Set("n", i))
			time.Sleep(100 * time.Millisecond)
		}
		require.Equal(t, 2, sent(2*time.Second))
		require.Equal(t, 2, sent(30*time.Second), "nothing has changed")
		s.connected <- struct{}{}
		require.Equal(t, 3, sent(boardEvery), "the server may have another copy now")
		require.Equal(t, 3, sent(boardAnyway-5*time.Second))
		require.Equal(t, 4, sent(15*time.Second))
		lib.mu.Lock()
		lib.refuses = true
		lib.mu.Unlock()
		require.NoError(t, s.opts.Board.Set("n", "x"))
		require.Equal(t, 7, sent(3*boardEvery), "one that the library does not take is sent again")
		cancel()
		require.NoError(t, <-done)
	})
}

// TestReports: the report after a change depends on how far a pushed configuration is; a part that cannot be told keeps back no other.
func TestReports(t *testing.T) {
	for state, want := range map[PushedState][]string{
		None:     {"health", "config"},
		Applying: {protobufs.RemoteConfigStatuses_RemoteConfigStatuses_APPLYING.String(), "health"},
		Applied:  {protobufs.RemoteConfigStatuses_RemoteConfigStatuses_APPLIED.String(), "health", "config"},
		Failed:   {protobufs.RemoteConfigStatuses_RemoteConfigStatuses_FAILED.String(), "health", "config"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, lib, a := talking(overWebSocket)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error)
			go func() { done <- s.talk(ctx) }()
			a.set(Pushed{State: state})
			synctest.Wait()
			cancel()
			require.NoError(t, <-done)
			require.Equal(t, want, lib.told)
		})
	}
}

func TestProto(t *testing.T) {
	for state, want := range map[PushedState]protobufs.RemoteConfigStatuses{
		None: protobufs.RemoteConfigStatuses_RemoteConfigStatuses_UNSET, Applying: protobufs.RemoteConfigStatuses_RemoteConfigStatuses_APPLYING,
		Applied: protobufs.RemoteConfigStatuses_RemoteConfigStatuses_APPLIED, Failed: protobufs.RemoteConfigStatuses_RemoteConfigStatuses_FAILED,
	} {
		got := Pushed{Hash: []byte{1}, State: state, Error: "why"}.proto()
		require.Equal(t, want, got.GetStatus())
		require.Equal(t, []byte{1}, got.GetLastRemoteConfigHash())
		require.Equal(t, "why", got.GetErrorMessage())
	}
	require.Zero(t, Health{}.proto().GetStartTimeUnixNano(), "a part that was not started has no time")
	require.Nil(t, Health{}.proto().GetComponentHealthMap())
	require.Len(t, attributes(map[string]string{"a": "1", "b": "2"}), 2)
}

// TestLost: a connection that was there is no more, and keeps the reason.
func TestLost(t *testing.T) {
	c := New(options("http://server", newAgent()))
	c.lost(overHTTP, nil)
	require.Equal(t, Connection{URL: "http://server"}, c.Connection())
	(&session{Client: c, transport: overHTTP}).hear()
	c.lost(overHTTP, errors.New("silence"))
	require.False(t, c.Connection().Connected)
	require.Equal(t, "silence", c.Connection().Error)
}
