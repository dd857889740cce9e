// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/strata-apm/strata/query/guard"
	"github.com/strata-apm/strata/query/hosts"
	"github.com/strata-apm/strata/query/middleware"
	"github.com/strata-apm/strata/query/topology"
	"github.com/strata-apm/strata/storage"
)

// HostReader describes machines; hosts.New makes one.
type HostReader interface {
	// List returns the hosts with samples in the range, in order of name.
	List(ctx context.Context, r storage.TimeRange) (hosts.List, error)
	// Get describes one host; the error wraps storage.ErrNotFound when there is none.
	Get(ctx context.Context, name string, r storage.TimeRange) (hosts.Detail, error)
}

// MiddlewareReader lists instances of middleware; middleware.New makes one.
type MiddlewareReader interface {
	// List returns every instance that reported within the last minutes before at, with its figures.
	List(ctx context.Context, at time.Time) (middleware.List, error)
}

// TopologyReader tells what runs and who calls whom; topology.New makes one.
type TopologyReader interface {
	// Read returns the topology of a range.
	Read(ctx context.Context, q topology.Query) (topology.Topology, error)
}

// Options are what the API reads from. All readers are needed.
type Options struct {
	TraceSearch storage.TraceSearcher
	Traces      storage.TraceReader
	Logs        storage.LogSearcher
	Fields      storage.FieldReader
	Services    storage.ServiceReader
	Hosts       HostReader
	Middleware  MiddlewareReader
	Topology    TopologyReader

	// Guard bounds what runs at once; other APIs of the process share it. Nil is one of this API's own with 20 queries.
	Guard *guard.Guard
	// MaxTails is how many readers may follow the logs at once. Default: 50.
	MaxTails int
	// TailInterval is how often new logs are looked for. Default: 1 s.
	TailInterval time.Duration
	// Allowed says whether the sender of the request that ctx is of may still have what it asked for; a stream asks again and again. Default: always.
	Allowed func(ctx context.Context) error
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// Logger receives internal errors, which the client is not told. Default: none.
	Logger *slog.Logger
}

// API serves the routes.
type API struct {
	opts  Options
	log   *slog.Logger
	now   func() time.Time
	tails chan struct{}
}

// New makes the API.
func New(opts Options) (*API, error) {
	stores := opts.TraceSearch != nil && opts.Traces != nil && opts.Logs != nil && opts.Fields != nil && opts.Services != nil
	if !stores || opts.Hosts == nil || opts.Middleware == nil || opts.Topology == nil {
		return nil, errors.New("the HTTP API needs all of its readers")
	}
	if opts.Guard == nil {
		opts.Guard = guard.New(20, 3*time.Second)
	}
	if opts.MaxTails <= 0 {
		opts.MaxTails = 50
	}
	if opts.TailInterval <= 0 {
		opts.TailInterval = time.Second
	}
	if opts.Allowed == nil {
		opts.Allowed = func(context.Context) error { return nil }
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	return &API{opts: opts, log: opts.Logger, now: opts.Now, tails: make(chan struct{}, opts.MaxTails)}, nil
}
