// SPDX-License-Identifier: Apache-2.0

package match

import (
	"bytes"
	"maps"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/search/searchtest"
	"github.com/strata-apm/strata/search/wire"
	"github.com/strata-apm/strata/signal"
)

// bodyOf is the request with the records of a section.
func bodyOf(tb testing.TB, s *searchtest.Section) []byte {
	tb.Helper()
	if s.Signal == signal.Logs {
		return marshalLogs(tb, s.Logs)
	}
	b, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(s.Traces)
	require.NoError(tb, err)
	return b
}

func marshalLogs(tb testing.TB, ld plog.Logs) []byte {
	tb.Helper()
	b, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
	require.NoError(tb, err)
	return b
}

func each(tb testing.TB, of signal.Signal, f search.Filter, body []byte, tell func(i int, holds bool)) error {
	tb.Helper()
	if of == signal.Logs {
		m, err := CompileLogs(f)
		require.NoError(tb, err)
		return m.Each(body, tell)
	}
	m, err := CompileSpans(f)
	require.NoError(tb, err)
	return m.Each(body, tell)
}

// decodedAnswers are the answers of Match to what the decoder makes of a body.
func decodedAnswers(tb testing.TB, of signal.Signal, f search.Filter, body []byte) ([]bool, error) {
	tb.Helper()
	s := &searchtest.Section{Signal: of, Logs: plog.NewLogs(), Traces: ptrace.NewTraces()}
	var err error
	if of == signal.Logs {
		s.Logs, err = (&plog.ProtoUnmarshaler{}).UnmarshalLogs(body)
	} else {
		s.Traces, err = (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(body)
	}
	if err != nil {
		return nil, err
	}
	matches := matcherOf(tb, s, f)
	out := []bool{}
	for i := range size(s) {
		out = append(out, matches(i))
	}
	return out, nil
}

// sameAnswers requires that a body is answered on the wire as it is decoded, or refused by both.
func sameAnswers(tb testing.TB, of signal.Signal, f search.Filter, body []byte) {
	tb.Helper()
	before := bytes.Clone(body)
	got := []bool{}
	err := each(tb, of, f, body, func(_ int, holds bool) { got = append(got, holds) })
	require.Equal(tb, before, body, "the body is as it was")
	if err != nil && strings.Contains(err.Error(), "nested more than") {
		return // The decoder has no bound.
	}
	want, wantErr := decodedAnswers(tb, of, f, body)
	if wantErr != nil {
		require.ErrorIs(tb, err, wire.ErrMalformed, "the decoder says: %v", wantErr)
		require.Empty(tb, got, "told before the error")
		return
	}
	require.NoError(tb, err)
	require.Equal(tb, want, got, "%s of %x", search.Describe(f), body)
}

func filters(tb testing.TB, of signal.Signal, queries ...string) []search.Filter {
	tb.Helper()
	var out []search.Filter
	for _, q := range queries {
		f, err := search.Parse(of, q)
		require.NoError(tb, err, q)
		out = append(out, f)
	}
	return out
}

// queriesOf ask for every field and kind of attribute.
func queriesOf(tb testing.TB, of signal.Signal) []search.Filter {
	tb.Helper()
	both := []string{
		"service:shop", "service:unknown_service*", "host:*", "env:test", "scope:lib", "trace:*", "span:0000000000000001", "attr.k:v", "attr.k>1", "attr.k:*", "attr.m.a.b:x",
		"m.a:*", "m.a.b:x", "resource.r.x:y", "r.x:y", "event:e*", `resource.service.name:""`, "-attr.k:v",
	}
	if of == signal.Logs {
		return filters(tb, of, append(both, "level>=warn", "level:error", "card", `"card declined"`, "body:*1*", "body:*", "登录")...)
	}
	return filters(tb, of, append(both, "GET", "kind:client", "status:error", "status:5xx", "duration>1ms", "duration:*", "method:GET", "route:*", "url:/x", "db:redis", "rpc:grpc", "messaging:*", "peer:*", "root:true", "http_status:200")...)
}

func str(number protowire.Number, s string) []byte { return wrap(nil, number, []byte(s)) }

func num(number protowire.Number, n uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, number, protowire.VarintType), n)
}

