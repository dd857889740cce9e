// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/strata-apm/strata/bench/replay"
	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/ingest/bus/embedded"
	"github.com/strata-apm/strata/ingest/bus/kafka"
	"github.com/strata-apm/strata/ingest/counted"
	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/ingest/otlp"
	"github.com/strata-apm/strata/ingest/rollup"
	"github.com/strata-apm/strata/ingest/split"
	"github.com/strata-apm/strata/ingest/writer"
	"github.com/strata-apm/strata/internal/ledger"
	"github.com/strata-apm/strata/signal"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/clickhouse"
	"github.com/strata-apm/strata/storage/clickhouse/engine/enginetest"
	"github.com/strata-apm/strata/storage/clickhouse/engine/supervise"
	"github.com/strata-apm/strata/storage/metrics"
	"github.com/strata-apm/strata/tenant"
)

// Environment variables to try other settings with.
const (
	lingerEnv     = "BENCH_LINGER"
	batchBytesEnv = "BENCH_BATCH_BYTES"
	// kafkaEnv is the address of a broker that is the bus then, in four partitions.
	kafkaEnv = "BENCH_KAFKA"
	// rollupsEnv is how many rollups count the spans.
	rollupsEnv = "BENCH_ROLLUPS"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

// theBus is what a pipe needs of either bus.
type theBus interface {
	bus.Producer
	bus.Consumer
	Close() error
}

// kafkaLayout is split.Layout over Kafka.
type kafkaLayout struct{ *kafka.Bus }

func (kafkaLayout) PartitionOf(key []byte, n int) int { return kafka.PartitionOf(key, n) }

// pipe is everything from the socket to the stores.
type pipe struct {
	b      *testing.B
	engine *supervise.Supervisor // nil for metrics
	bus    theBus
	ledger *ledger.Ledger
	addr   string
}

func newPipe(b *testing.B) *pipe {
	b.Helper()
	l, err := ledger.Open(filepath.Join(b.TempDir(), "ledger"), slog.New(slog.DiscardHandler), time.Now)
	require.NoError(b, err)
	p := &pipe{b: b, ledger: l}
	topics := []string{signal.Metrics.Topic(), signal.Traces.Topic(), signal.Logs.Topic()}
	var layout split.Layout
	if addr := os.Getenv(kafkaEnv); addr != "" {
		layout = p.overKafka(addr, topics)
	} else {
		p.embedded(topics)
	}
	cfg := intake.DefaultConfig()
	cfg.InFlightBytes, cfg.Limits.MetricsPast = 256<<20, 24*time.Hour
	srv := httptest.NewServer(otlp.NewReceiver(intake.New(intake.Options{Config: cfg, Producer: p.bus, Ledger: l, Layout: layout})).Handler())
	b.Cleanup(srv.Close)
	p.addr = strings.TrimPrefix(srv.URL, "http://")
	return p
}

// overKafka makes topics of this run's own.
func (p *pipe) overKafka(addr string, topics []string) split.Layout {
	p.b.Helper()
	cfg := kafka.DefaultConfig()
	cfg.Brokers, cfg.Partitions, cfg.ReplicationFactor = []string{addr}, 4, 1
	cfg.TopicPrefix = fmt.Sprintf("pipeline%d.", time.Now().UnixNano())
	k, err := kafka.New(cfg, kafka.Options{Logger: slog.New(slog.DiscardHandler), Topics: topics})
	require.NoError(p.b, err)
	require.NoError(p.b, k.Check(p.b.Context()))
	p.bus = k
	return kafkaLayout{k}
}

func (p *pipe) embedded(topics []string) {
	p.b.Helper()
	var err error
	p.bus, err = embedded.Open(filepath.Join(p.b.TempDir(), "bus"), embedded.Options{
		Logger: slog.New(slog.DiscardHandler), Topics: topics,
		OnDurable: func(topic string, offset int64, headers []bus.Header) {
			p.ledger.Accepted(topic, offset, counted.Item(topic, headers))
		},
	})
	require.NoError(p.b, err)
}

// consume runs a writer until the benchmark ends.
func (p *pipe) consume(topic string, handle func(context.Context, bus.Partition) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.bus.Consume(ctx, topic, handle) }()
	p.b.Cleanup(func() {
		cancel()
		assert.NoError(p.b, <-done)
		require.NoError(p.b, p.bus.Close())
		require.NoError(p.b, p.ledger.Close())
	})
}

