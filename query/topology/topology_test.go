// SPDX-License-Identifier: Apache-2.0

package topology_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/query/hosts"
	"github.com/strata-apm/strata/query/middleware"
	"github.com/strata-apm/strata/query/topology"
	"github.com/strata-apm/strata/storage"
)

// world answers what a test put into it, and fails where fail says.
type world struct {
	services     []storage.ServiceSummary
	dependencies storage.DependencyList
	links        storage.Links
	instances    []middleware.Instance
	hosts        []hosts.Host
	fail         string
	asked        []string
}

var errAway = errors.New("away")

func (w *world) ask(what string) error {
	w.asked = append(w.asked, what)
	if w.fail == what {
		return errAway
	}
	return nil
}

func (w *world) Services(_ context.Context, q storage.ServicesQuery) (storage.ServiceList, error) {
	return storage.ServiceList{Services: w.services, Environments: []string{"prod"}, Warnings: []string{"of services " + q.Environment}}, w.ask("services")
}

func (w *world) Dependencies(context.Context, storage.TopologyQuery) (storage.DependencyList, error) {
	return w.dependencies, w.ask("dependencies")
}

func (w *world) Links(context.Context, storage.TopologyQuery) (storage.Links, error) {
	return w.links, w.ask("links")
}

func (w *world) Instances(context.Context, time.Time) (middleware.List, error) {
	return middleware.List{Instances: w.instances, Warnings: []string{"of middleware"}}, w.ask("middleware")
}

func (w *world) Seen(context.Context, storage.TimeRange) (hosts.List, error) {
	return hosts.List{Hosts: w.hosts, Warnings: []string{"of hosts"}}, w.ask("hosts")
}

func read(t *testing.T, w *world) topology.Topology {
	t.Helper()
	got, err := topology.New(topology.Options{Services: w, Links: w, Middleware: w, Hosts: w}).Read(t.Context(), topology.Query{Environment: "prod"})
	require.NoError(t, err)
	return got
}

func node(t *testing.T, got topology.Topology, id string) topology.Node {
	t.Helper()
	for _, n := range got.Nodes {
		if n.ID == id {
			return n
		}
	}
	require.FailNow(t, "no node", id)
	return topology.Node{}
}

func edge(t *testing.T, got topology.Topology, source, target string) topology.Edge {
	t.Helper()
	for _, e := range got.Edges {
		if e.Source == source && e.Target == target {
			return e
		}
	}
	require.FailNow(t, "no edge", "%s to %s", source, target)
	return topology.Edge{}
}

// dependency is one of a service to what is "type system target".
func dependency(service, to string, calls, errs uint64, p95 float64) storage.ServiceDependency {
	f := strings.Fields(to)
	return storage.ServiceDependency{Service: service, Dependency: storage.Dependency{Type: f[0], System: f[1], Target: f[2], Calls: calls, Errors: errs, P95: &p95}}
}

// shop: front calls back by RPC, both use one Redis, back a database nobody knows and front a card processor.
func shop() *world {
	return &world{
		services: []storage.ServiceSummary{
			{Name: "back", Requests: 100, Errors: 2, Latency: storage.Quantiles{P95: new(7.0)}}, {Name: "front", Requests: 200, Latency: storage.Quantiles{P95: new(9.0)}},
		},
		dependencies: storage.DependencyList{Dependencies: []storage.ServiceDependency{
			dependency("back", "db redis 0", 60, 1, 3), dependency("front", "db redis 0", 40, 0, 5), dependency("front", "rpc grpc Back", 100, 2, 8),
			dependency("back", "db postgresql orders", 30, 3, 4), dependency("front", "http http cards.example", 10, 0, 6),
		}},
		links: storage.Links{
			Whole: true, Requests: map[string]uint64{"back": 100, "front": 200},
			Calls: []storage.ServiceCall{{Caller: "front", Callee: "back", Type: "rpc", System: "grpc", Target: "Back", Calls: 100, Errors: 2, P95: new(7.0)}},
			Peers: []storage.Peer{
				{Service: "back", Type: "db", System: "redis", Target: "0", Address: "cache-1", Port: "6379", Calls: 60, Errors: 1, P95: new(3.0)},
				{Service: "front", Type: "db", System: "redis", Target: "0", Address: "cache-1.example.com", Port: "6379", Calls: 40, P95: new(5.0)},
			},
			Placements: []storage.Placement{{Service: "back", Host: "n1", Requests: 100, Errors: 2, P95: new(7.0)}, {Service: "front", Host: "n1", Requests: 200, P95: new(9.0)}},
		},
		instances: []middleware.Instance{{Kind: "redis", Title: "Redis", Name: "cache-1:6379", Host: "cache-1", State: middleware.Collecting}, {Kind: "kafka", Name: "10.0.0.9:9092", Host: "n1"}},
		hosts:     []hosts.Host{{Name: "cache-1", Up: true}, {Name: "idle"}},
	}
}

