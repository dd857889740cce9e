// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/internal/ledger"
	"github.com/strata-apm/strata/signal"
	"github.com/strata-apm/strata/storage"
)

// TestKeptName: a name is made once, begins with the role, and stays whatever the role is later.
func TestKeptName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "instance")
	name, err := KeptName(path, config.RoleWriter)
	require.NoError(t, err)
	require.Regexp(t, `^writer-[a-z2-7]{8}$`, name)
	again, err := KeptName(path, config.RoleAll)
	require.NoError(t, err)
	require.Equal(t, name, again)
	other, err := KeptName(filepath.Join(t.TempDir(), "instance"), config.RoleWriter)
	require.NoError(t, err)
	require.NotEqual(t, name, other)

	require.NoError(t, os.WriteFile(path, []byte(" \n"), 0o600))
	name, err = KeptName(path, config.RoleAll)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(name, "all-"), "an empty file holds no name")

	_, err = KeptName(filepath.Dir(path), config.RoleAll)
	require.ErrorContains(t, err, "read the instance's name")
	_, err = KeptName(filepath.Join(t.TempDir(), "none", "instance"), config.RoleAll)
	require.ErrorContains(t, err, "keep the instance's name")
}

// TestCheck: a process does not start where others cannot reach it, nor beside one of its name that runs elsewhere.
func TestCheck(t *testing.T) {
	twin := instance("me", config.RoleWriter, process(t, "/api/v1/status", `{"instance":"me"}`))
	successor := instance("me", config.RoleWriter, process(t, "/api/v1/status", `{"instance":"another"}`))
	dead := instance("me", config.RoleWriter, "http://127.0.0.1:1")
	other := instance("other", config.RoleWriter, process(t, "/api/v1/status", `{"instance":"me"}`))
	for name, c := range map[string]struct {
		url    string
		known  []storage.Instance
		silent bool
		want   string
	}{
		"alone":                       {url: "http://10.0.0.1:7080"},
		"every address":               {url: "http://0.0.0.0:7080", want: "http.listen 0.0.0.0:7080 names no address that other processes can reach: set cluster.advertise_url"},
		"every address of version 6":  {url: "http://[::]:7080", want: "set cluster.advertise_url"},
		"a name":                      {url: "http://writer-0.strata:7080"},
		"nonsense":                    {url: "http://[::", want: "cluster.advertise_url"},
		"its own entry":               {url: twin.URL, known: []storage.Instance{twin}},
		"a twin":                      {url: "http://10.0.0.1:7080", known: []storage.Instance{other, twin}, want: "a process named me runs at " + twin.URL + " already"},
		"a twin that was not seen":    {url: "http://10.0.0.1:7080", known: []storage.Instance{twin}, silent: true},
		"where it was runs another":   {url: "http://10.0.0.1:7080", known: []storage.Instance{successor}},
		"nobody answers where it was": {url: "http://10.0.0.1:7080", known: []storage.Instance{dead}},
		"others":                      {url: "http://10.0.0.1:7080", known: []storage.Instance{other}},
	} {
		t.Run(name, func(t *testing.T) {
			r := &registry{all: c.known}
			if !c.silent {
				r.live = c.known
			}
			m := &Member{Self: storage.Instance{ID: "me", URL: c.url}, Registry: r, Peers: NewPeers(r, "me", "key", nil)}
			if err := m.Check(t.Context()); c.want != "" {
				require.ErrorContains(t, err, c.want)
			} else {
				require.NoError(t, err)
			}
		})
	}
	r := &registry{err: storage.ErrUnavailable}
	m := &Member{Self: storage.Instance{ID: "me", URL: "http://10.0.0.1:7080"}, Registry: r, Peers: NewPeers(r, "me", "key", nil)}
	require.ErrorIs(t, m.Check(t.Context()), storage.ErrUnavailable)
}

// signs notes the signs of life that a registry is given. Safe for concurrent use.
type signs struct {
	storage.InstanceStore
	mu      sync.Mutex
	err     error
	put     int
	deleted []string
}

func (s *signs) PutInstance(context.Context, storage.Instance) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put++
	return s.err
}

func (s *signs) DeleteInstance(ctx context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deleted = append(s.deleted, id)
	return errors.Join(s.err, ctx.Err())
}

// heard is how many signs of life there were.
func (s *signs) heard() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.put
}

