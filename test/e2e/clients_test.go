// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	remoteapi "github.com/prometheus/client_golang/exp/api/remote"
	commonconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"github.com/prometheus/prometheus/storage/remote"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/internal/demo"
)

// counts are what a store answers for the last hour.
type counts struct{ spans, logs int64 }

func (s *server) storedCounts() (counts, error) {
	var c counts
	var services struct {
		Services []struct {
			Spans int64 `json:"spans"`
		} `json:"services"`
	}
	q := "?" + wide().Encode()
	if err := s.getJSON("/api/v1/services"+q, &services); err != nil {
		return c, err
	}
	for _, svc := range services.Services {
		c.spans += svc.Spans
	}
	var hist struct {
		Total int64 `json:"total"`
	}
	err := s.getJSON("/api/v1/logs/histogram"+q, &hist)
	c.logs = hist.Total
	return c, err
}

// wide is the time range of everything a test sent.
func wide() url.Values {
	return url.Values{"start": {strconv.FormatInt(time.Now().Add(-time.Hour).Unix(), 10)}, "end": {strconv.FormatInt(time.Now().Add(time.Minute).Unix(), 10)}}
}

// received returns the ledger's count of a signal.
func (l ledgerAnswer) received(signal string) int64 {
	for _, t := range l.Totals {
		if t.Signal == signal {
			return t.Received
		}
	}
	return 0
}

// account is what the ledger has received and the store holds.
type account struct {
	spans, logs, points int64
	stored              counts
}

// account waits until everything is stored and checks that nothing got lost on the way there.
func (s *server) account(t *testing.T) account {
	t.Helper()
	l := s.waitStored()
	for _, tot := range l.Totals {
		require.True(t, tot.Balanced, "%+v", tot)
		require.Equal(t, tot.Received, tot.Stored, "%+v", tot)
	}
	c, err := s.storedCounts()
	require.NoError(t, err)
	return account{l.received("traces"), l.received("logs"), l.received("metrics"), c}
}

// requireCounts compares what a client sent since before with ledger and store.
func (s *server) requireCounts(t *testing.T, before account, spans, logs, points int64) {
	t.Helper()
	require.Equal(t, account{before.spans + spans, before.logs + logs, before.points + points, counts{before.stored.spans + spans, before.stored.logs + logs}}, s.account(t))
}

// goSDK runs the demo shop, which is the OpenTelemetry Go SDK with a resource for each service.
func goSDK(t *testing.T, s *server) {
	t.Helper()
	before := s.account(t)
	sum, err := demo.Run(t.Context(), demo.Options{Endpoint: s.run.OTLPGRPC, Traces: 200, Rate: 200, Seed: 1, MetricInterval: time.Second})
	require.NoError(t, err)
	require.Zero(t, sum.Failed)
	s.requireCounts(t, before, sum.Spans, sum.LogRecords, sum.DataPoints)
	s.requireOnPage(t, page{service: "checkout", logs: "checkout", query: `{service_name="checkout"}`})
}

// page is what one client sent, as the pages name it.
type page struct{ service, logs, query string }

// requireOnPage looks for it in the browser.
func (s *server) requireOnPage(t *testing.T, p page) {
	t.Helper()
	var env []string
	for key, v := range map[string]string{"STRATA_E2E_SERVICE": p.service, "STRATA_E2E_LOGS": p.logs, "STRATA_E2E_QUERY": p.query} {
		if v != "" {
			env = append(env, key+"="+v)
		}
	}
	s.runFlows(t, "client.e2e.mjs", env...)
}

// telemetrygen is OpenTelemetry's own load generator, built once.
var telemetrygen = sync.OnceValues(func() (string, error) {
	dir, err := filepath.Abs(filepath.Join("..", "..", "bin"))
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "telemetrygen")
	cmd := exec.Command("go", "build", "-o", path, "github.com/open-telemetry/opentelemetry-collector-contrib/cmd/telemetrygen")
	cmd.Dir = "peers"
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build telemetrygen: %w\n%s", err, out)
	}
	return path, nil
})

