// SPDX-License-Identifier: Apache-2.0

package middleware_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/util/annotations"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/dashboard"
	"github.com/strata-apm/strata/packs"
	"github.com/strata-apm/strata/query/middleware"
	"github.com/strata-apm/strata/query/prom"
	"github.com/strata-apm/strata/storage"
)

// load has an instance in every state, one of a kind without a pack, and one of which only the version is left.
const load = `
load 15s
	strata_middleware_up{instance="web-1:1",host_name="web-1",middleware="redis"} 1x20
	strata_middleware_up{instance="web-1:2",host_name="web-1",middleware="redis"} 0x20
	strata_middleware_up{instance="web-1:3",host_name="web-1",middleware="redis"} 1x20
	strata_middleware_up{instance="web-1:4",host_name="web-1",middleware="redis"} 1x20
	strata_middleware_up{instance="db-1:9",host_name="db-1",middleware="oddity"} 1x20
	strata_middleware_info{instance="web-1:1",host_name="web-1",middleware="redis",version="7.0.15"} 1x20
	strata_middleware_info{instance="gone:1",host_name="gone",middleware="redis",version="1"} 1x20
	strata_middleware_missing{instance="web-1:3",host_name="web-1",middleware="redis"} 1x20
	strata_middleware_missing{instance="web-1:4",host_name="web-1",middleware="redis"} 2x20
	strata_middleware_series{instance="web-1:1",host_name="web-1",middleware="redis"} 30x20
	strata_middleware_series{instance="web-1:3",host_name="web-1",middleware="redis"} 0x20
	strata_middleware_series{instance="web-1:4",host_name="web-1",middleware="redis"} 20x20
	strata_middleware_series{instance="db-1:9",host_name="db-1",middleware="oddity"} 5x20
	memory{instance="web-1:1"} 1024x20
	memory{instance="web-1:4"} 0x20
`

const board = `{"middleware":[
	{"kind":"redis","instance":"127.0.0.1:3","state":"failed","since":"2026-11-21T08:00:00Z","error":"NOAUTH","version":"6","addresses":["10.0.0.7:3"],
	 "missing":[{"what":"everything","why":"NOAUTH","how":"a line"}]},
	{"kind":"redis","instance":"127.0.0.1:1","state":"down","since":"2026-11-21T08:00:00Z","version":"6"}]}`

// agents answers with what a test put into it.
type agents struct {
	all []storage.Agent
	err error
}

func (a agents) ListAgents(_ context.Context, q storage.AgentQuery) ([]storage.Agent, error) {
	if q.Limit != 0 || q.Brief {
		return nil, errors.New("not all of the boards were asked for")
	}
	return a.all, a.err
}

// counting counts the queries and warns at each.
type counting struct {
	prom.Metrics
	n int
}

func (c *counting) Instant(ctx context.Context, expr string, at time.Time) (promql.Vector, annotations.Annotations, error) {
	c.n++
	v, _, err := c.Metrics.Instant(ctx, expr, at)
	return v, annotations.New().Add(errors.New("writer w2 did not answer")), err
}

func redis() []packs.Pack {
	return []packs.Pack{
		{Name: "redis", Title: "Redis", Dashboard: dashboard.Dashboard{Figures: []dashboard.Figure{{Title: "Memory", Unit: "bytes", Expr: "memory ^ 2 / memory"}, {Title: "None", Unit: "rate", Expr: "none"}}}},
		{Name: "kafka", Title: "Kafka", Dashboard: dashboard.Dashboard{Figures: []dashboard.Figure{{Title: "Lag", Unit: "number", Expr: "lag"}}}},
	}
}

func metrics(t *testing.T) *counting {
	t.Helper()
	store := promqltest.LoadedStorage(t, load)
	t.Cleanup(func() { _ = store.Close() })
	return &counting{Metrics: prom.New(promqltest.NewTestEngine(t, false, 0, promqltest.DefaultMaxSamplesPerQuery), store)}
}

