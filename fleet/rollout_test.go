// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage"
)

// stage is a fleet of made-up agents and one roll-out of the configuration "new".
type stage struct {
	t     *testing.T
	w     world
	state string
	p     *Progress
	lost  int64
}

func newStage(t *testing.T, plan Plan, hosts ...string) *stage {
	t.Helper()
	s := &stage{t: t, state: RolloutPending, p: &Progress{Plan: plan}}
	s.w = world{
		now: time.Unix(1_800_000_000, 0), looked: time.Hour, agents: map[string]storage.Agent{}, assigned: map[string]storage.Assignment{},
		hash: "new", hashes: map[string]string{"": "none", "old": "old"},
		lost: func(string, time.Time) (int64, bool) { return s.lost, true },
	}
	for _, h := range hosts {
		s.set(h, func(a *storage.Agent) { a.Healthy = true })
		s.board(h, 1000, 600, "")
	}
	return s
}

func (s *stage) set(host string, f func(*storage.Agent)) {
	a := s.w.agents[host]
	a.ID, a.HostName = host, host
	f(&a)
	s.w.agents[host] = a
}

// board sets what an agent counts: the total of its logs and those of the last minute.
func (s *stage) board(host string, total int64, perMinute float64, config string) {
	s.t.Helper()
	text, err := json.Marshal(map[string]any{"volume": map[string]any{
		"at": float64(s.w.now.Unix()), "config": config, "pipelines": map[string]Volume{"logs/files": {total, perMinute}},
	}})
	require.NoError(s.t, err)
	s.set(host, func(a *storage.Agent) { a.Board = string(text) })
}

func (s *stage) apply(hosts ...string) {
	for _, h := range hosts {
		s.set(h, func(a *storage.Agent) { a.ConfigHash, a.ConfigStatus = "new", ConfigApplied })
	}
}

func (s *stage) step(after time.Duration) []storage.Assignment {
	s.t.Helper()
	s.w.now = s.w.now.Add(after)
	state, as := step(s.state, s.p, s.w)
	s.state = state
	text, err := s.p.encode() // Every step survives a restart.
	require.NoError(s.t, err)
	s.p, err = decodeProgress(text)
	require.NoError(s.t, err)
	return as
}

func TestRolloutGoesWell(t *testing.T) {
	s := newStage(t, Plan{CanaryPercent: 30, WatchSeconds: 60}, "a", "b", "c")
	s.set("d", func(a *storage.Agent) { a.Silent = time.Hour })
	s.w.assigned["a"] = storage.Assignment{AgentID: "a", ConfigID: "old"}
	as := s.step(0)
	require.Equal(t, RolloutCanary, s.state)
	require.Equal(t, []storage.Assignment{{AgentID: "a"}}, as, "30 %% of the three online ones, rounded up")
	require.Equal(t, "old", s.p.Targets[0].Previous)
	s.step(2 * time.Second)
	require.Equal(t, RolloutCanary, s.state)
	s.apply("a")
	s.step(2 * time.Second)
	s.board("a", 1100, 600, "new")
	s.step(2 * time.Second)
	s.w.now = s.w.now.Add(30 * time.Second)
	s.board("a", 1400, 600, "new")
	s.step(0)
	require.Equal(t, RolloutCanary, s.state, "it is watched for a minute")
	as = s.step(40 * time.Second)
	require.Equal(t, RolloutRest, s.state)
	require.Len(t, as, 3)
	s.apply("b", "c")
	s.step(2 * time.Second)
	require.Equal(t, RolloutDone, s.state, "who is away gets it later")
	require.Equal(t, []string{TargetGood, TargetGood, TargetGood, TargetWaiting}, states(s.p))
}

func states(p *Progress) (out []string) {
	for _, t := range p.Targets {
		out = append(out, t.State)
	}
	return out
}

func TestRolloutGoesBack(t *testing.T) {
	for name, c := range map[string]struct {
		plan   Plan
		worsen func(*stage)
		reason string
	}{
		"refused": {worsen: func(s *stage) {
			s.set("a", func(a *storage.Agent) { a.ConfigStatus, a.ConfigError = ConfigFailed, "line 3: no" })
		}, reason: "a: refused: line 3: no"},
		"silent":    {worsen: func(s *stage) { s.set("a", func(a *storage.Agent) { a.Silent = time.Minute }) }, reason: "a: not heard for 1m0s"},
		"forgotten": {worsen: func(s *stage) { delete(s.w.agents, "a") }, reason: "a: it was forgotten"},
		"unhealthy": {worsen: func(s *stage) {
			s.set("a", func(a *storage.Agent) { a.Healthy, a.Health = false, `{"parts":{"receiver x":{"error":"broken"}}}` })
		}, reason: "a: unhealthy: receiver x: broken"},
		"no data": {worsen: func(s *stage) {
			s.w.now = s.w.now.Add(20 * time.Second)
			s.board("a", 1000, 400, "new")
		}, reason: "a: logs/files gave 600 records per minute before and none for 24s"},
		"losses": {worsen: func(s *stage) { s.lost = 500 }, reason: "a: the server refused or rejected 500 records"},
		"drops": {worsen: func(s *stage) {
			s.set("a", func(a *storage.Agent) { a.Board = `{"logs":[{"source":"syslog","dropped_records":11}]}` })
		}, reason: "a: it began to drop records: 11"},
	} {
		t.Run(name, func(t *testing.T) {
			c.plan.WatchSeconds, c.plan.CanaryCount = 60, 1
			s := newStage(t, c.plan, "a", "b")
			s.w.assigned["a"] = storage.Assignment{AgentID: "a", ConfigID: "old"}
			s.step(0)
			s.apply("a")
			s.step(2 * time.Second)
			s.board("a", 1000, 600, "new")
			s.step(2 * time.Second)
			require.Equal(t, RolloutCanary, s.state, s.p.Reason)
			c.worsen(s)
			as := s.step(2 * time.Second)
			require.Equal(t, RolloutBack, s.state)
			require.Contains(t, s.p.Reason, c.reason)
			require.Equal(t, []storage.Assignment{{AgentID: "a", ConfigID: "old"}}, as)
			s.set("a", func(a *storage.Agent) { a.ConfigHash, a.ConfigStatus = "old", ConfigApplied })
			s.step(2 * time.Second)
			require.Equal(t, RolloutFailed, s.state)
			require.Equal(t, []string{TargetRestored, TargetWaiting}, states(s.p))
		})
	}
}

