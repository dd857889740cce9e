// SPDX-License-Identifier: Apache-2.0

package remotewrite

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/metadata"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"github.com/prometheus/prometheus/tsdb/tsdbutil"
	"github.com/stretchr/testify/require"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/ingest/intaketest"
)

type testLayout struct{ partitions, max int }

func (l testLayout) Partitions(string) int             { return l.partitions }
func (l testLayout) MaxRecordBytes() int               { return l.max }
func (l testLayout) PartitionOf(key []byte, n int) int { return int(key[7]) % n }

// TestSplitBySeriesAndSize: every sample is in one part, every series in one partition, every part within the limit.
func TestSplitBySeriesAndSize(t *testing.T) {
	l := testLayout{partitions: 5, max: 20_000}
	now := time.Now()
	in, b := intaketest.New(t, func(o *intake.Options) { o.Layout = l })
	c := newCollector(t.Context(), in)
	const series, samples = 60, 1000
	for i := range series {
		ls := labels.FromStrings("__name__", "m", "i", strconv.Itoa(i), "pad", strings.Repeat("x", i*10))
		_, err := c.UpdateMetadata(0, ls, metadata.Metadata{Type: "gauge", Help: "Help of m.", Unit: "s"})
		require.NoError(t, err)
		n := 3
		if i == 7 {
			n = samples // More than a record holds.
		}
		for j := range n {
			_, err := c.Append(0, ls, now.UnixMilli()+int64(j), float64(i*j))
			require.NoError(t, err)
		}
		for _, h := range tsdbutil.GenerateTestHistograms(2) {
			_, err := c.AppendHistogram(0, ls, now.UnixMilli()+int64(h.Count), h, nil)
			require.NoError(t, err)
		}
		_, err = c.AppendExemplar(0, ls, exemplar.Exemplar{Labels: labels.FromStrings("trace_id", strconv.Itoa(i)), Value: 1, Ts: now.UnixMilli()})
		require.NoError(t, err)
	}
	require.NoError(t, c.Commit())
	require.Greater(t, len(b.Records(bus.TopicRemoteWrite)), 5)
	got, at, items := map[string]writev2.TimeSeries{}, map[string]int{}, 0
	builder := labels.NewScratchBuilder(0)
	for _, r := range b.Records(bus.TopicRemoteWrite) {
		require.LessOrEqual(t, len(r.Value), l.max)
		_, n, ok := intake.RecordItem(r.Headers)
		require.True(t, ok)
		items += int(n)
		var req writev2.Request
		require.NoError(t, req.Unmarshal(r.Value))
		for _, ts := range req.Timeseries {
			ls, err := ts.ToLabels(&builder, req.Symbols)
			require.NoError(t, err)
			where := l.PartitionOf(r.Key, l.partitions)
			if before, ok := at[ls.String()]; ok {
				require.Equal(t, before, where)
			}
			at[ls.String()] = where
			md, err := ts.ToMetadata(req.Symbols)
			require.NoError(t, err)
			require.Equal(t, metadata.Metadata{Type: "gauge", Help: "Help of m.", Unit: "s"}, md)
			for _, e := range ts.Exemplars {
				ex, err := e.ToExemplar(&builder, req.Symbols)
				require.NoError(t, err)
				require.Equal(t, ls.Get("i"), ex.Labels.Get("trace_id"))
			}
			sum := got[ls.String()]
			sum.Samples = append(sum.Samples, ts.Samples...)
			sum.Histograms = append(sum.Histograms, ts.Histograms...)
			sum.Exemplars = append(sum.Exemplars, ts.Exemplars...)
			got[ls.String()] = sum
		}
	}
	require.Len(t, got, series)
	require.Equal(t, (series-1)*5+samples+2, items)
	for text, ts := range got {
		want := 3
		if strings.Contains(text, `i="7"`) {
			want = samples
		}
		require.Len(t, ts.Samples, want, text)
		require.Len(t, ts.Histograms, 2, text)
		require.Len(t, ts.Exemplars, 1, text)
	}
}
