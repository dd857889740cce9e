// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	grpcgzip "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/internal/ledger"
	"github.com/strata-apm/strata/signal"
)

// memoryBus keeps records in memory and can be told to refuse.
type memoryBus struct {
	mu   sync.Mutex
	recs map[string][]bus.Record
	err  error
}

func (b *memoryBus) Produce(_ context.Context, topic string, recs ...bus.Record) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return b.err
	}
	for _, r := range recs {
		r.Value = bytes.Clone(r.Value)
		b.recs[topic] = append(b.recs[topic], r)
	}
	return nil
}

type fixture struct {
	bus  *memoryBus
	ldg  *ledger.Ledger
	recv *Receiver
	url  string
	grpc string
}

const testLimit = 1 << 20

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{bus: &memoryBus{recs: map[string][]bus.Record{}}}
	var err error
	f.ldg, err = ledger.Open(t.TempDir(), slog.New(slog.DiscardHandler), time.Now)
	require.NoError(t, err)
	f.recv = NewReceiver(intake.New(f.bus, f.ldg, testLimit, 16*testLimit), Options{Limits: DefaultLimits()})
	srv := httptest.NewServer(f.recv.Handler())
	t.Cleanup(srv.Close)
	f.url = srv.URL
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	gs := f.recv.NewGRPCServer(nil)
	go func() { _ = gs.Serve(l) }()
	t.Cleanup(gs.Stop)
	f.grpc = l.Addr().String()
	return f
}

func (f *fixture) dial(t *testing.T) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(f.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func (f *fixture) post(t *testing.T, path, contentType, encoding string, body []byte) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url+path, bytes.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", contentType)
	if encoding != "" {
		req.Header.Set("Content-Encoding", encoding)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, b
}

func traces(n int, change func(i int, s ptrace.Span)) ptraceotlp.ExportRequest {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "checkout")
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	for i := range n {
		s := spans.AppendEmpty()
		s.SetTraceID(pcommon.TraceID{1, byte(i)})
		s.SetSpanID(pcommon.SpanID{2, byte(i)})
		s.SetName("GET /cart")
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(time.Now().Add(-time.Second)))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		if change != nil {
			change(i, s)
		}
	}
	return ptraceotlp.NewExportRequestFromTraces(td)
}

func compress(t *testing.T, kind string, b []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	switch kind {
	case "gzip":
		w := gzip.NewWriter(&buf)
		_, err := w.Write(b)
		require.NoError(t, err)
		require.NoError(t, w.Close())
	case "zstd":
		w, err := zstd.NewWriter(&buf)
		require.NoError(t, err)
		_, err = w.Write(b)
		require.NoError(t, err)
		require.NoError(t, w.Close())
	default:
		return b
	}
	return buf.Bytes()
}

func TestHTTPTakesEveryEncodingAndAnswersInTheSame(t *testing.T) {
	for _, content := range []string{contentProto, contentJSON} {
		for _, encoding := range []string{"", "gzip", "zstd"} {
			t.Run(content+"/"+encoding, func(t *testing.T) {
				f := newFixture(t)
				req := traces(3, nil)
				body, err := req.MarshalProto()
				require.NoError(t, err)
				plain := body
				if content == contentJSON {
					plain, err = req.MarshalJSON()
					require.NoError(t, err)
				}
				resp, answer := f.post(t, "/v1/traces", content, encoding, compress(t, encoding, plain))
				require.Equal(t, http.StatusOK, resp.StatusCode, string(answer))
				require.Equal(t, content, resp.Header.Get("Content-Type"))
				got := ptraceotlp.NewExportResponse()
				if content == contentJSON {
					require.NoError(t, got.UnmarshalJSON(answer))
					require.NotContains(t, string(answer), "rejectedSpans")
				} else {
					require.Empty(t, answer) // Full success leaves partial_success unset.
				}
				rec := f.bus.recs[signal.Traces.Topic()][0]
				require.Equal(t, body, rec.Value)
				source, n, ok := intake.RecordItem(rec.Headers)
				require.True(t, ok)
				require.Equal(t, int64(3), n)
				require.Equal(t, intake.DefaultSource, source)
			})
		}
	}
}

