// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/open-telemetry/opamp-go/protobufs"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage"
)

// hearing runs the agents of one process on the clock of a bubble.
func hearing(t *testing.T, test func(t *testing.T, m *memory, s *agents)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		s := newAgents(quietOptions(m))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.run(ctx) }()
		test(t, m, s)
		cancel()
		require.NoError(t, <-done)
	})
}

// hear is one message of an agent by that connection.
func hear(t *testing.T, s *agents, w *wire, m *protobufs.AgentToServer) answer {
	t.Helper()
	from := session{source: "key"}
	if w != nil {
		from.conn, from.websocket = w, true
	}
	id, err := uuid.FromBytes(m.GetInstanceUid())
	require.NoError(t, err)
	got, err := s.take(t.Context(), id.String(), from, m)
	require.NoError(t, err)
	return got
}

// TestHeartbeatsAreSavedTogether: one transaction each two seconds, however many agents there are, and none when nobody was heard.
func TestHeartbeatsAreSavedTogether(t *testing.T) {
	hearing(t, func(t *testing.T, m *memory, s *agents) {
		t.Helper()
		ids := make([]uuid.UUID, 50)
		for i := range ids {
			ids[i] = uuid.New()
			hear(t, s, nil, message(ids[i], 1, fmt.Sprint("host ", i)))
		}
		time.Sleep(saveEvery + time.Millisecond)
		require.Equal(t, 1, m.called("SaveAgents"))
		first, _ := m.agent(ids[0].String())
		for _, id := range ids {
			hear(t, s, nil, message(id, 2, ""))
		}
		time.Sleep(saveEvery)
		require.Equal(t, 2, m.called("SaveAgents"))
		again, _ := m.agent(ids[0].String())
		require.Equal(t, saveEvery, again.SeenAt.Sub(first.SeenAt))
		require.Equal(t, first.FirstSeen, again.FirstSeen)
		time.Sleep(5 * saveEvery)
		require.Equal(t, 2, m.called("SaveAgents"))
	})
}

// TestCatalogAwayWhileAgentsLive: nothing is lost of what they said, and an agent that has died meanwhile is not written as alive.
func TestCatalogAwayWhileAgentsLive(t *testing.T) {
	hearing(t, func(t *testing.T, m *memory, s *agents) {
		t.Helper()
		living, dying, silent := uuid.New(), uuid.New(), uuid.New()
		for _, id := range []uuid.UUID{living, dying, silent} {
			hear(t, s, nil, message(id, 1, "old name"))
		}
		time.Sleep(saveEvery + time.Millisecond)
		saved := time.Now()
		m.fail("SaveAgents", storage.ErrUnavailable)
		hear(t, s, nil, message(living, 2, "new name"))
		hear(t, s, nil, message(dying, 2, "new name"))
		hear(t, s, nil, message(silent, 2, ""))
		for seq := uint64(3); seq < 10; seq++ {
			time.Sleep(saveEvery)
			hear(t, s, nil, message(living, seq, ""))
		}
		m.fail("SaveAgents", nil)
		time.Sleep(saveEvery)
		a, _ := m.agent(living.String())
		require.Equal(t, "new name", a.HostName)
		require.Greater(t, a.SeenAt.Sub(saved), 6*saveEvery)
		for _, id := range []uuid.UUID{dying, silent} {
			a, _ = m.agent(id.String())
			require.Equal(t, "old name", a.HostName)
			require.Less(t, a.SeenAt.Sub(saved), saveEvery, "a heartbeat from before is none of now")
		}
		hear(t, s, nil, message(dying, 3, ""))
		time.Sleep(saveEvery)
		a, _ = m.agent(dying.String())
		require.Equal(t, "new name", a.HostName, "what it said is written when it is heard again")
	})
}

// TestUnknownToTheCatalog: it cannot be looked up, so the agent is told to try again and takes no place.
func TestUnknownToTheCatalog(t *testing.T) {
	m := newMemory()
	s := newAgents(quietOptions(m))
	m.fail("Agent", storage.ErrUnavailable)
	id := uuid.New()
	_, err := s.take(t.Context(), id.String(), session{}, message(id, 1, "web"))
	require.ErrorIs(t, err, storage.ErrUnavailable)
	require.Empty(t, s.all)

	svc, err := New(quietOptions(m))
	require.NoError(t, err)
	reply := svc.message(t.Context(), session{}, message(id, 1, "web"))
	require.Equal(t, protobufs.ServerErrorResponseType_ServerErrorResponseType_Unavailable, reply.GetErrorResponse().GetType())
	m.fail("Agent", nil)
	require.Nil(t, svc.message(t.Context(), session{}, message(id, 1, "web")).GetErrorResponse())
	require.NotNil(t, svc.message(t.Context(), session{}, &protobufs.AgentToServer{InstanceUid: make([]byte, 16)}).GetErrorResponse(), "nobody's identifier")
}

