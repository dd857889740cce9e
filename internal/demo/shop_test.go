// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/strata-apm/strata/collector/otlptest"
)

// stage is a shop of one test, whose telemetry is looked at when it has ended.
type stage struct {
	t    *testing.T
	shop *shop
	out  *output
	sink *otlptest.Sink
	at   time.Time
}

func newStage(t *testing.T, seed uint64, incidents ...IncidentName) *stage {
	t.Helper()
	sink := otlptest.New(t)
	opts := Options{Endpoint: sink.Addr, Seed: seed, MetricInterval: time.Hour}
	require.NoError(t, opts.setDefaults())
	sw := newSwitches()
	for _, n := range incidents {
		sw.set(n, true)
	}
	out, err := newOutput(t.Context(), opts)
	require.NoError(t, err)
	s, err := newShop(out, opts, sw)
	require.NoError(t, err)
	return &stage{t: t, shop: s, out: out, sink: sink, at: time.Now().Add(-time.Hour).Truncate(time.Millisecond)}
}

// play runs one part of a journey below a server's span of the gateway.
func (s *stage) play(part func(ctx context.Context, j *journey, gateway *instance) error) error {
	j := &journey{shop: s.shop, now: s.at}
	gateway := s.shop.pick("gateway")
	var err error
	j.serve(s.t.Context(), gateway, endpoint{"GET", "/x", "/x"}, func(ctx context.Context) error {
		err = part(ctx, j, gateway)
		return err
	})
	return err
}

// end sends what is left.
func (s *stage) end() {
	s.t.Helper()
	require.NoError(s.t, s.out.close(s.t.Context()))
}

// spans are those whose name begins with a text.
func (s *stage) spans(name string) []receivedSpan {
	var out []receivedSpan
	for _, trace := range received(s.sink) {
		for _, sp := range trace {
			if strings.HasPrefix(sp.Name(), name) {
				out = append(out, sp)
			}
		}
	}
	slices.SortFunc(out, func(a, b receivedSpan) int { return int(a.StartTimestamp()) - int(b.StartTimestamp()) })
	return out
}

// logs are the records whose body has a text in it.
func (s *stage) logs(text string) []plog.LogRecord {
	var out []plog.LogRecord
	for _, ld := range s.sink.Logs() {
		for _, rl := range ld.ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				for _, lr := range sl.LogRecords().All() {
					if strings.Contains(lr.Body().Str(), text) {
						out = append(out, lr)
					}
				}
			}
		}
	}
	return out
}

// metrics are the metrics by the value of a resource attribute and their name.
func (s *stage) metrics(resource string) map[string]map[string]pmetric.Metric {
	out := map[string]map[string]pmetric.Metric{}
	for _, md := range s.sink.Metrics() {
		for _, rm := range md.ResourceMetrics().All() {
			of, ok := rm.Resource().Attributes().Get(resource)
			if !ok {
				continue
			}
			if out[of.Str()] == nil {
				out[of.Str()] = map[string]pmetric.Metric{}
			}
			for _, sm := range rm.ScopeMetrics().All() {
				for _, m := range sm.Metrics().All() {
					out[of.Str()][m.Name()] = m
				}
			}
		}
	}
	return out
}

func attr(sp receivedSpan, name string) any { return sp.Attributes().AsRaw()[name] }

// TestCheckout: an order goes through cart, payment and the database, and its message is consumed later within the same trace.
func TestCheckout(t *testing.T) {
	s := newStage(t, 5)
	require.NoError(t, s.play(func(ctx context.Context, j *journey, gateway *instance) error {
		return j.checkout(ctx, gateway, "user-1")
	}))
	s.end()
	require.Len(t, received(s.sink), 1, "one trace")
	order := s.logs("order placed")
	require.Len(t, order, 1)
	require.Equal(t, plog.SeverityNumberInfo, order[0].SeverityNumber())
	require.Equal(t, "user-1", order[0].Attributes().AsRaw()["user.id"])
	require.Regexp(t, "^ord-[0-9a-f]{8}$", order[0].Attributes().AsRaw()["order.id"])

	client, server := s.spans("shop.Payment/Charge")[0], s.spans("shop.Payment/Charge")[1]
	require.Equal(t, ptrace.SpanKindClient, client.Kind())
	require.Equal(t, ptrace.SpanKindServer, server.Kind())
	require.Equal(t, "payment", server.service)
	require.Equal(t, client.SpanID(), server.ParentSpanID())
	require.Equal(t, int64(0), attr(server, "rpc.grpc.status_code"))

	sent, got := s.spans("send orders")[0], s.spans("process orders")[0]
	require.Equal(t, ptrace.SpanKindProducer, sent.Kind())
	require.Equal(t, ptrace.SpanKindConsumer, got.Kind())
	require.Equal(t, sent.SpanID(), got.ParentSpanID())
	require.Greater(t, got.StartTimestamp(), sent.EndTimestamp(), "it is consumed later")
	require.Equal(t, "kafka", attr(got, "messaging.system"))
	require.Equal(t, "inventory", attr(got, "messaging.consumer.group.name"))
	require.Len(t, s.logs("stock reserved"), 1)

	checkout := s.metrics("service.name")["checkout"]
	require.Equal(t, int64(1), checkout["shop.orders"].Sum().DataPoints().At(0).IntValue())
	require.GreaterOrEqual(t, checkout["shop.revenue"].Sum().DataPoints().At(0).IntValue(), int64(500))
}

