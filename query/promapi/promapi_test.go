// SPDX-License-Identifier: Apache-2.0

package promapi

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
	v1 "github.com/prometheus/prometheus/web/api/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/strata-apm/strata/storage/metrics"
)

// apiEngine runs every query of a script twice: by the engine, whose answer the script judges, and through the HTTP API, whose JSON
// must be the engine's answer.
type apiEngine struct {
	*promql.Engine
	t        *testing.T
	compared int
	last     storage.Queryable // the storage of the script under way
	api      http.Handler
}

type testStorage struct {
	storage.Queryable
	storage.ChunkQueryable
	storage.ExemplarQueryable
}

// handler returns the API over q. There is one API, which reads the storage of the script under way.
func (e *apiEngine) handler(q storage.Queryable) http.Handler {
	e.last = q
	if e.api == nil {
		e.api = New(Options{
			Config: DefaultConfig(), Engine: e.Engine, Storage: lastStorage{e: e}, Metadata: metadataOf(metrics.NewMetadata()), Gatherer: prometheus.NewRegistry(),
			Registerer: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler), Listen: "127.0.0.1:0", Version: "test", Started: time.Now(),
		})
	}
	return e.api
}

type lastStorage struct {
	testStorage
	e *apiEngine
}

func (s lastStorage) Querier(mint, maxt int64) (storage.Querier, error) {
	return s.e.last.Querier(mint, maxt)
}

func seconds(t time.Time) string {
	return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64)
}

func (e *apiEngine) NewInstantQuery(ctx context.Context, q storage.Queryable, opts promql.QueryOpts, qs string, ts time.Time) (promql.Query, error) {
	query, err := e.Engine.NewInstantQuery(ctx, q, opts, qs, ts)
	form := url.Values{"query": {qs}, "time": {seconds(ts)}}
	return apiQuery{query, e, e.handler(q), "/query", form}, err
}

func (e *apiEngine) NewRangeQuery(ctx context.Context, q storage.Queryable, opts promql.QueryOpts, qs string, start, end time.Time, step time.Duration) (promql.Query, error) { //nolint:revive // The interface is Prometheus's.
	query, err := e.Engine.NewRangeQuery(ctx, q, opts, qs, start, end, step)
	form := url.Values{"query": {qs}, "start": {seconds(start)}, "end": {seconds(end)}, "step": {strconv.FormatFloat(step.Seconds(), 'f', 3, 64)}}
	return apiQuery{query, e, e.handler(q), "/query_range", form}, err
}

type apiQuery struct {
	promql.Query
	e       *apiEngine
	handler http.Handler
	path    string
	form    url.Values
}

func (q apiQuery) Exec(ctx context.Context) *promql.Result {
	res := q.Query.Exec(ctx)
	req := httptest.NewRequestWithContext(ctx, http.MethodPost, q.path, strings.NewReader(q.form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rec := httptest.NewRecorder()
	q.handler.ServeHTTP(rec, req)
	q.e.compared++
	if res.Err != nil {
		assert.NotEqual(q.e.t, http.StatusOK, rec.Code, "%s: the engine says %v", q.form, res.Err)
		return res
	}
	if !assert.Equal(q.e.t, http.StatusOK, rec.Code, "%s: %s", q.form, rec.Body) {
		return res
	}
	want, err := v1.JSONCodec{}.Encode(&v1.Response{Status: "success", Data: &v1.QueryData{ResultType: res.Value.Type(), Result: res.Value}})
	require.NoError(q.e.t, err)
	// The order of an instant vector is not defined, so its elements are compared as a set.
	type answer struct {
		Data struct {
			ResultType string
			Result     json.RawMessage
		}
	}
	var got, wanted answer
	assert.NoError(q.e.t, json.Unmarshal(rec.Body.Bytes(), &got))
	assert.NoError(q.e.t, json.Unmarshal(want, &wanted))
	assert.Equal(q.e.t, wanted.Data.ResultType, got.Data.ResultType)
	assert.Equal(q.e.t, elements(wanted.Data.Result), elements(got.Data.Result), "%s", q.form)
	return res
}

// elements returns the elements of a JSON list in a fixed order, or the value itself.
func elements(b json.RawMessage) []string {
	var list []json.RawMessage
	if json.Unmarshal(b, &list) != nil {
		return []string{string(b)}
	}
	out := make([]string, 0, len(list))
	for _, e := range list {
		out = append(out, string(e))
	}
	slices.Sort(out)
	return out
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestPrometheusScriptsThroughTheAPI runs Prometheus's own PromQL test scripts.
func TestPrometheusScriptsThroughTheAPI(t *testing.T) {
	e := &apiEngine{Engine: promqltest.NewTestEngine(t, false, 0, promqltest.DefaultMaxSamplesPerQuery), t: t}
	promqltest.RunBuiltinTests(t, e)
	require.Greater(t, e.compared, 1000)
}

// slowStorage holds every Select until it is let go or the query is cancelled.
type slowStorage struct {
	testStorage
	entered, left chan struct{}
}

func (s slowStorage) Querier(int64, int64) (storage.Querier, error) { return slowQuerier{s}, nil }

type slowQuerier struct{ s slowStorage }

func (q slowQuerier) Select(ctx context.Context, _ bool, _ *storage.SelectHints, _ ...*labels.Matcher) storage.SeriesSet {
	q.s.entered <- struct{}{}
	<-ctx.Done()
	q.s.left <- struct{}{}
	return storage.ErrSeriesSet(ctx.Err())
}

func (slowQuerier) LabelValues(context.Context, string, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

func (slowQuerier) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

func (slowQuerier) Close() error { return nil }

func serve(t *testing.T, cfg Config, s Storage) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(New(Options{
		Config: cfg, Engine: NewEngine(cfg, slog.New(slog.DiscardHandler), nil), Storage: s, Metadata: metadataOf(metrics.NewMetadata()),
		Gatherer: prometheus.NewRegistry(), Registerer: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler), Listen: "127.0.0.1:0",
		Local: localOf(s), Remote: remoteOf(s),
	}))
	t.Cleanup(srv.Close)
	return srv
}

func get(ctx context.Context, t *testing.T, u string) (*http.Response, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	require.NoError(t, err)
	req.Header.Set("Origin", "http://elsewhere.example")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, nil
	}
	defer func() { _ = resp.Body.Close() }()
	require.Empty(t, resp.Header.Get("Access-Control-Allow-Origin"))
	var body map[string]any
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&body))
	return resp, body
}

