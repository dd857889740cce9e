// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"fmt"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/protobuf/encoding/protowire"
)

// NewTraces encodes a body of traces with 8 to 15 spans each and about ten attributes a span, grouped by service as a collector's batch is.
func NewTraces(seed uint64, traces int) (*Records, error) {
	r := &Records{rnd: rand.New(rand.NewPCG(seed, 13))} //nolint:gosec // Reproducible on purpose.
	td := ptrace.NewTraces()
	spans := map[string]ptrace.SpanSlice{}
	for i, service := range services() {
		rs := td.ResourceSpans().AppendEmpty()
		shopResource(rs.Resource().Attributes(), service, i%3)
		ss := rs.ScopeSpans().AppendEmpty()
		ss.Scope().SetName("go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp")
		ss.Scope().SetVersion("0.72.0")
		spans[service] = ss.Spans()
	}
	at := base()
	for range traces {
		at = at.Add(time.Duration(r.rnd.IntN(100_000)))
		r.trace(spans, at)
	}
	td.ResourceSpans().RemoveIf(func(rs ptrace.ResourceSpans) bool { return rs.ScopeSpans().At(0).Spans().Len() == 0 })
	var err error
	if r.Body, err = (&ptrace.ProtoMarshaler{}).MarshalTraces(td); err != nil {
		return nil, fmt.Errorf("encode traces: %w", err)
	}
	r.Items = td.SpanCount()
	const traceID, spanID, parentID, start, end, events, eventTime = 1, 2, 4, 7, 8, 11, 1
	path := []protowire.Number{1, 2, 2}
	if err := r.locate(path, []protowire.Number{start, end}, []protowire.Number{traceID, spanID, parentID}); err != nil {
		return nil, err
	}
	return r, r.locate(append(path, events), []protowire.Number{eventTime}, nil)
}

// trace makes one request through the shop: a server span, and below it calls of other services, database queries and messages.
func (r *Records) trace(spans map[string]ptrace.SpanSlice, at time.Time) {
	rnd := r.rnd
	id := pcommon.TraceID(randomID[[traceIDLen]byte](rnd))
	left := 8 + rnd.IntN(8)
	add := func(service string, kind ptrace.SpanKind, parent pcommon.SpanID, at time.Time) ptrace.Span {
		s := spans[service].AppendEmpty()
		s.SetTraceID(id)
		s.SetSpanID(randomID[[spanIDLen]byte](rnd))
		s.SetParentSpanID(parent)
		s.SetKind(kind)
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(at))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(at.Add(time.Duration(500_000 + rnd.IntN(80_000_000)))))
		left--
		return s
	}
	root := add("frontend", ptrace.SpanKindServer, pcommon.SpanID{}, at)
	r.server(root)
	for left > 0 {
		at = at.Add(time.Duration(rnd.IntN(3_000_000)))
		callee := pick(rnd, services()[1:])
		client := add("frontend", ptrace.SpanKindClient, root.SpanID(), at)
		r.client(client, callee)
		if left == 0 {
			break
		}
		server := add(callee, ptrace.SpanKindServer, client.SpanID(), at.Add(200*time.Microsecond))
		r.server(server)
		for n := rnd.IntN(3); n > 0 && left > 0; n-- {
			r.database(add(callee, ptrace.SpanKindClient, server.SpanID(), at.Add(time.Duration(rnd.IntN(2_000_000)))))
		}
	}
}

func (r *Records) server(s ptrace.Span) {
	rnd := r.rnd
	route, method := pick(rnd, routes()), pick(rnd, []string{"GET", "GET", "POST"})
	s.SetName(method + " " + route)
	a := s.Attributes()
	a.PutStr("http.request.method", method)
	a.PutStr("http.route", route)
	a.PutStr("url.path", fmt.Sprintf("%s/%d", route, rnd.IntN(100_000)))
	a.PutStr("url.scheme", "http")
	a.PutStr("server.address", "shop.example.com")
	a.PutInt("server.port", 8080)
	a.PutStr("client.address", fmt.Sprintf("10.%d.%d.%d", rnd.IntN(4), rnd.IntN(16), rnd.IntN(250)))
	a.PutStr("user_agent.original", pick(rnd, []string{"Mozilla/5.0 (X11; Linux x86_64; rv:140.0)", "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0)", "curl/8.9.1"}))
	a.PutStr("network.protocol.version", "1.1")
	a.PutStr("user.id", fmt.Sprintf("user-%d", rnd.IntN(100_000)))
	r.outcome(s)
}

func (r *Records) client(s ptrace.Span, callee string) {
	rnd := r.rnd
	method, route := pick(rnd, []string{"GET", "POST"}), pick(rnd, routes())
	s.SetName(method)
	a := s.Attributes()
	a.PutStr("http.request.method", method)
	a.PutStr("url.full", fmt.Sprintf("http://%s:8080%s/%d", callee, route, rnd.IntN(100_000)))
	a.PutStr("server.address", callee)
	a.PutInt("server.port", 8080)
	a.PutStr("network.protocol.version", "1.1")
	a.PutStr("network.peer.address", fmt.Sprintf("10.96.%d.%d", rnd.IntN(4), rnd.IntN(250)))
	a.PutInt("network.peer.port", 8080)
	a.PutInt("http.request.body.size", int64(rnd.IntN(20_000)))
	a.PutInt("thread.id", int64(rnd.IntN(64)))
	r.outcome(s)
}

func (r *Records) database(s ptrace.Span) {
	rnd := r.rnd
	table := pick(rnd, []string{"orders", "carts", "products", "payments"})
	s.SetName("SELECT shop." + table)
	a := s.Attributes()
	a.PutStr("db.system.name", "postgresql")
	a.PutStr("db.namespace", "shop")
	a.PutStr("db.operation.name", "SELECT")
	a.PutStr("db.collection.name", table)
	a.PutStr("db.query.text", "SELECT * FROM "+table+" WHERE id = $1 AND tenant = $2")
	a.PutStr("server.address", "postgres.shop.svc")
	a.PutInt("server.port", 5432)
	a.PutInt("db.response.returned_rows", int64(rnd.IntN(500)))
	a.PutStr("network.peer.address", fmt.Sprintf("10.97.0.%d", rnd.IntN(3)))
	a.PutInt("thread.id", int64(rnd.IntN(64)))
}

// outcome sets the status; a failure has an exception as its event.
func (r *Records) outcome(s ptrace.Span) {
	if r.rnd.IntN(50) != 0 {
		s.Attributes().PutInt("http.response.status_code", 200)
		return
	}
	s.Attributes().PutInt("http.response.status_code", 500)
	s.Status().SetCode(ptrace.StatusCodeError)
	s.Status().SetMessage("upstream failed")
	e := s.Events().AppendEmpty()
	e.SetName("exception")
	e.SetTimestamp(s.EndTimestamp())
	e.Attributes().PutStr("exception.type", "net.OpError")
	e.Attributes().PutStr("exception.message", fmt.Sprintf("connection reset by peer after %d ms", r.rnd.IntN(3000)))
}