// TestCheckoutFails: a card processor that answers 503 makes the order fail, with the cause in payment and what follows from it upstream.
func TestCheckoutFails(t *testing.T) {
	s := newStage(t, 5, FailingDependency)
	var err error
	for range 50 {
		if err = s.play(func(ctx context.Context, j *journey, gateway *instance) error {
			return j.checkout(ctx, gateway, "user-1")
		}); err != nil {
			break
		}
	}
	require.Error(t, err)
	require.Equal(t, 502, statusOf(err))
	s.end()
	var failed receivedSpan
	for _, sp := range s.spans("POST") {
		if attr(sp, "server.address") == "cards.example" && sp.Status().Code() == ptrace.StatusCodeError {
			failed = sp
		}
	}
	require.Equal(t, int64(503), attr(failed, "http.response.status_code"))
	require.Equal(t, "503", attr(failed, "error.type"))
	event := failed.Events().At(0)
	require.Equal(t, "exception", event.Name())
	require.Equal(t, "java.io.IOException", event.Attributes().AsRaw()["exception.type"])
	require.Contains(t, event.Attributes().AsRaw()["exception.stacktrace"], "CardClient.charge")
	var statuses []any
	for _, sp := range s.spans("shop.Payment/Charge") {
		if sp.TraceID() == failed.TraceID() {
			statuses = append(statuses, attr(sp, "rpc.grpc.status_code"))
		}
	}
	require.Equal(t, []any{int64(14), int64(14)}, statuses)
	require.Len(t, s.logs("payment failed, order not placed"), 1)
	require.Len(t, s.logs("card processor refused the call"), 1)
}

// TestDatabase: a statement takes milliseconds; with the incident it is slow, said in the log, and ends after its timeout.
func TestDatabase(t *testing.T) {
	statement := func(s *stage) error {
		return s.play(func(ctx context.Context, j *journey, gateway *instance) error {
			return j.mysql(ctx, gateway, query{"SELECT", "stock", "SELECT 1"})
		})
	}
	s := newStage(t, 1)
	for range 50 {
		require.NoError(t, statement(s))
	}
	s.end()
	for _, sp := range s.spans("SELECT shop.stock") {
		require.Less(t, sp.EndTimestamp().AsTime().Sub(sp.StartTimestamp().AsTime()), 500*time.Millisecond)
		for name, want := range map[string]any{
			"db.system": "mysql", "db.system.name": "mysql", "db.namespace": "shop", "db.operation.name": "SELECT", "db.collection.name": "stock", "db.statement": "SELECT 1", "db.query.text": "SELECT 1",
			"server.address": "demo-db-1", "server.port": int64(3306),
		} {
			require.Equal(t, want, attr(sp, name), name)
		}
	}
	require.Empty(t, s.logs("slow query"))

	s = newStage(t, 1, SlowDatabase)
	timeouts := 0
	for range 200 {
		if err := statement(s); err != nil {
			timeouts++
			require.Equal(t, 504, statusOf(err))
		}
	}
	s.end()
	require.Positive(t, timeouts)
	cut := 0
	for _, sp := range s.spans("SELECT shop.stock") {
		took := sp.EndTimestamp().AsTime().Sub(sp.StartTimestamp().AsTime())
		require.LessOrEqual(t, took, databaseTimeout)
		if attr(sp, "error.type") == "timeout" {
			cut++
			require.Equal(t, databaseTimeout, took)
			require.Equal(t, ptrace.StatusCodeError, sp.Status().Code())
		}
	}
	require.Equal(t, timeouts, cut)
	slow := s.logs("slow query")
	require.GreaterOrEqual(t, len(slow), timeouts)
	require.Equal(t, plog.SeverityNumberWarn, slow[0].SeverityNumber())
	require.Equal(t, "stock", slow[0].Attributes().AsRaw()["db.collection.name"])
}

