// SPDX-License-Identifier: Apache-2.0

package seriescache

import (
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"github.com/stretchr/testify/require"
)

// write is a request with one series of two samples, after whose symbols edit it.
func write(tb testing.TB, edit func(*writev2.Request)) []byte {
	tb.Helper()
	req := &writev2.Request{
		Symbols: []string{"", "__name__", "m", "a", "b", "help", "unit", "other"},
		Timeseries: []writev2.TimeSeries{{
			LabelsRefs: []uint32{1, 2, 3, 4}, Metadata: writev2.Metadata{Type: 1, HelpRef: 5, UnitRef: 6},
			Samples: []writev2.Sample{{Value: 1.5, Timestamp: 1000, StartTimestamp: 500}, {Value: -2, Timestamp: 2000}},
		}},
	}
	if edit != nil {
		edit(req)
	}
	body, err := req.Marshal()
	require.NoError(tb, err)
	return body
}

// TestRemoteWriteKnown: a series is known by its texts, whatever their numbers are, and by nothing else.
func TestRemoteWriteKnown(t *testing.T) {
	c := NewRemoteWrite[int]()
	p, ok := c.Split(write(t, nil), at)
	require.True(t, ok)
	require.Equal(t, []int{0}, p.Unknown)
	c.Learn(0, 7, at)
	seven := 7
	want := []Sample[int]{{Series: &seven, Start: 500, Time: 1000, Value: 1.5}, {Series: &seven, Time: 2000, Value: -2}}
	for name, edit := range map[string]func(*writev2.Request){
		"the same": nil,
		"other numbers": func(r *writev2.Request) {
			r.Symbols = []string{"", "help", "x", "b", "a", "m", "__name__", "unit"}
			r.Timeseries[0].LabelsRefs, r.Timeseries[0].Metadata = []uint32{6, 5, 4, 3}, writev2.Metadata{Type: 1, HelpRef: 1, UnitRef: 7}
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, ok := c.Split(write(t, edit), at)
			require.True(t, ok)
			require.Empty(t, p.Unknown)
			require.Equal(t, want, p.Samples)
		})
	}
	for name, edit := range map[string]func(*writev2.TimeSeries){
		"value":      func(s *writev2.TimeSeries) { s.LabelsRefs[3] = 7 },
		"name":       func(s *writev2.TimeSeries) { s.LabelsRefs[2] = 7 },
		"order":      func(s *writev2.TimeSeries) { s.LabelsRefs = []uint32{3, 4, 1, 2} },
		"fewer":      func(s *writev2.TimeSeries) { s.LabelsRefs = s.LabelsRefs[:2] },
		"help":       func(s *writev2.TimeSeries) { s.Metadata.HelpRef = 7 },
		"unit":       func(s *writev2.TimeSeries) { s.Metadata.UnitRef = 7 },
		"swapped":    func(s *writev2.TimeSeries) { s.Metadata.HelpRef, s.Metadata.UnitRef = 6, 5 },
		"type":       func(s *writev2.TimeSeries) { s.Metadata.Type = 2 },
		"no help":    func(s *writev2.TimeSeries) { s.Metadata.HelpRef = 0 },
		"histograms": func(s *writev2.TimeSeries) { s.Histograms = make([]writev2.Histogram, 1) },
		"exemplars":  func(s *writev2.TimeSeries) { s.Exemplars = make([]writev2.Exemplar, 1) },
		"no labels":  func(s *writev2.TimeSeries) { s.LabelsRefs = nil },
		"past the symbols": func(s *writev2.TimeSeries) {
			s.LabelsRefs[0] = 99
		},
		"help past the symbols": func(s *writev2.TimeSeries) { s.Metadata.HelpRef = 99 },
	} {
		t.Run(name, func(t *testing.T) {
			p, ok := c.Split(write(t, func(r *writev2.Request) { edit(&r.Timeseries[0]) }), at)
			require.True(t, ok)
			require.Empty(t, p.Samples)
			require.Equal(t, []int{0}, p.Unknown)
		})
	}
	p, ok = c.Split(write(t, func(r *writev2.Request) {
		strange := r.Timeseries[0]
		strange.LabelsRefs = []uint32{1, 7}
		r.Timeseries = []writev2.TimeSeries{strange, r.Timeseries[0], strange}
	}), at)
	require.True(t, ok)
	require.Equal(t, []int{0, 2}, p.Unknown)
	require.Len(t, p.Samples, 2)
}

