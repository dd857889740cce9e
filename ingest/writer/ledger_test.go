// SPDX-License-Identifier: Apache-2.0

package writer

import (
	"bytes"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"

	"github.com/strata-apm/strata/ingest/intake"
	"github.com/strata-apm/strata/ingest/otlp"
	"github.com/strata-apm/strata/internal/ledger"
	"github.com/strata-apm/strata/internal/testutil/seedtest"
	"github.com/strata-apm/strata/signal"
	"github.com/strata-apm/strata/storage/metrics"
)

// sent is a data point as it was sent, and how to tell that it can be read.
type sent struct {
	id   string
	at   int64
	read func(tsdbContent) bool
}

// tsdbContent is everything that can be read: by the label id and the time, the values of each part. The parts of a point are its series.
type tsdbContent map[string]map[int64][]sampleRead

type sampleRead struct {
	le, quantile string
	v            float64
	h            *histogram.FloatHistogram
}

func readAll(t *testing.T, store *metrics.Store) tsdbContent {
	t.Helper()
	q, err := store.Querier(0, time.Now().Add(time.Hour).UnixMilli())
	require.NoError(t, err)
	defer func() { require.NoError(t, q.Close()) }()
	out := tsdbContent{}
	set := q.Select(t.Context(), false, nil, labels.MustNewMatcher(labels.MatchNotEqual, "id", ""))
	for set.Next() {
		ls := set.At().Labels()
		id := ls.Get("id")
		if out[id] == nil {
			out[id] = map[int64][]sampleRead{}
		}
		for it := set.At().Iterator(nil); ; {
			kind := it.Next()
			if kind == chunkenc.ValNone {
				break
			}
			s := sampleRead{le: ls.Get("le"), quantile: ls.Get("quantile")}
			at := it.AtT()
			if kind == chunkenc.ValFloat {
				_, s.v = it.At()
			} else {
				_, s.h = it.AtFloatHistogram(nil)
			}
			out[id][at] = append(out[id][at], s)
		}
	}
	require.NoError(t, set.Err())
	return out
}

// generator makes requests of points of every kind, good and bad. Every point has a label of its own, but for those that repeat an earlier point with the same or another
// value.
type generator struct {
	*rand.Rand
	now  time.Time
	n    int
	sent []sent
	// repeats makes some points have the label and time of an earlier one.
	repeats bool
}

func (g *generator) one(of int) bool { return g.IntN(of) == 0 }

// stamp sets the time, and the label by which the point is found.
func (g *generator) stamp(attrs pcommon.Map, set func(pcommon.Timestamp)) (id string, at int64) {
	when := g.now.Add(-time.Duration(g.IntN(60)) * time.Second)
	switch g.IntN(25) {
	case 0:
		when = g.now.Add(-10 * time.Hour)
	case 1:
		when = g.now.Add(time.Hour)
	case 2:
		when = time.Unix(0, 0)
	}
	g.n++
	id = strconv.Itoa(g.n)
	if g.repeats && g.one(12) && len(g.sent) > 0 {
		before := g.sent[g.IntN(len(g.sent))]
		id, when = before.id, time.UnixMilli(before.at)
	}
	attrs.PutStr("id", id)
	switch g.IntN(12) {
	case 0:
		attrs.PutStr("", "no name")
	case 1:
		attrs.PutStr("地区", "华东")
	case 2:
		for i := range 200 {
			attrs.PutStr("many"+strconv.Itoa(i), "x")
		}
	}
	set(pcommon.NewTimestampFromTime(when))
	return id, when.UnixMilli()
}

func (g *generator) number(p pmetric.NumberDataPoint) {
	id, at := g.stamp(p.Attributes(), p.SetTimestamp)
	p.SetStartTimestamp(pcommon.NewTimestampFromTime(g.now.Add(-time.Duration(g.IntN(120)) * time.Second)))
	want := float64(g.IntN(5))
	switch g.IntN(8) {
	case 0:
		g.note(id, at, func(tsdbContent) bool { return false }) // It has no value.
		return
	case 1:
		p.SetFlags(p.Flags().WithNoRecordedValue(true))
		want = math.Float64frombits(value.StaleNaN)
	case 2:
		p.SetIntValue(int64(want))
	default:
		p.SetDoubleValue(want)
	}
	if g.one(4) {
		p.Exemplars().AppendEmpty()
	}
	g.note(id, at, func(c tsdbContent) bool {
		return slices.ContainsFunc(c[id][at], func(s sampleRead) bool { return s.h == nil && math.Float64bits(s.v) == math.Float64bits(want) })
	})
}

