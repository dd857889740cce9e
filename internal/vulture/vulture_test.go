// SPDX-License-Identifier: Apache-2.0

package vulture

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/strata-apm/strata/collector/otlptest"
)

func TestValidate(t *testing.T) {
	require.NoError(t, Default().Validate())
	for want, change := range map[string]func(*Options){
		"at least one address": func(o *Options) { o.Endpoints = nil }, `"x" is not http(s)`: func(o *Options) { o.URL = "x" }, `"ftp://h" is not`: func(o *Options) { o.URL = "ftp://h" },
		"0 is not above 0": func(o *Options) { o.Rate = 0 }, "1001 is not above 0 and at most 1000": func(o *Options) { o.Rate = 1001 }, "window must be at least 1s": func(o *Options) { o.Window = time.Millisecond },
	} {
		o := Default()
		change(&o)
		require.ErrorContains(t, o.Validate(), want)
		_, err := Run(t.Context(), o)
		require.ErrorContains(t, err, want)
	}
	for _, change := range []func(*Options){func(o *Options) { o.LateAfter = 0 }, func(o *Options) { o.Patience = o.LateAfter - 1 }, func(o *Options) { o.Duration = -1 }} {
		o := Default()
		change(&o)
		require.ErrorContains(t, o.Validate(), "patience no shorter than late-after")
	}
}

// memory stands for a server: what is sent is there after a while, as often as the test wants.
type memory struct {
	after time.Duration
	times func(seq uint64) int // how often a request is there; nil: once

	mu   sync.Mutex
	data map[uint64]time.Time // when each was sent; guarded by mu
	fail error                // of reading; guarded by mu
}

func (m *memory) send(_ context.Context, seq uint64, _ time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.data[seq] = time.Now()
	return nil
}

func (m *memory) read(_ context.Context, x *window) (found, int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return nil, 0, m.fail
	}
	got := found{}
	for seq, at := range m.data {
		if at.Before(x.start) || !at.Before(x.end) || time.Since(at) < m.after {
			continue
		}
		n := 1
		if m.times != nil {
			n = m.times(seq)
		}
		if n > 0 {
			got[seq] = whole(n)
		}
	}
	return got, 0, nil
}

// watch runs one signal for a while of a bubble's clock and returns what it counted.
func watch(t *testing.T, m *memory, send export, length time.Duration) Counts {
	t.Helper()
	opts := Default()
	opts.Rate = 1
	r := testRun(opts)
	w := &windows{length: opts.Window}
	writing, stop := context.WithTimeout(t.Context(), length)
	defer stop()
	over := make(chan struct{})
	go func() {
		defer close(over)
		r.write(writing, send, w)
	}()
	r.verify(t.Context(), newView(signalLogs, m.read, w), over)
	require.Empty(t, w.rest(), "every window is judged")
	return w.snapshot()
}

// TestVerify: each fault of a server is counted as what it is.
func TestVerify(t *testing.T) {
	broken := errors.New("503")
	const sent = 31 // Of half a minute, one a second.
	for name, c := range map[string]struct {
		memory *memory
		want   Counts
	}{
		"all is there":       {&memory{}, Counts{Verified: sent}},
		"late":               {&memory{after: 45 * time.Second}, Counts{Verified: sent, Late: sent}},
		"gone":               {&memory{times: func(seq uint64) int { return int(min(seq%10, 1)) }}, Counts{Verified: sent - 4, Missing: 4}},
		"twice":              {&memory{times: func(seq uint64) int { return 1 + int(seq%2) }}, Counts{Verified: 16, Doubled: 15}},
		"never readable":     {&memory{fail: broken}, Counts{Missing: sent}},
		"always partial":     {&memory{fail: errPartial}, Counts{Missing: sent}},
		"too late to matter": {&memory{after: time.Hour}, Counts{Missing: sent}},
	} {
		synctest.Test(t, func(t *testing.T) {
			c.memory.data = map[uint64]time.Time{}
			got := watch(t, c.memory, c.memory.send, 30*time.Second+time.Millisecond)
			require.GreaterOrEqual(t, got.LatestSeconds, 0.0)
			got.LatestSeconds = 0
			c.want.Sent, c.want.Acknowledged = sent, sent
			if name == "late" { // The newest windows are read when the run has ended, some of them in time.
				require.Positive(t, got.Late)
				got.Late = sent
			}
			require.Equal(t, c.want, got, name)
		})
	}
}

// TestVerifyDoubledLater: a window that was complete is looked at again before it is judged, for what comes twice comes later.
func TestVerifyDoubledLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		m := &memory{data: map[uint64]time.Time{}}
		m.times = func(uint64) int {
			if time.Since(begin) > 50*time.Second {
				return 2
			}
			return 1
		}
		got := watch(t, m, m.send, 2*time.Minute)
		require.Equal(t, got.Sent, got.Doubled)
		require.Zero(t, got.Verified)
	})
}

// TestVerifyRecovers: reading that fails for a while costs nothing.
func TestVerifyRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{data: map[uint64]time.Time{}, fail: errors.New("starting")}
		go func() {
			time.Sleep(20 * time.Second) // The clock of the bubble.
			m.mu.Lock()
			defer m.mu.Unlock()
			m.fail = nil
		}()
		got := watch(t, m, m.send, 30*time.Second+time.Millisecond)
		require.Equal(t, int64(31), got.Verified)
	})
}

