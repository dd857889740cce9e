// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

func TestHostsStep(t *testing.T) {
	start := time.Now().Truncate(time.Second)
	h, err := NewHosts(0, 2, start)
	require.NoError(t, err)
	require.Equal(t, 2*101, h.Points())
	h.Step(start.Add(time.Minute))
	md, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(h.Body)
	require.NoError(t, err)
	require.Equal(t, h.Points(), md.DataPointCount())
	net := md.ResourceMetrics().At(1).ScopeMetrics().At(5).Metrics().At(0)
	require.Equal(t, "net.bytes_sent", net.Name())
	p := net.Sum().DataPoints().At(0)
	require.Equal(t, start.Add(time.Minute).UnixNano(), p.Timestamp().AsTime().UnixNano())
	require.Equal(t, start.UnixNano(), p.StartTimestamp().AsTime().UnixNano())
	before := p.IntValue()
	h.Step(start.Add(2 * time.Minute))
	md, err = (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(h.Body)
	require.NoError(t, err)
	require.Greater(t, md.ResourceMetrics().At(1).ScopeMetrics().At(5).Metrics().At(0).Sum().DataPoints().At(0).IntValue(), before)
}

func TestLogsRefresh(t *testing.T) {
	r, err := NewLogs(1, 1000)
	require.NoError(t, err)
	require.InDelta(t, 190, r.TextBytes/r.Items, 15)
	now := time.Now()
	r.Refresh(now)
	ld, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(r.Body)
	require.NoError(t, err)
	require.Equal(t, r.Items, ld.LogRecordCount())
	last := ld.ResourceLogs().At(9).ScopeLogs().At(0).LogRecords()
	require.WithinDuration(t, now, last.At(last.Len()-1).Timestamp().AsTime(), time.Second)
}

func TestTracesRefresh(t *testing.T) {
	r, err := NewTraces(1, 50)
	require.NoError(t, err)
	for range 2 {
		now := time.Now()
		r.Refresh(now)
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(r.Body)
		require.NoError(t, err)
		require.Equal(t, r.Items, td.SpanCount())
		require.InDelta(t, 11.5, float64(r.Items)/50, 1)
		ids := map[string]bool{}
		spans := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
		for _, s := range spans.All() {
			require.WithinDuration(t, now, s.StartTimestamp().AsTime(), time.Second)
			ids[s.TraceID().String()+s.SpanID().String()] = true
		}
		for _, s := range spans.All() {
			require.True(t, s.ParentSpanID().IsEmpty() || ids[s.TraceID().String()+s.ParentSpanID().String()])
		}
	}
}
