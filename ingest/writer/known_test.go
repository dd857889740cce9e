// SPDX-License-Identifier: Apache-2.0

package writer

import (
	"fmt"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/strata-apm/strata/ingest/bus"
	"github.com/strata-apm/strata/ingest/writer/seriescache"
	"github.com/strata-apm/strata/internal/testutil/seedtest"
	"github.com/strata-apm/strata/storage"
	"github.com/strata-apm/strata/storage/metrics"
)

// translated is a translator with its store.
type translated[T Translator] struct {
	store      *metrics.Store
	metadata   *metrics.Metadata
	translator T
}

func newTranslated[T Translator](t *testing.T, cfg metrics.Config, translator func(MetadataSink) T) *translated[T] {
	t.Helper()
	store, err := metrics.Open(t.TempDir(), cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	md := metrics.NewMetadata()
	return &translated[T]{store, md, translator(md)}
}

func newOTLP(md MetadataSink) *OTLPTranslator {
	return NewOTLPTranslator(md, Translation{Lookback: 5 * time.Minute})
}

// append appends a message in a transaction of its own, as the writer does.
func (tr *translated[T]) append(t *testing.T, m bus.Message) (items int, rejected map[string]int64) {
	t.Helper()
	app := tr.store.AppenderV2(t.Context())
	items, rejected, err := tr.translator.Append(t.Context(), checkedAppender{AppenderV2: app, ctx: t.Context(), store: tr.store}, m)
	require.NoError(t, err)
	require.NoError(t, app.Commit())
	return items, rejected
}

// content is every sample, by the text of its series.
func (tr *translated[T]) content(t *testing.T) map[string][]string {
	t.Helper()
	q, err := tr.store.Querier(math.MinInt64, math.MaxInt64)
	require.NoError(t, err)
	defer func() { require.NoError(t, q.Close()) }()
	out := map[string][]string{}
	set := q.Select(t.Context(), false, nil, labels.MustNewMatcher(labels.MatchRegexp, "__name__", ".+"))
	for set.Next() {
		name := set.At().Labels().String()
		for it := set.At().Iterator(nil); ; {
			kind := it.Next()
			if kind == chunkenc.ValNone {
				break
			}
			if kind == chunkenc.ValFloat {
				at, v := it.At()
				out[name] = append(out[name], fmt.Sprintf("%d %x", at, math.Float64bits(v)))
			} else {
				at, h := it.AtFloatHistogram(nil)
				out[name] = append(out[name], fmt.Sprintf("%d %s", at, h))
			}
		}
	}
	require.NoError(t, set.Err())
	return out
}

// exemplars are those of every series.
func (tr *translated[T]) exemplars(t *testing.T) []string {
	t.Helper()
	q, err := tr.store.ExemplarQuerier(t.Context())
	require.NoError(t, err)
	found, err := q.Select(0, math.MaxInt64, []*labels.Matcher{labels.MustNewMatcher(labels.MatchRegexp, "__name__", ".+")})
	require.NoError(t, err)
	var out []string
	for _, f := range found {
		for _, e := range f.Exemplars {
			out = append(out, fmt.Sprint(f.SeriesLabels, e.Labels, e.Value, e.Ts))
		}
	}
	slices.Sort(out)
	return out
}

// senders make requests as real ones do: the same resources, scopes, metrics and attributes again and again, and now and then something else.
type senders struct {
	*rand.Rand
	at time.Time
}

func (g *senders) one(of int) bool { return g.IntN(of) == 0 }

// resource is one of a few; two of them are one but for the order of their attributes, one makes no target_info, one has letters in its names.
func (g *senders) resource(i int, attrs pcommon.Map) {
	switch i {
	case 0, 1:
		keys := []string{"service.name", "service.instance.id", "host.name", "os.type"}
		if i == 1 {
			slices.Reverse(keys)
		}
		for _, k := range keys {
			attrs.PutStr(k, "of "+k)
		}
	case 2:
		attrs.PutStr("service.name", "plain")
	case 3:
		attrs.PutStr("service.name", "shop")
		attrs.PutStr("地区", "华东")
		attrs.PutInt("process.pid", 7)
	case 4: // Nothing at all.
	default:
		attrs.PutStr("service.name", "s")
		attrs.PutStr("host.name", fmt.Sprint("h", i))
	}
}

// when is the time of a point and its start.
func (g *senders) when(p interface {
	SetTimestamp(pcommon.Timestamp)
	SetStartTimestamp(pcommon.Timestamp)
},
) int64 {
	at := g.at
	switch g.IntN(24) {
	case 0:
		at = at.Add(-time.Duration(g.IntN(100)) * 10 * time.Second) // A late one, or one that was sent already.
	case 1:
		at = at.Add(-5 * time.Hour)
	case 2:
		at = at.Add(time.Duration(g.IntN(5)) * time.Millisecond)
	}
	p.SetTimestamp(pcommon.NewTimestampFromTime(at))
	if g.one(2) {
		p.SetStartTimestamp(pcommon.NewTimestampFromTime(at.Truncate(10 * time.Minute).Add(-time.Duration(g.IntN(2)) * time.Minute)))
	}
	return at.Unix() % 1000
}

func (g *senders) exemplar(es pmetric.ExemplarSlice, v float64) {
	if g.one(40) {
		e := es.AppendEmpty()
		e.SetDoubleValue(v)
		e.SetTimestamp(pcommon.NewTimestampFromTime(g.at))
		e.SetTraceID(pcommon.TraceID{1, byte(g.IntN(256))})
	}
}

func (g *senders) numbers(ps pmetric.NumberDataPointSlice) {
	for i := range g.IntN(5) {
		p := ps.AppendEmpty()
		n := g.when(p)
		p.Attributes().PutInt("i", int64(i))
		if g.one(3) {
			p.Attributes().PutStr("le", "x")
		}
		switch g.IntN(60) {
		case 0:
			p.SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
		case 1: // Without a value.
		case 2:
			p.SetIntValue(n)
			p.SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
		case 3:
			p.SetDoubleValue(math.Float64frombits(value.StaleNaN))
		default:
			if i == 0 {
				p.SetIntValue(n)
			} else {
				p.SetDoubleValue(float64(n))
			}
		}
		g.exemplar(p.Exemplars(), float64(n))
		if g.one(20) { // The same once more, or something that contradicts it.
			again := ps.AppendEmpty()
			p.CopyTo(again)
			if g.one(2) {
				again.SetDoubleValue(-1)
			}
		}
	}
}

func (g *senders) histograms(ps pmetric.HistogramDataPointSlice) {
	for i := range 1 + g.IntN(3) {
		p := ps.AppendEmpty()
		n := uint64(g.when(p))
		p.Attributes().PutInt("i", int64(i))
		p.SetCount(2 * n)
		p.BucketCounts().FromRaw([]uint64{n, 0, n})
		p.ExplicitBounds().FromRaw([]float64{1, 2.5})
		switch g.IntN(30) {
		case 0:
			p.BucketCounts().FromRaw(nil)
			p.ExplicitBounds().FromRaw(nil)
		case 1:
			p.ExplicitBounds().FromRaw([]float64{1, 5})
		case 2:
			p.SetCount(1)
		case 3:
			p.BucketCounts().FromRaw([]uint64{2 * n})
			p.ExplicitBounds().FromRaw(nil)
		case 4:
			p.SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
		}
		if g.one(2) {
			p.SetSum(float64(n))
			p.SetMin(0)
			p.SetMax(9)
		}
		g.exemplar(p.Exemplars(), 2)
	}
}

func (g *senders) metric(kind int, m pmetric.Metric) {
	m.SetName(fmt.Sprintf("requests.%d", kind))
	m.SetUnit([]string{"s", "By", ""}[kind%3])
	m.SetDescription([]string{"", "Help.", "Other help."}[g.IntN(20)/9])
	temporality := pmetric.AggregationTemporalityCumulative
	if g.one(30) {
		temporality = pmetric.AggregationTemporalityDelta
	}
	switch kind {
	case 0:
		m.SetName("订单.数")
		g.numbers(m.SetEmptyGauge().DataPoints())
	case 1:
		g.numbers(m.SetEmptyGauge().DataPoints())
	case 2, 3:
		s := m.SetEmptySum()
		s.SetIsMonotonic(kind == 2)
		s.SetAggregationTemporality(temporality)
		g.numbers(s.DataPoints())
	case 4, 5:
		h := m.SetEmptyHistogram()
		h.SetAggregationTemporality(temporality)
		g.histograms(h.DataPoints())
	case 6:
		p := m.SetEmptySummary().DataPoints().AppendEmpty()
		p.SetCount(uint64(g.when(p)))
		p.QuantileValues().AppendEmpty().SetQuantile(0.5)
	case 7:
		e := m.SetEmptyExponentialHistogram()
		e.SetAggregationTemporality(temporality)
		p := e.DataPoints().AppendEmpty()
		p.SetCount(1)
		p.SetZeroCount(1)
		g.when(p)
	}
}

func (g *senders) request() pmetric.Metrics {
	md := pmetric.NewMetrics()
	for _, i := range g.Perm(7)[:1+g.IntN(3)] {
		rm := md.ResourceMetrics().AppendEmpty()
		g.resource(i, rm.Resource().Attributes())
		for j := range 1 + g.IntN(2) {
			sm := rm.ScopeMetrics().AppendEmpty()
			if j > 0 {
				sm.Scope().SetName("lib")
				sm.SetSchemaUrl("https://example.org/1")
			}
			for _, kind := range g.Perm(8)[:g.IntN(8)] {
				g.metric(kind, sm.Metrics().AppendEmpty())
			}
		}
	}
	return md
}

// TestKnownSeries: what is known by its bytes makes the same samples, exemplars, metadata and counts as the translation of every request anew.
func TestKnownSeries(t *testing.T) {
	seeds := seedtest.Seeds(t, 2, 20)
	for _, seed := range seeds {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			with, without := newTranslated(t, metrics.DefaultConfig(), newOTLP), newTranslated(t, metrics.DefaultConfig(), newOTLP)
			g := &senders{Rand: rand.New(rand.NewPCG(seed, 2)), at: time.Now().Add(-4 * time.Hour).Truncate(time.Second)}
			known, points := 0, 0
			for range 400 {
				g.at = g.at.Add(10 * time.Second)
				m := bus.Message{Record: toRecord(t, g.request())}
				without.translator.cache = seriescache.New[series](5 * time.Minute)
				wantItems, wantRejected := without.append(t, m)
				items, rejected := with.append(t, m)
				require.Equal(t, wantItems, items)
				require.Equal(t, wantRejected, rejected)
				known += with.translator.cache.Split(m.Value, time.Now()).Points
				points += items
			}
			require.Greater(t, known, points/3, "of %d points", points)
			want, got := without.content(t), with.content(t)
			require.ElementsMatch(t, slices.Collect(maps.Keys(want)), slices.Collect(maps.Keys(got)))
			for name := range want {
				if strings.Contains(name, targetInfo) { // It spans the points of a resource that are translated together.
					require.Equal(t, want[name][0], got[name][0], name)
					require.Equal(t, want[name][len(want[name])-1], got[name][len(got[name])-1], name)
					continue
				}
				require.Equal(t, want[name], got[name], name)
			}
			require.Equal(t, without.exemplars(t), with.exemplars(t))
			require.ElementsMatch(t, without.metadata.ListMetadata(), with.metadata.ListMetadata())
		})
	}
}

