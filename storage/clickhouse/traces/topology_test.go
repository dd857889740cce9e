// SPDX-License-Identifier: Apache-2.0

package traces

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse/clickhousetest"
	"github.com/strata-apm/strata/tenant"
)

func TestTopology(t *testing.T) {
	c, _ := clickhousetest.Open(t)
	s := New(c)
	at := time.Now().UTC().Truncate(time.Hour).Add(-20 * time.Hour)
	for i, part := range []struct {
		name string
		test func(*testing.T, parts)
	}{{"peers", testPeers}, {"samples", testSamples}, {"callers", testReach}, {"placements", testPlacements}, {"counts", testCounts}} {
		from := at.Add(time.Duration(i) * 2 * time.Hour) // No part sees the spans of another one.
		t.Run(part.name, func(t *testing.T) {
			part.test(t, parts{s, from, storage.TimeRange{Start: from, End: from.Add(time.Hour)}})
		})
	}
}

func (p parts) links(t *testing.T, rng storage.TimeRange, most uint64) storage.Links {
	t.Helper()
	got, err := p.Links(t.Context(), storage.TopologyQuery{Tenant: tenant.Default, Range: rng, Limit: 100, MaxSpans: most})
	require.NoError(t, err)
	return got
}

// A peer's address is the caller's word for it, then the connection's; loopback is on the caller's own host.
func testPeers(t *testing.T, p parts) {
	t.Helper()
	cases := []struct {
		attrs map[string]string
		want  storage.Peer
	}{
		{map[string]string{"server.address": "db", "server.port": "5432", "network.peer.address": "10.0.0.5", "network.peer.port": "15432"}, storage.Peer{Address: "db", NetworkAddress: "10.0.0.5", Port: "5432"}},
		{map[string]string{"net.peer.name": "old", "net.peer.port": "1", "net.peer.ip": "10.0.0.6"}, storage.Peer{Address: "old", NetworkAddress: "10.0.0.6", Port: "1"}},
		{map[string]string{"server.address": "new", "net.peer.name": "old"}, storage.Peer{Address: "new"}},
		{map[string]string{"net.sock.peer.addr": "10.0.0.7", "net.sock.peer.port": "3"}, storage.Peer{NetworkAddress: "10.0.0.7", Port: "3"}},
		{map[string]string{"server.address": "localhost"}, storage.Peer{Address: "localhost", Host: "mine"}},
		{map[string]string{"server.address": "127.0.0.53"}, storage.Peer{Address: "127.0.0.53", Host: "mine"}},
		{map[string]string{"server.address": "::1"}, storage.Peer{Address: "::1", Host: "mine"}},
		{map[string]string{"network.peer.address": "127.0.0.1"}, storage.Peer{NetworkAddress: "127.0.0.1", Host: "mine"}},
		{map[string]string{"server.address": "proxy", "network.peer.address": "127.0.0.1"}, storage.Peer{Address: "proxy", NetworkAddress: "127.0.0.1"}},
		{map[string]string{"server.address": ""}, storage.Peer{}},
		{map[string]string{"server.address": "1270.example"}, storage.Peer{Address: "1270.example"}},
	}
	var spans []made
	for i, c := range cases {
		c.attrs["db.system"], c.attrs["db.name"] = "redis", fmt.Sprintf("%02d", i)
		spans = append(spans, made{trace: 1, id: i + 1, service: "app", host: "mine", name: "call", kind: ptrace.SpanKindClient, start: p.at, duration: time.Second, attrs: c.attrs})
	}
	put(t, p.Store, "peers", spans...)
	got := p.links(t, p.rng, 1000).Peers
	require.Len(t, got, len(cases))
	for i, peer := range got { // Equally many calls: in order of target.
		want := cases[i].want
		want.Service, want.Type, want.System, want.Target, want.Calls, want.P95 = "app", "db", "redis", fmt.Sprintf("%02d", i), 1, peer.P95
		require.Equal(t, want, peer)
	}
}

// Of a range with more spans than may be looked at the newest are; the range's end within a minute counts as that minute's end.
func testSamples(t *testing.T, p parts) {
	t.Helper()
	for minute, n := range []int{40, 10, 20, 10} {
		var spans []made
		for i := range n {
			after := time.Duration(minute)*time.Minute + time.Duration(i)*time.Minute/time.Duration(n)
			spans = append(spans, made{trace: 1000*minute + i, id: 1000*minute + i + 1, service: "steady", host: "h", name: "op", kind: ptrace.SpanKindServer, start: p.at.Add(after), duration: time.Millisecond})
		}
		put(t, p.Store, fmt.Sprint("sample", minute), spans...)
	}
	for _, c := range []struct {
		most     uint64
		from     time.Duration // of the sample, after the range's start
		requests uint64
		whole    bool
	}{
		{1000, 0, 80, true},
		{80, 0, 80, true},
		{79, 1500 * time.Millisecond, 79, false},
		{40, time.Minute, 40, false},
		{30, 2 * time.Minute, 30, false},
		{20, 150 * time.Second, 20, false},
		{10, 3 * time.Minute, 10, false},
		{5, 210 * time.Second, 5, false},
	} {
		got := p.links(t, p.rng, c.most)
		require.Equal(t, c.whole, got.Whole, c.most)
		require.WithinDuration(t, p.at.Add(c.from), got.Sample.Start, time.Millisecond, "%d", c.most)
		require.Equal(t, p.rng.End, got.Sample.End)
		require.InDelta(t, c.requests, got.Requests["steady"], 1, "%d", c.most)
	}
	got := p.links(t, storage.TimeRange{Start: p.at.Add(3 * time.Minute), End: p.at.Add(3*time.Minute + 30*time.Second)}, 5)
	require.False(t, got.Whole, "its minute has ten spans, of which half are within the range")
	require.Equal(t, p.at.Add(3*time.Minute+15*time.Second), got.Sample.Start)
}

