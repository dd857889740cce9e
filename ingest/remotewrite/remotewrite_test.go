// SPDX-License-Identifier: Apache-2.0

package remotewrite

import (
	"bytes"
	"encoding/binary"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"
	remoteapi "github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"github.com/prometheus/prometheus/tsdb/tsdbutil"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/ingest/intaketest"
)

type fixture struct {
	intake *intake.Intake
	bus    *intaketest.Bus
	url    string
	// drained is how many records of the bus drain has appended.
	drained int
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	in, b := intaketest.New(t, nil)
	srv := httptest.NewServer(NewHandler(in, slog.New(slog.DiscardHandler)))
	t.Cleanup(srv.Close)
	return &fixture{intake: in, bus: b, url: srv.URL}
}

// stored returns the series that reached the bus.
func (f *fixture) stored(t *testing.T) map[string]writev2.TimeSeries {
	t.Helper()
	out := map[string]writev2.TimeSeries{}
	b := labels.NewScratchBuilder(0)
	for _, r := range f.bus.Records(bus.TopicRemoteWrite) {
		var req writev2.Request
		require.NoError(t, req.Unmarshal(r.Value))
		for _, ts := range req.Timeseries {
			ls, err := ts.ToLabels(&b, req.Symbols)
			require.NoError(t, err)
			out[ls.String()] = ts
		}
	}
	return out
}

func v1Series(value float64, at time.Time, kv ...string) prompb.TimeSeries {
	ts := prompb.TimeSeries{Samples: []prompb.Sample{{Value: value, Timestamp: at.UnixMilli()}}}
	for i := 0; i < len(kv); i += 2 {
		ts.Labels = append(ts.Labels, prompb.Label{Name: kv[i], Value: kv[i+1]})
	}
	return ts
}

// TestOfficialClient writes with the client library that Prometheus publishes, both protocols.
func TestOfficialClient(t *testing.T) {
	f := newFixture(t)
	client, err := remoteapi.NewAPI(f.url, remoteapi.WithAPIPath(""))
	require.NoError(t, err)
	now := time.Now()
	v1 := &prompb.WriteRequest{Timeseries: []prompb.TimeSeries{v1Series(1, now, "__name__", "up", "job", "a")}}
	_, err = client.Write(t.Context(), remoteapi.WriteV1MessageType, v1)
	require.NoError(t, err)

	symbols := writev2.NewSymbolTable()
	v2 := &writev2.Request{Timeseries: []writev2.TimeSeries{
		{
			LabelsRefs: symbols.SymbolizeLabels(labels.FromStrings("__name__", "http.requests", "é", "😀"), nil),
			Samples:    []writev2.Sample{{Value: 2, Timestamp: now.UnixMilli()}, {Value: 3, Timestamp: now.UnixMilli() + 1}},
			Exemplars:  []writev2.Exemplar{{LabelsRefs: symbols.SymbolizeLabels(labels.FromStrings("trace_id", "x"), nil), Value: 1, Timestamp: now.UnixMilli()}},
			Metadata:   writev2.Metadata{Type: writev2.Metadata_METRIC_TYPE_COUNTER, HelpRef: symbols.Symbolize("Requests.")},
		},
		{
			LabelsRefs: symbols.SymbolizeLabels(labels.FromStrings("__name__", "latency"), nil),
			Histograms: []writev2.Histogram{
				writev2.FromIntHistogram(0, now.UnixMilli(), tsdbutil.GenerateTestHistogram(1)),
				writev2.FromFloatHistogram(0, now.UnixMilli()+1, tsdbutil.GenerateTestCustomBucketsFloatHistogram(2)),
			},
		},
	}}
	v2.Symbols = symbols.Symbols()
	stats, err := client.Write(t.Context(), remoteapi.WriteV2MessageType, v2)
	require.NoError(t, err)
	require.Equal(t, 2, stats.Samples)
	require.Equal(t, 2, stats.Histograms)
	require.Equal(t, 1, stats.Exemplars)

	got := f.stored(t)
	require.Len(t, got, 3)
	utf8 := got[labels.FromStrings("__name__", "http.requests", "é", "😀").String()]
	require.Len(t, utf8.Samples, 2)
	require.Len(t, utf8.Exemplars, 1)
	require.Equal(t, writev2.Metadata_METRIC_TYPE_COUNTER, utf8.Metadata.Type)
	hist := got[labels.FromStrings("__name__", "latency").String()].Histograms
	require.True(t, tsdbutil.GenerateTestCustomBucketsFloatHistogram(2).Equals(hist[1].ToFloatHistogram()))
	items := int64(0)
	for _, r := range f.bus.Records(bus.TopicRemoteWrite) {
		_, n, ok := intake.RecordItem(r.Headers)
		require.True(t, ok)
		items += n
	}
	require.Equal(t, int64(5), items, "samples and histograms")
}

