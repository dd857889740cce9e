// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage"
)

// fleetOf is a catalog with online agents and the configuration "new" on its way to them.
func fleetOf(t *testing.T, plan Plan, hosts ...string) *memory {
	t.Helper()
	m := newMemory()
	for _, h := range hosts {
		m.set(h, func(*storage.Agent) {})
	}
	m.config(t, "new", "host: {}\n")
	beginRollout(t, m, "r1", plan)
	return m
}

// beginRollout stores a roll-out of "new" as the API does.
func beginRollout(t *testing.T, m *memory, id string, plan Plan) {
	t.Helper()
	data, err := (&Progress{Plan: plan, Targets: []*Target{}}).encode()
	require.NoError(t, err)
	require.NoError(t, m.CreateRollout(t.Context(), storage.Rollout{ID: id, ConfigID: "new", State: RolloutPending, Active: true, Data: data}))
}

func driverOf(m *memory, instance string, losses Losses) *driver {
	return newDriver(Options{Store: m, Leases: m, Instance: instance, Losses: losses, Logger: slog.New(slog.DiscardHandler)})
}

// heard makes the agents say that they have applied a configuration; hash is empty for whatever they are assigned.
func (m *memory) heard(t *testing.T, hosts ...string) {
	t.Helper()
	for _, h := range hosts {
		m.mu.Lock()
		hash := HashOf("")
		if c, ok := m.configs[m.assigned[h].ConfigID]; ok {
			hash = c.Hash
		}
		m.mu.Unlock()
		m.set(h, func(a *storage.Agent) { a.ConfigHash, a.ConfigStatus, a.SeenAt = hash, ConfigApplied, time.Now() })
	}
}

func drive(t *testing.T, d *driver) {
	t.Helper()
	require.NoError(t, d.drive(t.Context()))
}

// TestDriversOneAfterAnother: each step is made by another process than the one before, which has just died; the roll-out goes on where it was.
func TestDriversOneAfterAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := fleetOf(t, Plan{CanaryCount: 1, WatchSeconds: 5, AllowSilence: true}, "a", "b", "c")
		n := 0
		next := func() {
			n++
			time.Sleep(leaseTTL) // The lease of the one before runs out.
			m.heard(t)
			for _, h := range []string{"a", "b", "c"} {
				m.set(h, func(a *storage.Agent) { a.SeenAt = time.Now() })
			}
			drive(t, driverOf(m, "process "+string(rune('0'+n)), nil))
		}
		next()
		require.Equal(t, RolloutCanary, m.rollout("r1").State)
		require.Len(t, m.assigned, 1)
		require.Equal(t, "new", m.assigned["a"].ConfigID)
		m.heard(t, "a")
		next()
		next()
		require.Equal(t, RolloutRest, m.rollout("r1").State)
		require.Len(t, m.assigned, 3)
		m.heard(t, "b", "c")
		next()
		require.Equal(t, RolloutDone, m.rollout("r1").State)
		require.False(t, m.rollout("r1").Active)
		at := m.rollout("r1").UpdatedAt
		next()
		require.Equal(t, at, m.rollout("r1").UpdatedAt, "what is over is not written again")
	})
}

// TestCancel gives back what was given, whatever the roll-out was at.
func TestCancel(t *testing.T) {
	for _, steps := range []int{0, 1, 3} {
		synctest.Test(t, func(t *testing.T) {
			m := fleetOf(t, Plan{CanaryCount: 1, WatchSeconds: 5, AllowSilence: true}, "a", "b")
			old := m.config(t, "old", "logs: []\n")
			require.NoError(t, m.Assign(t.Context(), []storage.Assignment{{AgentID: "a", ConfigID: old.ID}}, storage.Lease{}))
			d := driverOf(m, "one", nil)
			for range steps {
				drive(t, d)
				m.heard(t, "a")
				time.Sleep(6 * time.Second)
				m.heard(t, "a", "b")
			}
			was := m.rollout("r1").State
			require.NoError(t, m.CancelRollout(t.Context(), "r1"))
			drive(t, d)
			if steps == 0 {
				require.Equal(t, RolloutCancelled, m.rollout("r1").State)
				require.Equal(t, old.ID, m.assigned["a"].ConfigID)
				return
			}
			require.Equal(t, RolloutBack, m.rollout("r1").State, was)
			require.Equal(t, old.ID, m.assigned["a"].ConfigID)
			require.Empty(t, m.assigned["b"].ConfigID)
			m.heard(t, "a", "b")
			drive(t, d)
			require.Equal(t, RolloutCancelled, m.rollout("r1").State)
			require.ErrorIs(t, m.CancelRollout(t.Context(), "r1"), storage.ErrNotFound)
		})
	}
}