// A request's caller may have begun two minutes before the sample, and its clock may be ahead; one that is further away is not known.
func testReach(t *testing.T, p parts) {
	t.Helper()
	sample := storage.TimeRange{Start: p.at.Add(10 * time.Minute), End: p.at.Add(20 * time.Minute)}
	for i, after := range []time.Duration{9 * time.Minute, 8*time.Minute + time.Second, 7 * time.Minute, 21 * time.Minute, 23 * time.Minute} {
		put(t, p.Store, fmt.Sprint("reach", i),
			made{trace: 5000 + i, id: 1, service: fmt.Sprint("caller", i), host: "a", name: "call", kind: ptrace.SpanKindClient, start: p.at.Add(after), duration: time.Minute},
			made{trace: 5000 + i, id: 2, parent: 1, service: "back", host: "b", name: "serve", kind: ptrace.SpanKindServer, start: p.at.Add(11 * time.Minute), duration: time.Duration(i+1) * time.Second, failed: i == 1})
	}
	got := p.links(t, sample, 1000)
	require.Equal(t, map[string]uint64{"back": 5}, got.Requests)
	callers := map[string]uint64{}
	for _, call := range got.Calls {
		require.Equal(t, "back", call.Callee)
		require.Equal(t, uint64(1), call.Calls)
		callers[call.Caller] = call.Errors
	}
	require.Equal(t, map[string]uint64{"caller0": 0, "caller1": 1, "caller3": 0}, callers)
}

// A caller that is no call itself has no dependency, and both sides of a call may have one id.
func testPlacements(t *testing.T, p parts) {
	t.Helper()
	put(t, p.Store, "placements",
		made{trace: 6000, id: 1, service: "web", host: "h1", name: "in", kind: ptrace.SpanKindServer, start: p.at, duration: time.Second},
		made{trace: 6000, id: 2, parent: 1, service: "auth", host: "h2", name: "check", kind: ptrace.SpanKindServer, start: p.at, duration: time.Second, failed: true},
		made{trace: 6000, id: 3, service: "web", host: "h2", name: "in", kind: ptrace.SpanKindServer, start: p.at, duration: time.Second},
		made{trace: 6000, id: 4, service: "web", host: "h1", name: "in", kind: ptrace.SpanKindServer, start: p.at, duration: time.Second},
		made{trace: 6001, id: 5, service: "job", host: "h3", name: "run", kind: ptrace.SpanKindInternal, start: p.at, duration: time.Second, failed: true},
		made{trace: 6001, id: 6, parent: 5, service: "job", host: "h3", name: "step", kind: ptrace.SpanKindInternal, start: p.at, duration: time.Second},
		made{trace: 6002, id: 7, service: "nowhere", name: "in", kind: ptrace.SpanKindServer, start: p.at, duration: time.Second},
	)
	got := p.links(t, p.rng, 1000)
	for i := range got.Placements {
		require.InEpsilon(t, 1e9, *got.Placements[i].P95, 0.02)
		got.Placements[i].P95 = nil
	}
	require.Equal(t, []storage.Placement{
		{Service: "web", Host: "h1", Requests: 2}, {Service: "auth", Host: "h2", Requests: 1, Errors: 1}, {Service: "job", Host: "h3", Requests: 1, Errors: 1}, {Service: "web", Host: "h2", Requests: 1},
	}, got.Placements)
	require.Len(t, got.Calls, 1)
	got.Calls[0].P95 = nil
	require.Equal(t, storage.ServiceCall{Caller: "web", Callee: "auth", Calls: 1, Errors: 1}, got.Calls[0])
	require.Equal(t, map[string]uint64{"web": 3, "auth": 1, "nowhere": 1}, got.Requests)
}

// Dependencies are of all spans of the range, however many they are; those of services of no name too.
func testCounts(t *testing.T, p parts) {
	t.Helper()
	var spans []made
	for i := range 50 {
		spans = append(spans, made{trace: 7000, id: i + 1, service: "", name: "call", kind: ptrace.SpanKindClient, start: p.at.Add(time.Duration(i) * time.Minute), duration: time.Second, failed: i%2 == 0, attrs: map[string]string{"peer.service": "far"}})
	}
	put(t, p.Store, "counts", spans...)
	got, err := p.Dependencies(t.Context(), storage.TopologyQuery{Tenant: tenant.Default, Range: p.rng, Limit: 10, MaxSpans: 1})
	require.NoError(t, err)
	require.Len(t, got.Dependencies, 1)
	got.Dependencies[0].P95 = nil
	require.Equal(t, storage.ServiceDependency{Service: "unknown_service", Dependency: storage.Dependency{Type: "other", Target: "far", Calls: 50, Errors: 25}}, got.Dependencies[0])
	half, err := p.Dependencies(t.Context(), storage.TopologyQuery{Tenant: tenant.Default, Range: storage.TimeRange{Start: p.at.Add(25 * time.Minute), End: p.rng.End}, Limit: 10, MaxSpans: 1})
	require.NoError(t, err)
	require.Equal(t, uint64(25), half.Dependencies[0].Calls)
	none, err := p.Dependencies(t.Context(), storage.TopologyQuery{Tenant: "nobody", Range: p.rng, Limit: 10, MaxSpans: 1})
	require.NoError(t, err)
	require.Empty(t, none.Dependencies)
	require.NotNil(t, none.Dependencies)
}
