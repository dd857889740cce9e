// SPDX-License-Identifier: Apache-2.0

package status

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/internal/auth"
	"github.com/strata-apm/strata/internal/cluster"
	"github.com/strata-apm/strata/internal/config"
	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/internal/ledger"
	"github.com/strata-apm/strata/signal"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

// inspector is a bus in memory.
type inspector struct {
	stats []bus.TopicStats
	err   error
}

func (i *inspector) Stats() []bus.TopicStats { return i.stats }
func (i *inspector) Err() error              { return i.err }

func TestParts(t *testing.T) {
	broken := errors.New("no disk")
	require.Equal(t, Component{Name: "x", State: OK}, Part("x", nil))
	require.Equal(t, Component{Name: "x", State: Down, Message: "no disk"}, Part("x", broken))
	require.Equal(t, Component{Name: "x", State: OK}, Spared("x", nil))
	require.Equal(t, Component{Name: "x", State: Degraded, Message: "no disk"}, Spared("x", broken))
	require.Equal(t, Component{Name: "engine", State: OK, Message: "m"}, Engine(true, "m", 0))
	require.Equal(t, Component{Name: "engine", State: Down, Message: "starting"}, Engine(false, "starting", 0))
	require.Equal(t, Component{Name: "engine", State: OK, Message: "restarted 2 times; m"}, Engine(true, "m", 2))
}

func TestBus(t *testing.T) {
	for name, c := range map[string]struct {
		bus   inspector
		state string
		says  string
	}{
		"empty":          {inspector{}, OK, ""},
		"at the mark":    {inspector{stats: []bus.TopicStats{{Topic: "t", Bytes: 80, LimitBytes: 100}}}, OK, ""},
		"above it":       {inspector{stats: []bus.TopicStats{{Topic: "t", Bytes: 81, LimitBytes: 100}, {Topic: "u", Bytes: 1, LimitBytes: 100}}}, Degraded, "t holds 81 of 100 bytes; the writers are behind"},
		"without limit":  {inspector{stats: []bus.TopicStats{{Topic: "t", Bytes: 1 << 40}}}, OK, ""},
		"broken":         {inspector{err: bus.ErrFailed, stats: []bus.TopicStats{{Topic: "t", Bytes: 90, LimitBytes: 100}}}, Down, "bus failed"},
		"nearly no room": {inspector{stats: []bus.TopicStats{{Topic: "t", Bytes: 1 << 59, LimitBytes: 1 << 59}}}, Degraded, "writers are behind"},
	} {
		got := Bus(&c.bus)
		require.Equal(t, []string{"bus", c.state}, []string{got.Name, got.State}, name)
		require.Contains(t, got.Message, c.says, name)
		require.Equal(t, c.says == "", got.Message == "", name)
	}
}

func TestWorst(t *testing.T) {
	ok, slow, slower := Component{Name: "a", State: OK}, Component{Name: "b", State: Degraded, Message: "m"}, Component{Name: "c", State: Degraded, Message: "n"}
	gone, away := Component{Name: "d", State: Down, Message: "o"}, Component{Name: "e", State: Down, Message: "p"}
	for _, c := range []struct {
		parts          []Component
		state, message string
	}{
		{nil, OK, ""},
		{[]Component{ok}, OK, ""},
		{[]Component{ok, slow, slower}, Degraded, "b: m"},
		{[]Component{slow, gone, away, slower}, Down, "d: o"},
		{[]Component{gone, ok}, Down, "d: o"},
	} {
		state, message := worst(c.parts)
		require.Equal(t, []string{c.state, c.message}, []string{state, message})
	}
	require.NoError(t, down([]Component{ok, slow}))
	require.EqualError(t, down([]Component{slow, gone, away}), "d: o\ne: p")
}

// registry is a catalog's registry of processes in memory.
type registry struct {
	storage.InstanceStore
	all []storage.Instance
	err error
}

func (r *registry) ListInstances(context.Context, time.Duration) ([]storage.Instance, error) {
	return r.all, r.err
}

