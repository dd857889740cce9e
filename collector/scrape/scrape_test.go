// SPDX-License-Identifier: Apache-2.0

package scrape_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/prometheus/model/metadata"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/strata-apm/strata/collector/scrape"
	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/ingest/writer"
)

type noMetadata struct{}

func (noMetadata) Set(string, metadata.Metadata) {}

// TestScrape: a real Prometheus client, found by a file and named in the configuration, arrives in the server's store under the names and
// labels it exposes, and becomes stale when it is gone.
func TestScrape(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	orders := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "shop_orders_total", Help: "Orders."}, []string{"state"})
	latency := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "shop_latency_seconds", Buckets: []float64{0.1, 1}})
	ratio := prometheus.NewGauge(prometheus.GaugeOpts{Name: "shop_fill_ratio"})
	reg.MustRegister(orders, latency, ratio)
	orders.WithLabelValues("paid").Add(3)
	latency.Observe(0.5)
	ratio.Set(0.25)
	srv := httptest.NewServer(promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	defer srv.Close()
	addr := strings.TrimPrefix(srv.URL, "http://")
	found, err := json.Marshal([]map[string]any{{"targets": []string{addr}, "labels": map[string]string{"team": "shop"}}})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "targets.json")
	require.NoError(t, os.WriteFile(file, found, 0o600))

	db, err := tsdb.Open(t.TempDir(), nil, nil, tsdb.DefaultOptions(), nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute})
	translator := writer.NewOTLPTranslator(noMetadata{}, writer.Translation{Lookback: 5 * time.Minute})
	var mu sync.Mutex
	next, err := consumer.NewMetrics(func(ctx context.Context, md pmetric.Metrics) error {
		mu.Lock()
		defer mu.Unlock()
		for _, rm := range md.ResourceMetrics().All() {
			rm.Resource().Attributes().PutStr("host.name", "web-1")
		}
		body, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(md)
		if err != nil {
			return err
		}
		app := db.AppenderV2(ctx)
		if _, _, err := translator.Append(ctx, app, bus.Message{Record: bus.Record{Value: body}}); err != nil {
			return err
		}
		return app.Commit()
	})
	require.NoError(t, err)
	start(
		t, next,
		job(t, `{job_name: fixed, static_configs: [{targets: ["`+addr+`"]}]}`),
		job(t, `{job_name: file, file_sd_configs: [{files: ["`+file+`"]}]}`),
	)

	value := func(expr string) (v promql.Vector) {
		q, err := engine.NewInstantQuery(t.Context(), db, nil, expr, time.Now())
		require.NoError(t, err)
		defer q.Close()
		res := q.Exec(t.Context())
		require.NoError(t, res.Err)
		got, err := res.Vector()
		require.NoError(t, err)
		return append(v, got...)
	}
	for expr, want := range map[string]float64{
		`shop_orders_total{job="fixed", state="paid", host_name="web-1", instance="` + addr + `"}`:               3,
		`shop_orders_total{job="file", team="shop"}`:                                                             3,
		`shop_latency_seconds_bucket{job="fixed", le="1.0"} or shop_latency_seconds_bucket{job="fixed", le="1"}`: 1,
		`shop_latency_seconds_count{job="fixed"}`:                                                                1,
		`shop_fill_ratio{job="fixed"}`:                                                                           0.25,
		`up{job="fixed"}`:                                                                                        1,
	} {
		require.Eventually(t, func() bool { v := value(expr); return len(v) == 1 && v[0].F == want }, 20*time.Second, 50*time.Millisecond, expr)
	}
	srv.Close()
	require.Eventually(t, func() bool {
		v := value(`up{job="fixed"}`)
		return len(v) == 1 && v[0].F == 0 && len(value(`shop_fill_ratio`)) == 0
	}, 20*time.Second, 50*time.Millisecond)
}

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"- {job_name: a, colour: red}":                   "colour",
		"- {static_configs: []}":                         "job_name",
		"- {job_name: a, ec2_sd_configs: [{region: x}]}": "ec2_sd_configs",
		"- {job_name: a}\n- {job_name: a}":               "multiple",
		"{}":                                             "scrape",
	} {
		_, err := scrape.Parse(text)
		require.ErrorContains(t, err, want, text)
	}
	for _, sd := range []string{
		"dns_sd_configs: [{names: [a.example], type: A, port: 80}]", "consul_sd_configs: [{server: '127.0.0.1:8500'}]",
		"serverset_sd_configs: [{servers: ['127.0.0.1:2181'], paths: [/a]}]",
	} {
		_, err := scrape.Parse("- {job_name: a, " + sd + "}")
		require.NoError(t, err, sd)
	}
}
