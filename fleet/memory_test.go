// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/open-telemetry/opamp-go/protobufs"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/strata-apm/strata/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a catalog by the clock of the process, which tests stop and move. Methods fail while they are told to.
type memory struct {
	mu       sync.Mutex
	agents   map[string]storage.Agent
	configs  map[string]storage.AgentConfig
	rollouts map[string]storage.Rollout
	assigned map[string]storage.Assignment
	broken   map[string]error // by method
	calls    map[string]int   // by method
	holder   string           // of the driver's lease
	until    time.Time
}

func newMemory() *memory {
	return &memory{
		agents: map[string]storage.Agent{}, configs: map[string]storage.AgentConfig{}, rollouts: map[string]storage.Rollout{},
		assigned: map[string]storage.Assignment{}, broken: map[string]error{}, calls: map[string]int{},
	}
}

// enter begins a call of a method; mu is held until the returned function is called.
func (m *memory) enter(method string) (leave func(), err error) {
	m.mu.Lock()
	m.calls[method]++
	return m.mu.Unlock, m.broken[method]
}

func (m *memory) fail(method string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken[method] = err
}

func (m *memory) called(method string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls[method]
}

func (m *memory) agent(id string) (storage.Agent, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, ok := m.agents[id]
	return a, ok
}

// set changes a stored agent.
func (m *memory) set(id string, f func(*storage.Agent)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.agents[id]
	if a.ID == "" {
		a = storage.Agent{ID: id, HostName: id, Labels: map[string]string{}, Board: "{}", Health: "{}", Healthy: true, FirstSeen: time.Now(), SeenAt: time.Now()}
	}
	f(&a)
	m.agents[id] = a
}

func (m *memory) rollout(id string) storage.Rollout {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rollouts[id]
}

func (m *memory) SaveAgents(_ context.Context, changed []storage.Agent, seen []string) (unknown []string, err error) {
	leave, err := m.enter("SaveAgents")
	defer leave()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	for _, a := range changed {
		a.FirstSeen, a.SeenAt = now, now
		if had, ok := m.agents[a.ID]; ok {
			a.FirstSeen = had.FirstSeen
		}
		m.agents[a.ID] = a
	}
	for _, id := range seen {
		a, ok := m.agents[id]
		if !ok {
			unknown = append(unknown, id)
			continue
		}
		a.SeenAt, a.Left = now, false
		m.agents[id] = a
	}
	return unknown, nil
}

func (m *memory) Agent(_ context.Context, id string) (storage.Agent, error) {
	leave, err := m.enter("Agent")
	defer leave()
	a, ok := m.agents[id]
	if err == nil && !ok {
		err = storage.ErrNotFound
	}
	a.Silent = time.Since(a.SeenAt)
	return a, err
}

func (m *memory) ListAgents(_ context.Context, q storage.AgentQuery) ([]storage.Agent, error) {
	leave, err := m.enter("ListAgents")
	defer leave()
	var out []storage.Agent
	for _, a := range m.agents {
		if c := cmp.Or(cmp.Compare(a.HostName, q.AfterHost), cmp.Compare(a.ID, q.AfterID)); c > 0 && strings.Contains(a.HostName, q.Text) {
			a.Silent = time.Since(a.SeenAt)
			out = append(out, a)
		}
	}
	slices.SortFunc(out, func(a, b storage.Agent) int {
		return cmp.Or(cmp.Compare(a.HostName, b.HostName), cmp.Compare(a.ID, b.ID))
	})
	if q.Limit > 0 && len(out) > q.Limit {
		out = out[:q.Limit]
	}
	return out, err
}

func (m *memory) DeleteAgent(_ context.Context, id string) error {
	leave, err := m.enter("DeleteAgent")
	defer leave()
	if err != nil {
		return err
	}
	if _, ok := m.agents[id]; !ok {
		return storage.ErrNotFound
	}
	delete(m.agents, id)
	return nil
}

func (m *memory) CreateAgentConfig(_ context.Context, c storage.AgentConfig) error {
	leave, err := m.enter("CreateAgentConfig")
	defer leave()
	if err == nil {
		m.configs[c.ID] = c
	}
	return err
}

func (m *memory) AgentConfig(_ context.Context, id string) (storage.AgentConfig, error) {
	leave, err := m.enter("AgentConfig")
	defer leave()
	c, ok := m.configs[id]
	if err == nil && !ok {
		err = storage.ErrNotFound
	}
	return c, err
}

// newest lists the values of a map from the highest key below before, at most limit of them.
func newest[T any](all map[string]T, before string, limit int) (out []T) {
	for _, id := range slices.Backward(slices.Sorted(maps.Keys(all))) {
		if (before == "" || id < before) && len(out) < limit {
			out = append(out, all[id])
		}
	}
	return out
}