func TestList(t *testing.T) {
	m := metrics(t)
	boards := agents{all: []storage.Agent{
		{ID: "a1", HostName: "web-1", Board: board}, {ID: "a2", HostName: "web-2", Board: board}, {ID: "a3", HostName: "web-1", Board: `{"middleware":"of another release"}`},
	}}
	list, err := middleware.New(m, boards, redis()).List(t.Context(), time.Unix(300, 0))
	require.NoError(t, err)
	require.Equal(t, []string{"writer w2 did not answer"}, list.Warnings)
	require.Equal(t, 3, m.n, "the series of the collection and the figures of Redis: nobody runs Kafka")
	require.Len(t, list.Instances, 5)
	byName := map[string]middleware.Instance{}
	var names []string
	for _, in := range list.Instances {
		byName[in.Name] = in
		names = append(names, in.Kind+" "+in.Name+" "+string(in.State))
	}
	require.Equal(t, []string{"oddity db-1:9 collecting", "redis web-1:1 collecting", "redis web-1:2 down", "redis web-1:3 failed", "redis web-1:4 limited"}, names)

	one := byName["web-1:1"]
	require.Equal(t, "Redis 7.0.15 web-1", one.Title+" "+one.Version+" "+one.Host)
	require.Equal(t, 30, *one.Series)
	require.InDelta(t, 1024, *one.Figures[0].Value, 0)
	require.Equal(t, middleware.Figure{Title: "None", Unit: "rate"}, one.Figures[1])
	require.True(t, one.Since.IsZero(), "the board still tells another state")
	require.Empty(t, one.Missing)

	three := byName["web-1:3"]
	require.Equal(t, time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC), three.Since)
	require.Equal(t, "NOAUTH 6 a1", three.Error+" "+three.Version+" "+three.Agent)
	require.Equal(t, []middleware.Missing{{What: "everything", Why: "NOAUTH", How: "a line"}}, three.Missing)
	require.Equal(t, []string{"10.0.0.7:3"}, three.Addresses)
	require.Equal(t, 1, three.MissingCount)

	four := byName["web-1:4"]
	require.Empty(t, four.Missing, "no board has it")
	require.Equal(t, 2, four.MissingCount)
	require.Nil(t, four.Figures[0].Value, "not a number")
	require.Nil(t, byName["web-1:2"].Series)
	oddity := byName["db-1:9"]
	require.Equal(t, "oddity", oddity.Title)
	require.Empty(t, oddity.Figures)
}

func TestInstancesNeedsOneQuery(t *testing.T) {
	m := metrics(t)
	list, err := middleware.New(m, agents{}, redis()).Instances(t.Context(), time.Unix(300, 0))
	require.NoError(t, err)
	require.Len(t, list.Instances, 5)
	require.Equal(t, 1, m.n)
	require.Empty(t, list.Instances[1].Figures)
}

func TestListWithoutBoards(t *testing.T) {
	list, err := middleware.New(metrics(t), agents{err: storage.ErrUnavailable}, redis()).List(t.Context(), time.Unix(300, 0))
	require.NoError(t, err)
	require.Len(t, list.Instances, 5)
	require.Equal(t, []string{"writer w2 did not answer", "what the agents say of their middleware could not be read"}, list.Warnings)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = middleware.New(&canned{}, agents{err: context.Canceled}, redis()).List(ctx, time.Unix(300, 0))
	require.ErrorIs(t, err, context.Canceled, "nobody waits for the answer any more")
}

// canned answers the n-th query with its error.
type canned struct {
	prom.Metrics
	errs []error
}

func (c *canned) Instant(context.Context, string, time.Time) (promql.Vector, annotations.Annotations, error) {
	if len(c.errs) == 0 {
		return nil, nil, nil
	}
	err := c.errs[0]
	c.errs = c.errs[1:]
	return promql.Vector{{F: 1, Metric: upOf("redis")}}, nil, err
}

func upOf(kind string) labels.Labels {
	return labels.FromStrings("__name__", "strata_middleware_up", "middleware", kind, "instance", "web-1:1", "host_name", "web-1")
}

func TestErrors(t *testing.T) {
	for what, errs := range map[string][]error{"list middleware": {storage.ErrLimit}, "figures of redis": {nil, storage.ErrLimit}} {
		_, err := middleware.New(&canned{errs: errs}, agents{}, redis()).List(t.Context(), time.Now())
		require.ErrorIs(t, err, storage.ErrLimit)
		require.ErrorContains(t, err, what)
	}
	_, err := middleware.New(&canned{errs: []error{storage.ErrLimit}}, agents{}, redis()).Instances(t.Context(), time.Now())
	require.ErrorIs(t, err, storage.ErrLimit)
}

