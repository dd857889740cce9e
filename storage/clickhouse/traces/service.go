// SPDX-License-Identifier: Apache-2.0

package traces

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/client"
	"github.com/strata-apm/strata/storage/clickhouse/resource"
	"github.com/strata-apm/strata/storage/clickhouse/timerange"
)

const (
	// mostOperations, mostDependencies and mostInstances bound the lists of one service.
	mostOperations, mostDependencies, mostInstances = 500, 200, 200
	// callerSample is how many of a service's spans are followed to their callers.
	callerSample = 2000
	// recent is how far back of its last span a service's instances are looked for.
	recent = time.Hour
)

// serviceRead reads the parts of one service's page.
type serviceRead struct {
	store *Store
	q     storage.ServiceQuery
	total serviceTotal
	out   *storage.ServiceDetail
}

// Service implements storage.ServiceReader.
func (s *Store) Service(ctx context.Context, q storage.ServiceQuery) (storage.ServiceDetail, error) {
	var out storage.ServiceDetail
	if err := timerange.Check(q.Range); err != nil {
		return out, err
	}
	q.Name = resource.ShownService(q.Name)
	totals, _, err := s.serviceTotals(ctx, q)
	if err != nil {
		return out, err
	}
	if len(totals) == 0 {
		return out, fmt.Errorf("service %q: %w", q.Name, storage.ErrNotFound)
	}
	r := serviceRead{store: s, q: q, total: totals[0], out: &out}
	out.Summary = totals[0].ServiceSummary
	for _, part := range []func(context.Context) error{r.series, r.operations, r.dependencies, r.instances, r.resource, r.callers} {
		if err := part(ctx); err != nil {
			return out, err
		}
	}
	return out, nil
}

// where selects the service's minutes, requests the ones that count as requests.
func (r *serviceRead) where(st *client.Statement) string {
	return minutesWhere(st, r.q.Range, r.q.Environment) + " AND " + resource.ServiceIs(st, r.q.Name)
}

func (r *serviceRead) requests() string {
	if r.total.rooted {
		return "Root = 1"
	}
	return entry
}

func (r *serviceRead) series(ctx context.Context) error {
	step := seriesStep(r.q.Range, r.q.Points)
	r.out.Step = step
	points := emptySeries(r.q.Range, step)
	st := client.For(r.q.Tenant)
	query := "SELECT " + seriesBucket(st, r.q.Range, step) + " AS b, sum(Spans), sum(Errors), " + quantiles + "1) FROM {db}." + minutes + " WHERE " +
		r.where(st) + " AND " + r.requests() + " GROUP BY b"
	err := r.store.client.Each(ctx, "read a service's series", query, st, func(scan func(...any) error) error {
		var b int64
		var requests, errors uint64
		var latency []float64
		if err := scan(&b, &requests, &errors, &latency); err != nil {
			return err
		}
		if b >= 0 && b < int64(len(points)) {
			points[b].Requests, points[b].Errors, points[b].Latency = requests, errors, toQuantiles(latency)
		}
		return nil
	})
	r.out.Summary.Series = points
	return err
}

func (r *serviceRead) operations(ctx context.Context) error {
	st := client.For(r.q.Tenant)
	query := "SELECT SpanName, SpanKind, sum(Spans) AS n, sum(Errors), toInt64(sum(DurationSum)) AS total, " + quantiles + "1), " + groups + " FROM {db}." + minutes + " WHERE " +
		r.where(st) + " AND (" + entry + " OR Root = 1) GROUP BY SpanName, SpanKind ORDER BY total DESC, SpanName LIMIT " + strconv.Itoa(mostOperations)
	var all uint64
	err := r.store.client.Each(ctx, "read a service's operations", query, st, func(scan func(...any) error) error {
		var op storage.Operation
		var total int64
		var latency []float64
		if err := scan(&op.Name, &op.Kind, &op.Requests, &op.Errors, &total, &latency, &all); err != nil {
			return err
		}
		op.Kind, op.Total, op.Latency = strings.ToLower(op.Kind), time.Duration(total), toQuantiles(latency)
		r.out.Operations = append(r.out.Operations, op)
		return nil
	})
	cut(&r.out.Warnings, len(r.out.Operations), all, "operations")
	return err
}

func (r *serviceRead) dependencies(ctx context.Context) error {
	st := client.For(r.q.Tenant)
	query := "SELECT TargetType, TargetSystem, Target, sum(Spans) AS n, sum(Errors), " + quantiles + "1), " + groups + " FROM {db}." + minutes + " WHERE " +
		r.where(st) + " AND " + outgoing + " GROUP BY TargetType, TargetSystem, Target ORDER BY n DESC, Target LIMIT " + strconv.Itoa(mostDependencies)
	var all uint64
	err := r.store.client.Each(ctx, "read a service's dependencies", query, st, func(scan func(...any) error) error {
		var d storage.Dependency
		var latency []float64
		if err := scan(&d.Type, &d.System, &d.Target, &d.Calls, &d.Errors, &latency, &all); err != nil {
			return err
		}
		if d.Type == "" {
			d.Type = "other"
		}
		d.P95 = toQuantiles(latency).P95
		r.out.Dependencies = append(r.out.Dependencies, d)
		return nil
	})
	cut(&r.out.Warnings, len(r.out.Dependencies), all, "dependencies")
	return err
}