func generatedTelemetry(t *testing.T, s *server) {
	t.Helper()
	before := s.account(t)
	path, err := telemetrygen()
	require.NoError(t, err)
	run := func(args ...string) {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), path, append(args, "--otlp-insecure")...).CombinedOutput()
		require.NoError(t, err, string(out))
	}
	for _, transport := range [][]string{{"--otlp-endpoint", s.run.OTLPGRPC}, {"--otlp-http", "--otlp-endpoint", s.run.OTLPHTTP}} {
		run(append([]string{"traces", "--traces", "25", "--child-spans", "3", "--service", "gen-traces", "--workers", "2", "--rate", "0"}, transport...)...)
		run(append([]string{"logs", "--logs", "40", "--service", "gen-logs", "--workers", "2", "--rate", "0"}, transport...)...)
		// Unique series: two samples of one series in the same millisecond would contradict each other.
		run(append([]string{"metrics", "--metrics", "3", "--service", "gen-metrics", "--workers", "1", "--unique-timeseries"}, transport...)...)
	}
	// Two transports, two workers (one for metrics); each trace is a root and three children.
	s.requireCounts(t, before, 2*2*25*4, 2*2*40, 2*3)
	var answer struct {
		Data struct {
			Result []any `json:"result"`
		} `json:"data"`
	}
	require.NoError(t, s.getJSON("/prometheus/api/v1/query?query="+url.QueryEscape(`{service_name="gen-metrics"}`), &answer))
	require.NotEmpty(t, answer.Data.Result)
	s.requireOnPage(t, page{service: "gen-traces", logs: "gen-logs", query: `{service_name="gen-metrics"}`})
}

// prometheusRemoteWriteClients writes with the client that Prometheus itself uses and reads the samples back.
func prometheusRemoteWriteClients(t *testing.T, s *server) {
	t.Helper()
	before := s.account(t)
	client, err := remoteapi.NewAPI("http://"+s.writeHTTP, remoteapi.WithAPIPath("prometheus/api/v1/write"))
	require.NoError(t, err)
	const samples = 100
	base := time.Now().Add(-time.Minute).UnixMilli()
	v1 := &prompb.WriteRequest{Timeseries: []prompb.TimeSeries{{Labels: []prompb.Label{{Name: "__name__", Value: "written"}, {Name: "v", Value: "1"}}}}}
	symbols := writev2.NewSymbolTable()
	v2 := &writev2.Request{Timeseries: []writev2.TimeSeries{{LabelsRefs: symbols.SymbolizeLabels(labels.FromStrings("__name__", "written", "v", "2"), nil)}}}
	v2.Symbols = symbols.Symbols()
	for i := range int64(samples) {
		v1.Timeseries[0].Samples = append(v1.Timeseries[0].Samples, prompb.Sample{Timestamp: base + i*100, Value: float64(i)})
		v2.Timeseries[0].Samples = append(v2.Timeseries[0].Samples, writev2.Sample{Timestamp: base + i*100, Value: float64(i)})
	}
	_, err = client.Write(t.Context(), remoteapi.WriteV1MessageType, v1)
	require.NoError(t, err)
	stats, err := client.Write(t.Context(), remoteapi.WriteV2MessageType, v2)
	require.NoError(t, err)
	require.Equal(t, samples, stats.Samples)
	s.requireCounts(t, before, 0, 0, 2*samples)
	var answer struct {
		Data struct {
			Result []struct {
				Value [2]any `json:"value"`
			} `json:"result"`
		} `json:"data"`
	}
	require.NoError(t, s.getJSON("/prometheus/api/v1/query?query="+url.QueryEscape("count_over_time(written[10m])"), &answer))
	require.Len(t, answer.Data.Result, 2)
	for _, r := range answer.Data.Result {
		require.Equal(t, strconv.Itoa(samples), r.Value[1])
	}
	s.requireOnPage(t, page{query: `written{v="1"} and on() written{v="2"}`})
}