// TestMadeUpIdentifiers take no more memory than a bound.
func TestMadeUpIdentifiers(t *testing.T) {
	s := newAgents(quietOptions(newMemory()))
	for range maxAgents {
		s.all[uuid.NewString()] = &agent{}
	}
	id := uuid.New()
	_, err := s.take(t.Context(), id.String(), session{}, message(id, 1, "web"))
	require.ErrorIs(t, err, errTooMany)
}

// TestSilentAgentsAreForgotten here and not in the catalog.
func TestSilentAgentsAreForgotten(t *testing.T) {
	hearing(t, func(t *testing.T, m *memory, s *agents) {
		t.Helper()
		id := uuid.New()
		hear(t, s, nil, message(id, 1, "web"))
		time.Sleep(forgetAfter + 2*saveEvery)
		s.mu.Lock()
		n := len(s.all)
		s.mu.Unlock()
		require.Zero(t, n)
		_, known := m.agent(id.String())
		require.True(t, known)
		require.True(t, hear(t, s, nil, message(id, 2, "")).wantAll, "back, it says everything again")
	})
}

// TestConnections: what an agent had before it connected again neither ends nor moves it.
func TestConnections(t *testing.T) {
	hearing(t, func(t *testing.T, m *memory, s *agents) {
		t.Helper()
		id := uuid.New()
		old, fresh := &wire{}, &wire{}
		hear(t, s, old, message(id, 1, "web"))
		hear(t, s, fresh, message(id, 2, ""))
		bye := message(id, 3, "")
		bye.AgentDisconnect = &protobufs.AgentDisconnect{}
		hear(t, s, old, bye)
		s.gone(old)
		time.Sleep(saveEvery + time.Millisecond)
		a, _ := m.agent(id.String())
		require.False(t, a.Left)
		m.config(t, "c", "host: {}\n")
		require.NoError(t, m.Assign(t.Context(), []storage.Assignment{{AgentID: id.String(), ConfigID: "c"}}, storage.Lease{}))
		time.Sleep(saveEvery)
		require.Equal(t, []string{"host: {}\n"}, fresh.offers())
		require.Empty(t, old.offers())
		s.gone(fresh)
		time.Sleep(2 * saveEvery)
		require.Len(t, fresh.offers(), 1, "a connection that has ended is not written to")

		hear(t, s, fresh, bye)
		time.Sleep(saveEvery)
		a, _ = m.agent(id.String())
		require.True(t, a.Left, "now it said so itself")
		require.Equal(t, Stopped, StateOf(a))
	})
}

// TestPush: connected agents are told of another configuration within a save, and again until they say that they apply it.
func TestPush(t *testing.T) {
	hearing(t, func(t *testing.T, m *memory, s *agents) {
		t.Helper()
		polling, connected, deaf, unable := uuid.New(), uuid.New(), uuid.New(), uuid.New()
		w, broken, none := &wire{}, &wire{err: errors.New("reset")}, &wire{}
		hear(t, s, nil, message(polling, 1, "a"))
		hear(t, s, w, message(connected, 1, "b"))
		hear(t, s, broken, message(deaf, 1, "c"))
		cannot := message(unable, 1, "d")
		cannot.Capabilities = uint64(protobufs.AgentCapabilities_AgentCapabilities_ReportsStatus)
		hear(t, s, none, cannot)
		c := m.config(t, "c", "host: {}\n")
		var as []storage.Assignment
		for _, id := range []uuid.UUID{polling, connected, deaf, unable} {
			as = append(as, storage.Assignment{AgentID: id.String(), ConfigID: c.ID})
		}
		require.NoError(t, m.Assign(t.Context(), as, storage.Lease{}))
		time.Sleep(2*saveEvery + time.Millisecond)
		require.Equal(t, []string{c.YAML, c.YAML}, w.offers())
		require.Len(t, broken.offers(), 2)
		require.Empty(t, none.offers())
		require.Equal(t, 1, m.called("AgentConfig"), "a configuration never changes")
		require.NotNil(t, hear(t, s, nil, message(polling, 2, "")).offer, "who polls learns it so")

		applying := message(connected, 2, "")
		applying.RemoteConfigStatus = statusOf(t, protobufs.RemoteConfigStatuses_RemoteConfigStatuses_APPLYING, "")
		hear(t, s, w, applying)
		time.Sleep(2 * saveEvery)
		require.Len(t, w.offers(), 2, "it is at it")
		applied := message(connected, 3, "")
		applied.RemoteConfigStatus = statusOf(t, protobufs.RemoteConfigStatuses_RemoteConfigStatuses_APPLIED, c.YAML)
		hear(t, s, w, applied)
		time.Sleep(2 * saveEvery)
		require.Len(t, w.offers(), 2, "it has it")

		require.NoError(t, m.Assign(t.Context(), []storage.Assignment{{AgentID: connected.String()}}, storage.Lease{}))
		time.Sleep(saveEvery)
		require.Equal(t, []string{c.YAML, c.YAML, ""}, w.offers(), "its own file alone")
	})
}

