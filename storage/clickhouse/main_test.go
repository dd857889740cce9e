// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/storage/clickhouse/engine/enginetest"
	"github.com/strata-apm/strata/storage/clickhouse/engine/supervise"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

// openStore opens a store on a fresh embedded engine.
func openStore(tb testing.TB) (*Store, *supervise.Supervisor) {
	tb.Helper()
	sup := enginetest.Start(tb, tb.TempDir())
	return openOn(tb, sup, Default()), sup
}

func openOn(tb testing.TB, sup *supervise.Supervisor, cfg Config) *Store {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s, err := Open(ctx, cfg, Options{Dial: sup.DialContext})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	return s
}

// generator makes telemetry shaped like that of a web shop: few services and routes, unique ids.
type generator struct {
	rnd *rand.Rand
	now time.Time
}

func newGenerator() *generator {
	return &generator{rnd: rand.New(rand.NewPCG(1, 2)), now: time.Now().Add(-2 * time.Hour).Truncate(time.Hour)}
}

var (
	services = []string{"checkout", "cart", "payment", "frontend", "shipping", "catalog", "search", "user", "email", "ads"}
	routes   = []string{"/cart", "/cart/{id}", "/checkout", "/product/{id}", "/search", "/login", "/api/v1/orders", "/api/v1/orders/{id}"}
)

func (g *generator) id(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(g.rnd.Uint32())
	}
	return b
}

func (g *generator) resource(attrs pcommon.Map, i int) {
	name := services[i%len(services)]
	attrs.PutStr("service.name", name)
	attrs.PutStr("service.namespace", "shop")
	attrs.PutStr("service.instance.id", name+"-7d9f8b6c5d-"+strconv.Itoa(i%3))
	attrs.PutStr("deployment.environment.name", "production")
	attrs.PutStr("host.name", "node-"+strconv.Itoa(i%5))
	attrs.PutStr("telemetry.sdk.language", "go")
	attrs.PutStr("k8s.pod.name", name+"-7d9f8b6c5d-"+strconv.Itoa(i%3))
}

// logs makes rows records of about 190 bytes body and attributes.
func (g *generator) logs(rows int) (plog.Logs, int) {
	ld := plog.NewLogs()
	size := 0
	for row := 0; row < rows; {
		rl := ld.ResourceLogs().AppendEmpty()
		g.resource(rl.Resource().Attributes(), g.rnd.IntN(30))
		sl := rl.ScopeLogs().AppendEmpty()
		sl.Scope().SetName("shop/http")
		for range min(500, rows-row) {
			row++
			g.now = g.now.Add(time.Duration(g.rnd.IntN(200)) * time.Microsecond)
			rec := sl.LogRecords().AppendEmpty()
			rec.SetTimestamp(pcommon.NewTimestampFromTime(g.now))
			rec.SetObservedTimestamp(pcommon.NewTimestampFromTime(g.now.Add(time.Duration(g.rnd.IntN(2_000_000)))))
			rec.SetSeverityNumber(plog.SeverityNumber(9))
			rec.SetSeverityText("INFO")
			route := routes[g.rnd.IntN(len(routes))]
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

// traces makes spans in traces of ten, every service once, grouped by resource as a collector's batch is.
func (g *generator) traces(spans int) ptrace.Traces {
	td := ptrace.NewTraces()
	slices := make([]ptrace.SpanSlice, len(services))
	for i := range services {
		rs := td.ResourceSpans().AppendEmpty()
		g.resource(rs.Resource().Attributes(), i)
		ss := rs.ScopeSpans().AppendEmpty()
		ss.Scope().SetName("otelhttp")
		ss.Scope().SetVersion("0.71.0")
		slices[i] = ss.Spans()
	}
	for made := 0; made < spans; {
		g.now = g.now.Add(time.Duration(g.rnd.IntN(2000)) * time.Microsecond)
		trace := pcommon.TraceID(g.id(16))
		var parent pcommon.SpanID
		for depth := range min(10, spans-made) {
			made++
			sp := slices[depth%len(services)].AppendEmpty()
			sp.SetTraceID(trace)
			sp.SetParentSpanID(parent)
			parent = pcommon.SpanID(g.id(8))
			sp.SetSpanID(parent)
			start := g.now.Add(time.Duration(depth) * 137 * time.Microsecond)
			sp.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
			sp.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Duration(g.rnd.ExpFloat64() * float64(20*time.Millisecond)))))
			route := routes[g.rnd.IntN(len(routes))]
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

// cpu returns the CPU time that this process and the engine have used.
func cpu(tb testing.TB, pid int) (self, child time.Duration) {
	tb.Helper()
	var ru syscall.Rusage
	require.NoError(tb, syscall.Getrusage(syscall.RUSAGE_SELF, &ru))
	self = time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	require.NoError(tb, err)
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	utime, err := strconv.Atoi(fields[11])
	require.NoError(tb, err)
	stime, err := strconv.Atoi(fields[12])
	require.NoError(tb, err)
	return self, time.Duration(utime+stime) * 10 * time.Millisecond
}
