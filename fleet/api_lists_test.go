// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/internal/httpx/httpxtest"
	"github.com/strata-apm/strata/storage"
)

// ask sends a request to the API over a catalog and decodes the answer.
func ask(t *testing.T, m *memory, method, path, body string) (int, map[string]any) {
	t.Helper()
	api := NewAPI(m, func(context.Context) string { return "me" }, slog.New(slog.DiscardHandler))
	w := httptest.NewRecorder()
	httpxtest.Handler(nil, api.Routes()).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, "/api/v1"+path, strings.NewReader(body)))
	var out map[string]any
	if w.Body.Len() > 0 {
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &out), w.Body)
	}
	return w.Code, out
}

// pages reads a list page by page and returns one field of its items.
func pages(t *testing.T, m *memory, path, list, field string) (got []string) {
	t.Helper()
	cursor := ""
	for range 20 {
		status, answer := ask(t, m, "GET", path+"cursor="+cursor, "")
		require.Equal(t, 200, status)
		for _, x := range answer[list].([]any) {
			got = append(got, x.(map[string]any)[field].(string))
		}
		require.Empty(t, answer["warnings"])
		if cursor = answer["next_cursor"].(string); cursor == "" {
			return got
		}
	}
	t.Fatal("a list without an end")
	return nil
}

func TestListsArePaged(t *testing.T) {
	m := newMemory()
	var want []string
	for i := range 5 {
		id := fmt.Sprint("c", i)
		m.config(t, id, "x")
		want = append([]string{id}, want...)
		data, err := (&Progress{Targets: []*Target{{AgentID: "a", State: TargetGood}}}).encode()
		require.NoError(t, err)
		require.NoError(t, m.CreateRollout(t.Context(), storage.Rollout{ID: id, ConfigID: id, State: RolloutDone, Data: data}))
	}
	for _, limit := range []int{1, 2, 5, 100} {
		require.Equal(t, want, pages(t, m, fmt.Sprintf("/agent-configs?limit=%d&", limit), "configs", "id"), "the newest first")
		require.Equal(t, want, pages(t, m, fmt.Sprintf("/rollouts?limit=%d&", limit), "rollouts", "config_name"))
	}
	_, answer := ask(t, m, "GET", "/rollouts?limit=1", "")
	r := answer["rollouts"].([]any)[0].(map[string]any)
	require.Empty(t, r["targets"], "only a roll-out's own answer has them")
	require.InDelta(t, 1, r["counts"].(map[string]any)[TargetGood], 0)
	_, answer = ask(t, m, "GET", "/rollouts/c1", "")
	require.Len(t, answer["rollout"].(map[string]any)["targets"], 1)
}

// TestAgentsOfAState: a page is filled although most agents of the catalog are in another state.
func TestAgentsOfAState(t *testing.T) {
	m := newMemory()
	var offline []string
	for i := range 40 {
		id := fmt.Sprintf("host-%02d", i)
		m.set(id, func(a *storage.Agent) {
			a.ID, a.HostName = uuid.NewString(), id
			if i%10 == 7 {
				a.SeenAt = time.Now().Add(-time.Hour)
				offline = append(offline, id)
			}
		})
	}
	require.Equal(t, offline, pages(t, m, "/agents?state=offline&limit=3&", "agents", "host"))
	require.Len(t, pages(t, m, "/agents?state=online&limit=7&", "agents", "host"), 36)
	require.Empty(t, pages(t, m, "/agents?state=stopped&", "agents", "host"))
	require.Equal(t, []string{"host-07"}, pages(t, m, "/agents?state=offline&text=host-0&", "agents", "host"))
}

func TestConfigurationOfAnAgent(t *testing.T) {
	m := newMemory()
	id := uuid.NewString()
	m.set(id, func(a *storage.Agent) { a.Effective = "host: {interval: 10s}\nserver: {}\n" })
	status, answer := ask(t, m, "GET", "/agents/"+strings.ToUpper(id)+"/config", "")
	require.Equal(t, 200, status)
	require.Nil(t, answer["offered"], "it was offered none")
	c := m.config(t, "c", "host: {interval: 5s}\n")
	require.NoError(t, m.Assign(t.Context(), []storage.Assignment{{AgentID: id, ConfigID: c.ID}}, storage.Lease{}))
	_, answer = ask(t, m, "GET", "/agents/"+id+"/config", "")
	offered := answer["offered"].(map[string]any)
	require.Equal(t, "host:\n    interval: 5s\n", offered["wanted"])
	require.Equal(t, "host:\n    interval: 10s\n", offered["in_effect"])
	require.Empty(t, answer["warnings"])
	m.set(id, func(a *storage.Agent) { a.Effective = "host: [" })
	status, answer = ask(t, m, "GET", "/agents/"+id+"/config", "")
	require.Equal(t, 200, status)
	require.Contains(t, answer["warnings"].([]any)[0], "read the effective configuration")
	require.Equal(t, "host: [", answer["effective"], "as the agent sent it")
}