// TestWrite: requests come at their rate with times that never repeat; requests without an answer are uncertain, and a request under way is finished.
func TestWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := testRun(Options{Rate: 1000})
		w := &windows{length: time.Second}
		ctx, cancel := context.WithCancel(t.Context())
		seen := map[int64]bool{}
		r.write(ctx, func(call context.Context, seq uint64, at time.Time) error {
			require.Zero(t, at.Nanosecond()%int(time.Millisecond))
			require.False(t, seen[at.UnixMilli()], "a time twice")
			seen[at.UnixMilli()] = true
			deadline, ok := call.Deadline()
			require.True(t, ok)
			require.Equal(t, exportTimeout, time.Until(deadline))
			if seq == 99 {
				cancel()
				require.NoError(t, call.Err(), "the end of the run does not cut a request")
			}
			if seq%10 == 0 {
				return errors.New("no answer")
			}
			return nil
		}, w)
		require.Equal(t, Counts{Sent: 100, Acknowledged: 90, Uncertain: 10}, w.snapshot())
	})
}

// TestRegister: the counts are metrics by signal, and a name that is taken is an error.
func TestRegister(t *testing.T) {
	require.NoError(t, register(nil, signalLogs, &windows{}))
	reg := prometheus.NewRegistry()
	w := &windows{length: time.Second}
	w.note(1, time.Now(), true)
	require.NoError(t, register(reg, signalLogs, w))
	require.NoError(t, register(reg, signalTraces, &windows{}))
	require.ErrorContains(t, register(reg, signalLogs, w), "register metrics")
	families, err := reg.Gather()
	require.NoError(t, err)
	require.Len(t, families, 6)
	for _, f := range families {
		require.True(t, strings.HasPrefix(f.GetName(), "strata_vulture_"))
		require.NotEmpty(t, f.GetHelp())
		if f.GetName() == "strata_vulture_sent_total" {
			require.InDelta(t, 1, f.GetMetric()[0].GetCounter().GetValue(), 0)
		}
	}
}

// TestData: every request says whose it is: the run, the number and the part, in every signal.
func TestData(t *testing.T) {
	r, at := testRun(Options{}), time.UnixMilli(1_800_000_000_123)
	td := r.trace(0x1234, at)
	require.Equal(t, perRequest, td.SpanCount())
	rs := td.ResourceSpans().At(0)
	require.Equal(t, map[string]any{"service.name": serviceName, "service.instance.id": "0102030405060708-" + strconv.Itoa(0x1234%instances)}, rs.Resource().Attributes().AsRaw())
	for i, s := range rs.ScopeSpans().At(0).Spans().All() {
		require.Equal(t, "01020304050607080000000000001234", s.TraceID().String())
		require.Equal(t, "step "+string(rune('a'+i)), s.Name())
		require.Equal(t, i == 0, s.ParentSpanID().IsEmpty())
		require.True(t, s.StartTimestamp().AsTime().Equal(at))
		require.Equal(t, r.name(), s.Attributes().AsRaw()["vulture.run"])
	}
	ld := r.logs(7, at)
	require.Equal(t, perRequest, ld.LogRecordCount())
	for i, lr := range ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
		require.Equal(t, "vulture 0102030405060708 7 "+strconv.Itoa(i), lr.Body().Str())
		require.True(t, lr.Timestamp().AsTime().Equal(at))
	}
	md := r.metrics(7, at)
	require.Equal(t, perRequest, md.DataPointCount())
	m := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0)
	require.Equal(t, metricName, m.Name())
	for i, dp := range m.Gauge().DataPoints().All() {
		require.Equal(t, int64(7), dp.IntValue())
		require.Equal(t, map[string]any{"run": r.name(), "part": strconv.Itoa(i)}, dp.Attributes().AsRaw())
	}
}

// TestRun: a server that answers nothing useful makes everything missing; a server that refuses everything, uncertain.
func TestRun(t *testing.T) {
	empty := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) }))
	defer empty.Close()
	for name, refuse := range map[string]error{"acknowledged and not there": nil, "refused": status.Error(codes.Unavailable, "full")} {
		first, second := otlptest.New(t), otlptest.New(t)
		first.Refuse(refuse)
		second.Refuse(refuse)
		opts := Options{
			Endpoints: []string{first.Addr, second.Addr}, URL: empty.URL, IngestKey: "ingest", Rate: 50, Window: time.Second, LateAfter: time.Millisecond, Patience: 2 * time.Millisecond,
			Duration: 200 * time.Millisecond, Registerer: prometheus.NewRegistry(),
		}
		report, err := Run(t.Context(), opts)
		require.NoError(t, err)
		require.Len(t, report.Run, 16)
		require.Len(t, report.Signals, 3)
		for signal, c := range report.Signals {
			require.Positive(t, c.Sent, signal)
			require.Equal(t, c.Sent, c.Acknowledged+c.Uncertain)
			require.Equal(t, c.Sent, c.Verified+c.Missing, signal)
			if refuse == nil {
				require.Equal(t, c.Acknowledged, c.Missing, "%s: %s", name, signal)
			} else {
				require.Equal(t, c.Sent, c.Uncertain)
				require.Zero(t, c.Missing, name)
			}
		}
		require.Equal(t, refuse == nil, report.Bad())
		for _, sink := range []*otlptest.Sink{first, second} {
			require.Equal(t, []string{"Bearer ingest"}, sink.Header().Get("authorization"), "requests take turns")
		}
	}
	_, err := Run(t.Context(), Options{Endpoints: []string{"\x00"}, URL: empty.URL, Rate: 1, Window: time.Second, LateAfter: 1, Patience: 1})
	require.Error(t, err)
	registry := prometheus.NewRegistry()
	require.NoError(t, register(registry, signalLogs, &windows{}))
	_, err = Run(t.Context(), Options{Endpoints: []string{"127.0.0.1:1"}, URL: empty.URL, Rate: 1, Window: time.Second, LateAfter: 1, Patience: 1, Duration: time.Millisecond, Registerer: registry})
	require.ErrorContains(t, err, "register metrics")
}
