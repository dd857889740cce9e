// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/open-telemetry/opamp-go/protobufs"
	"github.com/open-telemetry/opamp-go/server/types"

	"github.com/strata-apm/strata/storage"
)

const (
	// saveEvery is how long a heartbeat waits for the others: one transaction holds them all.
	saveEvery = 2 * time.Second
	// forgetAfter is how long a silent agent stays in memory; the catalog keeps it.
	forgetAfter = 10 * time.Minute
	// maxAgents bounds the memory that senders of made-up identifiers could take.
	maxAgents = 20_000
)

var errTooMany = errors.New("more agents than one process takes")

// agents are those that talk to this process. Safe for concurrent use.
type agents struct {
	opts Options

	mu  sync.Mutex
	all map[string]*agent // guarded by mu
	// assigned is the configuration of each agent as the catalog said last, configs those it names; guarded by mu.
	assigned map[string]storage.Assignment
	configs  map[string]storage.AgentConfig
}

// agent is one of them. Its fields are guarded by agents.mu.
type agent struct {
	storage.Agent
	sequence uint64
	heard    time.Time
	// dirty says that the catalog does not have it as it is, seen that it was heard since the last save.
	dirty, seen bool
	// conn is where it can be told something at once; nil when it polls.
	conn types.Connection
	// accepts says that it takes configurations.
	accepts bool
}

func newAgents(opts Options) *agents {
	return &agents{opts: opts, all: map[string]*agent{}, assigned: map[string]storage.Assignment{}, configs: map[string]storage.AgentConfig{}}
}

// answer is what an agent is told in return.
type answer struct {
	wantAll bool
	offer   *protobufs.AgentRemoteConfig
}

// take notes what an agent says.
func (s *agents) take(ctx context.Context, id string, from session, m *protobufs.AgentToServer) (answer, error) {
	if err := s.ensure(ctx, id); err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.all[id]
	if a == nil { // Forgotten in between; it will say everything again.
		return answer{wantAll: true}, nil
	}
	if m.GetAgentDisconnect() != nil && a.conn != nil && a.conn != from.conn {
		return answer{}, nil // From a connection it had before.
	}
	full := m.GetAgentDescription() != nil
	gap := a.sequence == 0 || m.GetSequenceNum() != a.sequence+1
	a.sequence, a.heard, a.seen = m.GetSequenceNum(), time.Now(), true
	if m.GetCapabilities() != 0 {
		a.accepts = m.GetCapabilities()&uint64(protobufs.AgentCapabilities_AgentCapabilities_AcceptsRemoteConfig) != 0
	}
	if apply(&a.Agent, m) {
		a.dirty = true
	}
	if a.Source != from.source || a.Instance != s.opts.Instance {
		a.Source, a.Instance, a.dirty = from.source, s.opts.Instance, true
	}
	a.conn = nil
	if from.websocket {
		a.conn = from.conn
	}
	return answer{wantAll: gap && !full, offer: s.offerLocked(a)}, nil
}

// ensure has the agent in memory, with what the catalog knows of it.
func (s *agents) ensure(ctx context.Context, id string) error {
	s.mu.Lock()
	known, n := s.all[id] != nil, len(s.all)
	s.mu.Unlock()
	switch {
	case known:
		return nil
	case n >= maxAgents:
		return errTooMany
	}
	a, err := s.opts.Store.Agent(ctx, id)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		a = storage.Agent{ID: id, Labels: map[string]string{}, Board: "{}", Health: "{}"}
	case err != nil:
		return fmt.Errorf("look up agent: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all[id] == nil {
		s.all[id] = &agent{Agent: a, accepts: true}
	}
	return nil
}

// offerLocked returns the configuration the agent is to have when it is another than the one it speaks of; mu is held.
func (s *agents) offerLocked(a *agent) *protobufs.AgentRemoteConfig {
	as, ok := s.assigned[a.ID]
	if !ok || !a.accepts || a.Left || a.HostName == "" {
		return nil
	}
	cfg, ok := s.configs[as.ConfigID]
	if !ok || cfg.Hash == a.ConfigHash {
		return nil
	}
	if as.ConfigID == "" && a.ConfigHash == "" {
		return nil // It never had one.
	}
	hash, err := hex.DecodeString(cfg.Hash)
	if err != nil {
		return nil
	}
	return &protobufs.AgentRemoteConfig{ConfigHash: hash, Config: &protobufs.AgentConfigMap{ConfigMap: map[string]*protobufs.AgentConfigFile{
		"": {Body: []byte(cfg.YAML), ContentType: "text/yaml"},
	}}}
}

