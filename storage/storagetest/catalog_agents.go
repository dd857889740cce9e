// SPDX-License-Identifier: Apache-2.0

package storagetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage"
)

// testManyAgents: agents are written some at a time, and none of them gets what is another's, whatever their number is.
func testManyAgents(t *testing.T, c Catalog, _ func() Catalog) {
	t.Helper()
	ctx := t.Context()
	for _, n := range []int{1, 9, 64, 147} {
		for _, round := range []string{"first", "second"} {
			want := make([]storage.Agent, n)
			for i := range want {
				id := fmt.Sprintf("many-%03d", i)
				want[i] = storage.Agent{
					ID: id, HostName: id, HostID: "h" + id, Version: "v" + id, OS: "o" + id, Labels: map[string]string{id: round}, Source: "s" + id,
					Instance: "i" + id, Heartbeat: time.Duration(i+1) * time.Second, Left: i%3 == 0, Healthy: i%2 == 0, Health: "h" + round + id,
					Board: "b" + round + id, Effective: "e" + id, ConfigHash: "c" + id, ConfigStatus: "t" + id, ConfigError: "x" + id,
				}
			}
			_, err := c.SaveAgents(ctx, want, nil)
			require.NoError(t, err)
			got, err := c.ListAgents(ctx, storage.AgentQuery{})
			require.NoError(t, err)
			require.Len(t, got, n)
			for i, a := range got {
				require.False(t, a.FirstSeen.IsZero())
				require.False(t, a.SeenAt.Before(a.FirstSeen))
				a.FirstSeen, a.SeenAt, a.Silent = time.Time{}, time.Time{}, 0
				require.Equal(t, want[i], a)
			}
		}
	}
	for i := range 147 {
		require.NoError(t, c.DeleteAgent(ctx, fmt.Sprintf("many-%03d", i)))
	}
}

func testAgents(t *testing.T, c Catalog, reopen func() Catalog) {
	t.Helper()
	ctx := t.Context()
	a := storage.Agent{
		ID: "a", HostName: "web-2", HostID: "h", Version: "1", OS: "linux", Labels: map[string]string{"env": "prod"}, Source: "key",
		Instance: "gw", Heartbeat: 10 * time.Second, Healthy: true, Health: `{"healthy":true}`, Board: `{"queue":{}}`, Effective: "host: {}\n",
		ConfigHash: "aa", ConfigStatus: "failed", ConfigError: "line 1",
	}
	b := storage.Agent{ID: "b", HostName: "web-1", Labels: map[string]string{}}
	unknown, err := c.SaveAgents(ctx, []storage.Agent{b, a}, []string{"none", "a"})
	require.NoError(t, err)
	require.Equal(t, []string{"none"}, unknown)
	got, err := reopen().Agent(ctx, "a")
	require.NoError(t, err)
	require.False(t, got.FirstSeen.IsZero())
	require.Less(t, got.Silent, time.Minute)
	first := got.FirstSeen
	a.FirstSeen, a.SeenAt, a.Silent = got.FirstSeen, got.SeenAt, got.Silent
	require.Equal(t, a, got)

	a.Left, a.Board = true, `{}`
	_, err = c.SaveAgents(ctx, []storage.Agent{a}, nil)
	require.NoError(t, err)
	got, err = c.Agent(ctx, "a")
	require.NoError(t, err)
	require.True(t, got.Left)
	require.Equal(t, first, got.FirstSeen)
	require.True(t, got.SeenAt.After(first))
	unknown, err = c.SaveAgents(ctx, nil, []string{"a"})
	require.NoError(t, err)
	require.Empty(t, unknown)
	got, err = c.Agent(ctx, "a")
	require.NoError(t, err)
	require.False(t, got.Left, "it is heard again")

	ids := func(q storage.AgentQuery) (out []string) {
		all, err := c.ListAgents(ctx, q)
		require.NoError(t, err)
		for _, x := range all {
			out = append(out, x.ID)
		}
		return out
	}
	require.Equal(t, []string{"b", "a"}, ids(storage.AgentQuery{}))
	require.Equal(t, []string{"b"}, ids(storage.AgentQuery{Limit: 1}))
	require.Equal(t, []string{"a"}, ids(storage.AgentQuery{AfterHost: "web-1", AfterID: "b", Limit: 5}))
	require.Equal(t, []string{"a"}, ids(storage.AgentQuery{Text: "WEB-2"}))
	require.Empty(t, ids(storage.AgentQuery{Text: "%"}), "no wildcards")
	brief, err := c.ListAgents(ctx, storage.AgentQuery{Text: "web-2", Brief: true})
	require.NoError(t, err)
	require.Equal(t, []string{"", "", "", "aa"}, []string{brief[0].Health, brief[0].Board, brief[0].Effective, brief[0].ConfigHash})

	require.NoError(t, c.Assign(ctx, []storage.Assignment{{AgentID: "a", ConfigID: "c"}}, storage.Lease{}))
	require.NoError(t, c.DeleteAgent(ctx, "a"))
	require.ErrorIs(t, c.DeleteAgent(ctx, "a"), storage.ErrNotFound)
	_, err = c.Agent(ctx, "a")
	require.ErrorIs(t, err, storage.ErrNotFound)
	as, err := c.Assignments(ctx)
	require.NoError(t, err)
	require.Empty(t, as)
}

