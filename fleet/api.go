// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/storage"
)

const (
	maxRequest   = 1 << 20
	defaultLimit = 100
	mostLimit    = 1000
)

// API serves agents, their configurations and roll-outs below /api/v1, also in a process that no agent talks to. Safe for concurrent use.
type API struct {
	store  Store
	actor  func(context.Context) string
	logger *slog.Logger
	now    func() time.Time
}

// NewAPI returns the API; actor tells who sent a request.
func NewAPI(store Store, actor func(context.Context) string, logger *slog.Logger) *API {
	return &API{store: store, actor: actor, logger: logger, now: time.Now}
}

// Routes is the table of the API's routes.
func (a *API) Routes() []httpx.Route {
	const agents = "agents"
	page := httpx.PageParams()
	found := append([]httpx.Param{
		{Name: "text", Description: "part of the host's name"}, {Name: "state", OneOf: []string{string(Online), string(Late), string(Offline), string(Stopped)}},
	}, page...)
	return []httpx.Route{
		{Method: http.MethodGet, Path: "/agents", Permission: httpx.Read, Tag: agents, Summary: "List agents: who is heard, what each runs with and what it says of itself", Params: found, Answer: agentsAnswer{}, Handle: a.listAgents},
		{Method: http.MethodGet, Path: "/agents/{id}", Permission: httpx.Read, Tag: agents, Summary: "Describe one agent", Answer: agentAnswer{}, Handle: a.getAgent},
		{Method: http.MethodDelete, Path: "/agents/{id}", Permission: httpx.Admin, Tag: agents, Summary: "Forget an agent; one that lives is back with its next heartbeat", Status: http.StatusNoContent, Handle: a.deleteAgent},
		{Method: http.MethodGet, Path: "/agents/{id}/config", Permission: httpx.Read, Tag: agents, Summary: "What an agent runs with and what it was offered", Answer: agentConfigAnswer{}, Handle: a.agentConfig},
		{Method: http.MethodGet, Path: "/agent-configs", Permission: httpx.Read, Tag: agents, Summary: "List configurations for agents", Params: page, Answer: configsAnswer{}, Handle: a.listConfigs},
		{Method: http.MethodPost, Path: "/agent-configs", Permission: httpx.Admin, Tag: agents, Summary: "Create a configuration; it never changes and reaches agents by a roll-out", Body: ConfigRequest{}, Answer: configAnswer{}, Status: http.StatusCreated, Handle: a.createConfig},
		{Method: http.MethodGet, Path: "/agent-configs/{id}", Permission: httpx.Read, Tag: agents, Summary: "Read a configuration", Answer: configAnswer{}, Handle: a.getConfig},
		{Method: http.MethodGet, Path: "/rollouts", Permission: httpx.Read, Tag: agents, Summary: "List roll-outs", Params: page, Answer: rolloutsAnswer{}, Handle: a.listRollouts},
		{Method: http.MethodPost, Path: "/rollouts", Permission: httpx.Admin, Tag: agents, Summary: "Roll a configuration out, first to canaries", Body: RolloutRequest{}, Answer: rolloutAnswer{}, Status: http.StatusCreated, Handle: a.createRollout},
		{Method: http.MethodGet, Path: "/rollouts/{id}", Permission: httpx.Read, Tag: agents, Summary: "How a roll-out goes, agent by agent", Answer: rolloutAnswer{}, Handle: a.getRollout},
		{Method: http.MethodPost, Path: "/rollouts/{id}/cancel", Permission: httpx.Admin, Tag: agents, Summary: "Stop a roll-out and roll it back", Answer: rolloutAnswer{}, Handle: a.cancelRollout},
	}
}

func limitOf(r *http.Request) (int, error) {
	return httpx.Count(r, "limit", defaultLimit, mostLimit, new([]string)) // The client's own words.
}