// TestLeaseLostInAStep: what the step decided is not stored.
func TestLeaseLostInAStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := fleetOf(t, Plan{CanaryCount: 1, WatchSeconds: 5}, "a")
		slow := &slowStore{memory: m, wait: leaseTTL + time.Second}
		d := newDriver(Options{Store: slow, Leases: m, Instance: "slow", Logger: slog.New(slog.DiscardHandler)})
		require.ErrorIs(t, d.drive(t.Context()), storage.ErrConflict)
		require.Equal(t, RolloutPending, m.rollout("r1").State)
		require.Empty(t, m.assigned)
		drive(t, driverOf(m, "other", nil))
		require.Equal(t, RolloutCanary, m.rollout("r1").State)
		require.NoError(t, d.drive(t.Context()))
		require.True(t, d.since.IsZero(), "it looks on")
	})
}

// slowStore takes long to list agents.
type slowStore struct {
	*memory
	wait time.Duration
}

func (s *slowStore) ListAgents(ctx context.Context, q storage.AgentQuery) ([]storage.Agent, error) {
	time.Sleep(s.wait)
	return s.memory.ListAgents(ctx, q)
}

// TestDriveFails says at what, and does nothing by halves.
func TestDriveFails(t *testing.T) {
	for method, want := range map[string]string{
		"AcquireLeases": "acquire lease fleet/driver", "ListRollouts": "list roll-outs", "ListAgents": "list agents", "Assignments": "read assignments",
		"AgentConfig": "read configuration new", "UpdateRollout": "store roll-out r1",
	} {
		t.Run(method, func(t *testing.T) {
			m := fleetOf(t, Plan{CanaryCount: 1}, "a")
			d := driverOf(m, "one", nil)
			m.fail(method, storage.ErrUnavailable)
			err := d.drive(t.Context())
			require.ErrorIs(t, err, storage.ErrUnavailable)
			require.ErrorContains(t, err, want)
			require.Equal(t, RolloutPending, m.rollout("r1").State)
			require.Empty(t, m.assigned)
			m.fail(method, nil)
			drive(t, d)
			require.Equal(t, RolloutCanary, m.rollout("r1").State)
		})
	}
}

// TestCorruptedRollout: one that cannot be read is not moved on, nor is it forgotten; agents are still looked at.
func TestCorruptedRollout(t *testing.T) {
	m := fleetOf(t, Plan{CanaryCount: 1}, "a")
	r := m.rollout("r1")
	r.Data = `{"targets":`
	require.NoError(t, m.UpdateRollout(t.Context(), r, nil, storage.Lease{}))
	d := driverOf(m, "one", nil)
	require.ErrorContains(t, d.drive(t.Context()), "read roll-out")
	require.Equal(t, r.Data, m.rollout("r1").Data)
	require.Len(t, d.metrics.agents, 1)
	r.State, r.Active = RolloutDone, false
	require.NoError(t, m.UpdateRollout(t.Context(), r, nil, storage.Lease{}))
	require.ErrorContains(t, d.drive(t.Context()), "read roll-out", "whom it was for is not guessed")
	require.Empty(t, m.assigned)
}