// gone forgets a connection that has ended. The agent may have another already.
func (s *agents) gone(conn types.Connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.all {
		if a.conn == conn {
			a.conn = nil
		}
	}
}

// run saves and offers until ctx ends, and once more then.
func (s *agents) run(ctx context.Context) error {
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			s.close()
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveEvery)
			defer cancel()
			if err := s.save(last); err != nil {
				s.opts.Logger.Warn("agents not saved at the end", "err", err)
			}
			return nil
		case <-tick.C:
		}
		if err := s.save(ctx); err != nil && ctx.Err() == nil {
			s.opts.Logger.Warn("agents not saved, tried again", "err", err)
			continue
		}
		if err := s.refresh(ctx); err != nil && ctx.Err() == nil {
			s.opts.Logger.Warn("assignments of agents not read, tried again", "err", err)
			continue
		}
		s.push(ctx)
	}
}

// save writes what has changed. A heartbeat that is older than a few saves is not written as new.
func (s *agents) save(ctx context.Context) error {
	s.mu.Lock()
	var changed []storage.Agent
	var seen []string
	for id, a := range s.all {
		fresh := time.Since(a.heard) < 2*saveEvery || a.Left
		switch {
		case time.Since(a.heard) > forgetAfter:
			delete(s.all, id)
		case a.HostName == "" || !fresh: // Not described yet, or to be written when it is heard again.
		case a.dirty:
			changed, a.dirty, a.seen = append(changed, a.Agent), false, false
		case a.seen:
			seen, a.seen = append(seen, id), false
		}
	}
	s.mu.Unlock()
	if len(changed) == 0 && len(seen) == 0 {
		return nil
	}
	unknown, err := s.opts.Store.SaveAgents(ctx, changed, seen)
	if err != nil {
		s.again(changed, seen)
		return fmt.Errorf("save %d agents: %w", len(changed)+len(seen), err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range unknown { // Somebody made the catalog forget it, and it lives.
		if a := s.all[id]; a != nil {
			a.dirty = true
		}
	}
	return nil
}

// again marks what was not saved.
func (s *agents) again(changed []storage.Agent, seen []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range changed {
		if a := s.all[c.ID]; a != nil {
			a.dirty = true
		}
	}
	for _, id := range seen {
		if a := s.all[id]; a != nil {
			a.seen = true
		}
	}
}

// refresh reads which agent is to have which configuration.
func (s *agents) refresh(ctx context.Context) error {
	assigned, err := s.opts.Store.Assignments(ctx)
	if err != nil {
		return fmt.Errorf("read assignments: %w", err)
	}
	configs := map[string]storage.AgentConfig{"": noConfig()}
	for _, as := range assigned {
		if _, ok := configs[as.ConfigID]; ok {
			continue
		}
		s.mu.Lock()
		c, ok := s.configs[as.ConfigID]
		s.mu.Unlock()
		if !ok {
			if c, err = s.opts.Store.AgentConfig(ctx, as.ConfigID); err != nil {
				return fmt.Errorf("read configuration %s: %w", as.ConfigID, err)
			}
		}
		configs[as.ConfigID] = c
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.assigned, s.configs = assigned, configs
	return nil
}

// noConfig is the empty configuration: an agent that gets it goes on with its own file alone.
func noConfig() storage.AgentConfig { return storage.AgentConfig{Hash: HashOf("")} }

// push tells connected agents at once that there is another configuration; those that poll learn it with their next heartbeat.
func (s *agents) push(ctx context.Context) {
	type task struct {
		conn  types.Connection
		reply *protobufs.ServerToAgent
	}
	var tasks []task
	s.mu.Lock()
	for id, a := range s.all {
		if a.conn == nil || a.ConfigStatus == ConfigApplying {
			continue
		}
		if offer := s.offerLocked(a); offer != nil {
			tasks = append(tasks, task{a.conn, &protobufs.ServerToAgent{InstanceUid: uidOf(id), RemoteConfig: offer}})
		}
	}
	s.mu.Unlock()
	var wg sync.WaitGroup
	for _, t := range tasks {
		wg.Go(func() {
			if err := t.conn.Send(ctx, t.reply); err != nil {
				s.opts.Logger.Debug("an agent was not told of its configuration", "err", err)
			}
		})
	}
	wg.Wait()
}

// close ends every connection.
func (s *agents) close() {
	s.mu.Lock()
	var conns []types.Connection
	for _, a := range s.all {
		if a.conn != nil {
			conns = append(conns, a.conn)
		}
	}
	s.mu.Unlock()
	for _, c := range conns {
		_ = c.Disconnect() // Its agent connects again to whoever runs then.
	}
}