// ask calls one route as an administrator, "" for a stranger, and returns its answer.
func ask[T any](t *testing.T, a *API, path, name string) T {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1"+path, http.NoBody)
	if name != "" {
		r = r.WithContext(auth.NewContext(r.Context(), auth.Principal{Name: name, Scopes: []auth.Scope{auth.ScopeRead}, Tenant: tenant.Default}))
	}
	w := httptest.NewRecorder()
	handler(a).ServeHTTP(w, r)
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	var out T
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &out))
	return out
}

func handler(a *API) http.Handler {
	r := chi.NewRouter()
	a.MountHealth(r)
	all := func(httpx.Route) func(http.Handler) http.Handler {
		return func(h http.Handler) http.Handler { return h }
	}
	r.Route("/api/v1", func(r chi.Router) {
		httpx.Mounter{Permit: all, Logger: slog.New(slog.DiscardHandler)}.Mount(r, a.Routes())
	})
	return r
}

// process serves another process, and returns its entry in the registry.
func process(t *testing.T, opts Options) storage.Instance {
	t.Helper()
	h := handler(New(opts))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r.WithContext(auth.NewContext(r.Context(), auth.Principal{Name: "process", Scopes: []auth.Scope{auth.ScopeRead}})))
	}))
	t.Cleanup(srv.Close)
	return storage.Instance{ID: opts.Instance, Role: string(opts.Role), URL: srv.URL, Version: opts.Version, SeenAt: time.Now()}
}

func probe(c Component) Probe { return func(context.Context) Component { return c } }

// TestStatus: a stranger is told how to sign in and nothing else.
func TestStatus(t *testing.T) {
	started := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	a := New(Options{
		Version: "1.2.3", Commit: "abc", Instance: "me", Role: config.RoleAll, Started: started, AuthMode: auth.ModeRequired,
		Addresses: map[string]string{"http": "127.0.0.1:1"}, Probes: []Probe{probe(Part("metrics", nil)), probe(Part("engine", errors.New("gone")))},
	})
	stranger := ask[statusAnswer](t, a, "/status", "")
	require.Equal(t, statusAnswer{
		Version: "1.2.3", Auth: authStatus{Mode: "required", Scopes: []auth.Scope{}}, Roles: []string{}, Addresses: map[string]string{}, Components: []Component{},
	}, stranger)
	known := ask[statusAnswer](t, a, "/status", "reader")
	require.Equal(t, statusAnswer{
		Version: "1.2.3", Commit: "abc", StartedAt: &started, Instance: "me", Roles: []string{"all"}, Addresses: map[string]string{"http": "127.0.0.1:1"},
		Auth:       authStatus{Mode: "required", Authenticated: true, Scopes: []auth.Scope{auth.ScopeRead}, Tenant: "default"},
		Components: []Component{{Name: "metrics", State: OK}, {Name: "engine", State: Down, Message: "gone"}},
	}, known)
}

// TestReady: not before everything runs, not while a part is down, not once it stops; a part that is only degraded does not matter.
func TestReady(t *testing.T) {
	state := Part("metrics", nil)
	a := New(Options{Probes: []Probe{func(context.Context) Component { return state }, probe(Spared("catalog", errors.New("away")))}})
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		handler(a).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody))
		return w
	}
	require.Equal(t, http.StatusServiceUnavailable, get("/-/ready").Code)
	require.Contains(t, get("/-/ready").Body.String(), "not ready: starting or stopping")
	a.SetReady(true)
	require.Equal(t, "ready\n", get("/-/ready").Body.String())
	state = Part("metrics", errors.New("no disk"))
	require.Contains(t, get("/-/ready").Body.String(), "not ready: metrics: no disk")
	require.Equal(t, http.StatusServiceUnavailable, get("/-/ready").Code)
	require.Equal(t, "healthy\n", get("/-/healthy").Body.String())
	state = Part("metrics", nil)
	a.SetReady(false)
	require.Equal(t, http.StatusServiceUnavailable, get("/-/ready").Code)
}