// TestKnownSeriesForgottenByTheStore: the head drops a series without samples; its reference means nothing then, and must not make a series
// where no new one is taken.
func TestKnownSeriesForgottenByTheStore(t *testing.T) {
	for _, full := range []bool{false, true} {
		t.Run(strconv.FormatBool(full), func(t *testing.T) {
			cfg := metrics.DefaultConfig()
			if full {
				cfg.MaxSeries = 2
			}
			tr := newTranslated(t, cfg, newOTLP)
			store := tr.store
			send := func(name string, at time.Time) map[string]int64 {
				md := pmetric.NewMetrics()
				m := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
				m.SetName(name)
				p := m.SetEmptyGauge().DataPoints().AppendEmpty()
				p.SetTimestamp(pcommon.NewTimestampFromTime(at))
				p.SetIntValue(1)
				_, rejected := tr.append(t, bus.Message{Record: toRecord(t, md)})
				return rejected
			}
			now := time.Now()
			require.Empty(t, send("old", now.Add(-7*time.Hour)))
			require.Empty(t, send("old", now.Add(-7*time.Hour+time.Second)))
			require.Empty(t, send("new", now))
			require.NoError(t, store.DB().Compact(t.Context()))
			require.EqualValues(t, 1, store.DB().Head().NumSeries(), "the head has dropped the old one")
			if full {
				require.Empty(t, send("another", now))
				require.Equal(t, map[string]int64{"series_limit": 1}, send("old", now))
				return
			}
			require.Empty(t, send("old", now))
			require.Len(t, instant(t, store, "old", now), 1)
		})
	}
}

