// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"

	"github.com/strata-apm/strata/collector/pushed"
	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/storage"
)

const maxName = 100

// newID returns an identifier; later ones sort behind.
func newID(now time.Time) string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // Never returns an error.
	return fmt.Sprintf("%012x", now.UnixMilli()) + hex.EncodeToString(b[:])
}

// ConfigRequest is what a configuration is made of.
type ConfigRequest struct {
	Name     string   `json:"name"`
	YAML     string   `json:"yaml"`
	Selector Selector `json:"selector,omitzero"`
}

type configJSON struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Hash      string    `json:"hash"`
	YAML      string    `json:"yaml"`
	Selector  Selector  `json:"selector"`
	CreatedAt time.Time `json:"created_at"`
	CreatedBy string    `json:"created_by"`
}

type configAnswer struct {
	Config   configJSON `json:"config"`
	Warnings []string   `json:"warnings"`
}

type configsAnswer struct {
	Configs    []configJSON `json:"configs"`
	NextCursor string       `json:"next_cursor"`
	Warnings   []string     `json:"warnings"`
}

func configOf(c storage.AgentConfig) configJSON {
	return configJSON{
		ID: c.ID, Name: c.Name, Hash: c.Hash, YAML: c.YAML, Selector: decoded[Selector](c.Selector), CreatedAt: c.CreatedAt, CreatedBy: c.CreatedBy,
	}
}

func (a *API) listConfigs(r *http.Request) (any, error) {
	limit, err := limitOf(r)
	if err != nil {
		return nil, err
	}
	cs, err := a.store.ListAgentConfigs(r.Context(), clean(r.URL.Query().Get("cursor")), limit+1)
	if err != nil {
		return nil, err
	}
	out := configsAnswer{Configs: []configJSON{}, Warnings: []string{}}
	if len(cs) > limit {
		cs = cs[:limit]
		out.NextCursor = cs[limit-1].ID
	}
	for _, c := range cs {
		out.Configs = append(out.Configs, configOf(c))
	}
	return out, nil
}

func (a *API) getConfig(r *http.Request) (any, error) {
	c, err := a.store.AgentConfig(r.Context(), clean(chi.URLParam(r, "id")))
	if err != nil {
		return nil, err
	}
	return configAnswer{Config: configOf(c), Warnings: []string{}}, nil
}

func (a *API) createConfig(r *http.Request) (any, error) {
	var body ConfigRequest
	if err := httpx.ReadJSON(r, maxRequest, &body); err != nil {
		return nil, err
	}
	if n := utf8.RuneCountInString(body.Name); n == 0 || n > maxName || strings.TrimSpace(body.Name) != body.Name {
		return nil, httpx.BadRequest("name: must have 1 to %d characters and no space around it", maxName)
	}
	if err := body.Selector.Validate(); err != nil {
		return nil, httpx.BadRequest("%v", err)
	}
	if err := pushed.Check([]byte(body.YAML)); err != nil {
		bad := httpx.BadRequest("yaml: %v", err)
		if at, ok := errors.AsType[*pushed.Error](err); ok {
			bad.Details = map[string]any{"line": at.Line}
		}
		return nil, bad
	}
	selector, err := json.Marshal(body.Selector)
	if err != nil {
		return nil, fmt.Errorf("encode selector: %w", err)
	}
	c := storage.AgentConfig{
		ID: newID(a.now()), Name: body.Name, YAML: body.YAML, Hash: HashOf(body.YAML), Selector: string(selector),
		CreatedAt: a.now(), CreatedBy: a.actor(r.Context()),
	}
	if err := a.store.CreateAgentConfig(r.Context(), c); err != nil {
		return nil, err
	}
	return configAnswer{Config: configOf(c), Warnings: []string{}}, nil
}

// Canary is who gets a configuration first: a count or a percentage of the agents, 10 % when neither is given.
type Canary struct {
	Count   int     `json:"count,omitempty"`
	Percent float64 `json:"percent,omitempty"`
}

// RolloutRequest starts a roll-out.
type RolloutRequest struct {
	ConfigID string `json:"config_id"`
	Canary   Canary `json:"canary,omitzero"`
	// WatchSeconds is how long each canary is watched; 0 means 120.
	WatchSeconds float64 `json:"watch_seconds,omitempty"`
	AllowSilence bool    `json:"allow_silence,omitempty"`
}

const defaultCanaryPercent = 10

func (b RolloutRequest) plan() (Plan, error) {
	p := Plan{CanaryCount: b.Canary.Count, CanaryPercent: b.Canary.Percent, WatchSeconds: b.WatchSeconds, AllowSilence: b.AllowSilence}
	if p.CanaryCount == 0 && p.CanaryPercent == 0 {
		p.CanaryPercent = defaultCanaryPercent
	}
	if p.WatchSeconds == 0 {
		p.WatchSeconds = DefaultWatch.Seconds()
	}
	switch {
	case p.CanaryCount < 0 || p.CanaryPercent < 0 || p.CanaryPercent > 100 || p.CanaryCount > 0 && p.CanaryPercent > 0:
		return p, httpx.BadRequest("canary: either a positive count or a percent up to 100")
	case p.WatchSeconds < MinWatch.Seconds() || p.WatchSeconds > MaxWatch.Seconds():
		return p, httpx.BadRequest("watch_seconds: must lie between %.0f and %.0f", MinWatch.Seconds(), MaxWatch.Seconds())
	}
	return p, nil
}