// TestIntakeOfTheOthers: a process that has the page and no intake tells where a gateway that lives takes data.
func TestIntakeOfTheOthers(t *testing.T) {
	gateway := process(t, Options{Instance: "g", Role: config.RoleGateway, Addresses: map[string]string{"http": "10.0.0.1:1", "otlp_grpc": "10.0.0.1:2", "otlp_http": "10.0.0.1:3"}})
	silent := storage.Instance{ID: "away", Role: string(config.RoleGateway), URL: "http://127.0.0.1:1"}
	r := &registry{all: []storage.Instance{silent, gateway}}
	a := New(Options{Instance: "q", Role: config.RoleQuery, Addresses: map[string]string{"http": "10.0.0.2:1"}, Peers: cluster.NewPeers(r, "q", "key", nil)})
	require.Equal(t, map[string]string{"http": "10.0.0.2:1", "otlp_grpc": "10.0.0.1:2", "otlp_http": "10.0.0.1:3"}, ask[statusAnswer](t, a, "/status", "reader").Addresses)
	require.Equal(t, map[string]string{"http": "10.0.0.2:1"}, a.opts.Addresses, "its own stay what they are")
	r.err = storage.ErrUnavailable
	require.Equal(t, map[string]string{"http": "10.0.0.2:1"}, ask[statusAnswer](t, a, "/status", "reader").Addresses)
}

// TestInstances: alone it tells of itself; beside others of all, and of those that do not answer why.
func TestInstances(t *testing.T) {
	opts := Options{Version: "1", Instance: "me", Role: config.RoleQuery, URL: "http://10.0.0.1:1", Probes: []Probe{probe(Spared("catalog", errors.New("away")))}}
	own := ask[instancesAnswer](t, New(opts), "/status/instances", "reader")
	require.Empty(t, own.Warnings)
	require.Len(t, own.Instances, 1)
	row := own.Instances[0]
	require.Equal(t, []string{"me", "query", "http://10.0.0.1:1", "1", Degraded, "catalog: away"}, []string{row.ID, row.Role, row.URL, row.Version, row.State, row.Message})

	writer := process(t, Options{Version: "2", Instance: "w", Role: config.RoleWriter, Probes: []Probe{probe(Part("metrics", nil)), probe(Engine(false, "starting", 3))}})
	away := storage.Instance{ID: "x", Role: string(config.RoleAlert), URL: "http://127.0.0.1:1"}
	r := &registry{all: []storage.Instance{writer, away}}
	opts.Peers = cluster.NewPeers(r, "me", "key", nil)
	all := ask[instancesAnswer](t, New(opts), "/status/instances", "reader")
	require.Len(t, all.Instances, 2)
	require.Equal(t, []string{"w", Down, "engine: restarted 3 times; starting"}, []string{all.Instances[0].ID, all.Instances[0].State, all.Instances[0].Message})
	require.Len(t, all.Instances[0].Components, 2)
	require.Equal(t, []string{"x", Down}, []string{all.Instances[1].ID, all.Instances[1].State})
	require.Contains(t, all.Instances[1].Message, "connection refused")
	require.NotNil(t, all.Instances[1].Components)

	r.err = storage.ErrUnavailable
	all = ask[instancesAnswer](t, New(opts), "/status/instances", "reader")
	require.Len(t, all.Instances, 1, "at least itself")
	require.Len(t, all.Warnings, 1)
}

// TestWatermarks: the bus says up to when everything is stored; nobody knows it of a partition that lags without saying since when.
func TestWatermarks(t *testing.T) {
	since := time.Now().Add(-time.Minute)
	b := &inspector{stats: []bus.TopicStats{{Topic: "t", Next: 5, Committed: 5}, {Topic: "t", Partition: 1, Next: 9, Committed: 5, Oldest: since}, {Topic: "u", Next: 9, Committed: 5}}}
	a := New(Options{Instance: "w", Role: config.RoleWriter, Bus: b})
	got := ask[watermarksAnswer](t, a, "/status/watermarks", "reader")
	require.Empty(t, got.Warnings)
	require.Len(t, got.Watermarks, 3)
	require.WithinDuration(t, time.Now(), *got.Watermarks[0].Time, 10*time.Second)
	require.True(t, since.Equal(*got.Watermarks[1].Time))
	require.Equal(t, int64(4), got.Watermarks[1].Lag)
	require.InDelta(t, 60, got.Watermarks[1].Seconds, 10)
	require.Nil(t, got.Watermarks[2].Time)
	b.err = bus.ErrUnavailable
	require.Equal(t, []string{"bus: bus unavailable"}, ask[watermarksAnswer](t, a, "/status/watermarks", "reader").Warnings)
	b.err = nil

	// A process without the bus asks one that has it.
	away := storage.Instance{ID: "x", Role: string(config.RoleWriter), URL: "http://127.0.0.1:1"}
	r := &registry{all: []storage.Instance{away, process(t, Options{Instance: "w", Role: config.RoleWriter, Bus: b})}}
	query := New(Options{Instance: "q", Role: config.RoleQuery, Peers: cluster.NewPeers(r, "q", "key", nil)})
	require.Len(t, ask[watermarksAnswer](t, query, "/status/watermarks", "reader").Watermarks, 3)
	r.all = r.all[:1]
	got = ask[watermarksAnswer](t, query, "/status/watermarks", "reader")
	require.Empty(t, got.Watermarks)
	require.Len(t, got.Warnings, 2)
	require.Equal(t, "no process that knows the bus answers", got.Warnings[1])
	r.err = storage.ErrUnavailable
	require.Len(t, ask[watermarksAnswer](t, query, "/status/watermarks", "reader").Warnings, 1)
}