func (p *pipe) options(topic string) writer.Options {
	linger, _ := time.ParseDuration(os.Getenv(lingerEnv))
	batchBytes, _ := strconv.Atoi(os.Getenv(batchBytesEnv))
	return writer.Options{
		Linger: linger, BatchBytes: batchBytes, // 0 is the default.
		Topic: topic, Ledger: p.ledger, Logger: slog.New(slog.DiscardHandler), Tracer: noop.NewTracerProvider().Tracer(""),
		Quarantine: writer.NewQuarantine(p.b.TempDir()),
	}
}

// connections of the sender.
const connections = 4

// each runs send on every connection at once.
func (p *pipe) each(path string, send func(conn *replay.Conn, worker int)) {
	p.b.Helper()
	var senders sync.WaitGroup
	for worker := range connections {
		conn, err := replay.Dial(p.b.Context(), p.addr, path)
		require.NoError(p.b, err)
		p.b.Cleanup(func() { _ = conn.Close() })
		senders.Go(func() { send(conn, worker) })
	}
	senders.Wait()
}

// stored waits until the writers have stored so many records.
func (p *pipe) stored(s signal.Signal, items int) {
	p.b.Helper()
	require.Eventually(p.b, func() bool { return p.ledger.Totals()[s].Stored >= int64(items) }, time.Minute, 5*time.Millisecond)
}

// cpu is the processor time of this process, sender included; the engine is a child and is not in it.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// childCPU is the processor time of the engine since it started.
func childCPU(b *testing.B, pid int) time.Duration {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(b, err)
	f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	ticks := 0
	for _, i := range []int{11, 12} { // utime and stime of proc(5), counted from the state.
		n, err := strconv.Atoi(f[i])
		require.NoError(b, err)
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// peak is the most memory that a process has had resident, in MiB.
func peak(b *testing.B, pid int) float64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(b, err)
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	require.NoError(b, err)
	return float64(kib) / 1024
}

func (p *pipe) report(before time.Duration, items int) {
	p.b.StopTimer()
	used := cpu(p.b) - before
	p.b.ReportMetric(peak(p.b, os.Getpid()), "peak-MiB")
	if p.engine != nil {
		p.b.ReportMetric(peak(p.b, p.engine.State().PID), "engine-peak-MiB")
		rested := childCPU(p.b, p.engine.State().PID)
		require.Eventually(p.b, func() bool { // Merges.
			before := rested
			rested = childCPU(p.b, p.engine.State().PID)
			return rested-before < 20*time.Millisecond
		}, 30*time.Second, 500*time.Millisecond, "the engine comes to rest")
		p.b.ReportMetric(childCPU(p.b, p.engine.State().PID).Seconds()*1e9/float64(items), "engine-ns/item")
	}
	p.b.ReportMetric(used.Seconds()*1e9/float64(items), "cpu-ns/item")
	p.b.ReportMetric(float64(items)/used.Seconds(), "items/cpu-s")
}

// BenchmarkMetrics sends one sample of 10 100 series per iteration.
func BenchmarkMetrics(b *testing.B) {
	p := newPipe(b)
	stores, err := metrics.OpenTenants(b.TempDir(), metrics.DefaultConfig(), slog.New(slog.DiscardHandler), nil)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, stores.Close()) })
	tenants := func(id tenant.ID) (writer.SampleStore, writer.MetadataSink, error) {
		t, err := stores.Tenant(id)
		if err != nil {
			return nil, nil, err
		}
		return t, t.Metadata, nil
	}
	p.consume(signal.Metrics.Topic(), writer.NewSamples(p.options(signal.Metrics.Topic()), tenants, func(md writer.MetadataSink) writer.Translator {
		return writer.NewOTLPTranslator(md, writer.Translation{Lookback: 5 * time.Minute})
	}).Handle)
	start := time.Now().Add(-2 * time.Hour)
	var bodies []*replay.Hosts
	for first := 0; first < 100; first += 10 {
		h, err := replay.NewHosts(first, 10, start)
		require.NoError(b, err)
		bodies = append(bodies, h)
	}
	items, before := new(atomic.Int64), cpu(b)
	b.ResetTimer()
	p.each("/v1/metrics", func(conn *replay.Conn, worker int) {
		for i := range b.N {
			for j := worker; j < len(bodies); j += connections {
				h := bodies[j]
				h.Step(start.Add(time.Duration(i) * 10 * time.Second))
				assert.NoError(b, conn.Send(h.Body))
				items.Add(int64(h.Points()))
			}
		}
	})
	p.stored(signal.Metrics, int(items.Load()))
	p.report(before, int(items.Load()))
}