// TestCurrent says whether an agent has what it is to have.
func TestCurrent(t *testing.T) {
	c := storage.AgentConfig{ID: "c", Hash: "hash"}
	as := assignments{of: map[string]storage.Assignment{"a": {ConfigID: "c"}, "none": {}}, configs: map[string]storage.AgentConfig{"c": c, "": noConfig()}}
	for name, tc := range map[string]struct {
		agent storage.Agent
		want  bool
	}{
		"applied":              {storage.Agent{ID: "a", ConfigHash: "hash", ConfigStatus: ConfigApplied}, true},
		"applying":             {storage.Agent{ID: "a", ConfigHash: "hash", ConfigStatus: ConfigApplying}, false},
		"refused":              {storage.Agent{ID: "a", ConfigHash: "hash", ConfigStatus: ConfigFailed}, false},
		"another":              {storage.Agent{ID: "a", ConfigHash: "other", ConfigStatus: ConfigApplied}, false},
		"nothing assigned":     {storage.Agent{ID: "b", ConfigHash: "other"}, true},
		"none, and never any":  {storage.Agent{ID: "none"}, true},
		"none, applied":        {storage.Agent{ID: "none", ConfigHash: HashOf(""), ConfigStatus: ConfigApplied}, true},
		"none, but still some": {storage.Agent{ID: "none", ConfigHash: "hash", ConfigStatus: ConfigApplied}, false},
	} {
		require.Equal(t, tc.want, agentOf(tc.agent, as).Config.Current, name)
	}
}

// TestRollouts are begun with defaults, by somebody, one at a time.
func TestRolloutsAreBegun(t *testing.T) {
	m := newMemory()
	m.config(t, "c", "x")
	status, answer := ask(t, m, "POST", "/rollouts", `{"config_id":"c"}`)
	require.Equal(t, 201, status, answer)
	r := answer["rollout"].(map[string]any)
	require.Equal(t, []any{"pending", "me", false}, []any{r["state"], r["created_by"], r["cancelling"]})
	require.InDelta(t, defaultCanaryPercent, r["canary_percent"], 0)
	require.InDelta(t, DefaultWatch.Seconds(), r["watch_seconds"], 0)
	require.Equal(t, []any{}, r["targets"])
	status, answer = ask(t, m, "POST", "/rollouts/"+r["id"].(string)+"/cancel", "")
	require.Equal(t, 200, status)
	require.Equal(t, true, answer["rollout"].(map[string]any)["cancelling"])
	m.fail("CreateRollout", storage.ErrConflict)
	status, answer = ask(t, m, "POST", "/rollouts", `{"config_id":"c"}`)
	require.Equal(t, 409, status)
	require.Equal(t, "another roll-out is under way", answer["error"].(map[string]any)["message"])
	for body, want := range map[string]string{
		`{"config_id":"c","canary":{"count":-1}}`: "canary", `{"config_id":"c","canary":{"percent":-1}}`: "canary", `{"config_id":"c","canary":{"percent":100.5}}`: "canary",
		`{"config_id":"c","canary":{"count":1,"percent":1}}`: "canary", `{"config_id":"c","watch_seconds":4}`: "watch_seconds",
		`{"config_id":"c","watch_seconds":86401}`: "watch_seconds", `{"config_id":"x\u0000"}`: "config_id", `{"config":"c"}`: "config", `{`: "body",
	} {
		status, answer = ask(t, m, "POST", "/rollouts", body)
		require.Equal(t, 400, status, body)
		require.Contains(t, answer["error"].(map[string]any)["message"], want)
	}
}

func TestConfigurationsAreChecked(t *testing.T) {
	m := newMemory()
	status, answer := ask(t, m, "POST", "/agent-configs", `{"name":"web","yaml":"host: {}\n","selector":{"hosts":["web-*"],"labels":{"env":"prod"}}}`)
	require.Equal(t, 201, status, answer)
	c := answer["config"].(map[string]any)
	require.Equal(t, []any{"web", HashOf("host: {}\n"), "me"}, []any{c["name"], c["hash"], c["created_by"]})
	status, answer = ask(t, m, "GET", "/agent-configs/"+c["id"].(string), "")
	require.Equal(t, 200, status)
	require.Equal(t, c, answer["config"])
	status, answer = ask(t, m, "POST", "/agent-configs", `{"name":"x","yaml":"host: {}\nserver: {endpoint: x}\n"}`)
	require.Equal(t, 400, status)
	e := answer["error"].(map[string]any)
	require.Contains(t, e["message"], "yaml: ")
	require.InDelta(t, 2, e["details"].(map[string]any)["line"], 0)
	many := make([]string, 1001)
	for i := range many {
		many[i] = `"h"`
	}
	for body, want := range map[string]string{
		`{"name":"x","selector":{"hosts":[` + strings.Join(many, ",") + `]}}`: "too many hosts", `{"name":"x","selector":{"hosts":[""]}}`: "no pattern",
		`{"name":"x","selector":{"labels":{"":"x"}}}`: "without a name", `{"name":"` + strings.Repeat("é", 101) + `"}`: "name", `{"nome":"x"}`: "nome",
	} {
		status, answer = ask(t, m, "POST", "/agent-configs", body)
		require.Equal(t, 400, status, want)
		require.Contains(t, answer["error"].(map[string]any)["message"], want)
	}
}