func newLedger(t *testing.T, n int64) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(t.TempDir(), slog.New(slog.DiscardHandler), time.Now)
	require.NoError(t, err)
	l.Accepted("t-0", 0, ledger.Item{Signal: signal.Logs, Source: "shop", N: n})
	require.NoError(t, l.Stored("t-0", []ledger.Outcome{{Item: ledger.Item{Signal: signal.Logs, Source: "shop", N: n}}}))
	return l
}

// TestAccount: what this process counted alone, with ?local, or with that of the others.
func TestAccount(t *testing.T) {
	r := &registry{all: []storage.Instance{{ID: "me", Role: string(config.RoleGateway)}, process(t, Options{Instance: "w", Role: config.RoleWriter, Ledger: newLedger(t, 3)})}}
	stored := func(a *API, path string) int64 {
		ans := ask[cluster.LedgerAnswer](t, a, path, "reader")
		require.Empty(t, ans.Warnings)
		var n int64
		for _, row := range ans.Rows {
			n += row.Stored
		}
		return n
	}
	alone := New(Options{Instance: "me", Ledger: newLedger(t, 5)})
	require.Equal(t, int64(5), stored(alone, "/ledger"))
	beside := New(Options{Instance: "me", Ledger: newLedger(t, 5), Peers: cluster.NewPeers(r, "me", "key", nil), Bus: &inspector{}})
	require.Equal(t, int64(8), stored(beside, "/ledger"))
	require.Equal(t, int64(5), stored(beside, "/ledger?local=1"))
	require.Zero(t, stored(alone, "/ledger?start=1&end=2"))

	w := httptest.NewRecorder()
	handler(alone).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/ledger?start=soon", http.NoBody))
	require.Equal(t, http.StatusBadRequest, w.Code)
}

// TestRoutes: the state is for everybody, who is told of it as they may know; the rest is for those who read, and belongs to the installation.
func TestRoutes(t *testing.T) {
	want := map[string]httpx.Permission{"/status": httpx.Public, "/status/instances": httpx.Read, "/status/watermarks": httpx.Read, "/ledger": httpx.Read}
	for _, rt := range New(Options{}).Routes() {
		permission, known := want[rt.Path]
		require.True(t, known, rt.Path)
		delete(want, rt.Path)
		require.Equal(t, permission, rt.Permission, rt.Path)
		require.Equal(t, http.MethodGet, rt.Method)
		require.False(t, rt.PerTenant, "%s tells of every tenant's data", rt.Path)
		require.False(t, rt.Queries, "%s is answered also while queries wait", rt.Path)
		require.NotNil(t, rt.Answer)
	}
	require.Empty(t, want)
}

// TestProbesAreAskedEachTime: the state is that of now, in the order of the parts, and a probe has the request's context.
func TestProbesAreAskedEachTime(t *testing.T) {
	n := 0
	a := New(Options{Probes: []Probe{
		func(ctx context.Context) Component {
			n++
			return Part("first", ctx.Err())
		},
		probe(Engine(true, "", 0)),
	}})
	a.SetReady(true)
	for i := range 3 {
		require.NoError(t, a.Ready(t.Context()))
		require.Equal(t, i+1, n)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	require.EqualError(t, a.Ready(over), "first: context canceled")
}
