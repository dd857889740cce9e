// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

func TestVolume(t *testing.T) {
	at := time.Unix(1000, 0)
	v := NewVolume(at)
	v.add("logs/files", 30)
	got := v.Section(at.Add(10*time.Second), "h")
	require.Equal(t, VolumeCounts{Total: 30, PerMinute: 30}, got.Pipelines["logs/files"], "no rate that is too high")
	require.Equal(t, "h", got.Config)
	for i := range 20 {
		v.add("logs/files", 10)
		got = v.Section(at.Add(time.Duration(15+5*i)*time.Second), "h")
	}
	require.Equal(t, VolumeCounts{Total: 230, PerMinute: 120}, got.Pipelines["logs/files"])
	require.LessOrEqual(t, len(v.past), 14)
}

var errFull = errors.New("queue is full")

// TestVolumeCountsWhatIsTaken: records that the queue refuses are not counted, and a pipeline is counted under its name.
func TestVolumeCountsWhatIsTaken(t *testing.T) {
	at := time.Unix(1000, 0)
	v := NewVolume(at)
	metrics, logs, traces := pmetric.NewMetrics(), plog.NewLogs(), ptrace.NewTraces()
	gauge := metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty().SetEmptyGauge()
	gauge.DataPoints().AppendEmpty()
	gauge.DataPoints().AppendEmpty()
	logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	traces.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	for _, next := range []interface {
		consumer.Metrics
		consumer.Logs
		consumer.Traces
	}{consumertest.NewNop(), consumertest.NewErr(errFull)} {
		err := errors.Join(
			v.CountMetrics("host", next).ConsumeMetrics(t.Context(), metrics),
			v.CountLogs("logs", next).ConsumeLogs(t.Context(), logs),
			v.CountLogs("syslog_1", next).ConsumeLogs(t.Context(), logs),
			v.CountTraces("otlp", next).ConsumeTraces(t.Context(), traces),
		)
		if err != nil {
			require.ErrorIs(t, err, errFull)
		}
	}
	got := v.Section(at.Add(time.Minute), "")
	require.Equal(t, map[string]VolumeCounts{
		"metrics/host": {Total: 2, PerMinute: 2}, "logs/files": {Total: 1, PerMinute: 1}, "logs/syslog_1": {Total: 1, PerMinute: 1},
		"traces/otlp": {Total: 1, PerMinute: 1},
	}, got.Pipelines)
	require.InDelta(t, 1060, got.At, 0)
}

// TestVolumeForgetsThePast: the rate is that of the last minute, over however long nobody asked.
func TestVolumeForgetsThePast(t *testing.T) {
	at := time.Unix(1000, 0)
	v := NewVolume(at)
	v.add("logs/files", 100)
	v.Section(at.Add(time.Minute), "")
	require.Equal(t, VolumeCounts{Total: 100}, v.Section(at.Add(2*time.Minute), "").Pipelines["logs/files"], "nothing since")
	v.add("logs/files", 30)
	require.Equal(t, VolumeCounts{Total: 130, PerMinute: 3}, v.Section(at.Add(12*time.Minute), "").Pipelines["logs/files"])
}

// TestVolumeIsShared: pipelines count while the board is written.
func TestVolumeIsShared(t *testing.T) {
	v := NewVolume(time.Unix(0, 0))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 100 {
				v.add("logs/files", 1)
				v.Section(time.Unix(int64(i), 0), "")
			}
		})
	}
	wg.Wait()
	require.Equal(t, int64(400), v.Section(time.Unix(1000, 0), "").Pipelines["logs/files"].Total)
}