// TestNewAgents get the newest configuration that was rolled out for such as they are.
func TestNewAgents(t *testing.T) {
	m := newMemory()
	for i, r := range []struct {
		state    string
		selector Selector
	}{
		{RolloutDone, Selector{}},
		{RolloutDone, Selector{Hosts: []string{"web-*"}}},
		{RolloutFailed, Selector{Hosts: []string{"web-*"}}},
		{RolloutDone, Selector{Labels: map[string]string{"env": "test"}}},
	} {
		id := string(rune('1' + i))
		m.config(t, id, id)
		data, err := (&Progress{Plan: Plan{Selector: r.selector}}).encode()
		require.NoError(t, err)
		require.NoError(t, m.CreateRollout(t.Context(), storage.Rollout{ID: id, ConfigID: id, State: r.state, Data: data}))
	}
	for _, h := range []string{"web-1", "db-1", "web-2", "kept"} {
		m.set(h, func(*storage.Agent) {})
	}
	m.set("web-2", func(a *storage.Agent) { a.Labels = map[string]string{"env": "test"} })
	require.NoError(t, m.Assign(t.Context(), []storage.Assignment{{AgentID: "kept"}}, storage.Lease{}))
	d := driverOf(m, "one", nil)
	m.fail("Assign", storage.ErrUnavailable)
	require.ErrorContains(t, d.drive(t.Context()), "assign to new agents")
	m.fail("Assign", storage.ErrConflict)
	require.NoError(t, d.drive(t.Context()), "another process drives now")
	m.fail("Assign", nil)
	drive(t, d)
	require.Equal(t, map[string]storage.Assignment{
		"web-1": {AgentID: "web-1", ConfigID: "2"}, "db-1": {AgentID: "db-1", ConfigID: "1"}, "web-2": {AgentID: "web-2", ConfigID: "4"}, "kept": {AgentID: "kept"},
	}, m.assigned, "none is an assignment as well")
	n := m.called("Assign")
	drive(t, d)
	require.Equal(t, n, m.called("Assign"))
}

// lossesOf answers with what a test sets.
type lossesOf struct {
	n   int64
	err error
}

func (l *lossesOf) Lost(context.Context, string, time.Time) (int64, error) { return l.n, l.err }

// TestLosses: what the server lost of a canary counts against the configuration, unless nobody knows it.
func TestLosses(t *testing.T) {
	for name, tc := range map[string]struct {
		before, after lossesOf
		want          string
	}{
		"lost":            {lossesOf{}, lossesOf{n: 100}, RolloutBack},
		"not worth it":    {lossesOf{}, lossesOf{n: 9}, RolloutCanary},
		"as before":       {lossesOf{n: 60_000}, lossesOf{n: 60_300}, RolloutCanary},
		"not known then":  {lossesOf{err: errors.New("away")}, lossesOf{n: 100}, RolloutCanary},
		"not known later": {lossesOf{}, lossesOf{n: 100, err: errors.New("away")}, RolloutCanary},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := fleetOf(t, Plan{CanaryCount: 1, WatchSeconds: 60}, "a")
				losses := tc.before
				d := driverOf(m, "one", &losses)
				drive(t, d)
				m.heard(t, "a")
				losses = tc.after
				time.Sleep(5 * time.Second)
				m.heard(t, "a")
				drive(t, d)
				require.Equal(t, tc.want, m.rollout("r1").State)
			})
		})
	}
}

// TestDriverRuns every two seconds until it is stopped, and gives its lease back then.
func TestDriverRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := fleetOf(t, Plan{CanaryCount: 1, WatchSeconds: 5, AllowSilence: true}, "a")
		d := driverOf(m, "one", nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- d.run(ctx) }()
		m.fail("ListAgents", storage.ErrUnavailable)
		time.Sleep(3 * driveTick)
		synctest.Wait() // The drive of this instant comes first.
		require.Equal(t, RolloutPending, m.rollout("r1").State)
		m.fail("ListAgents", nil)
		for range 6 {
			time.Sleep(driveTick)
			synctest.Wait()
			m.heard(t, "a")
		}
		require.Equal(t, RolloutDone, m.rollout("r1").State)
		m.mu.Lock()
		require.Equal(t, "one", m.holder)
		m.mu.Unlock()
		cancel()
		require.NoError(t, <-done)
		require.Empty(t, m.holder)
		require.Empty(t, d.metrics.agents)
		m.fail("ReleaseLeases", storage.ErrUnavailable)
		d.release(t.Context()) // It ends by itself.
	})
}