func (m *memory) ListAgentConfigs(_ context.Context, before string, limit int) ([]storage.AgentConfig, error) {
	leave, err := m.enter("ListAgentConfigs")
	defer leave()
	return newest(m.configs, before, limit), err
}

func (m *memory) CreateRollout(_ context.Context, r storage.Rollout) error {
	leave, err := m.enter("CreateRollout")
	defer leave()
	if err == nil {
		m.rollouts[r.ID] = r
	}
	return err
}

// fence says whether a lease is its holder's; mu is held.
func (m *memory) fence(by storage.Lease) error {
	if by.Name != "" && (m.holder != by.Holder || !time.Now().Before(m.until)) {
		return storage.ErrConflict
	}
	return nil
}

func (m *memory) UpdateRollout(_ context.Context, r storage.Rollout, as []storage.Assignment, by storage.Lease) error {
	leave, err := m.enter("UpdateRollout")
	defer leave()
	if err = cmp.Or(err, m.fence(by)); err != nil {
		return err
	}
	r.Cancel = m.rollouts[r.ID].Cancel
	m.rollouts[r.ID] = r
	for _, a := range as {
		m.assigned[a.AgentID] = a
	}
	return nil
}

func (m *memory) CancelRollout(_ context.Context, id string) error {
	leave, err := m.enter("CancelRollout")
	defer leave()
	r, ok := m.rollouts[id]
	switch {
	case err != nil:
		return err
	case !ok || !r.Active:
		return storage.ErrNotFound
	}
	r.Cancel = true
	m.rollouts[id] = r
	return nil
}

func (m *memory) Rollout(_ context.Context, id string) (storage.Rollout, error) {
	leave, err := m.enter("Rollout")
	defer leave()
	r, ok := m.rollouts[id]
	if err == nil && !ok {
		err = storage.ErrNotFound
	}
	return r, err
}

func (m *memory) ListRollouts(_ context.Context, before string, limit int) ([]storage.Rollout, error) {
	leave, err := m.enter("ListRollouts")
	defer leave()
	return newest(m.rollouts, before, limit), err
}

func (m *memory) Assign(_ context.Context, as []storage.Assignment, by storage.Lease) error {
	leave, err := m.enter("Assign")
	defer leave()
	if err = cmp.Or(err, m.fence(by)); err != nil {
		return err
	}
	for _, a := range as {
		m.assigned[a.AgentID] = a
	}
	return nil
}

func (m *memory) Assignments(context.Context) (map[string]storage.Assignment, error) {
	leave, err := m.enter("Assignments")
	defer leave()
	return maps.Clone(m.assigned), err
}

func (m *memory) AcquireLeases(_ context.Context, holder string, names []string, ttl time.Duration) ([]string, error) {
	leave, err := m.enter("AcquireLeases")
	defer leave()
	if err != nil || m.holder != holder && time.Now().Before(m.until) {
		return nil, err
	}
	m.holder, m.until = holder, time.Now().Add(ttl)
	return names, nil
}

func (m *memory) ReleaseLeases(_ context.Context, holder string, _ []string) error {
	leave, err := m.enter("ReleaseLeases")
	defer leave()
	if err == nil && m.holder == holder {
		m.holder, m.until = "", time.Time{}
	}
	return err
}

func (m *memory) ListLeases(context.Context, string) ([]storage.Lease, error) { return nil, nil }

// config stores a configuration of that id and text.
func (m *memory) config(t *testing.T, id, yaml string) storage.AgentConfig {
	t.Helper()
	c := storage.AgentConfig{ID: id, Name: id, YAML: yaml, Hash: HashOf(yaml), Selector: "{}"}
	require.NoError(t, m.CreateAgentConfig(t.Context(), c))
	return c
}

// wire is the connection of an agent that keeps what it is sent.
type wire struct {
	mu     sync.Mutex
	sent   []*protobufs.ServerToAgent
	closed bool
	err    error // what Send answers
}

func (*wire) Connection() net.Conn { return nil }

func (w *wire) Send(_ context.Context, m *protobufs.ServerToAgent) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = append(w.sent, m)
	return w.err
}

func (w *wire) Disconnect() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	return w.err
}

// offers lists the texts of the configurations that were sent.
func (w *wire) offers() (out []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.sent {
		out = append(out, string(m.GetRemoteConfig().GetConfig().GetConfigMap()[""].GetBody()))
	}
	return out
}

func quietOptions(m *memory) Options {
	return Options{Store: m, Instance: "one", Logger: slog.New(slog.DiscardHandler)}
}