type rolloutJSON struct {
	ID         string    `json:"id"`
	ConfigID   string    `json:"config_id"`
	ConfigName string    `json:"config_name"`
	State      string    `json:"state" enum:"pending,canary,rest,rolling_back,done,failed,cancelled"`
	Cancelling bool      `json:"cancelling"`
	CreatedAt  time.Time `json:"created_at"`
	UpdatedAt  time.Time `json:"updated_at"`
	Progress
	Counts map[string]int `json:"counts"`
}

type rolloutAnswer struct {
	Rollout  rolloutJSON `json:"rollout"`
	Warnings []string    `json:"warnings"`
}

type rolloutsAnswer struct {
	Rollouts   []rolloutJSON `json:"rollouts"`
	NextCursor string        `json:"next_cursor"`
	Warnings   []string      `json:"warnings"`
}

func (a *API) rolloutOf(r *http.Request, x storage.Rollout, names map[string]string) (rolloutJSON, error) {
	p, err := decodeProgress(x.Data)
	if err != nil {
		return rolloutJSON{}, err
	}
	name, ok := names[x.ConfigID]
	if !ok {
		c, err := a.store.AgentConfig(r.Context(), x.ConfigID)
		if err != nil {
			return rolloutJSON{}, err
		}
		name = c.Name
		names[x.ConfigID] = name
	}
	out := rolloutJSON{
		ID: x.ID, ConfigID: x.ConfigID, ConfigName: name, State: x.State, Cancelling: x.Cancel && x.Active, CreatedAt: x.CreatedAt,
		UpdatedAt: x.UpdatedAt, Progress: *p, Counts: map[string]int{},
	}
	if out.Targets == nil {
		out.Targets = []*Target{}
	}
	for _, t := range out.Targets {
		out.Counts[t.State]++
	}
	return out, nil
}

func (a *API) listRollouts(r *http.Request) (any, error) {
	limit, err := limitOf(r)
	if err != nil {
		return nil, err
	}
	rs, err := a.store.ListRollouts(r.Context(), clean(r.URL.Query().Get("cursor")), limit+1)
	if err != nil {
		return nil, err
	}
	out := rolloutsAnswer{Rollouts: []rolloutJSON{}, Warnings: []string{}}
	if len(rs) > limit {
		rs = rs[:limit]
		out.NextCursor = rs[limit-1].ID
	}
	names := map[string]string{}
	for _, x := range rs {
		j, err := a.rolloutOf(r, x, names)
		if err != nil {
			return nil, err
		}
		j.Targets = []*Target{} // Only one's own answer has them.
		out.Rollouts = append(out.Rollouts, j)
	}
	return out, nil
}

func (a *API) getRollout(r *http.Request) (any, error) {
	x, err := a.store.Rollout(r.Context(), clean(chi.URLParam(r, "id")))
	if err != nil {
		return nil, err
	}
	j, err := a.rolloutOf(r, x, map[string]string{})
	if err != nil {
		return nil, err
	}
	return rolloutAnswer{Rollout: j, Warnings: []string{}}, nil
}

func (a *API) createRollout(r *http.Request) (any, error) {
	var body RolloutRequest
	if err := httpx.ReadJSON(r, maxRequest, &body); err != nil {
		return nil, err
	}
	plan, err := body.plan()
	if err != nil {
		return nil, err
	}
	cfg, err := a.store.AgentConfig(r.Context(), clean(body.ConfigID))
	if errors.Is(err, storage.ErrNotFound) {
		return nil, httpx.BadRequest("config_id: there is no configuration %q", body.ConfigID)
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(cfg.Selector), &plan.Selector); err != nil {
		return nil, fmt.Errorf("read selector: %w", err)
	}
	plan.CreatedBy = a.actor(r.Context())
	data, err := (&Progress{Plan: plan, Targets: []*Target{}}).encode()
	if err != nil {
		return nil, err
	}
	x := storage.Rollout{
		ID: newID(a.now()), ConfigID: cfg.ID, State: RolloutPending, Active: true, Data: data, CreatedAt: a.now(), UpdatedAt: a.now(),
	}
	if err := a.store.CreateRollout(r.Context(), x); errors.Is(err, storage.ErrConflict) {
		return nil, httpx.Conflict("another roll-out is under way")
	} else if err != nil {
		return nil, err
	}
	j, err := a.rolloutOf(r, x, map[string]string{cfg.ID: cfg.Name})
	if err != nil {
		return nil, err
	}
	return rolloutAnswer{Rollout: j, Warnings: []string{}}, nil
}

func (a *API) cancelRollout(r *http.Request) (any, error) {
	id := clean(chi.URLParam(r, "id"))
	if err := a.store.CancelRollout(r.Context(), id); err != nil {
		return nil, err
	}
	return a.getRollout(r)
}
