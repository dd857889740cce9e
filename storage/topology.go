// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"

	"github.com/strata-apm/strata/tenant"
)

// TopologyReader reads who calls whom and where it runs. Safe for concurrent use.
type TopologyReader interface {
	// Dependencies lists what every service calls, as counts per minute tell: all calls of the range are in it, most calls first.
	Dependencies(ctx context.Context, q TopologyQuery) (DependencyList, error)
	// Links reads from spans what the counts do not tell: which service answered a call, at which address, on which host. It looks at the
	// newest spans of the range, at most q.MaxSpans.
	Links(ctx context.Context, q TopologyQuery) (Links, error)
}

// TopologyQuery asks for the links between services.
type TopologyQuery struct {
	Tenant      tenant.ID
	Range       TimeRange
	Environment string // "" for all; of the service that calls, for Calls of the one that is called
	// Limit is the most rows of each list; it must be positive.
	Limit int
	// MaxSpans is how many spans Links looks at; it must be positive.
	MaxSpans uint64
}

// DependencyList is the answer about dependencies.
type DependencyList struct {
	Dependencies []ServiceDependency
	// Cut is how many rows are left out for the limit.
	Cut uint64
}

// ServiceDependency is something that a service calls.
type ServiceDependency struct {
	Service string
	Dependency
}

// Links are what the spans of Sample tell. Its numbers are of the sample, not of the range.
type Links struct {
	// Sample is the end of the range that was read; the whole range where it has few enough spans.
	Sample TimeRange
	// Whole says that Sample is the whole range.
	Whole bool
	// Requests are the spans of each service that came in from outside: server and consumer spans.
	Requests map[string]uint64
	// Calls are those of the requests whose caller is another service, most first.
	Calls []ServiceCall
	// Peers are the addresses that client and producer spans went to, most first.
	Peers []Peer
	// Placements are the hosts of each service, most requests first.
	Placements []Placement
	// CallsCut, PeersCut and PlacementsCut are how many rows are left out for the limit.
	CallsCut, PeersCut, PlacementsCut uint64
}

// ServiceCall is what one service called of another through one of its dependencies.
type ServiceCall struct {
	Caller, Callee string
	// Type, System and Target are of the caller's span, as in Dependency; empty where that span is no call itself.
	Type, System, Target string
	// Calls and Errors are of the callee's spans, P95 is of their durations in nanoseconds.
	Calls, Errors uint64
	P95           *float64
}

// Peer is where the calls of one dependency went.
type Peer struct {
	Service, Type, System, Target string
	// Address is the name or address that the caller gave, NetworkAddress the one of the connection, Port its port; each is empty where the
	// spans do not say.
	Address, NetworkAddress, Port string
	// Host is the caller's own host where Address is one of loopback, otherwise empty.
	Host          string
	Calls, Errors uint64
	P95           *float64 // nanoseconds
}

// Placement is a service on a host. Requests are server and consumer spans, or root spans where the service has no such ones.
type Placement struct {
	Service, Host    string
	Requests, Errors uint64
	P95              *float64 // nanoseconds
}