func TestTooManyQueriesAreRefusedAndACancelledOneStops(t *testing.T) {
	cfg := DefaultConfig()
	cfg.MaxConcurrent, cfg.QueueTimeout = 2, 20*time.Millisecond
	s := slowStorage{entered: make(chan struct{}, 8), left: make(chan struct{}, 8)}
	srv := serve(t, cfg, s)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { get(ctx, t, srv.URL+"/query?query=up") })
	}
	<-s.entered
	<-s.entered
	resp, body := get(t.Context(), t, srv.URL+"/query?query=up")
	require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	require.Equal(t, "1", resp.Header.Get("Retry-After"))
	require.Contains(t, body["error"], "2 queries are running")
	cancel() // Both clients leave: their queries must end, or this test does not.
	<-s.left
	<-s.left
	wg.Wait()
}

func TestGuardsAnswerWithTheRightStatus(t *testing.T) {
	store, err := metrics.Open(t.TempDir(), metrics.DefaultConfig(), slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	require.NoError(t, err)
	t.Cleanup(func() { _ = store.Close() })
	now := time.Now()
	app := store.Appender(t.Context())
	for i := range 500 {
		_, err = app.Append(0, labels.FromStrings("__name__", "m", "i", strconv.Itoa(i)), now.UnixMilli(), 1)
		require.NoError(t, err)
	}
	_, err = app.Append(0, labels.FromStrings("__name__", "http.request.duration"), now.UnixMilli(), 1)
	require.NoError(t, err)
	require.NoError(t, app.Commit())
	cfg := DefaultConfig()
	cfg.MaxSamples = 400
	srv := serve(t, cfg, store)
	nested := strings.Repeat("(", 10_000) + "1" + strings.Repeat(")", 10_000)
	for _, c := range []struct {
		name, path string
		code       int
		want       string
	}{
		{"too many samples", "/query?query=" + url.QueryEscape(`{__name__=~".+"}`), 422, "too many samples"},
		{"too many points", "/query_range?query=up&start=0&end=31536000&step=0.001", 400, "11,000"},
		{"nested too deep", "/query?query=" + url.QueryEscape(nested), 400, "nested more than"},
		{"signs", "/query?query=" + url.QueryEscape(strings.Repeat("- ", 5000)+"1"), 400, "signs in a row"},
		{"too long", "/query?query=" + url.QueryEscape("1+"+strings.Repeat("1", maxQueryBytes)), 400, "at most"},
		{"not PromQL", "/query?query=" + url.QueryEscape("sum("), 400, "parse error"},
		{"admin is off", "/status/config", 200, ""},
		{"UTF-8 name", "/query?query=" + url.QueryEscape(`{"http.request.duration"}`), 200, ""},
		{"metadata", "/metadata", 200, ""},
		{"tsdb status", "/status/tsdb", 200, ""},
		{"build", "/status/buildinfo", 200, ""},
		{"rules without a manager", "/rules", 200, ""},
		{"alerts without a manager", "/alerts", 200, ""},
		{"format", "/format_query?query=" + url.QueryEscape("sum(a)by(b)"), 200, ""},
		{"parse", "/parse_query?query=" + url.QueryEscape("sum(a)by(b)"), 200, ""},
		{"labels", "/labels", 200, ""},
		{"series", "/series?match[]=m", 200, ""},
		{"exemplars", "/query_exemplars?query=m&start=0&end=1", 200, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, body := get(t.Context(), t, srv.URL+c.path)
			require.Equal(t, c.code, resp.StatusCode, "%v", body)
			if c.want != "" {
				require.Contains(t, body["error"], c.want)
			}
		})
	}
}

// The guard must not refuse what the parser takes, and what it lets through must not crash the parser.
func FuzzCheckExpr(f *testing.F) {
	f.Add(`sum(rate(m{a="("}[5m])) by (b)`)
	f.Add("`(`")
	f.Fuzz(func(t *testing.T, expr string) {
		if checkExpr(expr) != nil {
			return
		}
		_, _ = parser.NewParser(parser.Options{}).ParseExpr(expr)
	})
}

// metadataOf is the same metadata for every request.
func metadataOf(md scrape.MetricMetadataStore) func(context.Context) scrape.MetricMetadataStore {
	return func(context.Context) scrape.MetricMetadataStore { return md }
}

// TestUntidyPaths: the router below knows no prefix, so that what it would redirect to is not in this API.
func TestUntidyPaths(t *testing.T) {
	p := startTenants(t)
	for _, path := range []string{"/rules/", "/query/", "/nothing"} {
		code, body := p.ask(t, "default", path)
		require.Equal(t, http.StatusNotFound, code, path)
		require.Contains(t, body, `"status":"error"`, path)
	}
}
