// SPDX-License-Identifier: Apache-2.0

package storagetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

// whole asks for everything there is on a day.
func whole(day time.Time) storage.TopologyQuery {
	return storage.TopologyQuery{Tenant: tenant.Default, Range: dayOf(day), Limit: 1000, MaxSpans: 1_000_000}
}

func (s *suite) dependencies(t *testing.T) {
	day := s.day()
	s.shop(t, day, "prod")
	s.shop(t, day, "test")
	q := whole(day)
	q.Environment = "prod"
	list, err := s.Store.Dependencies(t.Context(), q)
	require.NoError(t, err)
	require.Zero(t, list.Cut)
	require.Len(t, list.Dependencies, 2)
	db, rpc := list.Dependencies[0], list.Dependencies[1]
	require.Equal(t, "back db postgresql shop", db.Service+" "+db.Type+" "+db.System+" "+db.Target)
	require.EqualValues(t, 10, db.Calls)
	require.EqualValues(t, 1, db.Errors)
	require.InEpsilon(t, 50e6, *db.P95, 0.02)
	require.Equal(t, "front rpc grpc Back", rpc.Service+" "+rpc.Type+" "+rpc.System+" "+rpc.Target)

	q.Environment, q.Limit = "", 1
	list, err = s.Store.Dependencies(t.Context(), q)
	require.NoError(t, err)
	require.Len(t, list.Dependencies, 1)
	require.EqualValues(t, 20, list.Dependencies[0].Calls)
	require.EqualValues(t, 1, list.Cut, "of two environments the rows are one")
}

func (s *suite) links(t *testing.T) {
	day := s.day()
	s.shop(t, day, "prod")
	s.shop(t, day, "test")
	q := whole(day)
	q.Environment = "prod"
	got, err := s.Store.Links(t.Context(), q)
	require.NoError(t, err)
	require.True(t, got.Whole)
	require.Equal(t, dayOf(day), got.Sample)
	require.Equal(t, map[string]uint64{"front": 10, "back": 10}, got.Requests)
	require.Len(t, got.Calls, 1)
	call := got.Calls[0]
	require.InEpsilon(t, 70e6, *call.P95, 0.02)
	call.P95 = nil
	require.Equal(t, storage.ServiceCall{Caller: "front", Callee: "back", Type: "rpc", System: "grpc", Target: "Back", Calls: 10, Errors: 1}, call)
	require.Len(t, got.Peers, 2)
	for i := range got.Peers {
		require.NotNil(t, got.Peers[i].P95)
		got.Peers[i].P95 = nil
	}
	require.Equal(t, []storage.Peer{
		{Service: "back", Type: "db", System: "postgresql", Target: "shop", Calls: 10, Errors: 1},
		{Service: "front", Type: "rpc", System: "grpc", Target: "Back", Address: "back", Calls: 10},
	}, got.Peers)
	require.Len(t, got.Placements, 3)
	for i, want := range []storage.Placement{
		{Service: "back", Host: "node-prod", Requests: 10, Errors: 1}, {Service: "front", Host: "node-prod", Requests: 10}, {Service: "job", Host: "node-prod", Requests: 10},
	} {
		p := got.Placements[i]
		require.NotNil(t, p.P95)
		p.P95 = nil
		require.Equal(t, want, p, "a service without server spans is measured by its roots")
	}

	q.Environment, q.Limit = "", 1
	got, err = s.Store.Links(t.Context(), q)
	require.NoError(t, err)
	require.Equal(t, map[string]uint64{"front": 20, "back": 20}, got.Requests, "the limit cuts lists, not counts")
	require.Len(t, got.Calls, 1)
	require.EqualValues(t, 20, got.Calls[0].Calls)
	require.Len(t, got.Peers, 1)
	require.Len(t, got.Placements, 1)
	require.Equal(t, []uint64{0, 1, 5}, []uint64{got.CallsCut, got.PeersCut, got.PlacementsCut})
}

