// SPDX-License-Identifier: Apache-2.0

// Package selfmon is the server's own telemetry: logs to standard error, and logs, traces and metrics through the OpenTelemetry SDK to
// the server's own OTLP port, so that it is watched by what it sells. /metrics of the Prometheus registry is what is sent as metrics.
package selfmon

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
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
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// ServiceName is how the server appears among the services.
const ServiceName = "strata"

// Options are what Start needs.
type Options struct {
	// Endpoint is the target of an OTLP gRPC server, such as host:port.
	Endpoint string
	// Dial may be nil; it reaches an Endpoint that is no address.
	Dial func(ctx context.Context, address string) (net.Conn, error)
	// TLS is nil for a plain connection.
	TLS *tls.Config
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
	conn, err := connect(opts)
	if err != nil {
		return nil, err
	}
	traces, metrics, logs, err := exporters(ctx, conn, opts.Headers)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
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
		close:  []func(context.Context) error{tp.Shutdown, mp.Shutdown, lp.Shutdown, func(context.Context) error { return conn.Close() }},
	}, nil
}

// connect returns the one connection of all exporters; it is dialled when something is sent.
func connect(opts Options) (*grpc.ClientConn, error) {
	security := insecure.NewCredentials()
	if opts.TLS != nil {
		security = credentials.NewTLS(opts.TLS)
	}
	dial := []grpc.DialOption{grpc.WithTransportCredentials(security)}
	if opts.Dial != nil {
		dial = append(dial, grpc.WithContextDialer(opts.Dial))
	}
	conn, err := grpc.NewClient(opts.Endpoint, dial...)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", opts.Endpoint, err)
	}
	return conn, nil
}

func exporters(ctx context.Context, conn *grpc.ClientConn, headers map[string]string) (t sdktrace.SpanExporter, m sdkmetric.Exporter, l sdklog.Exporter, err error) {
	if t, err = otlptracegrpc.New(ctx, otlptracegrpc.WithGRPCConn(conn), otlptracegrpc.WithHeaders(headers)); err != nil {
		return nil, nil, nil, fmt.Errorf("create trace exporter: %w", err)
	}
	if m, err = otlpmetricgrpc.New(ctx, otlpmetricgrpc.WithGRPCConn(conn), otlpmetricgrpc.WithHeaders(headers)); err != nil {
		return nil, nil, nil, fmt.Errorf("create metric exporter: %w", err)
	}
	if l, err = otlploggrpc.New(ctx, otlploggrpc.WithGRPCConn(conn), otlploggrpc.WithHeaders(headers)); err != nil {
		return nil, nil, nil, fmt.Errorf("create log exporter: %w", err)
	}
	return t, m, l, nil
}

// Close sends what is left, for as long as ctx allows.
func (t *Telemetry) Close(ctx context.Context) error {
	var err error
	for _, c := range t.close {
		err = errors.Join(err, c(ctx))
	}
	return err
}