// TestUndecodableBesideKnown: a request that cannot be decoded is refused whole, also where it begins with what is known.
func TestUndecodableBesideKnown(t *testing.T) {
	tr := newTranslated(t, metrics.DefaultConfig(), newOTLP)
	rec := record(t, time.Now(), source{})
	for range 2 {
		_, rejected := tr.append(t, bus.Message{Record: rec})
		require.Empty(t, rejected)
	}
	require.Equal(t, 1, tr.translator.cache.Split(rec.Value, time.Now()).Points)
	for _, more := range []string{"\x0a\x02\x12\xff", "\x0a\x06\x12\x04\x12\x02\x2a\xff", "\x0a\x04\x0a\x02\x0a\xff", "\xff"} {
		bad := rec
		bad.Value = append(slices.Clone(rec.Value), more...)
		items, rejected := tr.append(t, bus.Message{Record: bad})
		require.Zero(t, items)
		require.Equal(t, map[string]int64{"undecodable": 1}, rejected, "%q", more)
	}
}

// TestKnownSeriesWaitsForRoom: an error that may pass ends the message, and the same samples are appended by the next attempt.
func TestKnownSeriesWaitsForRoom(t *testing.T) {
	tr := newTranslated(t, metrics.DefaultConfig(), newOTLP)
	now := time.Now()
	tr.append(t, bus.Message{Record: record(t, now, source{})})
	later := bus.Message{Record: record(t, now.Add(time.Second), source{})}
	_, _, err := tr.translator.Append(t.Context(), failing{seriesProbe: &seriesProbe{}, err: storage.ErrUnavailable}, later)
	require.ErrorIs(t, err, storage.ErrUnavailable)
	_, rejected := tr.append(t, later)
	require.Empty(t, rejected)
	require.InDelta(t, 2, instant(t, tr.store, "count_over_time(m[1m])", now.Add(time.Second))[0].F, 0)
}

// failing takes no sample.
type failing struct {
	*seriesProbe
	err error
}

// Append implements promstorage.AppenderV2.
func (f failing) Append(promstorage.SeriesRef, labels.Labels, int64, int64, float64, *histogram.Histogram, *histogram.FloatHistogram, promstorage.AOptions) (promstorage.SeriesRef, error) {
	return 0, f.err
}
