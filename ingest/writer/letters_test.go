// SPDX-License-Identifier: Apache-2.0

package writer

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/storage/remote/otlptranslator/prometheusremotewrite"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/strata-apm/strata/signal"
)

// TestNamesOutsideASCII writes names and keys of many scripts and asks for each.
func TestNamesOutsideASCII(t *testing.T) {
	f := newFixture(t, t.TempDir())
	now := time.Now().Truncate(time.Millisecond)
	want := map[string]string{ // A name as it is sent, and as it is stored.
		"订单数量": "订单数量", "shop.订单": "shop_订单", "shop.库存": "shop_库存", "заказы.всего": "заказы_всего", "naïve": "naïve", "nai\u0308ve": "nai\u0308ve",
		"🚀launch": "🚀launch", "🔥launch": "🔥launch", "1号": "_1号", "地 区": "地_区", "甲　乙": "甲_乙", "طلبات": "طلبات", "𠮷": "𠮷",
		"http.server.duration": "http_server_duration", "zQ7uXnothing": "zQ7uXnothing", "x.zQ7uX00004e.y": "x_zQ7uX00004e_y",
		"---": "unnamed_2d2d2d", "　": "unnamed_e38080",
	}
	var sources []source
	for sent := range want {
		sources = append(sources, source{metric: sent, resource: attributes{"service.name": "shop", "机房": "一"}, scope: "库", scopeAttributes: attributes{"插件": "p"}})
	}
	keys := attributes{"地区": "华东", "地.区": "1", "地_区": "2", "a.b": "3", "a_b": "4", "": "5", "--": "6", "_": "7", "　": "8", "ß": "9", "x": "10", "空": ""}
	sources = append(sources, source{metric: "keys", resource: attributes{"service.name": "shop"}, point: keys},
		source{metric: "keys", resource: attributes{"service.name": "shop"}, point: attributes{"地区": "华北"}})
	store, md := f.writeMetrics(t, record(t, now, sources...))

	for _, name := range want {
		v := instant(t, store, `{"`+name+`", job="shop", otel_scope_name="库", "otel_scope_插件"="p"}`, now)
		require.Len(t, v, 1, name)
		require.Equal(t, name, v[0].Metric.Get("__name__"))
		_, ok := md.GetMetadata(name)
		require.True(t, ok, name)
	}
	got := instant(t, store, `keys{"地区"="华东"}`, now)
	require.Len(t, got, 1)
	require.Equal(t, map[string]string{
		"__name__": "keys", "job": "shop", "service_name": "shop", "地区": "华东", "地_区": "1;2", "a_b": "3;4", "key_": "5", "key_2d2d": "6", "key_5f": "7",
		"key_e38080": "8", "ß": "9", "x": "10",
	}, got[0].Metric.Map())
	require.Len(t, instant(t, store, `sum by ("地区") (keys)`, now), 2)
	require.NotEmpty(t, instant(t, store, `target_info{"机房"="一"}`, now))

	q, err := store.Querier(now.Add(-time.Hour).UnixMilli(), now.UnixMilli())
	require.NoError(t, err)
	defer func() { _ = q.Close() }()
	regions, _, err := q.LabelValues(t.Context(), "地区", nil)
	require.NoError(t, err)
	require.Equal(t, []string{"华东", "华北"}, slices.Sorted(slices.Values(regions)))
	require.Equal(t, int64(len(sources)), f.ledger.Totals()[signal.Metrics].Stored)
	require.Empty(t, f.ledger.Totals()[signal.Metrics].Rejected)
}

