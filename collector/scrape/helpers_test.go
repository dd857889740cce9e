// SPDX-License-Identifier: Apache-2.0

package scrape_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.yaml.in/yaml/v3"

	"github.com/strata-apm/strata/collector/scrape"
)

// arrival bounds how long a change may take: Prometheus gathers what discoveries say for 5 s, and scrapes what changed once in 5 s.
const arrival = 45 * time.Second

// start runs the receiver with scrape_configs until the test ends.
func start(t *testing.T, next consumer.Metrics, configs ...any) {
	t.Helper()
	text, err := scrape.Render(configs)
	require.NoError(t, err)
	factory, err := scrape.NewFactory(slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	cfg := &scrape.Config{Configs: text}
	require.NoError(t, cfg.Validate())
	r, err := factory.CreateMetrics(t.Context(), receivertest.NewNopSettings(factory.Type()), cfg, next)
	require.NoError(t, err)
	require.NoError(t, r.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() { require.NoError(t, r.Shutdown(context.Background())) })
}

// job is a scrape configuration, as text, that scrapes often.
func job(t *testing.T, text string) map[string]any {
	t.Helper()
	out := map[string]any{"scrape_interval": "200ms", "scrape_timeout": "200ms"}
	require.NoError(t, yaml.Unmarshal([]byte(text), &out), text)
	return out
}

// target is a program with a real Prometheus client and one metric, shop_info{program="<name>"} 1. It listens on addr and returns its port.
func target(t *testing.T, addr, name string) (port int) {
	t.Helper()
	reg := prometheus.NewRegistry()
	info := prometheus.NewGauge(prometheus.GaugeOpts{Name: "shop_info", ConstLabels: prometheus.Labels{"program": name}})
	info.Set(1)
	reg.MustRegister(info)
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	srv := httptest.NewUnstartedServer(mux)
	require.NoError(t, srv.Listener.Close())
	l, err := net.Listen("tcp", addr)
	require.NoError(t, err)
	srv.Listener = l
	srv.Start()
	t.Cleanup(srv.Close)
	return l.Addr().(*net.TCPAddr).Port
}

// store knows of each series of shop_info, by its labels, whether its newest sample is a value.
type store struct {
	mu     sync.Mutex
	series map[string]bool
}

func newStore(t *testing.T) (*store, consumer.Metrics) {
	t.Helper()
	s := &store{series: map[string]bool{}}
	next, err := consumer.NewMetrics(func(_ context.Context, md pmetric.Metrics) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, rm := range md.ResourceMetrics().All() {
			for _, sm := range rm.ScopeMetrics().All() {
				for _, m := range sm.Metrics().All() {
					if m.Name() != "shop_info" {
						continue
					}
					for _, dp := range m.Gauge().DataPoints().All() {
						var labels []string
						for k, v := range dp.Attributes().All() {
							labels = append(labels, k+"="+v.AsString())
						}
						slices.Sort(labels)
						s.series[strings.Join(labels, " ")] = !dp.Flags().NoRecordedValue() && dp.DoubleValue() == 1
					}
				}
			}
		}
		return nil
	})
	require.NoError(t, err)
	return s, next
}

// live are the series of a job that have a value, each as "name=value name=value" in the order of names, without the job.
func (s *store) live(job string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []string{}
	for labels := range maps.Keys(s.series) {
		if rest, ok := strings.CutPrefix(labels+" ", "job="+job+" "); ok && s.series[labels] {
			out = append(out, strings.TrimSpace(rest))
		} else if before, after, ok := strings.Cut(labels, " job="+job+" "); ok && s.series[labels] {
			out = append(out, before+" "+after)
		}
	}
	slices.Sort(out)
	return out
}

// wait waits until a job has these series and no others. Those that were there before must have become stale.
func (s *store) wait(t *testing.T, job string, want ...string) {
	t.Helper()
	slices.Sort(want)
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		assert.True(c, slices.Equal(want, s.live(job)), "%v instead of %v", s.live(job), want)
	}, arrival, 20*time.Millisecond, "job %s", job)
}

// local is the address of a port on loopback.
func local(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
