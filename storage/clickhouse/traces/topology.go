// SPDX-License-Identifier: Apache-2.0

package traces

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/client"
	"github.com/strata-apm/strata/storage/clickhouse/resource"
	"github.com/strata-apm/strata/storage/clickhouse/timerange"
)

const (
	// outgoing is what counts as a call: what goes out of the service.
	outgoing = "SpanKind IN ('Client', 'Producer')"
	// groups counts the rows of a result before its limit.
	groups = "count() OVER ()"
	// callerReach is how long before a request its caller's span may have begun, and how much the clocks of both may disagree. Within a
	// sample that is shorter it is the sample's length: a busy minute has more spans than the sample may.
	callerReach = 2 * time.Minute
	// leastReach is that of the shortest samples.
	leastReach = 5 * time.Second
	// p95Of is the quantile of spans' durations, of 1 % as those of the per-minute table.
	p95Of = "quantilesDD(0.01, 0.5, 0.95, 0.99)(toFloat64(Duration))"
)

// shown is the SQL expression of a service's name as it is shown, out of a column of names.
func shown(column string) string {
	return "if(" + column + " = '', '" + storage.UnknownService + "', toString(" + column + "))"
}

// Dependencies implements storage.TopologyReader.
func (s *Store) Dependencies(ctx context.Context, q storage.TopologyQuery) (storage.DependencyList, error) {
	list := storage.DependencyList{Dependencies: []storage.ServiceDependency{}}
	if err := timerange.Check(q.Range); err != nil {
		return list, err
	}
	st := client.For(q.Tenant)
	query := "SELECT " + resource.ServiceName + " AS Service, if(TargetType = '', 'other', toString(TargetType)) AS Type, TargetSystem, Target, sum(Spans) AS n, sum(Errors), " +
		quantiles + "1), " + groups + " FROM {db}." + minutes + " WHERE " + minutesWhere(st, q.Range, q.Environment) + " AND " + outgoing +
		" GROUP BY Service, Type, TargetSystem, Target ORDER BY n DESC, Service, Type, TargetSystem, Target LIMIT " + strconv.Itoa(q.Limit)
	var total uint64
	err := s.client.Each(ctx, "read what services call", query, st, func(scan func(...any) error) error {
		var d storage.ServiceDependency
		var latency []float64
		if err := scan(&d.Service, &d.Type, &d.System, &d.Target, &d.Calls, &d.Errors, &latency, &total); err != nil {
			return err
		}
		d.P95 = toQuantiles(latency).P95
		list.Dependencies = append(list.Dependencies, d)
		return nil
	})
	list.Cut = rest(total, len(list.Dependencies))
	return list, err
}

// rest is how many of total rows were not listed.
func rest(total uint64, listed int) uint64 {
	if n := uint64(listed); n < total { //nolint:gosec // A length is not negative.
		return total - n
	}
	return 0
}

// linkRead reads the parts of Links.
type linkRead struct {
	store *Store
	q     storage.TopologyQuery
	out   *storage.Links
}

// Links implements storage.TopologyReader.
func (s *Store) Links(ctx context.Context, q storage.TopologyQuery) (storage.Links, error) {
	out := storage.Links{
		Requests: map[string]uint64{}, Calls: []storage.ServiceCall{}, Peers: []storage.Peer{}, Placements: []storage.Placement{},
	}
	if err := timerange.Check(q.Range); err != nil {
		return out, err
	}
	r := linkRead{store: s, q: q, out: &out}
	for _, part := range []func(context.Context) error{r.sample, r.calls, r.peers, r.placements} {
		if err := part(ctx); err != nil {
			return out, err
		}
	}
	return out, nil
}

