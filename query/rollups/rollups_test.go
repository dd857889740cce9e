// SPDX-License-Identifier: Apache-2.0

package rollups_test

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	counting "github.com/strata-apm/strata/ingest/rollup"
	"github.com/strata-apm/strata/query/rollups"
	"github.com/strata-apm/strata/rollup"
	"github.com/strata-apm/strata/signal"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/catalog"
	"github.com/strata-apm/strata/storage/clickhouse"
	"github.com/strata-apm/strata/storage/clickhouse/engine/enginetest"
	"github.com/strata-apm/strata/tenant"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

const owner = tenant.ID("shop")

// fixture has a rollup of requests over two hours, and knows what was sent.
type fixture struct {
	t       *testing.T
	store   *clickhouse.Store
	catalog *catalog.Catalog
	service *rollups.Service
	one     rollups.Rollup
	start   time.Time
	now     time.Time
	sent    []request
}

type request struct {
	at             time.Time
	service, route string
	took           time.Duration
	bytes          int
	user           string
}

// routes is a definition with room for so many values.
func routes(t *testing.T, values int) rollup.Definition {
	t.Helper()
	d, err := rollup.ParseYAML(fmt.Appendf(nil, `
name: requests
source: spans
filter: kind:server
dimensions: [service, route]
measures:
- func: count
- {func: rate}
- {func: sum, field: attr.bytes}
- {func: p95, field: duration}
- {func: distinct, field: attr.user}
step: 10s
retention: 365d
budget: {values: %d}
`, values))
	require.NoError(t, err)
	return d
}

func newFixture(t *testing.T, values int) *fixture {
	t.Helper()
	sup := enginetest.Start(t, t.TempDir())
	f := &fixture{t: t, start: time.Now().UTC().Truncate(time.Hour).Add(-2 * time.Hour)}
	f.now = f.start.Add(2 * time.Hour)
	var err error
	f.store, err = clickhouse.Open(t.Context(), clickhouse.Default(), clickhouse.Options{Dial: sup.DialContext})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.store.Close()) })
	f.catalog = openCatalog(t)
	f.service, err = rollups.New(rollups.Options{
		Definitions: f.catalog, States: f.store, Now: func() time.Time { return f.now }, Actor: func(context.Context) string { return "me" },
	})
	require.NoError(t, err)
	f.now = f.start // So that it counts from the start.
	f.one, err = f.service.Create(t.Context(), owner, routes(t, values))
	require.NoError(t, err)
	f.now = f.start.Add(2 * time.Hour)
	return f
}

// send sends n requests a minute over the two hours, as the writer stores them: of few routes many, of many routes few.
func (f *fixture) send(n int) {
	f.t.Helper()
	at := f.start
	r, err := counting.New(counting.Options{Definitions: f.catalog, States: f.store, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return at }})
	require.NoError(f.t, err)
	rnd := rand.New(rand.NewPCG(1, 9))
	for minute := 0; minute < 120; minute += 5 {
		at = f.start.Add(time.Duration(minute) * time.Minute)
		td := ptrace.NewTraces()
		for _, service := range []string{"cart", "pay"} {
			rs := td.ResourceSpans().AppendEmpty()
			rs.Resource().Attributes().PutStr("service.name", service)
			spans := rs.ScopeSpans().AppendEmpty().Spans()
			for range n {
				q := request{
					at: at.Add(time.Duration(rnd.IntN(300_000)) * time.Millisecond), service: service, bytes: rnd.IntN(1000),
					route: "/r" + strconv.Itoa(int(math.Exp(rnd.Float64()*7))-1), took: time.Duration(1+rnd.IntN(999)) * time.Millisecond, user: "u" + strconv.Itoa(rnd.IntN(300)),
				}
				f.sent = append(f.sent, q)
				s := spans.AppendEmpty()
				s.SetKind(ptrace.SpanKindServer)
				s.SetStartTimestamp(pcommon.NewTimestampFromTime(q.at))
				s.SetEndTimestamp(pcommon.NewTimestampFromTime(q.at.Add(q.took)))
				s.Attributes().PutStr("http.route", q.route)
				s.Attributes().PutInt("bytes", int64(q.bytes))
				s.Attributes().PutStr("user", q.user)
			}
		}
		body, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
		require.NoError(f.t, err)
		id := storage.BatchID(fmt.Sprintf("strata.traces-0-%d-%d", minute, minute))
		require.NoError(f.t, r.Derived(signal.Traces).Append(f.t.Context(), id, []storage.Owned[[]byte]{{Tenant: owner, Data: body}}))
	}
}

