// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/open-telemetry/opamp-go/protobufs"
	"github.com/open-telemetry/opamp-go/server"
	"github.com/open-telemetry/opamp-go/server/types"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/strata-apm/strata/storage"
)

// Store is what of the catalog the fleet needs.
type Store interface {
	storage.AgentStore
	storage.AgentConfigStore
	storage.RolloutStore
}

// Options are given by the program. Store and Logger are required.
type Options struct {
	Store Store
	// Leases decide which of several processes drives roll-outs; nil when there is one process.
	Leases storage.LeaseStore
	// Instance is the name of this process.
	Instance string
	// Source returns the name of the key of an agent's request.
	Source func(context.Context) string
	// Losses tells what was lost of an agent's data; nil leaves that out of the judgement.
	Losses     Losses
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Service talks to the agents. Run must be called for it to remember and to offer anything.
type Service struct {
	opts    Options
	agents  *agents
	driver  *driver
	handler http.Handler
}

// New returns a service that has started nothing.
func New(opts Options) (*Service, error) {
	if opts.Store == nil || opts.Logger == nil {
		return nil, errors.New("fleet: an option is missing")
	}
	if opts.Source == nil {
		opts.Source = func(context.Context) string { return "" }
	}
	s := &Service{opts: opts, agents: newAgents(opts)}
	s.driver = newDriver(opts)
	handle, withConn, err := server.New(nil).Attach(server.Settings{
		Callbacks:          types.Callbacks{OnConnecting: s.connecting},
		CustomCapabilities: []string{Capability},
	})
	if err != nil {
		return nil, fmt.Errorf("prepare OpAMP: %w", err)
	}
	s.handler = bounded(func(w http.ResponseWriter, r *http.Request) {
		// The library wants to know the connection of a plain request, and does nothing with it.
		handle(w, r.WithContext(withConn(r.Context(), &boundedConn{})))
	})
	if opts.Registerer != nil {
		if err := opts.Registerer.Register(s.driver.metrics); err != nil {
			return nil, fmt.Errorf("register metrics of the agents: %w", err)
		}
	}
	return s, nil
}

// Handler serves OpAMP over WebSocket and plain HTTP on one path. Who may use it is decided before: it needs scope ingest.
func (s *Service) Handler() http.Handler { return s.handler }

// Run saves what agents say, offers configurations and drives roll-outs until ctx ends; then it ends the connections.
func (s *Service) Run(ctx context.Context) error {
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.agents.run(gctx) })
	g.Go(func() error { return s.driver.run(gctx) })
	if err := g.Wait(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("fleet: %w", err)
	}
	return nil
}

// connecting accepts every request that came this far and remembers whose key it has.
func (s *Service) connecting(r *http.Request) types.ConnectionResponse {
	source := s.opts.Source(r.Context())
	websocket := r.Header.Get("Upgrade") != ""
	return types.ConnectionResponse{Accept: true, ConnectionCallbacks: types.ConnectionCallbacks{
		OnMessage: func(ctx context.Context, conn types.Connection, m *protobufs.AgentToServer) *protobufs.ServerToAgent {
			return s.message(ctx, session{conn: conn, source: source, websocket: websocket}, m)
		},
		OnConnectionClose: func(conn types.Connection) { s.agents.gone(conn) },
	}}
}

// session is the connection a message came by.
type session struct {
	conn      types.Connection
	source    string
	websocket bool
}

const (
	// messageTimeout bounds what one message may wait for the catalog.
	messageTimeout     = 5 * time.Second
	serverCapabilities = uint64(protobufs.ServerCapabilities_ServerCapabilities_AcceptsStatus |
		protobufs.ServerCapabilities_ServerCapabilities_OffersRemoteConfig |
		protobufs.ServerCapabilities_ServerCapabilities_AcceptsEffectiveConfig)
)

// message answers every message, so that an agent learns that it is heard.
func (s *Service) message(ctx context.Context, from session, m *protobufs.AgentToServer) *protobufs.ServerToAgent {
	reply := &protobufs.ServerToAgent{InstanceUid: m.GetInstanceUid(), Capabilities: serverCapabilities}
	id, err := uuid.FromBytes(m.GetInstanceUid())
	if err != nil || id == uuid.Nil {
		reply.ErrorResponse = &protobufs.ServerErrorResponse{
			Type: protobufs.ServerErrorResponseType_ServerErrorResponseType_BadRequest, ErrorMessage: "instance_uid is not 16 bytes",
		}
		return reply
	}
	ctx, cancel := context.WithTimeout(ctx, messageTimeout)
	defer cancel()
	answer, err := s.agents.take(ctx, id.String(), from, m)
	if err != nil {
		s.opts.Logger.Warn("an agent was not heard", "agent", id, "err", err)
		reply.ErrorResponse = &protobufs.ServerErrorResponse{
			Type: protobufs.ServerErrorResponseType_ServerErrorResponseType_Unavailable, ErrorMessage: "the catalog does not answer",
		}
		return reply
	}
	if answer.wantAll {
		reply.Flags = uint64(protobufs.ServerToAgentFlags_ServerToAgentFlags_ReportFullState)
	}
	reply.RemoteConfig = answer.offer
	return reply
}