func (p *pipe) records(s signal.Signal, path string, build func(seed uint64) (*replay.Records, error)) {
	var bodies []*replay.Records
	for seed := range uint64(2 * connections) {
		r, err := build(seed)
		require.NoError(p.b, err)
		bodies = append(bodies, r)
	}
	items, before := new(atomic.Int64), cpu(p.b)
	p.b.ResetTimer()
	p.each(path, func(conn *replay.Conn, worker int) {
		for i := worker; i < p.b.N; i += connections {
			r := bodies[(i/connections%2)*connections+worker]
			r.Refresh(time.Now())
			assert.NoError(p.b, conn.Send(r.Body))
			items.Add(int64(r.Items))
		}
	})
	p.stored(s, int(items.Load()))
	p.report(before, int(items.Load()))
}

func (p *pipe) clickhouse() *clickhouse.Store {
	p.b.Helper()
	sup := enginetest.Start(p.b, p.b.TempDir())
	p.engine = sup
	store, err := clickhouse.Open(p.b.Context(), clickhouse.Default(), clickhouse.Options{Dial: sup.DialContext})
	require.NoError(p.b, err)
	p.b.Cleanup(func() { require.NoError(p.b, store.Close()) })
	return store
}

// catalog has so many rollups of spans, each of three dimensions.
type catalog int

func (n catalog) RollupsVersion(context.Context) (string, error) { return "", nil }

func (n catalog) ListRollups(context.Context) ([]storage.Rollup, error) {
	dims := []string{`"service"`, `"name"`, `"status"`, `"route"`, `"kind"`, `"method"`, `"host"`, `"attr.http.response.status_code"`}
	var out []storage.Rollup
	for i := range int(n) {
		out = append(out, storage.Rollup{ID: strconv.Itoa(i), Tenant: tenant.Default, Version: 1, Name: "r", Definition: fmt.Sprintf(
			`{"name":"r%d","source":"spans","dimensions":["environment",%s,%s],"measures":[{"func":"count"},{"func":"avg","field":"duration"},{"func":"p95","field":"duration"}],"step":"10s","retention":"365d"}`,
			i, dims[i%len(dims)], dims[(i+1+i/len(dims))%len(dims)])})
	}
	return out, nil
}

func (p *pipe) rollups(store *clickhouse.Store) []writer.Derived {
	p.b.Helper()
	n, _ := strconv.Atoi(os.Getenv(rollupsEnv))
	if n == 0 {
		return nil
	}
	r, err := rollup.New(rollup.Options{Definitions: catalog(n), States: store, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(p.b, err)
	return []writer.Derived{r.Derived(signal.Traces)}
}

// BenchmarkTraces sends one body of about 512 spans per iteration.
func BenchmarkTraces(b *testing.B) {
	p := newPipe(b)
	store := p.clickhouse()
	sink := writer.TraceSink{Appender: store, Derived: p.rollups(store)}
	p.consume(signal.Traces.Topic(), writer.NewBatches(p.options(signal.Traces.Topic()), sink).Handle)
	p.records(signal.Traces, "/v1/traces", func(seed uint64) (*replay.Records, error) { return replay.NewTraces(seed, 45) })
}

// BenchmarkLogs sends one body of 2000 log records per iteration.
func BenchmarkLogs(b *testing.B) {
	p := newPipe(b)
	p.consume(signal.Logs.Topic(), writer.NewBatches(p.options(signal.Logs.Topic()), writer.LogSink{Appender: p.clickhouse()}).Handle)
	p.records(signal.Logs, "/v1/logs", func(seed uint64) (*replay.Records, error) { return replay.NewLogs(seed, 2000) })
}