func (f *fixture) count(holds func(request) bool) (n float64) {
	for _, q := range f.sent {
		if holds(q) {
			n++
		}
	}
	return n
}

func (f *fixture) query(change func(*rollups.Query)) rollups.Answer {
	f.t.Helper()
	q := rollups.Query{Tenant: owner, Rollup: f.one, Range: storage.TimeRange{Start: f.start, End: f.now}, Limit: 10}
	change(&q)
	a, err := f.service.Query(f.t.Context(), q)
	require.NoError(f.t, err)
	return a
}

// TestAnswersAgainstTheRecords: totals are exact, what is ranked is exact or within its bounds, and certain ranks are the true ones.
func TestAnswersAgainstTheRecords(t *testing.T) {
	f := newFixture(t, 820)
	f.send(200)
	all := f.query(func(*rollups.Query) {})
	require.InDelta(t, len(f.sent), all.Total.Measures[0], 0)
	require.InDelta(t, float64(len(f.sent))/7200, all.Total.Measures[1], 1e-9)
	require.True(t, all.Total.Certain)
	require.InDelta(t, 0.95, all.Total.Measures[3], 0.03)
	require.InDelta(t, 300, all.Total.Measures[4], 6)
	require.NotEmpty(t, all.Warnings)
	require.Contains(t, all.Warnings[0], "route is capped")
	require.Zero(t, all.Hidden[0])

	byRoute := f.query(func(q *rollups.Query) { q.Group, q.Limit = []int{1}, 1000 })
	truth := map[string]float64{}
	for _, q := range f.sent {
		truth[q.route]++
	}
	order := make([]string, 0, len(truth))
	for route := range truth {
		order = append(order, route)
	}
	slices.SortFunc(order, func(a, b string) int { return int(truth[b] - truth[a]) })
	seen, certain := 0.0, 0
	for i, g := range byRoute.Groups {
		seen += g.Measures[0]
		require.LessOrEqual(t, g.Bounds[0].Low, truth[g.Values[0]])
		require.GreaterOrEqual(t, g.Bounds[0].High, truth[g.Values[0]])
		if g.Certain {
			certain++
			require.InDelta(t, truth[order[i]], truth[g.Values[0]], 0, "rank %d", i)
		}
	}
	require.Positive(t, certain)
	require.Len(t, byRoute.Others, 1)
	require.InDelta(t, len(f.sent), seen+byRoute.Others[0].Measures[0], 0)
	require.Positive(t, byRoute.Others[0].Measures[0])

	// A value that is asked for lies between what is visible and that and other.
	for _, route := range []string{"/r0", "/r500", "/never"} {
		one := f.query(func(q *rollups.Query) {
			q.Where = []storage.RollupCondition{{Dimension: 1, Values: []string{route}}, {Dimension: 0, Values: []string{"cart"}}}
		})
		is := f.count(func(q request) bool { return q.route == route && q.service == "cart" })
		require.LessOrEqual(t, one.Total.Bounds[0].Low, is, route)
		require.GreaterOrEqual(t, one.Total.Bounds[0].High, is, route)
		require.False(t, one.Total.Certain)
	}
	cart := f.query(func(q *rollups.Query) { q.Where = []storage.RollupCondition{{Dimension: 0, Values: []string{"cart"}}} })
	require.True(t, cart.Total.Certain, "service is not capped")
	require.InDelta(t, f.count(func(q request) bool { return q.service == "cart" }), cart.Total.Measures[0], 0)
}

