// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap"
)

func someLogs(n int) plog.Logs {
	ld := plog.NewLogs()
	records := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for range n {
		records.AppendEmpty().Body().SetStr("x")
	}
	return ld
}

// TestGroup: while the queue is busy records wait, up to a bound; a stop hands everything over.
func TestGroup(t *testing.T) {
	var sink consumertest.LogsSink
	free := make(chan struct{})
	next, err := consumer.NewLogs(func(ctx context.Context, ld plog.Logs) error {
		<-free
		return errors.Join(sink.ConsumeLogs(ctx, ld))
	})
	require.NoError(t, err)
	g := NewGroup(next, zap.NewNop())
	g.Start()
	added := 0
	for g.Add(someLogs(1), false) {
		added++
	}
	require.GreaterOrEqual(t, added, maxGroup)
	require.LessOrEqual(t, added, maxGroup+maxRequest)
	waited := make(chan bool)
	go func() { waited <- g.Add(someLogs(1), true) }()
	close(free)
	require.True(t, <-waited)
	g.Stop()
	require.Equal(t, added+1, sink.LogRecordCount())
	require.LessOrEqual(t, len(sink.AllLogs()), 3+maxGroup/maxRequest)
}

func TestStream(t *testing.T) {
	stats := NewStats()
	drop := NewStream(StreamOptions{Name: "udp", Drop: true, Mask: true, MaxRecordsPerSecond: 10}, stats)
	passed := 0
	for range 100 {
		if drop.Pass(t.Context(), someLogs(1), false) {
			passed++
		}
	}
	require.False(t, drop.Pass(t.Context(), someLogs(1), true), "full")
	st := stats.Status()[0]
	require.Equal(t, int64(passed), st.Records)
	require.Equal(t, int64(101), st.Records+st.Dropped)
	require.InDelta(t, 10, passed, 3)
}

func TestLimiter(t *testing.T) {
	now := time.Now()
	l := newLimiter(100, now)
	require.Zero(t, l.reserve(100, now))
	require.Equal(t, time.Second, l.reserve(100, now))
	require.Equal(t, 500*time.Millisecond, l.reserve(50, now.Add(time.Second)), "the second before is paid for")
	require.Zero(t, l.reserve(100, now.Add(time.Hour)), "a second's worth at once after a pause")
	require.Zero(t, newLimiter(0, now).reserve(1<<30, now))
}