func testAgentConfigs(t *testing.T, c Catalog, reopen func() Catalog) {
	t.Helper()
	ctx := t.Context()
	one := storage.AgentConfig{ID: "1", Name: "n", YAML: "logs: []\n", Hash: "h", Selector: "{}", CreatedAt: moment(1), CreatedBy: "me"}
	two := storage.AgentConfig{ID: "2", CreatedAt: moment(2)}
	require.NoError(t, c.CreateAgentConfig(ctx, one))
	require.NoError(t, c.CreateAgentConfig(ctx, two))
	require.ErrorIs(t, c.CreateAgentConfig(ctx, one), storage.ErrConflict)
	got, err := reopen().AgentConfig(ctx, "1")
	require.NoError(t, err)
	require.Equal(t, one, got)
	_, err = c.AgentConfig(ctx, "3")
	require.ErrorIs(t, err, storage.ErrNotFound)
	all, err := c.ListAgentConfigs(ctx, "", 10)
	require.NoError(t, err)
	require.Equal(t, []storage.AgentConfig{two, one}, all)
	all, err = c.ListAgentConfigs(ctx, "2", 1)
	require.NoError(t, err)
	require.Equal(t, []storage.AgentConfig{one}, all)
}

func testRollouts(t *testing.T, c Catalog, reopen func() Catalog) {
	t.Helper()
	ctx := t.Context()
	r := storage.Rollout{ID: "1", ConfigID: "c", State: "canary", Active: true, Data: "{}", CreatedAt: moment(1), UpdatedAt: moment(1)}
	require.NoError(t, c.CreateRollout(ctx, r))
	other := r
	other.ID = "2"
	require.ErrorIs(t, c.CreateRollout(ctx, other), storage.ErrConflict, "one at a time")
	require.NoError(t, c.CancelRollout(ctx, "1"))
	require.ErrorIs(t, c.CancelRollout(ctx, "2"), storage.ErrNotFound)

	r.State, r.Data, r.UpdatedAt = "rolling", `{"x":1}`, moment(2)
	as := []storage.Assignment{{AgentID: "b", ConfigID: "c"}, {AgentID: "a"}}
	nobody := storage.Lease{Name: "fleet/driver", Holder: "x"}
	require.ErrorIs(t, c.UpdateRollout(ctx, r, as, nobody), storage.ErrConflict)
	held, err := c.AcquireLeases(ctx, "x", []string{"fleet/driver"}, time.Minute)
	require.NoError(t, err)
	require.Len(t, held, 1)
	require.NoError(t, c.UpdateRollout(ctx, r, as, nobody))
	got, err := reopen().Rollout(ctx, "1")
	require.NoError(t, err)
	r.Cancel = true
	require.Equal(t, r, got)
	assigned, err := c.Assignments(ctx)
	require.NoError(t, err)
	require.Equal(t, map[string]storage.Assignment{"a": {AgentID: "a"}, "b": {AgentID: "b", ConfigID: "c"}}, assigned)

	r.State, r.Active = "done", false
	require.NoError(t, c.UpdateRollout(ctx, r, nil, storage.Lease{}))
	require.ErrorIs(t, c.CancelRollout(ctx, "1"), storage.ErrNotFound, "it is over")
	require.NoError(t, c.CreateRollout(ctx, other))
	all, err := c.ListRollouts(ctx, "", 10)
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, "2", all[0].ID)
	all, err = c.ListRollouts(ctx, "2", 10)
	require.NoError(t, err)
	require.Len(t, all, 1)
	_, err = c.Rollout(ctx, "3")
	require.ErrorIs(t, err, storage.ErrNotFound)
	missing := r
	missing.ID = "3"
	require.ErrorIs(t, c.UpdateRollout(ctx, missing, nil, storage.Lease{}), storage.ErrNotFound)
}
