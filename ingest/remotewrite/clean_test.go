// SPDX-License-Identifier: Apache-2.0

package remotewrite

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	remoteapi "github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/strata-apm/strata/ingest/intake"
)

// decided is what a request becomes: the samples, start timestamps and metadata of each series, in the order of the request.
func decided(tb testing.TB, body []byte) []string {
	tb.Helper()
	var req writev2.Request
	require.NoError(tb, req.Unmarshal(body))
	b := labels.NewScratchBuilder(8)
	out := make([]string, 0, len(req.Timeseries))
	for i := range req.Timeseries {
		ts := &req.Timeseries[i]
		ls, err := ts.ToLabels(&b, req.Symbols)
		require.NoError(tb, err)
		md, err := ts.ToMetadata(req.Symbols)
		require.NoError(tb, err)
		out = append(out, fmt.Sprint(ls, md, ts.Samples, len(ts.Histograms), len(ts.Exemplars)))
	}
	return out
}

// decoder is the way of requests that need decisions. It returns the record, how many items it has, and what was refused.
func decoder(tb testing.TB, in *intake.Intake, version remoteapi.WriteMessageType, body []byte) (rec []byte, items int, failed error) {
	tb.Helper()
	w := &writing{c: newCollector(tb.Context(), in)}
	var err error
	if version == remoteapi.WriteV1MessageType {
		err = w.version1(body)
	} else {
		err = w.version2(body)
	}
	if err != nil {
		return nil, 0, err
	}
	parts, err := w.c.parts()
	require.NoError(tb, err)
	return parts[0].Body, parts[0].Items, w.err()
}

func newIntake() *intake.Intake {
	cfg := intake.DefaultConfig()
	cfg.Limits.Attributes, cfg.Limits.AttributeBytes = 6, 30
	return intake.New(intake.Options{Config: cfg})
}

// clean runs a cleaner as store does.
func clean(in *intake.Intake, pool *cleaners, version remoteapi.WriteMessageType, body []byte) (rec []byte, items int, ok bool) {
	l, now := in.Limits(), in.Now()
	c := pool.get(l, now.Add(-l.MetricsPast).UnixMilli(), now.Add(l.Future).UnixMilli())
	defer pool.put(c)
	rec, ok = c.record(version, body)
	return rec, c.items, ok
}

func requireSame(tb testing.TB, in *intake.Intake, version remoteapi.WriteMessageType, body, rec []byte, items int) {
	tb.Helper()
	want, wantItems, failed := decoder(tb, in, version, body)
	require.NoError(tb, failed)
	require.Equal(tb, wantItems, items)
	require.Equal(tb, decided(tb, want), decided(tb, rec))
}

// requests are good and bad ones of both versions.
type requests struct {
	*rand.Rand
	now time.Time
}

func (g *requests) one(of int) bool { return g.IntN(of) == 0 }

func (g *requests) labels() (kv []string) {
	if !g.one(40) {
		kv = append(kv, "__name__", fmt.Sprint("m", g.IntN(50)))
	}
	for i := range g.IntN(5) {
		kv = append(kv, fmt.Sprint("l", i), strings.Repeat("v", 1+g.IntN(4)))
	}
	switch g.IntN(60) {
	case 0:
		kv = append(kv, "a", "unsorted")
	case 1:
		kv = append(kv, "z", "")
	case 2:
		kv = append(kv, "z", "\xff")
	case 3:
		kv = append(kv, "z", "1", "z", "2")
	case 4:
		kv = append(kv, "", "x")
	case 5:
		kv = append(kv, "z", strings.Repeat("long", 8))
	case 6:
		kv = append(kv, "u", "1", "v", "1", "w", "1", "x", "1")
	}
	return kv
}

func (g *requests) times() []int64 {
	at := g.now.Add(-time.Duration(g.IntN(1000)) * time.Second).UnixMilli()
	switch g.IntN(40) {
	case 0:
		return nil
	case 1:
		return []int64{at, at}
	case 2:
		return []int64{at, at - 1}
	case 3:
		return []int64{at - 3_600_000_000}
	case 4:
		return []int64{at + 3_600_000_000}
	case 5, 6, 7:
		return []int64{at, at + 1, at + 2}
	default:
		return []int64{at}
	}
}

