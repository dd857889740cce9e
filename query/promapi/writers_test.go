// SPDX-License-Identifier: Apache-2.0

package promapi

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/metadata"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/tsdbutil"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/storage/metrics"
	"github.com/strata-apm/strata/storage/metrics/fanout"
)

// sample is one sample of one series, a float unless it has a histogram.
type sample struct {
	ls labels.Labels
	t  int64
	v  float64
	h  *histogram.Histogram
	fh *histogram.FloatHistogram
	e  []exemplar.Exemplar
}

// proc is a process with a tsdb, or one that reads those of others, behind a real HTTP server.
type proc struct {
	store    *metrics.Store
	metadata *metrics.Metadata
	srv      *httptest.Server
	wrap     func(http.Handler) http.Handler // around the API, nil for none
	probed   chan struct{}                   // has a value for each time it was asked whether it is alive; nil: nobody counts
}

func startWriter(tb testing.TB, wrap func(http.Handler) http.Handler) *proc {
	tb.Helper()
	store, err := metrics.Open(tb.TempDir(), metrics.DefaultConfig(), slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = store.Close() })
	p := &proc{store: store, metadata: metrics.NewMetadata(), wrap: wrap, probed: make(chan struct{}, 8)}
	p.serve(tb, store)
	return p
}

// localOf and remoteOf say what a storage of the tests is.
func localOf(s Storage) Local {
	l, _ := s.(Local)
	return l
}

func remoteOf(s Storage) Remote {
	r, _ := s.(Remote)
	return r
}

// serve serves the API over s as internal/app does.
func (p *proc) serve(tb testing.TB, s Storage) {
	tb.Helper()
	cfg, log := DefaultConfig(), slog.New(slog.DiscardHandler)
	api := New(Options{
		Config: cfg, Engine: NewEngine(cfg, log, nil), Storage: s, Metadata: metadataOf(p.metadata), Gatherer: prometheus.NewRegistry(),
		Registerer: prometheus.NewRegistry(), Logger: log, Listen: "127.0.0.1:0", Local: localOf(s), Remote: remoteOf(s),
	})
	if p.wrap != nil {
		api = p.wrap(api)
	}
	mux := http.NewServeMux()
	mux.Handle("/prometheus/api/v1/", http.StripPrefix("/prometheus/api/v1", api))
	mux.HandleFunc("/-/healthy", func(http.ResponseWriter, *http.Request) {
		select {
		case p.probed <- struct{}{}:
		default: // Nobody counts.
		}
	})
	p.srv = httptest.NewServer(mux)
	tb.Cleanup(p.srv.Close)
}

// add appends the samples in order, those of one timestamp at once.
func (p *proc) add(tb testing.TB, samples []sample) {
	tb.Helper()
	for len(samples) > 0 {
		n := slices.IndexFunc(samples, func(s sample) bool { return s.t != samples[0].t })
		if n < 0 {
			n = len(samples)
		}
		app := p.store.AppenderV2(tb.Context())
		for _, s := range samples[:n] {
			_, err := app.Append(0, s.ls, 0, s.t, s.v, s.h, s.fh, storage.AOptions{Exemplars: s.e})
			require.NoError(tb, err, "%s at %d", s.ls, s.t)
			name := s.ls.Get(model.MetricNameLabel)
			p.metadata.Set(name, metadata.Metadata{Type: model.MetricTypeGauge, Help: "Help of " + name})
		}
		require.NoError(tb, app.Commit())
		samples = samples[n:]
	}
}

func (p *proc) as(id string) fanout.Writer { return fanout.Writer{ID: id, URL: p.srv.URL} }

// startQuery serves the API over writers.
func startQuery(tb testing.TB, cfg fanout.Config, writers ...fanout.Writer) (*proc, *fanout.Storage) {
	tb.Helper()
	s, err := fanout.New(fanout.Options{Config: cfg, Registry: fanout.Static(writers), Bearer: "k"})
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = s.Close() })
	p := &proc{metadata: metrics.NewMetadata()}
	p.serve(tb, s)
	return p, s
}

// answer is what the API says.
type answer struct {
	Status    string
	Data      json.RawMessage
	Error     string
	ErrorType string
	Warnings  []string
	Code      int `json:"-"`
}

