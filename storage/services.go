// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"time"

	"github.com/strata-apm/strata/search/fields"
	"github.com/strata-apm/strata/tenant"
)

// UnknownService names the service of records whose sender gave none, as SDKs do. Where the process is known the name goes on with a
// colon and its executable: unknown_service:java.
const UnknownService = fields.UnknownService

// ServiceReader reads what services do, from counts per minute rather than from spans where that is possible. Safe for concurrent use.
type ServiceReader interface {
	// Services lists the services with spans in the range, in order of name.
	Services(ctx context.Context, q ServicesQuery) (ServiceList, error)
	// Service describes one service. The error wraps ErrNotFound when it has no span in the range.
	Service(ctx context.Context, q ServiceQuery) (ServiceDetail, error)
	// HostServices names the services with spans or log records from a host in the range, in order of name.
	HostServices(ctx context.Context, q HostQuery) ([]string, error)
}

// HostQuery asks what is known of a host.
type HostQuery struct {
	Tenant tenant.ID
	Host   string
	Range  TimeRange
}

// ServicesQuery asks for the list of services.
type ServicesQuery struct {
	Tenant      tenant.ID
	Range       TimeRange
	Environment string // "" for all
	// Points is how many points the sparklines have, at most one per minute.
	Points int
}

// ServiceList is the answer to it.
type ServiceList struct {
	Services     []ServiceSummary
	Environments []string
	// Warnings say what the list lacks.
	Warnings []string
}

// ServiceSummary is one service in the list. Requests are server and consumer spans, or root spans where there are none.
type ServiceSummary struct {
	Name        string
	Environment string // of most of its spans
	Language    string
	Spans       uint64
	Requests    uint64
	Errors      uint64
	Latency     Quantiles
	Series      []ServicePoint
	LastSeen    time.Time
}

// Quantiles of durations in nanoseconds; nil when there was nothing to measure.
type Quantiles struct {
	P50, P95, P99 *float64
}

// ServicePoint is one step of a service's series. Start of the step; counts are of the step, not per second.
type ServicePoint struct {
	Start    time.Time
	Requests uint64
	Errors   uint64
	Latency  Quantiles
}

// ServiceQuery asks for one service.
type ServiceQuery struct {
	Tenant      tenant.ID
	Name        string
	Range       TimeRange
	Environment string // "" for all
	Points      int
}

// ServiceDetail describes one service.
type ServiceDetail struct {
	Summary      ServiceSummary
	Resource     map[string]string // of its newest span
	Instances    []ServiceInstance
	Step         time.Duration
	Operations   []Operation
	Dependencies []Dependency
	Callers      []Caller
	Warnings     []string
}

// ServiceInstance is one running copy of a service.
type ServiceInstance struct {
	ID       string
	Host     string
	LastSeen time.Time
}

// Operation is one kind of span of a service.
type Operation struct {
	Name     string
	Kind     string
	Requests uint64
	Errors   uint64
	Total    time.Duration // of all its spans together
	Latency  Quantiles
}

// Dependency is something a service calls.
type Dependency struct {
	Type   string // http, rpc, db, messaging, other
	System string
	Target string
	Calls  uint64
	Errors uint64
	P95    *float64
}

// Caller is a service that calls this one.
type Caller struct {
	Service string
	Calls   uint64
	Errors  uint64
}