func (g *requests) value() float64 { return []float64{0, 1, -1, 0.5, 1e300}[g.IntN(5)] }

func (g *requests) v1() []byte {
	var req prompb.WriteRequest
	for range g.IntN(6) {
		var ts prompb.TimeSeries
		for kv := range slices.Chunk(g.labels(), 2) {
			ts.Labels = append(ts.Labels, prompb.Label{Name: kv[0], Value: kv[1]})
		}
		for _, t := range g.times() {
			ts.Samples = append(ts.Samples, prompb.Sample{Timestamp: t, Value: g.value()})
		}
		if g.one(60) {
			ts.Exemplars = append(ts.Exemplars, prompb.Exemplar{Value: 1})
		}
		req.Timeseries = append(req.Timeseries, ts)
	}
	if g.one(3) {
		req.Metadata = append(req.Metadata, prompb.MetricMetadata{MetricFamilyName: "m", Help: "h"})
	}
	body, err := req.Marshal()
	if err != nil {
		return nil
	}
	return body
}

func (g *requests) v2() []byte {
	symbols := writev2.NewSymbolTable()
	var req writev2.Request
	for range g.IntN(6) {
		ts := writev2.TimeSeries{}
		for _, s := range g.labels() {
			ts.LabelsRefs = append(ts.LabelsRefs, symbols.Symbolize(s))
		}
		for _, t := range g.times() {
			ts.Samples = append(ts.Samples, writev2.Sample{Timestamp: t, Value: g.value(), StartTimestamp: int64(g.IntN(2)) * (t - 10)})
		}
		if g.one(2) {
			ts.Metadata = writev2.Metadata{Type: writev2.Metadata_MetricType(g.IntN(9)), HelpRef: symbols.Symbolize("help"), UnitRef: symbols.Symbolize("s")}
		}
		switch g.IntN(100) {
		case 0:
			ts.LabelsRefs = append(ts.LabelsRefs, 1)
		case 1:
			ts.LabelsRefs = append(ts.LabelsRefs, 1, 10_000)
		case 2:
			ts.Metadata.UnitRef = 10_000
		case 3:
			ts.Exemplars = append(ts.Exemplars, writev2.Exemplar{Value: 1})
		}
		req.Timeseries = append(req.Timeseries, ts)
	}
	req.Symbols = symbols.Symbols()
	if g.one(50) {
		req.Symbols[0] = "x"
	}
	body, err := req.Marshal()
	if err != nil {
		return nil
	}
	return body
}

// TestCleanIsWhatIsDecided: a request that is taken as it is becomes what the decoder would have made of it, and is one that it refuses nothing
// of. Most requests are taken.
func TestCleanIsWhatIsDecided(t *testing.T) {
	in, pool := newIntake(), &cleaners{}
	for version, next := range map[remoteapi.WriteMessageType]func(*requests) []byte{remoteapi.WriteV1MessageType: (*requests).v1, remoteapi.WriteV2MessageType: (*requests).v2} {
		g := &requests{rand.New(rand.NewPCG(1, 2)), time.Now()}
		taken, good := 0, 0
		for range 5000 {
			body := next(g)
			if _, items, failed := decoder(t, in, version, body); failed == nil && items > 0 {
				good++
			}
			if rec, items, ok := clean(in, pool, version, body); ok {
				taken++
				requireSame(t, in, version, body, rec, items)
			}
		}
		require.Greater(t, taken, good*6/10, "%s", version)
	}
}