// A signal may end when that is meant, and a source that is quiet anyway is not one that ended.
func TestRolloutMayBeSilent(t *testing.T) {
	for name, c := range map[string]struct {
		allow     bool
		perMinute float64
	}{"meant": {true, 600}, "quiet": {false, 3}} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, Plan{CanaryCount: 1, WatchSeconds: 30, AllowSilence: c.allow}, "a")
			s.board("a", 1000, c.perMinute, "")
			s.step(0)
			s.apply("a")
			s.board("a", 1000, c.perMinute, "new")
			s.step(2 * time.Second)
			s.step(2 * time.Second)
			s.w.now = s.w.now.Add(40 * time.Second)
			s.board("a", 1000, 0, "new")
			s.step(0)
			require.Equal(t, RolloutDone, s.state, s.p.Reason)
		})
	}
}

// Silence that began before anybody looked is no reason: the servers were away.
func TestRolloutOverARestart(t *testing.T) {
	s := newStage(t, Plan{CanaryCount: 1, WatchSeconds: 60}, "a")
	s.step(0)
	s.set("a", func(a *storage.Agent) { a.Silent = 40 * time.Second })
	s.w.looked = 2 * time.Second
	s.step(2 * time.Second)
	require.Equal(t, RolloutCanary, s.state, s.p.Reason)
	s.w.looked = 50 * time.Second
	s.step(0)
	require.Equal(t, RolloutBack, s.state)
}

func TestRolloutFailsInTheRest(t *testing.T) {
	hosts := []string{}
	for i := range 10 {
		hosts = append(hosts, fmt.Sprintf("h%d", i))
	}
	s := newStage(t, Plan{CanaryCount: 1, WatchSeconds: 5, AllowSilence: true}, hosts...)
	for _, h := range hosts { // Agents that count nothing.
		s.set(h, func(a *storage.Agent) { a.Board = "{}" })
	}
	s.step(0)
	s.apply("h0")
	s.step(time.Second)
	s.step(6 * time.Second)
	require.Equal(t, RolloutRest, s.state, s.p.Reason)
	fail := func(h string) {
		s.set(h, func(a *storage.Agent) { a.ConfigHash, a.ConfigStatus, a.ConfigError = "new", ConfigFailed, "no" })
	}
	fail("h1")
	s.step(time.Second)
	require.Equal(t, RolloutRest, s.state, "one of ten is tolerated")
	fail("h2")
	as := s.step(time.Second)
	require.Equal(t, RolloutBack, s.state)
	require.Contains(t, s.p.Reason, "2 of 10 agents failed, the first: h1: refused: no")
	require.Len(t, as, 10)
	s.step(2 * time.Minute)
	require.Equal(t, RolloutFailed, s.state, "nobody is waited for for ever")
}

func TestRolloutWithoutAgents(t *testing.T) {
	s := newStage(t, Plan{Selector: Selector{Hosts: []string{"db-*"}}, CanaryPercent: 10}, "a")
	require.Empty(t, s.step(0))
	require.Equal(t, RolloutFailed, s.state)
	require.Equal(t, "no agent that is online matches", s.p.Reason)
}

func TestSelector(t *testing.T) {
	a := storage.Agent{HostName: "Web-1", Labels: map[string]string{"env": "prod"}}
	for text, want := range map[string]bool{
		`{}`: true, `{"hosts":["web-*"]}`: true, `{"hosts":["db-*","web-?"]}`: true, `{"hosts":["db-*"]}`: false,
		`{"labels":{"env":"prod"}}`: true, `{"labels":{"env":"test"}}`: false, `{"hosts":["web-1"],"labels":{"env":"test"}}`: false,
	} {
		var s Selector
		require.NoError(t, json.Unmarshal([]byte(text), &s))
		require.NoError(t, s.Validate())
		require.Equal(t, want, s.Matches(a), text)
	}
	require.Error(t, Selector{Hosts: []string{"["}}.Validate())
	require.Error(t, Selector{Labels: map[string]string{"": "x"}}.Validate())
}

func TestState(t *testing.T) {
	for silent, want := range map[time.Duration]State{0: Online, 15 * time.Second: Online, 17 * time.Second: Late, 24 * time.Second: Late, 26 * time.Second: Offline} {
		require.Equal(t, want, StateOf(storage.Agent{Silent: silent}), silent)
	}
	require.Equal(t, Offline, StateOf(storage.Agent{Silent: 5 * time.Second, Heartbeat: time.Second}))
	require.Equal(t, Stopped, StateOf(storage.Agent{Left: true}))
	require.Equal(t, Late, StateOf(storage.Agent{Silent: 50 * time.Second, Heartbeat: time.Hour}), "no agent may promise less than every 30 s")
}