func (g *generator) note(id string, at int64, read func(tsdbContent) bool) {
	g.sent = append(g.sent, sent{id, at, read})
}

func (g *generator) histogram(p pmetric.HistogramDataPoint) {
	id, at := g.stamp(p.Attributes(), p.SetTimestamp)
	a, b := uint64(g.IntN(3)), uint64(g.IntN(3))
	p.SetCount(a + b)
	p.BucketCounts().FromRaw([]uint64{a, b})
	p.ExplicitBounds().FromRaw([]float64{1})
	p.SetSum(float64(a))
	switch g.IntN(8) {
	case 0:
		p.SetCount(99)
	case 1:
		p.ExplicitBounds().FromRaw([]float64{1, 2, 3})
	}
	count := float64(p.Count())
	g.note(id, at, func(c tsdbContent) bool {
		has := func(le string, v float64) bool {
			return slices.ContainsFunc(c[id][at], func(s sampleRead) bool { return s.le == le && s.h == nil && s.v == v })
		}
		return has("1", float64(a)) && has("+Inf", count) && has("", count) && has("", float64(a))
	})
}

func (g *generator) exponential(p pmetric.ExponentialHistogramDataPoint) {
	id, at := g.stamp(p.Attributes(), p.SetTimestamp)
	n := uint64(1 + g.IntN(3))
	p.SetCount(n + 1)
	p.SetZeroCount(1)
	p.SetScale(int32(g.IntN(30) - 8))
	p.Positive().SetOffset(int32(g.IntN(9) - 4))
	p.Positive().BucketCounts().FromRaw([]uint64{n})
	if g.one(3) {
		p.SetZeroThreshold(0.25)
	}
	if g.one(10) {
		p.SetZeroThreshold(-1)
	}
	threshold := p.ZeroThreshold()
	g.note(id, at, func(c tsdbContent) bool {
		return slices.ContainsFunc(c[id][at], func(s sampleRead) bool {
			return s.h != nil && s.h.Count == float64(n+1) && s.h.ZeroCount == 1 && (threshold == 0 || s.h.ZeroThreshold == threshold)
		})
	})
}

func (g *generator) summary(p pmetric.SummaryDataPoint) {
	id, at := g.stamp(p.Attributes(), p.SetTimestamp)
	v := float64(g.IntN(3))
	p.SetCount(7)
	p.SetSum(v)
	q := p.QuantileValues().AppendEmpty()
	q.SetQuantile(0.5)
	q.SetValue(v)
	g.note(id, at, func(c tsdbContent) bool {
		return slices.ContainsFunc(c[id][at], func(s sampleRead) bool { return s.quantile == "0.5" && s.v == v }) &&
			slices.ContainsFunc(c[id][at], func(s sampleRead) bool { return s.quantile == "" && s.v == 7 })
	})
}