func TestTopology(t *testing.T) {
	w := shop()
	got := read(t, w)
	require.Equal(t, []string{"of services prod", "of middleware", "of hosts"}, got.Warnings)
	require.Equal(t, []string{"services", "dependencies", "links", "middleware", "hosts"}, w.asked, "once each, however many services there are")
	require.Equal(t, []string{"prod"}, got.Environments)
	var ids []string
	for _, n := range got.Nodes {
		ids = append(ids, n.ID)
	}
	require.Equal(t, []string{
		"service:back", "service:front", "middleware:kafka:10.0.0.9:9092", "middleware:redis:cache-1:6379", "peer:http:http:cards.example", "peer:db:postgresql:orders",
		"host:cache-1", "host:idle", "host:n1",
	}, ids)

	redis := node(t, got, "middleware:redis:cache-1:6379")
	require.Equal(t, topology.Load{Calls: 100, Errors: 1, P95: new(5.0)}, redis.Load, "of both services, the slower quantile")
	require.Equal(t, "db redis Redis", redis.Type+" "+redis.System+" "+redis.Middleware.Title)
	back := node(t, got, "service:back")
	require.Equal(t, topology.Load{Calls: 100, Errors: 2, P95: new(7.0)}, back.Load)
	require.EqualValues(t, 100, back.Service.Requests)
	require.Equal(t, topology.Load{Calls: 300, Errors: 2, P95: new(9.0)}, node(t, got, "host:n1").Load)
	require.True(t, node(t, got, "host:cache-1").Host.Up)
	require.Nil(t, node(t, got, "host:n1").Host, "no metrics came from it")
	orders := node(t, got, "peer:db:postgresql:orders")
	require.Equal(t, topology.Node{ID: orders.ID, Kind: topology.Peer, Name: "orders", Type: "db", System: "postgresql", Load: topology.Load{Calls: 30, Errors: 3, P95: new(4.0)}}, orders)

	require.Len(t, got.Edges, 8)
	require.Equal(t, topology.Edge{
		Source: "service:front", Target: "service:back", Kind: topology.Calls, Type: "rpc", System: "grpc", Load: topology.Load{Calls: 100, Errors: 2, P95: new(7.0)},
	}, edge(t, got, "service:front", "service:back"))
	require.Equal(t, topology.RunsOn, edge(t, got, "middleware:redis:cache-1:6379", "host:cache-1").Kind)
	require.EqualValues(t, 200, edge(t, got, "service:front", "host:n1").Calls)
	for _, e := range got.Edges {
		require.False(t, e.Estimated)
		require.NotEqual(t, "middleware:kafka:10.0.0.9:9092", e.Source, "it is read from n1 and runs elsewhere")
	}
}