// agentJSON is an agent as the API shows it.
type agentJSON struct {
	ID            string            `json:"id"`
	Host          string            `json:"host"`
	HostID        string            `json:"host_id"`
	Version       string            `json:"version"`
	OS            string            `json:"os"`
	State         State             `json:"state" enum:"online,late,offline,stopped"`
	FirstSeen     time.Time         `json:"first_seen"`
	LastHeartbeat time.Time         `json:"last_heartbeat"`
	SilentSeconds float64           `json:"silent_seconds"`
	Source        string            `json:"source"`
	Instance      string            `json:"instance"`
	Healthy       bool              `json:"healthy"`
	Health        Health            `json:"health"`
	Labels        map[string]string `json:"labels"`
	// Status is the board: one value per section.
	Status map[string]json.RawMessage `json:"status"`
	Config agentConfigJSON            `json:"config"`
}

// agentConfigJSON is what an agent says of the configuration it was offered, and what it is to have.
type agentConfigJSON struct {
	Hash   string `json:"hash"`
	Status string `json:"status" enum:",applied,applying,failed"`
	Error  string `json:"error"`
	// ID and Name are those of the configuration it is to have; empty for none.
	ID   string `json:"id"`
	Name string `json:"name"`
	// Current says that it has what it is to have.
	Current bool `json:"current"`
}

// assignments are the configurations of agents with their names.
type assignments struct {
	of      map[string]storage.Assignment
	configs map[string]storage.AgentConfig
}

func (a *API) assignments(ctx context.Context, agents []storage.Agent) (assignments, error) {
	out := assignments{configs: map[string]storage.AgentConfig{"": noConfig()}}
	var err error
	if out.of, err = a.store.Assignments(ctx); err != nil {
		return out, err
	}
	for _, x := range agents {
		id := out.of[x.ID].ConfigID
		if _, ok := out.configs[id]; ok {
			continue
		}
		if out.configs[id], err = a.store.AgentConfig(ctx, id); err != nil {
			return out, err
		}
	}
	return out, nil
}

func agentOf(x storage.Agent, as assignments) agentJSON {
	as1, assigned := as.of[x.ID]
	cfg := as.configs[as1.ConfigID]
	return agentJSON{
		ID: x.ID, Host: x.HostName, HostID: x.HostID, Version: x.Version, OS: x.OS, State: StateOf(x), FirstSeen: x.FirstSeen,
		LastHeartbeat: x.SeenAt, SilentSeconds: x.Silent.Seconds(), Source: x.Source, Instance: x.Instance, Healthy: x.Healthy,
		Health: decoded[Health](x.Health), Labels: x.Labels, Status: boardOf(x.Board),
		Config: agentConfigJSON{
			Hash: x.ConfigHash, Status: x.ConfigStatus, Error: x.ConfigError, ID: cfg.ID, Name: cfg.Name,
			Current: !assigned || cfg.Hash == x.ConfigHash && x.ConfigStatus == ConfigApplied || cfg.ID == "" && x.ConfigHash == "",
		},
	}
}

// decoded returns the value of a text, and the zero value for a text that cannot be read.
func decoded[T any](text string) T {
	var v, zero T
	if json.Unmarshal([]byte(text), &v) != nil {
		return zero
	}
	return v
}

func boardOf(text string) map[string]json.RawMessage {
	if b := decoded[map[string]json.RawMessage](text); b != nil {
		return b
	}
	return map[string]json.RawMessage{}
}

type agentsAnswer struct {
	Agents     []agentJSON `json:"agents"`
	NextCursor string      `json:"next_cursor"`
	Warnings   []string    `json:"warnings"`
}

func (a *API) listAgents(r *http.Request) (any, error) {
	limit, err := limitOf(r)
	if err != nil {
		return nil, err
	}
	state := State(r.URL.Query().Get("state"))
	switch state {
	case "", Online, Late, Offline, Stopped:
	default:
		return nil, httpx.BadRequest("state: %q is none of online, late, offline, stopped", state)
	}
	q := storage.AgentQuery{Text: clean(r.URL.Query().Get("text")), Limit: limit + 1}
	if q.AfterHost, q.AfterID, err = readCursor(r.URL.Query().Get("cursor")); err != nil {
		return nil, err
	}
	found, more := []storage.Agent(nil), true
	for more && len(found) <= limit {
		page, err := a.store.ListAgents(r.Context(), q)
		if err != nil {
			return nil, err
		}
		more = len(page) == q.Limit
		for _, x := range page {
			q.AfterHost, q.AfterID = x.HostName, x.ID
			if state == "" || StateOf(x) == state {
				found = append(found, x)
			}
		}
	}
	out := agentsAnswer{Agents: []agentJSON{}, Warnings: []string{}}
	if len(found) > limit {
		found = found[:limit]
		last := found[limit-1]
		out.NextCursor = base64.RawURLEncoding.EncodeToString([]byte(last.HostName + "\x00" + last.ID))
	}
	as, err := a.assignments(r.Context(), found)
	if err != nil {
		return nil, err
	}
	for _, x := range found {
		out.Agents = append(out.Agents, agentOf(x, as))
	}
	return out, nil
}