// spans selects the service's spans of the last stretch before it was seen last.
func (r *serviceRead) spans(st *client.Statement, stretch time.Duration) string {
	end := timerange.Earliest(r.q.Range.End, r.total.LastSeen.Add(time.Nanosecond))
	start := timerange.Latest(r.q.Range.Start, end.Add(-stretch))
	where := st.OfTenant() + " AND " + resource.ServiceIs(st, r.q.Name) + " AND Timestamp >= " + st.Nano(start) + " AND Timestamp < " + st.Nano(end)
	if r.q.Environment != "" {
		where += " AND Environment = " + st.Str(r.q.Environment)
	}
	return where
}

func (r *serviceRead) instances(ctx context.Context) error {
	st := client.For(r.q.Tenant)
	query := "SELECT ResourceAttributes['service.instance.id'] AS id, toString(HostName) AS h, toUnixTimestamp64Nano(max(Timestamp)) AS seen, " + groups + " FROM {db}." + table + " WHERE " +
		r.spans(st, recent) + " GROUP BY id, h HAVING id != '' OR h != '' ORDER BY seen DESC LIMIT " + strconv.Itoa(mostInstances)
	var all uint64
	err := r.store.client.Each(ctx, "read a service's instances", query, st, func(scan func(...any) error) error {
		var in storage.ServiceInstance
		var seen int64
		if err := scan(&in.ID, &in.Host, &seen, &all); err != nil {
			return err
		}
		in.LastSeen = timerange.UnixNano(seen)
		r.out.Instances = append(r.out.Instances, in)
		return nil
	})
	cut(&r.out.Warnings, len(r.out.Instances), all, "instances")
	return err
}

func (r *serviceRead) resource(ctx context.Context) error {
	st := client.For(r.q.Tenant)
	query := "SELECT ResourceAttributes FROM {db}." + table + " WHERE " + r.spans(st, time.Minute) + " ORDER BY Timestamp DESC LIMIT 1"
	return r.store.client.Each(ctx, "read a service's resource", query, st, func(scan func(...any) error) error {
		return scan(&r.out.Resource)
	})
}

// callers follows the newest requests to the spans that made them. All requests of a busy day cannot be followed, so the shares of
// the sample are scaled up to the known number of requests.
func (r *serviceRead) callers(ctx context.Context) error {
	st := client.For(r.q.Tenant)
	incoming := "SELECT TraceId, ParentSpanId, StatusCode FROM {db}." + table + " WHERE " + r.spans(st, 24*time.Hour) +
		" AND ParentSpanId != '' AND SpanKind IN ('Server', 'Consumer') ORDER BY Timestamp DESC LIMIT " + strconv.Itoa(callerSample)
	type call struct {
		parent  string
		failed  bool
		matched bool // a parent that is stored twice, as in a resent batch, counts once
	}
	calls := map[string][]call{}
	var ids, parentIDs []string
	sampled := 0
	err := r.store.client.Each(ctx, "read a service's requests", incoming, st, func(scan func(...any) error) error {
		var trace, parent, status string
		if err := scan(&trace, &parent, &status); err != nil {
			return err
		}
		if len(calls[trace]) == 0 {
			ids = append(ids, trace)
		}
		calls[trace] = append(calls[trace], call{parent: parent, failed: status == "Error"})
		parentIDs = append(parentIDs, parent)
		sampled++
		return nil
	})
	if err != nil || sampled == 0 {
		return err
	}
	extent, err := r.store.traceExtent(ctx, r.q.Tenant, ids)
	if err != nil {
		return err
	}
	parents := client.For(r.q.Tenant)
	query := "SELECT TraceId, SpanId, " + resource.ServiceName + " FROM {db}." + table + " WHERE " + parents.OfTenant() + " AND TraceId IN " + parents.Strs(ids) +
		" AND SpanId IN " + parents.Strs(parentIDs) + " AND " + extent.where(parents) + " AND NOT " + resource.ServiceIs(parents, r.q.Name)
	byService := map[string]*storage.Caller{}
	err = r.store.client.Each(ctx, "read a service's callers", query, parents, func(scan func(...any) error) error {
		var trace, span, service string
		if err := scan(&trace, &span, &service); err != nil {
			return err
		}
		for i := range calls[trace] {
			c := &calls[trace][i]
			if c.parent != span || c.matched {
				continue
			}
			c.matched = true
			if byService[service] == nil {
				byService[service] = &storage.Caller{Service: service}
			}
			byService[service].Calls++
			if c.failed {
				byService[service].Errors++
			}
		}
		return nil
	})
	r.out.Callers = scaled(byService, sampled, r.total.Requests)
	if sampled == callerSample && len(byService) > 0 {
		r.out.Warnings = append(r.out.Warnings, fmt.Sprintf("callers are estimated from the newest %d requests", callerSample))
	}
	return err
}

// scaled puts the most frequent caller first and, when the sample was cut off, scales its counts to all requests.
func scaled(byService map[string]*storage.Caller, sampled int, requests uint64) []storage.Caller {
	factor := 1.0
	if sampled == callerSample && requests > callerSample {
		factor = float64(requests) / callerSample
	}
	out := make([]storage.Caller, 0, len(byService))
	for _, c := range byService {
		out = append(out, storage.Caller{
			Service: c.Service, Calls: uint64(math.Round(float64(c.Calls) * factor)), Errors: uint64(math.Round(float64(c.Errors) * factor)),
		})
	}
	slices.SortFunc(out, func(a, b storage.Caller) int {
		return cmp.Or(-cmp.Compare(a.Calls, b.Calls), strings.Compare(a.Service, b.Service))
	})
	return out
}
