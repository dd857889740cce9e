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
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/strata-apm/strata/bench/replay"
	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/ingest/bus/embedded"
	"github.com/strata-apm/strata/ingest/counted"
	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/ingest/otlp"
	"github.com/strata-apm/strata/ingest/writer"
	"github.com/strata-apm/strata/internal/ledger"
	"github.com/strata-apm/strata/signal"
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
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

// pipe is everything from the socket to the stores.
type pipe struct {
	b      *testing.B
	engine *supervise.Supervisor // nil for metrics
	bus    *embedded.Bus
	ledger *ledger.Ledger
	addr   string
}

func newPipe(b *testing.B) *pipe {
	b.Helper()
	l, err := ledger.Open(filepath.Join(b.TempDir(), "ledger"), slog.New(slog.DiscardHandler), time.Now)
	require.NoError(b, err)
	p := &pipe{b: b, ledger: l}
	p.bus, err = embedded.Open(filepath.Join(b.TempDir(), "bus"), embedded.Options{
		Logger: slog.New(slog.DiscardHandler), Topics: []string{signal.Metrics.Topic(), signal.Traces.Topic(), signal.Logs.Topic()},
		OnDurable: func(topic string, offset int64, headers []bus.Header) {
			l.Accepted(topic, offset, counted.Item(topic, headers))
		},
	})
	require.NoError(b, err)
	cfg := intake.DefaultConfig()
	cfg.InFlightBytes, cfg.Limits.MetricsPast = 256<<20, 24*time.Hour
	srv := httptest.NewServer(otlp.NewReceiver(intake.New(intake.Options{Config: cfg, Producer: p.bus, Ledger: l})).Handler())
	b.Cleanup(srv.Close)
	p.addr = strings.TrimPrefix(srv.URL, "http://")
	return p
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

func (p *pipe) dial(path string) *replay.Conn {
	p.b.Helper()
	conn, err := replay.Dial(p.b.Context(), p.addr, path)
	require.NoError(p.b, err)
	p.b.Cleanup(func() { _ = conn.Close() })
	return conn
}

// drained waits until the writers have committed everything on the bus.
func (p *pipe) drained() {
	p.b.Helper()
	require.Eventually(p.b, func() bool {
		for _, st := range p.bus.Stats() {
			if st.Committed < st.Next {
				return false
			}
		}
		return true
	}, time.Minute, 5*time.Millisecond)
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

func (p *pipe) report(before time.Duration, items int) {
	p.b.StopTimer()
	used := cpu(p.b) - before
	if p.engine != nil {
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
	conn := p.dial("/v1/metrics")
	items, before := 0, cpu(b)
	b.ResetTimer()
	for i := range b.N {
		for _, h := range bodies {
			h.Step(start.Add(time.Duration(i) * 10 * time.Second))
			require.NoError(b, conn.Send(h.Body))
			items += h.Points()
		}
	}
	p.drained()
	p.report(before, items)
}

func (p *pipe) records(path string, build func(seed uint64) (*replay.Records, error)) {
	var bodies []*replay.Records
	for seed := range uint64(8) {
		r, err := build(seed)
		require.NoError(p.b, err)
		bodies = append(bodies, r)
	}
	conn := p.dial(path)
	items, before := 0, cpu(p.b)
	p.b.ResetTimer()
	for i := range p.b.N {
		r := bodies[i%len(bodies)]
		r.Refresh(time.Now())
		require.NoError(p.b, conn.Send(r.Body))
		items += r.Items
	}
	p.drained()
	p.report(before, items)
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

// BenchmarkTraces sends one body of about 512 spans per iteration.
func BenchmarkTraces(b *testing.B) {
	p := newPipe(b)
	p.consume(signal.Traces.Topic(), writer.NewBatches(p.options(signal.Traces.Topic()), writer.TraceSink{Appender: p.clickhouse()}).Handle)
	p.records("/v1/traces", func(seed uint64) (*replay.Records, error) { return replay.NewTraces(seed, 45) })
}

// BenchmarkLogs sends one body of 2000 log records per iteration.
func BenchmarkLogs(b *testing.B) {
	p := newPipe(b)
	p.consume(signal.Logs.Topic(), writer.NewBatches(p.options(signal.Logs.Topic()), writer.LogSink{Appender: p.clickhouse()}).Handle)
	p.records("/v1/logs", func(seed uint64) (*replay.Records, error) { return replay.NewLogs(seed, 2000) })
}
