// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/strata-apm/strata/query/hosts"
	"github.com/strata-apm/strata/query/middleware"
	"github.com/strata-apm/strata/storage"
)

// graph is a topology that is being put together.
type graph struct {
	links     storage.Links
	nodes     map[string]*Node
	edges     map[ends]*edge
	instances []target
	// answered are the dependencies that led to a service.
	answered map[dependency]bool
	warnings []string
}

type ends struct {
	source, target string
	kind           EdgeKind
}

// edge is an edge and how many calls of it had its Type and System.
type edge struct {
	Edge
	most uint64
}

// dependency is what tells one dependency of a service from another.
type dependency struct{ service, typ, system, target string }

func serviceID(name string) string { return string(Service) + ":" + name }
func hostID(name string) string    { return string(Host) + ":" + name }

func newGraph(services []storage.ServiceSummary, links storage.Links) *graph {
	g := &graph{links: links, nodes: make(map[string]*Node), edges: make(map[ends]*edge), answered: make(map[dependency]bool), warnings: []string{}}
	for _, s := range services {
		g.node(serviceID(s.Name), Service, s.Name).Service = &s
		g.nodes[serviceID(s.Name)].Load = Load{Calls: s.Requests, Errors: s.Errors, P95: s.Latency.P95}
	}
	if !links.Whole {
		g.warnings = append(g.warnings, "who calls whom and where it runs is estimated from the spans since "+links.Sample.Start.UTC().Format(time.RFC3339))
	}
	g.cut(links.CallsCut, "calls between services")
	g.cut(links.PeersCut, "addresses")
	g.cut(links.PlacementsCut, "places of services")
	return g
}

// node returns the node of an id, a new one where there is none.
func (g *graph) node(id string, kind NodeKind, name string) *Node {
	n := g.nodes[id]
	if n == nil {
		n = &Node{ID: id, Kind: kind, Name: name}
		g.nodes[id] = n
	}
	return n
}

// connect adds to an edge, or makes it.
func (g *graph) connect(e Edge) {
	key := ends{e.Source, e.Target, e.Kind}
	have := g.edges[key]
	if have == nil {
		g.edges[key] = &edge{Edge: e, most: e.Calls}
		return
	}
	if e.Calls > have.most {
		have.Type, have.System, have.most = e.Type, e.System, e.Calls
	}
	have.Estimated = have.Estimated || e.Estimated
	have.Load = have.plus(e.Load)
}

// plus is the load of both together.
func (l Load) plus(other Load) Load {
	l.Calls += other.Calls
	l.Errors += other.Errors
	if l.P95 == nil || other.P95 != nil && *other.P95 > *l.P95 {
		l.P95 = other.P95
	}
	return l
}

// part is n of a whole that is known to be all when some is what the sample has of it.
func part(n, some, all uint64) uint64 {
	if some == 0 {
		return 0
	}
	return uint64(math.Round(float64(n) / float64(some) * float64(all)))
}

// requests are those of a service in the whole range.
func (g *graph) requests(service string) (uint64, bool) {
	n := g.nodes[serviceID(service)]
	if n == nil || n.Service == nil {
		return 0, false
	}
	return n.Service.Requests, true
}

// scaled is the load of a part of a service's requests in the whole range, when the sample has some of them.
func (g *graph) scaled(l Load, service string, some uint64) Load {
	if all, ok := g.requests(service); ok && !g.links.Whole {
		l.Calls, l.Errors = part(l.Calls, some, all), part(l.Errors, some, all)
	}
	return l
}

func (g *graph) addHosts(all []hosts.Host) {
	for _, h := range all {
		g.node(hostID(h.Name), Host, h.Name).Host = &h
	}
}

// addMiddleware adds the instances and, unless an agent reads them from elsewhere, their hosts.
func (g *graph) addMiddleware(all []middleware.Instance) {
	for _, in := range all {
		id := string(Middleware) + ":" + in.Kind + ":" + in.Name
		g.node(id, Middleware, in.Name).Middleware = &in
		t := newTarget(id, in)
		g.instances = append(g.instances, t)
		if sameHost(t.host, in.Host) {
			g.node(hostID(in.Host), Host, in.Host)
			g.connect(Edge{Source: id, Target: hostID(in.Host), Kind: RunsOn})
		}
	}
}

// addCalls adds the edges between services.
func (g *graph) addCalls() {
	for _, c := range g.links.Calls {
		if c.Type != "" {
			g.answered[dependency{c.Caller, c.Type, c.System, c.Target}] = true
		}
		g.node(serviceID(c.Caller), Service, c.Caller)
		g.node(serviceID(c.Callee), Service, c.Callee)
		g.connect(Edge{
			Source: serviceID(c.Caller), Target: serviceID(c.Callee), Kind: Calls, Type: c.Type, System: c.System,
			Load:      g.scaled(Load{Calls: c.Calls, Errors: c.Errors, P95: c.P95}, c.Callee, g.links.Requests[c.Callee]),
			Estimated: !g.links.Whole,
		})
	}
}