func TestEmptyRequestsSucceed(t *testing.T) {
	f := newFixture(t)
	for _, path := range []string{"/v1/traces", "/v1/metrics", "/v1/logs"} {
		resp, _ := f.post(t, path, contentProto, "", nil)
		require.Equal(t, http.StatusOK, resp.StatusCode)
		resp, _ = f.post(t, path, contentJSON, "", []byte("{}"))
		require.Equal(t, http.StatusOK, resp.StatusCode)
		for _, encoding := range []string{"gzip", "zstd", "identity"} {
			for _, content := range []string{contentProto, contentJSON} {
				resp, body := f.post(t, path, content, encoding, nil)
				require.Equal(t, http.StatusOK, resp.StatusCode, "%s %s: %s", content, encoding, body)
			}
		}
	}
	require.Empty(t, f.bus.recs)
}

func nestedValue(depth int) ptraceotlp.ExportRequest {
	return traces(1, func(_ int, s ptrace.Span) {
		v := s.Attributes().PutEmptySlice("deep").AppendEmpty()
		for range depth {
			v = v.SetEmptySlice().AppendEmpty()
		}
	})
}

func TestHTTPBadInput(t *testing.T) {
	f := newFixture(t)
	good, err := traces(1, nil).MarshalProto()
	require.NoError(t, err)
	goodJSON, err := traces(1, nil).MarshalJSON()
	require.NoError(t, err)
	deep, err := nestedValue(10_000).MarshalProto()
	require.NoError(t, err)
	zeros := make([]byte, 64<<20)
	utf8, err := traces(1, func(_ int, s ptrace.Span) { s.SetName("a\xff") }).MarshalProto()
	require.NoError(t, err)
	// A zstd frame header that asks for a window of 1 GiB (RFC 8878, 3.1.1.1): exponent 20, so 2^30 bytes.
	bigWindow := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 20 << 3, 0x01, 0x00, 0x00}

	for _, c := range []struct {
		name, content, encoding string
		body                    []byte
		code                    int
	}{
		{"over the limit", contentProto, "", make([]byte, testLimit+1), http.StatusRequestEntityTooLarge},
		{"gzip bomb", contentProto, "gzip", compress(t, "gzip", zeros), http.StatusRequestEntityTooLarge},
		{"zstd bomb", contentProto, "zstd", compress(t, "zstd", zeros), http.StatusRequestEntityTooLarge},
		{"zstd window of 1 GiB", contentProto, "zstd", bigWindow, http.StatusRequestEntityTooLarge},
		{"truncated gzip", contentProto, "gzip", compress(t, "gzip", good)[:20], http.StatusBadRequest},
		{"truncated zstd", contentProto, "zstd", compress(t, "zstd", good)[:20], http.StatusBadRequest},
		{"unknown encoding", contentProto, "br", good, http.StatusUnsupportedMediaType},
		{"unknown type", "text/plain", "", good, http.StatusUnsupportedMediaType},
		{"JSON as protobuf", contentProto, "", goodJSON, http.StatusBadRequest},
		{"protobuf as JSON", contentJSON, "", good, http.StatusBadRequest},
		{"random bytes", contentProto, "", []byte("\x9a\x01\x02\xff\xff\xff\xff"), http.StatusBadRequest},
		{"nested 10 000 deep", contentProto, "", deep, http.StatusBadRequest},
		{"JSON nested deep", contentJSON, "", []byte(strings.Repeat("[", 400_000)), http.StatusBadRequest},
		{"string not UTF-8", contentProto, "", utf8, http.StatusBadRequest},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, body := f.post(t, "/v1/traces", c.content, c.encoding, c.body)
			require.Equal(t, c.code, resp.StatusCode, string(body))
			require.Empty(t, resp.Header.Get("Retry-After"))
			var st spb.Status
			if resp.Header.Get("Content-Type") == contentProto {
				require.NoError(t, proto.Unmarshal(body, &st))
				require.NotEmpty(t, st.GetMessage())
			} else {
				var m map[string]any
				require.NoError(t, json.Unmarshal(body, &m))
				require.NotEmpty(t, m["message"])
			}
		})
	}
	require.Empty(t, f.bus.recs)

	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.url+"/v1/traces", nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode)
}

func TestUnknownFieldsAreIgnored(t *testing.T) {
	f := newFixture(t)
	body, err := traces(1, nil).MarshalProto()
	require.NoError(t, err)
	body = append(body, 0xfa, 0x3f, 2, 'h', 'i') // Field 1023.
	resp, _ := f.post(t, "/v1/traces", contentProto, "", body)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	resp, _ = f.post(t, "/v1/traces", contentJSON, "", []byte(`{"resourceSpans":[],"somethingNew":{"a":[1]}}`))
	require.Equal(t, http.StatusOK, resp.StatusCode)
}

