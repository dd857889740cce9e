// SPDX-License-Identifier: Apache-2.0

package traces

import (
	"context"
	"math"
	"strconv"
	"time"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/client"
	"github.com/strata-apm/strata/storage/clickhouse/resource"
	"github.com/strata-apm/strata/storage/clickhouse/timerange"
)

const (
	// entry is what counts as a request: what comes in from outside the service.
	entry = "SpanKind IN ('Server', 'Consumer')"
	// quantiles merges the states of the per-minute table; If takes a condition.
	quantiles = "quantilesDDMergeIf(0.01, 0.5, 0.95, 0.99)(Durations, "
	language  = "anyLastIf(Language, Language != '')"
	// mostServices bounds the list of services.
	mostServices = 10_000
)

// minutesWhere is the condition of a range of the per-minute table. Its minutes are whole, so the range's first one is too.
func minutesWhere(st *client.Statement, r storage.TimeRange, environment string) string {
	where := st.OfTenant() + " AND Minute >= toStartOfMinute(" + st.Second(r.Start) + ") AND Minute < " + st.Second(r.End.Add(time.Second-1))
	if environment != "" {
		where += " AND Environment = " + st.Str(environment)
	}
	return where
}

// Services implements storage.ServiceReader.
func (s *Store) Services(ctx context.Context, q storage.ServicesQuery) (storage.ServiceList, error) {
	list := storage.ServiceList{Services: []storage.ServiceSummary{}, Environments: []string{}}
	if err := timerange.Check(q.Range); err != nil {
		return list, err
	}
	services, total, err := s.serviceTotals(ctx, storage.ServiceQuery{Tenant: q.Tenant, Range: q.Range, Environment: q.Environment})
	if err != nil {
		return list, err
	}
	cut(&list.Warnings, len(services), total, "services")
	byName := make(map[string]int, len(services))
	rooted := []string{} // services whose requests are their root spans
	for i, sv := range services {
		byName[sv.Name] = i
		if sv.rooted {
			rooted = append(rooted, sv.Name)
		}
		list.Services = append(list.Services, sv.ServiceSummary)
	}
	step := seriesStep(q.Range, q.Points)
	st := client.For(q.Tenant)
	query := "SELECT " + resource.ServiceName + " AS Service, " + seriesBucket(st, q.Range, step) + " AS b, sum(Spans), sum(Errors) FROM {db}." + minutes + " WHERE " +
		minutesWhere(st, q.Range, q.Environment) + " AND if(" + resource.ServiceName + " IN " + st.Strs(rooted) + ", Root = 1, " + entry + ") GROUP BY Service, b"
	for i := range list.Services {
		list.Services[i].Series = emptySeries(q.Range, step)
	}
	err = s.client.Each(ctx, "read the services' series", query, st, func(scan func(...any) error) error {
		var name string
		var bucket int64
		var requests, errors uint64
		if err := scan(&name, &bucket, &requests, &errors); err != nil {
			return err
		}
		if i, ok := byName[name]; ok && bucket >= 0 && bucket < int64(len(list.Services[i].Series)) {
			list.Services[i].Series[bucket].Requests += requests
			list.Services[i].Series[bucket].Errors += errors
		}
		return nil
	})
	if err != nil {
		return list, err
	}
	env := client.For(q.Tenant)
	list.Environments, err = s.client.Column(ctx, "list environments", "SELECT toString(Environment) AS e FROM {db}."+minutes+" WHERE "+
		minutesWhere(env, q.Range, "")+" AND e != '' GROUP BY e ORDER BY e", env)
	return list, err
}

// serviceTotal is a summary and which spans its requests are.
type serviceTotal struct {
	storage.ServiceSummary
	rooted bool
}

// serviceTotals reads the sums of one service, or of all for name "", and how many services there are: more than are listed when there are
// more than mostServices.
func (s *Store) serviceTotals(ctx context.Context, q storage.ServiceQuery) (out []serviceTotal, all uint64, err error) {
	st := client.For(q.Tenant)
	where := minutesWhere(st, q.Range, q.Environment)
	if q.Name != "" {
		where += " AND " + resource.ServiceIs(st, q.Name)
	}
	query := "SELECT " + resource.ServiceName + " AS Service, toString(argMax(Environment, Spans)), " + language + ", sum(Spans), sumIf(Spans, " + entry + "), sumIf(Errors, " + entry +
		"), sumIf(Spans, Root = 1), sumIf(Errors, Root = 1), " + quantiles + entry + "), " + quantiles + "Root = 1), toUnixTimestamp64Nano(max(LastSeen)), " + groups +
		" FROM {db}." + minutes + " WHERE " + where + " GROUP BY Service ORDER BY Service LIMIT " + strconv.Itoa(mostServices)
	err = s.client.Each(ctx, "read services", query, st, func(scan func(...any) error) error {
		var t serviceTotal
		var roots, rootErrors uint64
		var latency, rootLatency []float64
		var seen int64
		if err := scan(&t.Name, &t.Environment, &t.Language, &t.Spans, &t.Requests, &t.Errors, &roots, &rootErrors, &latency, &rootLatency, &seen, &all); err != nil {
			return err
		}
		if t.rooted = t.Requests == 0; t.rooted {
			t.Requests, t.Errors, latency = roots, rootErrors, rootLatency
		}
		t.Latency, t.LastSeen = toQuantiles(latency), timerange.UnixNano(seen)
		out = append(out, t)
		return nil
	})
	return out, all, err
}

// toQuantiles turns what is not a number, the quantile of nothing, into an absent one.
func toQuantiles(values []float64) storage.Quantiles {
	get := func(i int) *float64 {
		if i >= len(values) || math.IsNaN(values[i]) || math.IsInf(values[i], 0) {
			return nil
		}
		return &values[i]
	}
	return storage.Quantiles{P50: get(0), P95: get(1), P99: get(2)}
}

// seriesStep is a nice number of minutes: the table knows nothing shorter.
func seriesStep(r storage.TimeRange, points int) time.Duration {
	if points <= 0 {
		points = 30
	}
	return max(time.Minute, timerange.Step(r.End.Sub(r.Start), points))
}

func seriesBucket(st *client.Statement, r storage.TimeRange, step time.Duration) string {
	return "intDiv(toInt64(toUnixTimestamp(Minute)) - " + st.Int(r.Start.Truncate(step).Unix()) + ", " + st.Int(int64(step/time.Second)) + ")"
}

func emptySeries(r storage.TimeRange, step time.Duration) []storage.ServicePoint {
	var out []storage.ServicePoint
	for t := r.Start.Truncate(step); t.Before(r.End); t = t.Add(step) {
		out = append(out, storage.ServicePoint{Start: t})
	}
	return out
}
