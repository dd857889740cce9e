// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/open-telemetry/opamp-go/client"
	"github.com/open-telemetry/opamp-go/client/types"
	"github.com/open-telemetry/opamp-go/protobufs"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage"
)

// silentLogger is what the library logs to.
type silentLogger struct{}

func (silentLogger) Debugf(context.Context, string, ...any) {}
func (silentLogger) Errorf(context.Context, string, ...any) {}

// liveAgent is an agent by the library that real ones use.
type liveAgent struct {
	client.OpAMPClient
	id uuid.UUID

	mu      sync.Mutex
	offered []string // guarded by mu
	begun   int      // connections; guarded by mu
}

// connect starts an agent that talks to url and applies what it is offered.
func connect(t *testing.T, lib client.OpAMPClient, url, host string) *liveAgent {
	t.Helper()
	a := &liveAgent{OpAMPClient: lib, id: uuid.New()}
	require.NoError(t, a.SetAgentDescription(message(a.id, 1, host).GetAgentDescription()))
	require.NoError(t, a.SetHealth(&protobufs.ComponentHealth{Healthy: true, Status: "running"}))
	capabilities := protobufs.AgentCapabilities_AgentCapabilities_ReportsStatus | protobufs.AgentCapabilities_AgentCapabilities_AcceptsRemoteConfig |
		protobufs.AgentCapabilities_AgentCapabilities_ReportsHealth | protobufs.AgentCapabilities_AgentCapabilities_ReportsRemoteConfig |
		protobufs.AgentCapabilities_AgentCapabilities_ReportsHeartbeat
	require.NoError(t, a.SetCapabilities(&capabilities))
	beat := time.Second
	require.NoError(t, a.Start(t.Context(), types.StartSettings{
		OpAMPServerURL: url, InstanceUid: types.InstanceUid(a.id), HeartbeatInterval: &beat,
		Callbacks: types.Callbacks{
			OnConnect: func(context.Context) {
				a.mu.Lock()
				defer a.mu.Unlock()
				a.begun++
			},
			OnMessage: func(_ context.Context, m *types.MessageData) {
				if m.RemoteConfig == nil {
					return
				}
				a.mu.Lock()
				a.offered = append(a.offered, string(m.RemoteConfig.GetConfig().GetConfigMap()[""].GetBody()))
				a.mu.Unlock()
				_ = a.SetRemoteConfigStatus(&protobufs.RemoteConfigStatus{
					LastRemoteConfigHash: m.RemoteConfig.GetConfigHash(), Status: protobufs.RemoteConfigStatuses_RemoteConfigStatuses_APPLIED,
				})
			},
		},
	}))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 5*time.Second)
		defer cancel()
		_ = a.Stop(ctx) // It may be without a server.
	})
	return a
}

func (a *liveAgent) offers() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.offered...)
}

// TestService is the whole of it: agents over both transports are heard, saved, offered a configuration by a roll-out, and told to go
// when the process ends.
func TestService(t *testing.T) {
	m := newMemory()
	svc, err := New(Options{Store: m, Leases: m, Instance: "one", Source: func(context.Context) string { return "key" }, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	srv := httptest.NewServer(svc.Handler())
	defer srv.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- svc.Run(ctx) }()

	socket := connect(t, client.NewWebSocket(silentLogger{}), "ws"+strings.TrimPrefix(srv.URL, "http"), "web-1")
	polling := connect(t, client.NewHTTP(silentLogger{}), srv.URL, "web-2")
	eventually := func(what string, ok func() bool) {
		t.Helper()
		require.Eventually(t, ok, 20*time.Second, 20*time.Millisecond, what)
	}
	both := func(ok func(storage.Agent) bool) func() bool {
		return func() bool {
			a, _ := m.agent(socket.id.String())
			b, _ := m.agent(polling.id.String())
			return ok(a) && ok(b)
		}
	}
	eventually("both are saved", both(func(a storage.Agent) bool {
		return a.HostName != "" && a.Healthy && a.Source == "key" && a.Instance == "one"
	}))
	m.config(t, "new", "host: {}\n")
	beginRollout(t, m, "r1", Plan{CanaryCount: 2, WatchSeconds: 600})
	eventually("both have it", both(func(a storage.Agent) bool {
		return a.ConfigHash == HashOf("host: {}\n") && a.ConfigStatus == ConfigApplied
	}))
	require.Equal(t, "host: {}\n", socket.offers()[0])
	require.Equal(t, "host: {}\n", polling.offers()[0])

	cancel()
	require.NoError(t, <-done)
	m.mu.Lock()
	require.Empty(t, m.holder, "another process may drive at once")
	m.mu.Unlock()
	eventually("the connection was ended, and the agent looks for whoever runs now", func() bool {
		socket.mu.Lock()
		defer socket.mu.Unlock()
		return socket.begun > 1
	})
	// The processes share the catalog: another one hears the same agents and knows what they have.
	second, err := New(Options{Store: m, Leases: m, Instance: "two", Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	require.NoError(t, second.agents.refresh(t.Context()))
	got, err := second.agents.take(t.Context(), socket.id.String(), session{}, message(socket.id, 1, ""))
	require.NoError(t, err)
	require.Nil(t, got.offer, "it has what it is to have")
	require.NoError(t, second.driver.drive(t.Context()))
	require.Equal(t, RolloutCanary, m.rollout("r1").State)
}

// TestServiceEndsAtOnce: a stop does not wait for agents that are connected.
func TestServiceEndsAtOnce(t *testing.T) {
	m := newMemory()
	svc, err := New(quietOptions(m))
	require.NoError(t, err)
	srv := httptest.NewServer(svc.Handler())
	defer srv.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- svc.Run(ctx) }()
	a := connect(t, client.NewWebSocket(silentLogger{}), "ws"+strings.TrimPrefix(srv.URL, "http"), "web-1")
	require.Eventually(t, func() bool {
		svc.agents.mu.Lock()
		defer svc.agents.mu.Unlock()
		x := svc.agents.all[a.id.String()]
		return x != nil && x.conn != nil && x.HostName != ""
	}, 10*time.Second, 10*time.Millisecond)
	begin := time.Now()
	cancel()
	require.NoError(t, <-done)
	require.Less(t, time.Since(begin), 2*time.Second)
	saved, ok := m.agent(a.id.String())
	require.True(t, ok, "what was heard last is saved")
	require.Equal(t, "web-1", saved.HostName)
}