// TestCatalogAwayOrCorrupted: the API says that it cannot tell, not that there is nothing.
func TestCatalogAwayOrCorrupted(t *testing.T) {
	id := uuid.NewString()
	for _, tc := range []struct{ method, request, path, body string }{
		{"ListAgents", "GET", "/agents", ""},
		{"Assignments", "GET", "/agents", ""},
		{"AgentConfig", "GET", "/agents", ""},
		{"Agent", "GET", "/agents/" + id, ""},
		{"Assignments", "GET", "/agents/" + id, ""},
		{"Agent", "GET", "/agents/" + id + "/config", ""},
		{"DeleteAgent", "DELETE", "/agents/" + id, ""},
		{"ListAgentConfigs", "GET", "/agent-configs", ""},
		{"CreateAgentConfig", "POST", "/agent-configs", `{"name":"x","yaml":"host: {}"}`},
		{"AgentConfig", "GET", "/agent-configs/c", ""},
		{"ListRollouts", "GET", "/rollouts", ""},
		{"AgentConfig", "GET", "/rollouts", ""},
		{"AgentConfig", "POST", "/rollouts", `{"config_id":"c"}`},
		{"CreateRollout", "POST", "/rollouts", `{"config_id":"c"}`},
		{"Rollout", "GET", "/rollouts/r", ""},
		{"CancelRollout", "POST", "/rollouts/r/cancel", ""},
	} {
		t.Run(tc.method+" "+tc.request+" "+tc.path, func(t *testing.T) {
			m := newMemory()
			m.set(id, func(*storage.Agent) {})
			m.config(t, "c", "x")
			require.NoError(t, m.Assign(t.Context(), []storage.Assignment{{AgentID: id, ConfigID: "c"}}, storage.Lease{}))
			require.NoError(t, m.CreateRollout(t.Context(), storage.Rollout{ID: "r", ConfigID: "c", Active: true, Data: "{}"}))
			for err, want := range map[error]int{storage.ErrUnavailable: 503, errors.New("driver: password"): 500} {
				m.fail(tc.method, err)
				status, answer := ask(t, m, tc.request, tc.path, tc.body)
				require.Equal(t, want, status)
				require.NotContains(t, answer["error"].(map[string]any)["message"], "password")
			}
			m.fail(tc.method, nil)
			status, _ := ask(t, m, tc.request, tc.path, tc.body)
			require.Less(t, status, 300)
		})
	}
	m := newMemory()
	m.config(t, "c", "x")
	require.NoError(t, m.CreateRollout(t.Context(), storage.Rollout{ID: "r", ConfigID: "c", Data: "{"}))
	for _, path := range []string{"/rollouts", "/rollouts/r"} {
		status, _ := ask(t, m, "GET", path, "")
		require.Equal(t, 500, status)
	}
	require.NoError(t, m.CreateAgentConfig(t.Context(), storage.AgentConfig{ID: "odd", Selector: "{"}))
	status, answer := ask(t, m, "GET", "/agent-configs", "")
	require.Equal(t, 200, status)
	require.Len(t, answer["configs"], 2)
	status, _ = ask(t, m, "POST", "/rollouts", `{"config_id":"odd"}`)
	require.Equal(t, 500, status, "for whom it is meant is not guessed")
}

func TestIdentifiers(t *testing.T) {
	m := newMemory()
	for _, path := range []string{"/agents/x", "/agents/x/config", "/agents/" + uuid.NewString(), "/agents/" + uuid.NewString() + "/config"} {
		status, _ := ask(t, m, "GET", path, "")
		require.Equal(t, 404, status, path)
	}
	status, _ := ask(t, m, "DELETE", "/agents/x", "")
	require.Equal(t, 404, status)
	id := uuid.New()
	require.Equal(t, id[:], uidOf(id.String()))
	require.Nil(t, uidOf("x"))
	now := time.Now()
	require.Less(t, newID(now), newID(now.Add(2*time.Millisecond)), "later ones sort behind")
	first, second := newID(now), newID(now)
	require.NotEqual(t, first, second)
}
