// SPDX-License-Identifier: Apache-2.0

package remotewrite

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/ingest/check"
	"github.com/strata-apm/strata/signal"
)

// TestBadLabels: a series that is no series is refused with 400 and counted, the good ones of the request are kept, and the headers tell how many.
func TestBadLabels(t *testing.T) {
	now := time.Now()
	for name, tc := range map[string]struct {
		labels []string
		reason string
	}{
		"no name":          {[]string{"a", "b"}, check.ReasonNoName},
		"no labels":        {nil, check.ReasonNoName},
		"empty name":       {[]string{"__name__", ""}, check.ReasonNoName},
		"label twice":      {[]string{"__name__", "up", "zone", "a", "zone", "b"}, reasonTwice},
		"same value twice": {[]string{"__name__", "up", "zone", "a", "zone", "a"}, reasonTwice},
		"name twice":       {[]string{"__name__", "up", "__name__", "down"}, reasonTwice},
		"label unnamed":    {[]string{"__name__", "up", "", "b"}, reasonBadLabels},
	} {
		t.Run(name, func(t *testing.T) {
			good, bad := v1Series(1, now, "__name__", "good", "job", "a"), v1Series(2, now, tc.labels...)
			bad.Samples = append(bad.Samples, prompb.Sample{Value: 3, Timestamp: now.UnixMilli() + 1})
			check := func(body []byte, header ...string) *http.Response {
				f := newFixture(t)
				resp := f.post(t, s2.EncodeSnappy(nil, body), header...)
				text, _ := io.ReadAll(resp.Body)
				require.Equal(t, 400, resp.StatusCode, "%s", text)
				require.Len(t, f.stored(t), 2, "the good series before and behind it")
				rows := f.bus.Ledger.Rows(now.Add(-time.Minute), now.Add(time.Minute))
				require.Len(t, rows, 1)
				require.Equal(t, map[string]int64{tc.reason: 2}, rows[0].Refused)
				require.Equal(t, signal.Metrics, rows[0].Signal)
				return resp
			}
			v1, err := (&prompb.WriteRequest{Timeseries: []prompb.TimeSeries{good, bad, v1Series(1, now, "__name__", "other")}}).Marshal()
			require.NoError(t, err)
			check(v1)

			symbols := writev2.NewSymbolTable()
			req := writev2.Request{}
			for _, ts := range []prompb.TimeSeries{good, bad, v1Series(1, now, "__name__", "other")} {
				var refs []uint32
				for _, l := range ts.Labels {
					refs = append(refs, symbols.Symbolize(l.Name), symbols.Symbolize(l.Value))
				}
				x := writev2.TimeSeries{LabelsRefs: refs}
				for _, s := range ts.Samples {
					x.Samples = append(x.Samples, writev2.Sample{Value: s.Value, Timestamp: s.Timestamp})
				}
				req.Timeseries = append(req.Timeseries, x)
			}
			req.Symbols = symbols.Symbols()
			v2, err := req.Marshal()
			require.NoError(t, err)
			resp := check(v2, "Content-Type", contentV2)
			require.Equal(t, "2", resp.Header.Get("X-Prometheus-Remote-Write-Samples-Written"))
		})
	}
}

// TestMedia: types and encodings are known by their names whatever the case, and others are 415 before the body is looked at.
func TestMedia(t *testing.T) {
	body, err := (&prompb.WriteRequest{Timeseries: []prompb.TimeSeries{v1Series(1, time.Now(), "__name__", "up")}}).Marshal()
	require.NoError(t, err)
	body = s2.EncodeSnappy(nil, body)
	for _, tc := range []struct {
		kind, encoding string
		body           []byte
		code           int
	}{
		{"application/x-protobuf", "Snappy", body, 204},
		{"Application/X-Protobuf", "snappy", body, 204},
		{"application/x-protobuf; proto=prometheus.WriteRequest", "SNAPPY", body, 204},
		{`application/x-protobuf;proto="prometheus.WriteRequest"`, "snappy", body, 204},
		{"application/json", "snappy", []byte("no snappy"), 415},
		{"image/png", "snappy", body, 415},
		{"application/x-protobuf;proto", "snappy", body, 415},
		{"application/x-protobuf", "zstd", []byte("no snappy"), 415},
		{"application/x-protobuf", "identity", body, 415},
		{"application/x-protobuf", "identity, snappy", body, 204},
		{"application/x-protobuf", "Snappy , identity", body, 204},
		{"application/x-protobuf", "snappy, snappy", body, 415},
		{"application/x-protobuf", "snappy, gzip", body, 415},
	} {
		resp := newFixture(t).post(t, tc.body, "Content-Type", tc.kind, "Content-Encoding", tc.encoding)
		text, _ := io.ReadAll(resp.Body)
		require.Equal(t, tc.code, resp.StatusCode, "%s %s: %s", tc.kind, tc.encoding, text)
	}
}