func statusOf(t *testing.T, s protobufs.RemoteConfigStatuses, yaml string) *protobufs.RemoteConfigStatus {
	t.Helper()
	out := &protobufs.RemoteConfigStatus{Status: s}
	if yaml != "" {
		out.LastRemoteConfigHash = hashBytes(t, yaml)
	}
	return out
}

// TestAssignmentsNotRead: what was read last is offered on, and nothing is taken for no assignment.
func TestAssignmentsNotRead(t *testing.T) {
	hearing(t, func(t *testing.T, m *memory, s *agents) {
		t.Helper()
		id := uuid.New()
		c := m.config(t, "c", "host: {}\n")
		require.NoError(t, m.Assign(t.Context(), []storage.Assignment{{AgentID: id.String(), ConfigID: c.ID}}, storage.Lease{}))
		hear(t, s, nil, message(id, 1, "web"))
		time.Sleep(saveEvery + time.Millisecond)
		m.fail("Assignments", storage.ErrUnavailable)
		time.Sleep(2 * saveEvery)
		require.NotNil(t, hear(t, s, nil, message(id, 2, "")).offer)
		m.fail("Assignments", nil)
		require.NoError(t, m.Assign(t.Context(), []storage.Assignment{{AgentID: id.String(), ConfigID: "gone"}}, storage.Lease{}))
		time.Sleep(2 * saveEvery)
		require.NotNil(t, hear(t, s, nil, message(id, 3, "")).offer, "one that cannot be read replaces nothing")
	})
}

// TestOffers says who is offered what.
func TestOfferedTo(t *testing.T) {
	c := storage.AgentConfig{ID: "c", YAML: "host: {}\n", Hash: HashOf("host: {}\n")}
	for name, tc := range map[string]struct {
		edit func(*agent, *agents)
		want bool
	}{
		"another configuration":            {func(*agent, *agents) {}, true},
		"has it":                           {func(a *agent, _ *agents) { a.ConfigHash = c.Hash }, false},
		"has another":                      {func(a *agent, _ *agents) { a.ConfigHash = HashOf("x") }, true},
		"takes none":                       {func(a *agent, _ *agents) { a.accepts = false }, false},
		"has stopped":                      {func(a *agent, _ *agents) { a.Left = true }, false},
		"did not say who it is":            {func(a *agent, _ *agents) { a.HostName = "" }, false},
		"nothing assigned":                 {func(_ *agent, s *agents) { delete(s.assigned, "a") }, false},
		"one that is not known":            {func(_ *agent, s *agents) { s.assigned["a"] = storage.Assignment{ConfigID: "?"} }, false},
		"none, and never had one":          {func(_ *agent, s *agents) { s.assigned["a"] = storage.Assignment{} }, false},
		"none, and had one":                {func(a *agent, s *agents) { s.assigned["a"], a.ConfigHash = storage.Assignment{}, c.Hash }, true},
		"a hash in the catalog that is no": {func(_ *agent, s *agents) { s.configs["c"] = storage.AgentConfig{Hash: "zz"} }, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newAgents(quietOptions(newMemory()))
			s.configs = map[string]storage.AgentConfig{"": noConfig(), "c": c}
			s.assigned = map[string]storage.Assignment{"a": {AgentID: "a", ConfigID: "c"}}
			a := &agent{Agent: storage.Agent{ID: "a", HostName: "web"}, accepts: true}
			tc.edit(a, s)
			require.Equal(t, tc.want, s.offerLocked(a) != nil)
		})
	}
}

// TestEnd: at a stop what was heard last is saved and every connection ended, also when the catalog takes nothing.
func TestEnd(t *testing.T) {
	for _, away := range []error{nil, storage.ErrUnavailable} {
		synctest.Test(t, func(t *testing.T) {
			m := newMemory()
			s := newAgents(quietOptions(m))
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- s.run(ctx) }()
			id, w := uuid.New(), &wire{err: errors.New("closed already")}
			hear(t, s, w, message(id, 1, "web"))
			m.fail("SaveAgents", away)
			cancel()
			require.NoError(t, <-done)
			require.True(t, w.closed)
			_, saved := m.agent(id.String())
			require.Equal(t, away == nil, saved)
		})
	}
}