// TestSample: shares come from the sample, totals from the counts.
func TestSample(t *testing.T) {
	w := shop()
	w.links.Whole, w.links.Sample = false, storage.TimeRange{Start: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	w.links.Requests = map[string]uint64{"back": 10}
	w.links.Calls[0].Calls, w.links.Calls[0].Errors = 4, 1
	w.links.Placements = []storage.Placement{{Service: "back", Host: "n1", Requests: 3}, {Service: "back", Host: "n2", Requests: 1, Errors: 1}}
	w.links.Peers = append(w.links.Peers[:1], storage.Peer{Service: "back", Type: "db", System: "redis", Target: "0", Address: "elsewhere", Calls: 20, P95: new(2.0)})
	got := read(t, w)
	require.Contains(t, got.Warnings, "who calls whom and where it runs is estimated from the spans since 2026-01-02T03:04:05Z")
	call := edge(t, got, "service:front", "service:back")
	require.True(t, call.Estimated)
	require.Equal(t, topology.Load{Calls: 40, Errors: 10, P95: new(7.0)}, call.Load, "four of ten requests, of a hundred")
	require.Equal(t, topology.Load{Calls: 25, Errors: 25}, edge(t, got, "service:back", "host:n2").Load)

	known := edge(t, got, "service:back", "middleware:redis:cache-1:6379")
	require.True(t, known.Estimated)
	require.Equal(t, topology.Load{Calls: 45, Errors: 1, P95: new(3.0)}, known.Load, "three quarters of sixty calls")
	require.EqualValues(t, 15, edge(t, got, "service:back", "peer:db:redis:0").Calls)
	exact := edge(t, got, "service:front", "peer:db:redis:0")
	require.False(t, exact.Estimated, "no address is known of it, and all of it is this one peer's")
	require.EqualValues(t, 40, exact.Calls)
}

// TestServicesBehindDependencies: a dependency that a service answers is no peer.
func TestServicesBehindDependencies(t *testing.T) {
	w := shop()
	w.dependencies.Dependencies = []storage.ServiceDependency{
		dependency("front", "http http back", 5, 1, 8), dependency("back", "http http front", 7, 1, 8), dependency("back", "http http back", 2, 0, 1),
		dependency("front", "messaging kafka back", 3, 0, 1),
	}
	w.links.Peers = nil
	got := read(t, w)
	require.EqualValues(t, 100, edge(t, got, "service:front", "service:back").Calls, "the spans tell")
	require.Equal(t, topology.Load{Calls: 7, Errors: 1, P95: new(8.0)}, edge(t, got, "service:back", "service:front").Load, "only the name tells")
	require.EqualValues(t, 2, edge(t, got, "service:back", "peer:http:http:back").Calls, "a service that calls itself is told as a peer")
	require.EqualValues(t, 3, edge(t, got, "service:front", "peer:messaging:kafka:back").Calls, "a topic is no service")
}

func TestSeveralKindsOfCallsAreOneEdge(t *testing.T) {
	w := shop()
	w.links.Calls = append(w.links.Calls, storage.ServiceCall{Caller: "front", Callee: "back", Type: "http", System: "http", Calls: 300, Errors: 1, P95: new(1.0)},
		storage.ServiceCall{Caller: "stranger", Callee: "back", Calls: 1})
	got := read(t, w)
	e := edge(t, got, "service:front", "service:back")
	require.Equal(t, "http http", e.Type+" "+e.System, "of most calls")
	require.Equal(t, topology.Load{Calls: 400, Errors: 3, P95: new(7.0)}, e.Load)
	require.Nil(t, node(t, got, "service:stranger").Service, "of another environment")
}

func TestCutsAreSaid(t *testing.T) {
	w := shop()
	w.dependencies.Cut, w.links.CallsCut, w.links.PeersCut, w.links.PlacementsCut = 1, 2, 3, 4
	require.Subset(t, read(t, w).Warnings, []string{
		"1 kinds of calls with the fewest calls are left out", "2 calls between services with the fewest calls are left out",
		"3 addresses with the fewest calls are left out", "4 places of services with the fewest calls are left out",
	})
}

func TestFailures(t *testing.T) {
	for _, what := range []string{"services", "dependencies", "links"} {
		w := shop()
		w.fail = what
		_, err := topology.New(topology.Options{Services: w, Links: w, Middleware: w, Hosts: w}).Read(t.Context(), topology.Query{})
		require.ErrorIs(t, err, errAway, what)
	}
	for _, what := range []string{"middleware", "hosts"} {
		w := shop()
		w.fail = what
		require.Contains(t, read(t, w).Warnings, "the "+what+" could not be read")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := topology.New(topology.Options{Services: w, Links: w, Middleware: w, Hosts: w}).Read(ctx, topology.Query{})
		require.ErrorIs(t, err, errAway, "nobody waits for the answer any more")
	}
}

// TestQuestions: every part is asked about the same range, tenant and environment.
func TestQuestions(t *testing.T) {
	end := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	q := topology.Query{Tenant: "shop", Range: storage.TimeRange{Start: end.Add(-time.Hour), End: end}, Environment: "prod", Points: 7}
	w := &recorder{}
	_, err := topology.New(topology.Options{Services: w, Links: w, Middleware: w, Hosts: w}).Read(t.Context(), q)
	require.NoError(t, err)
	require.Equal(t, storage.ServicesQuery{Tenant: "shop", Range: q.Range, Environment: "prod", Points: 7}, w.services)
	require.Equal(t, w.dependencies, w.links)
	require.Equal(t, "prod", w.links.Environment)
	require.EqualValues(t, "shop", w.links.Tenant)
	require.Equal(t, q.Range, w.links.Range)
	require.Positive(t, w.links.Limit)
	require.Positive(t, w.links.MaxSpans)
	require.Equal(t, end, w.at)
	require.Equal(t, q.Range, w.hosts)
}

// recorder remembers what it was asked.
type recorder struct {
	services            storage.ServicesQuery
	dependencies, links storage.TopologyQuery
	at                  time.Time
	hosts               storage.TimeRange
}

func (r *recorder) Services(_ context.Context, q storage.ServicesQuery) (storage.ServiceList, error) {
	r.services = q
	return storage.ServiceList{}, nil
}

func (r *recorder) Dependencies(_ context.Context, q storage.TopologyQuery) (storage.DependencyList, error) {
	r.dependencies = q
	return storage.DependencyList{}, nil
}

func (r *recorder) Links(_ context.Context, q storage.TopologyQuery) (storage.Links, error) {
	r.links = q
	return storage.Links{Whole: true}, nil
}

func (r *recorder) Instances(_ context.Context, at time.Time) (middleware.List, error) {
	r.at = at
	return middleware.List{}, nil
}

func (r *recorder) Seen(_ context.Context, rng storage.TimeRange) (hosts.List, error) {
	r.hosts = rng
	return hosts.List{}, nil
}

func TestNothing(t *testing.T) {
	got := read(t, &world{links: storage.Links{Whole: true}})
	require.Empty(t, got.Nodes)
	require.NotNil(t, got.Nodes)
	require.NotNil(t, got.Edges)
}

// TestOneDependencyOverSeveralInstances: calls through one name that go to three replicas, one of them unknown.
func TestOneDependencyOverSeveralInstances(t *testing.T) {
	w := &world{
		services:     []storage.ServiceSummary{{Name: "cart", Requests: 10}},
		dependencies: storage.DependencyList{Dependencies: []storage.ServiceDependency{dependency("cart", "db redis 0", 100, 10, 4)}},
		links: storage.Links{Whole: true, Peers: []storage.Peer{
			{Service: "cart", Type: "db", System: "redis", Target: "0", Address: "cache-1", Port: "6379", Calls: 50, Errors: 1, P95: new(1.0)},
			{Service: "cart", Type: "db", System: "redis", Target: "0", Address: "cache-2", Port: "6379", Calls: 30, Errors: 4, P95: new(2.0)},
			{Service: "cart", Type: "db", System: "redis", Target: "0", Address: "CACHE-1", Port: "6379", Calls: 10, P95: new(3.0)},
			{Service: "cart", Type: "db", System: "redis", Target: "0", Address: "cache-3", Port: "6379", Calls: 10},
			{Service: "other", Type: "db", System: "redis", Target: "0", Address: "cache-2", Port: "6379", Calls: 1000},
		}},
		instances: []middleware.Instance{{Kind: "redis", Name: "cache-1:6379", Host: "cache-1"}, {Kind: "redis", Name: "cache-2:6379", Host: "cache-2"}},
	}
	got := read(t, w)
	require.Equal(t, topology.Load{Calls: 60, Errors: 2, P95: new(3.0)}, edge(t, got, "service:cart", "middleware:redis:cache-1:6379").Load, "of two spellings")
	require.Equal(t, topology.Load{Calls: 30, Errors: 8, P95: new(2.0)}, edge(t, got, "service:cart", "middleware:redis:cache-2:6379").Load)
	require.Equal(t, topology.Load{Calls: 10}, edge(t, got, "service:cart", "peer:db:redis:0").Load, "without a duration of its own")
	for _, e := range got.Edges {
		require.False(t, e.Estimated, "all spans were looked at")
	}
}

// TestOneInstanceBehindSeveralDependencies: two databases of one server are one edge.
func TestOneInstanceBehindSeveralDependencies(t *testing.T) {
	peer := func(target string, calls uint64) storage.Peer {
		return storage.Peer{Service: "cart", Type: "db", System: "mariadb", Target: target, Address: "db-1", Calls: calls}
	}
	w := &world{
		services: []storage.ServiceSummary{{Name: "cart"}},
		dependencies: storage.DependencyList{Dependencies: []storage.ServiceDependency{
			dependency("cart", "db mariadb shop", 70, 1, 4), dependency("cart", "db mariadb audit", 30, 2, 9),
		}},
		links:     storage.Links{Whole: true, Peers: []storage.Peer{peer("shop", 70), peer("audit", 30)}},
		instances: []middleware.Instance{{Kind: "mysql", Title: "MySQL", Name: "db-1:3306", Host: "db-1"}},
	}
	got := read(t, w)
	e := edge(t, got, "service:cart", "middleware:mysql:db-1:3306")
	require.Equal(t, topology.Load{Calls: 100, Errors: 3, P95: new(9.0)}, e.Load)
	require.Equal(t, "db mariadb", e.Type+" "+e.System)
	require.Equal(t, e.Load, node(t, got, "middleware:mysql:db-1:3306").Load)
	for _, n := range got.Nodes {
		require.NotEqual(t, topology.Peer, n.Kind)
	}
}

func TestPeersHaveNames(t *testing.T) {
	w := &world{links: storage.Links{Whole: true}}
	for _, d := range []storage.Dependency{{Type: "db", System: "mysql", Target: "shop"}, {Type: "db", System: "oracle"}, {Type: "other"}} {
		w.dependencies.Dependencies = append(w.dependencies.Dependencies, storage.ServiceDependency{Service: "cart", Dependency: d})
	}
	got := read(t, w)
	var names []string
	for _, n := range got.Nodes[1:] {
		names = append(names, n.ID+" is "+n.Name)
	}
	require.Equal(t, []string{"peer:db:oracle: is oracle", "peer:other:: is other", "peer:db:mysql:shop is shop"}, names)
}

// TestInstancesWithoutCalls are there too, each on its host, and two agents that read one instance add it once.
func TestInstancesWithoutCalls(t *testing.T) {
	w := &world{links: storage.Links{Whole: true}, instances: []middleware.Instance{
		{Kind: "nginx", Name: "web-1:80", Host: "web-1"}, {Kind: "redis", Name: "10.0.0.5:6379", Host: "web-1"}, {Kind: "redis", Name: "10.0.0.5:6379", Host: "web-2"},
	}}
	got := read(t, w)
	var ids []string
	for _, n := range got.Nodes {
		ids = append(ids, n.ID)
		require.Zero(t, n.Load)
		require.Empty(t, n.Type)
	}
	require.Equal(t, []string{"middleware:redis:10.0.0.5:6379", "middleware:nginx:web-1:80", "host:web-1"}, ids)
	require.Len(t, got.Edges, 1)
	require.Equal(t, "web-1", node(t, got, "host:web-1").Name)
}
