// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/internal/httpx"
	"github.com/strata-apm/strata/internal/httpx/httpxtest"
	"github.com/strata-apm/strata/query/guard"
	"github.com/strata-apm/strata/query/hosts"
	"github.com/strata-apm/strata/query/middleware"
	"github.com/strata-apm/strata/query/topology"
	"github.com/strata-apm/strata/search"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/tenant"
)

// fake answers what a test put into it and remembers what it was asked.
type fake struct {
	mu     sync.Mutex
	err    error
	block  chan struct{}
	asked  string
	logs   []storage.Log
	traces storage.TracePage
	trace  storage.Trace
	detail storage.ServiceDetail
	owners []tenant.ID // whose data was asked for
}

// noteOf is note for a question that says whose data it is about.
func (f *fake) noteOf(ctx context.Context, owner tenant.ID, what string, args ...any) error {
	f.mu.Lock()
	f.owners = append(f.owners, owner)
	f.mu.Unlock()
	return f.note(ctx, what, args...)
}

func (f *fake) note(ctx context.Context, what string, args ...any) error {
	f.mu.Lock()
	f.asked = fmt.Sprintf(what, args...)
	f.owners = append(f.owners, tenant.FromContext(ctx))
	block, err := f.block, f.err
	f.mu.Unlock()
	if block != nil {
		select {
		case <-block:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return err
}

func (f *fake) SearchTraces(ctx context.Context, q storage.TraceSearch) (storage.TracePage, error) {
	return f.traces, f.noteOf(ctx, q.Tenant, "%s limit %d order %d cursor %q %s..%s", search.Describe(q.Filter), q.Limit, q.Order, q.Cursor, q.Range.Start.Format(time.RFC3339Nano), q.Range.End.Format(time.RFC3339Nano))
}

func (f *fake) TraceFacets(ctx context.Context, q storage.Selection) ([]storage.Facet, error) {
	return []storage.Facet{{Field: "service"}}, f.noteOf(ctx, q.Tenant, "facets %s", search.Describe(q.Filter))
}

func (f *fake) Trace(ctx context.Context, q storage.TraceQuery) (storage.Trace, error) {
	return f.trace, f.noteOf(ctx, q.Tenant, "trace %s %d %q", q.TraceID, q.Limit, q.Cursor)
}

func (f *fake) SearchLogs(ctx context.Context, q storage.LogSearch) (storage.LogPage, error) {
	f.mu.Lock()
	page := storage.LogPage{Logs: append([]storage.Log(nil), f.logs...)}
	f.mu.Unlock()
	return page, f.noteOf(ctx, q.Tenant, "%s limit %d ascending %v", search.Describe(q.Filter), q.Limit, q.Ascending)
}

func (f *fake) LogHistogram(ctx context.Context, q storage.Selection, buckets int) (storage.Histogram, error) {
	return storage.Histogram{Step: time.Minute, Total: 3, Buckets: []storage.HistogramBucket{{Start: q.Range.Start, Total: 3, Levels: map[string]uint64{"info": 3}}}}, f.noteOf(ctx, q.Tenant, "%d", buckets)
}

func (f *fake) LogFacets(ctx context.Context, q storage.Selection) ([]storage.Facet, error) {
	return nil, f.noteOf(ctx, q.Tenant, "facets")
}

func (f *fake) AttributeKeys(ctx context.Context, q storage.FieldQuery) ([]string, error) {
	return []string{"tier", "user.id"}, f.noteOf(ctx, q.Tenant, "keys %s %q", q.Signal, q.Text)
}

func (f *fake) FieldValues(ctx context.Context, q storage.FieldQuery, field search.Field) ([]string, error) {
	return []string{"v"}, f.noteOf(ctx, q.Tenant, "values %s %+v %q", q.Signal, field, q.Text)
}

func (f *fake) Services(ctx context.Context, q storage.ServicesQuery) (storage.ServiceList, error) {
	p := 5.5
	return storage.ServiceList{Services: []storage.ServiceSummary{{Name: "s", Requests: 7200, Errors: 720, Latency: storage.Quantiles{P50: &p}}}, Warnings: []string{"partial"}}, f.noteOf(ctx, q.Tenant, "services %q", q.Environment)
}

func (f *fake) Service(ctx context.Context, q storage.ServiceQuery) (storage.ServiceDetail, error) {
	return f.detail, f.noteOf(ctx, q.Tenant, "service %q %d", q.Name, q.Points)
}

func (f *fake) HostServices(ctx context.Context, q storage.HostQuery) ([]string, error) {
	return nil, f.noteOf(ctx, q.Tenant, "host services %q", q.Host)
}

func (f *fake) List(ctx context.Context, _ storage.TimeRange) (hosts.List, error) {
	return hosts.List{Hosts: []hosts.Host{{Name: "h"}}, Warnings: []string{"partial"}}, f.note(ctx, "hosts")
}

func (f *fake) Get(ctx context.Context, name string, _ storage.TimeRange) (hosts.Detail, error) {
	return hosts.Detail{Host: hosts.Host{Name: name}, Warnings: []string{"partial"}}, f.note(ctx, "host %q", name)
}

// instances is the fake as a list of middleware: it has a List of hosts already.
type instances struct{ *fake }

func (f instances) List(ctx context.Context, at time.Time) (middleware.List, error) {
	value, series := 3.5, 30
	return middleware.List{Instances: []middleware.Instance{
		{Kind: "redis", Title: "Redis", Name: "h:1", Host: "h", State: middleware.Limited, Since: at, Figures: []middleware.Figure{{Title: "Memory", Unit: "bytes", Value: &value}}, MissingCount: 1, Missing: []middleware.Missing{{What: "a", Why: "b", How: "c"}}, Series: &series, Agent: "a1"},
		{Kind: "nginx", Name: "h:2", State: middleware.Down, Error: "refused"},
	}, Warnings: []string{"partial"}}, f.note(ctx, "middleware %s", at.Format(time.RFC3339))
}

func (f *fake) Read(ctx context.Context, q topology.Query) (topology.Topology, error) {
	p95 := 5.5
	return topology.Topology{
		Nodes: []topology.Node{
			{ID: "service:s", Kind: topology.Service, Name: "s", Load: topology.Load{Calls: 7200, Errors: 720, P95: &p95}, Service: &storage.ServiceSummary{Name: "s", Requests: 7200}},
			{ID: "middleware:redis:h:1", Kind: topology.Middleware, Name: "h:1", Type: "db", System: "redis", Middleware: &middleware.Instance{Kind: "redis", State: middleware.Limited}},
			{ID: "host:h", Kind: topology.Host, Name: "h", Host: &hosts.Host{Up: true, LastSeen: now}},
		},
		Edges:    []topology.Edge{{Source: "service:s", Target: "middleware:redis:h:1", Kind: topology.Calls, Type: "db", System: "redis", Load: topology.Load{Calls: 3600}, Estimated: true}},
		Warnings: []string{"partial"},
	}, f.noteOf(ctx, q.Tenant, "topology %q %s %d", q.Environment, q.Range.End.Sub(q.Range.Start), q.Points)
}

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func serve(t *testing.T, f *fake, change func(*Options)) *httptest.Server {
	t.Helper()
	opts := Options{TraceSearch: f, Traces: f, Logs: f, Fields: f, Services: f, Hosts: f, Middleware: instances{f}, Topology: f, Now: func() time.Time { return now }, TailInterval: 10 * time.Millisecond}
	if change != nil {
		change(&opts)
	}
	api, err := New(opts)
	require.NoError(t, err)
	srv := httptest.NewServer(httpxtest.Handler(api.opts.Guard, api.Routes()))
	t.Cleanup(srv.Close)
	return srv
}

func get(t *testing.T, srv *httptest.Server, path string) (int, http.Header, map[string]any) {
	t.Helper()
	resp, err := http.Get(srv.URL + "/api/v1" + path)
	require.NoError(t, err)
	defer resp.Body.Close()
	var body map[string]any
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&body))
	return resp.StatusCode, resp.Header, body
}

