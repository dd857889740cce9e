// SPDX-License-Identifier: Apache-2.0

package remotewrite

import (
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/ingest/intaketest"
	"github.com/strata-apm/strata/signal"
)

// millis is the time of a record as remote write has it.
func millis(r intaketest.Record) int64 {
	if r.Time.IsZero() {
		return 0
	}
	return r.Time.UnixMilli()
}

// pairs are the labels of a record, the name first.
func pairs(r intaketest.Record) []intaketest.Attribute {
	return append([]intaketest.Attribute{{Key: "__name__", Value: r.Name}}, r.Attributes...)
}

func encodeV1(tb testing.TB, recs ...intaketest.Record) []byte {
	tb.Helper()
	req := prompb.WriteRequest{}
	for _, r := range recs {
		ts := prompb.TimeSeries{Samples: []prompb.Sample{{Value: r.Value, Timestamp: millis(r)}}}
		for _, a := range pairs(r) {
			ts.Labels = append(ts.Labels, prompb.Label{Name: a.Key, Value: a.Value})
		}
		req.Timeseries = append(req.Timeseries, ts)
	}
	body, err := req.Marshal()
	require.NoError(tb, err)
	return body
}

func encodeV2(tb testing.TB, recs ...intaketest.Record) []byte {
	tb.Helper()
	if len(recs) == 0 {
		return nil
	}
	symbols, req := writev2.NewSymbolTable(), writev2.Request{}
	for _, r := range recs {
		ts := writev2.TimeSeries{Samples: []writev2.Sample{{Value: r.Value, Timestamp: millis(r)}}}
		for _, a := range pairs(r) {
			ts.LabelsRefs = append(ts.LabelsRefs, symbols.Symbolize(a.Key), symbols.Symbolize(a.Value))
		}
		req.Timeseries = append(req.Timeseries, ts)
	}
	req.Symbols = symbols.Symbols()
	body, err := req.Marshal()
	require.NoError(tb, err)
	return body
}

func decodeV2(tb testing.TB, body []byte) (out []intaketest.Record) {
	tb.Helper()
	var req writev2.Request
	require.NoError(tb, req.Unmarshal(body))
	b := labels.NewScratchBuilder(0)
	for _, ts := range req.Timeseries {
		ls, err := ts.ToLabels(&b, req.Symbols)
		require.NoError(tb, err)
		r := intaketest.Record{}
		ls.Range(func(l labels.Label) {
			if l.Name == "__name__" {
				r.Name = l.Value
			} else {
				r.Attributes = append(r.Attributes, intaketest.Attribute{Key: l.Name, Value: l.Value})
			}
		})
		for _, s := range ts.Samples {
			r.Time, r.Value = time.UnixMilli(s.Timestamp), s.Value
			out = append(out, r)
		}
	}
	return out
}

// TestConformance runs the suite of every protocol over both versions.
func TestConformance(t *testing.T) {
	for name, c := range map[string]struct {
		content string
		encode  func(testing.TB, ...intaketest.Record) []byte
	}{
		"1.0": {"application/x-protobuf", encodeV1},
		"2.0": {"application/x-protobuf;proto=io.prometheus.write.v2.Request", encodeV2},
	} {
		t.Run(name, func(t *testing.T) {
			p := intaketest.Protocol{
				Signal: signal.Metrics, Topic: bus.TopicRemoteWrite, Encode: c.encode, Decode: decodeV2, Partial: intaketest.Refused,
				Codings: []intaketest.Coding{intaketest.CodingOf(intake.SnappyBlock)}, Coded: true,
				Serve: func(tb testing.TB, in *intake.Intake) intaketest.Sender {
					tb.Helper()
					return intaketest.ServeHTTP(tb, NewHandler(in, slog.New(slog.DiscardHandler)), "/", c.content)
				},
			}
			intaketest.Run(t, p)
		})
	}
}
