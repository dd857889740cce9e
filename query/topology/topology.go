// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"context"
	"fmt"
	"time"

	"github.com/strata-apm/strata/query/hosts"
	"github.com/strata-apm/strata/query/middleware"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

// NodeKind is what a node is.
type NodeKind string

// The kinds of nodes.
const (
	Service NodeKind = "service"
	// Middleware is an instance that an agent found.
	Middleware NodeKind = "middleware"
	// Peer is called, and neither a service nor an instance that is known.
	Peer NodeKind = "peer"
	Host NodeKind = "host"
)

// EdgeKind is what an edge means.
type EdgeKind string

// The kinds of edges.
const (
	Calls  EdgeKind = "calls"
	RunsOn EdgeKind = "runs_on"
)

// Node is one thing of the topology. Of the four details the one of its kind is set, where it is known.
type Node struct {
	// ID is the kind and what tells the node from others of its kind.
	ID   string
	Kind NodeKind
	Name string
	// Type and System are those of most calls to middleware or a peer: db and postgresql.
	Type, System string
	// Load is what a service serves, what middleware and peers are asked, and what the services on a host serve.
	Load
	Service    *storage.ServiceSummary
	Middleware *middleware.Instance
	Host       *hosts.Host
}

// Edge leads from what calls to what is called, and from what runs to where.
type Edge struct {
	// Source and Target are ids of nodes.
	Source, Target string
	Kind           EdgeKind
	// Type and System are those of most calls; empty for RunsOn.
	Type, System string
	Load
	// Estimated says that the load is scaled up from a sample of spans.
	Estimated bool
}

// Load is how much is asked and how it goes.
type Load struct {
	Calls, Errors uint64
	// P95 is in nanoseconds, nil when there was nothing to measure. Of several parts it is that of the slowest: quantiles do not add up.
	P95 *float64
}

// Topology is the answer. Nodes are in order of kind and name, edges in order of their ends.
type Topology struct {
	Nodes []Node
	Edges []Edge
	// Environments are those of the services in the range.
	Environments []string
	// Warnings say what the answer lacks and what is estimated.
	Warnings []string
}

// Query asks for a topology.
type Query struct {
	Tenant      tenant.ID
	Range       storage.TimeRange
	Environment string // "" for all
	// Points is how many points the series of services have.
	Points int
}

// Services lists services; storage.ServiceReader is one.
type Services interface {
	// Services lists the services with spans in the range, in order of name.
	Services(ctx context.Context, q storage.ServicesQuery) (storage.ServiceList, error)
}

// Instances lists middleware; middleware.Reader is one.
type Instances interface {
	// Instances returns every instance that reported within the last minutes before at.
	Instances(ctx context.Context, at time.Time) (middleware.List, error)
}

// Hosts lists hosts; hosts.Reader is one.
type Hosts interface {
	// Seen returns the hosts with samples in the range, with the time of the newest.
	Seen(ctx context.Context, r storage.TimeRange) (hosts.List, error)
}

// Options are what a topology is read from. All are needed.
type Options struct {
	Services   Services
	Links      storage.TopologyReader
	Middleware Instances
	Hosts      Hosts
}

// Reader reads topologies. Safe for concurrent use.
type Reader struct{ opts Options }

// New reads from the parts of opts.
func New(opts Options) *Reader { return &Reader{opts: opts} }

const (
	// mostRows bounds each list that is read.
	mostRows = 10_000
	// sampleSpans is how many spans are looked at for callers and addresses: a third of a second of work for the engine.
	sampleSpans = 300_000
)

// Read returns the topology of a range. It takes three statements for the services, one for what they call, four for spans, and five queries
// of metrics for middleware and hosts, however many services there are. Errors wrap storage's kinds; metrics that cannot be read are a
// warning.
func (r *Reader) Read(ctx context.Context, q Query) (Topology, error) {
	services, err := r.opts.Services.Services(ctx, storage.ServicesQuery{Tenant: q.Tenant, Range: q.Range, Environment: q.Environment, Points: q.Points})
	if err != nil {
		return Topology{}, err // It says what was read.
	}
	tq := storage.TopologyQuery{Tenant: q.Tenant, Range: q.Range, Environment: q.Environment, Limit: mostRows, MaxSpans: sampleSpans}
	dependencies, err := r.opts.Links.Dependencies(ctx, tq)
	if err != nil {
		return Topology{}, err // It says what was read.
	}
	links, err := r.opts.Links.Links(ctx, tq)
	if err != nil {
		return Topology{}, err // It says what was read.
	}
	g := newGraph(services.Services, links)
	g.warnings = append(g.warnings, services.Warnings...)
	g.cut(dependencies.Cut, "kinds of calls")
	instances, err := r.opts.Middleware.Instances(ctx, q.Range.End)
	if err := g.optional(ctx, "the middleware", err, instances.Warnings); err != nil {
		return Topology{}, err
	}
	seen, err := r.opts.Hosts.Seen(ctx, q.Range)
	if err := g.optional(ctx, "the hosts", err, seen.Warnings); err != nil {
		return Topology{}, err
	}
	g.addHosts(seen.Hosts)
	g.addMiddleware(instances.Instances)
	g.addCalls()
	g.addDependencies(dependencies.Dependencies)
	g.addPlacements()
	out := g.topology()
	out.Environments = services.Environments
	return out, nil
}

// optional makes a warning of what could not be read, unless nobody waits for the answer any more.
func (g *graph) optional(ctx context.Context, what string, err error, warnings []string) error {
	if err != nil && ctx.Err() != nil {
		return err
	}
	if err != nil {
		g.warnings = append(g.warnings, what+" could not be read")
	}
	g.warnings = append(g.warnings, warnings...)
	return nil
}

// cut warns of rows that are left out.
func (g *graph) cut(n uint64, of string) {
	if n > 0 {
		g.warnings = append(g.warnings, fmt.Sprintf("%d %s with the fewest calls are left out", n, of))
	}
}