// linksOfSample: of a range with more spans than may be looked at the newest are.
func (s *suite) linksOfSample(t *testing.T) {
	day := s.day()
	s.shop(t, day, "prod") // five spans a minute for ten minutes
	q := whole(day)
	q.MaxSpans = 16
	got, err := s.Store.Links(t.Context(), q)
	require.NoError(t, err)
	require.False(t, got.Whole)
	require.Equal(t, q.Range.End, got.Sample.End)
	require.WithinRange(t, got.Sample.Start, day.Add(6*time.Minute), day.Add(7*time.Minute))
	require.Equal(t, map[string]uint64{"front": 3, "back": 3}, got.Requests)
	require.EqualValues(t, 3, got.Calls[0].Calls, "the caller of a request may have begun before the sample")
	q.MaxSpans = 1
	got, err = s.Store.Links(t.Context(), q)
	require.NoError(t, err)
	require.True(t, got.Sample.Start.Before(got.Sample.End))
}

// linksBetween has what joins go wrong at: ids that repeat in other traces, a parent that is stored twice, several children of one parent,
// requests of the service itself and of nobody known.
func (s *suite) linksBetween(t *testing.T) {
	day := s.day()
	at := day.Add(time.Minute)
	send := spanSpec{
		trace: 8301, id: 1, service: "orders", name: "send", start: at, duration: time.Millisecond, kind: ptrace.SpanKindProducer, resource: map[string]string{"host.name": "n1"},
		attrs: map[string]string{"messaging.system": "kafka", "messaging.destination.name": "orders", "net.peer.name": "localhost", "net.peer.port": "9092", "network.peer.address": "127.0.0.1"},
	}
	work := func(id, parent int, service string) spanSpec {
		return spanSpec{trace: 8301, id: id, parent: parent, service: service, name: "work", start: at.Add(time.Second), duration: time.Second, kind: ptrace.SpanKindConsumer}
	}
	s.putSpans(t, "once", spans(send, work(2, 1, "mail"), work(3, 1, "bill"), work(4, 1, "orders"), work(5, 77, "bill"), work(6, 0, "bill")))
	s.putSpans(t, "again", spans(send))
	other := work(2, 1, "mail")
	other.trace = 8302
	s.putSpans(t, "other", spans(other))
	got, err := s.Store.Links(t.Context(), whole(day))
	require.NoError(t, err)
	require.Equal(t, map[string]uint64{"mail": 2, "bill": 3, "orders": 1}, got.Requests)
	require.Len(t, got.Calls, 2)
	for i, callee := range []string{"bill", "mail"} {
		got.Calls[i].P95 = nil
		require.Equal(t, storage.ServiceCall{Caller: "orders", Callee: callee, Type: "messaging", System: "kafka", Target: "orders", Calls: 1}, got.Calls[i])
	}
	require.Len(t, got.Peers, 1)
	got.Peers[0].P95 = nil
	require.Equal(t, storage.Peer{
		Service: "orders", Type: "messaging", System: "kafka", Target: "orders", Address: "localhost", NetworkAddress: "127.0.0.1", Port: "9092", Host: "n1", Calls: 2,
	}, got.Peers[0], "loopback is the caller's own host")
}

func (s *suite) topologyBadRequests(t *testing.T) {
	day := s.day()
	q := whole(day)
	q.Range.Start, q.Range.End = q.Range.End, q.Range.Start
	_, err := s.Store.Dependencies(t.Context(), q)
	require.ErrorIs(t, err, storage.ErrBadQuery)
	_, err = s.Store.Links(t.Context(), q)
	require.ErrorIs(t, err, storage.ErrBadQuery)
	q = whole(day)
	links, err := s.Store.Links(t.Context(), q)
	require.NoError(t, err)
	require.True(t, links.Whole, "an empty range")
	require.Empty(t, links.Requests)
	require.NotNil(t, links.Peers)
}
