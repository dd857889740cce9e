// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"net/http"
	"time"

	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

const sparklinePoints = 30

type serviceAnswer struct {
	Name        string           `json:"name"`
	Environment string           `json:"environment"`
	Language    string           `json:"language"`
	Spans       uint64           `json:"spans"`
	Requests    uint64           `json:"requests"`
	Rate        float64          `json:"rate"`
	Errors      uint64           `json:"errors"`
	ErrorRate   float64          `json:"error_rate"`
	P50         *int64           `json:"p50_ns"`
	P95         *int64           `json:"p95_ns"`
	P99         *int64           `json:"p99_ns"`
	Sparkline   serviceSparkline `json:"sparkline"`
	LastSeen    time.Time        `json:"last_seen"`
}

type serviceSparkline struct {
	Time   []int64   `json:"time"`
	Rate   []float64 `json:"rate"`
	Errors []uint64  `json:"errors"`
}

type servicesAnswer struct {
	// Range is the whole minutes that the counts are of.
	Range        countedRange    `json:"range"`
	Services     []serviceAnswer `json:"services"`
	Environments []string        `json:"environments"`
	Warnings     []string        `json:"warnings"`
}

// nanos rounds a quantile to whole nanoseconds; an absent one stays absent.
func nanos(f *float64) *int64 {
	if f == nil {
		return nil
	}
	n := int64(*f)
	return &n
}

func (a *API) services(r *http.Request) (any, error) {
	rng, counted, err := a.minutes(r)
	if err != nil {
		return nil, err
	}
	list, err := a.opts.Services.Services(r.Context(), storage.ServicesQuery{Tenant: tenant.FromContext(r.Context()), Range: rng, Environment: r.URL.Query().Get("env"), Points: sparklinePoints})
	if err != nil {
		return nil, err
	}
	answer := servicesAnswer{Range: counted, Services: []serviceAnswer{}, Environments: orEmpty(list.Environments), Warnings: orEmpty(list.Warnings)}
	for _, s := range list.Services {
		answer.Services = append(answer.Services, summaryOf(s, rng))
	}
	return answer, nil
}

func summaryOf(s storage.ServiceSummary, rng storage.TimeRange) serviceAnswer {
	out := serviceAnswer{
		Name: s.Name, Environment: s.Environment, Language: s.Language, Spans: s.Spans, Requests: s.Requests, Errors: s.Errors,
		Rate: perSecond(s.Requests, rng.End.Sub(rng.Start)), P50: nanos(s.Latency.P50), P95: nanos(s.Latency.P95), P99: nanos(s.Latency.P99),
		Sparkline: serviceSparkline{Time: []int64{}, Rate: []float64{}, Errors: []uint64{}}, LastSeen: s.LastSeen,
	}
	if s.Requests > 0 {
		out.ErrorRate = float64(s.Errors) / float64(s.Requests)
	}
	step := stepOf(s.Series)
	for _, p := range s.Series {
		out.Sparkline.Time = append(out.Sparkline.Time, p.Start.Unix())
		out.Sparkline.Rate = append(out.Sparkline.Rate, perSecond(p.Requests, step))
		out.Sparkline.Errors = append(out.Sparkline.Errors, p.Errors)
	}
	return out
}

func stepOf(points []storage.ServicePoint) time.Duration {
	if len(points) < 2 {
		return time.Minute
	}
	return points[1].Start.Sub(points[0].Start)
}

func perSecond(n uint64, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}

func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