func TestRequests(t *testing.T) {
	for path, want := range map[string]string{
		"/traces": `everything limit 50 order 0 cursor "" 2026-01-02T02:04:05Z..2026-01-02T03:04:05Z`,
		"/traces?query=service:a+duration%3E1s&limit=3&sort=slowest&cursor=x&start=100.5&end=2026-01-01T00:00:00Z": `all(service = "a", duration > 1e+09) limit 3 order 1 cursor "x" 1970-01-01T00:01:40.5Z..2026-01-01T00:00:00Z`,
		"/traces?start=1700000000.123456789&end=1700000001":                                                        `everything limit 50 order 0 cursor "" 2023-11-14T22:13:20.123456789Z..2023-11-14T22:13:21Z`,
		"/traces?limit=100000":                             `everything limit 500 order 0 cursor "" 2026-01-02T02:04:05Z..2026-01-02T03:04:05Z`,
		"/traces/facets?query=x":                           `facets contains "x"`,
		"/traces/abc?limit=5&cursor=c":                     `trace abc 5 "c"`,
		"/logs?query=level:error":                          `level = "error" limit 200 ascending false`,
		"/logs?order=asc":                                  `everything limit 200 ascending true`,
		"/logs/histogram?buckets=7":                        `7`,
		"/logs/facets":                                     `facets`,
		"/services?env=prod":                               `services "prod"`,
		"/services/a%2Fb%20c?points=10":                    `service "a/b c" 10`,
		"/middleware?end=1700000000":                       `middleware 2023-11-14T22:13:20Z`,
		"/topology?env=prod":                               `topology "prod" 1h0m5s 30`,
		"/hosts":                                           `hosts`,
		"/hosts/h%201":                                     `host services "h 1"`,
		"/fields?prefix=u":                                 `keys traces "u"`,
		"/fields?signal=logs&prefix=attr.u":                `keys logs "u"`,
		"/fields/values?field=service":                     `values traces {Kind:0 Name:service} ""`,
		"/fields/values?field=attr.k&prefix=p&signal=logs": `values logs {Kind:1 Name:k} "p"`,
	} {
		f := &fake{}
		srv := serve(t, f, nil)
		status, _, body := get(t, srv, path)
		require.Equal(t, http.StatusOK, status, "%s %v", path, body)
		require.Equal(t, want, f.asked, path)
	}
}

