// SPDX-License-Identifier: Apache-2.0

// Command kafkaexport sends a few traces, log records and metrics to Kafka by the OpenTelemetry Collector's own Kafka exporter
// (contrib kafkaexporter, encoding otlp_proto), as a Collector in front of Strata's topics does.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/kafkaexporter"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const requests = 10

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: kafkaexport HOST:PORT[,HOST:PORT…] PREFIX-OF-TOPICS")
		os.Exit(2)
	}
	if err := run(context.Background(), strings.Split(os.Args[1], ","), os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "kafkaexport:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, brokers []string, prefix string) error {
	factory := kafkaexporter.NewFactory()
	cfg := factory.CreateDefaultConfig()
	conf := confmap.NewFromStringMap(map[string]any{
		"brokers":                brokers,
		"traces":                 map[string]any{"topic": prefix + "strata.traces", "encoding": "otlp_proto"},
		"logs":                   map[string]any{"topic": prefix + "strata.logs", "encoding": "otlp_proto"},
		"metrics":                map[string]any{"topic": prefix + "strata.metrics", "encoding": "otlp_proto"},
		"partition_traces_by_id": true,
		"partition_metrics_by_resource_attributes": true,
		"sending_queue": map[string]any{"enabled": false},
	})
	if err := conf.Unmarshal(cfg); err != nil {
		return fmt.Errorf("configure: %w", err)
	}
	set := exporter.Settings{ID: component.NewID(factory.Type()), TelemetrySettings: componenttest.NewNopTelemetrySettings(), BuildInfo: component.NewDefaultBuildInfo()}
	te, err := factory.CreateTraces(ctx, set, cfg)
	if err != nil {
		return err
	}
	le, err := factory.CreateLogs(ctx, set, cfg)
	if err != nil {
		return err
	}
	me, err := factory.CreateMetrics(ctx, set, cfg)
	if err != nil {
		return err
	}
	for _, c := range []component.Component{te, le, me} {
		if err := c.Start(ctx, componenttest.NewNopHost()); err != nil {
			return fmt.Errorf("start: %w", err)
		}
		defer func() { _ = c.Shutdown(ctx) }()
	}
	for i := range requests {
		if err := te.ConsumeTraces(ctx, trace(i)); err != nil {
			return fmt.Errorf("traces: %w", err)
		}
		if err := le.ConsumeLogs(ctx, logs(i)); err != nil {
			return fmt.Errorf("logs: %w", err)
		}
		if err := me.ConsumeMetrics(ctx, metrics(i)); err != nil {
			return fmt.Errorf("metrics: %w", err)
		}
	}
	return nil
}

func now() pcommon.Timestamp { return pcommon.NewTimestampFromTime(time.Now()) }

func trace(i int) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "behind-kafka")
	for j := range 3 {
		s := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		s.SetTraceID(pcommon.TraceID{0xcc, byte(i + 1)})
		s.SetSpanID(pcommon.SpanID{byte(j + 1)})
		s.SetName("step")
		s.SetStartTimestamp(now())
		s.SetEndTimestamp(now())
	}
	return td
}

func logs(i int) plog.Logs {
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", "behind-kafka")
	r := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	r.SetTimestamp(now())
	r.Body().SetStr(fmt.Sprintf("record %d", i))
	return ld
}

func metrics(i int) pmetric.Metrics {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", "behind-kafka")
	m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("behind.kafka")
	p := m.SetEmptyGauge().DataPoints().AppendEmpty()
	p.SetTimestamp(now())
	p.SetIntValue(int64(i))
	p.Attributes().PutInt("i", int64(i))
	return md
}
