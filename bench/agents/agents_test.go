// SPDX-License-Identifier: Apache-2.0

package agents

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/strata-apm/strata/fleet"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/catalog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is the server's side of the agents on a real catalog, behind a listener of its own.
type server struct {
	t       *testing.T
	store   *catalog.Catalog
	service *fleet.Service
	http    *httptest.Server
	end     func()
}

func newServer(t *testing.T, dir string) *server {
	t.Helper()
	store, err := catalog.Open(t.Context(), filepath.Join(dir, "catalog.db"))
	require.NoError(t, err)
	svc, err := fleet.New(fleet.Options{Store: store, Instance: "one", Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	s := &server{t: t, store: store, service: svc, http: httptest.NewUnstartedServer(svc.Handler())}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- svc.Run(ctx) }()
	s.end = func() {
		s.http.Close()
		cancel()
		require.NoError(t, <-ended)
		require.NoError(t, store.Close())
	}
	return s
}

func (s *server) addr() string { return s.http.Listener.Addr().String() }

// eventually waits for a condition.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	require.Eventually(t, f, 30*time.Second, 20*time.Millisecond, what)
}

// TestAgentsAreHeard: the server takes the agents of the bench for agents: what they say of themselves is in its catalog, and
// each message is answered.
func TestAgentsAreHeard(t *testing.T) {
	s := newServer(t, t.TempDir())
	defer s.end()
	s.http.Start()
	l := &Load{addrs: []string{s.addr()}, count: 20, heartbeat: 300 * time.Millisecond, board: 200 * time.Millisecond}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	in, out := io.Pipe()
	go func() { ended <- errors.Join(l.Run(ctx, out), out.Close()) }()
	var told Tally
	followed := make(chan error, 1)
	go func() { followed <- told.Follow(in) }()
	eventually(t, "all are online", func() bool { return told.Get().Online == 20 })
	eventually(t, "boards and configurations are in the catalog", func() bool {
		all, err := s.store.ListAgents(t.Context(), storage.AgentQuery{})
		require.NoError(t, err)
		n := 0
		for _, a := range all {
			if strings.HasPrefix(a.HostName, "host-000") && a.Healthy && strings.Contains(a.Board, `"redis"`) && strings.Contains(a.Effective, "/var/log/syslog") && a.Heartbeat == 300*time.Millisecond {
				n++
			}
		}
		return n == 20
	})
	require.Zero(t, told.Get().Failed+told.Get().Errors+told.Get().Silences)
	eventually(t, "each message has its answer", func() bool {
		c := told.Get()
		return c.Answers >= 100 && c.Messages-c.Answers <= 20 && Quantile(c.Latency, 0.5) > 0
	})
	stop()
	require.NoError(t, <-ended)
	require.NoError(t, <-followed)
	require.Zero(t, l.online.Load())
}

// TestAgentsComeBack: agents whose server went away try again by the library's pauses, and say everything when the next server asks.
func TestAgentsComeBack(t *testing.T) {
	var now atomic.Pointer[http.Handler]
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*now.Load()).ServeHTTP(w, r) }))
	defer front.Close()
	serve := func(h http.Handler) { now.Store(&h) }
	first := newServer(t, t.TempDir())
	serve(first.service.Handler())
	l := &Load{addrs: []string{front.Listener.Addr().String()}, count: 5, heartbeat: 100 * time.Millisecond}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx, io.Discard) }()
	defer func() {
		stop()
		require.NoError(t, <-ended)
	}()
	eventually(t, "all are online", func() bool { return l.online.Load() == 5 })
	serve(http.NotFoundHandler())
	first.end()
	eventually(t, "they are refused", func() bool { return l.failed.Load() >= 5 && l.online.Load() == 0 })
	second := newServer(t, t.TempDir())
	defer second.end()
	serve(second.service.Handler())
	eventually(t, "all are back, and known", func() bool {
		all, err := second.store.ListAgents(t.Context(), storage.AgentQuery{})
		require.NoError(t, err)
		return l.online.Load() == 5 && len(all) == 5
	})
	require.Zero(t, l.sessions.Load(), "none gave up before the time")
}

// TestRetry: the pauses are those of the library.
func TestRetry(t *testing.T) {
	var r retry
	for _, want := range []time.Duration{500 * time.Millisecond, 750 * time.Millisecond, 1125 * time.Millisecond} {
		require.InDelta(t, float64(want), float64(r.next()), float64(want)/2)
	}
	for range 50 {
		require.LessOrEqual(t, r.next(), 90*time.Second)
	}
	require.GreaterOrEqual(t, r.next(), 30*time.Second)
}

func TestLatencyAt(t *testing.T) {
	var l latencies
	for i := range 100 {
		l.note(time.Duration(i+1) * time.Millisecond)
	}
	l.note(time.Hour)
	load := &Load{}
	for i := range l {
		load.latency[i].Store(l[i].Load())
	}
	c := load.counts().Latency
	require.InDelta(t, 50, Quantile(c, 0.5).Seconds()*1000, 5)
	require.InDelta(t, 100, Quantile(c, 0.99).Seconds()*1000, 10)
	require.Greater(t, Quantile(c, 1), 10*time.Minute)
	require.Zero(t, Quantile(nil, 0.5))
}

// TestCounts: what a process tells is added up, and taken off again.
func TestCounts(t *testing.T) {
	l := &Load{}
	l.online.Store(3)
	l.dials.Store(4)
	l.latency.note(time.Second)
	line, err := json.Marshal(l.counts())
	require.NoError(t, err)
	var told Tally
	require.NoError(t, told.Follow(bytes.NewReader(append(line, '\n'))))
	sum := Counts{}
	sum.Add(told.Get(), 1)
	sum.Add(told.Get(), 1)
	require.EqualValues(t, 6, sum.Online)
	require.EqualValues(t, 8, sum.Dials)
	sum.Add(told.Get(), -1)
	sum.Add(told.Get(), -1)
	require.Equal(t, Counts{Latency: make([]int64, latencyBuckets)}, sum)
	require.ErrorContains(t, told.Follow(strings.NewReader("x\n")), "decode counts of agents")
}

func TestFlags(t *testing.T) {
	l, err := Parse([]string{"-addrs", "a:1,b:2", "-count", "7", "-heartbeat", "10s"})
	require.NoError(t, err)
	require.Equal(t, []string{"a:1", "b:2"}, l.addrs)
	require.Equal(t, 7, l.count)
	_, err = Parse([]string{"-heartbeat", "10s"})
	require.ErrorContains(t, err, "addrs")
	l.count = 1 << 40
	require.ErrorContains(t, l.Run(t.Context(), io.Discard), "open files")
}