func TestOverloadIsRetryableOnBothTransports(t *testing.T) {
	for _, c := range []struct {
		err  error
		http int
		grpc codes.Code
	}{
		{fmt.Errorf("x: %w", bus.ErrFull), http.StatusTooManyRequests, codes.ResourceExhausted},
		{fmt.Errorf("x: %w", bus.ErrUnavailable), http.StatusServiceUnavailable, codes.Unavailable},
		{fmt.Errorf("x: %w", bus.ErrFailed), http.StatusServiceUnavailable, codes.Unavailable},
		{errors.New("unforeseen"), http.StatusServiceUnavailable, codes.Unavailable},
	} {
		f := newFixture(t)
		f.bus.err = c.err
		body, err := traces(2, nil).MarshalProto()
		require.NoError(t, err)
		resp, _ := f.post(t, "/v1/traces", contentProto, "", body)
		require.Equal(t, c.http, resp.StatusCode)
		require.Equal(t, "5", resp.Header.Get("Retry-After"))

		_, err = ptraceotlp.NewGRPCClient(f.dial(t)).Export(t.Context(), traces(2, nil))
		st, ok := status.FromError(err)
		require.True(t, ok)
		require.Equal(t, c.grpc, st.Code())
		require.Len(t, st.Details(), 1, "RetryInfo")
		tot := f.ldg.Totals()[signal.Traces]
		require.Equal(t, int64(4), tot.Received)
		require.Equal(t, int64(4), ledger.Sum(tot.Refused))
	}
}

func TestGRPCServicesCompressionAndLimit(t *testing.T) {
	f := newFixture(t)
	conn := f.dial(t)
	for _, opts := range [][]grpc.CallOption{nil, {grpc.UseCompressor(grpcgzip.Name)}, {grpc.UseCompressor("zstd")}} {
		resp, err := ptraceotlp.NewGRPCClient(conn).Export(t.Context(), traces(2, nil), opts...)
		require.NoError(t, err)
		require.Empty(t, resp.PartialSuccess().ErrorMessage())
	}
	_, err := pmetricotlp.NewGRPCClient(conn).Export(t.Context(), pmetricotlp.NewExportRequest())
	require.NoError(t, err)
	_, err = plogotlp.NewGRPCClient(conn).Export(t.Context(), plogotlp.NewExportRequest())
	require.NoError(t, err)
	require.Len(t, f.bus.recs[signal.Traces.Topic()], 3)

	big := traces(1, func(_ int, s ptrace.Span) { s.SetName(strings.Repeat("x", 2*testLimit)) })
	for _, opts := range [][]grpc.CallOption{nil, {grpc.UseCompressor(grpcgzip.Name)}, {grpc.UseCompressor("zstd")}} {
		_, err = ptraceotlp.NewGRPCClient(conn).Export(t.Context(), big, opts...)
		st, _ := status.FromError(err)
		require.Equal(t, codes.ResourceExhausted, st.Code())
		require.Empty(t, st.Details(), "no RetryInfo: it can never succeed")
	}
}

func TestSpansAreCheckedOneByOne(t *testing.T) {
	f := newFixture(t)
	req := traces(8, func(i int, s ptrace.Span) {
		switch i {
		case 0:
			s.SetTraceID(pcommon.TraceID{})
		case 1:
			s.SetSpanID(pcommon.SpanID{})
		case 2:
			s.SetEndTimestamp(s.StartTimestamp() - 5)
		case 3:
			s.SetStartTimestamp(1)
		case 4:
			s.SetStartTimestamp(pcommon.NewTimestampFromTime(time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)))
		case 5:
			for k := range 5_000 {
				s.Attributes().PutBool(strconv.Itoa(k), true)
			}
			s.Attributes().PutStr("0", "first")
		case 6:
			s.Attributes().PutStr("long", strings.Repeat("é", 300_000))
		case 7:
			s.Attributes().PutStr("odd\x00<script>", "\u202e😀\x00")
		}
	})
	f.recv.intake = intake.New(f.bus, f.ldg, 64<<20, 256<<20)
	body, err := req.MarshalProto()
	require.NoError(t, err)
	resp, answer := f.post(t, "/v1/traces", contentProto, "", body)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	got := ptraceotlp.NewExportResponse()
	require.NoError(t, got.UnmarshalProto(answer))
	require.Equal(t, int64(4), got.PartialSuccess().RejectedSpans())
	require.Contains(t, got.PartialSuccess().ErrorMessage(), "refused 4 of 8 spans: 2 invalid_id, 1 too_far_in_future (check the clock of the sender), 1 too_old")

	kept := ptraceotlp.NewExportRequest()
	require.NoError(t, kept.UnmarshalProto(f.bus.recs[signal.Traces.Topic()][0].Value))
	spans := kept.Traces().ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	require.Equal(t, 4, spans.Len())
	require.Equal(t, spans.At(0).StartTimestamp(), spans.At(0).EndTimestamp())
	require.Equal(t, 128, spans.At(1).Attributes().Len())
	require.Equal(t, uint32(5_000-128), spans.At(1).DroppedAttributesCount())
	long, _ := spans.At(2).Attributes().Get("long")
	require.Equal(t, strings.Repeat("é", 2048), long.Str())
	odd, _ := spans.At(3).Attributes().Get("odd\x00<script>")
	require.Equal(t, "\u202e😀\x00", odd.Str())
	tot := f.ldg.Totals()[signal.Traces]
	require.Equal(t, map[string]int64{"invalid_id": 2, "too_old": 1, "too_far_in_future": 1}, tot.Refused)
}