func TestBadRequests(t *testing.T) {
	for path, code := range map[string]httpx.Code{
		"/traces?query=(":                          httpx.CodeBadQuery,
		"/traces?query=level:info":                 httpx.CodeBadQuery,
		"/logs?query=color:red":                    httpx.CodeBadQuery,
		"/logs?query=" + strings.Repeat("(", 9000): httpx.CodeBadQuery,
		"/logs/tail?query=(":                       httpx.CodeBadQuery,
		"/middleware?start=5&end=4":                httpx.CodeBadRequest,
		"/topology?start=x":                        httpx.CodeBadRequest,
		"/traces?start=5&end=4":                    httpx.CodeBadRequest,
		"/traces?start=yesterday":                  httpx.CodeBadRequest,
		"/traces?start=NaN":                        httpx.CodeBadRequest,
		"/traces?start=1e9":                        httpx.CodeBadRequest,
		"/traces?start=-1":                         httpx.CodeBadRequest,
		"/traces?end=9999-01-01T00:00:00Z":         httpx.CodeBadRequest,
		"/traces?limit=0":                          httpx.CodeBadRequest,
		"/traces?limit=x":                          httpx.CodeBadRequest,
		"/traces?sort=loud":                        httpx.CodeBadRequest,
		"/logs?order=up":                           httpx.CodeBadRequest,
		"/fields?signal=metrics":                   httpx.CodeBadRequest,
		"/fields/values":                           httpx.CodeBadRequest,
		"/fields/values?field=nope":                httpx.CodeBadQuery,
	} {
		srv := serve(t, &fake{}, nil)
		status, _, body := get(t, srv, path)
		require.Equal(t, http.StatusBadRequest, status, path)
		require.Equal(t, string(code), body["error"].(map[string]any)["code"], path)
	}
	srv := serve(t, &fake{}, nil)
	_, _, body := get(t, srv, "/traces?query="+url.QueryEscape("a level:info"))
	require.EqualValues(t, 2, body["error"].(map[string]any)["details"].(map[string]any)["position"])
}

func TestErrorsBecomeAnswers(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		code   httpx.Code
	}{
		{storage.ErrNotFound, 404, httpx.CodeNotFound},
		{storage.ErrBadQuery, 400, httpx.CodeBadQuery},
		{storage.ErrInvalid, 400, httpx.CodeBadRequest},
		{storage.ErrLimit, 422, httpx.CodeLimitExceeded},
		{storage.ErrUnavailable, 503, httpx.CodeUnavailable},
		{storage.ErrConflict, 409, httpx.CodeConflict},
		{context.DeadlineExceeded, 504, httpx.CodeTimeout},
		{errors.New("secret detail"), 500, httpx.CodeInternal},
	} {
		srv := serve(t, &fake{err: fmt.Errorf("search: %w", c.err)}, nil)
		status, h, body := get(t, srv, "/traces")
		require.Equal(t, c.status, status)
		e := body["error"].(map[string]any)
		require.Equal(t, string(c.code), e["code"])
		require.NotNil(t, e["details"])
		require.NotContains(t, e["message"], "secret")
		require.Equal(t, c.status == 503, h.Get("Retry-After") != "")
	}
}