// TestRemoteWriteUnusual: a request that is malformed or has something else is not read.
func TestRemoteWriteUnusual(t *testing.T) {
	c := NewRemoteWrite[int]()
	for name, more := range map[string]string{"field": "\x0a\x00", "type": "\x28\x01", "cut": "\x2a\x7f"} {
		_, ok := c.Split(append(write(t, nil), more...), at)
		require.False(t, ok, name)
	}
	p, ok := c.Split(append(write(t, nil), "\x2a\x04\x12\x02\x10\x80"...), at)
	require.True(t, ok)
	require.Equal(t, []int{0, 1}, p.Unknown)
	c.Learn(1, 1, at)
	p, _ = c.Split(append(write(t, nil), "\x2a\x04\x12\x02\x10\x80"...), at)
	require.Equal(t, []int{0, 1}, p.Unknown, "nothing can be learned of it")
}

// FuzzRemoteWrite: known samples and unknown series are together what the decoder finds.
func FuzzRemoteWrite(f *testing.F) {
	f.Add(write(f, nil))
	f.Fuzz(func(t *testing.T, body []byte) {
		c := NewRemoteWrite[int]()
		var req writev2.Request
		err := req.Unmarshal(body)
		for range 2 {
			p, ok := c.Split(body, at)
			if !ok {
				return
			}
			if err != nil {
				require.NotEmpty(t, p.Unknown)
				return
			}
			samples, known := 0, 0
			for i := range req.Timeseries {
				if known < len(p.Unknown) && p.Unknown[known] == i {
					known++
					continue
				}
				for _, s := range req.Timeseries[i].Samples {
					require.Equal(t, s.Timestamp, p.Samples[samples].Time)
					require.Equal(t, s.StartTimestamp, p.Samples[samples].Start)
					samples++
				}
			}
			require.Len(t, p.Unknown, known)
			require.Len(t, p.Samples, samples)
			for i := range p.Unknown {
				c.Learn(i, i, time.Now())
			}
		}
	})
}

func BenchmarkRemoteWriteSplit(b *testing.B) {
	const series = 1000
	symbols := writev2.NewSymbolTable()
	req := &writev2.Request{}
	for i := range series {
		ls := labels.FromStrings("__name__", "node_something_total", "instance", "host-"+strconv.Itoa(i/100)+":9100", "job", "node", "device", "disk"+strconv.Itoa(i%100), "direction", "read")
		req.Timeseries = append(req.Timeseries, writev2.TimeSeries{
			LabelsRefs: symbols.SymbolizeLabels(ls, nil), Samples: []writev2.Sample{{Timestamp: at.UnixMilli(), Value: float64(i)}},
			Metadata: writev2.Metadata{Type: writev2.Metadata_METRIC_TYPE_COUNTER, HelpRef: symbols.Symbolize("Help.")},
		})
	}
	req.Symbols = symbols.Symbols()
	body, err := req.Marshal()
	require.NoError(b, err)
	c := NewRemoteWrite[int]()
	p, ok := c.Split(body, at)
	require.True(b, ok)
	for i := range p.Unknown {
		c.Learn(i, i, at)
	}
	b.ReportAllocs()
	for b.Loop() {
		if p, ok := c.Split(body, at); !ok || len(p.Samples) != series {
			b.Fatal("not all are known")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/series, "ns/sample")
}