// javaProgram starts an unchanged Java program with the OpenTelemetry Java agent.
func javaProgram(t *testing.T, s *server) {
	t.Helper()
	before := s.account(t)
	jar := s.javaAgent(t)
	classes := t.TempDir()
	out, err := exec.CommandContext(t.Context(), "javac", "-d", classes, filepath.Join("java", "Shop.java")).CombinedOutput()
	require.NoError(t, err, string(out))

	const requests = 20
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "java", "-javaagent:"+jar, "-cp", classes, "Shop", strconv.Itoa(requests))
	cmd.Env = append(os.Environ(), "OTEL_SERVICE_NAME=java-shop", "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+s.run.OTLPHTTP,
		"OTEL_LOGS_EXPORTER=otlp", "OTEL_METRIC_EXPORT_INTERVAL=1000", "OTEL_BSP_SCHEDULE_DELAY=200", "OTEL_BLRP_SCHEDULE_DELAY=200")
	out, err = cmd.CombinedOutput()
	require.NoError(t, err, string(out))

	after := s.account(t)
	require.Equal(t, before.spans+2*requests, after.spans, "a client and a server span for each request")
	require.Equal(t, before.stored.spans+2*requests, after.stored.spans)
	require.Greater(t, after.logs, before.logs)
	require.Equal(t, before.stored.logs+after.logs-before.logs, after.stored.logs)
	require.Greater(t, after.points, before.points)
	q := wide()
	q.Set("query", `service:java-shop "cart read"`)
	var logs struct {
		Logs []struct {
			TraceID string `json:"trace_id"`
		} `json:"logs"`
	}
	require.NoError(t, s.getJSON("/api/v1/logs?"+q.Encode(), &logs))
	require.Len(t, logs.Logs, requests)
	var trace struct {
		Spans []struct {
			Kind   string `json:"kind"`
			Parent string `json:"parent"`
		} `json:"spans"`
	}
	require.NoError(t, s.getJSON("/api/v1/traces/"+logs.Logs[0].TraceID, &trace))
	require.Len(t, trace.Spans, 2, "the log's trace is the request's: client, then server")
	var jvm struct {
		Data struct {
			Result []any `json:"result"`
		} `json:"data"`
	}
	require.NoError(t, s.getJSON("/prometheus/api/v1/query?query="+url.QueryEscape(`jvm_memory_used_bytes{service_name="java-shop"}`), &jvm))
	require.NotEmpty(t, jvm.Data.Result)
	s.requireOnPage(t, page{service: "java-shop", logs: "java-shop", query: `jvm_memory_used_bytes{service_name="java-shop"}`})
}

// remoteRead reads samples back with Prometheus's own remote read client, as Thanos and a second Prometheus do.
func remoteRead(t *testing.T, s *server) {
	t.Helper()
	client, err := remoteapi.NewAPI("http://"+s.writeHTTP, remoteapi.WithAPIPath("prometheus/api/v1/write"))
	require.NoError(t, err)
	at := time.Now().Add(-time.Minute).UnixMilli()
	_, err = client.Write(t.Context(), remoteapi.WriteV1MessageType, &prompb.WriteRequest{Timeseries: []prompb.TimeSeries{{
		Labels:  []prompb.Label{{Name: "__name__", Value: "read_back"}, {Name: "a", Value: "b"}},
		Samples: []prompb.Sample{{Timestamp: at, Value: 1}, {Timestamp: at + 1000, Value: 2}},
	}}})
	require.NoError(t, err)
	s.waitStored()
	address, err := url.Parse(s.url("/prometheus/api/v1/read"))
	require.NoError(t, err)
	for _, chunked := range []bool{false, true} {
		read, err := remote.NewReadClient("test", &remote.ClientConfig{
			URL: &commonconfig.URL{URL: address}, Timeout: model.Duration(10 * time.Second), ChunkedReadLimit: 1 << 20,
		})
		require.NoError(t, err)
		q := &prompb.Query{StartTimestampMs: at - 1000, EndTimestampMs: at + 5000, Matchers: []*prompb.LabelMatcher{{Name: "__name__", Value: "read_back"}}}
		set, err := read.Read(t.Context(), q, chunked)
		require.NoError(t, err)
		n := 0
		for set.Next() {
			require.Equal(t, "b", set.At().Labels().Get("a"))
			it := set.At().Iterator(nil)
			for it.Next() == chunkenc.ValFloat {
				n++
			}
			require.NoError(t, it.Err())
		}
		require.NoError(t, set.Err())
		require.Equal(t, 2, n)
	}
}
