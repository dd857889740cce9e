// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// spansPerTrace and recordsPerRequest make a half-stored request visible.
const (
	spansPerTrace     = 3
	recordsPerRequest = 5
	loadService       = "load"
)

// sent notes what was acknowledged and what was only tried. A request that got no answer may have been stored: once, or not at all.
type sent struct {
	mu           sync.Mutex
	acked, tried map[int]bool
}

func newSent() *sent { return &sent{acked: map[int]bool{}, tried: map[int]bool{}} }

func (s *sent) note(seq int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tried[seq] = true
	if err == nil {
		s.acked[seq] = true
	}
}

// check compares what was read back, seq by seq with the number of times each was seen, with what was acknowledged.
func (s *sent) check(t *testing.T, what string, got map[int]int, times int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	missing, doubled := 0, 0
	for seq := range s.acked {
		if got[seq] < times {
			missing++
		}
	}
	for seq, n := range got {
		require.True(t, s.tried[seq], "%s: read %d, which was never sent", what, seq)
		if n != times {
			doubled++
			t.Logf("%s %d: read %d times, sent %d", what, seq, n, times)
		}
	}
	require.Zero(t, missing, "%s: acknowledged and not readable, of %d", what, len(s.acked))
	require.Zero(t, doubled, "%s: stored more often or less than once, of %d", what, len(got))
	t.Logf("%s: %d sent, %d acknowledged, %d readable", what, len(s.tried), len(s.acked), len(got))
}

// load sends all three signals until it is stopped. Nothing is retried: every request has its own number.
type load struct {
	traces, logs, samples *sent
	start                 time.Time
	stop                  context.CancelFunc
	wg                    sync.WaitGroup
}

// startLoad sends to a server that may be killed and come back on the same address.
func startLoad(t *testing.T, addr string, pause time.Duration) *load {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithConnectParams(grpc.ConnectParams{MinConnectTimeout: time.Second}))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{traces: newSent(), logs: newSent(), samples: newSent(), start: time.Now(), stop: cancel}
	t.Cleanup(func() {
		l.finish()
		_ = conn.Close()
	})
	send := func(s *sent, export func(ctx context.Context, seq int) error) {
		l.wg.Go(func() {
			for seq := 0; ctx.Err() == nil; seq++ {
				call, cancel := context.WithTimeout(context.Background(), 5*time.Second)
				s.note(seq, export(call, seq))
				cancel()
				select {
				case <-ctx.Done():
				case <-time.After(pause):
				}
			}
		})
	}
	traces, logs, metrics := ptraceotlp.NewGRPCClient(conn), plogotlp.NewGRPCClient(conn), pmetricotlp.NewGRPCClient(conn)
	send(l.traces, func(ctx context.Context, seq int) error {
		_, err := traces.Export(ctx, ptraceotlp.NewExportRequestFromTraces(loadTrace(seq)))
		return err
	})
	send(l.logs, func(ctx context.Context, seq int) error {
		_, err := logs.Export(ctx, plogotlp.NewExportRequestFromLogs(loadLogs(seq)))
		return err
	})
	send(l.samples, func(ctx context.Context, seq int) error {
		_, err := metrics.Export(ctx, pmetricotlp.NewExportRequestFromMetrics(loadSample(l.start, seq)))
		return err
	})
	return l
}

// acknowledged is how many requests of all signals were.
func (l *load) acknowledged() (n int) {
	for _, s := range []*sent{l.traces, l.logs, l.samples} {
		s.mu.Lock()
		n += len(s.acked)
		s.mu.Unlock()
	}
	return n
}

// more waits until n more requests are acknowledged.
func (l *load) more(t *testing.T, n int) {
	t.Helper()
	n += l.acknowledged()
	eventually(t, time.Minute, "the load goes on", func() error {
		if got := l.acknowledged(); got < n {
			return fmt.Errorf("%d of %d requests are acknowledged", got, n)
		}
		return nil
	})
}

// finish stops the load and waits for the requests under way.
func (l *load) finish() {
	l.stop()
	l.wg.Wait()
}

func now() pcommon.Timestamp { return pcommon.NewTimestampFromTime(time.Now()) }

func loadTraceID(seq int) pcommon.TraceID {
	var id pcommon.TraceID
	id[0] = 0xaa
	binary.BigEndian.PutUint64(id[8:], uint64(seq))
	return id
}

func loadTrace(seq int) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", loadService)
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	for i := range spansPerTrace {
		s := spans.AppendEmpty()
		s.SetTraceID(loadTraceID(seq))
		s.SetSpanID(pcommon.SpanID{byte(i + 1)})
		if i > 0 {
			s.SetParentSpanID(pcommon.SpanID{1})
		}
		s.SetName("step")
		s.SetKind(ptrace.SpanKindServer)
		s.SetStartTimestamp(now())
		s.SetEndTimestamp(now())
	}
	return td
}

func loadLogs(seq int) plog.Logs {
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", loadService)
	recs := rl.ScopeLogs().AppendEmpty().LogRecords()
	for range recordsPerRequest {
		r := recs.AppendEmpty()
		r.SetTimestamp(now())
		r.Body().SetStr("request " + strconv.Itoa(seq))
	}
	return ld
}