func TestLogsAreCheckedOneByOne(t *testing.T) {
	f := newFixture(t)
	ld := plog.NewLogs()
	recs := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	now := pcommon.NewTimestampFromTime(time.Now())
	recs.AppendEmpty().Body().SetStr("no time at all")
	onlyObserved := recs.AppendEmpty()
	onlyObserved.SetObservedTimestamp(now)
	orphan := recs.AppendEmpty()
	orphan.SetTimestamp(now)
	orphan.SetSpanID(pcommon.SpanID{1})
	old := recs.AppendEmpty()
	old.SetTimestamp(1)
	huge := recs.AppendEmpty()
	huge.SetTimestamp(now)
	huge.Body().SetStr(strings.Repeat("x", 300<<10))
	resp, err := plogotlp.NewGRPCClient(f.dial(t)).Export(t.Context(), plogotlp.NewExportRequestFromLogs(ld))
	require.NoError(t, err)
	require.Equal(t, int64(1), resp.PartialSuccess().RejectedLogRecords())
	kept := plogotlp.NewExportRequest()
	require.NoError(t, kept.UnmarshalProto(f.bus.recs[signal.Logs.Topic()][0].Value))
	got := kept.Logs().ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	require.Equal(t, 4, got.Len())
	require.NotZero(t, got.At(0).ObservedTimestamp())
	require.True(t, got.At(2).SpanID().IsEmpty())
	require.Len(t, got.At(3).Body().Str(), DefaultLimits().LogBodyBytes)
}

// What scan calls clean must decode, and the checks must take nothing out of it, change nothing and count the same.
func FuzzScanAgreesWithTheChecks(f *testing.F) {
	body, err := traces(2, nil).MarshalProto()
	require.NoError(f, err)
	f.Add(body, byte(1))
	for _, b := range [][]byte{sampleLogs(f), sampleMetrics(f)} {
		f.Add(b, byte(2))
		f.Add(b, byte(0))
	}
	sigs := services()
	r := NewReceiver(nil, Options{Limits: DefaultLimits()})
	f.Fuzz(func(t *testing.T, body []byte, which byte) {
		s := &sigs[int(which)%3]
		now := time.Now()
		sc, err := r.scan(s, body, now)
		if err != nil || !sc.clean {
			return
		}
		req, check := s.decode()
		require.NoError(t, req.UnmarshalProto(body))
		tally := check(t.Context(), r, now)
		require.Empty(t, tally.Rejected)
		require.Empty(t, tally.Notes)
		require.Equal(t, tally.Items, sc.items)
	})
}