func TestPointsAndComparison(t *testing.T) {
	f := newFixture(t, 60)
	f.send(50)
	a := f.query(func(q *rollups.Query) {
		q.Group, q.Every, q.Compare = []int{0}, 10*time.Minute, time.Hour
		q.Range.Start = f.start.Add(time.Hour)
	})
	require.Len(t, a.Groups, 2)
	sum, before := 0.0, 0.0
	for _, g := range a.Groups {
		require.Len(t, g.Points, 6)
		for _, p := range g.Points {
			sum += p.Measures[0]
		}
		before += g.Previous[0]
	}
	require.InDelta(t, f.count(func(q request) bool { return !q.at.Before(f.start.Add(time.Hour)) }), sum, 0)
	require.InDelta(t, f.count(func(q request) bool { return q.at.Before(f.start.Add(time.Hour)) }), before, 0)
	require.InDelta(t, before, a.Total.Previous[0], 0)
}

// noSeries is a storage of no series.
type noSeries struct{}

func (noSeries) Querier(int64, int64) (promstorage.Querier, error) {
	return promstorage.NoopQuerier(), nil
}

func (f *fixture) promql(expr string, at time.Time) (promql.Vector, annotations.Annotations) {
	f.t.Helper()
	engine := promqltest.NewTestEngine(f.t, false, 0, 50_000_000)
	q, err := engine.NewInstantQuery(tenant.NewContext(f.t.Context(), owner), f.service.Queryable(noSeries{}), nil, expr, at)
	require.NoError(f.t, err)
	defer q.Close()
	res := q.Exec(tenant.NewContext(f.t.Context(), owner))
	v, err := res.Vector()
	require.NoError(f.t, err, expr)
	return slices.Clone(v), res.Warnings
}

// TestPromQL: the same questions by PromQL have the same answers.
func TestPromQL(t *testing.T) {
	f := newFixture(t, 60)
	f.send(200)
	hour := func(q request) bool { return !q.at.Before(f.now.Add(-time.Hour)) }
	v, notes := f.promql(`sum(increase(rollup:requests:count[1h]))`, f.now)
	require.Len(t, v, 1)
	require.InEpsilon(t, f.count(hour), v[0].F, 0.01)
	warnings, _ := notes.AsStrings("", 0, 0)
	require.Len(t, warnings, 1)
	require.Contains(t, warnings[0], "rollup requests is capped: about ")
	v, _ = f.promql(`sum by (service) (increase(rollup:requests:count{service="cart"}[1h]))`, f.now)
	require.Len(t, v, 1)
	require.Equal(t, labels.FromStrings("service", "cart"), v[0].Metric)
	require.InEpsilon(t, f.count(func(q request) bool { return hour(q) && q.service == "cart" }), v[0].F, 0.01)

	v, _ = f.promql(`count(rollup:requests:p95_duration{route="__other__", folded="route"})`, f.now)
	require.Len(t, v, 1)
	require.InDelta(t, 2, v[0].F, 0, "of either service")
	v, _ = f.promql(`rollup:requests:distinct_attr_user{service="cart", route="/r0"}`, f.now)
	require.Len(t, v, 1)
	require.Positive(t, v[0].F)
	v, _ = f.promql(`rollup:requests:nothing or rollup:other:count`, f.now)
	require.Empty(t, v)
	v, _ = f.promql(`count({__name__=~"rollup:requests:.+", route="/r0"})`, f.now)
	require.Len(t, v, 1)
	require.InDelta(t, 10, v[0].F, 0, "five measures of two services")
	v, _ = f.promql(`{job="x"}`, f.now)
	require.Empty(t, v)
}

// TestPromQLOverMonths: buckets of an hour answer at any time of evaluation.
func TestPromQLOverMonths(t *testing.T) {
	f := newFixture(t, 60)
	f.send(200)
	f.now = f.start.Add(200 * 24 * time.Hour)
	for _, at := range []time.Time{f.start.Add(2 * time.Hour), f.start.Add(2*time.Hour + 17*time.Minute)} {
		v, _ := f.promql(`sum(rollup:requests:rate)`, at)
		require.Len(t, v, 1, at)
		require.InEpsilon(t, f.count(func(q request) bool { return !q.at.Before(f.start.Add(time.Hour)) })/3600, v[0].F, 1e-9)
	}
	v, _ := f.promql(`sum(increase(rollup:requests:count[2h]))`, f.start.Add(2*time.Hour))
	require.Len(t, v, 1)
	require.InEpsilon(t, len(f.sent), v[0].F, 0.01)
}

func openCatalog(t *testing.T) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Open(t.Context(), filepath.Join(t.TempDir(), "catalog.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}
