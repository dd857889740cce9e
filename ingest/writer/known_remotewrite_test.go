// SPDX-License-Identifier: Apache-2.0

package writer

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/value"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/ingest/writer/seriescache"
	"github.com/strata-apm/strata/internal/testutil/seedtest"
	"github.com/strata-apm/strata/storage/metrics"
)

func (g *senders) writeSeries(i int, symbols *writev2.SymbolsTable) writev2.TimeSeries {
	ts := writev2.TimeSeries{}
	for _, s := range []string{"__name__", []string{"m_total", "m", "h_count"}[i%3], "i", strconv.Itoa(i)} {
		ts.LabelsRefs = append(ts.LabelsRefs, symbols.Symbolize(s))
	}
	if !g.one(40) {
		help := symbols.Symbolize([]string{"Help.", "Other help."}[g.IntN(30)/29])
		ts.Metadata = writev2.Metadata{Type: []writev2.Metadata_MetricType{1, 2, 3}[i%3], HelpRef: help}
	}
	at := g.at
	switch g.IntN(30) {
	case 0:
		at = at.Add(-time.Duration(g.IntN(100)) * 10 * time.Second)
	case 1:
		at = at.Add(-5 * time.Hour)
	}
	for range 1 + g.IntN(8)/7 {
		s := writev2.Sample{Timestamp: at.UnixMilli(), Value: float64(at.Unix() % 1000)}
		if i%2 == 0 {
			s.StartTimestamp = at.Truncate(10 * time.Minute).Add(-time.Duration(g.IntN(2)) * time.Minute).UnixMilli()
		}
		switch g.IntN(40) {
		case 0:
			s.Value = -1
		case 1:
			s.Value = math.Float64frombits(value.StaleNaN)
		}
		ts.Samples = append(ts.Samples, s)
		at = at.Add(time.Duration(g.IntN(2)) * time.Second)
	}
	switch g.IntN(60) {
	case 0:
		ts.Exemplars = append(ts.Exemplars, writev2.Exemplar{Value: 1, Timestamp: at.UnixMilli()})
	case 1:
		ts.Samples = nil
		ts.Histograms = append(ts.Histograms, writev2.FromIntHistogram(0, at.UnixMilli(), &histogram.Histogram{Count: 1, ZeroCount: 1, Sum: 1}))
	case 2:
		ts.LabelsRefs = append(ts.LabelsRefs, 10_000, 1)
	}
	return ts
}

func (g *senders) writeRequest(t *testing.T) bus.Message {
	t.Helper()
	symbols := writev2.NewSymbolTable()
	var req writev2.Request
	for range g.IntN(20) {
		symbols.Symbolize(strconv.Itoa(g.IntN(5))) // The same text has other numbers in other requests.
	}
	for _, i := range g.Perm(30)[:1+g.IntN(20)] {
		req.Timeseries = append(req.Timeseries, g.writeSeries(i, &symbols))
	}
	req.Symbols = symbols.Symbols()
	body, err := req.Marshal()
	require.NoError(t, err)
	return bus.Message{Record: bus.Record{Value: body, Headers: []bus.Header{{Key: intake.HeaderItems, Value: "1"}}}}
}

// TestKnownSeriesOfRemoteWrite is TestKnownSeries for remote write.
func TestKnownSeriesOfRemoteWrite(t *testing.T) {
	for _, seed := range seedtest.Seeds(t, 2, 20) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			with, without := newTranslated(t, metrics.DefaultConfig(), NewRemoteWriteTranslator), newTranslated(t, metrics.DefaultConfig(), NewRemoteWriteTranslator)
			g := &senders{Rand: rand.New(rand.NewPCG(seed, 3)), at: time.Now().Add(-4 * time.Hour).Truncate(time.Second)}
			known, samples := 0, 0
			for range 400 {
				g.at = g.at.Add(10 * time.Second)
				m := g.writeRequest(t)
				without.translator.cache = seriescache.NewRemoteWrite[series]()
				wantItems, wantRejected := without.append(t, m)
				items, rejected := with.append(t, m)
				require.Equal(t, wantItems, items)
				require.Equal(t, wantRejected, rejected)
				plan, ok := with.translator.cache.Split(m.Value, time.Now())
				require.True(t, ok)
				known += len(plan.Samples)
				samples += items
			}
			require.Greater(t, known, samples*8/10)
			require.Equal(t, without.content(t), with.content(t))
			require.Equal(t, without.exemplars(t), with.exemplars(t))
			require.ElementsMatch(t, without.metadata.ListMetadata(), with.metadata.ListMetadata())
		})
	}
}

// TestUnusualRemoteWrite: what the cache does not read is decoded, and refused where it cannot be.
func TestUnusualRemoteWrite(t *testing.T) {
	w := newTranslated(t, metrics.DefaultConfig(), NewRemoteWriteTranslator)
	g := &senders{Rand: rand.New(rand.NewPCG(1, 1)), at: time.Now().Truncate(time.Second)}
	good := g.writeRequest(t)
	items, _ := w.append(t, good)
	for name, tc := range map[string]struct {
		more  string
		items int
	}{
		"an unknown field": {"\x78\x01", items},
		"cut":              {"\x2a\x7f", 0},
		"a broken series":  {"\x2a\x02\x12\x7f", 0},
		"an empty series":  {"\x2a\x00", items},
	} {
		t.Run(name, func(t *testing.T) {
			m := good
			m.Value = append(append([]byte(nil), good.Value...), tc.more...)
			got, rejected := w.append(t, m)
			require.Equal(t, tc.items, got, fmt.Sprint(rejected))
			if tc.items == 0 {
				require.Equal(t, map[string]int64{"undecodable": 1}, rejected)
			}
		})
	}
}