// TestKindsOutsideASCII sends each kind of metric under a name outside ASCII: suffixes go after it.
func TestKindsOutsideASCII(t *testing.T) {
	f := newFixture(t, t.TempDir())
	now := time.Now().Truncate(time.Millisecond)
	ts := pcommon.NewTimestampFromTime(now)
	rec := metricsRequest(t, func(ms pmetric.MetricSlice) {
		c := ms.AppendEmpty()
		c.SetName("订单")
		c.SetUnit("s")
		c.SetEmptySum().SetIsMonotonic(true)
		c.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		cp := c.Sum().DataPoints().AppendEmpty()
		cp.SetTimestamp(ts)
		cp.SetIntValue(1)
		h := ms.AppendEmpty()
		h.SetName("延迟")
		h.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		hp := h.Histogram().DataPoints().AppendEmpty()
		hp.SetTimestamp(ts)
		hp.SetCount(3)
		hp.SetSum(3)
		hp.ExplicitBounds().FromRaw([]float64{1})
		hp.BucketCounts().FromRaw([]uint64{2, 1})
		hp.Attributes().PutStr("le", "mine")
		s := ms.AppendEmpty()
		s.SetName("分位")
		sp := s.SetEmptySummary().DataPoints().AppendEmpty()
		sp.SetTimestamp(ts)
		sp.Attributes().PutStr("quantile", "mine")
		sp.QuantileValues().AppendEmpty().SetQuantile(0.5)
	})
	store, _ := f.writeMetrics(t, rec)
	for _, expr := range []string{
		`{"订单_seconds_total"}`, `{"延迟_bucket", le="1", exported_le="mine"} == 2`, `{"延迟_bucket", le="+Inf"} == 3`, `{"延迟_count"}`, `{"延迟_sum"}`,
		`{"分位", quantile="0.5", exported_quantile="mine"}`, `{"分位_count"}`,
	} {
		require.Len(t, instant(t, store, expr, now), 1, expr)
	}
}

func TestStrategies(t *testing.T) {
	require.Error(t, Translation{Strategy: "Underscores"}.Validate())
	for strategy, want := range map[Strategy][]string{
		"":                                {"shop_订单_seconds", "shop_库存_seconds", "key_2d", "地区"},
		UTF8LettersWithSuffixes:           {"shop_订单_seconds", "shop_库存_seconds", "key_2d", "地区"},
		UnderscoreEscapingWithSuffixes:    {"shop_seconds", "shop_seconds", "key_2d", "key_e59cb0e58cba"},
		UnderscoreEscapingWithoutSuffixes: {"shop", "shop", "key_2d", "key_e59cb0e58cba"},
		NoUTF8EscapingWithSuffixes:        {"shop.订单_seconds", "shop.库存_seconds", "-", "地区"},
		NoTranslation:                     {"shop.订单", "shop.库存", "-", "地区"},
	} {
		require.NoError(t, Translation{Strategy: strategy}.Validate())
		md := pmetric.NewMetrics()
		rm := md.ResourceMetrics().AppendEmpty()
		rm.Resource().Attributes().PutStr("service.name", "s")
		for _, name := range []string{"shop.订单", "shop.库存"} {
			m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
			m.SetName(name)
			m.SetUnit("s")
			p := m.SetEmptyGauge().DataPoints().AppendEmpty()
			p.Attributes().PutStr("-", "1")
			p.Attributes().PutStr("地区", "1")
		}
		var got seriesNames
		r := newRewriter(Translation{Strategy: strategy})
		_, err := prometheusremotewrite.NewPrometheusConverter(r.rewrite(md, &got)).FromMetrics(t.Context(), md, r.settings)
		require.NoError(t, err)
		require.Equal(t, want[:2], got.names, string(strategy))
		require.Subset(t, got.keys, want[2:], string(strategy))
	}
}

// seriesNames notes what it is given.
type seriesNames struct {
	seriesProbe
	names, keys []string
}

func (s *seriesNames) Append(_ promstorage.SeriesRef, ls labels.Labels, _, _ int64, _ float64, _ *histogram.Histogram, _ *histogram.FloatHistogram, _ promstorage.AOptions) (promstorage.SeriesRef, error) { //nolint:revive // The interface is Prometheus's.
	s.names = append(s.names, ls.Get("__name__"))
	ls.Range(func(l labels.Label) { s.keys = append(s.keys, l.Name) })
	return 0, nil
}

// FuzzLetters hides and shows names: what comes out is what went in, and no two names are hidden alike.
func FuzzLetters(f *testing.F) {
	for _, s := range []string{"订单", "a.b", "zQ7uX", "é", "\xff", "", "zQ7uX00e9é", strings.Repeat("水", 300)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		n := names{letters: true, escapes: true}
		hidden := n.hide(name, "key_")
		require.True(t, isASCII(hidden))
		require.True(t, usable(hidden) || hidden == "key_")
		if usable(name) && !strings.Contains(name, letterMark) {
			require.Equal(t, strings.Map(func(r rune) rune {
				if r >= 0x80 && !keptLetter(r) {
					return '_'
				}
				return r
			}, name), shown(hidden))
		}
	})
}
