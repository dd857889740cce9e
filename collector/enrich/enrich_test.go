// SPDX-License-Identifier: Apache-2.0

package enrich

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

func addProcess(md pmetric.Metrics, pid int64, cpu float64, memory int64) {
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutInt(attrPID, pid)
	rm.Resource().Attributes().PutStr(attrExecutable, fmt.Sprintf("p%d", pid))
	metrics := rm.ScopeMetrics().AppendEmpty().Metrics()
	m := metrics.AppendEmpty()
	m.SetName(metricCPU)
	dps := m.SetEmptySum().DataPoints()
	for _, state := range []string{"user", "system"} {
		dp := dps.AppendEmpty()
		dp.Attributes().PutStr("state", state)
		dp.SetDoubleValue(cpu / 2)
		dp.SetStartTimestamp(pcommon.Timestamp(pid))
	}
	m = metrics.AppendEmpty()
	m.SetName(metricMemory)
	m.SetEmptySum().DataPoints().AppendEmpty().SetIntValue(memory)
}

func keptPIDs(md pmetric.Metrics) []int64 {
	var out []int64
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				if m.Name() != metricMemory {
					continue
				}
				for _, dp := range m.Sum().DataPoints().All() {
					pid, _ := dp.Attributes().Get(attrPID)
					out = append(out, pid.Int())
				}
			}
		}
	}
	return out
}

func TestTopProcesses(t *testing.T) {
	top := topProcesses{limit: 3}
	scrape := func(cpu map[int64]float64) pmetric.Metrics {
		md := pmetric.NewMetrics()
		for pid := range int64(10) {
			addProcess(md, pid, cpu[pid], 100-pid)
		}
		host := md.ResourceMetrics().AppendEmpty()
		host.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty().SetName("system.cpu.time")
		top.apply(md)
		return md
	}
	first := scrape(map[int64]float64{7: 1000, 8: 5})
	require.Equal(t, []int64{0, 7, 8}, keptPIDs(first), "7 and 8 by CPU, 0 by memory")
	require.Equal(t, 2, first.ResourceMetrics().Len(), "the host's own resource and one of all processes")
	second := scrape(map[int64]float64{7: 1000, 8: 5, 5: 1})
	require.Equal(t, []int64{0, 1, 5}, keptPIDs(second), "what was burnt before the last scrape does not count")
	require.Equal(t, 2*3+3, second.DataPointCount())
}

func TestEnrichMetrics(t *testing.T) {
	sink := new(consumertest.MetricsSink)
	p := &metricsProcessor{base: base{cfg: config{Attributes: map[string]string{"host.name": "h"}, Override: true}}, next: sink}
	md := pmetric.NewMetrics()
	md.ResourceMetrics().AppendEmpty().Resource().Attributes().PutStr("host.name", "other")
	require.NoError(t, p.ConsumeMetrics(t.Context(), md))
	got, _ := sink.AllMetrics()[0].ResourceMetrics().At(0).Resource().Attributes().Get("host.name")
	require.Equal(t, "h", got.Str())
}

func TestEnrichTracesKeepsWhatIsThere(t *testing.T) {
	sink := new(consumertest.TracesSink)
	p := &tracesProcessor{base: base{cfg: config{Attributes: map[string]string{"host.name": "h", "os.type": "linux"}}}, next: sink}
	td := ptrace.NewTraces()
	td.ResourceSpans().AppendEmpty().Resource().Attributes().PutStr("host.name", "other")
	require.NoError(t, p.ConsumeTraces(t.Context(), td))
	require.Equal(t, map[string]any{"host.name": "other", "os.type": "linux"},
		sink.AllTraces()[0].ResourceSpans().At(0).Resource().Attributes().AsRaw())
}

// TestEnrichLogsOutlivesReceiver: a cancelled receiver must not make the queue refuse a line whose checkpoint then moves. A program that
// sends OTLP and goes away has its own answer.
func TestEnrichLogsOutlivesReceiver(t *testing.T) {
	next, err := consumer.NewLogs(func(ctx context.Context, _ plog.Logs) error { return ctx.Err() })
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	own := &logsProcessor{base: base{cfg: config{Override: true}}, next: next}
	require.NoError(t, own.ConsumeLogs(ctx, logRecord("a")))
	program := &logsProcessor{next: next}
	require.ErrorIs(t, program.ConsumeLogs(ctx, logRecord("a")), context.Canceled)
}