// TestScanAgreesUnderMutation changes whole requests byte by byte, which reaches what a short fuzz run does not.
func TestScanAgreesUnderMutation(t *testing.T) {
	sigs := services()
	r := NewReceiver(nil, Options{Limits: DefaultLimits()})
	spans, err := traces(3, func(_ int, s ptrace.Span) { s.Attributes().PutStr("k", "v"); s.Events().AppendEmpty().SetName("e") }).MarshalProto()
	require.NoError(t, err)
	clean := 0
	for which, body := range [][]byte{sampleMetrics(t), spans, sampleLogs(t)} {
		s := &sigs[which]
		sc, err := r.scan(s, body, time.Now())
		require.NoError(t, err)
		require.True(t, sc.clean, s.Noun())
		for i := range body {
			for _, flip := range []byte{1, 2, 0x10, 0x80, 0xff} {
				mutated := bytes.Clone(body)
				mutated[i] ^= flip
				now := time.Now()
				sc, err := r.scan(s, mutated, now)
				if err != nil || !sc.clean {
					continue
				}
				clean++
				req, check := s.decode()
				require.NoError(t, req.UnmarshalProto(mutated), "%s: byte %d", s.Noun(), i)
				tally := check(t.Context(), r, now)
				require.Empty(t, tally.Rejected, "%s: byte %d", s.Noun(), i)
				require.Empty(t, tally.Notes, "%s: byte %d", s.Noun(), i)
				require.Equal(t, tally.Items, sc.items, "%s: byte %d", s.Noun(), i)
			}
		}
	}
	require.Greater(t, clean, 500)
}

func sampleLogs(tb testing.TB) []byte {
	tb.Helper()
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", "s")
	recs := rl.ScopeLogs().AppendEmpty().LogRecords()
	for i := range 3 {
		r := recs.AppendEmpty()
		r.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		r.Body().SetStr("body")
		r.Attributes().PutInt("n", int64(i))
		r.SetTraceID(pcommon.TraceID{1})
		r.SetSpanID(pcommon.SpanID{2})
	}
	b, err := plogotlp.NewExportRequestFromLogs(ld).MarshalProto()
	require.NoError(tb, err)
	return b
}

func sampleMetrics(tb testing.TB) []byte {
	tb.Helper()
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", "s")
	ms := rm.ScopeMetrics().AppendEmpty().Metrics()
	now := pcommon.NewTimestampFromTime(time.Now())
	g := ms.AppendEmpty()
	g.SetName("g")
	p := g.SetEmptyGauge().DataPoints().AppendEmpty()
	p.SetTimestamp(now)
	p.SetDoubleValue(1.5)
	p.Attributes().PutStr("a", "b")
	c := ms.AppendEmpty()
	c.SetName("c")
	c.SetEmptySum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	valued(c.Sum().DataPoints(), now)
	h := ms.AppendEmpty()
	h.SetName("h")
	h.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	hp := h.Histogram().DataPoints().AppendEmpty()
	hp.SetTimestamp(now)
	hp.SetCount(3)
	hp.BucketCounts().FromRaw([]uint64{1, 2})
	hp.ExplicitBounds().FromRaw([]float64{5})
	s := ms.AppendEmpty()
	s.SetName("s")
	sp := s.SetEmptySummary().DataPoints().AppendEmpty()
	sp.SetTimestamp(now)
	for _, q := range []float64{0, 0.5, 0.99} {
		sp.QuantileValues().AppendEmpty().SetQuantile(q)
	}
	b, err := pmetricotlp.NewExportRequestFromMetrics(md).MarshalProto()
	require.NoError(tb, err)
	return b
}

func FuzzExport(f *testing.F) {
	body, err := traces(2, nil).MarshalProto()
	require.NoError(f, err)
	jsonBody, err := traces(1, nil).MarshalJSON()
	require.NoError(f, err)
	f.Add(body, byte(1), false)
	f.Add(jsonBody, byte(1), true)
	f.Add([]byte{}, byte(0), false)
	f.Add([]byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":null,"traceId":[1],"severityNumber":4294967300,"body":{"bytesValue":"\/w=="}}]}]}]}`), byte(2), true)
	f.Add([]byte(`{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"h","histogram":{"aggregationTemporality":"2","dataPoints":[{"timeUnixNano":1e18,"count":"2","bucketCounts":[1,1],"explicitBounds":["Infinity"]}]}}]}]}]}`), byte(0), true)
	sigs := services()
	ldg, err := ledger.Open(f.TempDir(), slog.New(slog.DiscardHandler), time.Now)
	require.NoError(f, err)
	f.Fuzz(func(_ *testing.T, body []byte, which byte, asJSON bool) {
		b := &memoryBus{recs: map[string][]bus.Record{}}
		recv := NewReceiver(intake.New(b, ldg, testLimit, 4*testLimit), Options{Limits: DefaultLimits()})
		enc := formatProto
		if asJSON {
			enc = formatJSON
		}
		_, _ = recv.export(context.Background(), &sigs[int(which)%3], enc, body)
	})
}