// TestDoubt: whatever needs a decision is left to the decoder.
func TestDoubt(t *testing.T) {
	in, pool := newIntake(), &cleaners{}
	now := time.Now().UnixMilli()
	series := func(edit func(*prompb.TimeSeries)) []byte {
		ts := prompb.TimeSeries{Labels: []prompb.Label{{Name: "__name__", Value: "m"}, {Name: "a", Value: "b"}}, Samples: []prompb.Sample{{Timestamp: now, Value: 1}}}
		edit(&ts)
		body, err := (&prompb.WriteRequest{Timeseries: []prompb.TimeSeries{ts}}).Marshal()
		require.NoError(t, err)
		return body
	}
	good := series(func(*prompb.TimeSeries) {})
	_, _, ok := clean(in, pool, remoteapi.WriteV1MessageType, good)
	require.True(t, ok)
	for name, body := range map[string][]byte{
		"nothing":          nil,
		"the other format": {0x22, 0x00},
		"cut":              good[:len(good)-1],
		"twice":            append(slices.Clone(good), good...),
		"an unknown field": protowire.AppendVarint(protowire.AppendTag(slices.Clone(good), 9, protowire.VarintType), 1),
		"no labels":        series(func(ts *prompb.TimeSeries) { ts.Labels = nil }),
		"no name":          series(func(ts *prompb.TimeSeries) { ts.Labels = ts.Labels[1:] }),
		"unsorted":         series(func(ts *prompb.TimeSeries) { slices.Reverse(ts.Labels) }),
		"a label twice":    series(func(ts *prompb.TimeSeries) { ts.Labels = append(ts.Labels, ts.Labels[1]) }),
		"an empty value":   series(func(ts *prompb.TimeSeries) { ts.Labels[1].Value = "" }),
		"an empty name":    series(func(ts *prompb.TimeSeries) { ts.Labels[0].Name = "" }),
		"no UTF-8":         series(func(ts *prompb.TimeSeries) { ts.Labels[1].Value = "\xff" }),
		"a long value":     series(func(ts *prompb.TimeSeries) { ts.Labels[1].Value = strings.Repeat("x", 31) }),
		"too old":          series(func(ts *prompb.TimeSeries) { ts.Samples[0].Timestamp = 1 }),
		"too new":          series(func(ts *prompb.TimeSeries) { ts.Samples[0].Timestamp = now * 2 }),
		"a time twice":     series(func(ts *prompb.TimeSeries) { ts.Samples = append(ts.Samples, ts.Samples[0]) }),
		"a histogram":      series(func(ts *prompb.TimeSeries) { ts.Histograms = []prompb.Histogram{{Timestamp: now}} }),
		"an exemplar":      series(func(ts *prompb.TimeSeries) { ts.Exemplars = []prompb.Exemplar{{Timestamp: now}} }),
		"many labels": series(func(ts *prompb.TimeSeries) {
			for _, n := range "bcdefg" {
				ts.Labels = append(ts.Labels, prompb.Label{Name: string(n), Value: "x"})
			}
		}),
	} {
		t.Run(name, func(t *testing.T) {
			_, _, ok := clean(in, pool, remoteapi.WriteV1MessageType, body)
			require.False(t, ok)
		})
	}
}

// FuzzClean: TestCleanIsWhatIsDecided for any body.
func FuzzClean(f *testing.F) {
	in, pool := newIntake(), &cleaners{}
	g := &requests{rand.New(rand.NewPCG(3, 4)), time.Now()}
	for range 20 {
		f.Add(g.v1(), false)
		f.Add(g.v2(), true)
	}
	f.Fuzz(func(t *testing.T, body []byte, second bool) {
		version := remoteapi.WriteV1MessageType
		if second {
			version = remoteapi.WriteV2MessageType
		}
		if rec, items, ok := clean(in, pool, version, body); ok {
			requireSame(t, in, version, body, rec, items)
		}
	})
}

// BenchmarkClean and the decoder, over a request of version 1 with 1 000 series.
func BenchmarkClean(b *testing.B) {
	in, pool := intake.New(intake.Options{Config: intake.DefaultConfig()}), &cleaners{}
	var req prompb.WriteRequest
	for i := range 1000 {
		req.Timeseries = append(req.Timeseries, prompb.TimeSeries{
			Labels: []prompb.Label{
				{Name: "__name__", Value: fmt.Sprint("node_metric_", i%100)},
				{Name: "device", Value: "sda"},
				{Name: "instance", Value: fmt.Sprint("host-", i/100)},
				{Name: "job", Value: "node"},
				{Name: "mode", Value: "idle"},
				{Name: "region", Value: "eu-central-1"},
			},
			Samples: []prompb.Sample{{Timestamp: time.Now().UnixMilli(), Value: float64(i)}},
		})
	}
	body, err := req.Marshal()
	require.NoError(b, err)
	b.Run("clean", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _, ok := clean(in, pool, remoteapi.WriteV1MessageType, body)
			require.True(b, ok)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/sample")
	})
	b.Run("decoded", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _, failed := decoder(b, in, remoteapi.WriteV1MessageType, body)
			require.NoError(b, failed)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/sample")
	})
}
