// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/prometheus/prometheus/prompb"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// decodeRemoteWrite reads a body as a server does.
func decodeRemoteWrite(t *testing.T, body []byte) *prompb.WriteRequest {
	t.Helper()
	raw, err := s2.Decode(nil, body)
	require.NoError(t, err)
	var out prompb.WriteRequest
	require.NoError(t, out.Unmarshal(raw))
	return &out
}

// TestRemoteWriteNext: a body that was changed in place has the time it was given and, series by series, the values that OTLP's has.
func TestRemoteWriteNext(t *testing.T) {
	start := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	w, err := NewRemoteWrite(3, 2, start)
	require.NoError(t, err)
	h, err := NewHosts(3, 2, start)
	require.NoError(t, err)
	require.Equal(t, h.Points(), w.Points())
	size := len(w.message)
	for i := range 50 {
		at := start.Add(time.Duration(i) * 10 * time.Second)
		md, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(h.Next(at))
		require.NoError(t, err)
		var want []float64
		for _, rm := range md.ResourceMetrics().All() {
			for _, sm := range rm.ScopeMetrics().All() {
				for _, m := range sm.Metrics().All() {
					want = append(want, valueOf(m))
				}
			}
		}
		got := decodeRemoteWrite(t, w.Next(at))
		require.Len(t, w.message, size)
		require.Len(t, got.Timeseries, len(want))
		require.Empty(t, got.Metadata)
		for n, s := range got.Timeseries {
			require.Equal(t, []prompb.Sample{{Value: want[n], Timestamp: at.UnixMilli()}}, s.Samples, "%v", s.Labels)
		}
	}
}

func valueOf(m pmetric.Metric) float64 {
	p := pmetric.NewNumberDataPoint()
	if m.Type() == pmetric.MetricTypeSum {
		m.Sum().DataPoints().At(0).CopyTo(p)
	} else {
		m.Gauge().DataPoints().At(0).CopyTo(p)
	}
	if p.ValueType() == pmetric.NumberDataPointValueTypeInt {
		return float64(p.IntValue())
	}
	return p.DoubleValue()
}

// TestRemoteWriteLabels: no series comes twice, and labels are as a scrape leaves them, in order.
func TestRemoteWriteLabels(t *testing.T) {
	w, err := NewRemoteWrite(0, 10, base())
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, s := range decodeRemoteWrite(t, w.Next(base())).Timeseries {
		names, values := []string{}, map[string]string{}
		for _, l := range s.Labels {
			names = append(names, l.Name)
			values[l.Name] = l.Value
		}
		require.True(t, slices.IsSorted(names), "%v", names)
		require.InDelta(t, 7.5, len(names), 0.5)
		require.Equal(t, "devops", values["job"])
		require.Contains(t, values["instance"], ":9100")
		if strings.HasPrefix(values["__name__"], "net_") {
			require.Equal(t, "eth0", values["interface"])
			require.True(t, strings.HasSuffix(values["__name__"], "_total"), "a counter")
		}
		seen[values["instance"]+" "+values["__name__"]] = true
	}
	require.Len(t, seen, 1010)
	require.True(t, seen["host_7:9100 redis_used_memory"], "the one that is asked for")
}

// TestRemoteWriteRepeatable: the same hosts are the same bytes again, and a time that has another length is refused.
func TestRemoteWriteRepeatable(t *testing.T) {
	a, err := NewRemoteWrite(3, 1, base())
	require.NoError(t, err)
	b, err := NewRemoteWrite(3, 1, base())
	require.NoError(t, err)
	require.Equal(t, a.Next(base()), b.Next(base()))
	for _, at := range []time.Time{time.Unix(0, 0), time.Date(2110, 1, 1, 0, 0, 0, 0, time.UTC)} {
		_, err := NewRemoteWrite(0, 1, at)
		require.ErrorContains(t, err, "not 6")
	}
}
