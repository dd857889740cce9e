// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver"
	"go.uber.org/zap"
)

// TestStats: one set of counters for each source, over the collectors that run one after the other.
func TestStats(t *testing.T) {
	s := NewStats()
	require.Empty(t, s.Status())
	a := s.Source([]string{"/b/*.log", "/a/*.log"})
	require.Same(t, a, s.Source([]string{"/b/*.log", "/a/*.log"}))
	a.Records.Store(3)
	a.HeldBackMillis.Store(1500)
	s.Source([]string{"/0"}).Dropped.Store(2)
	require.Equal(t, []SourceStatus{{Source: "/0", Dropped: 2}, {Source: "/b/*.log /a/*.log", Records: 3, HeldBackSeconds: 1.5}}, s.Status())
}

// TestKernelDrops: datagrams that a full socket throws away are told as dropped; an address that is none has none.
func TestKernelDrops(t *testing.T) {
	for _, address := range []string{"", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:99999", "127.0.0.1:0"} {
		require.Zero(t, kernelDrops(address), address)
	}
	c, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = c.Close() }()
	require.NoError(t, c.(*net.UDPConn).SetReadBuffer(1))
	out, err := (&net.Dialer{}).DialContext(t.Context(), "udp", c.LocalAddr().String())
	require.NoError(t, err)
	defer func() { _ = out.Close() }()
	for range 200 {
		_, err := out.Write(make([]byte, 4096))
		require.NoError(t, err)
	}
	require.Positive(t, kernelDrops(c.LocalAddr().String()))
	s := NewStats()
	s.Source([]string{"udp://" + c.LocalAddr().String()}).Dropped.Store(5)
	require.Greater(t, s.Status()[0].Dropped, int64(5))
}

// TestTeller: the counters are told at each interval, also after the queue refused them, until the stop.
func TestTeller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stats := NewStats()
		stats.Source([]string{"/a"}).Records.Store(7)
		factory, err := NewStatsFactory(stats)
		require.NoError(t, err)
		cfg := factory.CreateDefaultConfig().(*StatsConfig)
		require.Equal(t, 10*time.Second, cfg.Interval)
		var mu sync.Mutex
		var told []int64
		next, err := consumer.NewMetrics(func(_ context.Context, md pmetric.Metrics) error {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Sum().DataPoints().At(0).IntValue())
			if len(told) == 1 {
				return errors.New("full")
			}
			return nil
		})
		require.NoError(t, err)
		set := receiver.Settings{ID: component.NewID(factory.Type()), TelemetrySettings: component.TelemetrySettings{Logger: zap.NewNop()}}
		r, err := factory.CreateMetrics(t.Context(), set, cfg, next)
		require.NoError(t, err)
		require.NoError(t, r.Shutdown(t.Context()), "never started")
		require.NoError(t, r.Start(t.Context(), componenttest.NewNopHost()))
		time.Sleep(25 * time.Second) // The clock of the bubble.
		stats.Source([]string{"/a"}).Records.Store(9)
		time.Sleep(10 * time.Second)
		require.NoError(t, r.Shutdown(t.Context()))
		require.Equal(t, []int64{7, 7, 9}, told)
	})
}

// TestLimiterTries: a source that cannot wait is let through or not; a refused attempt costs the next ones nothing.
func TestLimiterTries(t *testing.T) {
	now := time.Now()
	l := newLimiter(10, now)
	require.True(t, l.try(10, now))
	for range 100 {
		require.False(t, l.try(5, now))
	}
	require.False(t, l.try(5, now.Add(400*time.Millisecond)))
	require.True(t, l.try(5, now.Add(500*time.Millisecond)))
	require.True(t, newLimiter(0, now).try(1<<30, now))
}

// TestLimiterWaits: waiting ends with its context.
func TestLimiterWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(1, time.Now())
		require.Zero(t, l.wait(t.Context(), 1))
		begin := time.Now()
		require.Equal(t, time.Second, l.wait(t.Context(), 1))
		require.Equal(t, time.Second, time.Since(begin))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		l.wait(ctx, 100)
		require.Equal(t, 2*time.Second, time.Since(begin))
	})
}

// TestGateHoldsBack: a source that can wait is held back and loses nothing.
func TestGateHoldsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stats := NewStats()
		g := NewStream(StreamOptions{Name: "tcp", MaxRecordsPerSecond: 2}, stats)
		begin := time.Now()
		for range 4 {
			require.True(t, g.Pass(t.Context(), someLogs(1), true), "a full queue is waited for")
		}
		require.Equal(t, time.Second, time.Since(begin))
		g.Lost(1)
		require.Equal(t, []SourceStatus{{Source: "tcp", Records: 3, Bytes: 4, HeldBack: 2, HeldBackSeconds: 1, Dropped: 1}}, stats.Status())
	})
}

// TestGatePrepares: records get their level and lose their secrets; an entry of the journal becomes a record first.
func TestGatePrepares(t *testing.T) {
	stats := NewStats()
	g := NewStream(StreamOptions{Kind: KindJournald, Name: "journald", Mask: true}, stats)
	ld := plog.NewLogs()
	records := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	m := records.AppendEmpty().Body().SetEmptyMap()
	m.PutStr("MESSAGE", "ERROR password=hunter2")
	records.AppendEmpty().Body().SetInt(5)
	require.True(t, g.Pass(t.Context(), ld, false))
	require.Equal(t, "ERROR password=***", records.At(0).Body().Str())
	require.Equal(t, plog.SeverityNumberError, records.At(0).SeverityNumber())
	require.Equal(t, int64(5), records.At(1).Body().Int())
	require.Equal(t, []SourceStatus{{Source: "journald", Records: 2, Bytes: int64(len("ERROR password=hunter2")), Masked: 1}}, stats.Status())

	syslog := NewStream(StreamOptions{Kind: KindSyslog, Name: "udp"}, stats)
	ld = someLogs(1)
	body := allRecords(ld)[0].Body()
	body.SetStr("password=hunter2")
	require.True(t, syslog.Pass(t.Context(), ld, false))
	require.Equal(t, "password=hunter2", body.Str(), "nothing is masked that is not to be")
}

// TestGroupLoses: records that the queue refuses are lost and told, and the ones behind them go on.
func TestGroupLoses(t *testing.T) {
	var sink consumertest.LogsSink
	calls := 0
	next, err := consumer.NewLogs(func(ctx context.Context, ld plog.Logs) error {
		if calls++; calls == 1 {
			return errors.New("disk full")
		}
		return sink.ConsumeLogs(ctx, ld)
	})
	require.NoError(t, err)
	g := NewGroup(next, zap.NewNop())
	require.True(t, g.Add(someLogs(maxRequest), false))
	require.True(t, g.Add(someLogs(3), false))
	g.Start()
	g.Stop()
	require.Equal(t, 3, sink.LogRecordCount())
	// A batch larger than the bound is taken when nothing waits, or it would never be.
	g = NewGroup(&sink, zap.NewNop())
	require.True(t, g.Add(someLogs(maxGroup+1), false))
	require.False(t, g.Add(someLogs(1), false))
	g.closed = true
	require.False(t, g.Add(someLogs(1), true), "nobody takes what waits")
}
