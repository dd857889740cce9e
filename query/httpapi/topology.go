// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"net/http"
	"time"

	"github.com/strata-apm/strata/query/middleware"
	"github.com/strata-apm/strata/query/topology"
	"github.com/strata-apm/strata/tenant"
)

type topologyAnswer struct {
	// Range is the whole minutes that the counts are of.
	Range        countedRange   `json:"range"`
	Nodes        []topologyNode `json:"nodes"`
	Edges        []topologyEdge `json:"edges"`
	Environments []string       `json:"environments"`
	Warnings     []string       `json:"warnings"`
}

// TopologyLoad is how much is asked and how it goes.
type TopologyLoad struct {
	Calls     uint64  `json:"calls"`
	Errors    uint64  `json:"errors"`
	Rate      float64 `json:"rate"`
	ErrorRate float64 `json:"error_rate"`
	P95       *int64  `json:"p95_ns"`
}

type topologyNode struct {
	ID   string            `json:"id"`
	Kind topology.NodeKind `json:"kind" enum:"service,middleware,peer,host"`
	Name string            `json:"name"`
	// Type and System are those of most calls to middleware or a peer.
	Type   string `json:"type" enum:",http,rpc,db,messaging,other"`
	System string `json:"system"`
	TopologyLoad
	// Of these the one of the kind is there, where it is known.
	Service    *serviceAnswer      `json:"service,omitempty"`
	Middleware *topologyMiddleware `json:"middleware,omitempty"`
	Host       *topologyHost       `json:"host,omitempty"`
}

type topologyMiddleware struct {
	Kind    string           `json:"kind"`
	Title   string           `json:"title"`
	Host    string           `json:"host"`
	Version string           `json:"version"`
	State   middleware.State `json:"state" enum:"collecting,limited,failed,down"`
}

type topologyHost struct {
	Up       bool      `json:"up"`
	LastSeen time.Time `json:"last_seen"`
}

type topologyEdge struct {
	// Source and Target are ids of nodes.
	Source string            `json:"source"`
	Target string            `json:"target"`
	Kind   topology.EdgeKind `json:"kind" enum:"calls,runs_on"`
	// Type and System are those of most calls.
	Type   string `json:"type" enum:",http,rpc,db,messaging,other"`
	System string `json:"system"`
	TopologyLoad
	// Estimated says that the counts are scaled up from a sample of spans.
	Estimated bool `json:"estimated"`
}

func (a *API) topology(r *http.Request) (any, error) {
	rng, counted, err := a.minutes(r)
	if err != nil {
		return nil, err
	}
	got, err := a.opts.Topology.Read(r.Context(), topology.Query{Tenant: tenant.FromContext(r.Context()), Range: rng, Environment: r.URL.Query().Get("env"), Points: sparklinePoints})
	if err != nil {
		return nil, err
	}
	length := rng.End.Sub(rng.Start)
	answer := topologyAnswer{
		Range: counted,
		Nodes: make([]topologyNode, 0, len(got.Nodes)), Edges: make([]topologyEdge, 0, len(got.Edges)),
		Environments: orEmpty(got.Environments), Warnings: orEmpty(got.Warnings),
	}
	for _, n := range got.Nodes {
		node := topologyNode{ID: n.ID, Kind: n.Kind, Name: n.Name, Type: n.Type, System: n.System, TopologyLoad: loadOf(n.Load, length)}
		if n.Service != nil {
			s := summaryOf(*n.Service, rng)
			node.Service = &s
		}
		if m := n.Middleware; m != nil {
			node.Middleware = &topologyMiddleware{Kind: m.Kind, Title: m.Title, Host: m.Host, Version: m.Version, State: m.State}
		}
		if n.Host != nil {
			node.Host = &topologyHost{Up: n.Host.Up, LastSeen: n.Host.LastSeen}
		}
		answer.Nodes = append(answer.Nodes, node)
	}
	for _, e := range got.Edges {
		answer.Edges = append(answer.Edges, topologyEdge{
			Source: e.Source, Target: e.Target, Kind: e.Kind, Type: e.Type, System: e.System, TopologyLoad: loadOf(e.Load, length), Estimated: e.Estimated,
		})
	}
	return answer, nil
}

func loadOf(l topology.Load, length time.Duration) TopologyLoad {
	out := TopologyLoad{Calls: l.Calls, Errors: l.Errors, Rate: perSecond(l.Calls, length), P95: nanos(l.P95)}
	if l.Calls > 0 {
		out.ErrorRate = float64(l.Errors) / float64(l.Calls)
	}
	return out
}