// metric fills one metric with some points of one kind. Names belong to a kind, because one series is not two kinds.
func (g *generator) metric(m pmetric.Metric) {
	names := []string{"plain", "with.dots", "订单数量", "shop.订单", "Ünïcode"}
	kind := g.IntN(6)
	m.SetName(fmt.Sprintf("%s_%d", names[g.IntN(len(names))], kind))
	if g.one(15) {
		m.SetName("")
	}
	m.SetUnit([]string{"", "s", "{request}"}[g.IntN(3)])
	temporality := pmetric.AggregationTemporalityCumulative
	if g.one(12) {
		temporality = pmetric.AggregationTemporalityDelta
	}
	if kind == 5 { // Without data it counts as one point that is refused.
		g.note("none", 0, func(tsdbContent) bool { return false })
		return
	}
	for range 1 + g.IntN(4) {
		switch kind {
		case 0:
			if m.Type() == pmetric.MetricTypeEmpty {
				m.SetEmptyGauge()
			}
			g.number(m.Gauge().DataPoints().AppendEmpty())
		case 1:
			if m.Type() == pmetric.MetricTypeEmpty {
				m.SetEmptySum().SetIsMonotonic(true)
				m.Sum().SetAggregationTemporality(temporality)
			}
			g.number(m.Sum().DataPoints().AppendEmpty())
		case 2:
			if m.Type() == pmetric.MetricTypeEmpty {
				m.SetEmptyHistogram().SetAggregationTemporality(temporality)
			}
			g.histogram(m.Histogram().DataPoints().AppendEmpty())
		case 3:
			if m.Type() == pmetric.MetricTypeEmpty {
				m.SetEmptyExponentialHistogram().SetAggregationTemporality(temporality)
			}
			g.exponential(m.ExponentialHistogram().DataPoints().AppendEmpty())
		default:
			if m.Type() == pmetric.MetricTypeEmpty {
				m.SetEmptySummary()
			}
			g.summary(m.Summary().DataPoints().AppendEmpty())
		}
	}
}

func (g *generator) request() pmetric.Metrics {
	md := pmetric.NewMetrics()
	for range 1 + g.IntN(3) {
		rm := md.ResourceMetrics().AppendEmpty()
		rm.Resource().Attributes().PutStr("service.name", "svc")
		rm.Resource().Attributes().PutStr("service.instance.id", "1")
		sm := rm.ScopeMetrics().AppendEmpty()
		for range 1 + g.IntN(4) {
			g.metric(sm.Metrics().AppendEmpty())
		}
	}
	return md
}

// TestLedgerCallsStoredOnlyWhatCanBeRead sends generated requests by the gateway, the bus and the writer into a tsdb, and compares the ledger with what is there.
func TestLedgerCallsStoredOnlyWhatCanBeRead(t *testing.T) {
	for _, seed := range seedtest.Seeds(t, 4, 100) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			f := newFixture(t, t.TempDir())
			store, err := metrics.Open(filepath.Join(f.dir, "metrics"), metrics.DefaultConfig(), slog.New(slog.DiscardHandler), prometheus.NewRegistry())
			require.NoError(t, err)
			t.Cleanup(func() { _ = store.Close() })
			cfg := intake.DefaultConfig()
			cfg.InFlightBytes = cfg.MaxBodyBytes
			gateway := otlp.NewReceiver(intake.New(intake.Options{Config: cfg, Producer: f.bus, Ledger: f.ledger})).Handler()
			g := &generator{Rand: rand.New(rand.NewPCG(seed, 9)), now: time.Now().Truncate(time.Second), repeats: seed%2 == 1}
			for range 60 {
				body, err := pmetricotlp.NewExportRequestFromMetrics(g.request()).MarshalProto()
				require.NoError(t, err)
				r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/metrics", bytes.NewReader(body))
				r.Header.Set("Content-Type", "application/x-protobuf")
				w := httptest.NewRecorder()
				gateway.ServeHTTP(w, r)
				require.Equal(t, http.StatusOK, w.Code, w.Body)
			}
			next := f.bus.Stats()[1].Next
			w := NewSamples(f.options(signal.Metrics.Topic()), oneTenant(store, metrics.NewMetadata()), func(md MetadataSink) Translator {
				return NewOTLPTranslator(md, DefaultTranslation().WithLookback(5*time.Minute))
			})
			f.run(t, signal.Metrics.Topic(), w.Handle, func() bool { return f.bus.Stats()[1].Committed == next })

			there, readable := readAll(t, store), int64(0)
			for _, s := range g.sent {
				if s.read(there) {
					readable++
				}
			}
			tot := f.ledger.Totals()[signal.Metrics]
			require.Equal(t, int64(len(g.sent)), tot.Received)
			require.Equal(t, tot.Received, tot.Stored+ledger.Sum(tot.Refused)+ledger.Sum(tot.Rejected), "%+v", tot)
			if g.repeats { // A point that was refused is read all the same where another said the same.
				require.LessOrEqual(t, tot.Stored, readable, "%+v", tot)
			} else {
				require.Equal(t, readable, tot.Stored, "%+v", tot)
			}
			require.Greater(t, readable, int64(100))
		})
	}
}