// TestBoardsOfOtherReleases: what cannot be read of one board takes nothing from the others.
func TestBoardsOfOtherReleases(t *testing.T) {
	const good = `{"middleware":[{"kind":"redis","instance":"127.0.0.1:3","state":"failed","error":"NOAUTH"}],"volume":{}}`
	for name, text := range map[string]string{
		"empty": "", "no JSON": "{", "another form": `{"middleware":{"redis":1}}`, "a list": `[]`, "no middleware": `{"queue":[]}`, "nothing": `{"middleware":null}`,
	} {
		boards := agents{all: []storage.Agent{{ID: "a0", HostName: "web-1", Board: text}, {ID: "a1", HostName: "web-1", Board: good}}}
		list, err := middleware.New(metrics(t), boards, redis()).Instances(t.Context(), time.Unix(300, 0))
		require.NoError(t, err, name)
		require.Equal(t, "NOAUTH", byName(list)["web-1:3"].Error, name)
		require.Equal(t, []string{"writer w2 did not answer"}, list.Warnings, name)
	}
}

func byName(list middleware.List) map[string]middleware.Instance {
	out := make(map[string]middleware.Instance)
	for _, in := range list.Instances {
		out[in.Name] = in
	}
	return out
}

// TestBoardsAreMatchedByHostKindAndPort: another host's, another kind's and another port's entries are not the instance's.
func TestBoardsAreMatchedByHostKindAndPort(t *testing.T) {
	for entry, want := range map[string]string{
		`{"kind":"redis","instance":"127.0.0.1:1","error":"x"}`:     "x",
		`{"kind":"redis","instance":"[::1]:1","error":"x"}`:         "x",
		`{"kind":"redis","instance":"web-1:1","error":"x"}`:         "x",
		`{"kind":"redis","instance":"127.0.0.1:11","error":"x"}`:    "",
		`{"kind":"memcached","instance":"127.0.0.1:1","error":"x"}`: "",
	} {
		board := `{"middleware":[` + entry + `]}`
		boards := agents{all: []storage.Agent{{ID: "a1", HostName: "web-1", Board: board}}}
		list, err := middleware.New(metrics(t), boards, redis()).Instances(t.Context(), time.Unix(300, 0))
		require.NoError(t, err)
		require.Equal(t, want, byName(list)["web-1:1"].Error, entry)
		boards.all[0].HostName = "web-2"
		list, err = middleware.New(metrics(t), boards, redis()).Instances(t.Context(), time.Unix(300, 0))
		require.NoError(t, err)
		require.Empty(t, byName(list)["web-1:1"].Error, "another host's")
	}
}

// TestInstancesVanish: what has not reported for longer than the engine looks back is not listed.
func TestInstancesVanish(t *testing.T) {
	r := middleware.New(metrics(t), agents{}, redis())
	list, err := r.List(t.Context(), time.Unix(300, 0).Add(4*time.Minute))
	require.NoError(t, err)
	require.Len(t, list.Instances, 5)
	list, err = r.List(t.Context(), time.Unix(300, 0).Add(6*time.Minute))
	require.NoError(t, err)
	require.Empty(t, list.Instances)
	require.NotNil(t, list.Instances)
}

// TestInstanceOfTwoAgents: agents on two hosts may read one address; each tells its own, with its own board.
func TestInstanceOfTwoAgents(t *testing.T) {
	store := promqltest.LoadedStorage(t, `
load 15s
	strata_middleware_up{instance="10.0.0.5:6379",host_name="web-2",middleware="redis"} 0x20
	strata_middleware_up{instance="10.0.0.5:6379",host_name="web-1",middleware="redis"} 1x20
	strata_middleware_series{instance="10.0.0.5:6379",host_name="web-1",middleware="redis"} 3x20
	memory{instance="10.0.0.5:6379"} 5x20
`)
	t.Cleanup(func() { _ = store.Close() })
	boards := agents{all: []storage.Agent{{ID: "a2", HostName: "web-2", Board: `{"middleware":[{"kind":"redis","instance":"10.0.0.5:6379","error":"no route"}]}`}}}
	m := prom.New(promqltest.NewTestEngine(t, false, 0, promqltest.DefaultMaxSamplesPerQuery), store)
	list, err := middleware.New(m, boards, redis()).List(t.Context(), time.Unix(300, 0))
	require.NoError(t, err)
	require.Len(t, list.Instances, 2)
	one, two := list.Instances[0], list.Instances[1]
	require.Equal(t, "web-1 collecting ", one.Host+" "+string(one.State)+" "+one.Error)
	require.Equal(t, "web-2 down no route", two.Host+" "+string(two.State)+" "+two.Error)
	require.InDelta(t, 5, *one.Figures[0].Value, 0)
	require.InDelta(t, 5, *two.Figures[0].Value, 0, "figures are the instance's, whoever reads it")
	require.Equal(t, "a2", two.Agent)
	require.Empty(t, one.Agent)
}
