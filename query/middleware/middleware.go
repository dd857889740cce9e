// SPDX-License-Identifier: Apache-2.0

package middleware

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/promql"

	"github.com/strata-apm/strata/dashboard"
	"github.com/strata-apm/strata/packs"
	"github.com/strata-apm/strata/query/prom"
	"github.com/strata-apm/strata/storage"
)

// State is what an agent can tell of an instance.
type State string

// The states of an instance.
const (
	Collecting State = "collecting"
	// Limited is collected, and more would be with more access.
	Limited State = "limited"
	// Failed runs, and nothing can be read of it.
	Failed State = "failed"
	// Down runs no longer, or does not answer.
	Down State = "down"
)

// Instance is one instance of middleware.
type Instance struct {
	// Kind is the name of its pack, Title the pack's title; it is the kind where there is no such pack.
	Kind, Title string
	// Name is the label "instance": the host and the port, or the address of an instance on a host without an agent.
	Name string
	// Host is the host of the agent that reads it.
	Host    string
	Version string
	State   State
	// Since is when the state began, the zero time where the agent does not say.
	Since   time.Time
	Figures []Figure
	// MissingCount is how many things could be collected with more access. Missing describes them, as far as the agent tells.
	MissingCount int
	Missing      []Missing
	// Error is why it is not collected, in the agent's words.
	Error string
	// Series are those that are collected; nil where no metric says.
	Series *int
	// Agent is the id of the agent that has it on its board, Addresses are where it listens there; empty where the agent does not say.
	Agent     string
	Addresses []string
}

// Figure is one number of an instance, nil where there is none.
type Figure struct {
	Title, Unit string
	Value       *float64
}

// List is the answer about several instances.
type List struct {
	// Instances are in order of kind and name.
	Instances []Instance
	// Warnings say what the answer lacks, such as the metrics of a writer that is down.
	Warnings []string
}

// Agents lists agents with their boards; storage.AgentStore is one.
type Agents interface {
	// ListAgents returns agents in the order of host name and id.
	ListAgents(ctx context.Context, q storage.AgentQuery) ([]storage.Agent, error)
}

// Reader reads instances. Safe for concurrent use.
type Reader struct {
	metrics prom.Metrics
	agents  Agents
	packs   map[string]packs.Pack
}

// New reads the metrics by m and the boards from agents; all are the packs whose figures are read.
func New(m prom.Metrics, agents Agents, all []packs.Pack) *Reader {
	r := &Reader{metrics: m, agents: agents, packs: make(map[string]packs.Pack, len(all))}
	for _, p := range all {
		r.packs[p.Name] = p
	}
	return r
}

// own selects what the agent says of the collection itself.
const own = `{__name__=~"strata_middleware_(up|info|missing|series)"}`

// List returns every instance that reported within the last minutes before at, with its figures: one query, and one for each figure of the
// kinds that there are. Errors of the metrics wrap storage's kinds; boards that cannot be read are a warning.
func (r *Reader) List(ctx context.Context, at time.Time) (List, error) {
	req := prom.NewRequest(r.metrics)
	list, err := r.read(ctx, req, at)
	if err != nil {
		return List{}, err
	}
	if err := r.figures(ctx, req, at, list.Instances); err != nil {
		return List{}, err
	}
	list.Warnings = append(req.Warnings(), list.Warnings...)
	return list, nil
}

// Instances is List without the figures, by one query.
func (r *Reader) Instances(ctx context.Context, at time.Time) (List, error) {
	req := prom.NewRequest(r.metrics)
	list, err := r.read(ctx, req, at)
	if err != nil {
		return List{}, err
	}
	list.Warnings = append(req.Warnings(), list.Warnings...)
	return list, nil
}

func (r *Reader) read(ctx context.Context, req *prom.Request, at time.Time) (List, error) {
	samples, err := req.Instant(ctx, own, at)
	if err != nil {
		return List{}, fmt.Errorf("list middleware: %w", err)
	}
	list := List{Instances: r.told(samples), Warnings: []string{}}
	boards, err := readBoards(ctx, r.agents)
	if err != nil {
		if ctx.Err() != nil {
			return List{}, err
		}
		list.Warnings = append(list.Warnings, "what the agents say of their middleware could not be read")
	}
	for i := range list.Instances {
		boards.complete(&list.Instances[i])
	}
	return list, nil
}

// key is what tells instances apart: agents on two hosts may read the same address.
type key struct{ kind, host, instance string }

func keyOf(s promql.Sample) key {
	return key{s.Metric.Get("middleware"), s.Metric.Get("host_name"), s.Metric.Get("instance")}
}

// told are the instances as the metrics tell.
func (r *Reader) told(samples promql.Vector) []Instance {
	byKey := make(map[key]*Instance)
	up := make(map[key]float64)
	for _, s := range samples {
		k := keyOf(s)
		in := byKey[k]
		if in == nil {
			in = &Instance{Kind: k.kind, Title: cmp.Or(r.packs[k.kind].Title, k.kind), Host: k.host, Name: k.instance, Figures: []Figure{}}
			byKey[k] = in
		}
		switch s.Metric.Get("__name__") {
		case "strata_middleware_up":
			up[k] = s.F
		case "strata_middleware_info":
			in.Version = s.Metric.Get("version")
		case "strata_middleware_missing":
			in.MissingCount = int(s.F)
		case "strata_middleware_series":
			n := int(s.F)
			in.Series = &n
		}
	}
	out := make([]Instance, 0, len(up))
	for k, value := range up {
		in := byKey[k]
		in.State = stateOf(*in, value)
		out = append(out, *in)
	}
	slices.SortFunc(out, func(a, b Instance) int {
		return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name), strings.Compare(a.Host, b.Host))
	})
	return out
}

func stateOf(in Instance, up float64) State {
	switch {
	case up == 0:
		return Down
	case in.Series == nil || *in.Series == 0:
		return Failed
	case in.MissingCount > 0:
		return Limited
	default:
		return Collecting
	}
}

// figures adds the figures of the packs. An expression gives one series for each instance.
func (r *Reader) figures(ctx context.Context, req *prom.Request, at time.Time, instances []Instance) error {
	values := make(map[string][]map[string]*float64) // by kind: for each figure the values by instance
	for i := range instances {
		in := &instances[i]
		defined := r.packs[in.Kind].Dashboard.Figures
		if _, ok := values[in.Kind]; !ok {
			all, err := evaluate(ctx, req, at, defined)
			if err != nil {
				return fmt.Errorf("read the figures of %s: %w", in.Kind, err)
			}
			values[in.Kind] = all
		}
		for n, f := range defined {
			in.Figures = append(in.Figures, Figure{Title: f.Title, Unit: f.Unit, Value: values[in.Kind][n][in.Name]})
		}
	}
	return nil
}

func evaluate(ctx context.Context, req *prom.Request, at time.Time, figures []dashboard.Figure) ([]map[string]*float64, error) {
	out := make([]map[string]*float64, len(figures))
	for i, f := range figures {
		samples, err := req.Instant(ctx, f.Expr, at)
		if err != nil {
			return nil, err // Named by the caller.
		}
		out[i] = make(map[string]*float64, len(samples))
		for _, s := range samples {
			if !math.IsNaN(s.F) && !math.IsInf(s.F, 0) {
				out[i][s.Metric.Get("instance")] = &s.F
			}
		}
	}
	return out, nil
}
