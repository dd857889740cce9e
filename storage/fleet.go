// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"time"
)

// Agent is one agent as it described itself last.
type Agent struct {
	// ID is the agent's own identifier, a UUID that it keeps over restarts.
	ID       string
	HostName string
	HostID   string
	Version  string
	OS       string
	// Labels are the attributes of its description.
	Labels map[string]string
	// Source is the name of the key it uses, which is its source in the ledger as well.
	Source string
	// Instance is the server process it talks to.
	Instance string
	// Heartbeat is how often it promises to be heard.
	Heartbeat time.Duration
	FirstSeen time.Time
	SeenAt    time.Time     // by the store's clock
	Silent    time.Duration // since SeenAt, by the store's clock
	// Left says that it announced its stop.
	Left    bool
	Healthy bool
	Health  string // JSON
	Board   string // JSON object of the sections of its status board
	// Effective is the configuration it runs with, without secrets.
	Effective string
	// ConfigHash, ConfigStatus and ConfigError are what it says of the configuration it was offered last.
	ConfigHash   string
	ConfigStatus string
	ConfigError  string
}

// AgentQuery selects agents.
type AgentQuery struct {
	// Text is a part of the host's name.
	Text string
	// AfterHost and AfterID are those of the last agent of the page before, empty at the beginning.
	AfterHost string
	AfterID   string
	// Limit is the most that is returned, 0 for all.
	Limit int
	// Brief leaves Health, Board and Effective empty: the large ones.
	Brief bool
}

// AgentStore keeps agents. Safe for concurrent use by any number of processes.
type AgentStore interface {
	// SaveAgents adds or replaces the changed ones and notes that those of seen were heard, all at the store's present time and in
	// one transaction. Each of changed has an id of its own. FirstSeen is that of the first call. It returns those of seen that are not
	// known.
	SaveAgents(ctx context.Context, changed []Agent, seen []string) (unknown []string, err error)
	// Agent returns one, or ErrNotFound.
	Agent(ctx context.Context, id string) (Agent, error)
	// ListAgents returns agents in the order of host name and id.
	ListAgents(ctx context.Context, q AgentQuery) ([]Agent, error)
	// DeleteAgent forgets the agent and its assignment. It returns ErrNotFound when there is no such agent.
	DeleteAgent(ctx context.Context, id string) error
}

// AgentConfig is one version of a configuration that is pushed to agents. It never changes.
type AgentConfig struct {
	ID   string
	Name string
	YAML string
	// Hash is the SHA-256 of YAML, hexadecimal.
	Hash string
	// Selector is JSON and opaque to the store.
	Selector  string
	CreatedAt time.Time
	CreatedBy string
}

// AgentConfigStore keeps configurations for agents. Safe for concurrent use.
type AgentConfigStore interface {
	// CreateAgentConfig returns ErrConflict when the id exists.
	CreateAgentConfig(ctx context.Context, c AgentConfig) error
	// AgentConfig returns one, or ErrNotFound.
	AgentConfig(ctx context.Context, id string) (AgentConfig, error)
	// ListAgentConfigs returns the newest ones first, those before the given id, all from the newest when it is empty.
	ListAgentConfigs(ctx context.Context, before string, limit int) ([]AgentConfig, error)
}

// Assignment says which configuration an agent is to have.
type Assignment struct {
	AgentID string
	// ConfigID is empty for an agent that is to have none.
	ConfigID string
}

// Rollout is a configuration on its way to the agents.
type Rollout struct {
	ID       string
	ConfigID string
	State    string
	// Active says that it is not over; there is one such at most.
	Active bool
	// Cancel says that somebody asked to stop it.
	Cancel bool
	// Data is JSON and opaque to the store.
	Data      string
	CreatedAt time.Time
	UpdatedAt time.Time
}

// RolloutStore keeps roll-outs and assignments. Safe for concurrent use by any number of processes.
type RolloutStore interface {
	// CreateRollout returns ErrConflict when another one is active or the id exists.
	CreateRollout(ctx context.Context, r Rollout) error
	// UpdateRollout replaces State, Active, Data and UpdatedAt and puts the assignments, all or nothing. When by is not its holder's
	// any more nothing is stored and ErrConflict is returned; the zero Lease is not checked.
	UpdateRollout(ctx context.Context, r Rollout, as []Assignment, by Lease) error
	// CancelRollout notes that an active one is to stop. It returns ErrNotFound when there is none of this id that is active.
	CancelRollout(ctx context.Context, id string) error
	// Rollout returns one, or ErrNotFound.
	Rollout(ctx context.Context, id string) (Rollout, error)
	// ListRollouts returns the newest ones first, those before the given id, all from the newest when it is empty.
	ListRollouts(ctx context.Context, before string, limit int) ([]Rollout, error)
	// Assignments returns the configuration of each agent that has an assignment, by agent.
	Assignments(ctx context.Context) (map[string]Assignment, error)
	// Assign puts assignments outside a roll-out, as UpdateRollout does.
	Assign(ctx context.Context, as []Assignment, by Lease) error
}
