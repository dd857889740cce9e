// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// output is the one connection to the server that all providers share.
type output struct {
	conn     *grpc.ClientConn
	counts   counts
	spans    trace.SpanProcessor
	logs     *logBuffer
	metrics  *metricExporter
	interval time.Duration
	ids      *idGenerator
	closers  []func(context.Context) error
}

// newOutput returns an output whose exports, with their retries, end with ctx.
func newOutput(ctx context.Context, opts Options) (*output, error) {
	conn, err := grpc.NewClient(opts.Endpoint, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, fmt.Errorf("demo: connect to %s: %w", opts.Endpoint, err)
	}
	headers := map[string]string{}
	if opts.Key != "" {
		headers["authorization"] = "Bearer " + opts.Key
	}
	o := &output{conn: conn, interval: opts.MetricInterval, ids: newIDGenerator(opts.Seed)}
	te, err := otlptracegrpc.New(ctx, otlptracegrpc.WithGRPCConn(conn), otlptracegrpc.WithHeaders(headers))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("demo: trace exporter: %w", err), conn.Close())
	}
	me, err := otlpmetricgrpc.New(ctx, otlpmetricgrpc.WithGRPCConn(conn), otlpmetricgrpc.WithHeaders(headers))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("demo: metric exporter: %w", err), conn.Close())
	}
	le, err := otlploggrpc.New(ctx, otlploggrpc.WithGRPCConn(conn), otlploggrpc.WithHeaders(headers))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("demo: log exporter: %w", err), conn.Close())
	}
	within := until(ctx)
	// Blocking: a summary that counts what was dropped on the way would prove nothing.
	o.spans = trace.NewBatchSpanProcessor(&spanExporter{SpanExporter: te, within: within, counts: &o.counts},
		trace.WithBlocking(), trace.WithMaxQueueSize(8192), trace.WithMaxExportBatchSize(1024), trace.WithBatchTimeout(time.Second))
	o.logs = &logBuffer{exporter: le, within: within, counts: &o.counts, flushed: time.Now()}
	o.metrics = &metricExporter{Exporter: me, within: within, counts: &o.counts}
	return o, nil
}

// providers are the SDK of one process.
type providers struct {
	tracer *trace.TracerProvider
	logger *log.LoggerProvider
	meter  *metric.MeterProvider
}

// process makes the providers of one process with its resource.
func (o *output) process(attrs ...attribute.KeyValue) providers {
	res := resource.NewSchemaless(attrs...)
	p := providers{
		tracer: trace.NewTracerProvider(trace.WithResource(res), trace.WithSpanProcessor(o.spans), trace.WithIDGenerator(o.ids)),
		logger: log.NewLoggerProvider(log.WithResource(res), log.WithProcessor(o.logs)),
		meter: metric.NewMeterProvider(metric.WithResource(res),
			metric.WithReader(metric.NewPeriodicReader(o.metrics, metric.WithInterval(o.interval)))),
	}
	o.closers = append(o.closers, p.meter.Shutdown)
	return p
}

// close sends what is left. The shared processors are shut down once, after all meters.
func (o *output) close(ctx context.Context) error {
	var errs []error
	for _, c := range o.closers {
		errs = append(errs, c(ctx))
	}
	errs = append(errs, o.spans.Shutdown(ctx), o.logs.close(ctx), o.metrics.Exporter.Shutdown(ctx), o.conn.Close())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("demo: send: %w", err)
	}
	return nil
}

// idGenerator makes ids from the seed. Safe for concurrent use.
type idGenerator struct {
	mu  sync.Mutex
	rng *rand.Rand // guarded by mu
}

func newIDGenerator(seed uint64) *idGenerator {
	return &idGenerator{rng: rand.New(rand.NewPCG(seed, 0x1d5))} //nolint:gosec // Ids need to be repeatable, not secret.
}

func (g *idGenerator) NewIDs(context.Context) (oteltrace.TraceID, oteltrace.SpanID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var t oteltrace.TraceID
	binary.BigEndian.PutUint64(t[:8], g.rng.Uint64())
	binary.BigEndian.PutUint64(t[8:], g.rng.Uint64()|1) // All zero is invalid.
	return t, g.spanID()
}

func (g *idGenerator) NewSpanID(context.Context, oteltrace.TraceID) oteltrace.SpanID {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.spanID()
}

func (g *idGenerator) spanID() oteltrace.SpanID {
	var s oteltrace.SpanID
	binary.BigEndian.PutUint64(s[:], g.rng.Uint64()|1)
	return s
}