// loadSample is one sample of one series; its timestamp, in whole milliseconds from the start of the load, is its number.
func loadSample(start time.Time, seq int) pmetric.Metrics {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", loadService)
	m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("load.seq")
	p := m.SetEmptyGauge().DataPoints().AppendEmpty()
	p.SetTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Duration(seq) * time.Millisecond)))
	p.SetIntValue(int64(seq))
	return md
}

// readSamples returns how often each sample of the load is read back.
func (s *server) readSamples() (map[int]int, error) {
	var answer struct {
		Data struct {
			Result []struct {
				Values [][2]any `json:"values"`
			} `json:"result"`
		} `json:"data"`
	}
	q := url.Values{"query": {"load_seq[2h]"}, "time": {strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10)}}
	if err := s.getJSON("/prometheus/api/v1/query?"+q.Encode(), &answer); err != nil {
		return nil, err
	}
	got := map[int]int{}
	for _, series := range answer.Data.Result {
		for _, v := range series.Values {
			seq, err := strconv.Atoi(fmt.Sprint(v[1]))
			if err != nil {
				return nil, err
			}
			got[seq]++
		}
	}
	return got, nil
}

// pages follows a cursor and calls each with every answer.
func (s *server) pages(path string, q url.Values, each func(json.RawMessage) error) error {
	for {
		var raw json.RawMessage
		if err := s.getJSON(path+"?"+q.Encode(), &raw); err != nil {
			return err
		}
		var page struct {
			Next string `json:"next_cursor"`
		}
		if err := json.Unmarshal(raw, &page); err != nil {
			return err
		}
		if err := each(raw); err != nil {
			return err
		}
		if page.Next == "" {
			return nil
		}
		q.Set("cursor", page.Next)
	}
}

// readLogs returns how many records of each request of the load are read back.
func (s *server) readLogs() (map[int]int, error) {
	got := map[int]int{}
	err := s.pages("/api/v1/logs", url.Values{"query": {"service:" + loadService}, "limit": {"1000"}}, func(raw json.RawMessage) error {
		var page struct {
			Logs []struct {
				Body string `json:"body"`
			} `json:"logs"`
		}
		if err := json.Unmarshal(raw, &page); err != nil {
			return err
		}
		for _, l := range page.Logs {
			var seq int
			if _, err := fmt.Sscanf(l.Body, "request %d", &seq); err != nil {
				return fmt.Errorf("body %q: %w", l.Body, err)
			}
			got[seq]++
		}
		return nil
	})
	return got, err
}

// readTraces returns how many spans of each trace of the load are read back.
func (s *server) readTraces() (map[int]int, error) {
	got := map[int]int{}
	err := s.pages("/api/v1/traces", url.Values{"query": {"service:" + loadService}, "limit": {"500"}}, func(raw json.RawMessage) error {
		var page struct {
			Traces []struct {
				ID    string `json:"trace_id"`
				Spans int    `json:"span_count"`
			} `json:"traces"`
		}
		if err := json.Unmarshal(raw, &page); err != nil {
			return err
		}
		for _, tr := range page.Traces {
			seq, err := strconv.ParseUint(tr.ID[16:], 16, 64)
			if err != nil {
				return err
			}
			got[int(seq)] += tr.Spans
		}
		return nil
	})
	return got, err
}

// checkLoad waits until the bus is empty and compares everything that was sent with everything that can be read.
func (l *load) check(t *testing.T, s *server) {
	t.Helper()
	s.waitStored()
	samples, err := s.readSamples()
	require.NoError(t, err)
	l.samples.check(t, "sample", samples, 1)
	logs, err := s.readLogs()
	require.NoError(t, err)
	l.logs.check(t, "log request", logs, recordsPerRequest)
	traces, err := s.readTraces()
	require.NoError(t, err)
	l.traces.check(t, "trace", traces, spansPerTrace)
}

// ledgerAnswer is the part of /api/v1/ledger the tests look at.
type ledgerAnswer struct {
	Totals []struct {
		Signal   string `json:"signal"`
		Received int64  `json:"received"`
		Accepted int64  `json:"accepted"`
		Refused  int64  `json:"refused"`
		Stored   int64  `json:"stored"`
		Rejected int64  `json:"rejected"`
		InFlight int64  `json:"in_flight"`
		Balanced bool   `json:"balanced"`
	} `json:"totals"`
	Bus []struct {
		Topic     string `json:"topic"`
		Next      int64  `json:"next_offset"`
		Committed int64  `json:"committed_offset"`
	} `json:"bus"`
}

// waitStored waits until every record on the bus is in its store, and returns the ledger of that moment.
func (s *server) waitStored() ledgerAnswer {
	s.t.Helper()
	var l ledgerAnswer
	eventually(s.t, 60*time.Second, "the bus is empty", func() error {
		l = ledgerAnswer{}
		if err := s.getJSON("/api/v1/ledger", &l); err != nil {
			return err
		}
		for _, b := range l.Bus {
			if b.Committed < b.Next {
				return fmt.Errorf("%s is at %d of %d", b.Topic, b.Committed, b.Next)
			}
		}
		for _, tot := range l.Totals {
			if tot.InFlight > 0 {
				return fmt.Errorf("%d %s are in flight", tot.InFlight, tot.Signal)
			}
		}
		return nil
	})
	return l
}