// TestServe: the answer's status decides the span's and the access line's: only 500 and above are the server's errors.
func TestServe(t *testing.T) {
	for code, c := range map[int]struct {
		err    error
		span   ptrace.StatusCode
		level  plog.SeverityNumber
		errors any
	}{
		200: {nil, ptrace.StatusCodeUnset, plog.SeverityNumberInfo, nil}, 404: {failure{code: 404, text: "none"}, ptrace.StatusCodeUnset, plog.SeverityNumberWarn, nil},
		500: {errors.New("odd"), ptrace.StatusCodeError, plog.SeverityNumberError, "500"}, 502: {failure{code: 502}, ptrace.StatusCodeError, plog.SeverityNumberError, "502"},
	} {
		s := newStage(t, 1)
		require.Equal(t, c.err, s.play(func(context.Context, *journey, *instance) error { return c.err }))
		s.end()
		sp := s.spans("GET /x")[0]
		require.Equal(t, c.span, sp.Status().Code(), code)
		require.Equal(t, int64(code), attr(sp, "http.response.status_code"))
		require.Equal(t, c.errors, attr(sp, "error.type"), code)
		line := s.logs("GET /x")[0]
		require.Equal(t, c.level, line.SeverityNumber(), code)
		require.Equal(t, sp.SpanID(), line.SpanID())
		require.Equal(t, int64(code), line.Attributes().AsRaw()["http.response.status_code"])
		h := s.metrics("service.name")["gateway"]["http.server.request.duration"].Histogram().DataPoints().At(0)
		require.Equal(t, uint64(1), h.Count())
		require.Equal(t, int64(code), h.Attributes().AsRaw()["http.response.status_code"])
	}
}

// TestCall: an answer becomes the client's error from 400 on; the query stands beside the path.
func TestCall(t *testing.T) {
	for code, want := range map[int]string{200: "", 404: "cart answered 404", 500: "cart answered 500"} {
		s := newStage(t, 1)
		err := s.play(func(ctx context.Context, j *journey, gateway *instance) error {
			return j.call(ctx, gateway, "cart", endpoint{"GET", "/r", "/r?a=b"}, func(context.Context, *instance) error {
				if code == 200 {
					return nil
				}
				return failure{code: code}
			})
		})
		s.end()
		server := s.spans("GET /r")[0]
		require.Equal(t, "/r", attr(server, "url.path"))
		require.Equal(t, "a=b", attr(server, "url.query"))
		var client receivedSpan
		for _, sp := range s.spans("GET") {
			if sp.Kind() == ptrace.SpanKindClient {
				client = sp
			}
		}
		require.Equal(t, "http://cart:8080/r?a=b", attr(client, "url.full"))
		require.LessOrEqual(t, client.StartTimestamp(), server.StartTimestamp())
		require.GreaterOrEqual(t, client.EndTimestamp(), server.EndTimestamp())
		if want == "" {
			require.NoError(t, err)
			require.Equal(t, ptrace.StatusCodeUnset, client.Status().Code())
			continue
		}
		require.EqualError(t, err, want)
		require.Equal(t, want, client.Status().Message())
	}
}

// TestRedis: most keys are there, and a command carries its key.
func TestRedis(t *testing.T) {
	s := newStage(t, 1)
	hits := 0
	require.NoError(t, s.play(func(ctx context.Context, j *journey, gateway *instance) error {
		for range 500 {
			if j.redis(ctx, gateway, "GET", "stock:1") {
				hits++
			}
		}
		return nil
	}))
	s.end()
	require.InDelta(t, 350, hits, 50)
	for _, sp := range s.spans("GET") {
		if sp.Kind() == ptrace.SpanKindClient {
			require.Equal(t, "GET stock:1", attr(sp, "db.query.text"))
			require.Equal(t, int64(6379), attr(sp, "server.port"))
		}
	}
}

// TestRecommendations: a page is shown without them when they fail, with a warning and the exception's stack.
func TestRecommendations(t *testing.T) {
	s := newStage(t, 2, ErrorBurst)
	for range 30 {
		require.NoError(t, s.play(func(ctx context.Context, j *journey, gateway *instance) error { return j.home(ctx, gateway, "user-7") }))
	}
	s.end()
	failed := 0
	for _, sp := range s.spans("GET /recommendations") {
		if sp.Status().Code() == ptrace.StatusCodeError {
			failed++
			require.Equal(t, "KeyError", sp.Events().At(0).Attributes().AsRaw()["exception.type"])
		}
	}
	require.InDelta(t, 18, failed, 10)
	require.Len(t, s.logs("page shown without recommendations"), failed)
}