func orEmptyMap(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

type serviceDetailAnswer struct {
	// Range is the whole minutes that the counts are of.
	Range        countedRange       `json:"range"`
	Service      serviceIdentity    `json:"service"`
	Series       serviceSeries      `json:"series"`
	Operations   []operationAnswer  `json:"operations"`
	Dependencies []dependencyAnswer `json:"dependencies"`
	Callers      []callerAnswer     `json:"callers"`
	Warnings     []string           `json:"warnings"`
}

type serviceIdentity struct {
	Name        string            `json:"name"`
	Environment string            `json:"environment"`
	Language    string            `json:"language"`
	Resource    map[string]string `json:"resource"`
	Instances   []instanceAnswer  `json:"instances"`
}

type instanceAnswer struct {
	ID       string    `json:"id"`
	Host     string    `json:"host"`
	LastSeen time.Time `json:"last_seen"`
}

// serviceSeries holds counts of each step.
type serviceSeries struct {
	Time     []int64  `json:"time"`
	Requests []uint64 `json:"requests"`
	Errors   []uint64 `json:"errors"`
	P50      []*int64 `json:"p50_ns"`
	P95      []*int64 `json:"p95_ns"`
	P99      []*int64 `json:"p99_ns"`
}

type operationAnswer struct {
	Name     string  `json:"name"`
	Kind     string  `json:"kind" enum:"unspecified,internal,server,client,producer,consumer"`
	Requests uint64  `json:"requests"`
	Errors   uint64  `json:"errors"`
	Rate     float64 `json:"rate"`
	P50      *int64  `json:"p50_ns"`
	P95      *int64  `json:"p95_ns"`
	P99      *int64  `json:"p99_ns"`
	Total    int64   `json:"total_ns"`
}

type dependencyAnswer struct {
	Type   string `json:"type" enum:"http,rpc,db,messaging,other"`
	System string `json:"system"`
	Target string `json:"target"`
	Calls  uint64 `json:"calls"`
	Errors uint64 `json:"errors"`
	P95    *int64 `json:"p95_ns"`
}

type callerAnswer struct {
	Service string `json:"service"`
	Calls   uint64 `json:"calls"`
	Errors  uint64 `json:"errors"`
}

func (a *API) service(r *http.Request) (any, error) {
	rng, counted, err := a.minutes(r)
	if err != nil {
		return nil, err
	}
	warnings := []string{}
	points, err := httpx.Count(r, "points", 120, 2000, &warnings)
	if err != nil {
		return nil, err
	}
	d, err := a.opts.Services.Service(r.Context(), storage.ServiceQuery{
		Tenant: tenant.FromContext(r.Context()),
		Name:   httpx.PathParam(r, "name"), Range: rng, Environment: r.URL.Query().Get("env"), Points: points,
	})
	if err != nil {
		return nil, err
	}
	answer := detailOf(d, rng)
	answer.Range = counted
	warnings = append(warnings, d.Warnings...)
	answer.Warnings = warnings
	return answer, nil
}

func detailOf(d storage.ServiceDetail, rng storage.TimeRange) serviceDetailAnswer {
	out := serviceDetailAnswer{
		Service: serviceIdentity{
			Name: d.Summary.Name, Environment: d.Summary.Environment, Language: d.Summary.Language,
			Resource: orEmptyMap(d.Resource), Instances: []instanceAnswer{},
		},
		Series:     serviceSeries{Time: []int64{}, Requests: []uint64{}, Errors: []uint64{}, P50: []*int64{}, P95: []*int64{}, P99: []*int64{}},
		Operations: []operationAnswer{}, Dependencies: []dependencyAnswer{}, Callers: []callerAnswer{},
	}
	for _, in := range d.Instances {
		out.Service.Instances = append(out.Service.Instances, instanceAnswer(in))
	}
	for _, p := range d.Summary.Series {
		s := &out.Series
		s.Time = append(s.Time, p.Start.Unix())
		s.Requests = append(s.Requests, p.Requests)
		s.Errors = append(s.Errors, p.Errors)
		s.P50, s.P95, s.P99 = append(s.P50, nanos(p.Latency.P50)), append(s.P95, nanos(p.Latency.P95)), append(s.P99, nanos(p.Latency.P99))
	}
	for _, o := range d.Operations {
		out.Operations = append(out.Operations, operationAnswer{
			Name: o.Name, Kind: o.Kind, Requests: o.Requests, Errors: o.Errors, Rate: perSecond(o.Requests, rng.End.Sub(rng.Start)),
			P50: nanos(o.Latency.P50), P95: nanos(o.Latency.P95), P99: nanos(o.Latency.P99), Total: int64(o.Total),
		})
	}
	for _, dep := range d.Dependencies {
		out.Dependencies = append(out.Dependencies, dependencyAnswer{
			Type: dep.Type, System: dep.System, Target: dep.Target, Calls: dep.Calls, Errors: dep.Errors, P95: nanos(dep.P95),
		})
	}
	for _, c := range d.Callers {
		out.Callers = append(out.Callers, callerAnswer(c))
	}
	return out
}