func (p *proc) get(tb testing.TB, path string, form url.Values) answer {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, p.srv.URL+"/prometheus/api/v1"+path+"?"+form.Encode(), nil)
	require.NoError(tb, err)
	resp, err := p.srv.Client().Do(req)
	require.NoError(tb, err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(tb, err)
	a := answer{Code: resp.StatusCode}
	require.NoError(tb, json.Unmarshal(body, &a), "%s: %s", path, body)
	return a
}

const (
	step  = 30 * time.Second
	steps = 720 // six hours: blocks and head
)

var start = time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)

// shop is six hours of everything that PromQL treats in its own way. At the first step every series has a sample.
func shop() []sample {
	var out []sample
	for i := range steps {
		t := start.Add(time.Duration(i) * step).UnixMilli()
		add := func(v float64, ls ...string) { out = append(out, sample{ls: labels.FromStrings(ls...), t: t, v: v}) }
		for inst := range 6 {
			instance, job := fmt.Sprint("i", inst), fmt.Sprint("job", inst%2)
			n := (i*(inst+3) + 7*inst) % 900 // a counter with resets
			out = append(out, sample{
				ls: labels.FromStrings("__name__", "requests_total", "instance", instance, "job", job, "code", "200"), t: t, v: float64(n),
				e: []exemplar.Exemplar{{Labels: labels.FromStrings("trace_id", fmt.Sprint("t", i, "x", inst)), Value: float64(n), Ts: t, HasTs: true}},
			})
			add(float64(n/10), "__name__", "requests_total", "instance", instance, "job", job, "code", "500")
			if i == 0 || inst != 2 || i%60 < 40 { // one with gaps
				add(math.Sin(float64(i*(inst+1))/17)*20+float64(inst), "__name__", "temperature", "instance", instance)
			}
			for b, le := range []string{"0.1", "0.5", "1", "+Inf"} {
				add(float64(i*(b+1)*(inst+1)), "__name__", "duration_seconds_bucket", "instance", instance, "le", le)
			}
			h := tsdbutil.GenerateTestHistogram(int64(i%300 + inst))
			out = append(out, sample{ls: labels.FromStrings("__name__", "latency", "instance", instance), t: t, h: h})
		}
		out = append(out, sample{ls: labels.FromStrings("__name__", "latency_float"), t: t, fh: tsdbutil.GenerateTestFloatHistogram(int64(i))})
		out = append(out, sample{ls: labels.FromStrings("__name__", "latency_gauge"), t: t, fh: tsdbutil.GenerateTestGaugeFloatHistogram(int64(i % 7))})
		out = append(out, sample{ls: labels.FromStrings("__name__", "latency_custom"), t: t, h: tsdbutil.GenerateTestCustomBucketsHistogram(int64(i))})
		add(float64(i), "__name__", "http.server.requests", "käse", "a/b \"c\" 😀")
		switch { // ends at once, comes back, and has the values that JSON has no number for
		case i == 0 || i < 300 || i > 500:
			add([]float64{1, math.NaN(), math.Inf(1), math.Copysign(0, -1)}[i%4], "__name__", "ends", "why", "stale")
		case i == 300:
			add(math.Float64frombits(value.StaleNaN), "__name__", "ends", "why", "stale")
		}
		if i == 0 || i < 300 {
			add(1, "__name__", "ends", "why", "silent")
		}
	}
	slices.SortStableFunc(out, func(a, b sample) int {
		if a.t != b.t {
			return int(a.t - b.t)
		}
		return labels.Compare(a.ls, b.ls)
	})
	return out
}

func hashOf(ls labels.Labels) int {
	h := fnv.New32a()
	_, _ = h.Write(ls.Bytes(nil))
	return int(h.Sum32() % 3)
}

// spreads say which writers hold a sample.
var spreads = map[string]func(sample) []int{
	"by series":        func(s sample) []int { return []int{hashOf(s.ls)} },
	"by time, overlap": func(s sample) []int { return byTime(s.t) },
	"replicated twice": func(sample) []int { return []int{0, 1} },
	"both": func(s sample) []int {
		return []int{hashOf(s.ls), (hashOf(s.ls) + byTime(s.t)[0]) % 3}
	},
}

// byTime moves every series from writer to writer, with some samples replayed at the border.
func byTime(t int64) []int {
	i := int((t - start.UnixMilli()) / step.Milliseconds())
	third := i * 3 / steps
	if at := i % (steps / 3); third > 0 && at < 5 {
		return []int{third - 1, third}
	}
	return []int{third}
}