// lines is a log that may be read while it is written to. Safe for concurrent use.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (s *signs) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// TestRun: a process says at once and every five seconds that it lives, goes on while the registry is away, and signs off unless it holds metrics.
func TestRun(t *testing.T) {
	for group, want := range map[string][]string{"": {"me"}, "strata": nil} {
		synctest.Test(t, func(t *testing.T) {
			var log lines
			s := &signs{}
			m := &Member{Self: storage.Instance{ID: "me", Group: group}, Registry: s, Logger: slog.New(slog.NewTextHandler(&log, nil))}
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- m.Run(ctx) }()
			synctest.Wait()
			require.Equal(t, 1, s.heard())
			time.Sleep(heartbeatEvery)
			synctest.Wait()
			require.Equal(t, 2, s.heard())
			require.Empty(t, log.String())
			s.fail(storage.ErrUnavailable)
			time.Sleep(2 * heartbeatEvery)
			synctest.Wait()
			require.Equal(t, 4, s.heard())
			require.Equal(t, 2, strings.Count(log.String(), "the registry of processes is away"))
			s.fail(nil)
			stop()
			require.NoError(t, <-done)
			require.Equal(t, want, s.deleted)
			require.NotContains(t, log.String(), "not signed off")
		})
	}
}

// TestSignOffFails: a registry that is away does not keep the process from ending.
func TestSignOffFails(t *testing.T) {
	var log lines
	s := &signs{err: storage.ErrUnavailable}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	require.NoError(t, (&Member{Self: storage.Instance{ID: "me"}, Registry: s, Logger: slog.New(slog.NewTextHandler(&log, nil))}).Run(ctx))
	require.Equal(t, []string{"me"}, s.deleted)
	require.Contains(t, log.String(), "not signed off")
	require.NotContains(t, log.String(), "is away", "it was told to stop")
}

// TestWriters: processes that store metrics are known while the registry is away, from the time before.
func TestWriters(t *testing.T) {
	writer, gateway := instance("w", config.RoleWriter, "http://10.0.0.1:1"), instance("g", config.RoleGateway, "http://10.0.0.2:1")
	writer.Group = "strata"
	r := &registry{err: storage.ErrUnavailable}
	w := NewWriters(r)
	_, err := w.List(t.Context())
	require.ErrorIs(t, err, storage.ErrUnavailable)
	require.ErrorContains(t, err, "list writers")
	r.err, r.all = nil, []storage.Instance{gateway, writer}
	for range 2 {
		got, err := w.List(t.Context())
		require.NoError(t, err)
		require.Equal(t, []storage.Instance{writer}, got)
		r.err, r.all = storage.ErrUnavailable, nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = w.List(ctx)
	require.Error(t, err, "nobody waits for the answer")
	r.err = nil
	got, err := w.List(t.Context())
	require.NoError(t, err)
	require.Empty(t, got, "the registry says that there are none")
}

const lossesOfWriter = `{"rows":[{"minute":"2026-01-02T03:04:00Z","signal":"logs","source":"shop","refused":{"a":1,"b":2},"rejected":{"c":4}},
{"minute":"2026-01-02T03:04:00Z","signal":"logs","source":"other","refused":{"a":100}}]}`

// TestLosses: what was refused and rejected of one source, here and everywhere; a process that lives and does not answer may know of more.
func TestLosses(t *testing.T) {
	l, err := ledger.Open(t.TempDir(), slog.New(slog.DiscardHandler), time.Now)
	require.NoError(t, err)
	l.Refused(signal.Logs, "shop", "too_large", 16)
	l.Refused(signal.Logs, "other", "too_large", 1000)
	item := ledger.Item{Signal: signal.Traces, Source: "shop", N: 40}
	require.NoError(t, l.Stored("t-0", []ledger.Outcome{{Item: item, Rejected: map[string]int64{"store": 32}}}))
	since := time.Now().Add(-time.Minute)
	n, err := NewLosses(l, nil).Lost(t.Context(), "shop", since)
	require.NoError(t, err)
	require.Equal(t, int64(16+32), n)

	writer := instance("w", config.RoleWriter, process(t, "/api/v1/ledger", lossesOfWriter))
	me := instance("me", config.RoleGateway, process(t, "/api/v1/ledger", lossesOfWriter))
	gone := instance("gone", config.RoleWriter, "http://127.0.0.1:1")
	query := instance("q", config.RoleQuery, process(t, "/api/v1/ledger", lossesOfWriter))
	r := &registry{all: []storage.Instance{me, writer, gone, query}, live: []storage.Instance{me, writer, query}}
	losses := NewLosses(l, NewPeers(r, "me", "key", nil))
	n, err = losses.Lost(t.Context(), "shop", since)
	require.NoError(t, err)
	require.Equal(t, int64(16+32+7), n, "its own are counted once, those of a process that is gone cannot be had")
	r.live = r.all
	_, err = losses.Lost(t.Context(), "shop", since)
	require.ErrorContains(t, err, "ledger of gone")
	r.err = storage.ErrUnavailable
	_, err = losses.Lost(t.Context(), "shop", since)
	require.ErrorIs(t, err, storage.ErrUnavailable)
}
