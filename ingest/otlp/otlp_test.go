// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
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
	"google.golang.org/grpc/credentials/insecure"
	grpcgzip "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/strata-apm/strata/ingest/check"
	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/ingest/intaketest"
	"github.com/strata-apm/strata/ingest/split"
	"github.com/strata-apm/strata/signal"
)

type fixture struct {
	bus *intaketest.Bus
	url string
}

// newFixture serves OTLP over HTTP before a bus in memory. change, unless nil, changes how the intake is made.
func newFixture(t *testing.T, change func(*intake.Options)) *fixture {
	t.Helper()
	in, b := intaketest.New(t, change)
	srv := httptest.NewServer(NewReceiver(in).Handler())
	t.Cleanup(srv.Close)
	return &fixture{bus: b, url: srv.URL}
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
				f := newFixture(t, nil)
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
				rec := f.bus.Records(signal.Traces.Topic())[0]
				require.Equal(t, body, rec.Value)
				source, n, ok := intake.RecordItem(rec.Headers)
				require.True(t, ok)
				require.Equal(t, int64(3), n)
				require.Equal(t, intake.DefaultSource, source)
			})
		}
	}
}

// TestErrorsAreStatuses: what is refused is told as google.rpc.Status in the encoding of the request.
func TestErrorsAreStatuses(t *testing.T) {
	f := newFixture(t, nil)
	good, err := traces(1, nil).MarshalProto()
	require.NoError(t, err)
	goodJSON, err := traces(1, nil).MarshalJSON()
	require.NoError(t, err)
	for name, c := range map[string]struct {
		method, path, content string
		body                  []byte
		code                  int
	}{
		"JSON as protobuf":        {http.MethodPost, "/v1/traces", contentProto, goodJSON, http.StatusBadRequest},
		"protobuf as JSON":        {http.MethodPost, "/v1/traces", contentJSON, good, http.StatusBadRequest},
		"JSON nested deep":        {http.MethodPost, "/v1/traces", contentJSON, []byte(strings.Repeat("[", 400_000)), http.StatusBadRequest},
		"unknown type":            {http.MethodPost, "/v1/traces", "text/plain", good, http.StatusUnsupportedMediaType},
		"too large":               {http.MethodPost, "/v1/logs", contentProto, make([]byte, intaketest.MaxBody+1), http.StatusRequestEntityTooLarge},
		"another method":          {http.MethodGet, "/v1/traces", contentProto, nil, http.StatusMethodNotAllowed},
		"another method, no type": {http.MethodGet, "/v1/traces", "", nil, http.StatusMethodNotAllowed},
		"another path":            {http.MethodPost, "/v1/spans", contentJSON, nil, http.StatusNotFound},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, f.url+c.path, bytes.NewReader(c.body))
		require.NoError(t, err)
		req.Header.Set("Content-Type", c.content)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		answer, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, c.code, resp.StatusCode, "%s: %s", name, answer)
		var st spb.Status
		want := contentJSON
		if c.content == contentProto {
			want = contentProto
			require.NoError(t, proto.Unmarshal(answer, &st), name)
		} else {
			require.NoError(t, protojson.Unmarshal(answer, &st), name)
		}
		require.NotEmpty(t, st.GetMessage(), name)
		require.Equal(t, want, resp.Header.Get("Content-Type"), name)
	}
	require.Zero(t, f.bus.Len())
}

