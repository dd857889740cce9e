// SPDX-License-Identifier: Apache-2.0

package clickhousetest

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Generator makes telemetry shaped like that of a web shop: few services and routes, unique ids. Two generators make the same.
type Generator struct {
	// Now is the time of the next record; it moves on.
	Now time.Time

	rnd              *rand.Rand
	services, routes []string
}

// NewGenerator returns a generator whose time begins at a full hour, between two and three hours ago.
func NewGenerator() *Generator {
	return &Generator{
		Now:      time.Now().Add(-2 * time.Hour).Truncate(time.Hour),
		rnd:      rand.New(rand.NewPCG(1, 2)), //nolint:gosec // Made-up data, the same each time.
		services: []string{"checkout", "cart", "payment", "frontend", "shipping", "catalog", "search", "user", "email", "ads"},
		routes:   []string{"/cart", "/cart/{id}", "/checkout", "/product/{id}", "/search", "/login", "/api/v1/orders", "/api/v1/orders/{id}"},
	}
}

func (g *Generator) id(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(g.rnd.Uint32()) //nolint:gosec // Any eight bits will do.
	}
	return b
}

func (g *Generator) resource(attrs pcommon.Map, i int) {
	name := g.services[i%len(g.services)]
	attrs.PutStr("service.name", name)
	attrs.PutStr("service.namespace", "shop")
	attrs.PutStr("service.instance.id", name+"-7d9f8b6c5d-"+strconv.Itoa(i%3))
	attrs.PutStr("deployment.environment.name", "production")
	attrs.PutStr("host.name", "node-"+strconv.Itoa(i%5))
	attrs.PutStr("telemetry.sdk.language", "go")
	attrs.PutStr("k8s.pod.name", name+"-7d9f8b6c5d-"+strconv.Itoa(i%3))
}

// Logs makes rows records of about 190 bytes body and attributes, and says how many bytes they have together.
func (g *Generator) Logs(rows int) (plog.Logs, int) {
	ld := plog.NewLogs()
	size := 0
	for row := 0; row < rows; {
		rl := ld.ResourceLogs().AppendEmpty()
		g.resource(rl.Resource().Attributes(), g.rnd.IntN(30))
		sl := rl.ScopeLogs().AppendEmpty()
		sl.Scope().SetName("shop/http")
		for range min(500, rows-row) {
			row++
			g.Now = g.Now.Add(time.Duration(g.rnd.IntN(200)) * time.Microsecond)
			rec := sl.LogRecords().AppendEmpty()
			rec.SetTimestamp(pcommon.NewTimestampFromTime(g.Now))
			rec.SetObservedTimestamp(pcommon.NewTimestampFromTime(g.Now.Add(time.Duration(g.rnd.IntN(2_000_000)))))
			rec.SetSeverityNumber(plog.SeverityNumber(9))
			rec.SetSeverityText("INFO")
			route := g.routes[g.rnd.IntN(len(g.routes))]
			user := "user-" + strconv.Itoa(g.rnd.IntN(100_000))
			body := fmt.Sprintf("request finished: GET %s for %s order=%d took %dms status=%d bytes=%d upstream=10.0.%d.%d",
				strings.ReplaceAll(route, "{id}", strconv.Itoa(g.rnd.IntN(1_000_000))), user, g.rnd.IntN(10_000_000), g.rnd.IntN(3000), 200, g.rnd.IntN(50_000), g.rnd.IntN(4), g.rnd.IntN(250))
			rec.Body().SetStr(body)
			a := rec.Attributes()
			a.PutStr("http.route", route)
			a.PutStr("http.request.method", "GET")
			a.PutInt("http.response.status_code", 200)
			a.PutStr("user.id", user)
			if g.rnd.IntN(2) == 0 {
				rec.SetTraceID(pcommon.TraceID(g.id(16)))
				rec.SetSpanID(pcommon.SpanID(g.id(8)))
			}
			size += len(body)
			for k, v := range a.All() {
				size += len(k) + len(v.AsString())
			}
			size += 24
		}
	}
	return ld, size
}

// Traces makes spans in traces of ten, every service once, grouped by resource as a collector's batch is.
func (g *Generator) Traces(spans int) ptrace.Traces {
	td := ptrace.NewTraces()
	slices := make([]ptrace.SpanSlice, len(g.services))
	for i := range g.services {
		rs := td.ResourceSpans().AppendEmpty()
		g.resource(rs.Resource().Attributes(), i)
		ss := rs.ScopeSpans().AppendEmpty()
		ss.Scope().SetName("otelhttp")
		ss.Scope().SetVersion("0.71.0")
		slices[i] = ss.Spans()
	}
	for made := 0; made < spans; {
		g.Now = g.Now.Add(time.Duration(g.rnd.IntN(2000)) * time.Microsecond)
		trace := pcommon.TraceID(g.id(16))
		var parent pcommon.SpanID
		for depth := range min(10, spans-made) {
			made++
			sp := slices[depth%len(g.services)].AppendEmpty()
			sp.SetTraceID(trace)
			sp.SetParentSpanID(parent)
			parent = pcommon.SpanID(g.id(8))
			sp.SetSpanID(parent)
			start := g.Now.Add(time.Duration(depth) * 137 * time.Microsecond)
			sp.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
			sp.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Duration(g.rnd.ExpFloat64() * float64(20*time.Millisecond)))))
			route := g.routes[g.rnd.IntN(len(g.routes))]
			a := sp.Attributes()
			if depth == 9 {
				sp.SetKind(ptrace.SpanKindClient)
				sp.SetName("SELECT shop.orders")
				a.PutStr("db.system.name", "postgresql")
				a.PutStr("db.query.text", "SELECT * FROM orders WHERE id = $1")
				a.PutStr("server.address", "db-"+strconv.Itoa(g.rnd.IntN(4)))
			} else {
				sp.SetKind(ptrace.SpanKindServer)
				sp.SetName("GET " + route)
				a.PutStr("http.request.method", "GET")
				a.PutStr("http.route", route)
				a.PutInt("http.response.status_code", 200)
				a.PutStr("server.address", "shop.example")
				a.PutStr("user.id", "user-"+strconv.Itoa(g.rnd.IntN(100_000)))
				a.PutStr("client.address", "10.1."+strconv.Itoa(g.rnd.IntN(200))+"."+strconv.Itoa(g.rnd.IntN(200)))
			}
			if g.rnd.IntN(50) == 0 {
				sp.Status().SetCode(ptrace.StatusCodeError)
				e := sp.Events().AppendEmpty()
				e.SetName("exception")
				e.SetTimestamp(sp.EndTimestamp())
				e.Attributes().PutStr("exception.message", "card declined")
			}
		}
	}
	return td
}

// LogsOf are rows records from t on, a microsecond apart, whose body is made by text.
func LogsOf(t time.Time, rows int, text func(i int) string) plog.Logs {
	ld := plog.NewLogs()
	recs := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for i := range rows {
		rec := recs.AppendEmpty()
		rec.SetTimestamp(pcommon.NewTimestampFromTime(t.Add(time.Duration(i) * time.Microsecond)))
		rec.Body().SetStr(text(i))
	}
	return ld
}