// sample finds the longest end of the range with no more spans than may be looked at. Within a minute they count as evenly spread.
func (r *linkRead) sample(ctx context.Context) error {
	st := client.For(r.q.Tenant)
	query := "SELECT Minute, sum(Spans) FROM {db}." + minutes + " WHERE " + minutesWhere(st, r.q.Range, r.q.Environment) + " GROUP BY Minute ORDER BY Minute DESC"
	r.out.Sample, r.out.Whole = r.q.Range, true
	left := r.q.MaxSpans
	return r.store.client.Each(ctx, "count spans by minute", query, st, func(scan func(...any) error) error {
		var minute time.Time
		var n uint64
		if err := scan(&minute, &n); err != nil {
			return err
		}
		if n <= left {
			left -= n
			return nil
		}
		// The newest minute may end behind the range.
		end := timerange.Earliest(minute.Add(time.Minute), r.q.Range.End)
		begin := timerange.Latest(minute, r.q.Range.Start)
		start := end.Add(-time.Duration(float64(end.Sub(begin)) * float64(left) / float64(n)))
		r.out.Sample.Start, r.out.Whole = timerange.Earliest(start, r.q.Range.End.Add(-time.Millisecond)), false
		return client.ErrPageFull
	})
}

// where selects the spans of the sample.
func (r *linkRead) where(st *client.Statement) string {
	where := between(st, r.out.Sample)
	if r.q.Environment != "" {
		where += " AND Environment = " + st.Str(r.q.Environment)
	}
	return where
}

func between(st *client.Statement, rng storage.TimeRange) string {
	return st.OfTenant() + " AND Timestamp >= " + st.Nano(rng.Start) + " AND Timestamp < " + st.Nano(rng.End)
}

// calls looks up the parent of every request. A hash stands for the ids: 64 bits do not collide among the spans of a sample. A parent that
// is stored twice, as in a resent batch, is one.
func (r *linkRead) calls(ctx context.Context) error {
	st := client.For(r.q.Tenant)
	reach := min(callerReach, max(leastReach, r.out.Sample.End.Sub(r.out.Sample.Start)))
	parents := storage.TimeRange{Start: r.out.Sample.Start.Add(-reach), End: r.out.Sample.End.Add(reach)}
	query := "SELECT " + shown("parent.ServiceName") + " AS Caller, " + shown("child.ServiceName") + " AS Callee, parent.found AS known, parent.Type, parent.System, parent.Target, " +
		"count() AS n, countIf(StatusCode = 'Error'), " + p95Of +
		" FROM (SELECT cityHash64(TraceId, ParentSpanId) AS id, ServiceName, StatusCode, Duration FROM {db}." + table +
		" WHERE " + r.where(st) + " AND " + entry + ") AS child GLOBAL ANY LEFT JOIN (SELECT cityHash64(TraceId, SpanId) AS id, ServiceName, 1 AS found, " +
		"if(" + outgoing + ", TargetType, '') AS Type, if(" + outgoing + ", TargetSystem, '') AS System, Target FROM {db}." + table +
		" WHERE " + between(st, parents) + ") AS parent ON child.id = parent.id" +
		" GROUP BY Caller, Callee, known, parent.Type, parent.System, parent.Target ORDER BY n DESC, Caller, Callee"
	return r.store.client.Each(ctx, "look up the callers of requests", query, st, func(scan func(...any) error) error {
		var c storage.ServiceCall
		var known uint8
		var latency []float64
		if err := scan(&c.Caller, &c.Callee, &known, &c.Type, &c.System, &c.Target, &c.Calls, &c.Errors, &latency); err != nil {
			return err
		}
		r.out.Requests[c.Callee] += c.Calls
		switch {
		case known == 0 || c.Caller == c.Callee:
		case len(r.out.Calls) == r.q.Limit:
			r.out.CallsCut++
		default:
			c.P95 = toQuantiles(latency).P95
			r.out.Calls = append(r.out.Calls, c)
		}
		return nil
	})
}

// attribute is the SQL expression of the first of a span's attributes that is there.
func attribute(names ...string) string {
	out := "''"
	for _, name := range slices.Backward(names) {
		out = "if(mapContains(SpanAttributes, '" + name + "'), SpanAttributes['" + name + "'], " + out + ")"
	}
	return out
}