// TestGRPCClient sends with grpc-go, as exporters do, in each compression.
func TestGRPCClient(t *testing.T) {
	in, b := intaketest.New(t, nil)
	conn, err := grpc.NewClient(serveGRPC(t, in), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	for _, opts := range [][]grpc.CallOption{nil, {grpc.UseCompressor(grpcgzip.Name)}, {grpc.UseCompressor("zstd")}} {
		resp, err := ptraceotlp.NewGRPCClient(conn).Export(t.Context(), traces(2, nil), opts...)
		require.NoError(t, err)
		require.Empty(t, resp.PartialSuccess().ErrorMessage())
	}
	require.Len(t, b.Records(signal.Traces.Topic()), 3)
	metrics, err := pmetricotlp.NewGRPCClient(conn).Export(t.Context(), pmetricotlp.NewExportRequestFromMetrics(intaketest.Metrics(intaketest.Record{Name: "old", Time: time.Unix(1, 0)})))
	require.NoError(t, err)
	require.Equal(t, int64(1), metrics.PartialSuccess().RejectedDataPoints())
	require.Equal(t, "refused 1 of 1 data points: 1 too_old (check the clock of the sender)", metrics.PartialSuccess().ErrorMessage())
}

// TestNamesKeepTheirBytes: a body in which nothing has to be changed arrives to the byte, odd characters too.
func TestNamesKeepTheirBytes(t *testing.T) {
	f := newFixture(t, nil)
	body, err := traces(1, func(_ int, s ptrace.Span) { s.Attributes().PutStr("odd\x00<script>", "\u202e😀\x00") }).MarshalProto()
	require.NoError(t, err)
	resp, answer := f.post(t, "/v1/traces", contentProto, "", body)
	require.Equal(t, http.StatusOK, resp.StatusCode, answer)
	require.Equal(t, body, f.bus.Records(signal.Traces.Topic())[0].Value)
}

// TestSeriesLimit: when the store takes no new series every request is decoded, and the points of new series are refused.
func TestSeriesLimit(t *testing.T) {
	f := newFixture(t, func(o *intake.Options) { o.Series = fullBound{} })
	body, err := pmetricotlp.NewExportRequestFromMetrics(intaketest.Metrics(
		intaketest.Record{Name: "known", Time: time.Now()}, intaketest.Record{Name: "new", Time: time.Now()},
	)).MarshalProto()
	require.NoError(t, err)
	_, answer := f.post(t, "/v1/metrics", contentProto, "", body)
	require.Contains(t, string(answer), "refused 1 of 2 data points: 1 series_limit (the store takes no new series")
	md, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(f.bus.Records(signal.Metrics.Topic())[0].Value)
	require.NoError(t, err)
	require.Equal(t, 1, md.DataPointCount())
}

// fullBound knows the series of metrics named known, and takes no others.
type fullBound struct{ intake.SeriesIndex }

func (fullBound) Full() bool { return true }

func (fullBound) RemoveNew(_ context.Context, md pmetric.Metrics) int {
	before := md.DataPointCount()
	md.ResourceMetrics().RemoveIf(func(rm pmetric.ResourceMetrics) bool {
		return rm.ScopeMetrics().At(0).Metrics().At(0).Name() != "known"
	})
	return before - md.DataPointCount()
}

func TestUnknownFieldsAreIgnored(t *testing.T) {
	f := newFixture(t, nil)
	body, err := traces(1, nil).MarshalProto()
	require.NoError(t, err)
	body = append(body, 0xfa, 0x3f, 2, 'h', 'i') // Field 1023.
	resp, _ := f.post(t, "/v1/traces", contentProto, "", body)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	resp, _ = f.post(t, "/v1/traces", contentJSON, "", []byte(`{"resourceSpans":[],"somethingNew":{"a":[1]}}`))
	require.Equal(t, http.StatusOK, resp.StatusCode)
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
	f.Fuzz(func(t *testing.T, body []byte, which byte) {
		s, now := &sigs[int(which)%3], time.Now()
		sc, err := scanBody(s, body, check.DefaultLimits(), now)
		if err != nil || !sc.clean {
			return
		}
		requireClean(t, s, body, sc, now)
	})
}

// requireClean says that the checks, too, find a body clean, and count the same.
func requireClean(t *testing.T, s *service, body []byte, sc *scan, now time.Time) {
	t.Helper()
	l := check.DefaultLimits()
	var tally check.Tally
	switch s.Signal {
	case signal.Metrics:
		md, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(body)
		require.NoError(t, err)
		tally = l.Metrics(md, now)
	case signal.Traces:
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(body)
		require.NoError(t, err)
		tally = l.Traces(td, now)
	default:
		ld, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(body)
		require.NoError(t, err)
		tally = l.Logs(ld, now)
	}
	require.Equal(t, check.Tally{Items: sc.items}, tally, "%s %x", s.Noun(), body)
}

// TestScanAgreesUnderMutation changes whole requests byte by byte, which reaches what a short fuzz run does not.
func TestScanAgreesUnderMutation(t *testing.T) {
	sigs := services()
	l := check.DefaultLimits()
	spans, err := traces(3, func(_ int, s ptrace.Span) { s.Attributes().PutStr("k", "v"); s.Events().AppendEmpty().SetName("e") }).MarshalProto()
	require.NoError(t, err)
	clean := 0
	for which, body := range [][]byte{sampleMetrics(t), spans, sampleLogs(t)} {
		s := &sigs[which]
		sc, err := scanBody(s, body, l, time.Now())
		require.NoError(t, err)
		require.True(t, sc.clean, s.Noun())
		require.Equal(t, sc.key, split.Key(s.Signal, body), s.Noun())
		for i := range body {
			for _, flip := range []byte{1, 2, 0x10, 0x80, 0xff} {
				mutated := bytes.Clone(body)
				mutated[i] ^= flip
				now := time.Now()
				sc, err := scanBody(s, mutated, l, now)
				if err != nil || !sc.clean {
					continue
				}
				clean++
				requireClean(t, s, mutated, sc, now)
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

// valued appends a point with a value.
func valued(dps pmetric.NumberDataPointSlice, at pcommon.Timestamp) {
	p := dps.AppendEmpty()
	p.SetTimestamp(at)
	p.SetDoubleValue(1)
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
	in, _ := intaketest.New(f, nil)
	recv := NewReceiver(in)
	f.Fuzz(func(_ *testing.T, body []byte, which byte, asJSON bool) {
		enc := formatProto
		if asJSON {
			enc = formatJSON
		}
		_, _ = recv.export(context.Background(), &sigs[int(which)%3], enc, body)
	})
}
