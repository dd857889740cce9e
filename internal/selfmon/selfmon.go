// SPDX-License-Identifier: Apache-2.0

// Package selfmon is the server's own telemetry: logs to standard error, and logs, traces and metrics through the OpenTelemetry SDK to
// the server's own OTLP port, so that it is watched by what it sells. /metrics of the Prometheus registry is what is sent as metrics.
package selfmon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/contrib/bridges/otelslog"
	prombridge "go.opentelemetry.io/contrib/bridges/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// ServiceName is how the server appears among the services.
const ServiceName = "strata"

// Options are what Start needs.
type Options struct {
	// Endpoint is the host:port of the server's own OTLP gRPC listener.
	Endpoint string
	// Headers are sent with every export, such as the key where credentials are required.
	Headers  map[string]string
	Version  string
	Instance string
	// Ratio is the share of own traces that are kept, Interval how often metrics are sent.
	Ratio    float64
	Interval time.Duration
	Gatherer prometheus.Gatherer
}

// Telemetry is running self-monitoring.
type Telemetry struct {
	Tracer trace.TracerProvider
	// Logs is a handler that sends records to the server itself.
	Logs  slog.Handler
	close []func(context.Context) error
}

// Off returns self-monitoring that sends nothing.
func Off() *Telemetry { return &Telemetry{Tracer: noop.NewTracerProvider(), Logs: slog.DiscardHandler} }

// Start sets up the three exporters. They dial lazily and drop what cannot be sent: the server must not wait for itself.
func Start(ctx context.Context, opts Options) (*Telemetry, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("read host name: %w", err)
	}
	res := resource.NewSchemaless(
		attribute.String("service.name", ServiceName), attribute.String("service.version", opts.Version),
		attribute.String("service.instance.id", opts.Instance), attribute.String("host.name", host),
		attribute.String("telemetry.sdk.language", "go"), attribute.String("telemetry.sdk.name", "opentelemetry"),
	)
	traces, err := otlptracegrpc.New(ctx, otlptracegrpc.WithEndpoint(opts.Endpoint), otlptracegrpc.WithInsecure(), otlptracegrpc.WithHeaders(opts.Headers))
	if err != nil {
		return nil, fmt.Errorf("create trace exporter: %w", err)
	}
	metrics, err := otlpmetricgrpc.New(ctx, otlpmetricgrpc.WithEndpoint(opts.Endpoint), otlpmetricgrpc.WithInsecure(), otlpmetricgrpc.WithHeaders(opts.Headers))
	if err != nil {
		return nil, fmt.Errorf("create metric exporter: %w", err)
	}
	logs, err := otlploggrpc.New(ctx, otlploggrpc.WithEndpoint(opts.Endpoint), otlploggrpc.WithInsecure(), otlploggrpc.WithHeaders(opts.Headers))
	if err != nil {
		return nil, fmt.Errorf("create log exporter: %w", err)
	}
	tp := sdktrace.NewTracerProvider(sdktrace.WithResource(res), sdktrace.WithBatcher(traces),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(opts.Ratio))))
	reader := sdkmetric.NewPeriodicReader(metrics, sdkmetric.WithInterval(opts.Interval),
		sdkmetric.WithProducer(prombridge.NewMetricProducer(prombridge.WithGatherer(opts.Gatherer))))
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithResource(res), sdkmetric.WithReader(reader))
	lp := sdklog.NewLoggerProvider(sdklog.WithResource(res), sdklog.WithProcessor(sdklog.NewBatchProcessor(logs)))
	return &Telemetry{
		Tracer: tp,
		Logs:   otelslog.NewHandler(ServiceName, otelslog.WithLoggerProvider(lp)),
		close:  []func(context.Context) error{tp.Shutdown, mp.Shutdown, lp.Shutdown},
	}, nil
}

// Close sends what is left, for as long as ctx allows.
func (t *Telemetry) Close(ctx context.Context) error {
	var err error
	for _, c := range t.close {
		err = errors.Join(err, c(ctx))
	}
	return err
}