// spread starts three writers that hold the samples, two of them with blocks on disk.
func spread(tb testing.TB, samples []sample, where func(sample) []int, wrap func(int, http.Handler) http.Handler) []*proc {
	tb.Helper()
	procs := make([]*proc, 3)
	for i := range procs {
		procs[i] = startWriter(tb, func(h http.Handler) http.Handler {
			if wrap != nil {
				return wrap(i, h)
			}
			return h
		})
		var own []sample
		for _, s := range samples {
			if slices.Contains(where(s), i) {
				own = append(own, s)
			}
		}
		procs[i].add(tb, own)
		if i > 0 {
			require.NoError(tb, procs[i].store.DB().Compact(tb.Context()))
		}
	}
	return procs
}

func writersOf(procs []*proc) []fanout.Writer {
	out := make([]fanout.Writer, 0, len(procs))
	for i, p := range procs {
		out = append(out, p.as(fmt.Sprint("w", i)))
	}
	return out
}

func unix(t time.Time) string { return seconds(t) }

// queries are asked at one time and over a range.
var queries = []string{
	`requests_total`,
	`requests_total{code="500",job=~"job.*",instance!="i3"}`,
	`rate(requests_total[5m])`,
	`increase(requests_total{code="200"}[17m])`,
	`sum by (job) (rate(requests_total[5m]))`,
	`sum(rate(requests_total{code="500"}[5m])) / sum(rate(requests_total[5m]))`,
	`topk(3, rate(requests_total[10m]))`,
	`quantile by (job) (0.9, requests_total)`,
	`histogram_quantile(0.9, sum by (le) (rate(duration_seconds_bucket[5m])))`,
	`histogram_quantile(0.9, duration_seconds_bucket)`,
	`latency`,
	`histogram_quantile(0.99, sum(rate(latency[5m])))`,
	`histogram_count(rate(latency[5m])) > 0`,
	`histogram_avg(latency_float) + histogram_sum(latency_custom)`,
	`rate(latency_float[3m])`,
	`sum_over_time(latency_gauge[2m])`,
	`absent(requests_total{instance="i9"})`,
	`absent_over_time(ends{why="stale"}[10m])`,
	`ends`,
	`count_over_time(ends[1h])`,
	`present_over_time(temperature{instance="i2"}[3m])`,
	`temperature offset 1h`,
	`temperature offset -20m`,
	`temperature @ 1767312000`,
	`temperature - (temperature @ start()) + (temperature @ end())`,
	`max_over_time(rate(requests_total{code="200"}[2m])[30m:1m])`,
	`deriv(temperature[10m]) * predict_linear(temperature[10m], 60)`,
	`avg_over_time(temperature[45m:90s] offset 10m)`,
	`changes(ends[2h]) + resets(ends[2h])`,
	`{"http.server.requests"}`,
	`label_replace({"käse"=~".*c.*"}, "x", "$1", "käse", "(.*)/.*")`,
	`sort_desc(count by (__name__) ({__name__=~".+"}))`,
	`timestamp(temperature) - scalar(count(requests_total))`,
	`requests_total * on (instance) group_left temperature`,
	`vector(1)`,
	`nothing_of_that_name`,
}

// TestSpreadOverWritersAnswersTheSame: the same samples in one tsdb and spread over three give the same bytes.
func TestSpreadOverWritersAnswersTheSame(t *testing.T) {
	samples := shop()
	one := startWriter(t, nil)
	one.add(t, samples)
	require.NoError(t, one.store.DB().Compact(t.Context()))
	for name, where := range spreads {
		t.Run(name, func(t *testing.T) {
			procs := spread(t, samples, where, nil)
			many, _ := startQuery(t, fanout.DefaultConfig(), writersOf(procs)...)
			for _, q := range queries {
				for _, at := range []time.Duration{5 * time.Minute, 2*time.Hour + 31*time.Minute, 3 * time.Hour, 5*time.Hour + 59*time.Minute, 7 * time.Hour} {
					form := url.Values{"query": {q}, "time": {unix(start.Add(at))}}
					requireSame(t, one, many, "/query", form)
				}
				form := url.Values{"query": {q}, "start": {unix(start)}, "end": {unix(start.Add(6*time.Hour + 10*time.Minute))}, "step": {"293"}}
				requireSame(t, one, many, "/query_range", form)
			}
			requireSameEndpoints(t, one, many)
		})
	}
}