// addDependencies adds what services call beside each other.
func (g *graph) addDependencies(all []storage.ServiceDependency) {
	peers := make(map[dependency][]storage.Peer)
	for _, p := range g.links.Peers {
		key := dependency{p.Service, p.Type, p.System, p.Target}
		peers[key] = append(peers[key], p)
	}
	for _, d := range all {
		key := dependency{d.Service, d.Type, d.System, d.Target}
		g.node(serviceID(d.Service), Service, d.Service)
		if g.leadsToService(key, d) {
			continue
		}
		g.split(d, peers[key])
	}
}

// leadsToService says whether a dependency is a service, which its calls to and from it tell already. Where the sample has none of these
// calls a service of the target's name is taken for it. Databases and queues are middleware also when a service answers through them.
func (g *graph) leadsToService(key dependency, d storage.ServiceDependency) bool {
	if d.Type == "db" || d.Type == "messaging" {
		return false
	}
	if g.answered[key] {
		return true
	}
	target := serviceID(d.Target)
	if d.Target == d.Service || g.nodes[target] == nil {
		return false
	}
	if g.edges[ends{serviceID(d.Service), target, Calls}] == nil {
		g.connect(Edge{Source: serviceID(d.Service), Target: target, Kind: Calls, Type: d.Type, System: d.System, Load: Load{d.Calls, d.Errors, d.P95}})
	}
	return true
}

// split adds the edges of one dependency: to each instance that its addresses match, and to a peer for the rest. Where all of it goes to
// one node the counts of the dependency are exact.
func (g *graph) split(d storage.ServiceDependency, peers []storage.Peer) {
	parts := make(map[string]Load)
	var ids []string
	var some Load
	for _, p := range peers {
		id := g.find(p)
		if id == "" {
			id = peerID(d.Dependency)
		}
		if _, ok := parts[id]; !ok {
			ids = append(ids, id)
		}
		l := Load{Calls: p.Calls, Errors: p.Errors, P95: p.P95}
		parts[id], some = parts[id].plus(l), some.plus(l)
	}
	if len(ids) == 0 {
		ids = []string{peerID(d.Dependency)}
	}
	for _, id := range ids {
		l := Load{Calls: d.Calls, Errors: d.Errors, P95: d.P95}
		if len(ids) > 1 {
			own := parts[id]
			l = Load{Calls: part(own.Calls, some.Calls, d.Calls), Errors: part(own.Errors, some.Errors, d.Errors), P95: own.P95}
		}
		if n := g.nodes[id]; n == nil {
			g.node(id, Peer, cmp.Or(d.Target, d.System, d.Type))
		}
		g.connect(Edge{
			Source: serviceID(d.Service), Target: id, Kind: Calls, Type: d.Type, System: d.System, Load: l, Estimated: len(ids) > 1 && !g.links.Whole,
		})
	}
}

func peerID(d storage.Dependency) string {
	return string(Peer) + ":" + d.Type + ":" + d.System + ":" + d.Target
}

// addPlacements adds the edges from services to hosts.
func (g *graph) addPlacements() {
	some := make(map[string]uint64)
	for _, p := range g.links.Placements {
		some[p.Service] += p.Requests
	}
	for _, p := range g.links.Placements {
		g.node(serviceID(p.Service), Service, p.Service)
		g.node(hostID(p.Host), Host, p.Host)
		g.connect(Edge{
			Source: serviceID(p.Service), Target: hostID(p.Host), Kind: RunsOn,
			Load: g.scaled(Load{Calls: p.Requests, Errors: p.Errors, P95: p.P95}, p.Service, some[p.Service]), Estimated: !g.links.Whole,
		})
	}
}

// topology adds up what nodes are asked and puts everything in order.
func (g *graph) topology() Topology {
	out := Topology{Nodes: make([]Node, 0, len(g.nodes)), Edges: make([]Edge, 0, len(g.edges)), Warnings: g.warnings}
	for _, e := range g.edges {
		out.Edges = append(out.Edges, e.Edge)
	}
	slices.SortFunc(out.Edges, func(a, b Edge) int {
		return cmp.Or(strings.Compare(a.Source, b.Source), strings.Compare(a.Target, b.Target), cmp.Compare(a.Kind, b.Kind))
	})
	most := make(map[string]uint64)
	for _, e := range out.Edges {
		n := g.nodes[e.Target]
		if n.Kind == Service {
			continue // It has its own counts.
		}
		n.Load = n.plus(e.Load)
		if e.Kind == Calls && (e.Calls > most[n.ID] || n.Type == "") {
			n.Type, n.System, most[n.ID] = e.Type, e.System, e.Calls
		}
	}
	for _, n := range g.nodes {
		out.Nodes = append(out.Nodes, *n)
	}
	order := []NodeKind{Service, Middleware, Peer, Host}
	slices.SortFunc(out.Nodes, func(a, b Node) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Kind), slices.Index(order, b.Kind)), strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	return out
}