func (f *fixture) post(t *testing.T, body []byte, header ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url, bytes.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set("Content-Encoding", "snappy")
	for i := 0; i < len(header); i += 2 {
		if header[i] == "method" {
			req.Method = header[i+1]
			continue
		}
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	resp.Body = io.NopCloser(bytes.NewReader(b))
	return resp
}

const contentV2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request"

// TestBadInput is what is remote write's own; the rest is in TestConformance.
func TestBadInput(t *testing.T) {
	now := time.Now()
	encode := func(series ...prompb.TimeSeries) []byte {
		b, err := (&prompb.WriteRequest{Timeseries: series}).Marshal()
		require.NoError(t, err)
		return s2.EncodeSnappy(nil, b)
	}
	good := encode(v1Series(1, now, "__name__", "up"))
	v2, err := (&writev2.Request{
		Symbols:    []string{"", "__name__", "up"},
		Timeseries: []writev2.TimeSeries{{LabelsRefs: []uint32{1, 2}, Samples: []writev2.Sample{{Value: 1, Timestamp: now.UnixMilli()}}}},
	}).Marshal()
	require.NoError(t, err)
	goodV2 := s2.EncodeSnappy(nil, v2)
	v1, err := (&prompb.WriteRequest{Metadata: []prompb.MetricMetadata{{MetricFamilyName: "up", Help: "h"}}}).Marshal()
	require.NoError(t, err)
	metadata := s2.EncodeSnappy(nil, v1)
	var framed bytes.Buffer
	w := s2.NewWriter(&framed, s2.WriterSnappyCompat())
	_, err = w.Write(good)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	for _, c := range []struct {
		name   string
		body   []byte
		header []string
		code   int
	}{
		{"good", good, nil, 204},
		{"snappy framed", framed.Bytes(), nil, 400},
		{"another method", good, []string{"method", http.MethodPut}, 405},
		{"gzip", good, []string{"Content-Encoding", "gzip"}, 415},
		{"unknown message", good, []string{"Content-Type", "application/x-protobuf;proto=io.prometheus.write.v9.Request"}, 415},
		// The fields of one version are unknown ones in the other.
		{"1.0 body as 2.0", good, []string{"Content-Type", contentV2}, 400},
		{"2.0 body as 1.0", goodV2, nil, 400},
		{"2.0 body with the type of 1.0", goodV2, []string{"Content-Type", "application/x-protobuf;proto=prometheus.WriteRequest"}, 400},
		{"2.0 body as 2.0", goodV2, []string{"Content-Type", contentV2}, 204},
		{"another message", s2.EncodeSnappy(nil, []byte{10 << 3, 1}), nil, 400},
		{"metadata only", metadata, nil, 204},
		{"conflict in one request", encode(v1Series(1, now, "__name__", "up"), v1Series(2, now, "__name__", "up")), nil, 400},
		{"the same twice", encode(v1Series(1, now, "__name__", "up"), v1Series(1, now, "__name__", "up")), nil, 204},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			resp := f.post(t, c.body, c.header...)
			body, _ := io.ReadAll(resp.Body)
			require.Equal(t, c.code, resp.StatusCode, string(body))
			switch {
			case c.name == "conflict in one request":
				require.Len(t, f.stored(t), 1, "the first is kept")
			case c.code != 204:
				require.Zero(t, f.bus.Len())
			}
		})
	}
}

// A partial 2.0 write keeps the valid series, says so in its headers, and is not a success.
func TestPartialV2KeepsTheValid(t *testing.T) {
	f := newFixture(t)
	now := time.Now().UnixMilli()
	symbols := writev2.NewSymbolTable()
	req := writev2.Request{Timeseries: []writev2.TimeSeries{
		{LabelsRefs: symbols.SymbolizeLabels(labels.FromStrings("__name__", "good"), nil), Samples: []writev2.Sample{{Value: 1, Timestamp: now}}},
		{LabelsRefs: symbols.SymbolizeLabels(labels.FromStrings("job", "no name"), nil), Samples: []writev2.Sample{{Value: 1, Timestamp: now}}},
		{LabelsRefs: []uint32{999, 1000}, Samples: []writev2.Sample{{Value: 1, Timestamp: now}}},
	}}
	req.Symbols = symbols.Symbols()
	b, err := req.Marshal()
	require.NoError(t, err)
	resp := f.post(t, s2.EncodeSnappy(nil, b), "Content-Type", contentV2)
	require.Equal(t, http.StatusBadRequest, resp.StatusCode)
	require.Equal(t, "1", resp.Header.Get("X-Prometheus-Remote-Write-Samples-Written"))
	require.Len(t, f.stored(t), 1)
}

// TestSpecialValuesAreKept: what compares equal, or to nothing, is still told apart (row 29).
func TestSpecialValuesAreKept(t *testing.T) {
	f := newFixture(t)
	values := []float64{math.Copysign(0, -1), 0, math.Inf(1), math.Inf(-1), math.Float64frombits(value.NormalNaN), math.Float64frombits(value.StaleNaN), math.SmallestNonzeroFloat64}
	req := &prompb.WriteRequest{}
	for i, v := range values {
		req.Timeseries = append(req.Timeseries, v1Series(v, time.Now(), "__name__", "special", "i", strconv.Itoa(i)))
	}
	// The client's encoder has the same fault, so the value is put in place behind it.
	for i := range req.Timeseries {
		req.Timeseries[i].Samples[0].Value = keepSign(values[i])
	}
	body, err := req.Marshal()
	require.NoError(t, err)
	body = bytes.ReplaceAll(body, binary.LittleEndian.AppendUint64(nil, standIn), binary.LittleEndian.AppendUint64(nil, math.Float64bits(math.Copysign(0, -1))))
	resp := f.post(t, s2.EncodeSnappy(nil, body))
	require.Less(t, resp.StatusCode, 300)
	for text, ts := range f.stored(t) {
		for i, v := range values {
			if strings.Contains(text, `i="`+strconv.Itoa(i)+`"`) {
				require.Equal(t, math.Float64bits(v), math.Float64bits(ts.Samples[0].Value), text)
			}
		}
	}
	require.Len(t, f.stored(t), len(values))
}
