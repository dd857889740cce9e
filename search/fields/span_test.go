// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

func TestReadSpan(t *testing.T) {
	const client, server, producer, internal = ptrace.SpanKindClient, ptrace.SpanKindServer, ptrace.SpanKindProducer, ptrace.SpanKindInternal
	for name, c := range map[string]struct {
		kind  ptrace.SpanKind
		attrs []string
		want  Span
	}{
		"nothing":              {client, nil, Span{}},
		"other attributes":     {client, []string{"a", "'x'", "http.url", "'/x'"}, Span{}},
		"new names":            {server, []string{"http.request.method", "'GET'", "http.route", "'/x'", "http.response.status_code", "200"}, Span{Method: "GET", Route: "/x", HTTPStatus: 200, TargetType: "http", TargetSystem: "http"}},
		"old names":            {server, []string{"http.method", "'GET'", "http.status_code", "404"}, Span{Method: "GET", HTTPStatus: 404, TargetType: "http", TargetSystem: "http"}},
		"both, first counts":   {server, []string{"http.method", "'OLD'", "http.request.method", "'NEW'"}, Span{Method: "OLD", TargetType: "http", TargetSystem: "http"}},
		"first empty":          {server, []string{"http.method", "''", "http.request.method", "'NEW'"}, Span{Method: "NEW", TargetType: "http", TargetSystem: "http"}},
		"key twice":            {server, []string{"http.method", "'a'", "http.method", "'b'"}, Span{Method: "b", TargetType: "http", TargetSystem: "http"}},
		"key twice, last none": {server, []string{"http.method", "'a'", "http.method", "''"}, Span{}},
		"status as text":       {server, []string{"http.status_code", "'503'"}, Span{HTTPStatus: 503}},
		"status no number":     {server, []string{"http.status_code", "'5xx'", "http.response.status_code", "200"}, Span{}},
		"status empty":         {server, []string{"http.status_code", "''", "http.response.status_code", "200"}, Span{HTTPStatus: 200}},
		"status of 0":          {server, []string{"http.status_code", "0", "http.response.status_code", "200"}, Span{}},
		"status too large":     {server, []string{"http.status_code", "70000"}, Span{}},
		"status negative":      {server, []string{"http.status_code", "-1"}, Span{}},
		"status a fraction":    {server, []string{"http.status_code", "200.5"}, Span{}},
		"status twice":         {server, []string{"http.status_code", "200", "http.status_code", "500"}, Span{HTTPStatus: 500}},
		"method a number":      {server, []string{"http.method", "7"}, Span{Method: "7", TargetType: "http", TargetSystem: "http"}},
		"database":             {client, []string{"db.system", "'redis'", "db.name", "'0'", "server.address", "'r1'"}, Span{TargetType: "db", TargetSystem: "redis", Target: "0"}},
		"database, new names":  {client, []string{"db.system.name", "'postgresql'", "db.namespace", "'shop'"}, Span{TargetType: "db", TargetSystem: "postgresql", Target: "shop"}},
		"database of a peer":   {client, []string{"db.system", "'redis'", "db.name", "'0'", "peer.service", "'cache'"}, Span{TargetType: "db", TargetSystem: "redis", Target: "cache"}},
		"database by address":  {client, []string{"db.system", "'redis'", "net.peer.name", "'r1'"}, Span{TargetType: "db", TargetSystem: "redis", Target: "r1"}},
		"database of nothing":  {client, []string{"db.system", "'redis'"}, Span{TargetType: "db", TargetSystem: "redis", Target: "redis"}},
		"database, not called": {internal, []string{"db.system", "'redis'"}, Span{TargetType: "db", TargetSystem: "redis"}},
		"messages":             {producer, []string{"messaging.system", "'kafka'", "messaging.destination.name", "'orders'", "server.address", "'k1'"}, Span{TargetType: "messaging", TargetSystem: "kafka", Target: "orders"}},
		"messages, consumed":   {ptrace.SpanKindConsumer, []string{"messaging.system", "'kafka'", "messaging.destination", "'orders'"}, Span{TargetType: "messaging", TargetSystem: "kafka"}},
		"messages of nothing":  {producer, []string{"messaging.system", "'kafka'"}, Span{TargetType: "messaging", TargetSystem: "kafka", Target: "kafka"}},
		"call":                 {client, []string{"rpc.system", "'grpc'", "rpc.service", "'shop.Cart'", "server.address", "'c1'"}, Span{TargetType: "rpc", TargetSystem: "grpc", Target: "shop.Cart"}},
		"call, new name":       {client, []string{"rpc.system.name", "'grpc'"}, Span{TargetType: "rpc", TargetSystem: "grpc"}},
		"request":              {client, []string{"http.method", "'GET'", "server.address", "'shop'"}, Span{Method: "GET", TargetType: "http", TargetSystem: "http", Target: "shop"}},
		"peer alone":           {client, []string{"service.peer.name", "'shop'"}, Span{TargetType: "other", Target: "shop"}},
		"address alone":        {client, []string{"network.peer.address", "'10.0.0.1'"}, Span{TargetType: "other", Target: "10.0.0.1"}},
		"address of a server":  {server, []string{"net.peer.ip", "'10.0.0.1'"}, Span{TargetType: "other"}},
		"database before call": {client, []string{"rpc.system", "'grpc'", "db.system", "'spanner'"}, Span{TargetType: "db", TargetSystem: "spanner", Target: "spanner"}},
	} {
		require.Equal(t, c.want, ReadSpan(c.kind, attributes(t, c.attrs...)), name)
	}
}

func TestSpanReader(t *testing.T) {
	var r SpanReader
	require.False(t, r.Wants("x"))
	for _, key := range []string{"http.method", "http.status_code", "http.response.status_code", "peer.service"} {
		require.True(t, r.Wants(key), key)
	}
	r.TakeText("http.method", "")
	require.True(t, r.Wants("http.method"), "an empty one says nothing")
	r.TakeText("http.request.method", "GET")
	require.False(t, r.Wants("http.method"), "known by its new name")
	r.TakeText("http.status_code", "")
	require.True(t, r.Wants("http.status_code"))
	r.TakeInt("http.status_code", 0)
	require.False(t, r.Wants("http.response.status_code"))
	r.TakeInt("peer.service", 7)
	require.Equal(t, Span{Method: "GET", TargetType: "http", TargetSystem: "http", Target: "7"}, r.Span(ptrace.SpanKindClient))
}