func (r *linkRead) peers(ctx context.Context) error {
	st := client.For(r.q.Tenant)
	query := "SELECT " + resource.ServiceName + " AS Service, if(TargetType = '', 'other', toString(TargetType)) AS Type, TargetSystem, Target, " +
		attribute("server.address", "net.peer.name") + " AS address, " + attribute("network.peer.address", "net.peer.ip", "net.sock.peer.addr") + " AS peer, " +
		attribute("server.port", "net.peer.port", "network.peer.port", "net.sock.peer.port") + " AS port, " +
		"if(startsWith(address, '127.') OR address IN ('localhost', '::1', '[::1]') OR address = '' AND (startsWith(peer, '127.') OR peer = '::1'), toString(HostName), '') AS h, " +
		"count() AS n, countIf(StatusCode = 'Error'), " + p95Of + ", " + groups + " FROM {db}." + table + " WHERE " + r.where(st) + " AND " + outgoing +
		" GROUP BY Service, Type, TargetSystem, Target, address, peer, port, h ORDER BY n DESC, Service, Target, address, peer, port LIMIT " + strconv.Itoa(r.q.Limit)
	var total uint64
	err := r.store.client.Each(ctx, "read the addresses of calls", query, st, func(scan func(...any) error) error {
		var p storage.Peer
		var latency []float64
		if err := scan(&p.Service, &p.Type, &p.System, &p.Target, &p.Address, &p.NetworkAddress, &p.Port, &p.Host, &p.Calls, &p.Errors, &latency, &total); err != nil {
			return err
		}
		p.P95 = toQuantiles(latency).P95
		r.out.Peers = append(r.out.Peers, p)
		return nil
	})
	r.out.PeersCut = rest(total, len(r.out.Peers))
	return err
}

// placements counts server and consumer spans of a service on a host, and root spans where the service has no such ones in the sample.
func (r *linkRead) placements(ctx context.Context) error {
	st := client.For(r.q.Tenant)
	query := "SELECT Service, h, if(served, n, roots) AS requests, if(served, failed, rootsFailed), if(served, latency, rootLatency), " + groups +
		" FROM (SELECT " + resource.ServiceName + " AS Service, toString(HostName) AS h, countIf(" + entry + ") AS n, countIf(" + entry + " AND StatusCode = 'Error') AS failed, " +
		"countIf(ParentSpanId = '') AS roots, countIf(ParentSpanId = '' AND StatusCode = 'Error') AS rootsFailed, " +
		"quantilesDDIf(0.01, 0.5, 0.95, 0.99)(toFloat64(Duration), " + entry + ") AS latency, " +
		"quantilesDDIf(0.01, 0.5, 0.95, 0.99)(toFloat64(Duration), ParentSpanId = '') AS rootLatency, sum(n) OVER (PARTITION BY Service) > 0 AS served" +
		" FROM {db}." + table + " WHERE " + r.where(st) + " AND HostName != '' GROUP BY Service, h) ORDER BY requests DESC, Service, h LIMIT " + strconv.Itoa(r.q.Limit)
	var total uint64
	err := r.store.client.Each(ctx, "read where services run", query, st, func(scan func(...any) error) error {
		var p storage.Placement
		var latency []float64
		if err := scan(&p.Service, &p.Host, &p.Requests, &p.Errors, &latency, &total); err != nil {
			return err
		}
		p.P95 = toQuantiles(latency).P95
		r.out.Placements = append(r.out.Placements, p)
		return nil
	})
	r.out.PlacementsCut = rest(total, len(r.out.Placements))
	return err
}

// cut says that a list is not whole, when it is not.
func cut(warnings *[]string, listed int, total uint64, of string) {
	if left := rest(total, listed); left > 0 {
		*warnings = append(*warnings, fmt.Sprintf("%d of %d %s are listed", listed, total, of))
	}
}