// requireSame compares the bytes of the data; the order of an instant vector is not defined unless the query sorts.
func requireSame(t *testing.T, one, many *proc, path string, form url.Values) {
	t.Helper()
	want, got := one.get(t, path, form), many.get(t, path, form)
	require.Equal(t, http.StatusOK, want.Code, "%s: %s", form, want.Error)
	require.Equal(t, http.StatusOK, got.Code, "%s: %s", form, got.Error)
	require.ElementsMatch(t, want.Warnings, got.Warnings, "%s", form)
	if path != "/query" || strings.HasPrefix(form.Get("query"), "sort") {
		require.Equal(t, string(want.Data), string(got.Data), "%s", form)
		return
	}
	type result struct {
		ResultType string
		Result     json.RawMessage
	}
	var w, g result
	require.NoError(t, json.Unmarshal(want.Data, &w))
	require.NoError(t, json.Unmarshal(got.Data, &g))
	require.Equal(t, w.ResultType, g.ResultType)
	require.Equal(t, elements(w.Result), elements(g.Result), "%s", form)
}

func requireSameEndpoints(t *testing.T, one, many *proc) {
	t.Helper()
	narrow := func(kv ...string) url.Values {
		form := url.Values{"start": {unix(start.Add(30 * time.Minute))}, "end": {unix(start.Add(time.Hour))}}
		for i := 0; i < len(kv); i += 2 {
			form.Add(kv[i], kv[i+1])
		}
		return form
	}
	for _, c := range []struct {
		path string
		form url.Values
	}{
		{"/labels", nil},
		{"/labels", narrow("match[]", `latency`)},
		{"/labels", narrow("match[]", `latency`, "match[]", `{"http.server.requests"}`)},
		{"/label/__name__/values", nil},
		{"/label/instance/values", narrow("match[]", `temperature{instance=~"i[1-4]"}`)},
		{"/label/U__k_e4_se/values", nil},
		{"/label/nothing/values", nil},
		{"/series", narrow("match[]", `requests_total`)},
		{"/series", narrow("match[]", `{instance="i1"}`, "match[]", `latency`)},
		{"/series", url.Values{"match[]": {`{"käse"!=""}`}}},
		{"/query_exemplars", narrow("query", `rate(requests_total{code="200",instance=~"i[12]"}[5m])`)},
		{"/query_exemplars", narrow("query", `requests_total{instance="i1"} / requests_total{instance="i2"}`)},
		{"/metadata", nil},
		{"/metadata", url.Values{"metric": {"temperature"}}},
	} {
		want, got := one.get(t, c.path, c.form), many.get(t, c.path, c.form)
		require.Equal(t, http.StatusOK, got.Code, "%s: %s", c.path, got.Error)
		require.Empty(t, got.Warnings)
		switch c.path {
		case "/series", "/metadata": // without order in Prometheus's own answer
			require.Equal(t, elements(want.Data), elements(got.Data), "%s %s", c.path, c.form)
			require.JSONEq(t, string(sortedJSON(t, want.Data)), string(sortedJSON(t, got.Data)))
		default:
			require.Equal(t, string(want.Data), string(got.Data), "%s %s", c.path, c.form)
		}
		require.NotEqual(t, "null", string(got.Data), c.path)
	}
	for _, path := range []string{"/labels", "/label/__name__/values", "/series"} {
		form := narrow("limit", "2", "match[]", `{__name__=~".+"}`)
		got := many.get(t, path, form)
		require.Len(t, elements(got.Data), 2, path)
		if path != "/series" { // which drops its warnings in Prometheus too when there were none before
			require.Equal(t, []string{"results truncated due to limit"}, got.Warnings, path)
		}
	}
	var status struct {
		HeadStats               struct{ NumSeries int }
		SeriesCountByMetricName []any
	}
	require.NoError(t, json.Unmarshal(many.get(t, "/status/tsdb", url.Values{"limit": {"3"}}).Data, &status))
	require.Positive(t, status.HeadStats.NumSeries)
	require.Len(t, status.SeriesCountByMetricName, 3)
	require.Equal(t, http.StatusBadRequest, many.get(t, "/status/tsdb", url.Values{"limit": {"x"}}).Code)
}

// sortedJSON orders the lists within, for JSONEq.
func sortedJSON(t *testing.T, data json.RawMessage) json.RawMessage {
	t.Helper()
	var list []json.RawMessage
	if json.Unmarshal(data, &list) != nil {
		return data
	}
	slices.SortFunc(list, func(a, b json.RawMessage) int { return strings.Compare(string(a), string(b)) })
	out, err := json.Marshal(list)
	require.NoError(t, err)
	return out
}