// TestResources: each process says who it is, and where its runtime's metrics are those of its language.
func TestResources(t *testing.T) {
	s := newStage(t, 3)
	for range 200 {
		s.shop.visit(s.at)
	}
	s.end()
	require.Equal(t, 200, s.shop.traces)
	all := s.metrics("service.name")
	for _, def := range serviceDefs() {
		names := all[def.name]
		_, http := names["http.server.request.duration"]
		require.Equal(t, def.name != "payment", http, "%s: payment speaks gRPC", def.name)
		for language, metric := range map[string]string{"java": "jvm.memory.used", "go": "go.memory.used", "nodejs": "process.memory.usage", "python": "process.memory.usage"} {
			if language == def.language {
				require.Contains(t, names, metric, def.name)
			}
		}
		_, queue := names["shop.queue.length"]
		require.Equal(t, def.name == "inventory", queue, def.name)
	}
	seen := map[string]bool{}
	for _, td := range s.sink.Traces() {
		for _, rs := range td.ResourceSpans().All() {
			a := rs.Resource().Attributes().AsRaw()
			require.Equal(t, "shop", a["service.namespace"])
			require.NotEmpty(t, a["service.version"])
			require.NotEmpty(t, a["host.name"])
			seen[a["service.instance.id"].(string)] = true
		}
	}
	instances := 0
	for _, def := range serviceDefs() {
		instances += len(def.hosts)
	}
	require.Len(t, slices.Collect(maps.Keys(seen)), instances, "every instance takes part")
}

// TestHosts: a machine's metrics are those an agent would send: no service, and an id of its own.
func TestHosts(t *testing.T) {
	s := newStage(t, 3)
	s.end()
	hosts := s.metrics("host.id")
	require.Len(t, hosts, 3)
	for id, names := range hosts {
		require.Len(t, id, 32)
		for _, name := range []string{"system.cpu.time", "system.memory.usage", "system.memory.utilization", "system.filesystem.usage", "system.filesystem.utilization", "system.cpu.load_average.1m", "system.network.io"} {
			require.Contains(t, names, name)
		}
		sum := int64(0)
		for _, dp := range names["system.memory.usage"].Sum().DataPoints().All() {
			sum += dp.IntValue()
		}
		require.InDelta(t, hostMemory, sum, 2)
	}
}

// TestHostModel: CPU time grows by the time that has passed, and an incident shows on the machine that it is about.
func TestHostModel(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	sw := newSwitches()
	m := &hostModel{name: "demo-db-1", sw: sw, last: now}
	before := m.sample(now.Add(10 * time.Second))
	require.InDelta(t, 10, before.busy+before.idle, 1e-9)
	sw.set(SlowDatabase, true)
	after := m.sample(now.Add(20 * time.Second))
	require.InDelta(t, 9.5, after.busy-before.busy, 1e-9)
	require.InDelta(t, 0.5, after.idle-before.idle, 1e-9)
	require.Greater(t, after.net, before.net)
	require.InDelta(t, 3.8, after.load, 1e-9)
	other := &hostModel{name: "demo-web-1", sw: sw, last: now}
	require.Less(t, other.sample(now.Add(10*time.Second)).busy, 5.0)
	for i := range 1000 {
		s := m.sample(now.Add(time.Duration(i) * time.Minute))
		require.GreaterOrEqual(t, s.memory, 0.0)
		require.LessOrEqual(t, s.memory, 1.0)
	}
}

// TestPast: a made-up past has spans and logs, and no metrics, which cannot be backdated.
func TestPast(t *testing.T) {
	s := newStage(t, 4)
	s.shop.backfill(t.Context(), Options{Rate: 1, Backfill: time.Minute})
	require.True(t, s.shop.recordMetrics)
	s.end()
	require.InDelta(t, 57, s.shop.traces, 2)
	for name, names := range s.metrics("service.name") {
		require.NotContains(t, names, "http.server.request.duration", name)
	}
	for _, trace := range received(s.sink) {
		for _, sp := range trace {
			require.WithinRange(t, sp.StartTimestamp().AsTime(), time.Now().Add(-2*time.Minute), time.Now())
		}
	}
	again := newStage(t, 4)
	again.shop.backfill(t.Context(), Options{Rate: 1})
	require.Zero(t, again.shop.traces, "no past was asked for")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	again.shop.backfill(ctx, Options{Rate: 1, Backfill: time.Hour})
	require.Zero(t, again.shop.traces)
	again.end()
}