func TestAnswerForms(t *testing.T) {
	f := &fake{
		logs: []storage.Log{{ID: "1", Body: "<b>\xff\x00", SeverityNumber: 17, Time: now.Add(time.Nanosecond)}},
		trace: storage.Trace{TraceID: "t", Start: now, Resources: []map[string]string{{"a": "b"}}, Spans: []storage.Span{{
			ID: "s", Start: now.Add(3), Duration: 4, Events: []storage.SpanEvent{{Time: now.Add(5)}},
		}}},
		detail: storage.ServiceDetail{Step: time.Minute, Summary: storage.ServiceSummary{Series: []storage.ServicePoint{{Start: now, Requests: 60}}}},
	}
	srv := serve(t, f, nil)
	_, _, body := get(t, srv, "/logs")
	l := body["logs"].([]any)[0].(map[string]any)
	require.Equal(t, "<b>\ufffd\x00", l["body"])
	require.Equal(t, "error", l["severity"])
	require.Equal(t, "2026-01-02T03:04:05.000000001Z", l["time"])
	require.Empty(t, l["observed_time"])
	require.Equal(t, map[string]any{}, l["attributes"])
	_, _, body = get(t, srv, "/traces/t")
	sp := body["spans"].([]any)[0].(map[string]any)
	require.EqualValues(t, 3, sp["offset_ns"])
	require.EqualValues(t, 5, sp["events"].([]any)[0].(map[string]any)["offset_ns"])
	require.Equal(t, []any{}, sp["links"])
	_, _, body = get(t, srv, "/services?start=2026-01-02T02:00:00Z&end=2026-01-02T03:00:00Z")
	s := body["services"].([]any)[0].(map[string]any)
	require.EqualValues(t, 2, s["rate"])
	require.InDelta(t, 0.1, s["error_rate"], 1e-9)
	require.EqualValues(t, 5, s["p50_ns"])
	require.Nil(t, s["p99_ns"])
	_, _, body = get(t, srv, "/services/s")
	require.EqualValues(t, 60, body["series"].(map[string]any)["requests"].([]any)[0])
	require.Equal(t, []any{nil}, body["series"].(map[string]any)["p50_ns"])
	_, _, body = get(t, srv, "/traces?limit=501")
	require.Equal(t, []any{"limit was reduced to 500"}, body["warnings"])
	for _, path := range []string{"/hosts", "/hosts/h", "/middleware", "/topology", "/services"} {
		_, _, body = get(t, srv, path)
		require.Equal(t, []any{"partial"}, body["warnings"], path)
	}
}

func TestClockSkewIsSaid(t *testing.T) {
	f := &fake{trace: storage.Trace{
		TraceID: "t", Start: now, Duration: time.Second,
		Spans: []storage.Span{{ID: "a", Start: now.Add(time.Millisecond), Skew: -90 * time.Second, Events: []storage.SpanEvent{{Name: "e", Time: now.Add(2 * time.Millisecond)}}}},
		Skews: []storage.ClockSkew{
			{Service: "stock", Host: "b", By: -90 * time.Second, Spans: 1}, {Service: "cart", By: 1500*time.Microsecond + 1, Spans: 3},
		},
	}}
	srv := serve(t, f, nil)
	_, _, body := get(t, srv, "/traces/t")
	require.Equal(t, []any{
		"clock skew: the clock of service stock on host b is about 1m30s ahead of its caller's; 1 span is shown at corrected times",
		"clock skew: the clock of service cart is about 1.5ms behind its caller's; 3 spans are shown at corrected times",
	}, body["warnings"])
	span := body["spans"].([]any)[0].(map[string]any)
	require.InDelta(t, -90e9, span["clock_skew_ns"], 0)
	require.InDelta(t, 1e6, span["offset_ns"], 0)
	require.InDelta(t, 1e9, body["duration_ns"], 0)
}

func TestTooManyQueriesAreRefused(t *testing.T) {
	f := &fake{block: make(chan struct{})}
	srv := serve(t, f, func(o *Options) { o.Guard = guard.New(2, time.Minute) })
	var wg sync.WaitGroup
	statuses := make(chan int, 40)
	for range 40 {
		wg.Go(func() {
			resp, err := http.Get(srv.URL + "/api/v1/traces")
			if err != nil {
				return
			}
			resp.Body.Close()
			if resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			statuses <- resp.StatusCode
		})
	}
	// Two run and ten times as many wait; the others are refused at once.
	for range 18 {
		require.Equal(t, http.StatusServiceUnavailable, <-statuses)
	}
	close(f.block)
	wg.Wait()
	for range 22 {
		require.Equal(t, http.StatusOK, <-statuses)
	}
}