func readCursor(text string) (host, id string, err error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return "", "", httpx.BadRequest("cursor: not one of this API")
	}
	host, id, ok := strings.Cut(string(b), "\x00")
	if !ok && text != "" || strings.ContainsRune(id, 0) {
		return "", "", httpx.BadRequest("cursor: not one of this API")
	}
	return host, id, nil
}

type agentAnswer struct {
	Agent    agentJSON `json:"agent"`
	Warnings []string  `json:"warnings"`
}

// idOf returns the agent's identifier in the path; one that is no UUID cannot exist.
func idOf(r *http.Request) (string, error) {
	id, err := uuid.Parse(chi.URLParam(r, "id"))
	if err != nil {
		return "", storage.ErrNotFound
	}
	return id.String(), nil
}

// agent is the one that the request names, with what is assigned to it.
func (a *API) agent(r *http.Request) (storage.Agent, assignments, error) {
	id, err := idOf(r)
	if err != nil {
		return storage.Agent{}, assignments{}, err
	}
	x, err := a.store.Agent(r.Context(), id)
	if err != nil {
		return storage.Agent{}, assignments{}, err
	}
	as, err := a.assignments(r.Context(), []storage.Agent{x})
	return x, as, err
}

func (a *API) getAgent(r *http.Request) (any, error) {
	x, as, err := a.agent(r)
	if err != nil {
		return nil, err
	}
	return agentAnswer{Agent: agentOf(x, as), Warnings: []string{}}, nil
}

func (a *API) deleteAgent(r *http.Request) (any, error) {
	id, err := idOf(r)
	if err != nil {
		return nil, err
	}
	if err := a.store.DeleteAgent(r.Context(), id); err != nil {
		return nil, err
	}
	return nil, nil // The answer has no body.
}

type offeredJSON struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Hash string `json:"hash"`
	YAML string `json:"yaml"`
	// Wanted is YAML in the form of InEffect: what of it the agent runs with.
	Wanted   string `json:"wanted"`
	InEffect string `json:"in_effect"`
}

type agentConfigAnswer struct {
	// Effective is what the agent runs with: the defaults, what was pushed and its own file, without secrets.
	Effective string       `json:"effective"`
	Hash      string       `json:"hash"`
	Status    string       `json:"status" enum:",applied,applying,failed"`
	Error     string       `json:"error"`
	Offered   *offeredJSON `json:"offered"`
	Warnings  []string     `json:"warnings"`
}

func (a *API) agentConfig(r *http.Request) (any, error) {
	x, as, err := a.agent(r)
	if err != nil {
		return nil, err
	}
	out := agentConfigAnswer{Effective: x.Effective, Hash: x.ConfigHash, Status: x.ConfigStatus, Error: x.ConfigError, Warnings: []string{}}
	if c := as.configs[as.of[x.ID].ConfigID]; c.ID != "" {
		out.Offered = &offeredJSON{ID: c.ID, Name: c.Name, Hash: c.Hash, YAML: c.YAML}
		if out.Offered.Wanted, out.Offered.InEffect, err = compare(c.YAML, x.Effective); err != nil {
			out.Warnings = append(out.Warnings, err.Error())
		}
	}
	return out, nil
}

// uidOf is the identifier as OpAMP has it.
func uidOf(id string) []byte {
	u, err := uuid.Parse(id)
	if err != nil {
		return nil
	}
	return u[:]
}