func fixed(number protowire.Number, n uint64) []byte {
	return protowire.AppendFixed64(protowire.AppendTag(nil, number, protowire.Fixed64Type), n)
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// attr is an attribute as field number of a record, its value as a message.
func attr(number protowire.Number, key string, anyValue []byte) []byte {
	return wrap(nil, number, join(str(1, key), wrap(nil, 2, anyValue)))
}

// oddRecords are log records and spans that no encoder writes and the decoder takes, by what is odd about them.
func oddRecords(of signal.Signal) map[string][]byte {
	a := protowire.Number(attributesField(of))
	deep := str(1, "x")
	for range 20 {
		deep = wrap(nil, 6, attr(1, "a", deep))
	}
	out := map[string][]byte{
		"nothing":                 {},
		"key twice":               join(attr(a, "k", str(1, "v")), attr(a, "k", num(3, 7))),
		"key twice, text last":    join(attr(a, "k", num(3, 7)), attr(a, "k", str(1, "v"))),
		"two keys in one":         wrap(nil, a, join(str(1, "z"), str(1, "k"), wrap(nil, 2, str(1, "v")))),
		"value before key":        wrap(nil, a, join(wrap(nil, 2, str(1, "v")), str(1, "k"))),
		"two values in one":       wrap(nil, a, join(str(1, "k"), wrap(nil, 2, num(3, 1)), wrap(nil, 2, str(1, "v")))),
		"empty value behind one":  wrap(nil, a, join(str(1, "k"), wrap(nil, 2, str(1, "v")), wrap(nil, 2, nil))),
		"alternatives in a value": attr(a, "k", join(str(1, "v"), num(2, 1), fixed(4, math.Float64bits(1.5)), num(3, 1<<63))),
		"place of a text":         attr(a, "k", join(str(1, "v"), num(8, 1))),
		"unknown in a value":      attr(a, "k", join(str(1, "v"), num(99, 1))),
		"double":                  attr(a, "k", fixed(4, math.Float64bits(1e21))),
		"NaN":                     attr(a, "k", fixed(4, math.Float64bits(math.NaN()))),
		"true":                    attr(a, "k", num(2, 77)),
		"bytes":                   attr(a, "k", wrap(nil, 7, []byte{1, 2, 3})),
		"list":                    attr(a, "k", wrap(nil, 5, join(wrap(nil, 1, str(1, "v")), wrap(nil, 1, num(3, 1))))),
		"map":                     attr(a, "m", wrap(nil, 6, attr(1, "a", wrap(nil, 6, attr(1, "b", str(1, "x")))))),
		"map, key twice":          attr(a, "m", wrap(nil, 6, join(attr(1, "a", wrap(nil, 6, attr(1, "b", str(1, "x")))), attr(1, "a", str(1, "y"))))),
		"deep map":                attr(a, "m", deep),
		"dotted key":              join(attr(a, "m.a.b", str(1, "x")), attr(a, "m", wrap(nil, 6, attr(1, "a", str(1, "z"))))),
		"no UTF-8":                join(attr(a, "k", str(1, "v\xff")), attr(a, "\xff", str(1, "v"))),
		"unknown fields":          join(num(200, 5), str(201, "x"), fixed(202, 1), protowire.AppendFixed32(protowire.AppendTag(nil, 203, protowire.Fixed32Type), 1)),
		"number past 64 bits":     join(protowire.AppendTag(nil, 7, protowire.VarintType), bytes.Repeat([]byte{0xff}, 9), []byte{0x7f}),
		"group":                   join(protowire.AppendTag(nil, 200, protowire.StartGroupType), protowire.AppendTag(nil, 200, protowire.EndGroupType), attr(a, "k", str(1, "v"))),
		"number in a group":       join(protowire.AppendTag(nil, 200, protowire.StartGroupType), num(1, 1), attr(a, "k", str(1, "v"))),
		"group at the end":        join(protowire.AppendTag(nil, 200, protowire.StartGroupType), protowire.AppendTag(nil, 200, protowire.EndGroupType)),
		"group for a text":        join(protowire.AppendTag(nil, 5, protowire.StartGroupType), str(1, "x")),
		"end of no group":         protowire.AppendTag(nil, 200, protowire.EndGroupType),
		"wire type 7":             {200<<3&0xff | 7 | 0x80, 0x0c, 0},
		"field 0":                 {0, 0},
		"short id":                wrap(nil, 2, []byte{1, 2, 3}),
		"text cut":                {0x2a, 5, 'x'},
	}
	if of == signal.Logs {
		maps.Copy(out, map[string][]byte{
			"two bodies":       join(wrap(nil, 5, str(1, "card declined")), wrap(nil, 5, num(3, 1))),
			"empty body":       join(wrap(nil, 5, str(1, "card")), wrap(nil, 5, nil)),
			"body a map":       wrap(nil, 5, wrap(nil, 6, attr(1, "card", num(3, 1)))),
			"body bytes":       wrap(nil, 5, wrap(nil, 7, []byte("card"))),
			"body a list":      wrap(nil, 5, wrap(nil, 5, wrap(nil, 1, str(1, "card")))),
			"body a fraction":  wrap(nil, 5, fixed(4, math.Float64bits(1.25))),
			"severity of text": str(3, "\x1b[31mWARN\x1b[0m"),
			"severity 300":     num(2, 300),
			"severity past 32": num(2, 1<<32+17),
			"two severities":   join(num(2, 17), num(2, 0), str(3, "warn")),
			"ids emptied":      join(wrap(nil, 9, bytes.Repeat([]byte{1}, 16)), wrap(nil, 9, nil), wrap(nil, 10, []byte{0, 0, 0, 0, 0, 0, 0, 1})),
			"event attribute":  attr(a, "event.name", str(1, "e1")),
			"event":            join(str(12, "e2"), attr(a, "event.name", str(1, "z"))),
		})
		return out
	}
	maps.Copy(out, map[string][]byte{
		"two statuses":        join(wrap(nil, 15, num(3, 2)), wrap(nil, 15, str(2, "x"))),
		"status reset":        join(wrap(nil, 15, num(3, 2)), wrap(nil, 15, num(3, 0))),
		"clock back":          join(fixed(7, 5_000_000), fixed(8, 1)),
		"lasting":             join(fixed(7, 5_000_000), fixed(8, 15_000_000)),
		"kind past 32":        num(6, 1<<32+3),
		"parent of zeros":     wrap(nil, 4, make([]byte, 8)),
		"parent":              wrap(nil, 4, []byte{0, 0, 0, 0, 0, 0, 0, 9}),
		"events":              join(wrap(nil, 11, str(2, "x")), wrap(nil, 11, join(str(2, "y"), str(2, "e1")))),
		"event of a number":   wrap(nil, 11, str(2, "5")),
		"status code twice":   join(attr(a, "http.status_code", num(3, 503)), attr(a, "http.response.status_code", str(1, "200"))),
		"method twice":        join(attr(a, "http.method", str(1, "GET")), attr(a, "http.request.method", str(1, "POST")), attr(a, "http.method", str(1, "PUT"))),
		"status a list":       attr(a, "http.status_code", wrap(nil, 5, wrap(nil, 1, num(3, 503)))),
		"method a fraction":   attr(a, "http.method", fixed(4, math.Float64bits(0.5))),
		"database":            join(num(6, 3), attr(a, "db.system", str(1, "redis")), attr(a, "server.address", str(1, "h"))),
		"call":                join(num(6, 3), attr(a, "rpc.system", str(1, "grpc")), attr(a, "rpc.service", str(1, "s"))),
		"url":                 join(attr(a, "url.full", str(1, "")), attr(a, "http.target", str(1, "/x"))),
		"url a number":        attr(a, "url.path", num(3, 4)),
		"name twice":          join(str(5, "a"), str(5, "GET /x")),
		"link with a bad id":  wrap(nil, 13, wrap(nil, 1, []byte{1})),
		"fixed for a varint":  fixed(6, 1),
		"attribute no framed": wrap(nil, a, []byte{0x0a, 9, 'k'}),
	})
	return out
}

func TestEachOddRecords(t *testing.T) {
	for _, of := range []signal.Signal{signal.Logs, signal.Traces} {
		all := queriesOf(t, of)
		resource := join(attr(1, "service.name", str(1, "shop")), attr(1, "r", wrap(nil, 6, attr(1, "x", str(1, "y")))))
		for name, rec := range oddRecords(of) {
			t.Run(string(of)+"/"+name, func(t *testing.T) {
				scoped := wrap(nil, 2, join(wrap(nil, 2, rec), wrap(nil, 1, str(1, "lib"))))
				body := wrap(nil, 1, join(scoped, wrap(nil, 1, resource), scoped))
				for _, f := range all {
					sameAnswers(t, of, f, body)
				}
			})
		}
	}
}

func TestEachOddOrigins(t *testing.T) {
	rec := wrap(nil, 2, str(3, "error"))
	scoped := wrap(nil, 2, rec)
	for name, origin := range map[string][]byte{
		"no resource":            scoped,
		"resource behind":        join(scoped, wrap(nil, 1, attr(1, "service.name", str(1, "shop")))),
		"two resources":          join(wrap(nil, 1, attr(1, "service.name", str(1, "a"))), scoped, wrap(nil, 1, attr(1, "service.name", str(1, "shop")))),
		"two scopes":             wrap(nil, 2, join(wrap(nil, 1, str(1, "a")), rec, wrap(nil, 1, str(1, "lib")), rec)),
		"scope without a name":   wrap(nil, 2, join(wrap(nil, 1, str(1, "lib")), wrap(nil, 1, str(2, "1.0")), rec)),
		"records of OTLP 0":      join(wrap(nil, 1000, rec), scoped),
		"records of OTLP 0 only": wrap(nil, 1000, rec),
		"program":                join(scoped, wrap(nil, 1, attr(1, "process.executable.path", str(1, `C:\x\java.exe`)))),
		"entities":               join(scoped, wrap(nil, 1, wrap(nil, 3, join(str(1, "u"), str(2, "t"), str(3, "k"), str(3, "l"), str(4, "d"))))),
		"bad entity":             join(scoped, wrap(nil, 1, wrap(nil, 3, num(1, 1)))),
		"nested resource":        join(wrap(nil, 1, attr(1, "r", wrap(nil, 6, attr(1, "x", str(1, "y"))))), wrap(nil, 2, wrap(nil, 2, attr(6, "m", wrap(nil, 6, attr(1, "q", str(1, "x"))))))),
		"no record":              wrap(nil, 2, nil),
	} {
		t.Run(name, func(t *testing.T) {
			for _, of := range []signal.Signal{signal.Logs, signal.Traces} {
				for _, f := range queriesOf(t, of) {
					sameAnswers(t, of, f, wrap(nil, 1, origin))
					sameAnswers(t, of, f, join(wrap(nil, 1, origin), num(7, 1), wrap(nil, 1, origin)))
				}
			}
		})
	}
}

// A resource's values within maps count from behind the record's: past fields.MaxPaths none is found.
func TestEachPathsPastTheBound(t *testing.T) {
	f := filters(t, signal.Logs, "resource.r.x:y", "r.x:y")
	for _, n := range []int{10, 998, 999, 1000, 1100} {
		var values []byte
		for i := range n {
			values = append(values, attr(1, strconv.Itoa(i), num(3, 1))...)
		}
		origin := join(wrap(nil, 1, attr(1, "r", wrap(nil, 6, attr(1, "x", str(1, "y"))))), wrap(nil, 2, wrap(nil, 2, attr(6, "many", wrap(nil, 6, values)))))
		for _, f := range f {
			sameAnswers(t, signal.Logs, f, wrap(nil, 1, origin))
		}
	}
}

func TestEachTooDeep(t *testing.T) {
	m, err := CompileLogs(nil)
	require.NoError(t, err)
	deep := func(n int) []byte {
		v := str(1, "x")
		for range n {
			v = wrap(nil, 5, wrap(nil, 1, v))
		}
		return wrap(nil, 1, wrap(nil, 2, wrap(nil, 2, wrap(nil, 5, v))))
	}
	told := 0
	require.NoError(t, m.Each(deep(wire.MaxDepth/2-4), func(int, bool) { told++ }))
	require.Equal(t, 1, told)
	for _, n := range []int{wire.MaxDepth/2 + 1, 2000} {
		err := m.Each(deep(n), func(int, bool) { t.Error("a record of a refused body was told") })
		require.ErrorIs(t, err, wire.ErrMalformed)
	}
}

// Bodies with a byte changed, cut out or doubled, or cut off.
func TestEachMutations(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, s := range searchtest.Sections(t) {
		body, all := bodyOf(t, s), queriesOf(t, s.Signal)
		for range 150 {
			b := bytes.Clone(body)
			at := rnd.IntN(len(b))
			switch rnd.IntN(4) {
			case 0:
				b[at] = byte(rnd.Uint32())
			case 1:
				b = append(b[:at], b[at+1:]...)
			case 2:
				b = b[:at]
			default:
				b[at] ^= 1 << rnd.IntN(8)
			}
			sameAnswers(t, s.Signal, all[rnd.IntN(len(all))], b)
		}
	}
}

// What the wire says of any body and filter is what the decoder and Match say.
func FuzzEach(f *testing.F) {
	for _, s := range searchtest.Sections(f) {
		body := bodyOf(f, s)
		for i, c := range s.Cases() {
			if i%7 == 0 {
				f.Add(c.Query, []byte(c.Query), body)
			}
		}
	}
	for _, of := range []signal.Signal{signal.Logs, signal.Traces} {
		for _, rec := range oddRecords(of) {
			f.Add("attr.k:v", []byte{4, 1, 1}, wrap(nil, 1, wrap(nil, 2, wrap(nil, 2, rec))))
		}
	}
	f.Fuzz(func(t *testing.T, query string, data, body []byte) {
		made := (&source{data}).filter(0)
		for _, of := range []signal.Signal{signal.Logs, signal.Traces} {
			if parsed, err := search.Parse(of, query); err == nil {
				sameAnswers(t, of, parsed, body)
			}
			if _, err := compile(made, of, 0); err == nil {
				sameAnswers(t, of, made, body)
			}
		}
	})
}

// sampleLogs are n log records of a shop with ten attributes each, of one resource for each hundred.
func sampleLogs(n int) plog.Logs {
	ld := plog.NewLogs()
	var sl plog.ScopeLogs
	for i := range n {
		if i%100 == 0 {
			rl := ld.ResourceLogs().AppendEmpty()
			res := rl.Resource().Attributes()
			res.PutStr("service.name", []string{"checkout", "cart", "payment", "shipping"}[i/100%4])
			res.PutStr("service.version", "1.42.0")
			res.PutStr("host.name", "host-"+strconv.Itoa(i/100))
			res.PutStr("deployment.environment.name", "production")
			res.PutStr("telemetry.sdk.language", "go")
			sl = rl.ScopeLogs().AppendEmpty()
			sl.Scope().SetName("github.com/shop/http")
		}
		rec := sl.LogRecords().AppendEmpty()
		rec.SetTimestamp(pcommon.Timestamp(1_700_000_000_000_000_000 + i))
		rec.SetObservedTimestamp(rec.Timestamp())
		rec.SetTraceID(pcommon.TraceID{1, byte(i), byte(i >> 8)})
		rec.SetSpanID(pcommon.SpanID{2, byte(i), byte(i >> 8)})
		rec.SetSeverityNumber(plog.SeverityNumberInfo)
		rec.SetSeverityText("INFO")
		rec.Body().SetStr("GET /api/products/" + strconv.Itoa(i) + " answered 200 in 12 ms for user " + strconv.Itoa(i%97))
		if i%50 == 7 {
			rec.SetSeverityNumber(plog.SeverityNumberError)
			rec.Body().SetStr("card declined for order " + strconv.Itoa(i))
		}
		a := rec.Attributes()
		a.PutStr("http.request.method", "GET")
		a.PutStr("http.route", "/api/products/{id}")
		a.PutInt("http.response.status_code", 200)
		a.PutDouble("duration_ms", 12.5)
		a.PutStr("user.id", "user-"+strconv.Itoa(i%97))
		a.PutStr("user.tier", []string{"bronze", "silver", "gold"}[i%3])
		a.PutStr("client.address", "10.0.0."+strconv.Itoa(i%250))
		a.PutStr("thread.name", "worker-"+strconv.Itoa(i%16))
		a.PutBool("cached", i%2 == 0)
		a.PutInt("order.id", int64(i)*1_000_003)
	}
	return ld
}

// A record on the wire costs no allocation where no condition needs one.
func TestEachAllocations(t *testing.T) {
	body := marshalLogs(t, sampleLogs(1000))
	for _, q := range []string{
		"card", `"card declined"`, "level:error", "level>=warn", "attr.user.tier:gold", "attr.order.id>500000", "attr.cached:true", "attr.user.tier:*", "trace:01*", "event:x", "scope:*http",
		"attr.user.tier:gold level:error", "-level:error", "nothing.such:x",
	} {
		f, err := search.Parse(signal.Logs, q)
		require.NoError(t, err, q)
		m, err := CompileLogs(f)
		require.NoError(t, err, q)
		allocated := testing.AllocsPerRun(5, func() { require.NoError(t, m.Each(body, func(int, bool) {})) })
		if q == "nothing.such:x" { // asks ten resources too
			require.Less(t, allocated, 500.0, q)
			continue
		}
		require.LessOrEqual(t, allocated, 3.0, q)
	}
}

func BenchmarkLogs(b *testing.B) {
	body := marshalLogs(b, sampleLogs(1000))
	for _, q := range []string{"", "service:payment", "level:error", `"card declined"`, "attr.user.tier:gold", "level:error attr.user.tier:gold", "attr.duration_ms>100", "user.name.first:x"} {
		f, err := search.Parse(signal.Logs, q)
		require.NoError(b, err)
		m, err := CompileLogs(f)
		require.NoError(b, err)
		run := func(name string, once func()) {
			b.Run(strings.ReplaceAll(q, " ", "_")+"/"+name, func(b *testing.B) {
				b.SetBytes(int64(len(body)))
				b.ReportAllocs()
				for b.Loop() {
					once()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/record")
			})
		}
		run("wire", func() {
			if err := m.Each(body, func(int, bool) {}); err != nil {
				b.Fatal(err)
			}
		})
		run("decoded", func() {
			ld, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(body)
			if err != nil {
				b.Fatal(err)
			}
			for _, rl := range ld.ResourceLogs().All() {
				for _, sl := range rl.ScopeLogs().All() {
					for _, rec := range sl.LogRecords().All() {
						m.Match(Log{rl.Resource(), sl.Scope(), rec})
					}
				}
			}
		})
	}
}
